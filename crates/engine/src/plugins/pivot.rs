//! `pivot(column, aggregate, columns...)`: a column for each value of the pivot column.
//!
//! The binder groups by the other columns and the pivot column first; here the groups are laid out side by side.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Column, Rows, ScalarType, Schema, Value};

/// Most columns made of one pivot.
const COLUMNS_MAX: usize = 10_000;

/// Bytes of a cell while the table is made: as a value, and in its column.
const CELL: usize = 48;

/// Rows of (keys..., pivot value, aggregate) become rows of (keys..., one column a pivot value). `empty` fills absent cells.
pub(crate) fn widen(
    groups: &Rows,
    keys: usize,
    empty: &Value,
    memory_max: usize,
) -> Result<Rows, String> {
    let ty = groups.schema.columns.get(keys + 1).map_or(ScalarType::Long, |c| c.ty);
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut name_at: HashMap<Arc<str>, usize> = HashMap::new();
    let mut rows: Vec<(Vec<Value>, Vec<Value>)> = Vec::new();
    let mut row_at: HashMap<String, usize> = HashMap::new();
    for mut values in groups.values() {
        let (Some(value), Some(pivot)) = (values.pop(), values.pop()) else { continue };
        let name: Arc<str> = Arc::from(pivot.cast(ScalarType::String).as_str().unwrap_or(""));
        let column = *name_at.entry(Arc::clone(&name)).or_insert_with(|| {
            names.push(name);
            names.len() - 1
        });
        if names.len() > COLUMNS_MAX {
            return Err(format!(
                "pivot: the column has more than {COLUMNS_MAX} values; filter before it"
            ));
        }
        let key = format!("{values:?}");
        let row = *row_at.entry(key).or_insert_with(|| {
            rows.push((values, Vec::new()));
            rows.len() - 1
        });
        // cells lie as far as the last value met: half of them when values come one after the other
        if row.is_multiple_of(1024) {
            super::support::fits("pivot", rows.len() / 2, keys + names.len(), CELL, memory_max)?;
        }
        let cells = &mut rows[row].1;
        if cells.len() <= column {
            cells.resize(column + 1, empty.clone());
        }
        cells[column] = value;
    }
    super::support::fits("pivot", rows.len(), keys + names.len(), CELL, memory_max)?;
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|a, b| names[*a].cmp(&names[*b]));
    let mut columns: Vec<Column> = groups.schema.columns.iter().take(keys).cloned().collect();
    columns.extend(order.iter().map(|i| Column::new(&names[*i], ty)));
    let wide = rows.into_iter().map(|(mut keys, cells)| {
        keys.extend(order.iter().map(|i| cells.get(*i).unwrap_or(empty).clone()));
        keys
    });
    Ok(Rows::from_values(Arc::new(Schema { columns }), wide))
}
