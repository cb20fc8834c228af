//! Periods of a series, by autocorrelation.
//!
//! The series is freed of its linear trend and of everything faster than four points. A period's score is the
//! correlation of the series with itself that many points later, times the root of the share of points that have a
//! partner; only local maxima count.

use super::super::Function;
use super::super::call::{Call, EvalError};
use super::super::support::Answer;
use super::fit::Line;
use super::fourier::{Complex, transform};
use super::{numbers, write_numbers};

/// Shortest period that can be found.
const SHORTEST: usize = 4;
/// Longest series that is analysed.
const LENGTH_MAX: usize = 1 << 18;

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("series_periods_detect", detect_periods),
    Function::new("series_periods_validate", validate_periods),
];

/// Correlations with itself, by lag.
struct Autocorrelation {
    /// Divided by the number of pairs at the lag.
    by_pair: Vec<f64>,
    length: usize,
}

impl Autocorrelation {
    fn of(y: &[f64]) -> Self {
        let smooth = smoothed(y);
        let n = smooth.len();
        // Padding keeps the end from wrapping around to the start.
        let mut padded: Vec<Complex> = smooth.iter().map(|v| (*v, 0.0)).collect();
        padded.resize((2 * n).next_power_of_two(), (0.0, 0.0));
        let spectrum = transform(&padded, false);
        let power: Vec<Complex> = spectrum.iter().map(|v| (v.0 * v.0 + v.1 * v.1, 0.0)).collect();
        let sums = transform(&power, true);
        let total = sums.first().map_or(0.0, |v| v.0);
        let flat = total <= 1e-12 * y.iter().map(|v| v * v).sum::<f64>().max(1e-300);
        let by_pair = (0..=n / 2)
            .map(|lag| match sums.get(lag) {
                Some(sum) if !flat => sum.0 / total * n as f64 / (n - lag) as f64,
                _ => 0.0,
            })
            .collect();
        Self { by_pair, length: n }
    }

    fn at(&self, lag: usize) -> f64 {
        self.by_pair.get(lag).copied().unwrap_or(f64::NEG_INFINITY)
    }

    fn is_peak(&self, lag: usize) -> bool {
        lag > 0 && self.at(lag) > self.at(lag - 1) && self.at(lag) >= self.at(lag + 1)
    }

    fn score(&self, lag: usize) -> f64 {
        let share = (self.length - lag.min(self.length)) as f64 / self.length as f64;
        (self.at(lag) * share.sqrt()).clamp(0.0, 1.0)
    }
}

/// Without trend and without what is faster than the shortest period.
fn smoothed(y: &[f64]) -> Vec<f64> {
    let line = Line::through(y);
    let flat: Vec<Complex> = y.iter().enumerate().map(|(x, v)| (v - line.at(x), 0.0)).collect();
    let n = flat.len();
    let mut spectrum = transform(&flat, false);
    for (k, value) in spectrum.iter_mut().enumerate() {
        let frequency = k.min(n - k);
        if frequency == 0 || frequency * SHORTEST > n {
            *value = (0.0, 0.0);
        }
    }
    transform(&spectrum, true).into_iter().map(|v| v.0).collect()
}

/// Periods with their scores, best first. A multiple of a better period counts only where it correlates better.
pub(super) fn detect(y: &[f64], shortest: f64, longest: f64, count: usize) -> Vec<(f64, f64)> {
    let n = y.len();
    if !(2 * SHORTEST..=LENGTH_MAX).contains(&n) || y.iter().any(|v| !v.is_finite()) {
        return Vec::new();
    }
    let correlation = Autocorrelation::of(y);
    let low = shortest.max(SHORTEST as f64).ceil() as usize;
    let high = longest.min((n / 2) as f64).floor().max(0.0) as usize;
    let mut peaks: Vec<usize> = (low..=high)
        .filter(|lag| correlation.is_peak(*lag) && correlation.score(*lag) > 0.1)
        .collect();
    peaks.sort_by(|a, b| correlation.score(*b).total_cmp(&correlation.score(*a)));
    let mut found: Vec<usize> = Vec::new();
    for lag in peaks {
        let near_multiple = |p: &usize| {
            let times = (lag as f64 / *p as f64).round().max(1.0);
            (lag as f64 - times * *p as f64).abs() <= times.max(0.1 * *p as f64)
                && correlation.at(lag) <= correlation.at(*p) + 0.05
        };
        if found.len() < count && !found.iter().any(near_multiple) {
            found.push(lag);
        }
    }
    found.into_iter().map(|lag| (lag as f64, correlation.score(lag))).collect()
}

/// `series_periods_detect(series, min_period, max_period, num_periods)`
fn detect_periods(call: &Call<'_>) -> Answer {
    let series = call.dynamic(0)?;
    let (shortest, longest) = (call.number(1)?, call.number(2)?);
    let counts = call.number(3)?;
    call.built(|row, out| {
        let y = numbers(series.array(row)?)?;
        let count =
            counts.long(row).and_then(|c| usize::try_from(c).ok()).filter(|c| *c <= 1000)?;
        let mut found = detect(&y, shortest.real(row)?, longest.real(row)?, count);
        found.resize(count, (0.0, 0.0));
        let (periods, scores): (Vec<f64>, Vec<f64>) = found.into_iter().unzip();
        out.begin_array();
        write_numbers(out, &periods);
        write_numbers(out, &scores);
        out.end_array();
        Some(())
    })
}

/// `series_periods_validate(series, period, ...)`
fn validate_periods(call: &Call<'_>) -> Answer {
    let series = call.dynamic(0)?;
    let periods = (1..call.len()).map(|i| call.number(i)).collect::<Result<Vec<_>, EvalError>>()?;
    call.built(|row, out| {
        let y = numbers(series.array(row)?)
            .filter(|y| (2 * SHORTEST..LENGTH_MAX).contains(&y.len()))?;
        let correlation = Autocorrelation::of(&y);
        let wanted: Vec<f64> = periods.iter().map(|p| p.real(row).unwrap_or(0.0)).collect();
        let score = |period: &f64| {
            if !(SHORTEST as f64..=(y.len() / 2) as f64).contains(period) {
                return 0.0;
            }
            let lag = period.round() as usize;
            let peak =
                [lag, lag.saturating_sub(1), lag + 1].into_iter().find(|l| correlation.is_peak(*l));
            peak.map_or(0.0, |lag| correlation.score(lag))
        };
        let scores: Vec<f64> = wanted.iter().map(score).collect();
        out.begin_array();
        write_numbers(out, &wanted);
        write_numbers(out, &scores);
        out.end_array();
        Some(())
    })
}
