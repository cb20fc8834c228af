//! Rows as codes, and the patterns that enough of them follow.

use std::collections::HashMap;

use arrow_array::ArrayRef;
use model::rows::cell;
use model::{Column, ScalarType, Value};

use crate::plugins::support::{fits, groups, ticks, whole};
use crate::plugins::{PluginCall, PluginValue};

/// Most patterns that are looked at.
const PATTERNS_MAX: usize = 200_000;

/// Bytes of a cell: its code, its value, and its part of the row.
const CELL: usize = 96;

/// Distinct rows of the columns that patterns are made of.
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    /// The values of each column by code.
    keys: Vec<ArrayRef>,
    /// (codes, weight in the first set, weight in the second)
    pub(super) rows: Vec<(Vec<u32>, f64, f64)>,
    pub(super) totals: (f64, f64),
    /// What an open column shows, by type.
    wildcards: HashMap<ScalarType, Value>,
}

/// A pattern and its weights.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// One entry a column; none where it is open.
    pub(super) codes: Vec<Option<u32>>,
    pub(super) weight: (f64, f64),
}

impl Pattern {
    pub(super) fn fixed(&self) -> usize {
        self.codes.iter().flatten().count()
    }

    /// True where every row of `other` is one of this pattern's.
    pub(super) fn contains(&self, other: &Self) -> bool {
        self.codes.iter().zip(&other.codes).all(|(mine, theirs)| mine.is_none() || mine == theirs)
    }

    pub(super) fn matches(&self, row: &[u32]) -> bool {
        self.codes.iter().zip(row).all(|(code, value)| code.is_none_or(|c| c == *value))
    }
}

/// The weight column of a call; `~` stands for none.
pub(super) fn weight_column(call: &PluginCall<'_>, at: usize) -> Result<Option<usize>, String> {
    match call.argument(at, "WeightColumn") {
        Some(PluginValue::Column(column)) => Ok(Some(*column)),
        Some(PluginValue::Constant(Value::String(text), _)) if &**text == "~" => Ok(None),
        None => Ok(None),
        Some(_) => Err(format!("argument {} must be a column of weights or '~'", at + 1)),
    }
}

/// A number argument; `~` and nothing stand for the default.
pub(super) fn number(call: &PluginCall<'_>, at: usize, name: &str, default: f64) -> f64 {
    call.constant(at, name).and_then(Value::as_f64).unwrap_or(default)
}

impl Table {
    /// The columns of a call but for those in `without`. `set` tells for a row to which of two sets it belongs.
    pub(super) fn new(
        call: &PluginCall<'_>,
        without: &[usize],
        weight: Option<usize>,
        wildcards_from: usize,
        set: impl Fn(&model::Batch, usize) -> Option<bool>,
    ) -> Result<Self, String> {
        let schema = &call.rows.schema.columns;
        let types: Vec<ScalarType> = schema.iter().map(|c| c.ty).collect();
        let used: Vec<usize> =
            (0..call.width).filter(|at| !without.contains(at) && weight != Some(*at)).collect();
        fits("patterns", call.rows.len(), used.len(), CELL, call.memory_max)?;
        let batch = whole(call.rows)?;
        let mut codes = Vec::with_capacity(used.len());
        let mut keys = Vec::with_capacity(used.len());
        for column in &used {
            let (numbers, mut values) = groups(&batch, &types, &[*column])?;
            codes.push(numbers);
            keys.extend(values.pop());
        }
        let mut place: HashMap<Vec<u32>, usize> = HashMap::new();
        let mut table = Self {
            columns: used.iter().filter_map(|at| schema.get(*at).cloned()).collect(),
            keys,
            rows: Vec::new(),
            totals: (0.0, 0.0),
            wildcards: wildcards(call, wildcards_from),
        };
        for row in 0..batch.rows {
            let Some(first) = set(&batch, row) else { continue };
            let of = |at: usize| Some(cell(batch.columns.get(at)?, *types.get(at)?, row));
            let weight = match weight.and_then(of) {
                Some(value) => value.as_f64().or(ticks(&value).map(|t| t as f64)).unwrap_or(0.0),
                None => 1.0,
            };
            let key: Vec<u32> = codes.iter().filter_map(|c| c.get(row).copied()).collect();
            let at = *place.entry(key).or_insert_with_key(|key| {
                table.rows.push((key.clone(), 0.0, 0.0));
                table.rows.len() - 1
            });
            let sums = (if first { weight } else { 0.0 }, if first { 0.0 } else { weight });
            if let Some(row) = table.rows.get_mut(at) {
                row.1 += sums.0;
                row.2 += sums.1;
            }
            table.totals.0 += sums.0;
            table.totals.1 += sums.1;
        }
        Ok(table)
    }

