//! For tests only: a clock moved by hand, canned tables, temporary folders, golden files, small rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failing test panics

mod clock;
mod folder;
mod golden;
mod rows;
mod tables;

pub use clock::{ManualClock, time};
pub use folder::{TempFolder, shared_kit, temp_folder};
pub use golden::check_golden;
pub use rows::{Cell, rows, rows_text, schema};
pub use tables::CannedTables;
