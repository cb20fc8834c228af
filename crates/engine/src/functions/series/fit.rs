//! Lines and polynomials through a series.

use values::{DynamicBuilder, Value};

use super::super::Function;
use super::super::call::Call;
use super::super::support::Answer;
use super::{mean, numbers, variance, write_numbers};

/// Highest degree of a polynomial.
const DEGREE_MAX: usize = 32;

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("series_fit_line", |c| line(c, false)),
    Function::new("series_fit_line_dynamic", |c| line(c, true)),
    Function::new("series_fit_2lines", |c| two_lines(c, false)),
    Function::new("series_fit_2lines_dynamic", |c| two_lines(c, true)),
    Function::new("series_fit_poly", polynomial),
];

/// A straight line through points at 0, 1, 2, ...
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) slope: f64,
    pub(super) interception: f64,
    pub(super) variance: f64,
    pub(super) rvariance: f64,
    pub(super) rsquare: f64,
}

impl Line {
    pub(super) fn through(y: &[f64]) -> Self {
        let n = y.len() as f64;
        let (middle, mean) = ((n - 1.0) / 2.0, mean(y));
        let (mut covariance, mut spread) = (0.0, 0.0);
        for (at, value) in y.iter().enumerate() {
            let x = at as f64 - middle;
            covariance += x * (value - mean);
            spread += x * x;
        }
        let slope = if spread > 0.0 { covariance / spread } else { 0.0 };
        let interception = mean - slope * middle;
        let variance = variance(y);
        let residual: f64 = y
            .iter()
            .enumerate()
            .map(|(at, v)| (v - interception - slope * at as f64).powi(2))
            .sum();
        let rvariance = residual / (n - 1.0).max(1.0);
        let rsquare = if variance > 0.0 { 1.0 - rvariance / variance } else { 1.0 };
        Self { slope, interception, variance, rvariance, rsquare }
    }

    pub(super) fn at(&self, x: usize) -> f64 {
        self.interception + self.slope * x as f64
    }
}

/// The parts of a result: as an array, or named in a bag.
struct Parts<'o> {
    out: &'o mut DynamicBuilder,
    bag: bool,
}

