//! Who comes back: `active_users_count`, `activity_metrics`, `activity_counts_metrics`, `activity_engagement`,
//! `new_activity_metrics`, `session_count`, `sliding_window_counts`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use model::{Column, Rows, ScalarType, Value};

use super::support::{Events, Growing, at, bin, columns_from, constant_ticks, positive, ticks};
use super::{PluginCall, PluginValue};

const LONG: ScalarType = ScalarType::Long;
const REAL: ScalarType = ScalarType::Real;

/// Bins and who was seen in them.
type Bins = BTreeMap<i64, BTreeSet<u32>>;

fn bins(events: &[(u32, u32, i64)], start: i64, step: i64) -> Bins {
    let mut bins = Bins::new();
    for (_, id, time) in events {
        bins.entry(bin(*time, start, step)).or_default().insert(*id);
    }
    bins
}

/// Columns: the time line, the dimensions, then these.
fn table(events: &Events, measures: &[(&str, ScalarType)]) -> Growing {
    let mut columns = vec![events.line.clone()];
    columns.extend(events.dimensions.iter().cloned());
    columns.extend(measures.iter().map(|(name, ty)| Column::new(name, *ty)));
    Growing::new(columns)
}

fn row(events: &Events, dimension: u32, time: i64, measures: Vec<Value>) -> Vec<Value> {
    let mut row = vec![at(time, events.line.ty)];
    row.extend(events.key(dimension));
    row.extend(measures);
    row
}

fn count(n: usize) -> Value {
    Value::Long(n as i64)
}

fn ratio(part: usize, whole: usize) -> Value {
    Value::Real(part as f64 / whole as f64)
}

/// Users seen in at least so many periods of the look-back window that ends with some period of the bin.
pub(super) fn active_users_count(call: &PluginCall<'_>) -> Result<Rows, String> {
    let (start, end) = (constant_ticks(call, 2, "Start")?, constant_ticks(call, 3, "End")?);
    let lookback = positive(constant_ticks(call, 4, "LookbackWindow")?, "LookbackWindow")?;
    let period = positive(constant_ticks(call, 5, "Period")?, "Period")?;
    let wanted = constant_ticks(call, 6, "ActivePeriods")?;
    let step = positive(constant_ticks(call, 7, "Step")?, "Step")?;
    let bounds = (start.saturating_sub(lookback), end);
    let events = Events::new(call, Some(bounds), &columns_from(call, 8))?;
    let mut out = table(&events, &[("dcount", LONG)]);
    for events_of in events.by_dimension() {
        let mut active = Bins::new();
        for user in events_of.chunk_by(|a, b| a.1 == b.1) {
            let mut periods: Vec<i64> = user.iter().map(|e| bin(e.2, start, period)).collect();
            periods.dedup();
            for (index, last) in periods.iter().enumerate() {
                let window = periods.get(..=index).unwrap_or_default();
                let seen = window.iter().filter(|p| **p > last.saturating_sub(lookback)).count();
                if seen as i64 >= wanted && *last >= start {
                    active.entry(bin(*last, start, step)).or_default().insert(user[0].1);
                }
            }
        }
        for (time, users) in active {
            out.push(row(&events, events_of[0].0, time, vec![count(users.len())]));
        }
    }
    Ok(out.finish())
}

/// Values that are new, returning or lost, bin by bin.
pub(super) fn activity_metrics(call: &PluginCall<'_>) -> Result<Rows, String> {
    // with a window alone, or with the ends before it
    let ends = call.args.len() > 3;
    let window = positive(constant_ticks(call, if ends { 4 } else { 2 }, "Window")?, "Window")?;
    let bounds = if ends {
        Some((constant_ticks(call, 2, "Start")?, constant_ticks(call, 3, "End")?))
    } else {
        None
    };
    let events = Events::new(call, bounds, &columns_from(call, if ends { 5 } else { 3 }))?;
    let start = bounds.map_or(0, |b| b.0);
    let measures = [
        ("dcount_values", LONG),
        ("dcount_newvalues", LONG),
        ("retention_rate", REAL),
        ("churn_rate", REAL),
    ];
    let mut out = table(&events, &measures);
    let nobody = BTreeSet::new();
    for events_of in events.by_dimension() {
        let bins = bins(events_of, start, window);
        let mut known: HashSet<u32> = HashSet::new();
        for (time, users) in &bins {
            let before = bins.get(&time.saturating_sub(window)).unwrap_or(&nobody);
            let new = users.iter().filter(|u| known.insert(**u)).count();
            let kept = users.intersection(before).count();
            let measures = vec![
                count(users.len()),
                count(new),
                ratio(kept, before.len()),
                ratio(before.len() - kept, before.len()),
            ];
            out.push(row(&events, events_of[0].0, *time, measures));
        }
    }
    Ok(out.finish())
}

