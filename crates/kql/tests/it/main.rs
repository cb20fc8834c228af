//! The parser held against published queries, bad input and hostile input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod cases;
mod hostile;
mod kit;
mod oracle;
mod published;
