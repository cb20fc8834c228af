//! ACME (RFC 8555), both sides, as values and transitions: messages are verified and made here, orders and authorizations
//! move from state to state; who stores them, listens and waits is elsewhere.

mod client;
mod jwk;
mod jws;
mod nonce;
mod objects;
mod problem;
pub mod txt;

pub use client::{Challenged, Client, ClientError, HttpRequest, HttpResponse, Wish};
pub use jwk::{Jwk, Signing};
pub use jws::{Jws, KeyReference, external_binding, sign};
pub use nonce::Nonces;
pub use objects::{
    Account, AccountStatus, Authorization, AuthorizationStatus, Challenge, ChallengeKind,
    ChallengeStatus, Identifier, Order, OrderStatus, check_request, dns_record, key_authorization,
};
pub use problem::{Problem, ProblemKind};

#[cfg(test)]
mod tests;
