//! What the log store keeps as documents: workspaces, tables, segments, up to where tables are sealed, batch ids. What
//! belongs together changes in one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use model::{Column, DateTime, ScalarType, Schema, TableInfo, TableKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use state::{Condition, Op, Store};
use uuid::Uuid;

use crate::error::Error;
use crate::segment::Facts;
use crate::table::Damage;

const WORKSPACES: &str = "logs.workspaces";
const TABLES: &str = "logs.tables";
const SEGMENTS: &str = "logs.segments";
const SEALED: &str = "logs.sealed";
const BATCHES: &str = "logs.batches";
const DAMAGE: &str = "logs.damage";

/// Documents of the log store.
pub(crate) struct Catalogue {
    store: Arc<dyn Store>,
}

/// Everything that is listed.
#[derive(Default)]
pub(crate) struct Listed {
    /// Workspaces, and how long their tables keep rows where that was told.
    pub workspaces: Vec<(Arc<str>, Option<u32>)>,
    /// Custom tables and changed built-in ones, by key.
    pub tables: HashMap<String, TableInfo>,
    /// Segments by table key.
    pub segments: HashMap<String, Vec<Facts>>,
    /// Up to which row tables are sealed, by key.
    pub sealed: HashMap<String, u64>,
    /// Batch ids and when their rows were sealed.
    pub batches: Vec<(DateTime, Vec<u128>)>,
    /// Rows known to be lost.
    pub damage: Vec<Damage>,
}

/// A table's definition as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredTable {
    name: String,
    kind: TableKind,
    columns: Vec<(String, String)>,
    retention_days: u32,
    total_retention_days: u32,
}

fn damaged(collection: &str, key: &str) -> Error {
    Error::Damaged {
        file: format!("{collection}/{key}"),
        what: "the document does not read".into(),
    }
}

fn put(collection: &str, key: impl Into<String>, value: Json) -> Op {
    Op::Put { collection: collection.into(), key: key.into(), value, condition: Condition::Any }
}

fn delete(collection: &str, key: impl Into<String>) -> Op {
    Op::Delete { collection: collection.into(), key: key.into(), condition: Condition::Any }
}

fn segment_key(table: &str, path: &str) -> String {
    format!("{table}/{path}")
}

impl Catalogue {
    /// Documents in this store.
    pub(crate) fn new(store: &Arc<dyn Store>) -> Self {
        Self { store: Arc::clone(store) }
    }

    /// Reads everything.
    pub(crate) fn load(&self) -> Result<Listed, Error> {
        let mut listed = Listed::default();
        for document in self.store.list_all(WORKSPACES, "")? {
            let days = document.value.get("retentionDays").and_then(Json::as_u64);
            let days = days.and_then(|d| u32::try_from(d).ok());
            listed.workspaces.push((Arc::from(document.key), days));
        }
        for document in self.store.list_all(TABLES, "")? {
            let stored = serde_json::from_value::<StoredTable>(document.value).ok();
            let info = stored.and_then(StoredTable::info);
            let info = info.ok_or_else(|| damaged(TABLES, &document.key))?;
            listed.tables.insert(document.key, info);
        }
        for document in self.store.list_all(SEGMENTS, "")? {
            let facts: Facts = serde_json::from_value(document.value)
                .map_err(|_| damaged(SEGMENTS, &document.key))?;
            let end = document.key.len().checked_sub(facts.path.len() + 1);
            let table = end.and_then(|end| document.key.get(..end));
            let table = table.ok_or_else(|| damaged(SEGMENTS, &document.key))?;
            listed.segments.entry(table.to_owned()).or_default().push(facts);
        }
        for document in self.store.list_all(SEALED, "")? {
            let row = document.value.get("row").and_then(Json::as_u64);
            let row = row.ok_or_else(|| damaged(SEALED, &document.key))?;
            listed.sealed.insert(document.key, row);
        }
        for document in self.store.list_all(BATCHES, "")? {
            let (at, ids) =
                read_batches(&document.value).ok_or_else(|| damaged(BATCHES, &document.key))?;
            listed.batches.push((at, ids));
        }
        for document in self.store.list_all(DAMAGE, "")? {
            let damage = serde_json::from_value(document.value);
            listed.damage.push(damage.map_err(|_| damaged(DAMAGE, &document.key))?);
        }
        Ok(listed)
    }

    /// Lists a workspace, with tables whose definitions change with it.
    pub(crate) fn put_workspace(
        &self,
        workspace: &str,
        days: Option<u32>,
        tables: &[Arc<TableInfo>],
    ) -> Result<(), Error> {
        let value = days.map_or_else(|| json!({}), |days| json!({ "retentionDays": days }));
        let mut ops = vec![put(WORKSPACES, workspace, value)];
        for table in tables {
            let key = format!("{workspace}/{}", table.name);
            let stored = serde_json::to_value(StoredTable::of(table));
            ops.push(put(TABLES, &key, stored.map_err(|_| damaged(TABLES, &key))?));
        }
        self.store.apply(ops)?;
        Ok(())
    }

    /// Forgets a workspace whose tables are gone.
    pub(crate) fn delete_workspace(&self, workspace: &str) -> Result<(), Error> {
        self.store.apply(vec![delete(WORKSPACES, workspace)])?;
        Ok(())
    }

    /// Stores a table's definition.
    pub(crate) fn put_table(&self, key: &str, info: &TableInfo) -> Result<(), Error> {
        let value =
            serde_json::to_value(StoredTable::of(info)).map_err(|_| damaged(TABLES, key))?;
        self.store.put(TABLES, key, value, Condition::Any)?;
        Ok(())
    }

