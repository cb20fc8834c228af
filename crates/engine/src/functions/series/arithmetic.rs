//! Element by element: arithmetic, comparison, functions of one number; and sums over two series.

use values::{DynamicBuilder, DynamicRef, Kind, Value};

use super::super::Function;
use super::super::call::Call;
use super::super::support::Answer;
use super::{number, numbers};

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("series_add", |c| binary(c, |a, b| Some(a + b), Some(i64::wrapping_add))),
    Function::new("series_subtract", |c| binary(c, |a, b| Some(a - b), Some(i64::wrapping_sub))),
    Function::new("series_multiply", |c| binary(c, |a, b| Some(a * b), Some(i64::wrapping_mul))),
    Function::new("series_divide", |c| binary(c, |a, b| Some(a / b), None)),
    Function::new("series_pow", |c| binary(c, |a, b| Some(a.powf(b)), None)),
    Function::new("series_equals", |c| compared(c, |a, b| a == b)),
    Function::new("series_not_equals", |c| compared(c, |a, b| a != b)),
    Function::new("series_less", |c| compared(c, |a, b| a < b)),
    Function::new("series_less_equals", |c| compared(c, |a, b| a <= b)),
    Function::new("series_greater", |c| compared(c, |a, b| a > b)),
    Function::new("series_greater_equals", |c| compared(c, |a, b| a >= b)),
    Function::new("series_abs", abs),
    Function::new("series_sign", sign),
    Function::new("series_acos", |c| unary(c, f64::acos)),
    Function::new("series_asin", |c| unary(c, f64::asin)),
    Function::new("series_atan", |c| unary(c, f64::atan)),
    Function::new("series_ceiling", |c| unary(c, f64::ceil)),
    Function::new("series_cos", |c| unary(c, f64::cos)),
    Function::new("series_exp", |c| unary(c, f64::exp)),
    Function::new("series_floor", |c| unary(c, f64::floor)),
    Function::new("series_log", |c| unary(c, f64::ln)),
    Function::new("series_sin", |c| unary(c, f64::sin)),
    Function::new("series_tan", |c| unary(c, f64::tan)),
    Function::new("series_dot_product", dot_product),
    Function::new("series_cosine_similarity", cosine_similarity),
    Function::new("series_magnitude", |c| {
        folded(c, |v| v.iter().map(|x| x * x).sum::<f64>().sqrt())
    }),
    Function::new("series_product", |c| folded(c, |v| v.iter().product())),
    Function::new("series_sum", |c| folded(c, |v| v.iter().sum())),
    Function::new("series_pearson_correlation", pearson),
];

/// An argument at a row: a series, or one number for all places.
struct Operand(Value);

impl Operand {
    fn of(call: &Call<'_>, index: usize, row: usize) -> Self {
        Self(call.value(index, row))
    }

    fn series(&self) -> Option<DynamicRef<'_>> {
        match &self.0 {
            Value::Dynamic(d) => Some(d.as_ref()).filter(|d| d.kind() == Kind::Array),
            _ => None,
        }
    }

    fn single(&self) -> Option<f64> {
        match &self.0 {
            Value::Dynamic(d) => number(d.as_ref()),
            Value::DateTime(d) => Some(d.ticks() as f64),
            Value::TimeSpan(t) => Some(t.ticks() as f64),
            value => value.as_f64(),
        }
    }

    fn single_long(&self) -> Option<i64> {
        match &self.0 {
            Value::Dynamic(d) => d.as_ref().as_i64(),
            value => value.as_i64(),
        }
    }
}

/// Two numbers at the same place, and whether both are integers.
type Pair = (Option<f64>, Option<f64>, Option<(i64, i64)>);

/// Pairs of elements, as many as the longer series has; none without a series.
fn pairs(a: &Operand, b: &Operand, mut each: impl FnMut(Pair)) -> Option<()> {
    let length = |o: &Operand| o.series().map(DynamicRef::len);
    let longest = length(a).max(length(b))?;
    let (mut left, mut right) = (a.series().map(|s| s.array()), b.series().map(|s| s.array()));
    let (one_a, one_b) = (a.single(), b.single());
    let (long_a, long_b) = (a.single_long(), b.single_long());
    for _ in 0..longest {
        let (x, xl) = match &mut left {
            Some(items) => items.next().map_or((None, None), |i| (number(i), i.as_i64())),
            None => (one_a, long_a),
        };
        let (y, yl) = match &mut right {
            Some(items) => items.next().map_or((None, None), |i| (number(i), i.as_i64())),
            None => (one_b, long_b),
        };
        each((x, y, xl.zip(yl)));
    }
    Some(())
}

