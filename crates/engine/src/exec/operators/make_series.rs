//! `make-series`: aggregates per bin of an axis, as arrays of equal length.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, UInt32Array};
use model::rows::cell;
use model::{Batch, ColumnBuilder};
use parking_lot::Mutex;
use values::dynamic::DynamicBuilder;
use values::{DateTime, Dynamic, ScalarType, TimeSpan, Value};

use super::aggregate::{CompiledCall, Worker};
use super::rows::Rows;
use crate::exec::eval::{Scalar, project};
use crate::exec::groups::Grouper;
use crate::exec::operator::{Flow, Operator, Stage, consume};
use crate::exec::run::Run;
use crate::exec::{ExecError, columns};
use crate::plan::ColumnId;

/// What a bin takes in an array.
const BYTES_A_BIN: usize = 12;

/// The axis.
pub(crate) struct Axis {
    pub(crate) expr: Scalar,
    pub(crate) from: Value,
    pub(crate) to: Value,
    pub(crate) step: Value,
}

/// What is made.
pub(crate) struct Spec {
    pub(crate) keys: Vec<Scalar>,
    pub(crate) axis: Axis,
    pub(crate) calls: Vec<CompiledCall>,
    /// The value of an empty bin, per call.
    pub(crate) defaults: Vec<Value>,
    pub(crate) nonempty: bool,
    /// Columns of the input.
    pub(crate) width: usize,
}

/// Series.
pub(crate) struct MakeSeries {
    input: Box<dyn Operator>,
    spec: Spec,
    result: Mutex<Option<Arc<Rows>>>,
}

/// Where bins lie.
#[derive(Clone, Copy)]
enum Scale {
    Ticks { origin: i64, step: i64, ty: ScalarType },
    Reals { origin: f64, step: f64 },
}

fn ticks(value: &Value) -> Option<i64> {
    match value {
        Value::DateTime(v) => Some(v.ticks()),
        Value::TimeSpan(v) => Some(v.ticks()),
        v => v.as_i64(),
    }
}

impl Axis {
    /// Without a start, bins lie where `bin()` puts them.
    fn scale(&self) -> Result<Scale, ExecError> {
        let bad = || ExecError::Evaluation("make-series: the step must be positive".to_owned());
        let ty = self.expr.ty();
        if matches!(ty, ScalarType::Real | ScalarType::Decimal) {
            let step = self.step.as_f64().filter(|s| *s > 0.0).ok_or_else(bad)?;
            return Ok(Scale::Reals { origin: self.from.as_f64().unwrap_or(0.0), step });
        }
        let step = ticks(&self.step).filter(|s| *s > 0).ok_or_else(bad)?;
        Ok(Scale::Ticks { origin: ticks(&self.from).unwrap_or(0), step, ty })
    }

    /// The bins wanted, where the plan says: from, to (exclusive).
    fn bounds(&self, scale: Scale) -> (Option<i64>, Option<i64>) {
        let from = (!self.from.is_null()).then_some(0);
        (from, scale.bins_before(&self.to))
    }
}

impl Scale {
    /// The bin of each row; null where there is none.
    fn bins(self, column: &ArrayRef, ty: ScalarType) -> Int64Array {
        match self {
            Self::Ticks { origin, step, .. } => {
                if let Some(longs) = column.as_primitive_opt::<Int64Type>() {
                    return longs.unary_opt(|v| v.checked_sub(origin).map(|d| d.div_euclid(step)));
                }
                let bin = |row| {
                    Some(ticks(&cell(column, ty, row))?.checked_sub(origin)?.div_euclid(step))
                };
                (0..column.len()).map(bin).collect()
            }
            Self::Reals { origin, step } => {
                let bin = |row| {
                    let at = ((cell(column, ty, row).as_f64()? - origin) / step).floor();
                    (at.abs() < 9e15).then_some(at as i64)
                };
                (0..column.len()).map(bin).collect()
            }
        }
    }

