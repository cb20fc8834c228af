//! The built side: its rows, and for each key which of them have it.

use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{Array, ArrayRef};
use model::Batch;

use super::{Join, Roles, Side};
use crate::exec::columns;
use crate::exec::eval::project;
use crate::exec::groups::{Grouper, MISSING};
use crate::exec::operator::{Flow, Operator, consume};
use crate::exec::run::Run;
use crate::exec::{ExecError, operators::project::pick};

/// The built side.
pub(super) struct Table {
    /// Its columns handed on.
    pub(super) rows: Batch,
    /// Its keys, numbered.
    pub(super) keys: Grouper,
    /// `order[starts[k]..starts[k + 1]]` are the rows of key `k`.
    starts: Vec<u32>,
    order: Vec<u32>,
    /// Which keys met a row of the other side.
    pub(super) matched: Vec<AtomicBool>,
    /// The key of each row; [`MISSING`] where it is null.
    key_of: Vec<u32>,
}

impl Table {
    /// The rows of a key.
    pub(super) fn rows_of(&self, key: u32) -> &[u32] {
        let at = key as usize;
        let bounds = self.starts.get(at).zip(self.starts.get(at + 1));
        bounds.and_then(|(s, e)| self.order.get(*s as usize..*e as usize)).unwrap_or_default()
    }

    /// True where no row of the other side can come out.
    pub(super) fn rows_unneeded(&self, roles: Roles) -> bool {
        self.key_of.is_empty() && !roles.probe_rest
    }

    /// Marks a key; true where it was marked before.
    pub(super) fn mark(&self, key: u32) -> bool {
        self.matched.get(key as usize).is_none_or(|m| m.swap(true, Ordering::Relaxed))
    }

    /// The rows whose key was marked, or was not.
    pub(super) fn marked(&self, marked: bool) -> Vec<u32> {
        let is_marked =
            |key: u32| self.matched.get(key as usize).is_some_and(|m| m.load(Ordering::Relaxed));
        (0..)
            .zip(&self.key_of)
            .filter(|(_, key)| is_marked(**key) == marked)
            .map(|(r, _)| r)
            .collect()
    }
}

/// What came of building.
pub(super) enum Built {
    Table(Table),
    /// The rows so far; more are still in the input.
    TooLarge(Vec<Batch>),
}

/// Rows and their keys' columns.
type Piece = (Batch, Vec<ArrayRef>);

/// Takes in the built side.
pub(super) fn build(
    join: &Join,
    roles: Roles,
    input: &dyn Operator,
    run: &Run,
) -> Result<Built, ExecError> {
    let side = join.built_side(roles);
    let too_large = AtomicBool::new(false);
    let states = consume(
        input,
        run,
        || Ok((Vec::new(), run.memory.account())),
        |(pieces, account): &mut (Vec<Batch>, _), batch| {
            let batch = columns::compact(batch)?;
            // once more for the table
            let fits = account.grow(columns::weight(&batch) * 2);
            pieces.push(batch);
            if fits {
                return Ok(Flow::More);
            }
            too_large.store(true, Ordering::Relaxed);
            Ok(Flow::Stop)
        },
    )?;
    let (pieces, accounts): (Vec<_>, Vec<_>) = states.into_iter().unzip();
    let batches: Vec<Batch> = pieces.into_iter().flatten().collect();
    if too_large.load(Ordering::Relaxed) {
        return Ok(Built::TooLarge(batches));
    }
    let pieces = batches
        .into_iter()
        .map(|batch| {
            let keys = project(&side.keys, &batch, run.context())?.columns;
            Ok((pick(&batch, &side.output), keys))
        })
        .collect::<Result<Vec<Piece>, ExecError>>()?;
    let table = table(side, pieces, roles.build_first);
    drop(accounts);
    table.map(Built::Table)
}

fn table(side: &Side, pieces: Vec<Piece>, first_only: bool) -> Result<Table, ExecError> {
    let mut keys = Grouper::new(&side.key_types());
    let mut key_of = Vec::new();
    let mut rows = Vec::with_capacity(pieces.len());
    for (batch, columns) in pieces {
        let mut numbers = keys.number(&columns, batch.rows)?;
        without_nulls(&columns, &mut numbers);
        key_of.extend(numbers);
        rows.push(batch);
    }
    let rows = columns::concat(&rows, &side.output_types())?;
    let count = keys.count();
    let mut starts = vec![0_u32; count + 1];
    let mut seen = vec![false; if first_only { count } else { 0 }];
    let wanted: Vec<u32> = (0..)
        .zip(&key_of)
        .filter(|(_, key)| {
            **key != MISSING
                && seen.get_mut(**key as usize).is_none_or(|seen| !std::mem::replace(seen, true))
        })
        .map(|(row, _)| row)
        .collect();
    let key = |row: u32| key_of.get(row as usize).copied().unwrap_or(MISSING) as usize;
    for row in &wanted {
        if let Some(n) = starts.get_mut(key(*row) + 1) {
            *n += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut next = starts.clone();
    let mut order = vec![0; wanted.len()];
    for row in wanted {
        if let Some(at) = next.get_mut(key(row)) {
            if let Some(slot) = order.get_mut(*at as usize) {
                *slot = row;
            }
            *at += 1;
        }
    }
    let matched = (0..count).map(|_| AtomicBool::new(false)).collect();
    Ok(Table { rows, keys, starts, order, matched, key_of })
}

/// Null equals nothing: rows with a null in their key have none.
pub(super) fn without_nulls(keys: &[ArrayRef], numbers: &mut [u32]) {
    for column in keys {
        // texts have no null
        if let Some(nulls) = column.nulls().filter(|n| n.null_count() > 0) {
            for (number, valid) in numbers.iter_mut().zip(nulls) {
                if !valid {
                    *number = MISSING;
                }
            }
        }
    }
}
