//! Distances, directions, lengths, areas, centres, points on lines.

use std::f64::consts::TAU;

use super::super::Function;
use super::super::call::{Call, EvalError};
use super::super::support::{Answer, NumberArg};
use super::overlay::{self, Region};
use super::shape::{Chain, Point, Polygon, ShapeArg, lines, polygons, vectors, write_point};
use super::sphere::{
    RADIUS, Vector, add, angle, angle_to_arc, azimuth, distance, nearest_on_arc, no_arc, normal,
    ring_area, scale, travel, unit,
};
use super::spheroid;

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("geo_distance_2points", distance_2points),
    Function::new("geo_azimuth", |c| directions(c, 2, |p| bearing(p[0], p[1]))),
    Function::new("geo_angle", |c| {
        directions(c, 3, |p| {
            let turn = bearing(p[1], p[2])? - bearing(p[1], p[0])?;
            Some(turn.rem_euclid(TAU))
        })
    }),
    Function::new("geo_point_in_circle", point_in_circle),
    Function::new("geo_point_in_polygon", |c| {
        let shapes = ShapeArg::new(c, 2, polygons)?;
        let places = Places::of(c, 0)?;
        c.bools(|row| {
            let p = places.get(row)?;
            shapes.with(row, |all| Some(all.iter().any(|polygon| polygon.contains(p.v))))
        })
    }),
    Function::new("geo_distance_point_to_line", |c| {
        let (places, shapes) = (Places::of(c, 0)?, ShapeArg::new(c, 2, lines)?);
        c.reals(|row| {
            let p = places.get(row)?;
            shapes.with(row, |all| nearest_on_lines(p.v, all).map(|q| distance(p.v, q)))
        })
    }),
    Function::new("geo_distance_point_to_polygon", |c| {
        let (places, shapes) = (Places::of(c, 0)?, ShapeArg::new(c, 2, polygons)?);
        c.reals(|row| {
            let p = places.get(row)?;
            shapes.with(row, |all| nearest_in_polygons(p.v, all).map(|q| distance(p.v, q)))
        })
    }),
    Function::new("geo_closest_point_on_line", |c| {
        let (places, shapes) = (Places::of(c, 0)?, ShapeArg::new(c, 2, lines)?);
        c.built(|row, out| {
            let p = places.get(row)?;
            let nearest = shapes.with(row, |all| nearest_on_lines(p.v, all))?;
            write_point(out, &Point::of(nearest));
            Some(())
        })
    }),
    Function::new("geo_closest_point_on_polygon", |c| {
        let (places, shapes) = (Places::of(c, 0)?, ShapeArg::new(c, 2, polygons)?);
        c.built(|row, out| {
            let p = places.get(row)?;
            let nearest = shapes.with(row, |all| nearest_in_polygons(p.v, all))?;
            write_point(out, &if nearest == p.v { p } else { Point::of(nearest) });
            Some(())
        })
    }),
    Function::new("geo_line_length", |c| {
        let shapes = ShapeArg::new(c, 0, lines)?;
        c.reals(|row| {
            shapes.with(row, |all| {
                let all = overlay::union_lines(all)?;
                Some(all.iter().map(|line| length(&line[..])).sum::<f64>() * RADIUS)
            })
        })
    }),
    Function::new("geo_line_centroid", |c| {
        let shapes = ShapeArg::new(c, 0, lines)?;
        c.built(|row, out| {
            let centre = shapes.with(row, |all| line_centroid(&overlay::union_lines(all)?))?;
            write_point(out, &Point::of(centre));
            Some(())
        })
    }),
    Function::new("geo_polygon_area", |c| {
        let shapes = ShapeArg::new(c, 0, polygons)?;
        c.reals(|row| shapes.with(row, |all| Some(area(&overlay::union(all)?) * RADIUS * RADIUS)))
    }),
    Function::new("geo_polygon_perimeter", |c| {
        let shapes = ShapeArg::new(c, 0, polygons)?;
        c.reals(|row| {
            shapes.with(row, |all| {
                let region = overlay::union(all)?;
                let rings = region.iter().flat_map(Polygon::rings);
                Some(rings.map(|ring| length(&closed(ring))).sum::<f64>() * RADIUS)
            })
        })
    }),
    Function::new("geo_polygon_centroid", |c| {
        let shapes = ShapeArg::new(c, 0, polygons)?;
        c.built(|row, out| {
            let centre = shapes.with(row, |all| polygon_centroid(&overlay::union(all)?))?;
            write_point(out, &Point::of(centre));
            Some(())
        })
    }),
    Function::new("geo_line_interpolate_point", interpolate_point),
    Function::new("geo_line_locate_point", locate_point),
];

/// Longitude and latitude in two arguments.
pub(super) struct Places<'c> {
    longitude: NumberArg<'c>,
    latitude: NumberArg<'c>,
}

impl<'c> Places<'c> {
    pub(super) fn of(call: &'c Call<'_>, first: usize) -> Result<Self, EvalError> {
        Ok(Self { longitude: call.number(first)?, latitude: call.number(first + 1)? })
    }

    pub(super) fn get(&self, row: usize) -> Option<Point> {
        Point::new(self.longitude.real(row)?, self.latitude.real(row)?)
    }
}

fn bearing(a: Vector, b: Vector) -> Option<f64> {
    (!no_arc(a, b)).then(|| azimuth(a, b))
}

