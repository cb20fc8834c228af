//! What needs more than one module: the import over a whole tree of public content, and runs against a store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod crashes;
mod house;
mod public_content;
mod resources;
mod runs;