/// Integers stay integers where the operation has a form for them; what is no number gives null.
fn binary(
    call: &Call<'_>,
    f: fn(f64, f64) -> Option<f64>,
    whole: Option<fn(i64, i64) -> i64>,
) -> Answer {
    call.built(|row, out| {
        let (a, b) = (Operand::of(call, 0, row), Operand::of(call, 1, row));
        out.begin_array();
        pairs(&a, &b, |(x, y, longs)| match (longs, whole) {
            (Some((x, y)), Some(whole)) => out.long(whole(x, y)),
            _ => match x.zip(y).and_then(|(x, y)| f(x, y)) {
                Some(v) => out.real(v),
                None => out.null(),
            },
        })?;
        out.end_array();
        Some(())
    })
}

fn compared(call: &Call<'_>, f: fn(f64, f64) -> bool) -> Answer {
    call.built(|row, out| {
        let (a, b) = (Operand::of(call, 0, row), Operand::of(call, 1, row));
        out.begin_array();
        pairs(&a, &b, |(x, y, _)| match x.zip(y) {
            Some((x, y)) => out.bool(f(x, y)),
            None => out.null(),
        })?;
        out.end_array();
        Some(())
    })
}

fn each(call: &Call<'_>, f: impl Fn(DynamicRef<'_>, &mut DynamicBuilder)) -> Answer {
    let series = call.dynamic(0)?;
    call.built(|row, out| {
        out.begin_array();
        series.array(row)?.array().for_each(|item| f(item, out));
        out.end_array();
        Some(())
    })
}

fn unary(call: &Call<'_>, f: fn(f64) -> f64) -> Answer {
    each(call, |item, out| match number(item) {
        Some(v) => out.real(f(v)),
        None => out.null(),
    })
}

fn abs(call: &Call<'_>) -> Answer {
    each(call, |item, out| match (item.as_i64(), number(item)) {
        (Some(v), _) => out.long(v.wrapping_abs()),
        (_, Some(v)) => out.real(v.abs()),
        _ => out.null(),
    })
}

fn sign(call: &Call<'_>) -> Answer {
    each(call, |item, out| match number(item) {
        Some(v) if v.is_nan() => out.real(v),
        Some(v) => out.long(if v == 0.0 { 0 } else { v.signum() as i64 }),
        None => out.null(),
    })
}

/// One number of a whole series.
fn folded(call: &Call<'_>, f: fn(&[f64]) -> f64) -> Answer {
    let series = call.dynamic(0)?;
    call.reals(|row| numbers(series.array(row)?).map(|v| f(&v)))
}

/// Sum of the products up to the shorter series' length; what is no number does not take part.
fn dot(a: &Operand, b: &Operand) -> Option<f64> {
    let shorter = [a, b].iter().filter_map(|o| o.series()).map(DynamicRef::len).min()?;
    let (mut sum, mut place, mut any) = (0.0, 0, false);
    pairs(a, b, |(x, y, _)| {
        place += 1;
        if let (Some(x), Some(y)) = (x, y)
            && place <= shorter
        {
            sum += x * y;
            any = true;
        }
    })?;
    any.then_some(sum)
}

fn dot_product(call: &Call<'_>) -> Answer {
    call.reals(|row| dot(&Operand::of(call, 0, row), &Operand::of(call, 1, row)))
}

fn cosine_similarity(call: &Call<'_>) -> Answer {
    call.reals(|row| {
        let (a, b) = (Operand::of(call, 0, row), Operand::of(call, 1, row));
        let magnitude = |o: &Operand, index: usize| match call.value(index, row).as_f64() {
            Some(given) => Some(given),
            None => dot(o, o).map(f64::sqrt),
        };
        Some(dot(&a, &b)? / (magnitude(&a, 2)? * magnitude(&b, 3)?))
    })
}

/// None for series of different lengths and for what is no number.
fn pearson(call: &Call<'_>) -> Answer {
    let (left, right) = (call.dynamic(0)?, call.dynamic(1)?);
    call.reals(|row| {
        let (a, b) = (numbers(left.array(row)?)?, numbers(right.array(row)?)?);
        if a.len() != b.len() || a.is_empty() {
            return None;
        }
        let (mean_a, mean_b) = (super::mean(&a), super::mean(&b));
        let product = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
            x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
        };
        let deviation = (product(&a, mean_a, &a, mean_a) * product(&b, mean_b, &b, mean_b)).sqrt();
        Some(product(&a, mean_a, &b, mean_b) / deviation)
    })
}
