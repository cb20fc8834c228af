//! incidents: read, listed by condition and order, changed and removed. Each change is a row of SecurityIncident.

use arm::{Answer, Arm, ArmError, Call, Page, Place, Provider, wire_etag};
use async_trait::async_trait;
use model::ResourceId;
use serde_json::Value;
use state::{Condition, Document, Op, StoreError};

use super::{ATTEMPTS, Services, bad_request, busy, check_etag, is_conditional};
use crate::incident::{self, Incident, Listing};
use crate::journal::Entry;
use crate::records::Table;
use crate::stored::{self, COMMENTS, INCIDENTS, Numbers};
use crate::workspace::{Workspace, workspace_of};

pub(super) struct Incidents {
    pub(super) services: Services,
}

/// The wire form of a stored incident.
pub(super) fn wire(document: Document) -> Value {
    let mut value = document.value;
    if let Some(map) = value.as_object_mut() {
        map.remove("state");
    }
    value["etag"] = wire_etag(&document.etag).into();
    value
}

/// The workspace above a resource; callers have found it to exist.
pub(super) fn workspace(arm: &Arm, id: &ResourceId) -> Result<Workspace, ArmError> {
    let workspace =
        workspace_of(id).map(|id| Workspace::load(&**arm.store(), &id)).transpose()?.flatten();
    workspace.ok_or_else(|| ArmError::not_found(id))
}

/// Stores a changed incident with its row; further writes go into the same transaction.
pub(super) fn store(
    services: &Services,
    workspace: &Workspace,
    incident: &Incident,
    etag: Option<&str>,
    comments: &[Value],
    more: Vec<Op>,
) -> Result<Option<Document>, StoreError> {
    let mut entry = Entry::default();
    entry.add(Table::SecurityIncident, incident.record(comments));
    let mut ops = vec![stored::put_incident(incident, etag)];
    ops.extend(more);
    let batch = uuid::Uuid::new_v4().to_string();
    ops.extend(entry.op(&workspace.customer_id, &batch, incident.modified));
    Ok(services.store.apply(ops)?.into_iter().next().flatten())
}

#[async_trait]
impl Provider for Incidents {
    async fn get(&self, arm: &Arm, _call: &Call, place: &Place) -> Result<Option<Value>, ArmError> {
        Ok(arm.store().get(INCIDENTS, &place.id.key())?.map(wire))
    }

    async fn list(&self, arm: &Arm, call: &Call, scope: &Place) -> Result<Page, ArmError> {
        let listing = Listing::parse(|name| call.parameter(name), "properties/createdTimeUtc desc")
            .map_err(|(name, problem)| {
                ArmError::bad_request("BadRequest", format!("{name}: {problem}")).target(name)
            })?;
        let prefix = format!("{}/providers/{INCIDENTS}/", scope.id.key());
        let documents = arm.store().list_all(INCIDENTS, &prefix)?;
        let shown = documents.into_iter().filter(|d| call.shows(&ResourceId::new(&d.key)));
        let (value, skip_token) = incident::list(shown.map(wire), &listing);
        Ok(Page { value, skip_token })
    }

    async fn put(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let workspace = workspace(arm, &place.id)?;
        for _ in 0..ATTEMPTS {
            match self.try_put(&workspace, call, place) {
                Ok((created, Some(document))) => {
                    self.services.journal.flush_or_tell().await;
                    return Ok(Answer::json(if created { 201 } else { 200 }, wire(document)));
                }
                Ok((_, None)) => {}
                Err(Refused::Raced) if is_conditional(call) => {
                    return Err(ArmError::precondition_failed(&place.id));
                }
                Err(Refused::Raced) => {}
                Err(Refused::For(error)) => return Err(error),
            }
        }
        Err(busy())
    }

    async fn delete(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let store = arm.store();
        let Some(document) = store.get(INCIDENTS, &place.id.key())? else {
            check_etag(call, None)?;
            return Ok(Answer::empty(204));
        };
        check_etag(call, Some(&document.etag))?;
        let condition = match call.if_match {
            Some(_) => Condition::Match(document.etag),
            None => Condition::Any,
        };
        let mut ops =
            vec![Op::Delete { collection: INCIDENTS.to_owned(), key: place.id.key(), condition }];
        for comment in store.list_all(COMMENTS, &stored::comments_prefix(&place.id))? {
            let (collection, key) = (COMMENTS.to_owned(), comment.key);
            ops.push(Op::Delete { collection, key, condition: Condition::Any });
        }
        match store.apply(ops) {
            Ok(_) => Ok(Answer::empty(200)),
            Err(StoreError::Conflict { .. }) => Err(ArmError::precondition_failed(&place.id)),
            Err(other) => Err(other.into()),
        }
    }
}

/// Why a change was not stored.
enum Refused {
    /// Another writer was first.
    Raced,
    /// For good.
    For(ArmError),
}

impl<E: Into<ArmError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::For(error.into())
    }
}

impl Incidents {
    fn try_put(
        &self,
        workspace: &Workspace,
        call: &Call,
        place: &Place,
    ) -> Result<(bool, Option<Document>), Refused> {
        let services = &self.services;
        let existing = stored::incident(&*services.store, &place.id)?;
        let etag = existing.as_ref().map(|(_, etag)| etag.clone());
        check_etag(call, etag.as_deref())?;
        let id = match &existing {
            Some((incident, _)) => incident.id.clone(),
            None => workspace.resource("Incidents", checked_name(place)?),
        };
        let mut numbers = None;
        let (mut number, mut more) = (0, Vec::new());
        if existing.is_none() {
            let taken = numbers.insert(Numbers::load(&*services.store, workspace)?);
            number = taken.next();
            more.push(taken.op());
        }
        let url = stored::incident_url(&services.portal_url, &id);
        let (by, now) = (call.caller.name.as_str(), call.now);
        let incident =
            incident::put(existing.map(|(i, _)| i), &id, (number, url), &call.body, by, now)
                .map_err(|invalid| Refused::For(bad_request(&invalid)))?;
        let comments = stored::comments(&*services.store, &incident)?;
        match store(services, workspace, &incident, etag.as_deref(), &comments, more) {
            Ok(document) => Ok((etag.is_none(), document)),
            Err(StoreError::Conflict { .. } | StoreError::NotFound) => Err(Refused::Raced),
            Err(other) => Err(other.into()),
        }
    }
}

fn checked_name(place: &Place) -> Result<&str, ArmError> {
    let name = place.id.name();
    if crate::ids::is_name(name) {
        return Ok(name);
    }
    Err(ArmError::bad_request(
        "InvalidResourceName",
        format!("'{name}' is no name of an incident; use a GUID"),
    ))
}