fn directions(call: &Call<'_>, count: usize, f: impl Fn(&[Vector]) -> Option<f64>) -> Answer {
    let places = (0..count).map(|i| Places::of(call, i * 2)).collect::<Result<Vec<_>, _>>()?;
    call.reals(|row| {
        let points: Option<Vec<Vector>> = places.iter().map(|p| p.get(row).map(|p| p.v)).collect();
        f(&points?)
    })
}

/// A flag argument that may be a number.
fn flag(call: &Call<'_>, index: usize, row: usize) -> bool {
    call.value(index, row).cast(values::ScalarType::Bool) == values::Value::Bool(true)
}

fn distance_2points(call: &Call<'_>) -> Answer {
    let (from, to) = (Places::of(call, 0)?, Places::of(call, 2)?);
    call.reals(|row| {
        let (a, b) = (from.get(row)?, to.get(row)?);
        let spheroid = call.len() > 4 && flag(call, 4, row);
        let exact = if spheroid { spheroid::distance(a, b) } else { None };
        Some(exact.unwrap_or_else(|| distance(a.v, b.v)))
    })
}

fn point_in_circle(call: &Call<'_>) -> Answer {
    let (points, centres, radius) = (Places::of(call, 0)?, Places::of(call, 2)?, call.number(4)?);
    call.bools(|row| {
        let (p, c) = (points.get(row)?, centres.get(row)?);
        let radius = radius.real(row).filter(|r| *r > 0.0)?;
        Some(distance(p.v, c.v) <= radius)
    })
}

/// Arcs between neighbouring points.
pub(super) fn arcs(chain: &[Point]) -> impl Iterator<Item = (Vector, Vector)> {
    chain.windows(2).map(|w| (w[0].v, w[1].v))
}

/// A ring with its first point again at the end.
pub(super) fn closed(ring: &[Point]) -> Chain {
    ring.iter().chain(ring.first()).copied().collect()
}

fn nearest_of(p: Vector, arcs: impl Iterator<Item = (Vector, Vector)>) -> Option<Vector> {
    arcs.map(|(a, b)| nearest_on_arc(p, a, b)).min_by(|x, y| angle(p, *x).total_cmp(&angle(p, *y)))
}

pub(super) fn nearest_on_lines(p: Vector, lines: &[Chain]) -> Option<Vector> {
    nearest_of(p, lines.iter().flat_map(|line| arcs(line)))
}

/// The point itself where a polygon holds it.
pub(super) fn nearest_in_polygons(p: Vector, polygons: &[Polygon]) -> Option<Vector> {
    if polygons.iter().any(|polygon| polygon.contains(p)) {
        return Some(p);
    }
    let rings: Vec<Chain> = polygons.iter().flat_map(Polygon::rings).map(|r| closed(r)).collect();
    nearest_on_lines(p, &rings)
}

/// In radians.
fn length(chain: &[Point]) -> f64 {
    arcs(chain).map(|(a, b)| angle(a, b)).sum()
}

fn line_centroid(lines: &[Chain]) -> Option<Vector> {
    let sum = lines.iter().flat_map(|line| arcs(line)).fold([0.0; 3], |sum, (a, b)| {
        let middle = unit(add(a, b)).unwrap_or(a);
        add(sum, scale(middle, 2.0 * (angle(a, b) / 2.0).sin()))
    });
    unit(sum)
}

fn area(region: &Region) -> f64 {
    region.iter().flat_map(Polygon::rings).map(|ring| ring_area(&vectors(ring))).sum()
}

/// The integral over the area, as a sum over its edges.
fn polygon_centroid(region: &Region) -> Option<Vector> {
    let rings = region.iter().flat_map(Polygon::rings);
    let sum = rings.flat_map(|ring| arcs(&closed(ring)).collect::<Vec<_>>()).fold(
        [0.0; 3],
        |sum, (a, b)| match unit(normal(a, b)) {
            Some(n) => add(sum, scale(n, angle(a, b))),
            None => sum,
        },
    );
    unit(sum)
}

fn interpolate_point(call: &Call<'_>) -> Answer {
    let (shapes, fractions) = (ShapeArg::new(call, 0, lines)?, call.number(1)?);
    call.built(|row, out| {
        let fraction = fractions.real(row).filter(|f| (0.0..=1.0).contains(f))?;
        let point = shapes.with(row, |all| {
            let [line] = all.as_slice() else { return None };
            let mut left = length(line) * fraction;
            for (a, b) in arcs(line) {
                let step = angle(a, b);
                if left <= step {
                    return Some(travel(a, b, left));
                }
                left -= step;
            }
            line.last().map(|p| p.v)
        })?;
        write_point(out, &Point::of(point));
        Some(())
    })
}

fn locate_point(call: &Call<'_>) -> Answer {
    let (shapes, places) = (ShapeArg::new(call, 0, lines)?, Places::of(call, 1)?);
    call.reals(|row| {
        let p = places.get(row)?;
        let spheroid = call.len() > 3 && flag(call, 3, row);
        let measure = |a: Vector, b: Vector| {
            let exact =
                if spheroid { spheroid::distance(Point::of(a), Point::of(b)) } else { None };
            exact.unwrap_or_else(|| distance(a, b))
        };
        shapes.with(row, |all| {
            let [line] = all.as_slice() else { return None };
            let (mut before, mut best) = (0.0, (f64::INFINITY, 0.0));
            for (a, b) in arcs(line) {
                let away = angle_to_arc(p.v, a, b);
                if away < best.0 {
                    best = (away, before + measure(a, nearest_on_arc(p.v, a, b)));
                }
                before += measure(a, b);
            }
            Some(best.1 / before)
        })
    })
}
