//! Bytes from the outside to rows: JSON, CSV, CEF, syslog, Windows event logs, the journal, plain text.
//!
//! Pure functions: no sockets, no clock, no async. Whatever the bytes are, nothing here panics and nothing is lost
//! without a word: each record or cell that could not be kept as it came is a [`Problem`] beside the rows.
//!
//! | to read | call |
//! |---|---|
//! | a file of any kind | [`read_file`] |
//! | a request body of a table whose columns are known | [`json::read`], [`csv::read`] |
//! | JSON or CSV without a schema | [`json::infer`], [`csv::infer`] |
//! | lines from a socket or a log file | [`LogLines`] |
//! | frames of a TCP syslog stream | [`syslog::next_frame`] |
//! | a gzip body | [`gunzip`] |

mod builtin;
pub mod cef;
mod cell;
pub mod csv;
mod detect;
mod error;
pub mod evtx;
mod file;
mod gzip;
mod infer;
pub mod journal;
pub mod json;
mod lines;
mod names;
mod problem;
mod sink;
pub mod syslog;
mod text;

pub use builtin::schema as builtin_schema;
pub use detect::{Format, detect, table_name};
pub use error::CollectError;
pub use file::{FileRows, Part, ReadOptions, read_file};
pub use gzip::gunzip;
pub use lines::{LogLines, Received};
pub use names::is_reserved;
pub use problem::{Problem, ProblemCode, Problems};
pub use sink::{Collected, Columns};
pub use text::{Decoded, decode};
