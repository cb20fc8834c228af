//! PUT and PATCH: check, complete, store in one transaction, tell the hooks.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::ResourceId;
use serde_json::{Map, Value, json};
use state::{Condition, Document, Op, StoreError};

use super::{Arm, etag, members, merge, missing, parents, wire};
use crate::fields;
use crate::path::{Place, Target};
use crate::registry::Entry;
use crate::{Answer, ArmError, Call, Patch, PutContext, ResourceType};

/// How often a write is tried again when another writer was first.
const ATTEMPTS: usize = 16;
/// Calls stored in one transaction by [`Arm::put_all`].
const BULK: usize = 256;
/// A write that has been checked and not yet stored.
struct Prepared<'a> {
    entry: &'a Entry,
    place: &'a Place,
    id: ResourceId,
    existing: Option<Document>,
    ops: Vec<Op>,
}

/// The call with its body's members in the casing of the type's table.
fn recased<'a>(call: &'a Call, kind: &ResourceType) -> Result<Cow<'a, Call>, ArmError> {
    if kind.members.is_empty() {
        return Ok(Cow::Borrowed(call));
    }
    let body = fields::recased(&call.body, kind.members).map_err(|name| {
        let message = format!("'{name}' is given twice, in different casing; give it once");
        ArmError::bad_request(kind.invalid_code, message).target(name)
    })?;
    Ok(body.map_or(Cow::Borrowed(call), |body| Cow::Owned(Call { body, ..call.clone() })))
}

impl Arm {
    pub(super) async fn put_at(&self, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let entry = self.writable(place)?;
        let call = &*recased(call, entry.kind)?;
        if let Some(provider) = &entry.provider {
            self.require_parent(call, place).await?;
            return provider.put(self, call, place).await;
        }
        let (created, document) =
            self.write(call, place, entry, &|_| Ok(call.body.clone())).await?;
        let (on_create, on_update) = entry.kind.put_status;
        let status = if created { on_create } else { on_update };
        Ok(Answer::json(status, wire::resource(entry.kind, document)))
    }

    pub(super) async fn patch_at(&self, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let entry = self.registry.entry(&place.type_name)?;
        let call = &*recased(call, entry.kind)?;
        if let Some(provider) = &entry.provider {
            self.require_parent(call, place).await?;
            return provider.patch(self, call, place).await;
        }
        let allowed = match entry.kind.patch {
            Patch::Refused => return Err(ArmError::method_not_allowed("PATCH")),
            Patch::Merge => call.body.clone(),
            Patch::Tags => only(&call.body, &["tags", "identity"]),
        };
        let body = |stored: Option<&Value>| match stored {
            Some(stored) => Ok(merge::merge(stored, &allowed)),
            None => Err(missing(place)),
        };
        let (_, document) = self.write(call, place, entry, &body).await?;
        Ok(Answer::ok(wire::resource(entry.kind, document)))
    }

    /// Stores many resources, a few hundred in each transaction: imports. Gives one result per call, in order.
    pub async fn put_all(&self, calls: &[Call]) -> Vec<Result<Answer, ArmError>> {
        let mut results = Vec::with_capacity(calls.len());
        for chunk in calls.chunks(BULK) {
            match self.put_chunk(chunk).await {
                Some(done) => results.extend(done),
                None => {
                    for call in chunk {
                        results.push(self.put(call).await);
                    }
                }
            }
        }
        results
    }

    /// All calls in one transaction; none when any of them needs looking at alone.
    async fn put_chunk(&self, calls: &[Call]) -> Option<Vec<Result<Answer, ArmError>>> {
        let targets: Vec<Target> =
            calls.iter().map(|c| Target::parse(c.id.as_str())).collect::<Result<_, _>>().ok()?;
        let mut prepared = Vec::with_capacity(calls.len());
        for (call, target) in calls.iter().zip(&targets) {
            let Target::Resource(place) = target else { return None };
            let entry = self.writable(place).ok().filter(|e| e.provider.is_none())?;
            if matches!(recased(call, entry.kind), Err(_) | Ok(Cow::Owned(_))) {
                return None;
            }
            prepared.push(self.prepare(call, place, entry, &|_| Ok(call.body.clone())).await.ok()?);
        }
        let documents = self.store_prepared(&mut prepared).ok()?;
        let entries: Vec<&Entry> = prepared.iter().map(|w| w.entry).collect();
        let mut results = Vec::with_capacity(calls.len());
        for (write, document) in prepared.into_iter().zip(documents) {
            let (on_create, on_update) = write.entry.kind.put_status;
            let status = if write.existing.is_none() { on_create } else { on_update };
            let told = self.tell(&write, &document).await;
            let answer = Answer::json(status, wire::resource(write.entry.kind, document));
            results.push(told.map(|()| answer));
        }
        if let Err(error) = self.settle(entries).await {
            results = results.into_iter().map(|r| r.and(Err(error.clone()))).collect();
        }
        Some(results)
    }

