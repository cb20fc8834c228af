//! `funnel_sequence`, `funnel_sequence_completion`: what comes before, between and after states.

use std::collections::{BTreeMap, HashMap, HashSet};

use model::rows::cell;
use model::{Column, Rows, ScalarType, Value};

use super::PluginCall;
use super::support::{Growing, at, bin, constant_ticks, groups, positive, ticks, whole};

/// One id's states in order of time.
struct Paths {
    /// (id, ticks, state), sorted.
    steps: Vec<(u32, i64, String)>,
    line: Column,
    state: Column,
    /// The ids' values, by number.
    ids: Vec<Value>,
}

/// Most ids shown beside a row.
const SAMPLES_MAX: usize = 128;

fn paths(call: &PluginCall<'_>, state: usize, start: i64, end: i64) -> Result<Paths, String> {
    let (id, time) = (call.column(0, "IdColumn")?, call.column(1, "TimelineColumn")?);
    let schema = &call.rows.schema.columns;
    let column = |at: usize| schema.get(at).cloned().ok_or("a column is missing");
    let (line, state_column) = (column(time)?, column(state)?);
    let types: Vec<ScalarType> = schema.iter().map(|c| c.ty).collect();
    let batch = whole(call.rows)?;
    let (ids, keys) = groups(&batch, &types, &[id])?;
    let id_type = types.get(id).copied().unwrap_or(ScalarType::String);
    let values = keys.first().map_or_else(Vec::new, |array| {
        (0..arrow_array::Array::len(array)).map(|row| cell(array, id_type, row)).collect()
    });
    let (Some(times), Some(states)) = (batch.columns.get(time), batch.columns.get(state)) else {
        return Err("a column is missing".to_owned());
    };
    let mut steps = Vec::new();
    for (row, id) in ids.into_iter().enumerate() {
        let Some(at) = ticks(&cell(times, line.ty, row)) else { continue };
        if (start..=end).contains(&at) {
            steps.push((id, at, cell(states, state_column.ty, row).to_string()));
        }
    }
    steps.sort_by_key(|a| (a.0, a.1));
    Ok(Paths { steps, line, state: state_column, ids: values })
}

fn sequence(call: &PluginCall<'_>, at: usize) -> Result<Vec<String>, String> {
    match call.constant(at, "Sequence") {
        Some(Value::Dynamic(d)) => {
            Ok(d.as_ref().array().map(|item| item.to_scalar().to_string()).collect())
        }
        _ => Err(format!("argument {} (Sequence) must be a constant array", at + 1)),
    }
}

/// Where a sequence begins and ends in a path, from some place on; its steps stay within a window.
fn find(
    path: &[(u32, i64, String)],
    wanted: &[String],
    from: usize,
    window: i64,
) -> Option<(usize, usize)> {
    let (first, rest) = wanted.split_first()?;
    let start = (from..path.len()).find(|at| path[*at].2 == *first)?;
    let mut last = start;
    for state in rest {
        let reach = path[last].1.saturating_add(window);
        last = (last + 1..path.len())
            .take_while(|at| path[*at].1 <= reach)
            .find(|at| path[*at].2 == *state)?;
    }
    Some((start, last))
}

/// The state before and the state after each occurrence of a sequence.
pub(super) fn funnel_sequence(call: &PluginCall<'_>) -> Result<Rows, String> {
    let (start, end) = (constant_ticks(call, 2, "Start")?, constant_ticks(call, 3, "End")?);
    let window = constant_ticks(call, 4, "MaxWindowSizeBetweenSteps")?;
    let step = positive(constant_ticks(call, 5, "Step")?, "Step")?;
    let paths = paths(call, call.column(6, "StateColumn")?, start, end)?;
    let wanted = sequence(call, 7)?;
    let mut found: BTreeMap<(i64, String, String), HashSet<u32>> = BTreeMap::new();
    for path in paths.steps.chunk_by(|a, b| a.0 == b.0) {
        let mut from = 0;
        while let Some((first, last)) = find(path, &wanted, from, window) {
            let near = |at: Option<&(u32, i64, String)>, other: i64| {
                at.filter(|step| step.1.abs_diff(other) <= window.unsigned_abs())
                    .map_or(String::new(), |step| step.2.clone())
            };
            let before = near(first.checked_sub(1).and_then(|at| path.get(at)), path[first].1);
            let after = near(path.get(last + 1), path[last].1);
            let key = (bin(path[first].1, start, step), before, after);
            found.entry(key).or_default().insert(path[first].0);
            from = last + 1;
        }
    }
    let text = ScalarType::String;
    let mut out = Growing::new(vec![
        paths.line.clone(),
        Column::new("prev", text),
        Column::new("next", text),
        Column::new("dcount", ScalarType::Long),
        Column::new("samples", ScalarType::Dynamic),
    ]);
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|((time, ..), ids)| (*time, std::cmp::Reverse(ids.len())));
    for ((time, before, after), ids) in found {
        let time = at(time, paths.line.ty);
        let count = Value::Long(ids.len() as i64);
        out.push(vec![time, before.into(), after.into(), count, samples(&paths.ids, &ids)]);
    }
    Ok(out.finish())
}

