//! Shapes made denser, simpler or wider.

use std::f64::consts::{PI, TAU};

use super::super::Function;
use super::super::call::Call;
use super::combine::shapes;
use super::measure::{Places, closed};
use super::overlay;
use super::shape::{
    Chain, Point, Polygon, ShapeArg, lines, polygons, rings_as_given, vectors, write_lines,
    write_polygons,
};
use super::sphere::{
    RADIUS, angle_to_arc, azimuth, destination, distance, from_degrees, ring_area,
};

/// Most points of a densified shape.
const POINTS_MAX: usize = 1 << 20;
/// Most corners of the polygon that stands for a circle.
const CORNERS_MAX: f64 = 5_000.0;

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("geo_line_densify", |c| {
        let shapes = ShapeArg::new(c, 0, lines)?;
        c.built(|row, out| {
            let tolerance = tolerance(c, 1, row, 0.1, 10_000.0)?;
            let dense = shapes.with(row, |all| {
                all.iter().map(|line| densify(line, tolerance)).collect::<Option<Vec<_>>>()
            })?;
            write_lines(out, &dense);
            Some(())
        })
    }),
    Function::new("geo_polygon_densify", |c| {
        let shapes = ShapeArg::new(c, 0, rings_as_given)?;
        c.built(|row, out| {
            let tolerance = tolerance(c, 1, row, 0.1, 10_000.0)?;
            let ring = |ring: &Chain| {
                let mut dense = densify(&closed(ring), tolerance)?;
                dense.pop();
                Some(dense)
            };
            let polygon = |rings: &Vec<Chain>| {
                let mut rings = rings.iter().map(ring);
                let shell = rings.next()??;
                Some(Polygon { shell, holes: rings.collect::<Option<_>>()? })
            };
            let dense =
                shapes.with(row, |all| all.iter().map(polygon).collect::<Option<Vec<_>>>())?;
            write_polygons(out, &dense);
            Some(())
        })
    }),
    Function::new("geo_line_simplify", |c| {
        let shapes = ShapeArg::new(c, 0, lines)?;
        c.built(|row, out| {
            let tolerance = tolerance(c, 1, row, 0.0, 7_800_000.0)?;
            let simple: Vec<Chain> = shapes.with(row, |all| {
                let all = overlay::union_lines(all)?;
                Some(all.iter().filter_map(|line| simplify(line, tolerance)).collect())
            })?;
            (!simple.is_empty()).then(|| write_lines(out, &simple))
        })
    }),
    Function::new("geo_polygon_simplify", |c| {
        let shapes = ShapeArg::new(c, 0, polygons)?;
        c.built(|row, out| {
            let tolerance = tolerance(c, 1, row, 0.0, 7_800_000.0)?;
            let simple = shapes.with(row, |all| simplify_areas(all, tolerance))?;
            write_polygons(out, &simple);
            Some(())
        })
    }),
    Function::new("geo_simplify_polygons_array", |c| {
        let arrays = c.dynamic(0)?;
        c.built(|row, out| {
            let tolerance = tolerance(c, 1, row, 0.0, 7_800_000.0)?;
            let all = shapes(arrays.get(row)?, polygons)?;
            write_polygons(out, &simplify_areas(&all, tolerance)?);
            Some(())
        })
    }),
    Function::new("geo_point_buffer", |c| {
        let (places, radii) = (Places::of(c, 0)?, c.number(2)?);
        c.built(|row, out| {
            let (centre, radius) = (places.get(row)?, radius(radii.real(row))?);
            let corners = Corners::new(radius, tolerance(c, 3, row, 0.0, f64::MAX)?);
            let shell = counterclockwise(corners.circle(centre));
            write_polygons(out, &[Polygon { shell, holes: Vec::new() }]);
            Some(())
        })
    }),
    Function::new("geo_line_buffer", |c| {
        let (shapes, radii) = (ShapeArg::new(c, 0, lines)?, c.number(1)?);
        c.built(|row, out| {
            let radius = radius(radii.real(row))?;
            let corners = Corners::new(radius, tolerance(c, 2, row, 0.0, f64::MAX)?);
            let wide = shapes.with(row, |all| {
                let edges = all.iter().flat_map(|line| line.windows(2));
                let parts: Vec<Polygon> = edges.map(|w| corners.capsule(w[0], w[1])).collect();
                overlay::union(&parts)
            })?;
            write_polygons(out, &wide);
            Some(())
        })
    }),
    Function::new("geo_polygon_buffer", |c| {
        let (shapes, radii) = (ShapeArg::new(c, 0, polygons)?, c.number(1)?);
        c.built(|row, out| {
            let radius = radius(radii.real(row))?;
            let corners = Corners::new(radius, tolerance(c, 2, row, 0.0, f64::MAX)?);
            let wide = shapes.with(row, |all| around(all, &corners))?;
            write_polygons(out, &wide);
            Some(())
        })
    }),
];

/// A tolerance in metres, 10 when absent; none out of range.
fn tolerance(call: &Call<'_>, index: usize, row: usize, low: f64, high: f64) -> Option<f64> {
    if index >= call.len() {
        return Some(10.0);
    }
    call.value(index, row).as_f64().filter(|t| (low..=high).contains(t))
}

fn radius(value: Option<f64>) -> Option<f64> {
    value.filter(|r| *r > 0.0 && *r < PI / 2.0 * RADIUS)
}

/// Edges that are straight on a map become chains of arcs that keep as close to it as wanted.
fn densify(line: &[Point], tolerance: f64) -> Option<Chain> {
    let mut dense: Chain = line.first().copied().into_iter().collect();
    for edge in line.windows(2) {
        split(edge[0], edge[1], tolerance, 0, &mut dense)?;
    }
    Some(dense)
}

