//! From what is stored to what is wanted: columns in order, absent ones filled.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use engine::source::{ScanColumn, SourceError};
use model::{Batch, Column, ScalarType, Schema};

use super::units::Stored;
use crate::columns::{self, TIME_GENERATED};
use crate::error::Error;
use crate::memory::MemoryBatch;
use crate::rewrite::{ingestion_column, item_column};
use crate::segment::Reader;
use crate::table::Snapshot;

/// The columns of a scan.
pub(crate) struct Wanted {
    columns: Vec<(Stored, Column)>,
}

impl Wanted {
    /// Columns of a table with this schema.
    pub(super) fn new(schema: &Schema, columns: &[ScanColumn]) -> Result<Self, SourceError> {
        let column = |wanted: &ScanColumn| match wanted {
            ScanColumn::IngestionTime => Ok((Stored::Ingestion, ingestion_column())),
            ScanColumn::Column(at) => match schema.columns.get(*at) {
                Some(column) => Ok((Stored::Column(*at), column.clone())),
                None => Err(SourceError::Storage(format!("the table has no column {at}"))),
            },
        };
        Ok(Self { columns: columns.iter().map(column).collect::<Result<_, _>>()? })
    }

    /// What is to be read from a segment, each once.
    pub(super) fn stored(&self, reader: &Reader) -> Vec<Stored> {
        let mut stored: Vec<Stored> = Vec::new();
        for (wanted, column) in &self.columns {
            let needed = match wanted {
                Stored::Column(_) if reader.position(column).is_some() => *wanted,
                Stored::Column(_) => match &*column.name {
                    "_ItemId" => Stored::Items,
                    TIME_GENERATED => Stored::Ingestion,
                    _ => continue,
                },
                other => *other,
            };
            if !stored.contains(&needed) {
                stored.push(needed);
            }
        }
        stored
    }

    /// Where a segment has it.
    pub(super) fn place(&self, stored: Stored, reader: &Reader) -> Option<usize> {
        match stored {
            Stored::Ingestion => reader.position(&ingestion_column()),
            Stored::Items => reader.position(&item_column()),
            Stored::Column(_) => {
                let (_, column) = self.columns.iter().find(|(s, _)| *s == stored)?;
                reader.position(column)
            }
        }
    }

    /// The wanted columns of rows in memory.
    pub(super) fn in_memory(
        &self,
        batch: &MemoryBatch,
        snapshot: &Snapshot,
    ) -> Result<Batch, Error> {
        self.assemble(batch.rows, snapshot, |stored| match stored {
            Stored::Ingestion => Some(Arc::new(batch.ingestion())),
            Stored::Items => Some(Arc::new(batch.items())),
            Stored::Column(_) => {
                let (_, column) = self.columns.iter().find(|(s, _)| *s == stored)?;
                batch.column(column).cloned()
            }
        })
    }

    /// The wanted columns, from what `held` gives.
    pub(super) fn assemble(
        &self,
        rows: usize,
        snapshot: &Snapshot,
        held: impl Fn(Stored) -> Option<ArrayRef>,
    ) -> Result<Batch, Error> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (stored, column) in &self.columns {
            columns.push(match held(*stored) {
                Some(array) => array,
                None => absent(column, rows, snapshot, &held)?,
            });
        }
        Ok(Batch { columns, rows })
    }
}

/// A column that is not stored: made, or nothing but nulls.
fn absent(
    column: &Column,
    rows: usize,
    snapshot: &Snapshot,
    held: &impl Fn(Stored) -> Option<ArrayRef>,
) -> Result<ArrayRef, Error> {
    if &*column.name == TIME_GENERATED
        && column.ty == ScalarType::DateTime
        && let Some(ingestion) = held(Stored::Ingestion)
    {
        return Ok(ingestion);
    }
    let items = || -> Result<Int64Array, Error> {
        let items = held(Stored::Items);
        let items = items.as_ref().and_then(|a| a.as_primitive_opt::<Int64Type>());
        items.cloned().ok_or_else(|| Error::Invalid("rows without numbers".into()))
    };
    let made = snapshot.table.synthetic.column(&column.name, column.ty, rows, items)?;
    Ok(made.unwrap_or_else(|| columns::nulls(column.ty, rows)))
}
