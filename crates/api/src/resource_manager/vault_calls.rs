//! Calls about one vault as a resource are in its audit log too, under Azure's names: `VaultGet`, `VaultPut`, ... Like
//! those of its data plane: a change is there before it is made, and nothing is answered without its row.

use std::sync::Arc;
use std::time::Instant;

use arm::{Target, Verb};
use axum::response::Response;
use model::ResourceId;
use serde_json::Value;
use vault::AuditRecord;

use super::{Asked, act};
use crate::wire::error::ApiError;
use crate::{Doors, Incoming};

const VAULTS: &str = "microsoft.keyvault/vaults";
const POLICIES: &str = "microsoft.keyvault/vaults/accesspolicies";
const DELETED: &str = "microsoft.keyvault/locations/deletedvaults";
const PURGE: &str = "microsoft.keyvault/locations/deletedvaults/purge";

/// A call about a vault.
pub(super) struct VaultCall {
    started: Instant,
    record: AuditRecord,
}

impl VaultCall {
    /// None for other resources, lists, and other subscriptions: these are of no vault.
    pub(super) fn of(doors: &Doors, incoming: &Incoming, asked: &Asked) -> Option<Self> {
        let (operation, resource) = operation(&asked.target, asked.verb)?;
        // vaults of other subscriptions are none of this house: the audit log is of its own
        let own = arm::subscription_id(&**doors.arm.store()).ok();
        let named = ResourceId::new(&resource);
        let is_here =
            |own: String| named.subscription().is_some_and(|s| s.eq_ignore_ascii_case(&own));
        if !own.is_none_or(is_here) {
            return None;
        }
        let caller = &asked.caller;
        let record = AuditRecord {
            time: doors.clock.now(),
            resource: resource.into(),
            operation: operation.into(),
            status: 0,
            description: String::new(),
            duration_ms: 0,
            source: incoming.source.to_string(),
            correlation_id: incoming.request_id.clone(),
            object_id: Arc::clone(&caller.object_id),
            app_id: Arc::clone(&caller.app_id),
            user_name: caller.user_name.clone().unwrap_or_default(),
            uri: format!("{}{}", incoming.origin, incoming.target),
            id: String::new(),
            agent: incoming.header("user-agent").unwrap_or_default().to_owned(),
            api_version: asked.api_version.clone(),
        };
        Some(Self { started: Instant::now(), record: record.bounded() })
    }

    /// Writes how a call ended that changed nothing.
    pub(super) fn told<'d>(
        self,
        doors: &'d Doors,
        answered: &Result<Response, ApiError>,
    ) -> impl Future<Output = Result<(), ApiError>> + Send + use<'d> {
        let record = self.ended(answered); // an answer is not for two threads at once
        async move { doors.vault_audit.write(record).await.map_err(|e| unwritten(&e)) }
    }

    /// Carries out a change that is allowed.
    pub(super) async fn change(
        mut self,
        doors: &Arc<Doors>,
        incoming: Incoming,
        asked: Asked,
        body: Value,
    ) -> Result<Response, ApiError> {
        let mode = body["properties"]["createMode"].as_str().unwrap_or_default();
        if mode.eq_ignore_ascii_case("recover") {
            self.record.operation = "VaultRecover".into();
        }
        let audit = &doors.vault_audit;
        let under_way = audit.begin(self.record.clone()).await.map_err(|e| unwritten(&e))?;
        let answered = act(doors, incoming, asked, body, None).await;
        let record = self.ended(&answered);
        audit.end(under_way, record).await.map_err(|e| unwritten(&e))?;
        answered
    }

    fn ended(self, answered: &Result<Response, ApiError>) -> AuditRecord {
        let (status, description) = match answered {
            Ok(response) => (response.status().as_u16(), String::new()),
            Err(error) => {
                let text = |name: &str| error.body["error"][name].as_str().unwrap_or_default();
                (error.status, format!("{}: {}", text("code"), text("message")))
            }
        };
        let duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        AuditRecord { status, description, duration_ms, ..self.record }.bounded()
    }
}

fn unwritten(error: &vault::VaultError) -> ApiError {
    ApiError::new(error.status, error.code, error.message.clone())
}

/// What is done, and to which vault.
fn operation(target: &Target, verb: Verb) -> Option<(&'static str, String)> {
    let (place, type_name) = match target {
        Target::Resource(place) => (place, &place.type_name),
        Target::Collection { scope, type_name } => (scope, type_name),
        Target::Namespaces { .. } => return None,
    };
    let is_resource = matches!(target, Target::Resource(_));
    let reads = matches!(verb, Verb::Get | Verb::Head);
    match type_name.to_ascii_lowercase().as_str() {
        VAULTS if is_resource => {
            let operation = match verb {
                Verb::Get | Verb::Head => "VaultGet",
                Verb::Put => "VaultPut",
                Verb::Patch => "VaultPatch",
                Verb::Delete => "VaultDelete",
                Verb::Post => return None,
            };
            Some((operation, place.id.to_string()))
        }
        POLICIES if is_resource => {
            place.parent.as_ref().map(|vault| ("VaultPatch", vault.id.to_string()))
        }
        DELETED if is_resource && reads => Some(("VaultGetDeleted", place.id.to_string())),
        PURGE if verb == Verb::Post => Some(("VaultPurge", place.id.to_string())),
        _ => None,
    }
}
