//! `dcount`, `hll`, `hll_merge`: estimates; `count_distinct`: exact.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, StringViewArray};
use model::ColumnBuilder;
use values::dynamic::DynamicRef;
use values::{ScalarType, Value};

use super::each::{Each, State, put};
use super::pairs::Distinct;
use super::sketch::{Hll, hash_bytes, hash_long};
use super::{Aggregate, AggregateInput, GroupStates};
use crate::exec::columns;
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] = &[
    Aggregate::new("dcount", |input| sketch(input, false)),
    Aggregate::new("dcountif", |input| sketch(input, false)),
    Aggregate::new("hll", |input| sketch(input, true)),
    Aggregate::new("hll_if", |input| sketch(input, true)),
    Aggregate::new("hll_merge", |input| Ok(Each::<Merged>::start((), input.results))),
    Aggregate::new("count_distinct", exact),
    Aggregate::new("count_distinctif", exact),
];

fn sketch(input: &AggregateInput, whole: bool) -> Result<Box<dyn GroupStates>, EvalError> {
    let accuracy = input.constants.get(1).cloned().flatten().and_then(|v| v.as_i64());
    let ty = input.types.first().copied().unwrap_or(ScalarType::Long);
    Ok(Each::<Sketch>::start(Config { ty, accuracy, whole, memo: Memo::default() }, input.results))
}

#[derive(Clone)]
struct Config {
    ty: ScalarType,
    accuracy: Option<i64>,
    /// The sketch itself is the result.
    whole: bool,
    memo: Memo,
}

/// Hashes of a column's values.
enum Hashes<'a> {
    Longs(&'a Int64Array),
    Texts(&'a StringViewArray),
    Coded {
        codes: &'a [i32],
        of: Arc<[u64]>,
    },
    /// None for null.
    Rows(Vec<Option<u64>>),
}

impl<'a> Hashes<'a> {
    fn of(column: &'a ArrayRef, ty: ScalarType, memo: &Memo) -> Self {
        if let Some(longs) = column.as_primitive_opt::<Int64Type>() {
            return Self::Longs(longs);
        }
        if let Some(texts) = column.as_string_view_opt() {
            return Self::Texts(texts);
        }
        if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>()
            && let Some(of) = memo.hashes(dictionary.values(), dictionary.len())
        {
            return Self::Coded { codes: dictionary.keys().values(), of };
        }
        Self::Rows((0..column.len()).map(|row| hash_cell(column, ty, row)).collect())
    }

    #[inline]
    fn get(&self, row: usize) -> Option<u64> {
        match self {
            Self::Longs(a) => a.is_valid(row).then(|| hash_long(a.value(row))),
            Self::Texts(a) => Some(hash_bytes(a.value(row).as_bytes())),
            Self::Coded { codes, of } => codes.get(row).and_then(|c| of.get(*c as usize)).copied(),
            Self::Rows(hashes) => hashes.get(row).copied().flatten(),
        }
    }
}

/// Hashes of the texts of the dictionary that came last: pieces of a row group share theirs.
#[derive(Clone, Default)]
struct Memo(RefCell<Option<(ArrayRef, Option<Arc<[u64]>>)>>);

impl Memo {
    /// None for a dictionary that came once and is far larger than the rows that use it.
    fn hashes(&self, values: &ArrayRef, rows: usize) -> Option<Arc<[u64]>> {
        let mut memo = self.0.borrow_mut();
        let mut again = false;
        if let Some((known, hashes)) = &*memo
            && columns::same(known, values)
        {
            if hashes.is_some() {
                return hashes.clone();
            }
            again = true;
        }
        let texts = values.as_string_view_opt()?;
        let hash = |at| hash_bytes(texts.value(at).as_bytes());
        let worth = again || texts.len() <= rows.saturating_mul(4);
        let hashes: Option<Arc<[u64]>> = worth.then(|| (0..texts.len()).map(hash).collect());
        *memo = Some((Arc::clone(values), hashes.clone()));
        hashes
    }
}

fn hash_cell(column: &ArrayRef, ty: ScalarType, row: usize) -> Option<u64> {
    if ty == ScalarType::String {
        return Some(hash_bytes(model::rows::text(column, row).as_bytes()));
    }
    if column.is_null(row) {
        return None;
    }
    if let Some(ints) = column.as_primitive_opt::<Int32Type>() {
        return Some(hash_long(i64::from(ints.value(row))));
    }
    if let Some(reals) = column.as_primitive_opt::<Float64Type>() {
        // 0.0 and -0.0 are one value, and so are all NaN
        let value = reals.value(row) + 0.0;
        return Some(hash_long(if value.is_nan() { -1 } else { value.to_bits() as i64 }));
    }
    if let Some(bools) = column.as_boolean_opt() {
        return Some(hash_long(i64::from(bools.value(row))));
    }
    match model::rows::cell(column, ty, row) {
        Value::Null => None,
        Value::Guid(guid) => Some(hash_bytes(&guid.0)),
        other => Some(hash_bytes(other.to_string().as_bytes())),
    }
}

#[derive(Clone)]
struct Sketch(Hll);

impl State for Sketch {
    type Config = Config;
    type Input<'a> = Hashes<'a>;

    fn input<'a>(config: &Config, args: &'a [ArrayRef]) -> Result<Hashes<'a>, EvalError> {
        let column = args.first().ok_or_else(|| EvalError::new("dcount needs an argument"))?;
        Ok(Hashes::of(column, config.ty, &config.memo))
    }

    fn fresh(config: &Config) -> Self {
        Self(Hll::new(config.accuracy))
    }

    #[inline]
    fn add(&mut self, _: &Config, input: &Hashes<'_>, row: usize) -> usize {
        input.get(row).map_or(0, |hash| self.0.add(hash))
    }

    fn merge(&mut self, _: &Config, other: Self) -> usize {
        self.0.merge(other.0)
    }

    fn finish(self, config: &Config, out: &mut [ColumnBuilder]) {
        put(
            out,
            &if config.whole && self.0.count() == 0 {
                Value::Null
            } else if config.whole {
                Value::Dynamic(self.0.to_dynamic())
            } else {
                Value::Long(self.0.count())
            },
        );
    }
}

