//! One suite over every store, and what only files have: reopening, kills, old formats.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod files;
mod model_test;
mod suite;
