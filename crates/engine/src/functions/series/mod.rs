//! Series: arrays of numbers as `make-series` gives them.
//!
//! Functions with several results give an array of them, which the binder hands out as columns.

pub(super) mod arithmetic;
pub(super) mod decompose;
pub(super) mod fill;
pub(super) mod filter;
pub(super) mod fit;
pub(super) mod fourier;
pub(super) mod periods;
pub(super) mod stats;

use values::{DynamicBuilder, DynamicRef, Kind};

/// An element as a number; datetimes and timespans count as their ticks.
pub(super) fn number(item: DynamicRef<'_>) -> Option<f64> {
    match item.kind() {
        Kind::DateTime => item.as_datetime().map(|d| d.ticks() as f64),
        Kind::TimeSpan => item.as_timespan().map(|t| t.ticks() as f64),
        Kind::Bool => item.as_bool().map(|b| f64::from(u8::from(b))),
        _ => item.to_f64(),
    }
}

/// All elements as numbers; none where one is not.
pub(in super::super) fn numbers(array: DynamicRef<'_>) -> Option<Vec<f64>> {
    array.array().map(number).collect()
}

/// Writes numbers as an array.
pub(super) fn write_numbers(out: &mut DynamicBuilder, numbers: &[f64]) {
    out.begin_array();
    numbers.iter().for_each(|v| out.real(*v));
    out.end_array();
}

/// The mean; NaN of nothing.
pub(super) fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// The sample variance; 0 of a single number.
pub(super) fn variance(numbers: &[f64]) -> f64 {
    if numbers.len() < 2 {
        return 0.0;
    }
    let mean = mean(numbers);
    numbers.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (numbers.len() - 1) as f64
}

/// The value below which this share of the sorted numbers lies, interpolated.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let low = place.floor() as usize;
    let at = |i: usize| sorted.get(i.min(last)).copied().unwrap_or(f64::NAN);
    at(low) + (at(low + 1) - at(low)) * (place - place.floor())
}

/// The median; NaN of nothing.
pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    quantile(&numbers, 0.5)
}
