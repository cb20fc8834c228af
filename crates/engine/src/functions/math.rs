//! Numbers: roots, logarithms, trigonometry, rounding, bits, distributions.

use values::{Decimal, ScalarType, Value};

use super::Function;
use super::call::{Call, Columnar};
use super::distributions::{beta_cdf, beta_inv, beta_pdf, welch_test};
use super::support::Answer;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("abs", abs),
    Function::new("acos", |c| unary(c, |x| domain(x.acos()))),
    Function::new("asin", |c| unary(c, |x| domain(x.asin()))),
    Function::new("atan", |c| unary(c, |x| Some(x.atan()))),
    Function::new("atan2", |c| binary(c, |y, x| Some(y.atan2(x)))),
    Function::new("cos", |c| unary(c, |x| Some(x.cos()))),
    Function::new("cot", |c| unary(c, |x| Some(1.0 / x.tan()))),
    Function::new("degrees", |c| unary(c, |x| Some(x.to_degrees()))),
    Function::new("erf", |c| unary(c, |x| Some(libm::erf(x)))),
    Function::new("erfc", |c| unary(c, |x| Some(libm::erfc(x)))),
    Function::new("exp", |c| unary(c, |x| Some(x.exp()))),
    Function::new("exp10", |c| unary(c, |x| Some(10_f64.powf(x)))),
    Function::new("exp2", |c| unary(c, |x| Some(x.exp2()))),
    Function::new("gamma", |c| unary(c, |x| Some(libm::tgamma(x)))),
    Function::new("isfinite", |c| test(c, f64::is_finite)),
    Function::new("isinf", |c| test(c, f64::is_infinite)),
    Function::new("isnan", |c| test(c, f64::is_nan)),
    Function::new("log", |c| unary(c, |x| logarithm(x, f64::ln))),
    Function::new("log10", |c| unary(c, |x| logarithm(x, f64::log10))),
    Function::new("log2", |c| unary(c, |x| logarithm(x, f64::log2))),
    Function::new("loggamma", |c| unary(c, |x| Some(libm::lgamma(x)))),
    Function::new("pi", |c| c.reals(|_| Some(std::f64::consts::PI))),
    Function::new("pow", |c| binary(c, |x, y| Some(x.powf(y)))),
    Function::new("radians", |c| unary(c, |x| Some(x.to_radians()))),
    Function::new("sign", |c| unary(c, |x| Some(if x == 0.0 { 0.0 } else { x.signum() }))),
    Function::new("sin", |c| unary(c, |x| Some(x.sin()))),
    Function::new("sqrt", |c| unary(c, |x| domain(x.sqrt()))),
    Function::new("tan", |c| unary(c, |x| Some(x.tan()))),
    Function::new("ceiling", ceiling),
    Function::new("round", round).with_fixed(&[1]),
    Function::new("around", around),
    Function::new("binary_and", |c| bits(c, |a, b| Some(a & b))),
    Function::new("binary_or", |c| bits(c, |a, b| Some(a | b))),
    Function::new("binary_xor", |c| bits(c, |a, b| Some(a ^ b))),
    Function::new("binary_shift_left", |c| bits(c, |a, n| shift(n).map(|n| a << n))),
    Function::new("binary_shift_right", |c| bits(c, |a, n| shift(n).map(|n| a >> n))),
    Function::new("binary_not", |c| one_long(c, |a| !a)),
    Function::new("bitset_count_ones", |c| one_long(c, |a| i64::from(a.count_ones()))),
    Function::new("beta_cdf", |c| ternary(c, beta_cdf)),
    Function::new("beta_inv", |c| ternary(c, beta_inv)),
    Function::new("beta_pdf", |c| ternary(c, beta_pdf)),
    Function::new("welch_test", welch),
    Function::new("format_bytes", format_bytes).with_fixed(&[1, 2]),
];

