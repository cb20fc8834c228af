//! `bag_unpack(column, prefix, columnsConflict, ignoredProperties)`: a column for each key of a property bag.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use model::{Batch, Column, ColumnBuilder, Rows, ScalarType, Schema, Value};
use values::DynamicRef;
use values::dynamic::Kind;

use super::PluginCall;

/// Most columns made of one bag.
const COLUMNS_MAX: usize = 2_000;

/// Bytes of a cell.
const CELL: usize = 16;

/// What happens to a key that is a column already.
#[derive(Clone, Copy, PartialEq)]
enum Conflict {
    Error,
    ReplaceSource,
    KeepSource,
}

/// A column in the making.
struct Found {
    key: Arc<str>,
    ty: Option<ScalarType>,
}

/// A column of the result.
enum Slot {
    /// One of the input.
    Kept(usize),
    /// One of the bag.
    Made(Arc<str>, Found),
}

pub(super) fn run(call: &PluginCall<'_>) -> Result<Rows, String> {
    let bag = call.column(0, "column")?;
    let prefix = call.constant(1, "column_prefix").and_then(Value::as_str).unwrap_or("");
    let conflict = match call.constant(2, "columnsConflict").and_then(Value::as_str) {
        None | Some("" | "error") => Conflict::Error,
        Some("replace_source") => Conflict::ReplaceSource,
        Some("keep_source") => Conflict::KeepSource,
        Some(other) => {
            return Err(format!(
                "columnsConflict '{other}' is unknown; use error, replace_source or keep_source"
            ));
        }
    };
    let ignored: HashSet<String> = match call.constant(3, "ignoredProperties") {
        Some(Value::Dynamic(d)) => {
            d.as_ref().array().filter_map(|e| e.as_str()).map(str::to_owned).collect()
        }
        _ => HashSet::new(),
    };
    let mut found = keys(call, bag, &ignored)?;
    found.sort_by(|a, b| a.key.cmp(&b.key));
    let own: Vec<usize> = (0..call.width).filter(|i| *i != bag).collect();
    let taken =
        |name: &str| own.iter().copied().find(|i| *call.rows.schema.columns[*i].name == *name);
    let mut slots: Vec<Slot> = own.iter().map(|at| Slot::Kept(*at)).collect();
    for f in found {
        let name = format!("{prefix}{}", f.key);
        match (taken(&name), conflict) {
            (None, _) => slots.push(Slot::Made(Arc::from(name), f)),
            (Some(_), Conflict::KeepSource) => {}
            (Some(at), Conflict::ReplaceSource) => {
                let own = slots.iter_mut().find(|s| matches!(s, Slot::Kept(k) if *k == at));
                if let Some(slot) = own {
                    *slot = Slot::Made(Arc::from(name), f);
                }
            }
            (Some(_), Conflict::Error) => {
                return Err(format!(
                    "bag_unpack: the key '{name}' is a column already; give a prefix, or columnsConflict='replace_source' or 'keep_source'"
                ));
            }
        }
    }
    super::support::fits("bag_unpack", call.rows.len(), slots.len(), CELL, call.memory_max)?;
    let columns = slots
        .iter()
        .map(|slot| match slot {
            Slot::Kept(at) => call.rows.schema.columns[*at].clone(),
            Slot::Made(name, found) => Column::new(name, found.ty.unwrap_or(ScalarType::Dynamic)),
        })
        .collect();
    let batches = call.rows.batches.iter().map(|b| unpack(b, bag, &slots)).collect();
    Ok(Rows { schema: Arc::new(Schema { columns }), batches })
}

/// All keys with the type that holds all of their values.
fn keys(
    call: &PluginCall<'_>,
    bag: usize,
    ignored: &HashSet<String>,
) -> Result<Vec<Found>, String> {
    let mut found: Vec<Found> = Vec::new();
    let mut at = std::collections::HashMap::<Arc<str>, usize>::new();
    for batch in &call.rows.batches {
        each_bag(batch, bag, |_, bag| {
            for (key, value) in bag.object() {
                if value.is_null() || ignored.contains(key) {
                    continue;
                }
                let ty = type_of(value);
                match at.get(key) {
                    Some(i) => {
                        let known = &mut found[*i].ty;
                        *known = Some(known.map_or(ty, |k| join(k, ty)));
                    }
                    None => {
                        let key: Arc<str> = Arc::from(key);
                        at.insert(Arc::clone(&key), found.len());
                        found.push(Found { key, ty: Some(ty) });
                    }
                }
            }
        });
        if found.len() > COLUMNS_MAX {
            return Err(format!(
                "bag_unpack: the bags have more than {COLUMNS_MAX} keys; filter or project before it"
            ));
        }
    }
    Ok(found)
}

fn each_bag(batch: &Batch, column: usize, mut f: impl FnMut(usize, DynamicRef<'_>)) {
    let Some(array) = batch.columns.get(column).and_then(|c| c.as_binary_view_opt()) else {
        return;
    };
    for row in 0..batch.rows {
        if !array.is_null(row) {
            let value = DynamicRef::new(array.value(row));
            if value.kind() == Kind::Object {
                f(row, value);
            }
        }
    }
}

fn type_of(value: DynamicRef<'_>) -> ScalarType {
    if value.as_bool().is_some() {
        ScalarType::Bool
    } else if value.as_str().is_some() {
        ScalarType::String
    } else if value.as_i64().is_some() {
        ScalarType::Long
    } else if value.as_datetime().is_some() {
        ScalarType::DateTime
    } else if value.as_timespan().is_some() {
        ScalarType::TimeSpan
    } else if value.as_guid().is_some() {
        ScalarType::Guid
    } else if value.is_container() {
        ScalarType::Dynamic
    } else {
        ScalarType::Real
    }
}

/// The type that holds both.
fn join(a: ScalarType, b: ScalarType) -> ScalarType {
    match (a, b) {
        (a, b) if a == b => a,
        (ScalarType::Long, ScalarType::Real) | (ScalarType::Real, ScalarType::Long) => {
            ScalarType::Real
        }
        _ => ScalarType::Dynamic,
    }
}

fn unpack(batch: &Batch, bag: usize, slots: &[Slot]) -> Batch {
    let made = |f: &Found| {
        let ty = f.ty.unwrap_or(ScalarType::Dynamic);
        let mut builder = ColumnBuilder::new(ty, batch.rows);
        let mut next = 0;
        each_bag(batch, bag, |row, value| {
            (next..row).for_each(|_| builder.push_null());
            match value.get(&f.key).filter(|v| !v.is_null()) {
                Some(v) => builder.push(&Value::Dynamic(v.to_owned()).cast(ty)),
                None => builder.push_null(),
            }
            next = row + 1;
        });
        (next..batch.rows).for_each(|_| builder.push_null());
        builder.finish()
    };
    let columns = slots
        .iter()
        .map(|slot| match slot {
            Slot::Kept(at) => Arc::clone(&batch.columns[*at]),
            Slot::Made(_, found) => made(found),
        })
        .collect();
    Batch { columns, rows: batch.rows }
}
