//! The log store: tables of every workspace, durable before they are acknowledged, queryable at once, kept in
//! segments that any Parquet reader can open.

mod codec;
mod columns;
mod complete;
pub mod disk;
mod error;
mod gather;
mod memory;
mod segment;
mod synthetic;

pub use error::Error;