    fn writable(&self, place: &Place) -> Result<&Entry, ArmError> {
        let entry = self.registry.entry(&place.type_name)?;
        if !entry.kind.writable {
            return Err(ArmError::method_not_allowed("PUT"));
        }
        Ok(entry)
    }

    /// Checks and stores; again when another writer was first and the caller set no condition. True when created.
    async fn write(
        &self,
        call: &Call,
        place: &Place,
        entry: &Entry,
        body: &(dyn Fn(Option<&Value>) -> Result<Value, ArmError> + Sync),
    ) -> Result<(bool, Document), ArmError> {
        for _ in 0..ATTEMPTS {
            let mut prepared = [self.prepare(call, place, entry, body).await?];
            match self.store_prepared(&mut prepared) {
                Ok(mut documents) => {
                    let [write] = prepared;
                    if let Some(document) = documents.pop() {
                        self.tell(&write, &document).await?;
                        self.settle([write.entry]).await?;
                        return Ok((write.existing.is_none(), document));
                    }
                }
                Err(Refused::Late(error)) => return Err(error),
                Err(Refused::Raced) => {}
            }
        }
        Err(ArmError::conflict("many writers change this resource at once; try again later"))
    }

    /// From a body to what will be stored, against what is stored now.
    async fn prepare<'a>(
        &'a self,
        call: &Call,
        place: &'a Place,
        entry: &'a Entry,
        body: &(dyn Fn(Option<&Value>) -> Result<Value, ArmError> + Sync),
    ) -> Result<Prepared<'a>, ArmError> {
        let kind = entry.kind;
        if !place.parent.as_deref().is_some_and(|parent| parents::lives_in(kind, parent)) {
            return Err(misplaced(kind, place));
        }
        let existing = self.store.get(&kind.collection(), &place.id.key())?;
        if existing.is_none() {
            self.require_parent(call, place).await?;
        }
        let rested = match (&existing, kind.rests_in) {
            (None, Some(rest)) => self.store.get(rest, &place.id.key())?,
            _ => None,
        };
        let stored = existing.as_ref().map(|d| &d.value);
        let mut body = body(stored)?;
        let stored = stored.or_else(|| rested.as_ref()?.value.get("value"));
        if let (Some(_), Some(stored)) = (&rested, stored) {
            // brought back as it was: clients send defaults along that would shorten how long rows are kept
            body = merge::merge(stored, &only(&body, &["location", "tags"]));
        }
        if existing.is_none() {
            members::check_name(kind, place)?;
        }
        let stored_etag = existing.as_ref().map(|d| d.etag.as_str());
        etag::check_headers(call, stored_etag)?;
        etag::check_body(kind, &call.body, stored_etag)?;
        let id = match stored.and_then(|v| v.get("id")).and_then(Value::as_str) {
            Some(id) => ResourceId::new(id),
            None => self.canonical_id(place)?,
        };
        let mut context = self.context(call, kind, id, body, stored)?;
        (kind.check)(&mut context)?;
        for hook in &entry.hooks {
            hook.check(self, &mut context).await?;
        }
        let (id, value) = (context.id.clone(), members::finish(context));
        let mut ops = self.ops(entry, place, &id, existing.as_ref(), &value)?;
        if let (Some(rested), Some(rest)) = (rested, kind.rests_in) {
            let (key, condition) = (rested.key, Condition::Match(rested.etag));
            ops.push(Op::Delete { collection: rest.into(), key, condition });
        }
        Ok(Prepared { entry, place, id, existing, ops })
    }

    /// Reads the members that every resource has.
    fn context<'a>(
        &'a self,
        call: &'a Call,
        kind: &'static ResourceType,
        id: ResourceId,
        body: Value,
        existing: Option<&'a Value>,
    ) -> Result<PutContext<'a>, ArmError> {
        let Value::Object(mut body) = body else {
            return Err(ArmError::invalid_content(
                "the body must be a JSON object with the resource",
            ));
        };
        let properties = match body.remove("properties") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(properties)) => properties,
            Some(_) => {
                return Err(ArmError::invalid_content("'properties' must be an object")
                    .target("properties"));
            }
        };
        let mut top = Map::new();
        top.insert("id".into(), json!(id.as_str()));
        top.insert("name".into(), json!(id.name()));
        top.insert("type".into(), json!(kind.wire_name()));
        for name in members::TOP {
            if let Some(value) = body.remove(*name).filter(|v| !v.is_null()) {
                top.insert((*name).to_owned(), value);
            }
        }
        members::check_tags(&top)?;
        members::check_location(kind, &mut top, existing)?;
        let (settings, store) = (&self.settings, &*self.store);
        Ok(PutContext { kind, id, call, top, properties, existing, settings, store })
    }

    /// The writes of one resource: its document and its index entries.
    fn ops(
        &self,
        entry: &Entry,
        place: &Place,
        id: &ResourceId,
        existing: Option<&Document>,
        value: &Value,
    ) -> Result<Vec<Op>, ArmError> {
        let condition = match existing {
            Some(document) => Condition::Match(document.etag.clone()),
            None => Condition::Absent,
        };
        let (collection, key) = (entry.kind.collection(), place.id.key());
        let mut ops =
            vec![Op::Put { collection, key: key.clone(), value: value.clone(), condition }];
        for index in entry.kind.indexes {
            let old = existing.and_then(|d| (index.key)(&d.value));
            let new = (index.key)(value);
            if old == new {
                continue;
            }
            let collection = || index.collection.to_owned();
            ops.extend(old.map(|key| Op::Delete {
                collection: collection(),
                key,
                condition: Condition::Any,
            }));
            let Some(new) = new else { continue };
            let condition = match self.find(index.collection, &new)? {
                Some(owner) if owner.key() != key => {
                    return Err(ArmError::conflict(format!("'{new}' belongs to '{owner}'")));
                }
                Some(_) => Condition::Any,
                None => Condition::Absent, // who claims it first has it
            };
            let value = json!({ "id": id.as_str() });
            ops.push(Op::Put { collection: collection(), key: new, value, condition });
        }
        Ok(ops)
    }

    /// Stores all in one transaction, if their parents are still there.
    fn store_prepared(&self, writes: &mut [Prepared<'_>]) -> Result<Vec<Document>, Refused> {
        let _shared = self.gate.read();
        for write in writes.iter().filter(|w| w.existing.is_none()) {
            self.parent_document_still_there(write.place)?;
        }
        let (mut ops, mut starts) = (Vec::new(), Vec::new());
        for write in writes {
            starts.push(ops.len());
            ops.append(&mut write.ops);
        }
        let done = self.store.apply(ops).map_err(|error| match error {
            StoreError::Conflict { .. } | StoreError::NotFound => Refused::Raced,
            other => Refused::Late(other.into()),
        })?;
        Ok(starts.into_iter().filter_map(|at| done.get(at).cloned().flatten()).collect())
    }

    /// Parents were looked up before the gate was taken; a delete may have been quicker.
    fn parent_document_still_there(&self, place: &Place) -> Result<(), Refused> {
        let Some(parent) = place.parent.as_deref() else { return Ok(()) };
        let Some(entry) = self.registry.find(&parent.type_name) else { return Ok(()) };
        if entry.provider.is_some() {
            return Ok(());
        }
        let there = self.store.get(&entry.kind.collection(), &parent.id.key());
        match there.map_err(|e| Refused::Late(e.into()))? {
            Some(_) => Ok(()),
            None => Err(Refused::Raced), // the next attempt names what is missing
        }
    }

    /// Lets the hooks of these types finish, each type once.
    pub(super) async fn settle<'a>(
        &self,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<(), ArmError> {
        let types: BTreeMap<&str, &Entry> = entries.into_iter().map(|e| (e.kind.name, e)).collect();
        for hook in types.values().flat_map(|entry| &entry.hooks) {
            hook.settled(self).await?;
        }
        Ok(())
    }

    async fn tell(&self, write: &Prepared<'_>, document: &Document) -> Result<(), ArmError> {
        let old = write.existing.as_ref().map(|d| &d.value);
        for hook in &write.entry.hooks {
            hook.changed(self, &write.id, old, Some(&document.value)).await?;
        }
        Ok(())
    }
}

/// Why a prepared write was not stored.
enum Refused {
    /// Another writer was first.
    Raced,
    /// For good.
    Late(ArmError),
}

fn only(body: &Value, names: &[&str]) -> Value {
    let kept = names.iter().filter_map(|n| body.get(*n).map(|v| ((*n).to_owned(), v.clone())));
    Value::Object(kept.collect())
}

fn misplaced(kind: &ResourceType, place: &Place) -> ArmError {
    let scope = place.parent.as_ref().map_or("/", |p| p.id.as_str());
    let message = format!("{} does not live at the scope '{scope}'", kind.name);
    ArmError::bad_request("InvalidResourceScope", message)
}
