//! The Parquet library over bytes that may be anything: it takes some damaged pages for its own mistake and panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `work` gives; what a panic in it means for the file, where it panics.
///
/// What `work` held is not used again: a reader that panicked is dropped by its owner.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, &'static str> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| "its pages do not hold what they say")
}