/// Events, values, new values and values so far.
pub(super) fn activity_counts_metrics(call: &PluginCall<'_>) -> Result<Rows, String> {
    let (start, end) = (constant_ticks(call, 2, "Start")?, constant_ticks(call, 3, "End")?);
    let step = positive(constant_ticks(call, 4, "Step")?, "Step")?;
    let events = Events::new(call, Some((start, end)), &columns_from(call, 5))?;
    let measures =
        [("count", LONG), ("dcount", LONG), ("new_dcount", LONG), ("aggregated_dcount", LONG)];
    let mut out = table(&events, &measures);
    for events_of in events.by_dimension() {
        let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
        for event in events_of {
            *counts.entry(bin(event.2, start, step)).or_default() += 1;
        }
        let mut known: HashSet<u32> = HashSet::new();
        for (time, users) in bins(events_of, start, step) {
            let new = users.iter().filter(|u| known.insert(**u)).count();
            let all = counts.get(&time).copied().unwrap_or(0);
            let measures = vec![count(all), count(users.len()), count(new), count(known.len())];
            out.push(row(&events, events_of[0].0, time, measures));
        }
    }
    Ok(out.finish())
}

/// Values of an inner window against those of a longer one that ends with it.
pub(super) fn activity_engagement(call: &PluginCall<'_>) -> Result<Rows, String> {
    let ends = call.args.len() > 4;
    let place = if ends { 4 } else { 2 };
    let inner =
        positive(constant_ticks(call, place, "InnerActivityWindow")?, "InnerActivityWindow")?;
    let outer =
        positive(constant_ticks(call, place + 1, "OuterActivityWindow")?, "OuterActivityWindow")?;
    let bounds = if ends {
        Some((constant_ticks(call, 2, "Start")?, constant_ticks(call, 3, "End")?))
    } else {
        None
    };
    let start = bounds.map_or(0, |b| b.0);
    // values of the outer window count from before the start
    let reach = bounds.map(|(start, end)| (start.saturating_sub(outer), end));
    let events = Events::new(call, reach, &columns_from(call, place + 2))?;
    let measures = [
        ("dcount_activities_inner", LONG),
        ("dcount_activities_outer", LONG),
        ("activity_ratio", REAL),
    ];
    let mut out = table(&events, &measures);
    for events_of in events.by_dimension() {
        let bins = bins(events_of, start, inner);
        for (time, users) in bins.range(bounds.map_or(i64::MIN, |b| b.0)..) {
            let from = time.saturating_add(inner).saturating_sub(outer);
            let wide: BTreeSet<u32> =
                bins.range(from..=*time).flat_map(|(_, users)| users.iter().copied()).collect();
            let measures =
                vec![count(users.len()), count(wide.len()), ratio(users.len(), wide.len())];
            out.push(row(&events, events_of[0].0, *time, measures));
        }
    }
    Ok(out.finish())
}

/// Cohorts of new values and how many of them are seen again.
pub(super) fn new_activity_metrics(call: &PluginCall<'_>) -> Result<Rows, String> {
    let (start, end) = (constant_ticks(call, 2, "Start")?, constant_ticks(call, 3, "End")?);
    let window = positive(constant_ticks(call, 4, "Window")?, "Window")?;
    let cohort = call.constant(5, "Cohort").and_then(ticks).map(|c| bin(c, start, window));
    let dimensions = columns_from(call, 5);
    let events = Events::new(call, Some((start, end)), &dimensions)?;
    let known_before = seen_before(call)?;
    let line = &events.line;
    let mut columns = vec![
        Column::new(format!("from_{}", line.name), line.ty),
        Column::new(format!("to_{}", line.name), line.ty),
        Column::new("dcount_new_values", LONG),
        Column::new("dcount_retained_values", LONG),
        Column::new("dcount_churn_values", LONG),
        Column::new("retention_rate", REAL),
        Column::new("churn_rate", REAL),
    ];
    columns.extend(events.dimensions.iter().cloned());
    let mut out = Growing::new(columns);
    let old = |id: u32| known_before.contains(&id);
    for events_of in events.by_dimension() {
        let bins = bins(events_of, start, window);
        let mut known: HashSet<u32> = HashSet::new();
        for (from, users) in &bins {
            let new: Vec<u32> =
                users.iter().copied().filter(|u| known.insert(*u) && !old(*u)).collect();
            if new.is_empty() || cohort.is_some_and(|c| c != *from) {
                continue;
            }
            for (to, later) in bins.range(from..) {
                let kept = new.iter().filter(|u| later.contains(u)).count();
                let lost = new.len() - kept;
                let mut row = vec![at(*from, line.ty), at(*to, line.ty)];
                row.extend([count(new.len()), count(kept), count(lost)]);
                row.extend([ratio(kept, new.len()), ratio(lost, new.len())]);
                row.extend(events.key(events_of[0].0));
                out.push(row);
            }
        }
    }
    Ok(out.finish())
}

