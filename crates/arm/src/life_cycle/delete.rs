//! DELETE: the resource and everything below it, in one transaction. Types with soft delete rest instead, until they are
//! put again or their days are over.

use model::{DateTime, ResourceId};
use serde_json::{Value, json};
use state::{Condition, Document, Op, StoreError};

use super::{Arm, etag, missing};
use crate::fields::get;
use crate::path::{Place, Target};
use crate::registry::Entry;
use crate::{Answer, ArmError, Call, DeleteAnswer};

/// How long a resource rests before it is purged: 14 days in ticks of 100 ns.
const REST_TICKS: i64 = 14 * 24 * 3600 * 10_000_000;

/// A document on its way out.
struct Leaving<'a> {
    entry: &'a Entry,
    /// Where it lies.
    collection: String,
    document: Document,
    /// It rests: its hooks are not told, and what lies below it stays.
    rests: bool,
}

/// One delete.
#[derive(Clone, Copy)]
struct Removal<'a> {
    place: &'a Place,
    entry: &'a Entry,
    /// Which version has to go.
    etag: Option<&'a str>,
    what: What,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    /// Types with soft delete rest from this moment on.
    Rest(DateTime),
    /// For good.
    Force,
    /// For good, of one that rests.
    Purge,
}

impl Leaving<'_> {
    fn id(&self) -> ResourceId {
        let id = self.document.value.get("id").and_then(Value::as_str);
        ResourceId::new(id.unwrap_or(&self.document.key))
    }

    /// The writes that take the document and its index entries away.
    fn ops(self, condition: Condition, now: Option<DateTime>, ops: &mut Vec<Op>) {
        let indexed = self.entry.kind.indexes.iter();
        ops.extend(indexed.filter_map(|index| {
            let key = (index.key)(&self.document.value)?;
            let condition = Condition::Any;
            Some(Op::Delete { collection: index.collection.into(), key, condition })
        }));
        let (collection, key) = (self.collection, self.document.key);
        ops.push(Op::Delete { collection, key: key.clone(), condition });
        if let (true, Some(rest), Some(now)) = (self.rests, self.entry.kind.rests_in, now) {
            ops.push(Op::Put {
                collection: rest.into(),
                key,
                value: json!({ "deletedAt": now.to_string(), "value": self.document.value }),
                condition: Condition::Any,
            });
        }
    }
}

impl Arm {
    pub(super) async fn delete_at(&self, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let entry = self.registry.entry(&place.type_name)?;
        let kind = entry.kind;
        if kind.delete == DeleteAnswer::Refused {
            return Err(ArmError::method_not_allowed("DELETE"));
        }
        let mut removal = Removal { place, entry, etag: None, what: What::Rest(call.now) };
        if let Some(provider) = &entry.provider {
            self.require_parent(call, place).await?;
            let answer = provider.delete(self, call, place).await?;
            self.remove_and_tell(removal).await?; // documents below it: role assignments, tags
            return Ok(answer);
        }
        let existing = self.store.get(&kind.collection(), &place.id.key())?;
        etag::check_headers(call, existing.as_ref().map(|d| d.etag.as_str()))?;
        let Some(existing) = existing else {
            return match kind.delete {
                DeleteAnswer::Strict => Err(missing(place)),
                DeleteAnswer::Object => Ok(Answer::ok(Value::Object(serde_json::Map::new()))),
                DeleteAnswer::Always => Ok(Answer::empty(200)),
                _ => Ok(Answer::empty(204)),
            };
        };
        removal.etag = call.if_match.is_some().then_some(existing.etag.as_str());
        if kind.rests_in.is_some() && call.flag("force") {
            removal.what = What::Force;
        }
        for hook in &entry.hooks {
            hook.asked_to_delete(self, call, &place.id, &existing.value).await?;
        }
        self.remove_and_tell(removal).await?;
        Ok(match kind.delete {
            DeleteAnswer::Object => Answer::ok(Value::Object(serde_json::Map::new())),
            DeleteAnswer::NoContent => Answer::empty(204),
            _ => Answer::empty(200),
        })
    }

    /// Removes for good what has rested long enough; gives how many resources.
    pub async fn purge_rested(&self, now: DateTime) -> Result<usize, ArmError> {
        let mut purged = 0;
        for entry in self.registry.entries() {
            let Some(rest) = entry.kind.rests_in else { continue };
            for document in self.store.list_all(rest, "")? {
                let Some(deleted) = get(&document.value, "deletedAt").as_str() else { continue };
                let rested = DateTime::parse(deleted).map(|at| now.ticks() - at.ticks());
                let over = rested.is_some_and(|ticks| ticks >= REST_TICKS);
                if let (true, Target::Resource(place)) = (over, Target::parse(&document.key)?) {
                    let (etag, what) = (Some(document.etag.as_str()), What::Purge);
                    self.remove_and_tell(Removal { place: &place, entry, etag, what }).await?;
                    purged += 1;
                }
            }
        }
        Ok(purged)
    }

