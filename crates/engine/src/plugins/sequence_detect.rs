//! `sequence_detect(timeline, max_step, max_span, first=..., second=..., dimensions...)`: events that follow one another.

use model::rows::cell;
use model::{Column, Rows, ScalarType, Value};

use arrow_array::Array;
use arrow_array::cast::AsArray;

use super::support::{Growing, at, constant_ticks, groups, ticks, whole};
use super::{PluginCall, PluginValue};

/// Most sequences found.
const FOUND_MAX: usize = 1_000_000;

/// An event: when, and which of the predicates hold.
struct Event {
    time: i64,
    holds: Vec<bool>,
}

pub(super) fn run(call: &PluginCall<'_>) -> Result<Rows, String> {
    let time = call.column(0, "TimelineColumn")?;
    let step = constant_ticks(call, 1, "MaxSequenceStepWindow")?;
    let span = constant_ticks(call, 2, "MaxSequenceSpan")?;
    let schema = &call.rows.schema.columns;
    let (mut predicates, mut dimensions) = (Vec::new(), Vec::new());
    for (number, arg) in call.args.iter().enumerate().skip(3) {
        let PluginValue::Column(column) = arg.value else {
            return Err(format!("argument {} must be a condition or a column", number + 1));
        };
        let is_bool = schema.get(column).is_some_and(|c| c.ty == ScalarType::Bool);
        if is_bool && (arg.name.is_some() || column >= call.width) {
            let name =
                arg.name.as_ref().map_or(format!("Expr{}", predicates.len()), |n| n.to_string());
            predicates.push((name, column));
        } else {
            dimensions.push(column);
        }
    }
    if predicates.is_empty() {
        return Err(
            "at least one condition is expected, such as login=(EventID == 4624)".to_owned()
        );
    }
    let line = schema.get(time).cloned().ok_or("the time line is missing")?;
    let types: Vec<ScalarType> = schema.iter().map(|c| c.ty).collect();
    let batch = whole(call.rows)?;
    let (numbers, keys) = groups(&batch, &types, &dimensions)?;
    let dimension_columns: Vec<Column> =
        dimensions.iter().filter_map(|d| schema.get(*d).cloned()).collect();
    let mut columns = dimension_columns.clone();
    columns
        .extend(predicates.iter().map(|(n, _)| Column::new(format!("{n}_{}", line.name), line.ty)));
    let duration = if line.ty == ScalarType::DateTime { ScalarType::TimeSpan } else { line.ty };
    columns.push(Column::new("Duration", duration));
    let mut out = Growing::new(columns);
    let mut left = FOUND_MAX;
    for (number, mut events) in events(&batch, (time, line.ty), &predicates, &numbers) {
        events.sort_by_key(|e| e.time);
        let mut found = Vec::new();
        follow(&events, predicates.len(), (step, span), &mut Vec::new(), &mut found, &mut left);
        let key: Vec<Value> = keys
            .iter()
            .zip(&dimension_columns)
            .map(|(array, column)| cell(array, column.ty, number as usize))
            .collect();
        for times in found {
            let mut row = key.clone();
            row.extend(times.iter().map(|t| at(*t, line.ty)));
            let length = times.last().copied().unwrap_or(0) - times.first().copied().unwrap_or(0);
            row.push(at(length, duration));
            out.push(row);
        }
    }
    Ok(out.finish())
}

/// Events that meet some predicate, by dimensions.
fn events(
    batch: &model::Batch,
    (time, ty): (usize, ScalarType),
    predicates: &[(String, usize)],
    numbers: &[u32],
) -> Vec<(u32, Vec<Event>)> {
    let mut groups: Vec<(u32, Vec<Event>)> = Vec::new();
    let mut place = std::collections::HashMap::new();
    let Some(times) = batch.columns.get(time) else { return groups };
    for (row, number) in numbers.iter().enumerate() {
        let holds: Vec<bool> = predicates
            .iter()
            .map(|(_, column)| {
                let bools = batch.columns.get(*column).and_then(|c| c.as_boolean_opt());
                bools.is_some_and(|b| b.is_valid(row) && b.value(row))
            })
            .collect();
        let Some(time) = ticks(&cell(times, ty, row)).filter(|_| holds.contains(&true)) else {
            continue;
        };
        let at = *place.entry(*number).or_insert_with(|| {
            groups.push((*number, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(Event { time, holds });
    }
    groups
}

/// All ways to continue a sequence of times.
fn follow(
    events: &[Event],
    length: usize,
    (step, span): (i64, i64),
    so_far: &mut Vec<i64>,
    found: &mut Vec<Vec<i64>>,
    left: &mut usize,
) {
    if so_far.len() == length {
        found.push(so_far.clone());
        *left = left.saturating_sub(1);
        return;
    }
    let (first, last) = (so_far.first().copied(), so_far.last().copied());
    for (index, event) in events.iter().enumerate() {
        let late = last.is_some_and(|l| event.time - l > step)
            || first.is_some_and(|f| event.time - f > span);
        if late || *left == 0 {
            return;
        }
        if event.holds.get(so_far.len()) == Some(&true) {
            so_far.push(event.time);
            follow(
                events.get(index + 1..).unwrap_or_default(),
                length,
                (step, span),
                so_far,
                found,
                left,
            );
            so_far.pop();
        }
    }
}
