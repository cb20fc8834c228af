//! Small summaries of large sets: distinct counts and percentiles. Aggregates fill them, functions read them.

pub(crate) mod digest;
mod hash;
mod histogram;
pub(crate) mod hll;

pub(crate) use digest::Digest;
pub(crate) use hash::{hash_bytes, hash_long};
pub(crate) use histogram::Histogram;
pub(crate) use hll::Hll;