    /// Removes a table with all its rows; those in the log up to `last_row` count as gone.
    pub(crate) fn delete_table(
        &self,
        key: &str,
        segments: &[&Facts],
        last_row: u64,
    ) -> Result<(), Error> {
        let mut ops = vec![delete(TABLES, key), put(SEALED, key, json!({ "row": last_row }))];
        ops.extend(segments.iter().map(|f| delete(SEGMENTS, segment_key(key, &f.path))));
        self.store.apply(ops)?;
        Ok(())
    }

    /// Changes which segments a table has and, after sealing, up to which row they reach and with which batches the
    /// rows came: one transaction. The same change may be made again.
    pub(crate) fn change_segments(&self, key: &str, change: &Change) -> Result<(), Error> {
        let mut ops: Vec<Op> = Vec::new();
        for facts in &change.removed {
            ops.push(delete(SEGMENTS, segment_key(key, &facts.path)));
        }
        for facts in &change.added {
            let path = segment_key(key, &facts.path);
            let value = serde_json::to_value(facts).map_err(|_| damaged(SEGMENTS, &path))?;
            ops.push(put(SEGMENTS, path, value));
        }
        if let Some(sealed) = &change.sealed {
            ops.push(put(SEALED, key, json!({ "row": sealed.row })));
            if !sealed.batches.is_empty() {
                let document = format!("{:020}/{key}/{}", sealed.at.ticks(), sealed.row);
                ops.push(put(BATCHES, document, batches_json(sealed.at, &sealed.batches)));
            }
        }
        self.store.apply(ops)?;
        Ok(())
    }

    /// True when the first segment that a change adds (or, without any, removes) is listed as after the change.
    pub(crate) fn lists(&self, key: &str, change: &Change) -> Result<bool, Error> {
        let get = |facts: &Facts| self.store.get(SEGMENTS, &segment_key(key, &facts.path));
        Ok(match (change.added.first(), change.removed.first()) {
            (Some(added), _) => get(added)?.is_some(),
            (None, Some(removed)) => get(removed)?.is_none(),
            (None, None) => true,
        })
    }

    /// Notes rows that are lost, or that their loss was accepted.
    pub(crate) fn put_damage(&self, damage: &[Damage]) -> Result<(), Error> {
        let mut ops = Vec::with_capacity(damage.len());
        for damage in damage {
            let key = format!("{}/{}", damage.table, damage.place);
            let value = serde_json::to_value(damage).map_err(|_| damaged(DAMAGE, &key))?;
            ops.push(put(DAMAGE, key, value));
        }
        self.store.apply(ops)?;
        Ok(())
    }

    /// Forgets batch ids stored before this instant.
    pub(crate) fn expire_batches(&self, before: DateTime) -> Result<(), Error> {
        loop {
            let oldest = self.store.list(BATCHES, "", None, 256)?;
            let limit = format!("{:020}", before.ticks().max(0));
            let old: Vec<Op> = oldest
                .iter()
                .filter(|d| d.key < limit)
                .map(|d| delete(BATCHES, d.key.clone()))
                .collect();
            let more = old.len() == 256;
            if !old.is_empty() {
                self.store.apply(old)?;
            }
            if !more {
                return Ok(());
            }
        }
    }
}

/// A change of a table's segments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    /// New segments.
    pub added: Vec<Facts>,
    /// Segments that go.
    pub removed: Vec<Facts>,
    /// After sealing.
    pub sealed: Option<Sealed>,
}

/// What sealing adds to a change.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    /// The segments now reach up to this row.
    pub row: u64,
    /// Batches that the rows came with.
    pub batches: Vec<u128>,
    /// Now.
    pub at: DateTime,
}

impl StoredTable {
    fn of(info: &TableInfo) -> Self {
        let columns = info.schema.columns.iter();
        Self {
            name: info.name.to_string(),
            kind: info.kind,
            columns: columns.map(|c| (c.name.to_string(), c.ty.name().to_owned())).collect(),
            retention_days: info.retention_days,
            total_retention_days: info.total_retention_days,
        }
    }

    fn info(self) -> Option<TableInfo> {
        let column =
            |(name, ty): &(String, String)| Some(Column::new(name, ScalarType::from_name(ty)?));
        let columns = self.columns.iter().map(column).collect::<Option<Vec<_>>>()?;
        Some(TableInfo {
            name: Arc::from(self.name),
            kind: self.kind,
            schema: Arc::new(Schema { columns }),
            retention_days: self.retention_days,
            total_retention_days: self.total_retention_days,
        })
    }
}

fn batches_json(at: DateTime, ids: &[u128]) -> Json {
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_be_bytes()).collect();
    json!({ "at": at.ticks(), "ids": STANDARD_NO_PAD.encode(bytes) })
}

fn read_batches(value: &Json) -> Option<(DateTime, Vec<u128>)> {
    let at = DateTime::from_ticks(value.get("at")?.as_i64()?);
    let bytes = STANDARD_NO_PAD.decode(value.get("ids")?.as_str()?).ok()?;
    let (ids, rest) = bytes.as_chunks::<16>();
    rest.is_empty().then(|| (at, ids.iter().map(|id| u128::from_be_bytes(*id)).collect()))
}

/// A name for a segment's files that no other segment of the table has.
pub(crate) fn segment_name(day: &str, first_row: u64) -> String {
    let (random, _) = Uuid::new_v4().as_u64_pair();
    format!("{day}/{first_row:016x}-{:08x}", random >> 32)
}
