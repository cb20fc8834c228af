//! `basket(threshold, weight, max_dimensions, wildcards...)`: all frequent patterns.

use model::{Rows, ScalarType, Value};

use super::patterns::{Table, number, result, weight_column};
use crate::plugins::PluginCall;
use crate::plugins::support::Growing;

pub(in crate::plugins) fn run(call: &PluginCall<'_>) -> Result<Rows, String> {
    let threshold = number(call, 0, "Threshold", 0.05);
    let weight = weight_column(call, 1)?;
    let dimensions = number(call, 2, "MaxDimensions", 5.0).max(1.0) as usize;
    let table = Table::new(call, &[], weight, 3, |_, _| Some(true))?;
    let least = threshold * table.totals.0;
    let mut patterns = table.frequent(dimensions, |w| w.0 > 0.0 && w.0 >= least);
    // the most frequent first, of equal ones the one that says more
    patterns
        .sort_by(|a, b| b.weight.0.total_cmp(&a.weight.0).then_with(|| b.fixed().cmp(&a.fixed())));
    let measures = [("Count", ScalarType::Long), ("Percent", ScalarType::Real)];
    let mut out = Growing::new(result(&table, &measures));
    for (id, pattern) in (0..).zip(&patterns) {
        let mut row = vec![Value::Long(id), Value::Long(pattern.weight.0.round() as i64)];
        row.push(Value::Real(100.0 * pattern.weight.0 / table.totals.0));
        row.extend(table.cells(pattern));
        out.push(row);
    }
    Ok(out.finish())
}