/// Sketches read from a column and merged; null where there was none.
#[derive(Clone)]
struct Merged(Option<Hll>);

impl State for Merged {
    type Config = ();
    type Input<'a> = &'a ArrayRef;

    fn input<'a>((): &(), args: &'a [ArrayRef]) -> Result<&'a ArrayRef, EvalError> {
        args.first().ok_or_else(|| EvalError::new("hll_merge needs an argument"))
    }

    fn fresh((): &()) -> Self {
        Self(None)
    }

    fn add(&mut self, (): &(), input: &&ArrayRef, row: usize) -> usize {
        let view = input.as_binary_view_opt().filter(|v| v.is_valid(row));
        let hll = view.and_then(|v| Hll::from_dynamic(DynamicRef::new(v.value(row))));
        self.merge(&(), Self(hll))
    }

    fn merge(&mut self, (): &(), other: Self) -> usize {
        match (&mut self.0, other.0) {
            (_, None) => 0,
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            (mine @ None, theirs) => {
                *mine = theirs;
                16 << 10
            }
        }
    }

    fn finish(self, (): &(), out: &mut [ColumnBuilder]) {
        put(out, &self.0.map_or(Value::Null, |hll| Value::Dynamic(hll.to_dynamic())));
    }
}

fn exact(input: &AggregateInput) -> Result<Box<dyn GroupStates>, EvalError> {
    Ok(Box::new(Exact(Distinct::new(input.types.first().copied().unwrap_or(ScalarType::Long)))))
}

/// Number of distinct (group, value) pairs per group.
struct Exact(Distinct);

impl GroupStates for Exact {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        _: usize,
    ) -> Result<(), EvalError> {
        self.0.update(args, rows, groups)
    }

    fn merge(
        &mut self,
        other: Box<dyn GroupStates>,
        groups: &[u32],
        _: usize,
    ) -> Result<(), EvalError> {
        self.0.merge(&super::same::<Self>(other)?.0, groups)
    }

    fn finish(self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        let (groups, _) = self.0.pairs()?;
        let mut counts = vec![0_i64; count];
        for group in groups {
            if let Some(n) = counts.get_mut(group as usize) {
                *n += 1;
            }
        }
        Ok(vec![Arc::new(Int64Array::from(counts))])
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}
