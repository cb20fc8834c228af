//! Statistics of a series, and how far its points lie from the rest.

use values::{DynamicBuilder, Value};

use super::super::Function;
use super::super::call::{Call, EvalError};
use super::super::support::Answer;
use super::{mean, number, quantile, variance, write_numbers};

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("series_stats", |c| stats(c, false)),
    Function::new("series_stats_dynamic", |c| stats(c, true)),
    Function::new("series_outliers", outliers),
];

fn stats(call: &Call<'_>, bag: bool) -> Answer {
    let series = call.dynamic(0)?;
    call.built(|row, out| {
        let ignore = matches!(call.value(1, row), Value::Bool(true));
        let items: Vec<Option<f64>> = series.array(row)?.array().map(number).collect();
        let finite = |v: &Option<f64>| v.is_some_and(f64::is_finite);
        let valid = ignore || items.iter().all(finite);
        let places: Vec<(usize, f64)> = items
            .iter()
            .enumerate()
            .filter(|(_, v)| valid && finite(v))
            .filter_map(|(at, v)| Some((at, (*v)?)))
            .collect();
        if bag {
            out.begin_object()
        } else {
            out.begin_array()
        }
        write_stats(&places, bag, out);
        if bag {
            out.end_object()
        } else {
            out.end_array()
        }
        Some(())
    })
}

fn write_stats(places: &[(usize, f64)], bag: bool, out: &mut DynamicBuilder) {
    let values: Vec<f64> = places.iter().map(|p| p.1).collect();
    let extreme = |better: fn(f64, f64) -> bool| {
        places.iter().copied().reduce(|best, p| if better(p.1, best.1) { p } else { best })
    };
    let (low, high) = (extreme(|a, b| a < b), extreme(|a, b| a > b));
    let some = |v: f64| (!values.is_empty()).then_some(v);
    let spread = variance(&values);
    let mut part = |name: &str, value: Option<Value>| {
        if bag {
            out.key(name);
        }
        out.value(&value.unwrap_or(Value::Null));
    };
    let index = |p: Option<(usize, f64)>| p.and_then(|p| i64::try_from(p.0).ok()).map(Value::Long);
    part("min", low.map(|p| Value::Real(p.1)));
    part("min_idx", index(low));
    part("max", high.map(|p| Value::Real(p.1)));
    part("max_idx", index(high));
    part("avg", some(mean(&values)).map(Value::Real));
    part("stdev", some(spread.sqrt()).map(Value::Real));
    part("variance", some(spread).map(Value::Real));
    if bag {
        part("sum", some(values.iter().sum()).map(Value::Real));
        part("len", i64::try_from(values.len()).ok().map(Value::Long));
    }
}

/// Which range counts as normal.
#[derive(Clone, Copy)]
pub(super) struct Fence {
    low: f64,
    high: f64,
}

impl Fence {
    /// The quartiles.
    pub(super) const TUKEY: Self = Self { low: 0.25, high: 0.75 };
    /// The first and last tenth left out.
    pub(super) const CUSTOM: Self = Self { low: 0.1, high: 0.9 };

    /// By the name that queries use.
    pub(super) fn named(kind: &str) -> Result<Self, EvalError> {
        match kind {
            "" | "ctukey" => Ok(Self::CUSTOM),
            "tukey" => Ok(Self::TUKEY),
            other => Err(EvalError::new(format!(
                "'{other}' is no kind of outlier test; use ctukey or tukey"
            ))),
        }
    }
}

/// How many lengths of the normal range of the first `learned` values each value lies above (or, negative, below) it.
/// The length is that of the quartiles of a normal distribution with the same spread, so that 1.5 means the same for
/// all fences.
pub(super) fn scores(values: &[Option<f64>], learned: usize, fence: Fence) -> Vec<f64> {
    let head = values.iter().take(learned.max(1)).flatten().copied();
    let mut sorted: Vec<f64> = head.filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (quantile(&sorted, fence.low), quantile(&sorted, fence.high));
    let ratio = (inverse_normal(0.75) - inverse_normal(0.25))
        / (inverse_normal(fence.high) - inverse_normal(fence.low));
    let length = (high - low) * ratio;
    let score = |v: f64| {
        let beyond = if v > high {
            v - high
        } else if v < low {
            v - low
        } else {
            0.0
        };
        if beyond == 0.0 { 0.0 } else { beyond / length }
    };
    values.iter().map(|v| v.filter(|v| v.is_finite()).map_or(0.0, score)).collect()
}

/// The point below which a share of the standard normal distribution lies.
fn inverse_normal(share: f64) -> f64 {
    let (mut low, mut high) = (-10.0_f64, 10.0_f64);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        let below = 0.5 * libm::erfc(-middle / std::f64::consts::SQRT_2);
        if below < share { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// `series_outliers(series[, kind[, ignored value[, min percentile[, max percentile[, test points]]]]])`
fn outliers(call: &Call<'_>) -> Answer {
    let series = call.dynamic(0)?;
    if let Some(Value::String(kind)) = call.constant(1) {
        Fence::named(kind)?;
    }
    call.built(|row, out| {
        let at = |i: usize| call.value(i, row);
        let kind = at(1).to_string();
        let mut fence = Fence::named(&kind).ok()?;
        if kind != "tukey" {
            let share = |i: usize, default: f64| {
                at(i).as_f64().filter(|p| (2.0..=98.0).contains(p)).map_or(default, |p| p / 100.0)
            };
            fence = Fence { low: share(3, fence.low), high: share(4, fence.high) };
        }
        let ignored = at(2).as_f64();
        let items: Vec<Option<f64>> =
            series.array(row)?.array().map(|i| number(i).filter(|v| Some(*v) != ignored)).collect();
        let test_points = usize::try_from(at(5).as_i64().unwrap_or(0)).unwrap_or(0);
        let learned = items.len().saturating_sub(test_points);
        write_numbers(out, &scores(&items, learned, fence));
        Some(())
    })
}
