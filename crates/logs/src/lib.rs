//! The log store: tables of every workspace, durable before they are acknowledged, queryable at once, kept in
//! segments that any Parquet reader can open.

mod batch_ids;
mod budget;
mod catalogue;
mod codec;
mod columns;
mod compact;
mod complete;
mod core;
pub mod disk;
mod error;
mod gather;
pub mod hostile;
mod manage;
mod memory;
mod options;
pub mod parquet_file;
mod query;
mod recover;
mod rewrite;
mod scan;
mod schema;
mod seal;
mod segment;
mod store;
mod synthetic;
mod table;
mod tasks;
mod wal;

pub use error::Error;
pub use options::{Limits, Options};
pub use store::LogStore;
pub use table::Damage;
