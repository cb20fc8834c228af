//! incidents/comments: what people say about an incident. Each change counts as a change of the incident.

use arm::{Answer, Arm, ArmError, Call, Page, Place, Provider, wire_etag};
use async_trait::async_trait;
use model::{Guid, ResourceId};
use serde_json::{Value, json};
use state::{Condition, Document, Op, StoreError};

use super::{ATTEMPTS, Services, bad_request, busy, check_etag, incidents, is_conditional};
use crate::fields::{Fields, Invalid};
use crate::incident::{self, Incident, Listing};
use crate::stored::{self, COMMENTS};

/// Azure's limits.
const MESSAGE_MAX: usize = 30_000;
const COMMENTS_MAX: usize = 100;

pub(super) struct Comments {
    pub(super) services: Services,
}

fn wire(document: Document) -> Value {
    let mut value = document.value;
    value["etag"] = wire_etag(&document.etag).into();
    value
}

/// The incident that holds a comment.
fn incident_id(place: &Place) -> Result<&ResourceId, ArmError> {
    place.parent.as_ref().map(|p| &p.id).ok_or_else(|| ArmError::not_found(&place.id))
}

#[async_trait]
impl Provider for Comments {
    async fn get(&self, arm: &Arm, _call: &Call, place: &Place) -> Result<Option<Value>, ArmError> {
        Ok(arm.store().get(COMMENTS, &place.id.key())?.map(wire))
    }

    async fn list(&self, arm: &Arm, call: &Call, scope: &Place) -> Result<Page, ArmError> {
        let listing = Listing::parse(|name| call.parameter(name), "properties/createdTimeUtc desc")
            .map_err(|(name, problem)| {
                ArmError::bad_request("BadRequest", format!("{name}: {problem}")).target(name)
            })?;
        let documents = arm.store().list_all(COMMENTS, &stored::comments_prefix(&scope.id))?;
        let (value, skip_token) = incident::list(documents.into_iter().map(wire), &listing);
        Ok(Page { value, skip_token })
    }

    async fn put(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let message = message(&call.body).map_err(|invalid| bad_request(&invalid))?;
        for _ in 0..ATTEMPTS {
            let existing = arm.store().get(COMMENTS, &place.id.key())?;
            check_etag(call, existing.as_ref().map(|d| d.etag.as_str()))?;
            let created = existing.is_none();
            let stored = self.change(arm, call, place, |incident| {
                if created {
                    incident.comments += 1;
                    if incident.comments > COMMENTS_MAX {
                        let problem = format!("an incident has at most {COMMENTS_MAX} comments");
                        return Err(ArmError::bad_request("BadRequest", problem));
                    }
                }
                let id = incident.id.join(&format!("comments/{}", place.id.name()));
                let condition = existing
                    .as_ref()
                    .map_or(Condition::Absent, |d| Condition::Match(d.etag.clone()));
                let value = comment(&id, call, &message, existing.as_ref().map(|d| &d.value));
                Ok((
                    Some(value.clone()),
                    Op::Put { collection: COMMENTS.to_owned(), key: id.key(), value, condition },
                ))
            })?;
            if stored {
                self.services.journal.flush_or_tell().await;
                let document = arm.store().get(COMMENTS, &place.id.key())?;
                let document = document.ok_or_else(|| ArmError::not_found(&place.id))?;
                return Ok(Answer::json(if created { 201 } else { 200 }, wire(document)));
            }
            if is_conditional(call) {
                return Err(ArmError::precondition_failed(&place.id));
            }
        }
        Err(busy())
    }

    async fn delete(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        for _ in 0..ATTEMPTS {
            let Some(existing) = arm.store().get(COMMENTS, &place.id.key())? else {
                check_etag(call, None)?;
                return Ok(Answer::empty(204));
            };
            check_etag(call, Some(&existing.etag))?;
            let stored = self.change(arm, call, place, |incident| {
                incident.comments = incident.comments.saturating_sub(1);
                let condition = Condition::Match(existing.etag.clone());
                Ok((
                    None,
                    Op::Delete { collection: COMMENTS.to_owned(), key: place.id.key(), condition },
                ))
            })?;
            if stored {
                self.services.journal.flush_or_tell().await;
                return Ok(Answer::empty(200));
            }
        }
        Err(busy())
    }
}

impl Comments {
    /// Changes a comment and its incident in one transaction; false when somebody else was first. `edit` gives the
    /// comment as it will be (none when it goes) and its write.
    fn change(
        &self,
        arm: &Arm,
        call: &Call,
        place: &Place,
        edit: impl FnOnce(&mut Incident) -> Result<(Option<Value>, Op), ArmError>,
    ) -> Result<bool, ArmError> {
        let workspace = incidents::workspace(arm, &place.id)?;
        let id = incident_id(place)?;
        let Some((mut incident, etag)) = stored::incident(&**arm.store(), id)? else {
            return Err(ArmError::not_found(id));
        };
        let mut comments = stored::comments(&**arm.store(), &incident)?;
        let replaced = arm
            .store()
            .get(COMMENTS, &place.id.key())?
            .and_then(|d| d.value.get("properties").cloned());
        if let Some(at) = replaced.and_then(|replaced| comments.iter().position(|c| *c == replaced))
        {
            comments.remove(at);
        }
        let (comment, op) = edit(&mut incident)?;
        incident.touch(&call.caller.name, call.now);
        comments.extend(comment.and_then(|c| c.get("properties").cloned()));
        stored::sort_comments(&mut comments);
        match incidents::store(
            &self.services,
            &workspace,
            &incident,
            Some(&etag),
            &comments,
            vec![op],
        ) {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. } | StoreError::NotFound) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }
}

fn message(body: &Value) -> Result<String, Invalid> {
    let properties = body.get("properties").unwrap_or(&Value::Null);
    let fields = Fields::of("properties", properties)?;
    let message = fields.required_text("message")?;
    if message.chars().count() > MESSAGE_MAX {
        return Err(
            fields.invalid("message", format!("at most {MESSAGE_MAX} characters are allowed"))
        );
    }
    Ok(message)
}

/// The resource of a comment; who wrote it first stays its author.
fn comment(id: &ResourceId, call: &Call, message: &str, before: Option<&Value>) -> Value {
    let (now, by) = (call.now.to_string(), call.caller.name.as_str());
    let kept =
        |name: &str| before.and_then(|v| v.get("properties")).and_then(|p| p.get(name)).cloned();
    let author = json!({
        "objectId": Guid::parse(by).map(|_| by),
        "email": by.contains('@').then_some(by),
        "name": by,
        "userPrincipalName": by.contains('@').then_some(by),
    });
    json!({
        "id": id.as_str(),
        "name": id.name(),
        "type": "Microsoft.SecurityInsights/Incidents/Comments",
        "properties": {
            "message": message,
            "createdTimeUtc": kept("createdTimeUtc").unwrap_or_else(|| now.as_str().into()),
            "lastModifiedTimeUtc": now,
            "author": kept("author").unwrap_or(author),
        },
    })
}
