//! Who may do what in a vault: roles at the vault or the object, or the vault's access policies; and from where.

use std::net::IpAddr;

use identity::Caller;
use vault::{AccessPolicy, Kind, Vault, VaultError};

use super::route::Found;
use crate::Doors;

/// Refuses callers from outside the vault's network rules.
pub(crate) fn require_network(vault: &Vault, source: IpAddr) -> Result<(), VaultError> {
    let settings = vault.settings();
    if settings.network.admits(source) {
        return Ok(());
    }
    let message = if settings.network.closed {
        format!("Public network access is disabled for vault {}.", settings.name)
    } else {
        format!(
            "Client address is not authorized and caller is not a trusted service. Client address: {source}. Vault: {}",
            settings.name
        )
    };
    Err(VaultError::forbidden("ForbiddenByFirewall", message))
}

/// Refuses callers without the right that a route asks for.
pub(super) fn require(
    doors: &Doors,
    caller: &Caller,
    vault: &Vault,
    found: &Found,
) -> Result<(), VaultError> {
    let settings = vault.settings();
    let Found { route, kind, name, .. } = found;
    let (kind, permission) = (*kind, route.permission);
    if !settings.role_based {
        let tenant = &doors.identity.tenant().id;
        let grants = |policy: &&AccessPolicy| {
            policy.tenant_id.eq_ignore_ascii_case(tenant) && policy.grants(kind, permission)
        };
        let granting: Vec<&AccessPolicy> = settings.access_policies.iter().filter(grants).collect();
        // a policy may be a group's
        let is_for = |id: &str| granting.iter().any(|p| p.object_id.eq_ignore_ascii_case(id));
        let granted = is_for(&caller.object_id)
            || (!granting.is_empty() && doors.identity.ids_of(caller).any(|id| is_for(&id)));
        return if granted {
            Ok(())
        } else {
            Err(by_policy(doors, caller, vault, kind, permission))
        };
    }
    let action = format!("Microsoft.KeyVault/vaults/{}", route.action);
    let scope = match name {
        Some(name) => settings.resource.join(&format!("{}/{name}", kind.collection())),
        None => settings.resource.clone(),
    };
    if doors.identity.allows(caller, &action, &scope, true) {
        return Ok(());
    }
    Err(VaultError::forbidden(
        "ForbiddenByRbac",
        format!(
            "Caller is not authorized to perform action on resource.\r\nIf role assignments or role definitions were changed a moment ago, ask again with a fresh token.\r\nCaller: appid={};oid={};iss={}\r\nAction: '{action}'\r\nResource: '{scope}'\r\nAssignment: (not found)\r\nVault: {}",
            caller.app_id,
            caller.object_id,
            issuer(doors),
            settings.name,
        ),
    ))
}

fn issuer(doors: &Doors) -> String {
    format!("{}/{}/v2.0", doors.identity.urls().origin(), doors.identity.tenant().id)
}

fn by_policy(
    doors: &Doors,
    caller: &Caller,
    vault: &Vault,
    kind: Kind,
    permission: &str,
) -> VaultError {
    VaultError::forbidden(
        "ForbiddenByPolicy",
        format!(
            "The user, group or application 'appid={};oid={};iss={}' does not have {} {permission} permission on key vault '{}'.",
            caller.app_id,
            caller.object_id,
            issuer(doors),
            kind.collection(),
            vault.settings().name,
        ),
    )
}
