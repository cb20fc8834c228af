//! `autocluster(size_weight, weight, seeds, wildcards...)`: a few patterns that together describe most rows.
//!
//! Candidates are all frequent patterns; the best is taken, its rows are set aside, and so on. Better is what covers more
//! of the remaining rows and fixes more columns; the size weight shifts between the two.

use model::{Rows, ScalarType, Value};

use super::patterns::{Pattern, Table, number, result, weight_column};
use crate::plugins::PluginCall;
use crate::plugins::support::Growing;

/// Share of the rows below which a pattern is no candidate, and a segment not worth showing.
const LEAST: f64 = 0.02;
/// Columns that a candidate fixes at the most.
const DIMENSIONS: usize = 6;

pub(in crate::plugins) fn run(call: &PluginCall<'_>) -> Result<Rows, String> {
    let size_weight = number(call, 0, "SizeWeight", 0.5).clamp(0.0, 1.0);
    let weight = weight_column(call, 1)?;
    let segments = number(call, 2, "NumSeeds", 25.0).clamp(1.0, 100.0) as usize;
    let table = Table::new(call, &[], weight, 3, |_, _| Some(true))?;
    let least = LEAST * table.totals.0;
    let candidates = table.frequent(DIMENSIONS, |w| w.0 > 0.0 && w.0 >= least);
    let measures = [("Count", ScalarType::Long), ("Percent", ScalarType::Real)];
    let mut out = Growing::new(result(&table, &measures));
    for (id, pattern) in (0..).zip(choose(&table, &candidates, size_weight, segments)) {
        let mut row = vec![Value::Long(id), Value::Long(pattern.weight.0.round() as i64)];
        row.push(Value::Real(100.0 * pattern.weight.0 / table.totals.0));
        row.extend(table.cells(pattern));
        out.push(row);
    }
    Ok(out.finish())
}

/// The best pattern of the rows left, again and again.
fn choose<'p>(
    table: &Table,
    candidates: &'p [Pattern],
    size_weight: f64,
    segments: usize,
) -> Vec<&'p Pattern> {
    let columns = table.columns.len().max(1) as f64;
    let mut left: Vec<bool> = vec![true; table.rows.len()];
    let mut chosen = Vec::new();
    while chosen.len() < segments {
        let score = |pattern: &Pattern| {
            let rows = table.rows.iter().zip(&left);
            let fresh: f64 =
                rows.filter(|(r, left)| **left && pattern.matches(&r.0)).map(|(r, _)| r.1).sum();
            let share = fresh / table.totals.0;
            if share < LEAST {
                return 0.0;
            }
            let detail = pattern.fixed() as f64 / columns;
            share.powf(2.0 * size_weight) * detail.powf(2.0 * (1.0 - size_weight))
        };
        let scores = candidates.iter().map(|p| (score(p), p));
        let Some((best, pattern)) = scores.max_by(|a, b| a.0.total_cmp(&b.0)) else { break };
        if best <= 0.0 {
            break;
        }
        for (row, left) in table.rows.iter().zip(&mut left) {
            *left &= !pattern.matches(&row.0);
        }
        chosen.push(pattern);
    }
    chosen.sort_by(|a, b| b.weight.0.total_cmp(&a.weight.0));
    chosen
}