    /// Number of bins that start before an end.
    fn bins_before(self, end: &Value) -> Option<i64> {
        match self {
            Self::Ticks { origin, step, .. } => {
                let span = i128::from(ticks(end)?) - i128::from(origin);
                let bins = (span + i128::from(step) - 1).div_euclid(i128::from(step));
                i64::try_from(bins).ok()
            }
            Self::Reals { origin, step } => {
                let bins = ((end.as_f64()? - origin) / step).ceil();
                (bins.abs() < 9e15).then_some(bins as i64)
            }
        }
    }

    /// Where a bin starts.
    fn start(self, bin: i64) -> Value {
        match self {
            Self::Ticks { origin, step, ty } => {
                let Some(at) = bin.checked_mul(step).and_then(|d| origin.checked_add(d)) else {
                    return Value::Null;
                };
                match ty {
                    ScalarType::DateTime => {
                        DateTime::checked_from_ticks(at).map_or(Value::Null, Value::DateTime)
                    }
                    ScalarType::TimeSpan => Value::TimeSpan(TimeSpan::from_ticks(at)),
                    _ => Value::Long(at),
                }
            }
            Self::Reals { origin, step } => Value::Real(origin + step * bin as f64),
        }
    }
}

impl MakeSeries {
    pub(crate) fn stage(input: Stage, spec: Spec, layout: Vec<ColumnId>) -> Stage {
        let operator = Self { input: input.operator, spec, result: Mutex::default() };
        Stage { operator: Box::new(operator), layout }
    }

    fn result(&self, run: &Run) -> Result<Arc<Rows>, ExecError> {
        let mut result = self.result.lock();
        if let Some(rows) = &*result {
            return Ok(Arc::clone(rows));
        }
        let scale = self.spec.axis.scale()?;
        let bounds = self.spec.axis.bounds(scale);
        let binned = self.binned(scale, bounds, run)?;
        let rows = Arc::new(Rows::new(vec![self.series(&binned, scale, bounds, run)?]));
        *result = Some(Arc::clone(&rows));
        Ok(rows)
    }

