//! Azure resources: one life cycle, many types.
//!
//! Every resource is a JSON document in [`state::Store`], in a collection named by its type in lower case, under its id
//! in lower case. [`Arm`] carries out PUT, PATCH, GET, DELETE, list and actions on them: it reads the path, looks the
//! type up in a table, finds the parent, judges etags, lets the type check the value, stores it in one transaction and
//! shapes the answer. What differs between types is in their [`ResourceType`] entry:
//!
//! ```ignore
//! pub const TYPES: &[ResourceType] = &[
//!     ResourceType::new("Microsoft.SecurityInsights/alertRules")
//!         .scopes(&[Scope::On("Microsoft.OperationalInsights/workspaces")])
//!         .api_versions(&["2025-10-01-preview", "2021-10-01"])
//!         .etag(Etag::Checked)
//!         .invalid_code("BadRequest")
//!         .check(check_alert_rule),
//!     ResourceType::new("Microsoft.SecurityInsights/incidents/comments"), // a child: lives in its incident
//! ];
//!
//! fn check_alert_rule(rule: &mut PutContext<'_>) -> Result<(), ArmError> {
//!     rule.check_fields(&[
//!         Field::required("displayName", Kind::Text(256)),
//!         Field::required("severity", Kind::OneOf(&["High", "Medium", "Low", "Informational"])),
//!         Field::new("enabled", Kind::Bool).or(Default::Bool(true)),
//!         Field::read_only("lastModifiedUtc"),
//!     ])?;
//!     rule.set("lastModifiedUtc", rule.call.now.to_string());
//!     Ok(())
//! }
//! ```
//!
//! The binary puts the house together:
//!
//! ```ignore
//! let subscription = arm::subscription_id(&*store)?; // identity wants it on the first start
//! let arm = arm::builder(store, settings, tables) // this crate's types, providers, hooks and actions
//!     .types(sentinel::TYPES)
//!     .provider("Microsoft.SecurityInsights/alertRuleTemplates", Arc::new(templates))
//!     .hook("Microsoft.SecurityInsights/alertRules", Arc::new(rule_binder)) // async checks, told of changes
//!     .action("Microsoft.SecurityInsights/incidents", Verb::Post, "alerts", Arc::new(incident_alerts))
//!     .build()?;
//! let installation = arm::bootstrap(&arm, &BootstrapNames { tenant_id: Some(tenant), ..BootstrapNames::default() }, now).await?;
//! let answer = arm.answer(Verb::Put, call).await?; // or put, patch, get, delete, list one by one
//! ```
//!
//! Three ways to depart from the plain document: a [`Provider`] takes the place of the life cycle for types that are not
//! documents, a [`Hook`] follows a type's documents with state of its own, an [`Action`] answers at paths behind a
//! resource. Pillars that write documents themselves (incidents) use [`Arm::put`] with [`Call::system`], or the store
//! with [`ResourceType::collection`] and the id's key.
//!
//! Calls wait for the disk (one fsync per write): a server runs them where blocking is allowed.

mod bootstrap;
mod call;
mod context;
mod error;
mod fields;
mod filter;
mod json;
mod life_cycle;
mod names;
mod path;
mod registry;
mod resource_type;
mod types;

pub use bootstrap::{BootstrapNames, Installation, bootstrap, subscription_id};
pub use call::{Answer, Call, Caller, CallerKind, Page, Permits, Verb, Visible};
pub use context::PutContext;
pub use error::ArmError;
pub use fields::{Default, Field, Kind};
pub use json::lenient_json;
pub use life_cycle::{Arm, ArmBuilder, Settings, wire_etag};
pub use names::NameRule;
pub use path::{Place, RESOURCE_GROUPS, SUBSCRIPTIONS, TENANTS, Target};
pub use registry::{Action, Hook, Provider};
pub use resource_type::{DeleteAnswer, Etag, Index, Location, Patch, ResourceType, Scope};
pub use types::data_collection::{
    DataCollectionRule, DataFlow, StreamTarget, data_collection_rule_by_immutable_id,
};
pub use types::workspaces::{customer_id, shared_keys, workspace_by_customer_id};
pub use types::{TYPES, builder};
