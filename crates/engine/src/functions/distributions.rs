//! The beta distribution, and Student's test on it.

/// Steps of a continued fraction or a bisection before it is left as it is.
const STEPS_MAX: usize = 10_000;

fn log_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// The regularised incomplete beta function, by Lentz's method.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta_left(1.0 - x, b, a);
    }
    incomplete_beta_left(x, a, b)
}

fn incomplete_beta_left(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let front = (a * x.ln() + b * (-x).ln_1p() - log_beta(a, b)).exp() / a;
    let nonzero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let (mut fraction, mut c, mut d) = (1.0, 1.0, 0.0);
    for step in 0..STEPS_MAX {
        let m = (step / 2) as f64;
        let numerator = if step == 0 {
            1.0
        } else if step % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / nonzero(1.0 + numerator * d);
        c = nonzero(1.0 + numerator / c);
        let factor = c * d;
        fraction *= factor;
        if (1.0 - factor).abs() < 1e-15 {
            break;
        }
    }
    front * (fraction - 1.0)
}

/// Cumulative beta distribution; NaN outside of its domain.
pub(super) fn beta_cdf(x: f64, alpha: f64, beta: f64) -> f64 {
    let shape = |v: f64| v > 0.0 && v <= 10_000.0;
    if !(0.0..=1.0).contains(&x) || !shape(alpha) || !shape(beta) {
        return f64::NAN;
    }
    incomplete_beta(x, alpha, beta)
}

/// The x where [`beta_cdf`] is `probability`.
pub(super) fn beta_inv(probability: f64, alpha: f64, beta: f64) -> f64 {
    if !(alpha > 0.0 && beta > 0.0 && probability > 0.0 && probability <= 1.0) {
        return f64::NAN;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if incomplete_beta(middle, alpha, beta) < probability {
            low = middle
        } else {
            high = middle
        }
    }
    f64::midpoint(low, high)
}

/// Density of the beta distribution.
pub(super) fn beta_pdf(x: f64, alpha: f64, beta: f64) -> f64 {
    if !(x > 0.0 && x < 1.0 && alpha > 0.0 && beta > 0.0) {
        return f64::NAN;
    }
    ((alpha - 1.0) * x.ln() + (beta - 1.0) * (-x).ln_1p() - log_beta(alpha, beta)).exp()
}

/// Two-sided p value of Welch's test over (mean, variance, count) of two samples.
pub(super) fn welch_test(a: (f64, f64, f64), b: (f64, f64, f64)) -> f64 {
    let (error_a, error_b) = (a.1 / a.2, b.1 / b.2);
    let error = error_a + error_b;
    let t = (a.0 - b.0) / error.sqrt();
    let freedom =
        error * error / (error_a * error_a / (a.2 - 1.0) + error_b * error_b / (b.2 - 1.0));
    incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}
