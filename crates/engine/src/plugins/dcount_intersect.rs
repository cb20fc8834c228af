//! `dcount_intersect(hll1, hll2, ...)`: beside each row the sizes of the first set, of its intersection with the second, ...

use std::sync::Arc;

use model::rows::cell;
use model::{Column, Rows, ScalarType, Value};

use super::PluginCall;
use super::support::{Growing, columns_from};
use crate::aggregates::sketch::Hll;

pub(super) fn run(call: &PluginCall<'_>) -> Result<Rows, String> {
    let columns = columns_from(call, 0);
    if !(2..=16).contains(&columns.len()) {
        return Err("2 to 16 columns of hll() values are expected".to_owned());
    }
    let own = call.rows.schema.columns.iter().take(call.width);
    let names = (0..columns.len()).map(|at| Column::new(format!("s{at}"), ScalarType::Long));
    let mut out = Growing::new(own.cloned().chain(names).collect());
    for batch in &call.rows.batches {
        for row in 0..batch.rows {
            let sets: Option<Vec<Hll>> = columns
                .iter()
                .map(|at| match cell(batch.columns.get(*at)?, ScalarType::Dynamic, row) {
                    Value::Dynamic(d) => Hll::from_dynamic(d.as_ref()),
                    _ => None,
                })
                .collect();
            let cells = call.rows.schema.columns.iter().zip(&batch.columns).take(call.width);
            let mut values: Vec<Value> = cells.map(|(c, a)| cell(a, c.ty, row)).collect();
            match sets {
                Some(sets) => values.extend((1..=sets.len()).map(|n| intersection(&sets[..n]))),
                None => values.extend(vec![Value::Null; columns.len()]),
            }
            out.push(values);
        }
    }
    let rows = out.finish();
    Ok(Rows { schema: Arc::clone(&rows.schema), batches: rows.batches })
}

/// Size of the intersection: exact while the sets are, else by inclusion and exclusion.
fn intersection(sets: &[Hll]) -> Value {
    if let Some(exact) = Hll::common(sets) {
        return Value::Long(exact);
    }
    let mut sum = 0;
    for members in 1..1_u32 << sets.len() {
        let chosen = sets.iter().enumerate().filter(|(at, _)| members & (1 << at) != 0);
        let union = chosen.map(|(_, set)| set.clone()).reduce(|mut all, set| {
            all.merge(set);
            all
        });
        let size = union.map_or(0, |u| u.count());
        sum += if members.count_ones() % 2 == 1 { size } else { -size };
    }
    Value::Long(sum.max(0))
}
