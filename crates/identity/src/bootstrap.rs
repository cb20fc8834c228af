//! The first start: a tenant, an administrator application with a secret, and its roles on the subscription.
//!
//! The administrator's file is written before the store, in one piece; the store gets everything in one transaction.
//! A start that is killed between the two takes the file up again, so there is never an instance without a key to it.

use std::path::{Path, PathBuf};

use crypto::{GeneratedSecret, SecretText, read_private, write_private};
use model::ResourceId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{Condition, Op, Store, StoreError};
use uuid::Uuid;

use crate::access::{ASSIGNMENTS, first_administrator_roles};
use crate::authorization::assignment_document;
use crate::directory::{
    APPLICATIONS, Application, PasswordCredential, SERVICE_PRINCIPALS, ServicePrincipal, put,
};
use crate::time::unix_seconds;
use crate::{DirectoryRoles, IdentityError, Tenant};

const FILE: &str = "admin.json";
const TENANT: (&str, &str) = ("identity/tenant", "tenant");
/// The administrator's secret lasts as long as the authority's certificate.
const SECRET_SECONDS: i64 = 10 * 365 * 24 * 60 * 60;
const GRAPH_ROLES: [&str; 2] = ["Application.ReadWrite.All", "Directory.ReadWrite.All"];

/// The administrator's credentials as its file has them, for `vedette env` and `vedette token`. No `Debug`: it holds
/// a secret.
pub struct AdminCredentials {
    /// Tenant id.
    pub tenant_id: String,
    /// Client id.
    pub client_id: String,
    /// Object id of the service principal.
    pub object_id: String,
    /// The secret.
    pub client_secret: SecretText,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredAdmin {
    tenant_id: String,
    client_id: String,
    object_id: String,
    client_secret: String,
}

/// Borrowing twin of [`StoredAdmin`]: the secret is not copied on its way to the file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AdminToStore<'a> {
    tenant_id: &'a str,
    client_id: &'a str,
    object_id: &'a str,
    client_secret: &'a str,
}

impl AdminCredentials {
    /// The file below the key directory.
    pub fn path(keys_directory: &Path) -> PathBuf {
        keys_directory.join(FILE)
    }

    /// Reads the file; none when there is none (an operator may have put it away).
    pub fn load(keys_directory: &Path) -> Result<Option<Self>, IdentityError> {
        let path = Self::path(keys_directory);
        let Some(text) = read_private(&path)? else { return Ok(None) };
        let damaged = |e: serde_json::Error| {
            // the position alone: the text around it may be the secret
            IdentityError::damaged(
                path.display().to_string(),
                format!("line {}, column {}", e.line(), e.column()),
            )
        };
        let stored: StoredAdmin = serde_json::from_str(text.expose()).map_err(damaged)?;
        let client_secret = SecretText::new(stored.client_secret);
        let StoredAdmin { tenant_id, client_id, object_id, .. } =
            StoredAdmin { client_secret: String::new(), ..stored };
        Ok(Some(Self { tenant_id, client_id, object_id, client_secret }))
    }

    fn new() -> Result<Self, IdentityError> {
        let secret = GeneratedSecret::new()?;
        let guid = || Uuid::new_v4().to_string();
        let client_secret = SecretText::new(secret.expose().to_owned());
        Ok(Self { tenant_id: guid(), client_id: guid(), object_id: guid(), client_secret })
    }

    fn save(&self, keys_directory: &Path) -> Result<(), IdentityError> {
        let path = Self::path(keys_directory);
        let stored = AdminToStore {
            tenant_id: &self.tenant_id,
            client_id: &self.client_id,
            object_id: &self.object_id,
            client_secret: self.client_secret.expose(),
        };
        let text = serde_json::to_string_pretty(&stored)
            .map(SecretText::new)
            .map_err(|e| IdentityError::damaged(path.display().to_string(), e))?;
        Ok(write_private(&path, text.expose().as_bytes())?)
    }
}

/// The tenant of the store, made on the first start. `subscription` is where the administrator gets its roles.
pub(crate) fn tenant(
    store: &dyn Store,
    keys_directory: &Path,
    subscription: &ResourceId,
    now: model::DateTime,
) -> Result<(Tenant, bool), IdentityError> {
    let (collection, key) = TENANT;
    if let Some(document) = store.get(collection, key)? {
        let tenant = serde_json::from_value(document.value);
        return tenant.map(|t| (t, false)).map_err(|e| IdentityError::damaged(collection, e));
    }
    let admin = match AdminCredentials::load(keys_directory)? {
        Some(admin) => admin,
        None => {
            let admin = AdminCredentials::new()?;
            admin.save(keys_directory)?;
            admin
        }
    };
    let tenant = Tenant {
        id: admin.tenant_id.clone(),
        display_name: "vedette".into(),
        domain: "vedette.localhost".into(),
    };
    match store.apply(first_documents(&tenant, &admin, subscription, now)?) {
        Ok(_) => Ok((tenant, true)),
        // two processes on one store: the other one was first
        Err(StoreError::Conflict { .. }) => {
            Err(IdentityError::damaged(collection, "another server made it just now"))
        }
        Err(error) => Err(error.into()),
    }
}

fn first_documents(
    tenant: &Tenant,
    admin: &AdminCredentials,
    subscription: &ResourceId,
    now: model::DateTime,
) -> Result<Vec<Op>, IdentityError> {
    let seconds = unix_seconds(now);
    let file = || {
        IdentityError::damaged(FILE, "the secret in it is too short to be one that was made here")
    };
    let secret =
        GeneratedSecret::restore(admin.client_secret.expose().to_owned()).ok_or_else(file)?;
    let name = Some("first start".to_owned());
    let password = PasswordCredential::new(&secret, name, seconds, seconds + SECRET_SECONDS)?;
    let (id, name) = (Uuid::new_v4().to_string(), "vedette administrator".to_owned());
    let mut application = Application::named(id, admin.client_id.clone(), name, seconds);
    application.passwords = vec![password];
    let principal = ServicePrincipal {
        id: admin.object_id.clone(),
        app_id: admin.client_id.clone(),
        display_name: application.display_name.clone(),
        account_enabled: true,
        created: seconds,
        graph_roles: GRAPH_ROLES.map(str::to_owned).to_vec(),
        directory_roles: DirectoryRoles::default(),
        managed_identity: false,
        assignment_required: false,
        passwords: Vec::new(),
        keys: Vec::new(),
    };
    let (collection, key) = TENANT;
    let mut ops = vec![
        Op::Put {
            collection: collection.into(),
            key: key.into(),
            value: json!(tenant),
            condition: Condition::Absent,
        },
        put(APPLICATIONS, &application.app_id, &application)?,
        put(SERVICE_PRINCIPALS, &principal.id, &principal)?,
    ];
    for role in first_administrator_roles() {
        let (id, document) = assignment_document(
            subscription,
            &Uuid::new_v4().to_string(),
            role,
            &principal.id,
            now,
        );
        ops.push(put(ASSIGNMENTS, &id.key(), &document)?);
    }
    Ok(ops)
}

#[cfg(test)]
mod tests;
