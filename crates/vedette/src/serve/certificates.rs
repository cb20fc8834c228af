//! The task behind the vaults' certificates: begins renewals, carries on with what is under way, tells what happened.

use std::sync::Arc;

use vault::{AuthorityPlaces, Renewal, Vault};

use super::House;

/// One turn over all vaults. May run twice: what is done is not done again.
pub(super) async fn turn(house: Arc<House>) -> anyhow::Result<()> {
    if house.vaults.keyring().is_sealed() {
        return Ok(());
    }
    tokio::task::spawn_blocking(move || {
        for vault in house.vaults.all() {
            renew(&house, &vault);
            carry_on(&house, &vault);
        }
    })
    .await?;
    Ok(())
}

fn renew(house: &House, vault: &Vault) {
    for outcome in vault.renew_due(house.clock.now().unix_seconds()) {
        let vault = vault.id();
        match outcome {
            Renewal::Begun(name) => tracing::info!(vault, name, "a certificate is renewed"),
            Renewal::Failed(name, why) => {
                tracing::warn!(vault, name, why, "a certificate could not be renewed");
            }
            Renewal::Told(name, ends) => {
                tracing::warn!(
                    vault,
                    name,
                    ends,
                    "a certificate ends soon and is not renewed here"
                );
            }
        }
    }
}

fn carry_on(house: &House, vault: &Vault) {
    let places = AuthorityPlaces { origin: house.identity.urls().origin() };
    for name in vault.open_operations() {
        let now = house.clock.now().unix_seconds();
        if let Err(error) = vault.advance_certificate(&name, &places, now) {
            tracing::warn!(vault = vault.id(), name, %error, "a certificate could not be made");
        }
    }
}
