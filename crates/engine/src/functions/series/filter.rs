//! Filters: finite and infinite impulse response.

use values::Value;

use super::super::Function;
use super::super::call::Call;
use super::super::support::Answer;
use super::{numbers, write_numbers};

pub(in super::super) const FUNCTIONS: &[Function] =
    &[Function::new("series_fir", fir), Function::new("series_iir", iir)];

/// `series_fir(series, filter[, normalize[, center]])`
fn fir(call: &Call<'_>) -> Answer {
    let (series, filters) = (call.dynamic(0)?, call.dynamic(1)?);
    call.built(|row, out| {
        let (x, mut filter) = (numbers(series.array(row)?)?, numbers(filters.array(row)?)?);
        let negative = filter.iter().any(|f| *f < 0.0);
        let normalize = match call.value(2, row) {
            Value::Bool(given) => given,
            _ => !negative,
        };
        if normalize {
            if negative {
                return None;
            }
            let sum: f64 = filter.iter().sum();
            filter.iter_mut().for_each(|f| *f /= sum);
        }
        let shift = if call.value(3, row) == Value::Bool(true) { filter.len() / 2 } else { 0 };
        let filtered: Vec<f64> = (0..x.len())
            .map(|at| {
                let place = at + shift;
                let taps = filter.iter().enumerate();
                taps.filter_map(|(k, f)| Some(f * x.get(place.checked_sub(k)?)?)).sum()
            })
            .collect();
        write_numbers(out, &filtered);
        Some(())
    })
}

/// `series_iir(series, numerators, denominators)`
fn iir(call: &Call<'_>) -> Answer {
    let (series, tops, bottoms) = (call.dynamic(0)?, call.dynamic(1)?, call.dynamic(2)?);
    call.built(|row, out| {
        let x = numbers(series.array(row)?)?;
        let (b, a) = (numbers(tops.array(row)?)?, numbers(bottoms.array(row)?)?);
        let first = a.first().copied().filter(|v| *v != 0.0)?;
        let mut y: Vec<f64> = Vec::with_capacity(x.len());
        for at in 0..x.len() {
            let back =
                |from: &[f64], k: usize| at.checked_sub(k).and_then(|i| from.get(i)).copied();
            let forward: f64 =
                b.iter().enumerate().filter_map(|(k, c)| Some(c * back(&x, k)?)).sum();
            let recursive: f64 =
                a.iter().enumerate().skip(1).filter_map(|(k, c)| Some(c * back(&y, k)?)).sum();
            y.push((forward - recursive) / first);
        }
        write_numbers(out, &y);
        Some(())
    })
}
