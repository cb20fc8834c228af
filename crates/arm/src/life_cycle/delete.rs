//! DELETE: the resource and everything below it, in one transaction.

use model::ResourceId;
use serde_json::Value;
use state::{Condition, Document, Op, StoreError};

use super::{Arm, etag, missing};
use crate::path::Place;
use crate::registry::Entry;
use crate::{Answer, ArmError, Call, DeleteAnswer};

/// A document on its way out.
struct Leaving<'a> {
    entry: &'a Entry,
    document: Document,
}

impl Leaving<'_> {
    fn id(&self) -> ResourceId {
        let id = self.document.value.get("id").and_then(Value::as_str);
        ResourceId::new(id.unwrap_or(&self.document.key))
    }
}

impl Arm {
    pub(super) async fn delete_at(&self, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let entry = self.registry.entry(&place.type_name)?;
        let kind = entry.kind;
        if kind.delete == DeleteAnswer::Refused {
            return Err(ArmError::method_not_allowed("DELETE"));
        }
        if let Some(provider) = &entry.provider {
            self.require_parent(call, place).await?;
            let answer = provider.delete(self, call, place).await?;
            self.remove_and_tell(place, entry, None).await?; // documents below it: role assignments, tags
            return Ok(answer);
        }
        let existing = self.store.get(&kind.collection(), &place.id.key())?;
        etag::check_headers(call, existing.as_ref().map(|d| d.etag.as_str()))?;
        let Some(existing) = existing else {
            return match kind.delete {
                DeleteAnswer::Strict => Err(missing(place)),
                DeleteAnswer::Object => Ok(Answer::ok(Value::Object(serde_json::Map::new()))),
                _ => Ok(Answer::empty(204)),
            };
        };
        let conditional = call.if_match.is_some().then_some(existing.etag.as_str());
        self.remove_and_tell(place, entry, conditional).await?;
        Ok(match kind.delete {
            DeleteAnswer::Object => Answer::ok(Value::Object(serde_json::Map::new())),
            DeleteAnswer::NoContent => Answer::empty(204),
            _ => Answer::empty(200),
        })
    }

    /// Removes the document and all below it, with their hooks before and after.
    async fn remove_and_tell(
        &self,
        place: &Place,
        entry: &Entry,
        etag: Option<&str>,
    ) -> Result<(), ArmError> {
        for leaving in self.leaving(place, entry)? {
            for hook in &leaving.entry.hooks {
                hook.deleting(self, &leaving.id(), &leaving.document.value).await?;
            }
        }
        let gone = self.remove(place, entry, etag)?;
        for leaving in gone.iter().rev() {
            for hook in &leaving.entry.hooks {
                hook.changed(self, &leaving.id(), Some(&leaving.document.value), None).await?;
            }
        }
        self.settle(gone.iter().map(|leaving| leaving.entry)).await
    }

    /// The document and all below it.
    fn leaving(&self, place: &Place, entry: &Entry) -> Result<Vec<Leaving<'_>>, ArmError> {
        let (key, below) = (place.id.key(), format!("{}/", place.id.key()));
        let mut found = Vec::new();
        if let (Some(document), Some(entry)) =
            (self.store.get(&entry.kind.collection(), &key)?, self.registry.find(entry.kind.name))
        {
            found.push(Leaving { entry, document });
        }
        for entry in self.registry.entries() {
            let documents = self.store.list_all(&entry.kind.collection(), &below)?;
            found.extend(documents.into_iter().map(|document| Leaving { entry, document }));
        }
        Ok(found)
    }

    /// Removes the document, all below it and their index entries. Gives what was removed, the resource first.
    fn remove(
        &self,
        place: &Place,
        entry: &Entry,
        etag: Option<&str>,
    ) -> Result<Vec<Leaving<'_>>, ArmError> {
        let _alone = self.gate.write();
        let (key, gone) = (place.id.key(), self.leaving(place, entry)?);
        let mut ops = Vec::new();
        for leaving in &gone {
            let condition = match etag {
                Some(etag) if leaving.document.key == key => Condition::Match(etag.to_owned()),
                _ => Condition::Any,
            };
            let (collection, key) = (leaving.entry.kind.collection(), leaving.document.key.clone());
            ops.push(Op::Delete { collection, key, condition });
            let indexed = leaving.entry.kind.indexes.iter();
            ops.extend(indexed.filter_map(|index| {
                let key = (index.key)(&leaving.document.value)?;
                Some(Op::Delete {
                    collection: index.collection.into(),
                    key,
                    condition: Condition::Any,
                })
            }));
        }
        match self.store.apply(ops) {
            Ok(_) => Ok(gone),
            Err(StoreError::Conflict { .. }) => Err(ArmError::precondition_failed(&place.id)),
            Err(other) => Err(other.into()),
        }
    }
}