/// Some of the ids as an array.
fn samples(values: &[Value], ids: &HashSet<u32>) -> Value {
    let mut numbers: Vec<u32> = ids.iter().copied().collect();
    numbers.sort_unstable();
    let mut builder = values::dynamic::DynamicBuilder::new();
    builder.begin_array();
    for value in numbers.iter().take(SAMPLES_MAX).filter_map(|n| values.get(*n as usize)) {
        builder.value(value);
    }
    builder.end_array();
    Value::Dynamic(builder.finish())
}

/// How many got how far in a sequence, within each of some periods.
pub(super) fn funnel_sequence_completion(call: &PluginCall<'_>) -> Result<Rows, String> {
    let (start, end) = (constant_ticks(call, 2, "Start")?, constant_ticks(call, 3, "End")?);
    let size = positive(constant_ticks(call, 4, "BinSize")?, "BinSize")?;
    let paths = paths(call, call.column(5, "StateColumn")?, start, end)?;
    let wanted = sequence(call, 6)?;
    let periods: Vec<Value> = match call.constant(7, "MaxSequencePeriods") {
        Some(Value::Dynamic(d)) => d.as_ref().array().map(|item| item.to_scalar()).collect(),
        _ => return Err("argument 8 (MaxSequencePeriods) must be a constant array".to_owned()),
    };
    // (bin, period, number of steps) -> ids
    let mut reached: HashMap<(i64, usize, usize), HashSet<u32>> = HashMap::new();
    let mut bins: Vec<i64> = Vec::new();
    for path in paths.steps.chunk_by(|a, b| a.0 == b.0) {
        for (number, period) in periods.iter().enumerate() {
            let period = ticks(period).unwrap_or(i64::MAX);
            for (first, step) in path.iter().enumerate() {
                if wanted.first() != Some(&step.2) {
                    continue;
                }
                let time = bin(step.1, start, size);
                bins.push(time);
                for steps in 1..=far(path, &wanted, first, period) {
                    reached.entry((time, number, steps)).or_default().insert(step.0);
                }
            }
        }
    }
    bins.sort_unstable();
    bins.dedup();
    let mut out = Growing::new(vec![
        paths.line.clone(),
        paths.state.clone(),
        Column::new(
            "Period",
            periods.first().and_then(Value::scalar_type).unwrap_or(ScalarType::TimeSpan),
        ),
        Column::new("dcount", ScalarType::Long),
    ]);
    for time in bins {
        for (number, period) in periods.iter().enumerate() {
            for (index, state) in wanted.iter().enumerate() {
                let ids = reached.get(&(time, number, index + 1)).map_or(0, HashSet::len);
                let state = Value::from(state.as_str()).cast(paths.state.ty);
                out.push(vec![
                    at(time, paths.line.ty),
                    state,
                    period.clone(),
                    Value::Long(ids as i64),
                ]);
            }
        }
    }
    Ok(out.finish())
}

/// Steps of a sequence that a path completes from a place on within a period.
fn far(path: &[(u32, i64, String)], wanted: &[String], first: usize, period: i64) -> usize {
    let until = path[first].1.saturating_add(period);
    let mut last = first;
    let mut steps = 1;
    for state in wanted.iter().skip(1) {
        let next = (last + 1..path.len())
            .take_while(|at| path[*at].1 <= until)
            .find(|at| path[*at].2 == *state);
        let Some(next) = next else { break };
        last = next;
        steps += 1;
    }
    steps
}
