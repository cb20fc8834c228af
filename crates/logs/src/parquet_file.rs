//! Parquet files of others: read into rows of KQL's types, and rows written so that any Parquet reader can open them.
//! (Segments, which carry more, are read and written in `segment`.)

mod caught;
mod read;
mod write;

pub(crate) use caught::caught;
pub use read::read;
pub use write::write;

#[cfg(test)]
mod tests;