/// Ids of the input that the look-back table has too.
fn seen_before(call: &PluginCall<'_>) -> Result<HashSet<u32>, String> {
    let lookback = call.args.iter().find_map(|arg| match &arg.value {
        PluginValue::Table(rows) => Some(rows),
        _ => None,
    });
    let Some(lookback) = lookback else { return Ok(HashSet::new()) };
    let id = call.column(0, "IdColumn")?;
    let schema = &call.rows.schema.columns;
    let column = schema.get(id).ok_or("the id column is missing")?;
    let Some(theirs) = lookback.schema.position(&column.name) else {
        return Err(format!("the look-back table has no column '{}'", column.name));
    };
    let mut seen: HashSet<String> = HashSet::new();
    for batch in &lookback.batches {
        let cells = batch.columns.get(theirs).into_iter();
        seen.extend(cells.flat_map(|array| {
            (0..batch.rows).map(|row| model::rows::cell(array, column.ty, row).to_string())
        }));
    }
    let types: Vec<ScalarType> = schema.iter().map(|c| c.ty).collect();
    let (_, keys) = super::support::groups(&super::support::whole(call.rows)?, &types, &[id])?;
    let mut ids = HashSet::new();
    for array in keys {
        for row in 0..array.len() {
            if seen.contains(&model::rows::cell(&array, column.ty, row).to_string()) {
                ids.insert(row as u32);
            }
        }
    }
    Ok(ids)
}

/// Sessions: an event starts one when the same id was not seen within the look-back window.
pub(super) fn session_count(call: &PluginCall<'_>) -> Result<Rows, String> {
    let (start, end) = (constant_ticks(call, 2, "Start")?, constant_ticks(call, 3, "End")?);
    let step = positive(constant_ticks(call, 4, "Bin")?, "Bin")?;
    let lookback = constant_ticks(call, 5, "LookBackWindow")?;
    let events = Events::new(call, Some((start, end)), &columns_from(call, 6))?;
    let mut out = table(&events, &[("count_sessions", LONG)]);
    for events_of in events.by_dimension() {
        let mut sessions: BTreeMap<i64, usize> = BTreeMap::new();
        let mut last: HashMap<u32, i64> = HashMap::new();
        for (_, id, time) in events_of {
            let before = last.insert(*id, *time);
            if before.is_none_or(|before| time.saturating_sub(before) > lookback) {
                *sessions.entry(bin(*time, start, step)).or_default() += 1;
            }
        }
        for (time, n) in sessions {
            out.push(row(&events, events_of[0].0, time, vec![count(n)]));
        }
    }
    Ok(out.finish())
}

/// Events and distinct values of a window that slides bin by bin and ends with the bin.
pub(super) fn sliding_window_counts(call: &PluginCall<'_>) -> Result<Rows, String> {
    let (start, end) = (constant_ticks(call, 2, "Start")?, constant_ticks(call, 3, "End")?);
    let lookback = positive(constant_ticks(call, 4, "LookBackWindow")?, "LookBackWindow")?;
    let step = positive(constant_ticks(call, 5, "Step")?, "Step")?;
    let reach = start.saturating_sub(lookback);
    let events =
        Events::new(call, Some((reach, end.saturating_add(step))), &columns_from(call, 6))?;
    let mut out = table(&events, &[("Count", LONG), ("Dcount", LONG)]);
    let steps = end.saturating_sub(start).div_euclid(step);
    if steps > 100_000 {
        return Err("more than 100,000 bins; take a larger step".to_owned());
    }
    for events_of in events.by_dimension() {
        for time in (0..=steps).map(|n| start.saturating_add(n.saturating_mul(step))) {
            let until = time.saturating_add(step);
            let inside =
                events_of.iter().filter(|e| e.2 < until && e.2 >= until.saturating_sub(lookback));
            let users: HashSet<u32> = inside.clone().map(|e| e.1).collect();
            if !users.is_empty() {
                let measures = vec![count(inside.count()), count(users.len())];
                out.push(row(&events, events_of[0].0, time, measures));
            }
        }
    }
    Ok(out.finish())
}
