//! `avg`, `variance`, `stdev`, `covariance` and their forms.

use arrow_array::ArrayRef;
use model::ColumnBuilder;
use values::{DateTime, Decimal, ScalarType, TimeSpan, Value};

use super::each::{Each, State, put};
use super::numbers::Numbers;
use super::{Aggregate, AggregateInput, GroupStates};
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] = &[
    Aggregate::new("avg", average),
    Aggregate::new("avgif", average),
    Aggregate::new("variance", |input| spread(input, Spread { sample: true, root: false })),
    Aggregate::new("varianceif", |input| spread(input, Spread { sample: true, root: false })),
    Aggregate::new("variancep", |input| spread(input, Spread { sample: false, root: false })),
    Aggregate::new("variancepif", |input| spread(input, Spread { sample: false, root: false })),
    Aggregate::new("stdev", |input| spread(input, Spread { sample: true, root: true })),
    Aggregate::new("stdevif", |input| spread(input, Spread { sample: true, root: true })),
    Aggregate::new("stdevp", |input| spread(input, Spread { sample: false, root: true })),
    Aggregate::new("covariance", |input| covariance(input, true)),
    Aggregate::new("covarianceif", |input| covariance(input, true)),
    Aggregate::new("covariancep", |input| covariance(input, false)),
    Aggregate::new("covariancepif", |input| covariance(input, false)),
];

type Start = Result<Box<dyn GroupStates>, EvalError>;

fn average(input: &AggregateInput) -> Start {
    Ok(match input.types.first() {
        Some(ScalarType::Real) => Each::<RealMean>::start((), input.results),
        Some(ScalarType::Decimal) => Each::<DecimalMean>::start((), input.results),
        _ => Each::<LongMean>::start(
            input.results.first().copied().unwrap_or(ScalarType::Real),
            input.results,
        ),
    })
}

/// Integers and ticks, summed exactly.
#[derive(Clone)]
struct LongMean {
    sum: i128,
    count: i64,
}

impl State for LongMean {
    /// Type of the result.
    type Config = ScalarType;
    type Input<'a> = Numbers<'a>;

    fn input<'a>(_: &ScalarType, args: &'a [ArrayRef]) -> Result<Numbers<'a>, EvalError> {
        Numbers::of(args, 0)
    }

    fn fresh(_: &ScalarType) -> Self {
        Self { sum: 0, count: 0 }
    }

    fn add(&mut self, _: &ScalarType, input: &Numbers<'_>, row: usize) -> usize {
        if let Some(value) = input.long(row) {
            self.sum += i128::from(value);
            self.count += 1;
        }
        0
    }

    fn merge(&mut self, _: &ScalarType, other: Self) -> usize {
        self.sum += other.sum;
        self.count += other.count;
        0
    }

    fn finish(self, ty: &ScalarType, out: &mut [ColumnBuilder]) {
        if self.count == 0 {
            // the mean of no numbers is 0 / 0
            let none = if *ty == ScalarType::Real { Value::Real(f64::NAN) } else { Value::Null };
            return put(out, &none);
        }
        let whole = || i64::try_from(self.sum / i128::from(self.count)).unwrap_or_default();
        put(
            out,
            &match ty {
                ScalarType::DateTime => Value::DateTime(DateTime::from_ticks(whole())),
                ScalarType::TimeSpan => Value::TimeSpan(TimeSpan::from_ticks(whole())),
                _ => Value::Real(self.sum as f64 / self.count as f64),
            },
        );
    }
}

#[derive(Clone)]
struct RealMean {
    sum: f64,
    count: i64,
}

impl State for RealMean {
    type Config = ();
    type Input<'a> = Numbers<'a>;

    fn input<'a>((): &(), args: &'a [ArrayRef]) -> Result<Numbers<'a>, EvalError> {
        Numbers::of(args, 0)
    }

    fn fresh((): &()) -> Self {
        Self { sum: 0.0, count: 0 }
    }

    fn add(&mut self, (): &(), input: &Numbers<'_>, row: usize) -> usize {
        if let Some(value) = input.real(row) {
            self.sum += value;
            self.count += 1;
        }
        0
    }

    fn merge(&mut self, (): &(), other: Self) -> usize {
        self.sum += other.sum;
        self.count += other.count;
        0
    }

    fn finish(self, (): &(), out: &mut [ColumnBuilder]) {
        put(out, &Value::Real(self.sum / self.count as f64));
    }
}

#[derive(Clone)]
struct DecimalMean {
    /// None once it left the range.
    sum: Option<Decimal>,
    count: i64,
}

impl State for DecimalMean {
    type Config = ();
    type Input<'a> = Numbers<'a>;