/// Outside of a function's domain is null, not NaN.
fn domain(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

fn logarithm(x: f64, f: fn(f64) -> f64) -> Option<f64> {
    (x >= 0.0).then(|| f(x))
}

fn shift(count: i64) -> Option<u32> {
    (count >= 0).then_some((count % 64) as u32)
}

fn unary(call: &Call<'_>, f: fn(f64) -> Option<f64>) -> Answer {
    let x = call.number(0)?;
    call.reals(|row| f(x.real(row)?))
}

fn binary(call: &Call<'_>, f: fn(f64, f64) -> Option<f64>) -> Answer {
    let (x, y) = (call.number(0)?, call.number(1)?);
    call.reals(|row| f(x.real(row)?, y.real(row)?))
}

fn ternary(call: &Call<'_>, f: fn(f64, f64, f64) -> f64) -> Answer {
    let (x, y, z) = (call.number(0)?, call.number(1)?, call.number(2)?);
    call.reals(|row| Some(f(x.real(row)?, y.real(row)?, z.real(row)?)))
}

fn welch(call: &Call<'_>) -> Answer {
    let numbers = (0..6).map(|i| call.number(i)).collect::<Result<Vec<_>, _>>()?;
    call.reals(|row| {
        let mut all = [0.0; 6];
        for (place, number) in all.iter_mut().zip(&numbers) {
            *place = number.real(row)?;
        }
        let [mean1, variance1, count1, mean2, variance2, count2] = all;
        Some(welch_test((mean1, variance1, count1), (mean2, variance2, count2)))
    })
}

fn test(call: &Call<'_>, f: fn(f64) -> bool) -> Answer {
    let x = call.number(0)?;
    call.bools(|row| x.real(row).map(f))
}

fn bits(call: &Call<'_>, f: fn(i64, i64) -> Option<i64>) -> Answer {
    let (a, b) = (call.number(0)?, call.number(1)?);
    call.longs(|row| f(a.long(row)?, b.long(row)?))
}

fn one_long(call: &Call<'_>, f: fn(i64) -> i64) -> Answer {
    let a = call.number(0)?;
    call.longs(|row| a.long(row).map(f))
}

fn abs(call: &Call<'_>) -> Answer {
    let x = call.number(0)?;
    match call.result {
        ScalarType::Real => call.reals(|row| x.real(row).map(f64::abs)),
        ScalarType::Decimal => decimals(call, Decimal::abs),
        ScalarType::Int => {
            call.ints(|row| x.long(row).and_then(|v| i32::try_from(v.wrapping_abs()).ok()))
        }
        _ => call.longs(|row| x.long(row).map(i64::wrapping_abs)),
    }
}

fn decimals(call: &Call<'_>, f: impl Fn(Decimal) -> Decimal) -> Answer {
    call.bytes16(|row| match call.value(0, row).cast(ScalarType::Decimal) {
        Value::Decimal(v) => Some(f(v).to_bytes()),
        _ => None,
    })
}

fn ceiling(call: &Call<'_>) -> Answer {
    let x = call.number(0)?;
    match call.result {
        ScalarType::Real => call.reals(|row| x.real(row).map(f64::ceil)),
        ScalarType::Decimal => decimals(call, |v| Decimal(v.0.ceil())),
        ScalarType::Int => call.ints(|row| x.long(row).and_then(|v| i32::try_from(v).ok())),
        _ => call.longs(|row| x.long(row)),
    }
}

/// Half away from zero, at a digit; a negative one stands before the point.
pub(super) fn round_at(value: f64, digits: i64) -> f64 {
    let digits = digits.clamp(-308, 308) as i32;
    if !value.is_finite() {
        return value;
    }
    if digits < 0 {
        let unit = 10_f64.powi(-digits);
        return (value / unit).round() * unit;
    }
    // Far enough from a half both the digits and the bits decide alike, and what is left is a whole number of units.
    if digits <= 15 {
        let unit = 10_f64.powi(digits);
        let scaled = value * unit;
        if value > 0.0 && scaled < 1e8 && (scaled.fract() - 0.5).abs() > 1e-4 {
            return scaled.round() / unit;
        }
    }
    // The digits as written decide, so that 2.15 rounds to 2.2 although its bits lie below.
    match Decimal::from_f64(value) {
        Some(exact) if digits <= 28 => {
            let strategy = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
            Decimal(exact.0.round_dp_with_strategy(digits as u32, strategy)).to_f64()
        }
        _ => {
            let unit = 10_f64.powi(digits);
            let scaled = (value * unit).round() / unit;
            if scaled.is_finite() { scaled } else { value }
        }
    }
}

/// The precision at an argument; 0 where it is left out, none where it is null.
fn digits(call: &Call<'_>, index: usize) -> Option<i64> {
    if call.len() > index { call.constant_long(index) } else { Some(0) }
}

fn round(call: &Call<'_>) -> Answer {
    let x = call.number(0)?;
    let Some(digits) = digits(call, 1) else { return Ok(Columnar::Scalar(Value::Null)) };
    let long = |value: i64| if digits < 0 { round_at(value as f64, digits) as i64 } else { value };
    match call.result {
        ScalarType::Real => call.reals(|row| x.real(row).map(|v| round_at(v, digits))),
        ScalarType::Decimal => decimals(call, |v| {
            let strategy = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
            Decimal(v.0.round_dp_with_strategy(digits.clamp(0, 28) as u32, strategy))
        }),
        ScalarType::Int => call.ints(|row| x.long(row).and_then(|v| i32::try_from(long(v)).ok())),
        _ => call.longs(|row| x.long(row).map(long)),
    }
}

/// True where a value lies no further than `delta` from a centre.
fn around(call: &Call<'_>) -> Answer {
    let (value, center, delta) = (call.number(0)?, call.number(1)?, call.number(2)?);
    let ticks = matches!(call.types.first(), Some(ScalarType::DateTime | ScalarType::TimeSpan));
    call.bools(|row| {
        Some(if ticks {
            value.long(row)?.abs_diff(center.long(row)?) <= delta.long(row)?.unsigned_abs()
        } else {
            (value.real(row)? - center.real(row)?).abs() <= delta.real(row)?.abs()
        })
    })
}

/// `564 Bytes`, `10.1 KB`; the unit chosen by size, or given.
fn format_bytes(call: &Call<'_>) -> Answer {
    const UNITS: [&str; 7] = ["Bytes", "KB", "MB", "GB", "TB", "PB", "EB"];
    let sizes = call.number(0)?;
    let Some(digits) = digits(call, 1) else { return Ok(Columnar::Scalar(Value::string(""))) };
    let wanted = call.constant(2).and_then(|v| v.as_str()).unwrap_or_default();
    let wanted = UNITS.iter().position(|u| u.eq_ignore_ascii_case(wanted));
    call.written(|row, out| {
        let Some(size) = sizes.real(row) else { return };
        let natural = || (0..6).find(|p| size.abs() < 1024_f64.powi(p + 1)).unwrap_or(6) as usize;
        let power = wanted.unwrap_or_else(natural);
        let value = round_at(size / 1024_f64.powi(power as i32), digits);
        let unit = UNITS.get(power).copied().unwrap_or_default();
        let _ = std::fmt::Write::write_fmt(out, format_args!("{value} {unit}"));
    })
}
