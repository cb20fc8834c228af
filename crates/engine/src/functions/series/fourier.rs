//! The Fourier transform, for any length: by halves where it is a power of two, by Bluestein's way otherwise.

use std::f64::consts::PI;

use values::Value;

use super::super::Function;
use super::super::call::Call;
use super::super::support::Answer;
use super::{numbers, write_numbers};

/// Longest series that is transformed.
const LENGTH_MAX: usize = 1 << 20;

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("series_fft", |c| transformed(c, false)),
    Function::new("series_ifft", |c| transformed(c, true)),
];

/// A complex number.
pub(super) type Complex = (f64, f64);

fn times(a: Complex, b: Complex) -> Complex {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

fn turn(angle: f64) -> Complex {
    (angle.cos(), angle.sin())
}

/// The transform, or its inverse (already divided by the length).
pub(super) fn transform(input: &[Complex], inverse: bool) -> Vec<Complex> {
    let n = input.len();
    let mut out = if n.is_power_of_two() {
        let mut out = input.to_vec();
        halves(&mut out, inverse);
        out
    } else if n > 0 {
        bluestein(input, inverse)
    } else {
        Vec::new()
    };
    if inverse {
        out.iter_mut().for_each(|v| *v = (v.0 / n as f64, v.1 / n as f64));
    }
    out
}

/// In place, for a power of two.
fn halves(data: &mut [Complex], inverse: bool) {
    let n = data.len();
    let bits = n.trailing_zeros();
    for i in 0..n {
        let j = if bits == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - bits) };
        if i < j {
            data.swap(i, j);
        }
    }
    let sign = if inverse { 2.0 } else { -2.0 };
    let mut size = 2;
    while size <= n {
        let half = size / 2;
        let turns: Vec<Complex> =
            (0..half).map(|k| turn(sign * PI * k as f64 / size as f64)).collect();
        for chunk in data.chunks_exact_mut(size) {
            let (low, high) = chunk.split_at_mut(half);
            for ((a, b), t) in low.iter_mut().zip(high).zip(&turns) {
                let turned = times(*b, *t);
                *b = (a.0 - turned.0, a.1 - turned.1);
                *a = (a.0 + turned.0, a.1 + turned.1);
            }
        }
        size *= 2;
    }
}

/// Any length as a convolution, which powers of two can do.
fn bluestein(input: &[Complex], inverse: bool) -> Vec<Complex> {
    let n = input.len();
    let size = (2 * n).next_power_of_two();
    let sign = if inverse { 1.0 } else { -1.0 };
    // k² modulo 2n keeps the angle small, and with it exact.
    let chirp: Vec<Complex> =
        (0..n).map(|k| turn(sign * PI * ((k * k) % (2 * n)) as f64 / n as f64)).collect();
    let mut a = vec![(0.0, 0.0); size];
    let mut b = vec![(0.0, 0.0); size];
    for (k, (value, c)) in input.iter().zip(&chirp).enumerate() {
        a[k] = times(*value, *c);
        let conjugate = (c.0, -c.1);
        b[k] = conjugate;
        if k > 0 {
            b[size - k] = conjugate;
        }
    }
    halves(&mut a, false);
    halves(&mut b, false);
    a.iter_mut().zip(&b).for_each(|(a, b)| *a = times(*a, *b));
    halves(&mut a, true);
    let scale = 1.0 / size as f64;
    a.iter().zip(&chirp).map(|(v, c)| times((v.0 * scale, v.1 * scale), *c)).collect()
}

fn transformed(call: &Call<'_>, inverse: bool) -> Answer {
    let series = call.dynamic(0)?;
    call.built(|row, out| {
        let real = numbers(series.array(row)?).filter(|r| r.len() <= LENGTH_MAX)?;
        let imaginary = match call.value(1, row) {
            Value::Dynamic(d) => numbers(d.as_ref()).filter(|i| i.len() == real.len())?,
            _ => vec![0.0; real.len()],
        };
        let input: Vec<Complex> = real.into_iter().zip(imaginary).collect();
        let (real, imaginary): (Vec<f64>, Vec<f64>) =
            transform(&input, inverse).into_iter().unzip();
        out.begin_array();
        write_numbers(out, &real);
        write_numbers(out, &imaginary);
        out.end_array();
        Some(())
    })
}
