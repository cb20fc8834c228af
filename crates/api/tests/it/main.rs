//! The doors from outside: every family in Azure's shapes, rights as a picture, limits, hostile input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(unreachable_pub)] // modules of one test binary

mod asked;
mod authorization;
mod certificates;
mod consent;
mod entra;
mod graph;
mod graph_lists;
mod hostile;
mod house;
mod ingestion;
mod key_vault;
mod kusto;
mod limits;
mod log_analytics;
mod machine;
mod operations;
mod overtaken;
mod passkeys;
mod registered;
mod registered_tokens;
mod resource_manager;
mod scopes;
mod sign_in;
#[path = "../../../identity/src/webauthn/software.rs"]
mod software;
mod vault_house;
mod vault_resources;
mod vault_rights;
mod withdrawn;
