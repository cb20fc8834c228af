//! From what is stored to what is wanted: columns in order, absent ones filled.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, Int64Array};
use engine::source::{ScanColumn, SourceError};
use model::{Batch, Column, ScalarType, Schema};

use super::units::{Stored, find};
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
        let column = |wanted: &ScanColumn| {
            let found = match wanted {
                ScanColumn::IngestionTime => (Stored::Ingestion, ingestion_column()),
                ScanColumn::Column(at) => (Stored::Column(*at), at_place(schema, *at)?),
                ScanColumn::Part(part) => {
                    (Stored::Part(Arc::clone(part)), at_place(schema, part.column)?)
                }
            };
            Ok(found)
        };
        Ok(Self { columns: columns.iter().map(column).collect::<Result<_, SourceError>>()? })
    }

    /// Without those at these places: nulls stand there.
    pub(super) fn without(mut self, places: &[usize], columns: &[ScanColumn]) -> Self {
        for place in places {
            if let Some((stored, column)) = self.columns.get_mut(*place) {
                if let Some(ScanColumn::Part(part)) = columns.get(*place) {
                    column.ty = part.ty;
                }
                *stored = Stored::Nothing;
            }
        }
        self
    }

    /// What is to be read from a segment, each once.
    pub(super) fn stored(&self, reader: &Reader) -> Vec<Stored> {
        let mut stored: Vec<Stored> = Vec::new();
        for (wanted, column) in &self.columns {
            let held = || reader.position(column).is_some();
            let needed = match wanted {
                Stored::Column(_) | Stored::Part(_) if held() => wanted.clone(),
                Stored::Column(_) => match &*column.name {
                    "_ItemId" => Stored::Items,
                    TIME_GENERATED => Stored::Ingestion,
                    _ => continue,
                },
                Stored::Part(_) | Stored::Nothing => continue,
                other => other.clone(),
            };
            if !stored.contains(&needed) {
                stored.push(needed);
            }
        }
        stored
    }

    /// Where a segment has it; of a part, where it has the whole.
    pub(super) fn place(&self, stored: &Stored, reader: &Reader) -> Option<usize> {
        match stored {
            Stored::Ingestion => reader.position(&ingestion_column()),
            Stored::Items => reader.position(&item_column()),
            Stored::Column(_) | Stored::Part(_) => reader.position(self.column(stored)?),
            Stored::Nothing => None,
        }
    }

    /// The table's column; of a part, the column that it is taken from.
    pub(super) fn column(&self, stored: &Stored) -> Option<&Column> {
        self.columns.iter().find(|(s, _)| s == stored).map(|(_, column)| column)
    }

    /// The wanted columns of rows in memory, of those that stay; empty those that are `idle`.
    pub(super) fn in_memory(
        &self,
        batch: &MemoryBatch,
        keep: Option<&BooleanArray>,
        idle: &[Stored],
        snapshot: &Snapshot,
    ) -> Result<Batch, Error> {
        let staying = |array: ArrayRef| match keep {
            None => Ok(array),
            Some(keep) => arrow_select::filter::filter(&array, keep)
                .map_err(|e| Error::Invalid(format!("rows do not filter: {e}"))),
        };
        let mut held: Vec<(Stored, ArrayRef)> = Vec::with_capacity(self.columns.len());
        for (stored, column) in &self.columns {
            let array = match stored {
                Stored::Ingestion | Stored::Items | Stored::Nothing => continue,
                Stored::Column(_) if idle.contains(stored) => continue,
                Stored::Column(_) | Stored::Part(_) => batch.column(column),
            };
            let Some(array) = array.cloned() else { continue };
            let array = staying(array)?;
            held.push(match stored {
                Stored::Part(part) => (stored.clone(), part.of(&array).map_err(Error::Condition)?),
                _ => (stored.clone(), array),
            });
        }
        let rows = keep.map_or(batch.rows, BooleanArray::true_count);
        self.assemble(rows, snapshot, |stored| match stored {
            Stored::Ingestion => staying(Arc::new(batch.ingestion())).ok(),
            Stored::Items => staying(Arc::new(batch.items())).ok(),
            Stored::Column(_) | Stored::Part(_) | Stored::Nothing => find(&held, stored),
        })
    }

    /// The wanted columns, from what `held` gives.
    pub(super) fn assemble(
        &self,
        rows: usize,
        snapshot: &Snapshot,
        held: impl Fn(&Stored) -> Option<ArrayRef>,
    ) -> Result<Batch, Error> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (stored, column) in &self.columns {
            columns.push(match (held(stored), stored) {
                (Some(array), _) => array,
                (None, Stored::Part(part)) => columns::nulls(part.ty, rows),
                (None, Stored::Nothing) => columns::nulls(column.ty, rows),
                (None, _) => absent(column, rows, snapshot, &held)?,
            });
        }
        Ok(Batch { columns, rows })
    }
}

fn at_place(schema: &Schema, at: usize) -> Result<Column, SourceError> {
    let missing = || SourceError::Storage(format!("the table has no column {at}"));
    schema.columns.get(at).cloned().ok_or_else(missing)
}

/// A column that is not stored: made, or nothing but nulls.
fn absent(
    column: &Column,
    rows: usize,
    snapshot: &Snapshot,
    held: &impl Fn(&Stored) -> Option<ArrayRef>,
) -> Result<ArrayRef, Error> {
    if &*column.name == TIME_GENERATED
        && column.ty == ScalarType::DateTime
        && let Some(ingestion) = held(&Stored::Ingestion)
    {
        return Ok(ingestion);
    }
    let items = || -> Result<Int64Array, Error> {
        let items = held(&Stored::Items);
        let items = items.as_ref().and_then(|a| a.as_primitive_opt::<Int64Type>());
        items.cloned().ok_or_else(|| Error::Invalid("rows without numbers".into()))
    };
    let made = snapshot.table.synthetic.column(&column.name, column.ty, rows, items)?;
    Ok(made.unwrap_or_else(|| columns::nulls(column.ty, rows)))
}
