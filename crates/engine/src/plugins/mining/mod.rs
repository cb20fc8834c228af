//! Patterns among the rows of a table: `basket`, `autocluster`, `diffpatterns`.
//!
//! A pattern fixes the values of some columns and leaves the others open. Rows that are equal count once, with a weight.

mod autocluster;
mod basket;
mod diffpatterns;
mod diffpatterns_text;
mod patterns;

pub(super) use autocluster::run as autocluster;
pub(super) use basket::run as basket;
pub(super) use diffpatterns::run as diffpatterns;
pub(super) use diffpatterns_text::run as diffpatterns_text;