    fn input<'a>((): &(), args: &'a [ArrayRef]) -> Result<Numbers<'a>, EvalError> {
        Numbers::of(args, 0)
    }

    fn fresh((): &()) -> Self {
        Self { sum: Some(Decimal::ZERO), count: 0 }
    }

    fn add(&mut self, (): &(), input: &Numbers<'_>, row: usize) -> usize {
        if let Some(value) = input.decimal(row) {
            self.sum = self.sum.and_then(|sum| sum.checked_add(value));
            self.count += 1;
        }
        0
    }

    fn merge(&mut self, (): &(), other: Self) -> usize {
        self.sum = self.sum.zip(other.sum).and_then(|(a, b)| a.checked_add(b));
        self.count += other.count;
        0
    }

    fn finish(self, (): &(), out: &mut [ColumnBuilder]) {
        let mean = self.sum.and_then(|sum| sum.checked_div(Decimal::from_i64(self.count)));
        put(out, &mean.map_or(Value::Null, Value::Decimal));
    }
}

/// Which measure of spread.
#[derive(Clone, Copy)]
struct Spread {
    /// Divided by one less than the count.
    sample: bool,
    /// Its square root.
    root: bool,
}

impl Spread {
    fn of(self, squares: f64, count: f64) -> f64 {
        let divisor = if self.sample { count - 1.0 } else { count };
        let variance = if divisor > 0.0 { squares / divisor } else { 0.0 };
        if self.root { variance.sqrt() } else { variance }
    }
}

fn spread(input: &AggregateInput, spread: Spread) -> Start {
    Ok(Each::<Moments>::start(spread, input.results))
}

/// Count, mean and sum of squared distances from it, which keeps its digits where sums of squares lose them.
#[derive(Clone)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl State for Moments {
    type Config = Spread;
    type Input<'a> = Numbers<'a>;

    fn input<'a>(_: &Spread, args: &'a [ArrayRef]) -> Result<Numbers<'a>, EvalError> {
        Numbers::of(args, 0)
    }

    fn fresh(_: &Spread) -> Self {
        Self { count: 0.0, mean: 0.0, squares: 0.0 }
    }

    fn add(&mut self, _: &Spread, input: &Numbers<'_>, row: usize) -> usize {
        if let Some(value) = input.real(row) {
            self.count += 1.0;
            let distance = value - self.mean;
            self.mean += distance / self.count;
            self.squares += distance * (value - self.mean);
        }
        0
    }

    fn merge(&mut self, _: &Spread, other: Self) -> usize {
        let count = self.count + other.count;
        if other.count > 0.0 {
            let distance = other.mean - self.mean;
            self.mean += distance * other.count / count;
            self.squares += other.squares + distance * distance * self.count * other.count / count;
            self.count = count;
        }
        0
    }

    fn finish(self, spread: &Spread, out: &mut [ColumnBuilder]) {
        put(out, &Value::Real(spread.of(self.squares, self.count)));
    }
}

fn covariance(input: &AggregateInput, sample: bool) -> Start {
    Ok(Each::<Together>::start(Spread { sample, root: false }, input.results))
}

/// Two columns' means and the sum of the products of their distances.
#[derive(Clone)]
struct Together {
    count: f64,
    means: (f64, f64),
    products: f64,
}

impl State for Together {
    type Config = Spread;
    type Input<'a> = (Numbers<'a>, Numbers<'a>);

    fn input<'a>(_: &Spread, args: &'a [ArrayRef]) -> Result<Self::Input<'a>, EvalError> {
        Ok((Numbers::of(args, 0)?, Numbers::of(args, 1)?))
    }

    fn fresh(_: &Spread) -> Self {
        Self { count: 0.0, means: (0.0, 0.0), products: 0.0 }
    }

    fn add(&mut self, _: &Spread, input: &Self::Input<'_>, row: usize) -> usize {
        if let (Some(x), Some(y)) = (input.0.real(row), input.1.real(row)) {
            self.count += 1.0;
            let distance = x - self.means.0;
            self.means.0 += distance / self.count;
            self.means.1 += (y - self.means.1) / self.count;
            self.products += distance * (y - self.means.1);
        }
        0
    }

    fn merge(&mut self, _: &Spread, other: Self) -> usize {
        let count = self.count + other.count;
        if other.count > 0.0 {
            let (dx, dy) = (other.means.0 - self.means.0, other.means.1 - self.means.1);
            self.products += other.products + dx * dy * self.count * other.count / count;
            self.means.0 += dx * other.count / count;
            self.means.1 += dy * other.count / count;
            self.count = count;
        }
        0
    }

    fn finish(self, spread: &Spread, out: &mut [ColumnBuilder]) {
        put(out, &Value::Real(spread.of(self.products, self.count)));
    }
}
