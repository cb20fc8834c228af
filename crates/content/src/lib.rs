//! The files of the repository's `content/` folder, embedded and listed; no logic, so that adding a rule or a table is
//! adding text.

mod files;
mod functions;
mod tables;

pub use files::{files, text};
pub use functions::{Function, functions};
pub use tables::{Column, ColumnType, Table, Tables, tables};
