//! Merges sorted runs.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use arrow_array::Array;
use arrow_row::Rows as EncodedRows;
use model::Batch;

use super::Spec;
use super::keys::Encoder;
use crate::exec::ExecError;
use crate::exec::columns::{self, internal};
use crate::exec::run::Run as QueryRun;
use crate::exec::spill::SpillReader;

/// A sorted run: on disk, or the last piece still in memory.
pub(super) enum Run {
    Disk(Box<SpillReader>),
    Memory(Option<Batch>),
}

impl Run {
    pub(super) fn of_disk(reader: SpillReader) -> Self {
        Self::Disk(Box::new(reader))
    }

    pub(super) const fn of_batch(batch: Batch) -> Self {
        Self::Memory(Some(batch))
    }

    fn next(&mut self) -> Result<Option<Batch>, ExecError> {
        match self {
            Self::Disk(reader) => reader.next(),
            Self::Memory(batch) => Ok(batch.take()),
        }
    }
}

/// The batch of a run that is being read.
struct Open {
    batch: Batch,
    keys: EncodedRows,
}

/// The next row of a run.
struct Head {
    key: Box<[u8]>,
    run: usize,
    row: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key).then(self.run.cmp(&other.run))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// Runs under way into one order.
pub(super) struct Merge {
    runs: Vec<Run>,
    open: Vec<Option<Open>>,
    heads: BinaryHeap<Reverse<Head>>,
    encoder: Encoder,
    left: usize,
}

impl Merge {
    pub(super) fn new(
        runs: Vec<Run>,
        encoder: Encoder,
        spec: &Spec,
        run: &QueryRun,
    ) -> Result<Self, ExecError> {
        let mut merge = Self {
            open: runs.iter().map(|_| None).collect(),
            runs,
            heads: BinaryHeap::new(),
            encoder,
            left: spec.limit.unwrap_or(usize::MAX),
        };
        for at in 0..merge.runs.len() {
            run.check()?;
            merge.refill(at)?;
        }
        Ok(merge)
    }

    /// Opens the run's next batch and puts its first row among the heads.
    fn refill(&mut self, at: usize) -> Result<(), ExecError> {
        let Some(run) = self.runs.get_mut(at) else { return Ok(()) };
        let open = loop {
            match run.next()? {
                None => break None,
                Some(batch) if batch.rows == 0 => {}
                Some(batch) => {
                    let keys = self.encoder.encode(&batch.columns)?;
                    break Some(Open { batch, keys });
                }
            }
        };
        if let Some(slot) = self.open.get_mut(at) {
            *slot = open;
        }
        self.push(at, 0);
        Ok(())
    }

    fn push(&mut self, run: usize, row: usize) {
        if let Some(Some(open)) = self.open.get(run) {
            let key = Box::from(open.keys.row(row).as_ref());
            self.heads.push(Reverse(Head { key, run, row }));
        }
    }

    /// Up to `count` further rows.
    pub(super) fn next(
        &mut self,
        spec: &Spec,
        count: usize,
        run: &QueryRun,
    ) -> Result<Option<Batch>, ExecError> {
        run.check()?;
        let count = count.min(self.left);
        let mut sources: Vec<Batch> = Vec::new();
        let mut source_of: Vec<Option<usize>> = vec![None; self.runs.len()];
        let mut places = Vec::with_capacity(count.min(64 * 1024));
        while places.len() < count {
            let Some(Reverse(head)) = self.heads.pop() else { break };
            let (Some(Some(open)), Some(source)) =
                (self.open.get(head.run), source_of.get_mut(head.run))
            else {
                break;
            };
            let rows = open.batch.rows;
            let at = *source.get_or_insert_with(|| {
                sources.push(open.batch.clone());
                sources.len() - 1
            });
            places.push((at, head.row));
            if head.row + 1 < rows {
                self.push(head.run, head.row + 1);
            } else {
                *source = None;
                self.refill(head.run)?;
            }
        }
        self.left -= places.len();
        if places.is_empty() {
            return Ok(None);
        }
        let columns = (0..spec.width)
            .map(|at| {
                let parts = sources
                    .iter()
                    .filter_map(|b| b.columns.get(at).map(columns::plain))
                    .collect::<Result<Vec<_>, _>>()?;
                let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                arrow_select::interleave::interleave(&parts, &places).map_err(internal)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Some(Batch { columns, rows: places.len() }))
    }
}
