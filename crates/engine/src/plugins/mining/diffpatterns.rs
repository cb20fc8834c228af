//! `diffpatterns(split, a, b, weight, threshold, max_dimensions, wildcards...)`: patterns whose share differs between two
//! sets of rows.

use model::rows::cell;
use model::{Rows, ScalarType, Value};

use super::patterns::{Pattern, Table, number, result, weight_column};
use crate::plugins::PluginCall;
use crate::plugins::support::Growing;

/// Most patterns shown.
const SHOWN_MAX: usize = 100;

pub(in crate::plugins) fn run(call: &PluginCall<'_>) -> Result<Rows, String> {
    let split = call.column(0, "SplitColumn")?;
    let text = |at: usize, name: &str| {
        call.constant(at, name)
            .map(ToString::to_string)
            .ok_or_else(|| format!("argument {} ({name}) must be a constant", at + 1))
    };
    let (a, b) = (text(1, "SplitValueA")?, text(2, "SplitValueB")?);
    let weight = weight_column(call, 3)?;
    let threshold = number(call, 4, "Threshold", 0.05);
    let dimensions = number(call, 5, "MaxDimensions", 5.0).max(1.0) as usize;
    let ty = call.rows.schema.columns.get(split).map_or(ScalarType::String, |c| c.ty);
    let table = Table::new(call, &[split], weight, 6, |batch, row| {
        let value = cell(batch.columns.get(split)?, ty, row).to_string();
        if value == a { Some(true) } else { (value == b).then_some(false) }
    })?;
    let share = |pattern: &Pattern| {
        let of = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        (of(pattern.weight.0, table.totals.0), of(pattern.weight.1, table.totals.1))
    };
    let difference = |pattern: &Pattern| (share(pattern).0 - share(pattern).1).abs();
    let totals = table.totals;
    let frequent = |w: (f64, f64)| {
        (w.0 > 0.0 && w.0 >= threshold * totals.0) || (w.1 > 0.0 && w.1 >= threshold * totals.1)
    };
    let mut patterns = table.frequent(dimensions, frequent);
    patterns.retain(|p| difference(p) >= threshold);
    patterns.sort_by(|x, y| {
        difference(y).total_cmp(&difference(x)).then_with(|| y.fixed().cmp(&x.fixed()))
    });
    let mut shown: Vec<Pattern> = Vec::new();
    for pattern in patterns {
        // of patterns inside one another the one that differs most is enough
        let inside = shown.iter().any(|s| s.contains(&pattern) || pattern.contains(s));
        if !inside && shown.len() < SHOWN_MAX {
            shown.push(pattern);
        }
    }
    let measures = [
        ("CountA", ScalarType::Long),
        ("CountB", ScalarType::Long),
        ("PercentA", ScalarType::Real),
        ("PercentB", ScalarType::Real),
        ("PercentDiffAB", ScalarType::Real),
    ];
    let mut out = Growing::new(result(&table, &measures));
    let percent = |share: f64| Value::Real((share * 10_000.0).round() / 100.0);
    for (id, pattern) in (0..).zip(&shown) {
        let (in_a, in_b) = share(pattern);
        let mut row = vec![Value::Long(id)];
        row.push(Value::Long(pattern.weight.0.round() as i64));
        row.push(Value::Long(pattern.weight.1.round() as i64));
        row.extend([percent(in_a), percent(in_b), percent((in_a - in_b).abs())]);
        row.extend(table.cells(pattern));
        out.push(row);
    }
    Ok(out.finish())
}
