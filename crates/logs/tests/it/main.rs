//! The log store from outside: what is acknowledged is there, once, whatever happens in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod concurrency;
mod crash;
mod damage;
mod duplicates;
mod formats;
mod full_disk;
mod merging;
mod power;
mod query;
mod reading;
mod same_answers;
mod schema;
mod support;
