//! Files as people have them, read whole, and counted by other means than the reader's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod hostile;
mod samples;