    /// Removes the document and all below it, with their hooks before and after.
    async fn remove_and_tell(&self, removal: Removal<'_>) -> Result<(), ArmError> {
        for leaving in self.leaving(removal)?.iter().filter(|l| !l.rests) {
            for hook in &leaving.entry.hooks {
                hook.deleting(self, &leaving.id(), &leaving.document.value).await?;
            }
        }
        let gone = self.remove(removal)?;
        for (entry, id, value) in gone.iter().rev() {
            for hook in &entry.hooks {
                hook.changed(self, id, Some(value), None).await?;
            }
        }
        self.settle(gone.iter().map(|(entry, ..)| *entry)).await
    }

    /// The document and all below it, but for what lies below one that will rest.
    fn leaving(&self, removal: Removal<'_>) -> Result<Vec<Leaving<'_>>, ArmError> {
        let (key, below) = (removal.place.id.key(), format!("{}/", removal.place.id.key()));
        let mut found = Vec::new();
        if let Some(entry) = self.registry.find(removal.entry.kind.name) {
            found.extend(self.first_to_leave(entry, &key, removal.what)?);
        }
        if removal.what == What::Purge && found.is_empty() {
            return Ok(found); // brought back meanwhile, and all below it with it
        }
        let keeps = matches!(removal.what, What::Rest(_));
        for entry in self.registry.entries() {
            let collection = entry.kind.collection();
            let rests = keeps && entry.kind.rests_in.is_some();
            let documents = self.store.list_all(&collection, &below)?;
            let leaving = |document| {
                let collection = collection.clone();
                Leaving { entry, collection, document, rests }
            };
            found.extend(documents.into_iter().map(leaving));
        }
        let resting = found.iter().filter(|l| l.rests).map(|l| format!("{}/", l.document.key));
        let resting: Vec<String> = resting.chain(self.rested_below(&below, keeps)?).collect();
        found.retain(|l| !resting.iter().any(|above| l.document.key.starts_with(above)));
        Ok(found)
    }

    /// The document itself, from its collection or from where it rests.
    fn first_to_leave<'a>(
        &self,
        entry: &'a Entry,
        key: &str,
        what: What,
    ) -> Result<Option<Leaving<'a>>, ArmError> {
        let rests = entry.kind.rests_in.is_some() && matches!(what, What::Rest(_));
        let (collection, purged) = match (what, entry.kind.rests_in) {
            (What::Purge, Some(rest)) => (rest.to_owned(), true),
            _ => (entry.kind.collection(), false),
        };
        let document = self.store.get(&collection, key)?.map(|mut document| {
            if purged {
                document.value = document.value["value"].take();
            }
            document
        });
        Ok(document.map(|document| Leaving { entry, collection, document, rests }))
    }

    /// What the keys below resources that rest already begin with: a group that goes leaves them alone.
    fn rested_below(&self, below: &str, keeps: bool) -> Result<Vec<String>, ArmError> {
        let mut prefixes = Vec::new();
        for rest in self.registry.entries().filter_map(|e| e.kind.rests_in).filter(|_| keeps) {
            let documents = self.store.list_all(rest, below)?;
            prefixes.extend(documents.into_iter().map(|d| format!("{}/", d.key)));
        }
        Ok(prefixes)
    }

    /// Removes the document, all below it and their index entries. Gives what was removed and does not rest, the resource
    /// first.
    fn remove(&self, removal: Removal<'_>) -> Result<Vec<(&Entry, ResourceId, Value)>, ArmError> {
        let _alone = self.gate.write();
        let (key, leaving) = (removal.place.id.key(), self.leaving(removal)?);
        let now = match removal.what {
            What::Rest(now) => Some(now),
            What::Force | What::Purge => None,
        };
        let (mut ops, mut gone) = (Vec::new(), Vec::new());
        for leaving in leaving {
            let condition = match removal.etag {
                Some(etag) if leaving.document.key == key => Condition::Match(etag.to_owned()),
                _ => Condition::Any,
            };
            if !leaving.rests {
                gone.push((leaving.entry, leaving.id(), leaving.document.value.clone()));
            }
            leaving.ops(condition, now, &mut ops);
        }
        match self.store.apply(ops) {
            Ok(_) => Ok(gone),
            Err(StoreError::Conflict { .. }) => {
                Err(ArmError::precondition_failed(&removal.place.id))
            }
            Err(other) => Err(other.into()),
        }
    }
}
