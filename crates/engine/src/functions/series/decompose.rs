//! Seasons, trend and what is left; anomalies and forecasts from them.

use values::{ScalarType, Value};

use super::super::Function;
use super::super::call::{Call, EvalError};
use super::super::support::Answer;
use super::fit::Line;
use super::periods::detect;
use super::stats::{Fence, scores};
use super::{mean, median, number, numbers, write_numbers};

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("series_seasonal", seasonal),
    Function::new("series_decompose", decompose),
    Function::new("series_decompose_anomalies", anomalies),
    Function::new("series_decompose_forecast", forecast),
];

/// How the trend is drawn.
#[derive(Clone, Copy)]
enum Trend {
    Average,
    Line,
    None,
}

/// What a caller may set.
struct Settings {
    /// Points of a period; -1: find it, 0: none.
    period: i64,
    trend: Trend,
    /// Points at the end that nothing is learned from.
    test_points: usize,
    /// Score from which a found period counts.
    threshold: f64,
}

impl Trend {
    fn named(name: &str) -> Result<Self, EvalError> {
        match name {
            "" | "avg" => Ok(Self::Average),
            "linefit" => Ok(Self::Line),
            "none" => Ok(Self::None),
            other => {
                Err(EvalError::new(format!("'{other}' is no trend; use avg, linefit or none")))
            }
        }
    }
}

/// Where the arguments of [`Settings`] stand.
struct Places {
    period: usize,
    trend: usize,
    test_points: usize,
    threshold: usize,
}

impl Places {
    /// Refuses a constant trend that does not exist.
    fn check(&self, call: &Call<'_>) -> Result<(), EvalError> {
        match call.constant(self.trend) {
            Some(Value::String(name)) => Trend::named(name).map(drop),
            _ => Ok(()),
        }
    }

    fn read(&self, call: &Call<'_>, row: usize) -> Option<Settings> {
        let long = |i: usize| call.value(i, row).cast(ScalarType::Long).as_i64();
        let trend = Trend::named(&call.value(self.trend, row).to_string()).ok()?;
        Some(Settings {
            period: long(self.period).unwrap_or(-1),
            trend,
            test_points: usize::try_from(long(self.test_points).unwrap_or(0)).unwrap_or(0),
            threshold: call.value(self.threshold, row).as_f64().unwrap_or(0.6),
        })
    }
}

/// The seasonal component: the median of the learned points in the same phase; zeros without a period.
fn season(y: &[f64], learned: usize, period: i64, threshold: f64) -> Vec<f64> {
    let head = y.get(..learned).unwrap_or(y);
    let period = match period {
        0 => None,
        1.. => usize::try_from(period).ok(),
        _ => detect(head, 0.0, head.len() as f64, 1)
            .first()
            .filter(|(_, score)| *score >= threshold)
            .map(|(period, _)| *period as usize),
    };
    let Some(period) = period.filter(|p| *p > 0 && *p <= head.len()) else {
        return vec![0.0; y.len()];
    };
    let phases: Vec<f64> = (0..period)
        .map(|phase| median(head.iter().skip(phase).step_by(period).copied().collect()))
        .collect();
    phases.iter().cycle().take(y.len()).copied().collect()
}

/// A series taken apart.
struct Components {
    seasonal: Vec<f64>,
    trend: Vec<f64>,
    baseline: Vec<f64>,
}

fn take_apart(y: &[f64], settings: &Settings) -> Components {
    let learned = y.len().saturating_sub(settings.test_points);
    let seasonal = season(y, learned, settings.period, settings.threshold);
    let rest: Vec<f64> = y.iter().zip(&seasonal).map(|(y, s)| y - s).collect();
    let head = rest.get(..learned).filter(|h| !h.is_empty()).unwrap_or(&rest);
    let trend: Vec<f64> = match settings.trend {
        Trend::None => vec![0.0; y.len()],
        Trend::Average => vec![mean(head); y.len()],
        Trend::Line => {
            let line = Line::through(head);
            (0..y.len()).map(|x| line.at(x)).collect()
        }
    };
    let baseline = seasonal.iter().zip(&trend).map(|(s, t)| s + t).collect();
    Components { seasonal, trend, baseline }
}

