//! Distances on the WGS-84 spheroid, by Vincenty's formula.

use super::shape::Point;

const EQUATOR: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_223_563;
const STEPS_MAX: usize = 200;

/// In metres; none for points so nearly opposite that the formula does not settle.
pub(super) fn distance(a: Point, b: Point) -> Option<f64> {
    let reduced = |latitude: f64| ((1.0 - FLATTENING) * latitude.to_radians().tan()).atan();
    let (sin_u1, cos_u1) = reduced(a.latitude).sin_cos();
    let (sin_u2, cos_u2) = reduced(b.latitude).sin_cos();
    let difference = (b.longitude - a.longitude).to_radians();
    let mut lambda = difference;
    for _ in 0..STEPS_MAX {
        let (sin_l, cos_l) = lambda.sin_cos();
        let sin_sigma = (cos_u2 * sin_l).hypot(cos_u1 * sin_u2 - sin_u1 * cos_u2 * cos_l);
        if sin_sigma == 0.0 {
            return Some(0.0);
        }
        let cos_sigma = sin_u1 * sin_u2 + cos_u1 * cos_u2 * cos_l;
        let sigma = sin_sigma.atan2(cos_sigma);
        let sin_alpha = cos_u1 * cos_u2 * sin_l / sin_sigma;
        let cos_sq = 1.0 - sin_alpha * sin_alpha;
        let cos_2m = if cos_sq == 0.0 { 0.0 } else { cos_sigma - 2.0 * sin_u1 * sin_u2 / cos_sq };
        let c = FLATTENING / 16.0 * cos_sq * (4.0 + FLATTENING * (4.0 - 3.0 * cos_sq));
        let last = lambda;
        lambda = difference
            + (1.0 - c)
                * FLATTENING
                * sin_alpha
                * (sigma
                    + c * sin_sigma * (cos_2m + c * cos_sigma * (2.0 * cos_2m * cos_2m - 1.0)));
        if (lambda - last).abs() < 1e-13 {
            return Some(length(sin_sigma, cos_sigma, sigma, cos_sq, cos_2m));
        }
    }
    None
}

fn length(sin_sigma: f64, cos_sigma: f64, sigma: f64, cos_sq: f64, cos_2m: f64) -> f64 {
    let pole = EQUATOR * (1.0 - FLATTENING);
    let u = cos_sq * (EQUATOR * EQUATOR - pole * pole) / (pole * pole);
    let a = 1.0 + u / 16_384.0 * (4096.0 + u * (-768.0 + u * (320.0 - 175.0 * u)));
    let b = u / 1024.0 * (256.0 + u * (-128.0 + u * (74.0 - 47.0 * u)));
    let square = cos_2m * cos_2m;
    let correction = b
        * sin_sigma
        * (cos_2m
            + b / 4.0
                * (cos_sigma * (2.0 * square - 1.0)
                    - b / 6.0
                        * cos_2m
                        * (4.0 * sin_sigma * sin_sigma - 3.0)
                        * (4.0 * square - 3.0)));
    pole * a * (sigma - correction)
}