fn split(a: Point, b: Point, tolerance: f64, depth: usize, out: &mut Chain) -> Option<()> {
    let across = b.longitude - a.longitude;
    // The shorter way around.
    let across = if across.abs() > 180.0 { across - 360.0 * across.signum() } else { across };
    let at = |f: f64| (a.longitude + across * f, a.latitude + (b.latitude - a.latitude) * f);
    let off = [0.312_156_910_822_482, 0.5, 0.687_843_089_177_518].iter().map(|f| {
        let (longitude, latitude) = at(*f);
        angle_to_arc(from_degrees(longitude, latitude), a.v, b.v) * RADIUS
    });
    if off.fold(0.0, f64::max) <= tolerance || depth > 40 {
        out.push(b);
        return (out.len() <= POINTS_MAX).then_some(());
    }
    let (longitude, latitude) = at(0.5);
    let wrapped = (longitude + 540.0).rem_euclid(360.0) - 180.0;
    let middle = Point::new(if longitude.abs() > 180.0 { wrapped } else { longitude }, latitude)?;
    split(a, middle, tolerance, depth + 1, out)?;
    split(middle, b, tolerance, depth + 1, out)
}

/// Points left out where the line stays within the tolerance; none where nothing but a point would be left.
fn simplify(line: &[Point], tolerance: f64) -> Option<Chain> {
    let mut kept: Chain = line.first().copied().into_iter().collect();
    let mut start = 0;
    while start + 1 < line.len() {
        let reaches = |end: usize| {
            let (Some(a), Some(b)) = (line.get(start), line.get(end)) else { return false };
            line.get(start + 1..end)
                .unwrap_or_default()
                .iter()
                .all(|p| angle_to_arc(p.v, a.v, b.v) * RADIUS <= tolerance)
        };
        let end =
            (start + 2..line.len()).take_while(|end| reaches(*end)).last().unwrap_or(start + 1);
        kept.extend(line.get(end));
        start = end;
    }
    let mut spaced: Chain = Vec::with_capacity(kept.len());
    for point in &kept {
        if spaced.last().is_none_or(|last| distance(last.v, point.v) >= tolerance) {
            spaced.push(*point);
        }
    }
    let last = kept.last().copied()?;
    if spaced.len() > 1 {
        // The end stays where it was.
        spaced.pop();
        spaced.push(last);
    }
    (spaced.len() > 1).then_some(spaced)
}

fn simplify_areas(all: &[Polygon], tolerance: f64) -> Option<Vec<Polygon>> {
    let ring = |ring: &Chain| {
        let mut simple = simplify(&closed(ring), tolerance)?;
        simple.pop();
        (simple.len() > 2).then_some(simple)
    };
    let simple: Vec<Polygon> = overlay::union(all)?
        .iter()
        .filter_map(|p| {
            let holes = p.holes.iter().filter_map(ring).collect();
            Some(Polygon { shell: ring(&p.shell)?, holes })
        })
        .collect();
    (!simple.is_empty()).then_some(simple)
}

/// Areas with everything around them that their corners' radius reaches.
fn around(all: &[Polygon], corners: &Corners) -> Option<Vec<Polygon>> {
    let mut parts = all.to_vec();
    for ring in all.iter().flat_map(Polygon::rings) {
        parts.extend(closed(ring).windows(2).map(|w| corners.capsule(w[0], w[1])));
    }
    overlay::union(&parts)
}

/// Areas widened by metres.
pub(super) fn widened(all: &[Polygon], metres: f64) -> Option<Vec<Polygon>> {
    around(all, &Corners::new(radius(Some(metres))?, 10.0))
}

fn counterclockwise(mut ring: Chain) -> Chain {
    if ring_area(&vectors(&ring)) < 0.0 {
        ring.reverse();
    }
    ring
}

/// The directions in which a circle has its corners.
struct Corners {
    count: usize,
    radius: f64,
}

impl Corners {
    /// So many that no side runs further inside than the tolerance.
    fn new(radius: f64, tolerance: f64) -> Self {
        let share = (tolerance / radius).clamp(1e-6, 0.5);
        let count = (PI / (1.0 - share).acos()).ceil().clamp(8.0, CORNERS_MAX);
        Self { count: count as usize, radius: radius / RADIUS }
    }

    fn bearings(&self) -> impl Iterator<Item = f64> + '_ {
        (0..self.count).map(|k| TAU * k as f64 / self.count as f64)
    }

    fn circle(&self, centre: Point) -> Chain {
        self.bearings().map(|b| Point::of(destination(centre.v, b, self.radius))).collect()
    }

    /// All around an edge: half a circle at each end.
    fn capsule(&self, a: Point, b: Point) -> Polygon {
        let half = |at: Point, heading: f64| {
            // From the left of the heading, over it, to the right.
            let mut turns: Vec<f64> = self
                .bearings()
                .map(|bearing| (bearing - heading + PI / 2.0).rem_euclid(TAU))
                .filter(|turn| *turn > 1e-9 && *turn < PI - 1e-9)
                .chain([0.0, PI])
                .collect();
            turns.sort_unstable_by(f64::total_cmp);
            turns
                .into_iter()
                .map(|turn| Point::of(destination(at.v, turn + heading - PI / 2.0, self.radius)))
                .collect::<Chain>()
        };
        let mut ring = half(b, azimuth(b.v, a.v) + PI);
        ring.extend(half(a, azimuth(a.v, b.v) + PI));
        Polygon { shell: counterclockwise(ring), holes: Vec::new() }
    }
}
