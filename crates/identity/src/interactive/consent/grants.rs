//! What people agreed to as Graph's `oauth2PermissionGrants`: shown, taken back, and given by an administrator.

use model::DateTime;
use serde_json::{Value, json};

use super::{
    BTreeMap, BTreeSet, CONSENTS, Consent, EVERYBODY, documents, key, put, remove, resource_id,
};
use crate::directory::Directory;
use crate::time::unix_seconds;
use crate::token::Resource;
use crate::{GraphError, Identity, IdentityError};

/// What a new grant may say.
const FIELDS: &[&str] = &["clientId", "consentType", "principalId", "resourceId", "scope"];
/// Longest list of scopes.
const SCOPE_MAX: usize = 4096;

/// A grant to be made, looked up.
struct NewGrant {
    /// A user's object id, or everybody.
    user: String,
    /// Client id of who gets it.
    client: String,
    /// Client id of the API.
    api: String,
    scopes: BTreeSet<String>,
}

impl Identity {
    /// What people agreed to, as Graph's oauth2PermissionGrants; one person's, where one is named.
    pub fn permission_grants(&self, user: Option<&str>) -> Result<Vec<Value>, GraphError> {
        let all: Vec<Consent> = documents(self.store(), CONSENTS)?;
        let directory = self.directory();
        let wanted = |c: &&Consent| user.is_none_or(|u| c.user_id.eq_ignore_ascii_case(u));
        let all = all.iter().filter(wanted);
        Ok(all
            .flat_map(|c| c.granted.keys().map(|r| c.value(r, &directory)).collect::<Vec<_>>())
            .collect())
    }

    /// Takes a person's word back: what it agreed to for one application at one resource, by whichever name.
    pub fn delete_permission_grant(&self, id: &str) -> Result<(), GraphError> {
        let absent = || GraphError::not_found(id);
        let (key, _) = id.rsplit_once('_').ok_or_else(absent)?;
        let _one_at_a_time = self.changing();
        let found = self.store().get(CONSENTS, &key.to_ascii_lowercase());
        let document = found.map_err(IdentityError::from)?.ok_or_else(absent)?;
        let mut consent: Consent = serde_json::from_value(document.value)
            .map_err(|e| IdentityError::damaged(CONSENTS, e))?;
        let named = |r: &&String| consent.grant_id(r).eq_ignore_ascii_case(id);
        let resource = consent.granted.keys().find(named).cloned().ok_or_else(absent)?;
        consent.granted.remove(&resource);
        let op = match consent.granted.is_empty() {
            true => remove(CONSENTS, &document.key),
            false => put(CONSENTS, &document.key, &consent)?,
        };
        self.store().apply(vec![op]).map_err(IdentityError::from)?;
        Ok(())
    }

    /// An administrator's word for one person, or for everybody: for scopes of registered applications alone. What this
    /// server's own services let an application do, each person says itself.
    pub fn add_permission_grant(&self, body: &Value, now: DateTime) -> Result<Value, GraphError> {
        let _one_at_a_time = self.changing();
        let directory = self.directory();
        let new = self.new_grant(body, &directory)?;
        let known = self.consent_of(&new.user, &new.client)?;
        let mut consent = known.unwrap_or_else(|| Consent {
            user_id: new.user.clone(),
            app_id: new.client.clone(),
            created: unix_seconds(now),
            granted: BTreeMap::new(),
        });
        if consent.granted.contains_key(&new.api) {
            let message = "Permission entry already exists.";
            return Err(GraphError::new(409, "Request_MultipleObjectsWithSameKeyValue", message));
        }
        consent.granted.insert(new.api.clone(), new.scopes);
        let op = put(CONSENTS, &key(&new.user, &new.client), &consent)?;
        self.store().apply(vec![op]).map_err(IdentityError::from)?;
        Ok(consent.value(&new.api, &directory))
    }

    fn new_grant(&self, body: &Value, directory: &Directory) -> Result<NewGrant, GraphError> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut fields = body.as_object().into_iter().flatten();
        if let Some((name, _)) = fields.find(|(n, v)| !FIELDS.contains(&n.as_str()) && !v.is_null())
        {
            let message =
                format!("the property '{name}' of oauth2PermissionGrants is not kept here");
            return Err(GraphError::bad_request(message));
        }
        let registered = |name: &str| {
            let found = directory.principal(text(name));
            found.and_then(|p| directory.application(&p.app_id)).ok_or_else(|| {
                GraphError::bad_request(format!(
                    "{name} must be the object id of a registered application's service principal"
                ))
            })
        };
        let (client, api) = (registered("clientId")?, registered("resourceId")?);
        let user = match text("consentType") {
            "AllPrincipals" if text("principalId").is_empty() => EVERYBODY.to_owned(),
            "Principal" => directory
                .user(text("principalId"))
                .map(|user| user.id.clone())
                .ok_or_else(|| GraphError::not_found(text("principalId")))?,
            _ => {
                return Err(GraphError::bad_request(
                    "consentType must be 'AllPrincipals', without principalId, or 'Principal', with it",
                ));
            }
        };
        let asked = text("scope");
        let resource = Resource::of(&api.app_id, self.urls(), directory);
        let defined = |scope: &str| {
            resource.as_ref().and_then(|r| r.scope(scope)).ok_or_else(|| {
                GraphError::bad_request(format!(
                    "the application defines no enabled scope '{scope}'"
                ))
            })
        };
        if asked.trim().is_empty() || asked.len() > SCOPE_MAX {
            return Err(GraphError::bad_request(
                "scope is required: scopes with blanks between them",
            ));
        }
        let scopes: Result<BTreeSet<String>, _> = asked.split_whitespace().map(defined).collect();
        Ok(NewGrant {
            user,
            client: client.app_id.clone(),
            api: api.app_id.clone(),
            scopes: scopes?,
        })
    }
}

impl Consent {
    fn kind(&self) -> &'static str {
        if self.user_id == EVERYBODY { "AllPrincipals" } else { "Principal" }
    }

    /// What was agreed to at one resource, in wire form.
    fn value(&self, resource: &str, directory: &Directory) -> Value {
        let scopes = self.granted.get(resource).into_iter().flatten();
        let scopes: Vec<&str> = scopes.map(String::as_str).collect();
        json!({
            "id": self.grant_id(resource),
            "clientId": directory.principal_of(&self.app_id).map(|p| &p.id),
            "consentType": self.kind(),
            "principalId": (self.user_id != EVERYBODY).then_some(&self.user_id),
            "resourceId": resource_id(resource, directory),
            "scope": scopes.join(" "),
        })
    }
}
