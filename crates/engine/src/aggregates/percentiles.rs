//! `percentiles` and its forms, `tdigest`, `tdigest_merge`.

use arrow_array::Array;
use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use model::ColumnBuilder;
use values::dynamic::{DynamicBuilder, DynamicRef};
use values::{DateTime, ScalarType, TimeSpan, Value};

use super::each::{Each, State, put};
use super::numbers::Numbers;
use super::sketch::{Digest, Histogram};
use super::{Aggregate, AggregateInput, GroupStates};
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] = &[
    Aggregate::new("percentile", |input| start(input, false, false)),
    Aggregate::new("percentiles", |input| start(input, false, false)),
    Aggregate::new("percentiles_array", |input| start(input, false, true)),
    Aggregate::new("percentilew", |input| start(input, true, false)),
    Aggregate::new("percentilesw", |input| start(input, true, false)),
    Aggregate::new("percentilesw_array", |input| start(input, true, true)),
    Aggregate::new("tdigest", |input| {
        Ok(Each::<Digests>::start(input.types.len() > 1, input.results))
    }),
    Aggregate::new("tdigest_merge", |input| Ok(Each::<MergedDigests>::start((), input.results))),
    Aggregate::new("merge_tdigest", |input| Ok(Each::<MergedDigests>::start((), input.results))),
];

/// Values that a group keeps as they are; the percentiles of more are estimated.
const EXACT_MAX: usize = 8 * 1024;

fn start(
    input: &AggregateInput,
    weighted: bool,
    array: bool,
) -> Result<Box<dyn GroupStates>, EvalError> {
    let ty = input.types.first().copied().unwrap_or(ScalarType::Long);
    let percents = input.constants.iter().skip(if weighted { 2 } else { 1 }).flatten();
    let percents = percents.filter_map(Value::as_f64).collect();
    Ok(Each::<Percentiles>::start(Config { ty, percents, weighted, array }, input.results))
}

#[derive(Clone)]
struct Config {
    ty: ScalarType,
    percents: Vec<f64>,
    weighted: bool,
    array: bool,
}

impl Config {
    /// Values as integers in the same order.
    fn ordered(&self, numbers: &Numbers<'_>, row: usize) -> Option<i64> {
        if self.is_real() {
            return numbers.real(row).filter(|v| !v.is_nan()).map(|value| {
                let bits = (value + 0.0).to_bits() as i64;
                bits ^ (((bits >> 63) as u64) >> 1) as i64
            });
        }
        numbers.long(row)
    }

    fn is_real(&self) -> bool {
        matches!(self.ty, ScalarType::Real | ScalarType::Decimal)
    }

    /// The number that an ordered integer stands for.
    fn number(&self, ordered: i64) -> f64 {
        if self.is_real() {
            return f64::from_bits((ordered ^ (((ordered >> 63) as u64) >> 1) as i64) as u64);
        }
        ordered as f64
    }

    fn of_ordered(&self, ordered: i64) -> Value {
        if self.is_real() { self.of_number(self.number(ordered)) } else { self.of_long(ordered) }
    }

    fn of_long(&self, value: i64) -> Value {
        match self.ty {
            ScalarType::DateTime => Value::DateTime(DateTime::from_ticks(value)),
            ScalarType::TimeSpan => Value::TimeSpan(TimeSpan::from_ticks(value)),
            _ => Value::Long(value),
        }
    }

    fn of_number(&self, value: f64) -> Value {
        match self.ty {
            ScalarType::Real => Value::Real(value),
            ScalarType::Decimal => Value::Real(value).cast(ScalarType::Decimal),
            _ => self.of_long(value.round() as i64),
        }
    }
}

#[derive(Clone)]
enum Percentiles {
    /// (value in order, weight)
    Values(Vec<(i64, u64)>),
    Plain(Vec<i64>),
    Histogram(Box<Histogram>),
    /// For instants, whose size says nothing about their distance.
    Digest(Box<Digest>),
}

impl Percentiles {
    /// From values to an estimate, once there are too many.
    fn shrink(&mut self, config: &Config) -> usize {
        let values: Vec<(i64, u64)> = match self {
            Self::Values(values) if values.len() > EXACT_MAX => std::mem::take(values),
            Self::Plain(values) if values.len() > EXACT_MAX => {
                std::mem::take(values).into_iter().map(|v| (v, 1)).collect()
            }
            _ => return 0,
        };
        let numbers = values.iter().map(|(v, w)| (config.number(*v), *w));
        if config.ty == ScalarType::DateTime {
            let mut digest = Box::<Digest>::default();
            numbers.for_each(|(v, w)| {
                digest.add(v, w as f64);
            });
            *self = Self::Digest(digest);
            return 64 << 10;
        }
        let mut histogram = Box::<Histogram>::default();
        numbers.for_each(|(v, w)| histogram.add(v, w));
        let bytes = histogram.bytes();
        *self = Self::Histogram(histogram);
        bytes
    }

    fn take(&mut self, config: &Config, value: i64, weight: u64) -> usize {
        match self {
            Self::Plain(values) => {
                values.push(value);
                8 + self.shrink(config)
            }
            Self::Values(values) => {
                values.push((value, weight));
                16 + self.shrink(config)
            }
            Self::Histogram(histogram) => {
                histogram.add(config.number(value), weight);
                0
            }
            Self::Digest(digest) => digest.add(config.number(value), weight as f64),
        }
    }

