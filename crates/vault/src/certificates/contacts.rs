//! Contacts of a vault's certificates: who is told when one nears its end.

use serde_json::{Value, json};

use crate::{Vault, VaultError};

fn not_found() -> VaultError {
    VaultError::not_found("ContactsNotFound", "Contacts not found")
}

impl Vault {
    /// The contacts.
    pub fn contacts(&self) -> Result<Value, VaultError> {
        self.own_settings().get("contacts").cloned().ok_or_else(not_found)
    }

    /// Stores the contacts: a list of mail address, name and telephone number.
    pub fn set_contacts(&self, sent: &Value) -> Result<Value, VaultError> {
        const CONTACTS_MAX: usize = 100;
        let list = sent.get("contacts").and_then(Value::as_array);
        let list = list.filter(|l| l.len() <= CONTACTS_MAX).ok_or_else(|| {
            VaultError::bad_parameter("Property contacts must be a list of at most 100 contacts.")
        })?;
        let mut contacts = Vec::new();
        for contact in list {
            let text = |name: &str| contact.get(name).and_then(Value::as_str);
            let email = text("email").filter(|e| e.contains('@') && e.len() <= 320);
            let email = email.ok_or_else(|| {
                VaultError::bad_parameter(
                    "Each contact needs a mail address in its email property.",
                )
            })?;
            let mut kept = json!({ "email": email });
            for name in ["name", "phone"] {
                if let Some(value) = text(name) {
                    kept[name] = json!(value.chars().take(256).collect::<String>());
                }
            }
            contacts.push(kept);
        }
        let contacts = Value::Array(contacts);
        self.change_own(|own| {
            own.insert("contacts".into(), contacts.clone());
            Ok(())
        })?;
        Ok(contacts)
    }

    /// Forgets the contacts.
    pub fn delete_contacts(&self) -> Result<Value, VaultError> {
        self.change_own(|own| own.remove("contacts").ok_or_else(not_found))
    }
}
