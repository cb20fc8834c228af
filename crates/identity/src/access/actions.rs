//! What custom roles may name: texts with the form of actions, and of Microsoft.KeyVault those that there are.
//!
//! Other providers have more actions than anyone lists, and real roles name them: of those the form alone is asked.

use super::pattern::Pattern;

/// What every action of the two providers below ends with.
const VERBS: &[&str] = &["read", "write", "delete", "action"];
/// Providers whose actions are looked at to the end.
const KNOWN: &[&str] = &["microsoft.keyvault", "microsoft.authorization"];
const LENGTH_MAX: usize = 512;

/// Data actions of Microsoft.KeyVault, behind `microsoft.keyvault/vaults/`, in lower case.
const VAULT_DATA: &[&str] = &[
    "certificatecas/delete",
    "certificatecas/read",
    "certificatecas/write",
    "certificatecontacts/write",
    "certificates/backup/action",
    "certificates/create/action",
    "certificates/delete",
    "certificates/import/action",
    "certificates/purge/action",
    "certificates/read",
    "certificates/recover/action",
    "certificates/restore/action",
    "certificates/update/action",
    "keyrotationpolicies/read",
    "keyrotationpolicies/write",
    "keys/backup/action",
    "keys/create/action",
    "keys/decrypt/action",
    "keys/delete",
    "keys/encrypt/action",
    "keys/import/action",
    "keys/purge/action",
    "keys/read",
    "keys/recover/action",
    "keys/release/action",
    "keys/restore/action",
    "keys/rotate/action",
    "keys/sign/action",
    "keys/unwrap/action",
    "keys/update/action",
    "keys/verify/action",
    "keys/wrap/action",
    "secrets/backup/action",
    "secrets/delete",
    "secrets/getsecret/action",
    "secrets/purge/action",
    "secrets/readmetadata/action",
    "secrets/recover/action",
    "secrets/restore/action",
    "secrets/setsecret/action",
    "secrets/update/action",
    "storageaccounts/delete",
    "storageaccounts/listsas/action",
    "storageaccounts/purge/action",
    "storageaccounts/read",
    "storageaccounts/recover/action",
    "storageaccounts/backup/action",
    "storageaccounts/regeneratekey/action",
    "storageaccounts/restore/action",
    "storageaccounts/sas/set/action",
    "storageaccounts/sas/delete",
    "storageaccounts/set/action",
    "storageaccounts/write",
];
/// Data actions whose names Resource Manager's own part of the provider has too: keys may be read through either.
const VAULT_BOTH: &[&str] = &["keys/read"];

/// True for what may stand in `actions` (`data`: in `dataActions`) of a custom role.
pub(crate) fn is_action(pattern: &Pattern, data: bool) -> bool {
    let text = pattern.text().to_ascii_lowercase();
    if !has_form(&text) {
        return false;
    }
    let Some((namespace, _)) = text.split_once('/').filter(|(n, _)| KNOWN.contains(n)) else {
        return true;
    };
    let last = text.rsplit('/').next().unwrap_or_default();
    if !last.contains('*') && !VERBS.contains(&last) {
        return false;
    }
    let names_one = |list: &[&str]| {
        list.iter().any(|action| pattern.matches(&format!("microsoft.keyvault/vaults/{action}")))
    };
    match (namespace, data) {
        ("microsoft.keyvault", true) => names_one(VAULT_DATA),
        // a pattern with a star reaches beyond data actions
        ("microsoft.keyvault", false) => {
            text.contains('*') || names_one(VAULT_BOTH) || !names_one(VAULT_DATA)
        }
        _ => true,
    }
}

/// `*`, or segments of which the first is a provider's name, or a star takes its place.
fn has_form(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "*._-$".contains(c);
    let first = text.split('/').next().unwrap_or_default();
    let named = first.contains('*')
        || first.split_once('.').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
    text == "*"
        || (text.len() <= LENGTH_MAX
            && named
            && text.contains('/')
            && text.split('/').all(|s| !s.is_empty() && s.chars().all(good)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;

    #[test]
    fn actions_have_a_form_and_the_vaults_are_known() {
        for (text, management, data) in [
            ("*", true, true),
            ("*/read", true, true),
            ("Microsoft.*/read", true, true),
            ("Microsoft.Compute/virtualMachines/*/action", true, true),
            ("Microsoft.Insights/Logs/Security_Event-x/Read", true, true),
            ("Microsoft.Authorisation/x", true, true),
            ("Microsoft.Authorization/*/Delete", true, true),
            ("Microsoft.Authorization/elevateAccess/Action", true, true),
            ("Microsoft.Authorization/roleAssignments/wirte", false, false),
            ("Microsoft.KeyVault/*", true, true),
            ("Microsoft.KeyVault/vaults/*/read", true, true),
            ("Microsoft.KeyVault/vaults/read", true, false),
            ("Microsoft.KeyVault/vaults/deploy/action", true, false),
            ("Microsoft.KeyVault/locations/deletedVaults/purge/action", true, false),
            ("Microsoft.KeyVault/vaults/keys/read", true, true),
            ("Microsoft.KeyVault/vaults/secrets/read", true, false),
            ("Microsoft.KeyVault/vaults/secrets/write", true, false),
            ("Microsoft.KeyVault/vaults/secrets/getSecret/action", false, true),
            ("Microsoft.KeyVault/vaults/keys/sign/action", false, true),
            ("Microsoft.KeyVault/vaults/keys/*", true, true),
            ("Microsoft.KeyVault/vaults/secret/*", true, false),
            ("Microsoft.KeyVault/vaults/secrets/get", false, false),
            ("Microsoft.KeyVault/vaults/secrets/getSecrets/action", true, false),
            ("", false, false),
            ("read", false, false),
            ("secrets/read", false, false),
            ("Microsoft.KeyVault", false, false),
            ("Microsoft.KeyVault/", false, false),
            ("/read", false, false),
            ("Microsoft.KeyVault//read", false, false),
            ("Microsoft.Compute/virtual machines/read", false, false),
            (" */read", false, false),
            ("Microsoft.Compute/virtualMachines/read,write", false, false),
        ] {
            let pattern = Pattern::new(text);
            assert_eq!(
                (is_action(&pattern, false), is_action(&pattern, true)),
                (management, data),
                "{text}"
            );
        }
    }

    #[test]
    fn what_built_in_roles_name_custom_ones_may() {
        for role in Access::new(Vec::new(), Vec::new()).definitions() {
            for permission in &role.permissions {
                assert_eq!(permission.unknown(), None, "{}", role.name);
            }
        }
    }
}