    fn results(self, config: &Config) -> Vec<Value> {
        let percents = config.percents.iter();
        match self {
            Self::Plain(mut values) => {
                values.sort_unstable();
                let rank = |p: &f64| {
                    let rank = (p / 100.0 * values.len() as f64 * (1.0 - 1e-15)).ceil().max(1.0);
                    values.get((rank as usize).min(values.len()).wrapping_sub(1)).copied()
                };
                percents.map(|p| rank(p).map_or(Value::Null, |v| config.of_ordered(v))).collect()
            }
            Self::Values(mut values) => {
                values.sort_unstable();
                let total: u64 = values.iter().map(|v| v.1).sum();
                percents
                    .map(|p| {
                        let target = p / 100.0 * total as f64 * (1.0 - 1e-15);
                        let mut seen = 0;
                        let hit = values.iter().find(|(_, weight)| {
                            seen += weight;
                            seen as f64 >= target && seen > 0
                        });
                        hit.map_or(Value::Null, |(v, _)| config.of_ordered(*v))
                    })
                    .collect()
            }
            Self::Histogram(histogram) => percents
                .map(|p| histogram.percentile(*p).map_or(Value::Null, |v| config.of_number(v)))
                .collect(),
            Self::Digest(mut digest) => percents
                .map(|p| digest.percentile(*p).map_or(Value::Null, |v| config.of_number(v)))
                .collect(),
        }
    }
}

impl State for Percentiles {
    type Config = Config;
    /// Values and, where there are any, weights.
    type Input<'a> = (Numbers<'a>, Option<Numbers<'a>>);

    fn input<'a>(config: &Config, args: &'a [ArrayRef]) -> Result<Self::Input<'a>, EvalError> {
        let weights = config.weighted.then(|| Numbers::of(args, 1)).transpose()?;
        Ok((Numbers::of(args, 0)?, weights))
    }

    fn fresh(config: &Config) -> Self {
        if config.weighted { Self::Values(Vec::new()) } else { Self::Plain(Vec::new()) }
    }

    fn add(&mut self, config: &Config, (values, weights): &Self::Input<'_>, row: usize) -> usize {
        let weight = weights.as_ref().map_or(Some(1), |w| w.long(row));
        let weight = weight.and_then(|w| u64::try_from(w).ok()).filter(|w| *w > 0);
        match (config.ordered(values, row), weight) {
            (Some(value), Some(weight)) => self.take(config, value, weight),
            _ => 0,
        }
    }

    fn merge(&mut self, config: &Config, other: Self) -> usize {
        match other {
            Self::Plain(values) => values.into_iter().map(|v| self.take(config, v, 1)).sum(),
            Self::Values(values) => values.into_iter().map(|(v, w)| self.take(config, v, w)).sum(),
            theirs => {
                let few = std::mem::replace(self, theirs);
                match (&mut *self, few) {
                    (Self::Histogram(mine), Self::Histogram(few)) => {
                        mine.merge(&few);
                        0
                    }
                    (Self::Digest(mine), Self::Digest(few)) => mine.merge(&few),
                    (_, few) => self.merge(config, few),
                }
            }
        }
    }

    fn finish(self, config: &Config, out: &mut [ColumnBuilder]) {
        let results = self.results(config);
        if !config.array {
            for (column, value) in out.iter_mut().zip(&results) {
                column.push(value);
            }
            return;
        }
        let mut builder = DynamicBuilder::new();
        builder.begin_array();
        results.iter().for_each(|value| builder.value(value));
        builder.end_array();
        put(out, &Value::Dynamic(builder.finish()));
    }
}

#[derive(Clone)]
struct Digests(Digest);

impl State for Digests {
    /// With weights.
    type Config = bool;
    type Input<'a> = (Numbers<'a>, Option<Numbers<'a>>);

    fn input<'a>(weighted: &bool, args: &'a [ArrayRef]) -> Result<Self::Input<'a>, EvalError> {
        Ok((Numbers::of(args, 0)?, weighted.then(|| Numbers::of(args, 1)).transpose()?))
    }

    fn fresh(_: &bool) -> Self {
        Self(Digest::default())
    }

    fn add(&mut self, _: &bool, (values, weights): &Self::Input<'_>, row: usize) -> usize {
        let weight = weights.as_ref().map_or(Some(1.0), |w| w.real(row));
        match (values.real(row), weight) {
            (Some(value), Some(weight)) => self.0.add(value, weight),
            _ => 0,
        }
    }

    fn merge(&mut self, _: &bool, other: Self) -> usize {
        self.0.merge(&other.0)
    }

    fn finish(self, _: &bool, out: &mut [ColumnBuilder]) {
        let digest = (!self.0.is_empty()).then(|| Value::Dynamic(self.0.to_dynamic()));
        put(out, &digest.unwrap_or(Value::Null));
    }
}

/// Digests read from a column and merged; null where there was none.
#[derive(Clone)]
struct MergedDigests(Option<Digest>);

impl State for MergedDigests {
    type Config = ();
    type Input<'a> = &'a ArrayRef;

    fn input<'a>((): &(), args: &'a [ArrayRef]) -> Result<&'a ArrayRef, EvalError> {
        args.first().ok_or_else(|| EvalError::new("tdigest_merge needs an argument"))
    }

    fn fresh((): &()) -> Self {
        Self(None)
    }

    fn add(&mut self, (): &(), input: &&ArrayRef, row: usize) -> usize {
        let view = input.as_binary_view_opt().filter(|v| v.is_valid(row));
        self.merge(
            &(),
            Self(view.and_then(|v| Digest::from_dynamic(DynamicRef::new(v.value(row))))),
        )
    }

    fn merge(&mut self, (): &(), other: Self) -> usize {
        other.0.map_or(0, |other| self.0.get_or_insert_with(Digest::default).merge(&other))
    }

    fn finish(self, (): &(), out: &mut [ColumnBuilder]) {
        let digest = self.0.map(|digest| Value::Dynamic(digest.to_dynamic()));
        put(out, &digest.unwrap_or(Value::Null));
    }
}