/// `series_seasonal(series[, period[, test points]])`
fn seasonal(call: &Call<'_>) -> Answer {
    let series = call.dynamic(0)?;
    call.built(|row, out| {
        let y = numbers(series.array(row)?)?;
        let long = |i: usize, default: i64| {
            call.value(i, row).cast(ScalarType::Long).as_i64().unwrap_or(default)
        };
        let learned = y.len().saturating_sub(usize::try_from(long(2, 0)).unwrap_or(0));
        let period = long(1, -1);
        let period = if period < -1 { 0 } else { period };
        write_numbers(out, &season(&y, learned, period, 0.7));
        Some(())
    })
}

/// `series_decompose(series[, period[, trend[, test points[, threshold]]]])`
fn decompose(call: &Call<'_>) -> Answer {
    let series = call.dynamic(0)?;
    let places = Places { period: 1, trend: 2, test_points: 3, threshold: 4 };
    places.check(call)?;
    call.built(|row, out| {
        let y = numbers(series.array(row)?)?;
        let settings = places.read(call, row)?;
        let parts = take_apart(&y, &settings);
        let residual: Vec<f64> = y.iter().zip(&parts.baseline).map(|(y, b)| y - b).collect();
        out.begin_array();
        for part in [&parts.baseline, &parts.seasonal, &parts.trend, &residual] {
            write_numbers(out, part);
        }
        out.end_array();
        Some(())
    })
}

/// `series_decompose_anomalies(series[, threshold[, period[, trend[, test points[, method[, period threshold]]]]]])`
fn anomalies(call: &Call<'_>) -> Answer {
    let series = call.dynamic(0)?;
    let places = Places { period: 2, trend: 3, test_points: 4, threshold: 6 };
    places.check(call)?;
    if let Some(Value::String(method)) = call.constant(5) {
        Fence::named(method)?;
    }
    call.built(|row, out| {
        let y = numbers(series.array(row)?)?;
        let settings = places.read(call, row)?;
        let limit = call.value(1, row).as_f64().unwrap_or(1.5);
        let fence = Fence::named(&call.value(5, row).to_string()).ok()?;
        let parts = take_apart(&y, &settings);
        let residual: Vec<Option<f64>> =
            y.iter().zip(&parts.baseline).map(|(y, b)| Some(y - b)).collect();
        let learned = y.len().saturating_sub(settings.test_points);
        let scores = scores(&residual, learned, fence);
        out.begin_array();
        out.begin_array();
        for score in &scores {
            out.long(if *score > limit { 1 } else { -i64::from(*score < -limit) });
        }
        out.end_array();
        write_numbers(out, &scores);
        write_numbers(out, &parts.baseline);
        out.end_array();
        Some(())
    })
}

/// `series_decompose_forecast(series, points[, period[, trend[, threshold]]])`; the trend is a line unless set.
fn forecast(call: &Call<'_>) -> Answer {
    let series = call.dynamic(0)?;
    let places = Places { period: 2, trend: 3, test_points: 1, threshold: 4 };
    places.check(call)?;
    call.built(|row, out| {
        let mut settings = places.read(call, row)?;
        if call.len() < 4 {
            settings.trend = Trend::Line;
        }
        // The points to come are often null.
        let items: Vec<Option<f64>> = series.array(row)?.array().map(number).collect();
        let learned = items.len().saturating_sub(settings.test_points);
        let valid = items.iter().take(learned).all(Option::is_some);
        let y: Vec<f64> = items.into_iter().map(|v| v.unwrap_or(0.0)).collect();
        valid.then_some(())?;
        let parts = take_apart(&y, &settings);
        let residual: Vec<f64> = y.iter().zip(&parts.baseline).map(|(y, b)| y - b).collect();
        out.begin_array();
        for part in [&parts.baseline, &parts.seasonal, &parts.trend, &residual] {
            write_numbers(out, part);
        }
        out.end_array();
        Some(())
    })
}
