//! CEF, the Common Event Format, to the columns of CommonSecurityLog.

mod keys;
mod parse;
mod rows;
#[cfg(test)]
mod tests;

pub use parse::{Event, parse};
pub(crate) use rows::{CefRows, TABLE};
