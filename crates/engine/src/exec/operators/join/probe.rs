//! The probing side: rows against the table, and what comes out of it piece by piece.

use arrow_array::UInt32Array;
use arrow_array::builder::UInt32Builder;
use model::Batch;

use super::build::{Table, without_nulls};
use super::{Join, Roles};
use crate::exec::eval::project;
use crate::exec::groups::MISSING;
use crate::exec::run::Run;
use crate::exec::{ExecError, columns, operators::project::pick, operators::rows::MORSEL};

/// Rows on their way out.
pub(super) enum Cursor {
    /// A probing batch with the key of each row, its place, and how many of that row's matches are out.
    Pairs { rows: Batch, keys: Vec<u32>, at: usize, done: usize },
    /// Finished rows of the probing side.
    Ready(Option<Batch>),
    /// Rows of the built side.
    Own { rows: Vec<u32>, at: usize },
}

impl Cursor {
    /// Looks up a batch and marks the keys it meets.
    pub(super) fn matches(
        join: &Join,
        roles: Roles,
        table: &Table,
        batch: Batch,
        run: &Run,
    ) -> Result<Self, ExecError> {
        let side = join.probing_side(roles);
        let keys = project(&side.keys, &batch, run.context())?.columns;
        let mut scratch = join.scratch.lock().pop().unwrap_or_default();
        let mut numbers = table.keys.find(&keys, batch.rows, &mut scratch)?;
        join.scratch.lock().push(scratch);
        without_nulls(&keys, &mut numbers);
        let mark = roles.build_rest || roles.build_hits || roles.probe_first;
        for number in &mut numbers {
            let none = *number == MISSING || table.rows_of(*number).is_empty();
            if none || (mark && table.mark(*number) && roles.probe_first) {
                *number = MISSING;
            }
        }
        let rows = pick(&batch, &side.output);
        if roles.pairs {
            return Ok(Self::Pairs { rows, keys: numbers, at: 0, done: 0 });
        }
        if !roles.probe_hits && !roles.probe_rest {
            return Ok(Self::Ready(None));
        }
        let keep = numbers.iter().map(|n| (*n != MISSING) == roles.probe_hits).collect();
        Ok(Self::Ready(Some(columns::filter(&rows, &keep)?)))
    }

    /// The built side's rows that met a row of the other side, or met none.
    pub(super) fn own_rows(table: &Table, hits: bool) -> Self {
        Self::Own { rows: table.marked(hits), at: 0 }
    }

    pub(super) fn done(&self) -> bool {
        match self {
            Self::Pairs { keys, at, .. } => *at >= keys.len(),
            Self::Ready(batch) => batch.is_none(),
            Self::Own { rows, at } => *at >= rows.len(),
        }
    }

    /// The next piece.
    pub(super) fn next(
        &mut self,
        join: &Join,
        roles: Roles,
        table: &Table,
    ) -> Result<Batch, ExecError> {
        match self {
            Self::Ready(batch) => Ok(batch.take().unwrap_or_default()),
            Self::Pairs { rows, keys, at, done } => {
                let (probe, build) = pairs(roles, table, keys, at, done);
                let whole = probe.len() == rows.rows
                    && probe.values().iter().copied().eq(0..rows.rows as u32);
                let probed = if whole { rows.clone() } else { columns::take(rows, &probe)? };
                Ok(side_by_side(roles, probed, take_built(table, &build)?))
            }
            Self::Own { rows, at } => {
                let end = (*at + MORSEL).min(rows.len());
                let piece = UInt32Array::from(rows.get(*at..end).unwrap_or_default().to_vec());
                *at = end;
                let built = columns::take(&table.rows, &piece)?;
                if !roles.pairs {
                    return Ok(built);
                }
                let types = join.probing_side(roles).output_types();
                let nulls = types.iter().map(|ty| columns::nulls(*ty, built.rows)).collect();
                let probed = Batch { columns: nulls, rows: built.rows };
                Ok(side_by_side(roles, probed, built))
            }
        }
    }
}

/// Row numbers of up to about [`MORSEL`] pairs; a null on the built side stands for no match.
fn pairs(
    roles: Roles,
    table: &Table,
    keys: &[u32],
    at: &mut usize,
    done: &mut usize,
) -> (UInt32Array, UInt32Array) {
    let mut probe = Vec::with_capacity(keys.len());
    let mut build = UInt32Builder::with_capacity(keys.len());
    while let Some(key) = keys.get(*at) {
        let left = MORSEL.saturating_sub(probe.len());
        if left == 0 {
            break;
        }
        let row = *at as u32;
        if *key == MISSING {
            if roles.probe_rest {
                probe.push(row);
                build.append_null();
            }
        } else {
            let matches = table.rows_of(*key);
            let end = (*done + left).min(matches.len());
            let piece = matches.get(*done..end).unwrap_or_default();
            probe.extend(std::iter::repeat_n(row, piece.len()));
            build.append_slice(piece);
            if end < matches.len() {
                *done = end;
                break;
            }
            *done = 0;
        }
        *at += 1;
    }
    (probe.into(), build.finish())
}

fn take_built(table: &Table, rows: &UInt32Array) -> Result<Batch, ExecError> {
    columns::take(&table.rows, rows)
}

fn side_by_side(roles: Roles, probed: Batch, built: Batch) -> Batch {
    let (mut left, right) = if roles.build_left { (built, probed) } else { (probed, built) };
    left.columns.extend(right.columns);
    left
}
