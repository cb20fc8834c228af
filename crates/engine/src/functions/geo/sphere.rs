//! Points and arcs on the unit sphere.

/// A point of the unit sphere.
pub(super) type Vector = [f64; 3];

/// Radius of the Earth as a sphere, in metres.
pub(super) const RADIUS: f64 = 6_371_010.0;

pub(super) fn from_degrees(longitude: f64, latitude: f64) -> Vector {
    let (sin_lat, cos_lat) = latitude.to_radians().sin_cos();
    let (sin_lng, cos_lng) = longitude.to_radians().sin_cos();
    [cos_lat * cos_lng, cos_lat * sin_lng, sin_lat]
}

/// Longitude and latitude.
pub(super) fn to_degrees(v: Vector) -> (f64, f64) {
    let latitude = v[2].atan2(v[0].hypot(v[1]));
    (v[1].atan2(v[0]).to_degrees(), latitude.to_degrees())
}

pub(super) fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(super) fn add(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(super) fn subtract(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(super) fn scale(a: Vector, by: f64) -> Vector {
    [a[0] * by, a[1] * by, a[2] * by]
}

pub(super) fn norm(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

/// The same direction with length 1; none without a direction.
pub(super) fn unit(a: Vector) -> Option<Vector> {
    let length = norm(a);
    (length > 1e-300).then(|| scale(a, 1.0 / length))
}

/// The normal of the plane through two points; exact also where they are close.
pub(super) fn normal(a: Vector, b: Vector) -> Vector {
    scale(cross(subtract(b, a), add(b, a)), -0.5)
}

/// The angle between two points.
pub(super) fn angle(a: Vector, b: Vector) -> f64 {
    norm(normal(a, b)).atan2(dot(a, b))
}

/// In metres.
pub(super) fn distance(a: Vector, b: Vector) -> f64 {
    angle(a, b) * RADIUS
}

/// True for the same point or its antipode, which no single arc joins.
pub(super) fn no_arc(a: Vector, b: Vector) -> bool {
    norm(normal(a, b)) < 1e-15
}

/// The point this far along the arc (0 to 1).
pub(super) fn interpolate(a: Vector, b: Vector, fraction: f64) -> Vector {
    let whole = angle(a, b);
    travel(a, b, whole * fraction)
}

/// The point at an angle from `a` towards `b`.
pub(super) fn travel(a: Vector, b: Vector, by: f64) -> Vector {
    let Some(tangent) = unit(cross(normal(a, b), a)) else { return a };
    add(scale(a, by.cos()), scale(tangent, by.sin()))
}

/// The point at an angle and a bearing (clockwise from north) from `a`.
pub(super) fn destination(a: Vector, bearing: f64, by: f64) -> Vector {
    let east = unit(cross([0.0, 0.0, 1.0], a)).unwrap_or([0.0, 1.0, 0.0]);
    let north = cross(a, east);
    let heading = add(scale(north, bearing.cos()), scale(east, bearing.sin()));
    add(scale(a, by.cos()), scale(heading, by.sin()))
}

/// The bearing from `a` to `b`, clockwise from north, in [0, 2π).
pub(super) fn azimuth(a: Vector, b: Vector) -> f64 {
    let east = unit(cross([0.0, 0.0, 1.0], a)).unwrap_or([0.0, 1.0, 0.0]);
    let north = cross(a, east);
    let towards = subtract(b, a);
    let bearing = dot(towards, east).atan2(dot(towards, north));
    if bearing < 0.0 { bearing + std::f64::consts::TAU } else { bearing }
}

/// The point of the arc `ab` nearest to `p`.
pub(super) fn nearest_on_arc(p: Vector, a: Vector, b: Vector) -> Vector {
    let n = normal(a, b);
    if let Some(n) = unit(n) {
        let foot = subtract(p, scale(n, dot(p, n)));
        let inside = dot(cross(n, a), p) > 0.0 && dot(cross(b, n), p) > 0.0;
        if let Some(foot) = unit(foot).filter(|_| inside) {
            return foot;
        }
    }
    if angle(p, a) <= angle(p, b) { a } else { b }
}

/// The angle from `p` to the nearest point of the arc.
pub(super) fn angle_to_arc(p: Vector, a: Vector, b: Vector) -> f64 {
    angle(p, nearest_on_arc(p, a, b))
}

/// Where two arcs meet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meeting {
    /// Nowhere, or in an end that both share.
    None,
    /// In the inside of both.
    Cross(Vector),
}

/// The crossing of arcs that share no end and of which no end lies on the other.
pub(super) fn crossing(a: Vector, b: Vector, c: Vector, d: Vector) -> Meeting {
    let (n, m) = (normal(a, b), normal(c, d));
    let apart = dot(n, c) * dot(n, d) < 0.0 && dot(m, a) * dot(m, b) < 0.0;
    let Some(mut point) = unit(cross(n, m)).filter(|_| apart) else { return Meeting::None };
    if dot(point, add(add(a, b), add(c, d))) < 0.0 {
        point = scale(point, -1.0);
    }
    let on = |n: Vector, a: Vector, b: Vector| {
        dot(cross(n, a), point) > 0.0 && dot(cross(b, n), point) > 0.0
    };
    if on(n, a, b) && on(m, c, d) { Meeting::Cross(point) } else { Meeting::None }
}

/// The signed area of the triangle, positive when counterclockwise.
pub(super) fn triangle_area(a: Vector, b: Vector, c: Vector) -> f64 {
    let volume = dot(a, cross(subtract(b, a), subtract(c, a)));
    2.0 * volume.atan2(1.0 + dot(a, b) + dot(b, c) + dot(c, a))
}

/// The area to the left of a closed ring (its last point joins the first), in steradians; negative when the smaller
/// side lies to the right.
pub(super) fn ring_area(ring: &[Vector]) -> f64 {
    let Some((first, rest)) = ring.split_first() else { return 0.0 };
    rest.windows(2).map(|w| triangle_area(*first, w[0], w[1])).sum()
}

/// The full turns that a ring makes around a point, seen from it: 1 when the point is inside of a counterclockwise ring.
pub(super) fn winding(p: Vector, ring: &[Vector]) -> f64 {
    let mut turned = 0.0;
    for (at, a) in ring.iter().enumerate() {
        let b = ring.get(at + 1).or(ring.first()).copied().unwrap_or(*a);
        let (u, v) = (subtract(*a, p), subtract(b, p));
        // In the tangent plane at p.
        let (u, v) = (subtract(u, scale(p, dot(u, p))), subtract(v, scale(p, dot(v, p))));
        turned += dot(p, cross(u, v)).atan2(dot(u, v));
    }
    turned / std::f64::consts::TAU
}
