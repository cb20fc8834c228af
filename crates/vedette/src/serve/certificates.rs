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

/// Certificates whose ACME server is to be asked.
type Waiting = Vec<(Arc<Vault>, String)>;

/// One turn over all vaults, as far as it goes here. May run twice: what is done is not done again.
pub(super) async fn turn(house: Arc<House>) -> anyhow::Result<()> {
    work(house, |house, deeds| {
        for vault in house.vaults.all() {
            renew(house, &vault, deeds);
            carry_on(house, &vault, deeds);
            deploy::push_all(house, &vault, false, deeds);
        }
    })
    .await
}

/// One turn of what waits for servers elsewhere: web hooks, then ACME servers. Their silence holds up nothing but this.
pub(super) async fn turn_elsewhere(house: Arc<House>) -> anyhow::Result<()> {
    work(house, |house, deeds| {
        let mut waiting = Waiting::new();
        for vault in house.vaults.all() {
            deploy::push_all(house, &vault, true, deeds);
            let asking = vault.acme_operations().into_iter();
            waiting.extend(asking.map(|name| (Arc::clone(&vault), name)));
        }
        for (vault, name) in waiting {
            let started = Instant::now();
            let asked = acme_client::obtain(house, &vault, &name).and_then(|()| {
                Ok(vault.pending(&name).map_err(|e| e.to_string())?.error.map(|(_, m)| m))
            });
            let failure = asked.unwrap_or_else(Some);
            deeds.push(deed(&vault, "CertificateEnroll", &name, failure, started));
        }
    })
    .await
}

/// Works where waiting is allowed, and records what came of it.
async fn work(house: Arc<House>, turn: fn(&House, &mut Vec<Deed>)) -> anyhow::Result<()> {
    if house.vaults.keyring().is_sealed() {
        return Ok(());
    }
    let working = Arc::clone(&house);
    let deeds = tokio::task::spawn_blocking(move || {
        let mut deeds = Vec::new();
        turn(&working, &mut deeds);
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

/// Completes what needs nobody elsewhere.
fn carry_on(house: &House, vault: &Arc<Vault>, deeds: &mut Vec<Deed>) {
    let places = AuthorityPlaces { origin: house.identity.urls().origin() };
    for name in vault.open_operations() {
        let started = Instant::now();
        let now = house.clock.now().unix_seconds();
        let failure = match vault.advance_certificate(&name, &places, now) {
            Ok(Step::Waits(_) | Step::Acme(_) | Step::Ended(_)) => continue,
            Ok(Step::Over(pending)) => pending.error.map(|(_, message)| message),
            Err(error) => Some(error.to_string()),
        };
        deeds.push(deed(vault, "CertificateEnroll", &name, failure, started));
    }
}
