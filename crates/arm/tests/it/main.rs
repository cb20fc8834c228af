//! The house as its callers meet it: types, life cycle, races, first start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data_collection;
mod first_start;
mod hostile;
mod house;
mod invariants;
mod life_cycle;
mod listing;
mod pillars;
mod races;
mod saved_searches;
mod tables;
mod tags;
mod workspaces;