    /// Aggregates by keys and bin.
    fn binned(
        &self,
        scale: Scale,
        (from, to): (Option<i64>, Option<i64>),
        run: &Run,
    ) -> Result<Batch, ExecError> {
        let spec = &self.spec;
        let mut keys: Vec<&Scalar> = spec.keys.iter().collect();
        let bin = Scalar::of_column(spec.width, ScalarType::Long);
        keys.push(&bin);
        let workers = consume(
            self.input.as_ref(),
            run,
            || Worker::new(&keys, &spec.calls, run),
            |worker: &mut Worker<'_>, batch| {
                let axis = project(std::slice::from_ref(&spec.axis.expr), &batch, run.context())?;
                let Some(axis) = axis.columns.first() else { return Ok(Flow::More) };
                let bins = scale.bins(axis, spec.axis.expr.ty());
                let inside = |row: usize| {
                    let bin = bins.value(row);
                    bins.is_valid(row)
                        && from.is_none_or(|f| bin >= f)
                        && to.is_none_or(|t| bin < t)
                };
                let keep = (0..batch.rows).map(inside).collect();
                let mut batch = batch;
                batch.columns.push(Arc::new(bins));
                let batch = columns::filter(&batch, &keep)?;
                worker.feed(&batch)?;
                Ok(Flow::More)
            },
        )?;
        match Worker::join(workers, run)? {
            Some(groups) => groups.finish(),
            None => Ok(Batch::default()),
        }
    }

    /// The binned rows as series.
    fn series(
        &self,
        binned: &Batch,
        scale: Scale,
        (from, to): (Option<i64>, Option<i64>),
        run: &Run,
    ) -> Result<Batch, ExecError> {
        let width = self.spec.keys.len();
        let types: Vec<ScalarType> = self.spec.keys.iter().map(Scalar::ty).collect();
        let (keys, rest) = binned.columns.split_at(width.min(binned.columns.len()));
        let Some((bins, values)) = rest.split_first() else { return Ok(Batch::default()) };
        let mut grouper = Grouper::new(&types);
        let numbers = grouper.number(keys, binned.rows)?;
        let lone = width == 0 && (binned.rows > 0 || self.spec.nonempty);
        let count = if width == 0 { usize::from(lone) } else { grouper.count() };
        let mut groups: Vec<BTreeMap<i64, u32>> = vec![BTreeMap::new(); count];
        let mut firsts: Vec<u32> = vec![0; count];
        let bins = bins.as_primitive_opt::<Int64Type>();
        for (row, number) in (0_u32..).zip(numbers) {
            let bin = bins.map_or(0, |b| b.value(row as usize));
            if let (Some(group), Some(first)) =
                (groups.get_mut(number as usize), firsts.get_mut(number as usize))
            {
                if group.is_empty() {
                    *first = row;
                }
                group.insert(bin, row);
            }
        }
        let ranges: Vec<(i64, i64)> = groups
            .iter()
            .map(|group| {
                let first = from.or_else(|| group.keys().next().copied()).unwrap_or(0);
                let end = to.or_else(|| group.keys().next_back().map(|b| b + 1)).unwrap_or(first);
                (first, end.max(first))
            })
            .collect();
        let bins_in_all: i64 = ranges.iter().map(|(a, b)| b - a).sum();
        run.generate(u64::try_from(bins_in_all).unwrap_or(u64::MAX), "make-series")?;
        // the arrays, and one of them in the making
        let arrays = usize::try_from(bins_in_all).unwrap_or(usize::MAX);
        let arrays = arrays.saturating_mul(BYTES_A_BIN * (values.len() + 2));
        if arrays > run.memory.left() {
            let account = run.memory.account();
            return Err(account.refuse("make-series", "use a longer step, or fewer keys"));
        }
        let firsts = UInt32Array::from(firsts);
        let mut columns = keys
            .iter()
            .map(|key| columns::take_column(key, &firsts))
            .collect::<Result<Vec<_>, _>>()?;
        for ((column, call), default) in
            values.iter().zip(&self.spec.calls).zip(&self.spec.defaults)
        {
            let ty = call.results.first().copied().unwrap_or(ScalarType::Long);
            let default = if ty == ScalarType::Real { default.cast(ty) } else { default.clone() };
            columns.push(series_of(&groups, &ranges, column, ty, &default));
        }
        columns.push(axes(&ranges, scale));
        Ok(Batch { columns, rows: count })
    }
}

/// One array per group: the group's values by bin, the default where it has none.
fn series_of(
    groups: &[BTreeMap<i64, u32>],
    ranges: &[(i64, i64)],
    column: &ArrayRef,
    ty: ScalarType,
    default: &Value,
) -> ArrayRef {
    let mut out = ColumnBuilder::new(ScalarType::Dynamic, groups.len());
    let mut builder = DynamicBuilder::new();
    for (group, (first, end)) in groups.iter().zip(ranges) {
        builder.begin_array();
        for bin in *first..*end {
            match group.get(&bin).map(|row| cell(column, ty, *row as usize)) {
                Some(value) => builder.value(&value),
                None => builder.value(default),
            }
        }
        builder.end_array();
        out.push(&Value::Dynamic(builder.finish()));
    }
    out.finish()
}

/// The starts of the bins of each group.
fn axes(ranges: &[(i64, i64)], scale: Scale) -> ArrayRef {
    let mut out = ColumnBuilder::new(ScalarType::Dynamic, ranges.len());
    let mut last: Option<((i64, i64), Dynamic)> = None;
    for range in ranges {
        let axis = match last.take().filter(|(known, _)| known == range) {
            Some((_, axis)) => axis,
            None => {
                let mut builder = DynamicBuilder::new();
                builder.begin_array();
                (range.0..range.1).for_each(|bin| builder.value(&scale.start(bin)));
                builder.end_array();
                builder.finish()
            }
        };
        out.push(&Value::Dynamic(axis.clone()));
        last = Some((*range, axis));
    }
    out.finish()
}

impl Operator for MakeSeries {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.result(run).map(|_| ())
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        self.result(run)?.next(run)
    }

    fn estimate(&self) -> f64 {
        100.0
    }
}