impl Parts<'_> {
    fn number(&mut self, name: &str, value: f64) {
        if self.bag {
            self.out.key(name);
        }
        self.out.real(value);
    }

    fn long(&mut self, name: &str, value: usize) {
        if self.bag {
            self.out.key(name);
        }
        self.out.long(i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn series(&mut self, name: &str, values: &[f64]) {
        if self.bag {
            self.out.key(name);
        }
        write_numbers(self.out, values);
    }
}

fn begin(out: &mut DynamicBuilder, bag: bool) {
    if bag { out.begin_object() } else { out.begin_array() }
}

fn end(out: &mut DynamicBuilder, bag: bool) {
    if bag { out.end_object() } else { out.end_array() }
}

fn line(call: &Call<'_>, bag: bool) -> Answer {
    let series = call.dynamic(0)?;
    call.built(|row, out| {
        let y = numbers(series.array(row)?).filter(|y| y.len() > 1)?;
        let line = Line::through(&y);
        begin(out, bag);
        let mut parts = Parts { out, bag };
        parts.number("rsquare", line.rsquare);
        parts.number("slope", line.slope);
        parts.number("variance", line.variance);
        parts.number("rvariance", line.rvariance);
        parts.number("interception", line.interception);
        let fitted: Vec<f64> = (0..y.len()).map(|x| line.at(x)).collect();
        parts.series("line_fit", &fitted);
        end(out, bag);
        Some(())
    })
}

/// Sums over the first points, from which any segment's residual follows at once.
struct Sums(Vec<[f64; 4]>);

impl Sums {
    /// Sums of y, x·y and y² before each place; x counts from 0.
    fn of(y: &[f64]) -> Self {
        let mut sums = vec![[0.0; 4]];
        let mut last = [0.0; 4];
        for (at, v) in y.iter().enumerate() {
            let x = at as f64;
            last = [last[0] + v, last[1] + x * v, last[2] + v * v, 0.0];
            sums.push(last);
        }
        Self(sums)
    }

    /// Sum of squared residuals of the line through the points `from..to`.
    fn residual(&self, from: usize, to: usize) -> f64 {
        let (Some(a), Some(b)) = (self.0.get(from), self.0.get(to)) else { return f64::INFINITY };
        let n = (to - from) as f64;
        let (y, y2) = (b[0] - a[0], b[2] - a[2]);
        let middle = from as f64 + (n - 1.0) / 2.0;
        let covariance = b[1] - a[1] - middle * y;
        let spread = n * (n * n - 1.0) / 12.0;
        let total = y2 - y * y / n;
        let explained = if spread > 0.0 { covariance * covariance / spread } else { 0.0 };
        (total - explained).max(0.0)
    }
}

/// The split into two lines that leaves the least.
fn two_lines(call: &Call<'_>, bag: bool) -> Answer {
    let series = call.dynamic(0)?;
    call.built(|row, out| {
        let y = numbers(series.array(row)?).filter(|y| y.len() > 3)?;
        let mean = mean(&y);
        let centred: Vec<f64> = y.iter().map(|v| v - mean).collect();
        let sums = Sums::of(&centred);
        let left_over = |split: usize| sums.residual(0, split) + sums.residual(split, y.len());
        let split = (2..=y.len() - 2).min_by(|a, b| left_over(*a).total_cmp(&left_over(*b)))?;
        let (head, tail) = y.split_at_checked(split)?;
        let (left, right) = (Line::through(head), Line::through(tail));
        let variance = variance(&y);
        let rvariance = left_over(split) / (y.len() - 1) as f64;
        let fitted: Vec<f64> = (0..head.len())
            .map(|x| left.at(x))
            .chain((0..tail.len()).map(|x| right.at(x)))
            .collect();
        // Lines are told over the whole series' axis.
        let right_interception = right.interception - right.slope * split as f64;
        begin(out, bag);
        let mut parts = Parts { out, bag };
        parts.number("rsquare", if variance > 0.0 { 1.0 - rvariance / variance } else { 1.0 });
        parts.long("split_idx", split);
        parts.number("variance", variance);
        parts.number("rvariance", rvariance);
        parts.series("line_fit", &fitted);
        for (side, line, interception) in
            [("right", right, right_interception), ("left", left, left.interception)]
        {
            if bag {
                parts.out.key(side);
                parts.out.begin_object();
            }
            parts.number("rsquare", line.rsquare);
            parts.number("slope", line.slope);
            parts.number("interception", interception);
            parts.number("variance", line.variance);
            parts.number("rvariance", line.rvariance);
            if bag {
                parts.out.end_object();
            }
        }
        end(out, bag);
        Some(())
    })
}

/// `series_fit_poly(y[, x[, degree]])`
fn polynomial(call: &Call<'_>) -> Answer {
    let series = call.dynamic(0)?;
    call.built(|row, out| {
        let y = numbers(series.array(row)?)?;
        let x = match call.value(1, row) {
            Value::Dynamic(d) => numbers(d.as_ref()).filter(|x| x.len() == y.len())?,
            _ => (1..=y.len()).map(|x| x as f64).collect(),
        };
        let degree = call.value(2, row).cast(values::ScalarType::Long).as_i64().unwrap_or(1);
        let degree = usize::try_from(degree).ok().filter(|d| *d <= DEGREE_MAX && *d < y.len())?;
        let coefficients = fit(&x, &y, degree)?;
        let value = |x: f64| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
        let fitted: Vec<f64> = x.iter().map(|x| value(*x)).collect();
        let variance = variance(&y);
        let residual: f64 = y.iter().zip(&fitted).map(|(y, f)| (y - f) * (y - f)).sum();
        let rvariance = residual / (y.len() - 1).max(1) as f64;
        let falling: Vec<f64> = coefficients.iter().rev().copied().collect();
        out.begin_array();
        out.real(if variance > 0.0 { 1.0 - rvariance / variance } else { 1.0 });
        write_numbers(out, &falling);
        out.real(variance);
        out.real(rvariance);
        write_numbers(out, &fitted);
        out.end_array();
        Some(())
    })
}

/// Least squares, constant term first: by Householder reflections over x brought into [-1, 1].
fn fit(x: &[f64], y: &[f64], degree: usize) -> Option<Vec<f64>> {
    let low = x.iter().copied().fold(f64::INFINITY, f64::min);
    let high = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (middle, half) = (f64::midpoint(low, high), ((high - low) / 2.0).max(f64::MIN_POSITIVE));
    let columns = degree + 1;
    let mut rows: Vec<Vec<f64>> = x
        .iter()
        .zip(y)
        .map(|(x, y)| {
            let scaled = (x - middle) / half;
            let powers = std::iter::successors(Some(1.0), |p| Some(p * scaled)).take(columns);
            powers.chain([*y]).collect()
        })
        .collect();
    for k in 0..columns {
        reflect(&mut rows, k);
    }
    let mut scaled = vec![0.0; columns];
    for k in (0..columns).rev() {
        let row = rows.get(k)?;
        let known: f64 = (k + 1..columns).map(|j| row[j] * scaled[j]).sum();
        scaled[k] = (row[columns] - known) / row[k];
        if !scaled[k].is_finite() {
            return None;
        }
    }
    // From powers of (x - middle) / half to powers of x, one linear factor at a time.
    let mut powers = vec![0.0; columns];
    for c in scaled.iter().rev() {
        for k in (0..columns).rev() {
            let below = if k > 0 { powers[k - 1] } else { 0.0 };
            powers[k] = (below - middle * powers[k]) / half;
        }
        powers[0] += c;
    }
    Some(powers)
}

/// Makes column `k` zero below its place.
fn reflect(rows: &mut [Vec<f64>], k: usize) {
    let norm = rows.iter().skip(k).map(|r| r[k] * r[k]).sum::<f64>().sqrt();
    let Some(first) = rows.get(k).map(|r| r[k]) else { return };
    if norm == 0.0 {
        return;
    }
    let alpha = if first > 0.0 { -norm } else { norm };
    let mut v: Vec<f64> = rows.iter().skip(k).map(|r| r[k]).collect();
    v[0] -= alpha;
    let square: f64 = v.iter().map(|x| x * x).sum();
    if square == 0.0 {
        return;
    }
    let width = rows.first().map_or(0, Vec::len);
    for j in k..width {
        let dot: f64 = rows.iter().skip(k).zip(&v).map(|(r, v)| r[j] * v).sum();
        for (row, v) in rows.iter_mut().skip(k).zip(&v) {
            row[j] -= 2.0 * dot / square * v;
        }
    }
}
