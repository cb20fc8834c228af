//! The task behind the vaults' certificates: begins renewals, carries on with what is under way, asks ACME servers, pushes
//! new versions to where they are wanted. What came of it is recorded in the audit log.

mod acme_client;
mod deploy;
mod hook;

use std::sync::Arc;
use std::time::Instant;

use vault::{AuthorityPlaces, Renewal, Step, Vault};

use super::House;
use super::deeds::{self, Deed};

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
    deeds::tell(&house, deeds.await?).await
}

fn deed(
    vault: &Arc<Vault>,
    operation: &'static str,
    name: &str,
    failure: Option<String>,
    started: Instant,
) -> Deed {
    Deed::new(vault, operation, format!("certificates/{name}"), failure, started)
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
