//! Lists: all resources of a type in a scope, page by page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::ResourceId;
use odata::Order;
use serde_json::{Value, json};

use super::{Arm, PAGE_SIZE, parents, wire};
use crate::call::invalid_skip_token;
use crate::filter::{self, Filter};
use crate::path::Place;
use crate::registry::Entry;
use crate::{
    Answer, ArmError, Call, Page, RESOURCE_GROUPS, ResourceType, SUBSCRIPTIONS, TENANTS, Verb,
};

impl Arm {
    pub(super) async fn list_at(
        &self,
        call: &Call,
        scope: &Place,
        entry: &Entry,
    ) -> Result<Page, ArmError> {
        match &scope.parent {
            Some(_) if self.is_foreign(entry.kind, scope) => {
                self.require_parent(call, scope).await?
            }
            _ => self.require(call, scope).await?,
        }
        if let Some(provider) = &entry.provider {
            return provider.list(self, call, scope).await;
        }
        let prefix = prefix(entry.kind, scope)?;
        let filter = Filter::of(call)?;
        if let Some(order) = filter::order(call)? {
            return self.list_sorted(call, entry, &prefix, &filter, &order);
        }
        let most = if entry.kind.whole_lists { usize::MAX } else { PAGE_SIZE };
        let size = call.top()?.unwrap_or(most).min(most);
        let mut after = call.skip_token().map(|token| key_of(token, &prefix)).transpose()?;
        let mut page = Page::default();
        loop {
            let documents =
                self.store.list(&entry.kind.collection(), &prefix, after.as_deref(), PAGE_SIZE)?;
            let is_last = documents.len() < PAGE_SIZE;
            for document in documents {
                if page.value.len() == size {
                    page.skip_token = after.map(|key| URL_SAFE_NO_PAD.encode(key));
                    return Ok(page);
                }
                after = Some(document.key.clone());
                let visible = call.shows(&ResourceId::new(&document.key));
                if visible && filter.holds(entry.kind, &document.value) {
                    page.value.push(wire::resource(entry.kind, document));
                }
            }
            if is_last {
                return Ok(page);
            }
        }
    }

    /// A sorted list looks at every document before the first page.
    fn list_sorted(
        &self,
        call: &Call,
        entry: &Entry,
        prefix: &str,
        filter: &Filter,
        order: &Order,
    ) -> Result<Page, ArmError> {
        let mut all = self.store.list_all(&entry.kind.collection(), prefix)?;
        all.retain(|d| call.shows(&ResourceId::new(&d.key)) && filter.holds(entry.kind, &d.value));
        order.sort(&mut all, |d| &d.value);
        let shaped = all.into_iter().map(|d| wire::resource(entry.kind, d)).collect();
        Page::cut(shaped, call, if entry.kind.whole_lists { usize::MAX } else { PAGE_SIZE })
    }

    /// `GET /providers` and below: the namespaces with their types. `POST .../providers/{namespace}/register` is an
    /// action of the namespace.
    pub(super) async fn namespaces(
        &self,
        verb: Verb,
        call: &Call,
        scope: &Place,
        wanted: Option<&str>,
    ) -> Result<Answer, ArmError> {
        if verb != Verb::Get {
            return Err(ArmError::method_not_allowed("this method"));
        }
        self.require(call, scope).await?;
        let mut names: Vec<&'static str> =
            self.registry.kinds().map(ResourceType::namespace).collect();
        names.dedup(); // kinds come by name
        match wanted {
            None => {
                let all = names.into_iter().map(|n| self.namespace(scope, n)).collect();
                Ok(Answer::ok(
                    Page::cut(all, call, PAGE_SIZE)?.into_body(call, &self.settings.public_url),
                ))
            }
            Some(wanted) => match names.into_iter().find(|n| n.eq_ignore_ascii_case(wanted)) {
                Some(name) => Ok(Answer::ok(self.namespace(scope, name))),
                None => Err(ArmError::unknown_namespace(wanted)),
            },
        }
    }

    /// One namespace with its types and versions.
    pub(crate) fn namespace(&self, scope: &Place, name: &str) -> Value {
        let kinds = self.registry.kinds().filter(|k| k.namespace() == name);
        let types: Vec<Value> = kinds
            .map(|kind| {
                json!({
                    "resourceType": kind.name.split_once('/').map_or("", |(_, t)| t),
                    "locations": [self.settings.location],
                    "apiVersions": kind.api_versions,
                    "capabilities": if kind.is_tracked() { "SupportsTags, SupportsLocation" } else { "None" },
                })
            })
            .collect();
        json!({
            "id": scope.id.join(&format!("providers/{name}")).as_str(),
            "namespace": name,
            "registrationPolicy": "RegistrationFree",
            "registrationState": "Registered",
            "resourceTypes": types,
        })
    }
}

/// What the keys of the type's documents in the scope begin with.
fn prefix(kind: &ResourceType, scope: &Place) -> Result<String, ArmError> {
    let (at, name) = (scope.id.key(), kind.name.to_ascii_lowercase());
    let last = name.rsplit('/').next().unwrap_or("");
    if [SUBSCRIPTIONS, TENANTS].contains(&kind.name)
        || kind.name == RESOURCE_GROUPS
        || kind.is_child()
    {
        if scope.type_name.is_empty() || parents::lives_in(kind, scope) {
            return Ok(format!("{}/{last}/", at.trim_end_matches('/')));
        }
    } else if parents::lives_in(kind, scope) {
        return Ok(format!("{}/providers/{name}/", at.trim_end_matches('/')));
    } else if parents::is_scope(scope) {
        return Ok(format!("{}/", at.trim_end_matches('/'))); // everything below
    }
    let message = format!("{} cannot be listed at '{}'", kind.name, scope.id);
    Err(ArmError::bad_request("InvalidResourceScope", message))
}

/// The key inside a skip token, if the list could have handed it out.
fn key_of(token: &str, prefix: &str) -> Result<String, ArmError> {
    let key = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    key.filter(|key| key.starts_with(prefix)).ok_or_else(|| invalid_skip_token(token))
}
