//! Deleted vaults: seen, and purged.

use std::sync::Arc;

use arm::{Action, Answer, Arm, ArmError, Call, Page, Place, Provider};
use async_trait::async_trait;
use model::DateTime;
use serde_json::{Value, json};

use crate::Vaults;
use crate::vaults::DeletedVault;

/// `.../deletedVaults` and `.../locations/{location}/deletedVaults/{name}`.
pub(super) struct DeletedVaults {
    vaults: Arc<Vaults>,
}

impl DeletedVaults {
    pub(super) fn new(vaults: Arc<Vaults>) -> Self {
        Self { vaults }
    }

    fn find(&self, place: &Place) -> Result<DeletedVault, ArmError> {
        let name = place.id.name();
        let none = || {
            let message = format!("The specified deleted vault '{name}' does not exist.");
            ArmError::new(404, "DeletedVaultNotFound", message)
        };
        self.vaults.deleted_vault(name)?.ok_or_else(none)
    }

    /// A deleted vault, under the location that it had.
    fn wire(arm: &Arm, vault: &DeletedVault) -> Value {
        let (resource, settings) = (vault.resource(), vault.settings());
        let own = vault.document.get("location").and_then(Value::as_str);
        let location = own.unwrap_or(&arm.settings().location);
        let subscription = resource.subscription().unwrap_or_default();
        let time = |at: i64| DateTime::from_unix_seconds(at).map(|t| t.to_string());
        json!({
            "id": format!("/subscriptions/{subscription}/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{}", settings.name),
            "name": settings.name,
            "type": "Microsoft.KeyVault/deletedVaults",
            "properties": {
                "vaultId": resource.as_str(),
                "location": location,
                "tags": vault.document.get("tags").cloned().unwrap_or_else(|| json!({})),
                "deletionDate": time(vault.deleted_at),
                "scheduledPurgeDate": time(vault.purge_at),
                "purgeProtectionEnabled": settings.purge_protection,
            },
        })
    }
}

#[async_trait]
impl Provider for DeletedVaults {
    async fn get(&self, arm: &Arm, _call: &Call, place: &Place) -> Result<Option<Value>, ArmError> {
        self.find(place).map(|vault| Some(Self::wire(arm, &vault)))
    }

    async fn list(&self, arm: &Arm, call: &Call, _scope: &Place) -> Result<Page, ArmError> {
        let all = self.vaults.deleted_vaults()?;
        let shown = all.iter().filter(|vault| call.shows(&vault.resource()));
        Page::cut(shown.map(|vault| Self::wire(arm, vault)).collect(), call, 500)
    }
}

#[async_trait]
impl Action for DeletedVaults {
    async fn run(&self, _arm: &Arm, _call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let (name, vault) = (place.id.name(), self.find(place)?);
        if vault.settings().purge_protection {
            return Err(ArmError::new(
                405,
                "MethodNotAllowed",
                format!(
                    "Operation 'DeletedVaultPurge' is not allowed. The vault '{name}' is protected from purge until its days of retention are over."
                ),
            ));
        }
        self.vaults.purge_vault(name)?;
        Ok(Answer::empty(200))
    }
}

/// Deleted managed HSMs: none.
pub(super) struct NoHsms;

#[async_trait]
impl Provider for NoHsms {
    async fn get(&self, _: &Arm, _: &Call, _: &Place) -> Result<Option<Value>, ArmError> {
        Ok(None)
    }

    async fn list(&self, _: &Arm, _: &Call, _: &Place) -> Result<Page, ArmError> {
        Ok(Page::whole(Vec::new()))
    }
}

/// Locations, whichever is asked for: vaults may have any, and a deleted one is found under each.
pub(super) struct Locations;

impl Locations {
    fn wire(place: &Place, name: &str) -> Value {
        json!({ "id": place.id.as_str(), "name": name, "type": super::LOCATIONS })
    }
}

#[async_trait]
impl Provider for Locations {
    async fn get(
        &self,
        _arm: &Arm,
        _call: &Call,
        place: &Place,
    ) -> Result<Option<Value>, ArmError> {
        Ok(Some(Self::wire(place, place.id.name())))
    }

    async fn list(&self, _arm: &Arm, _call: &Call, _scope: &Place) -> Result<Page, ArmError> {
        Ok(Page::whole(Vec::new()))
    }
}