    /// All patterns of up to `dimensions` columns that are frequent, and the frequent patterns inside of them.
    pub(super) fn frequent(
        &self,
        dimensions: usize,
        frequent: impl Fn((f64, f64)) -> bool,
    ) -> Vec<Pattern> {
        let mut found = Vec::new();
        let all: Vec<usize> = (0..self.rows.len()).collect();
        let open = vec![None; self.columns.len()];
        self.extend(&all, 0, dimensions, &open, &frequent, &mut found);
        found
    }

    /// Fixes one more column from `from` on.
    fn extend(
        &self,
        rows: &[usize],
        from: usize,
        dimensions: usize,
        codes: &[Option<u32>],
        frequent: &impl Fn((f64, f64)) -> bool,
        found: &mut Vec<Pattern>,
    ) {
        if dimensions == 0 {
            return;
        }
        for column in from..self.columns.len() {
            let mut by_code: HashMap<u32, (Vec<usize>, (f64, f64))> = HashMap::new();
            for at in rows {
                let Some((row, first, second)) = self.rows.get(*at) else { continue };
                let Some(code) = row.get(column) else { continue };
                let entry = by_code.entry(*code).or_default();
                entry.0.push(*at);
                entry.1.0 += first;
                entry.1.1 += second;
            }
            let mut values: Vec<_> =
                by_code.into_iter().filter(|(_, (_, weight))| frequent(*weight)).collect();
            values.sort_unstable_by_key(|(code, _)| *code);
            for (code, (inside, weight)) in values {
                if found.len() >= PATTERNS_MAX {
                    return;
                }
                let mut codes = codes.to_vec();
                if let Some(slot) = codes.get_mut(column) {
                    *slot = Some(code);
                }
                found.push(Pattern { codes: codes.clone(), weight });
                self.extend(&inside, column + 1, dimensions - 1, &codes, frequent, found);
            }
        }
    }

    /// The cells of a pattern.
    pub(super) fn cells(&self, pattern: &Pattern) -> Vec<Value> {
        let columns = self.columns.iter().zip(&self.keys).zip(&pattern.codes);
        columns
            .map(|((column, keys), code)| match code {
                Some(code) => cell(keys, column.ty, *code as usize),
                None => {
                    self.wildcards.get(&column.ty).cloned().unwrap_or(Value::null_of(column.ty))
                }
            })
            .collect()
    }
}

/// The constants from a place on: each is the wildcard of its type.
fn wildcards(call: &PluginCall<'_>, from: usize) -> HashMap<ScalarType, Value> {
    call.args
        .iter()
        .skip(from)
        .filter_map(|arg| match &arg.value {
            PluginValue::Constant(value, ty) if value.as_str() != Some("~") => {
                Some((*ty, value.clone()))
            }
            _ => None,
        })
        .collect()
}

/// `SegmentId`, then these, then the columns of the table.
pub(super) fn result(table: &Table, measures: &[(&str, ScalarType)]) -> Vec<Column> {
    let mut columns = vec![Column::new("SegmentId", ScalarType::Long)];
    columns.extend(measures.iter().map(|(name, ty)| Column::new(name, *ty)));
    columns.extend(table.columns.iter().cloned());
    columns
}
