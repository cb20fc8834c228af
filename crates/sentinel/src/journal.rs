//! Rows that must reach their tables once, whatever happens in between. They are stored in the transaction of the change
//! they tell of; a flush appends them and then forgets them. A crash in between appends again under the same batch id,
//! which the tables take as a duplicate.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AppendRequest, DateTime, Tables, TablesError};
use serde_json::{Value, json};
use state::{Condition, Op, Store, StoreError};
use tokio::sync::Mutex;

use crate::records::{Record, Table};

/// Collection of rows on their way.
const COLLECTION: &str = "sentinel.journal";
/// Entries read at a time.
const PAGE: usize = 64;

/// Records by table, on their way to a workspace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    tables: BTreeMap<&'static str, Vec<Record>>,
}

impl Entry {
    /// Adds a row.
    pub fn add(&mut self, table: Table, record: Record) {
        self.tables.entry(table.name()).or_default().push(record);
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The write that puts the rows on their way, none without rows. `batch` names them: the same for a retry of the
    /// same change, another for any other change.
    pub fn op(&self, workspace: &str, batch: &str, now: DateTime) -> Option<Op> {
        (!self.is_empty()).then(|| Op::Put {
            collection: COLLECTION.to_owned(),
            key: format!("{:020}-{batch}", now.ticks()),
            value: json!({
                "workspace": workspace,
                "batch": batch,
                "received": now.to_string(),
                "tables": self.tables,
            }),
            condition: Condition::Any,
        })
    }
}

/// Takes rows from the store to their tables.
pub struct Journal {
    store: Arc<dyn Store>,
    tables: Arc<dyn Tables>,
    flushing: Mutex<()>,
}

/// Why rows stay where they are; the next flush tries again.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tables.
    #[error(transparent)]
    Tables(#[from] TablesError),
}

impl Journal {
    /// Over a store and the tables.
    pub fn new(store: Arc<dyn Store>, tables: Arc<dyn Tables>) -> Self {
        Self { store, tables, flushing: Mutex::const_new(()) }
    }

    /// Appends all rows on their way, oldest first, and forgets them. Gives the number of rows.
    pub async fn flush(&self) -> Result<usize, JournalError> {
        let _one_at_a_time = self.flushing.lock().await;
        let mut rows = 0;
        loop {
            let entries = self.store.list(COLLECTION, "", None, PAGE)?;
            if entries.is_empty() {
                return Ok(rows);
            }
            for entry in &entries {
                rows += self.append(&entry.value).await?;
            }
            let done = entries.len();
            let forget = entries.into_iter().map(|entry| Op::Delete {
                collection: COLLECTION.to_owned(),
                key: entry.key,
                condition: Condition::Any,
            });
            self.store.apply(forget.collect())?;
            if done < PAGE {
                return Ok(rows);
            }
        }
    }

    /// As [`Journal::flush`]; a failure is told and left to the next flush.
    pub async fn flush_or_tell(&self) {
        if let Err(error) = self.flush().await {
            tracing::warn!(%error, "alert and incident rows are not in their tables yet; they are kept and tried again");
        }
    }

    async fn append(&self, entry: &Value) -> Result<usize, TablesError> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("");
        let received = DateTime::parse(text("received")).unwrap_or(DateTime::MIN);
        let mut count = 0;
        for (name, records) in entry.get("tables").and_then(Value::as_object).into_iter().flatten()
        {
            let Some(table) = Table::from_name(name) else { continue };
            let records = records.as_array().map(Vec::as_slice).unwrap_or_default();
            let (schema, batch) = table.rows(records.iter().filter_map(Value::as_object));
            let request = AppendRequest {
                workspace: Arc::from(text("workspace")),
                table: Arc::from(table.name()),
                schema,
                batch,
                batch_id: Some(Arc::from(text("batch"))),
                received,
            };
            match self.tables.append(request).await {
                Ok(receipt) => count += receipt.rows,
                Err(
                    error @ (TablesError::Busy { .. }
                    | TablesError::Unwritable(_)
                    | TablesError::Damaged(_)),
                ) => {
                    return Err(error);
                }
                // Trying again cannot help; the workspace is gone, most likely.
                Err(error) => tracing::error!(table = name, %error, "rows are given up"),
            }
        }
        Ok(count)
    }
}
