//! Which of many plans can have rows, told by one reading of each table.
//!
//! Analytics rules look at the same few minutes of the same tables, and nearly all of them find nothing. Instead of one scan
//! a rule, a table is read once: [`gates`] finds the scans without whose rows a plan has none, [`marks`] what a row must hold
//! to meet a scan's condition, [`pass`] walks the rows with one automaton over the marks of all conditions and computes only
//! those of which all marks are met, on the rows that meet them. Where this cannot tell, the plan counts as one with rows.

mod gates;
mod marks;
mod pass;

use std::sync::Arc;

use ahash::AHashMap;

use super::Executor;
use crate::plan::{Plan, Scan};
use crate::source::{Counters, Hint, ScanRequest, SourceError, TickRange};
use gates::Gate;
use pass::Pass;

/// Fewer conditions than this are not worth a reading of their own: the queries themselves read as much.
const TOGETHER_MIN: usize = 4;

/// For each plan, with the executor that is to run it: true where it certainly has no rows.
pub(crate) fn screen(plans: &[(&Executor, &Plan)]) -> Vec<bool> {
    let gates: Vec<Option<Vec<Gate<'_>>>> =
        plans.iter().map(|(_, plan)| gates::gates(plan)).collect();
    let mut readings: AHashMap<Key, Reading<'_>> = AHashMap::new();
    let mut silent: Vec<bool> = gates.iter().map(Option::is_some).collect();
    for (at, gate) in
        gates.iter().enumerate().flat_map(|(at, g)| g.iter().flatten().map(move |g| (at, g)))
    {
        if gate.scan.table.row_count() == Some(0) {
            continue;
        }
        readings.entry(Key::of(gate.scan)).or_default().members.push((at, gate));
    }
    for reading in readings.into_values() {
        for (member, met) in reading.members.iter().zip(reading.read(plans)) {
            if met && let Some(silent) = silent.get_mut(member.0) {
                *silent = false;
            }
        }
    }
    silent
}

/// What scans must have in common to be read together: the table, and a window of about the same length at about the same
/// time. Windows that were missed long ago are not covered by a reading of all that lies between.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    table: usize,
    time: Option<Window>,
    ingested: Option<Window>,
}

/// The logarithm of a window's length, and about when it ends.
type Window = (u32, i64);

impl Key {
    fn of(scan: &Scan) -> Self {
        const LENGTHS_APART: u32 = 3;
        let window = |range: TickRange| {
            let length = range.end.abs_diff(range.start).max(1).ilog2();
            (length, range.end.checked_shr(length + LENGTHS_APART).unwrap_or(0))
        };
        Self {
            table: Arc::as_ptr(&scan.table).cast::<()>() as usize,
            time: scan.time.map(window),
            ingested: scan.ingested.map(window),
        }
    }
}

/// The conditions that one reading of a table answers.
#[derive(Default)]
struct Reading<'p> {
    /// (the plan's place, its gate)
    members: Vec<(usize, &'p Gate<'p>)>,
}

impl Reading<'_> {
    /// For each member, true where a row may meet its condition.
    fn read(&self, plans: &[(&Executor, &Plan)]) -> Vec<bool> {
        let unknown = || vec![true; self.members.len()];
        let Some((_, first)) = self.members.first() else { return Vec::new() };
        if self.members.len() < TOGETHER_MIN {
            return unknown();
        }
        let mut building = pass::Builder::default();
        for (plan, gate) in &self.members {
            let run = plans.get(*plan).map(|(executor, _)| &executor.run);
            building.add(gate, run);
        }
        let (pass, columns) = building.build();
        let pass = Arc::new(pass);
        let gates = || self.members.iter().map(|(_, gate)| gate.scan);
        let request = ScanRequest {
            judged: (0..columns.len()).collect(),
            columns,
            time: covering(gates().map(|scan| scan.time)),
            ingested: covering(gates().map(|scan| scan.ingested)),
            hints: one_of(gates().map(|scan| &scan.hints)),
            filter: Some(Arc::clone(&pass) as _),
            counters: Arc::<Counters>::default(),
            ..ScanRequest::default()
        };
        match walk(first.scan, request, &pass) {
            Ok(()) => pass.met(),
            Err(_) => unknown(), // each query tells for itself what is wrong
        }
    }
}

fn walk(scan: &Scan, request: ScanRequest, pass: &Pass) -> Result<(), SourceError> {
    let rows = scan.table.scan(request)?;
    let filters = rows.filters();
    while let Some(batch) = rows.next()? {
        if !filters && batch.rows > 0 {
            pass.look(&batch)?;
        }
        if pass.all_met() {
            break;
        }
    }
    Ok(())
}

/// The shortest range that covers all; none where one is not bounded.
fn covering(ranges: impl Iterator<Item = Option<TickRange>>) -> Option<TickRange> {
    let both = |a: TickRange, b: TickRange| TickRange {
        start: a.start.min(b.start),
        end: a.end.max(b.end),
    };
    ranges.reduce(|a, b| Some(both(a?, b?))).flatten()
}

/// A hint that holds for the rows of every scan; none where one of them has none.
fn one_of<'h>(hints: impl Iterator<Item = &'h Vec<Hint>>) -> Vec<Hint> {
    let all = |hints: &Vec<Hint>| (!hints.is_empty()).then(|| Hint::All(hints.clone()));
    hints.map(all).collect::<Option<Vec<_>>>().map_or_else(Vec::new, |any| vec![Hint::Any(any)])
}
