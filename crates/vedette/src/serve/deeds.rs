//! What the house does by itself in a vault (renewals, rotations, deployments), told in the vault's audit log.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use vault::{AuditRecord, Vault};

use super::House;

/// Something that was done, or failed.
pub(super) struct Deed {
    vault: Arc<Vault>,
    operation: &'static str,
    object: String,
    failure: Option<String>,
    started: Instant,
}

impl Deed {
    /// About an object, `keys/name`.
    pub(super) fn new(
        vault: &Arc<Vault>,
        operation: &'static str,
        object: String,
        failure: Option<String>,
        started: Instant,
    ) -> Self {
        let id = vault.id();
        match &failure {
            None => tracing::info!(vault = id, object, operation, "done by itself"),
            Some(why) => tracing::warn!(vault = id, object, operation, why, "done by itself"),
        }
        Self { vault: Arc::clone(vault), operation, object, failure, started }
    }
}

/// Writes a row for each.
pub(super) async fn tell(house: &House, deeds: Vec<Deed>) -> anyhow::Result<()> {
    for deed in deeds {
        house.vault_audit.write(record(house, deed)).await.context("the audit log")?;
    }
    Ok(())
}

fn record(house: &House, deed: Deed) -> AuditRecord {
    let origin = house.identity.urls().vault_url(deed.vault.id());
    AuditRecord {
        time: house.clock.now(),
        resource: Arc::from(deed.vault.settings().resource.as_str()),
        operation: deed.operation.into(),
        status: if deed.failure.is_none() { 200 } else { 500 },
        description: deed.failure.unwrap_or_default(),
        duration_ms: u64::try_from(deed.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        source: "127.0.0.1".to_owned(),
        correlation_id: String::new(),
        object_id: "".into(),
        app_id: "".into(),
        user_name: "".into(),
        uri: String::new(),
        id: format!("{origin}/{}", deed.object),
        agent: "vedette".to_owned(),
        api_version: String::new(),
    }
    .bounded()
}
