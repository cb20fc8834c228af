//! The task behind the vaults' certificates: begins renewals, carries on with what is under way, asks ACME servers, pushes
//! new versions to where they are wanted. What came of it is recorded in the audit log.

mod acme_client;
mod deploy;
mod hook;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use vault::{AuditRecord, AuthorityPlaces, Renewal, Step, Vault};

use super::House;

/// Something that the house did by itself, for the audit log.
struct Deed {
    vault: Arc<Vault>,
    operation: &'static str,
    name: String,
    failure: Option<String>,
    started: Instant,
}

/// One turn over all vaults. May run twice: what is done is not done again.
pub(super) async fn turn(house: Arc<House>) -> anyhow::Result<()> {
    if house.vaults.keyring().is_sealed() {
        return Ok(());
    }
    let working = Arc::clone(&house);
    let deeds = tokio::task::spawn_blocking(move || {
        let mut deeds = Vec::new();
        for vault in working.vaults.all() {
            renew(&working, &vault, &mut deeds);
            carry_on(&working, &vault, &mut deeds);
            deploy::push_all(&working, &vault, &mut deeds);
        }
        deeds
    });
    for deed in deeds.await? {
        house.vault_audit.write(record(&house, deed)).await.context("the audit log")?;
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
        id: format!("{origin}/certificates/{}", deed.name),
        agent: "vedette".to_owned(),
        api_version: String::new(),
    }
    .bounded()
}

fn deed(
    vault: &Arc<Vault>,
    operation: &'static str,
    name: &str,
    failure: Option<String>,
    started: Instant,
) -> Deed {
    let id = vault.id();
    match &failure {
        None => tracing::info!(vault = id, name, operation, "certificates"),
        Some(why) => tracing::warn!(vault = id, name, operation, why, "certificates"),
    }
    Deed { vault: Arc::clone(vault), operation, name: name.to_owned(), failure, started }
}

fn renew(house: &House, vault: &Arc<Vault>, deeds: &mut Vec<Deed>) {
    let started = Instant::now();
    for outcome in vault.renew_due(house.clock.now().unix_seconds()) {
        deeds.push(match outcome {
            Renewal::Begun(name) => deed(vault, "CertificateRenew", &name, None, started),
            Renewal::Failed(name, why) => {
                deed(vault, "CertificateRenew", &name, Some(why), started)
            }
            Renewal::Told(name, _) => {
                deed(vault, "CertificateNearExpiryEventGridNotification", &name, None, started)
            }
        });
    }
}

fn carry_on(house: &House, vault: &Arc<Vault>, deeds: &mut Vec<Deed>) {
    let places = AuthorityPlaces { origin: house.identity.urls().origin() };
    for name in vault.open_operations() {
        let started = Instant::now();
        let now = house.clock.now().unix_seconds();
        let step = match vault.advance_certificate(&name, &places, now) {
            Ok(Step::Waits(_)) => continue,
            Ok(Step::Over(pending)) => Ok(pending.error.map(|(_, message)| message)),
            Ok(Step::Acme(_)) => acme_client::obtain(house, vault, &name).and_then(|()| {
                Ok(vault.pending(&name).map_err(|e| e.to_string())?.error.map(|(_, m)| m))
            }),
            Err(error) => Err(error.to_string()),
        };
        let failure = step.unwrap_or_else(Some);
        deeds.push(deed(vault, "CertificateEnroll", &name, failure, started));
    }
}
