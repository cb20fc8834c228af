//! GeoJSON shapes: read, checked, written.

use values::{DynamicBuilder, DynamicRef};

use super::super::call::{Call, DynamicArg, EvalError};
use super::sphere::{
    Meeting, Vector, crossing, from_degrees, no_arc, ring_area, to_degrees, winding,
};

/// Rings longer than this are not searched for edges that cross each other.
const CHECKED_MAX: usize = 1000;
/// Most coordinates of one shape.
const POINTS_MAX: usize = 1 << 20;

/// A point with the coordinates it was given in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) v: Vector,
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

impl Point {
    /// None out of range.
    pub(super) fn new(longitude: f64, latitude: f64) -> Option<Self> {
        let valid = (-180.0..=180.0).contains(&longitude) && (-90.0..=90.0).contains(&latitude);
        valid.then(|| Self { v: from_degrees(longitude, latitude), longitude, latitude })
    }

    pub(super) fn of(v: Vector) -> Self {
        let (longitude, latitude) = to_degrees(v);
        Self { v, longitude, latitude }
    }

    fn parse(value: DynamicRef<'_>) -> Option<Self> {
        Self::new(value.index(0)?.to_f64()?, value.index(1)?.to_f64()?)
    }

    fn same(&self, other: &Self) -> bool {
        self.longitude == other.longitude && self.latitude == other.latitude
    }

    fn write(&self, out: &mut DynamicBuilder) {
        out.begin_array();
        out.real(self.longitude);
        out.real(self.latitude);
        out.end_array();
    }
}

/// Points in order.
pub(super) type Chain = Vec<Point>;

/// The vectors of points.
pub(super) fn vectors(chain: &[Point]) -> Vec<Vector> {
    chain.iter().map(|p| p.v).collect()
}

/// An area: shell counterclockwise, holes clockwise, both without the repeated first point.
#[derive(Clone, Debug)]
pub(super) struct Polygon {
    pub(super) shell: Chain,
    pub(super) holes: Vec<Chain>,
}

impl Polygon {
    pub(super) fn rings(&self) -> impl Iterator<Item = &Chain> {
        std::iter::once(&self.shell).chain(&self.holes)
    }

    pub(super) fn contains(&self, p: Vector) -> bool {
        inside(&self.shell, p) && !self.holes.iter().any(|h| winding(p, &vectors(h)) < -0.5)
    }
}

fn inside(ring: &[Point], p: Vector) -> bool {
    winding(p, &vectors(ring)) > 0.5
}

fn coordinates<'d>(value: DynamicRef<'d>, kind: &str) -> Option<DynamicRef<'d>> {
    (value.get("type")?.as_str()? == kind).then(|| value.get("coordinates")).flatten()
}

/// Adjacent equal points become one; edges of half a turn are refused.
fn chain(value: DynamicRef<'_>) -> Option<Chain> {
    if value.len() > POINTS_MAX {
        return None;
    }
    let mut points: Chain = value.array().map(Point::parse).collect::<Option<_>>()?;
    points.dedup_by(|b, a| a.same(b));
    let valid = points.windows(2).all(|w| !no_arc(w[0].v, w[1].v));
    (value.len() >= 2 && valid).then_some(points)
}

fn ring(value: DynamicRef<'_>) -> Option<Chain> {
    let mut points = chain(value).filter(|_| value.len() >= 4)?;
    let last = points.pop()?;
    if points.len() < 3 || !points.first()?.same(&last) || repeats(&points) || crosses(&points) {
        return None;
    }
    Some(points)
}

fn repeats(points: &[Point]) -> bool {
    let mut sorted: Vec<(f64, f64)> = points.iter().map(|p| (p.longitude, p.latitude)).collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    sorted.windows(2).any(|w| w[0] == w[1])
}

fn crosses(points: &[Point]) -> bool {
    let n = points.len();
    if n > CHECKED_MAX {
        return false;
    }
    let edge = |i: usize| Some((points.get(i)?.v, points.get((i + 1) % n)?.v));
    (0..n).any(|i| {
        (i + 2..n).filter(|j| !(i == 0 && *j == n - 1)).any(|j| match edge(i).zip(edge(j)) {
            Some(((a, b), (c, d))) => matches!(crossing(a, b, c, d), Meeting::Cross(_)),
            None => false,
        })
    })
}

fn turned(mut ring: Chain, counterclockwise: bool) -> Chain {
    if (ring_area(&vectors(&ring)) > 0.0) != counterclockwise {
        ring.reverse();
    }
    ring
}

fn polygon(value: DynamicRef<'_>) -> Option<Polygon> {
    let mut rings = value.array().map(ring);
    let shell = turned(rings.next()??, true);
    let holes = rings.map(|hole| Some(turned(hole?, false))).collect::<Option<_>>()?;
    Some(Polygon { shell, holes })
}

/// The polygons of a Polygon or MultiPolygon; none where it is invalid.
pub(super) fn polygons(value: DynamicRef<'_>) -> Option<Vec<Polygon>> {
    let all = match coordinates(value, "Polygon") {
        Some(rings) => vec![polygon(rings)?],
        None => {
            coordinates(value, "MultiPolygon")?.array().map(polygon).collect::<Option<Vec<_>>>()?
        }
    };
    (!all.is_empty()).then_some(all)
}

/// The rings of a valid Polygon or MultiPolygon as they are given, in either direction.
pub(super) fn rings_as_given(value: DynamicRef<'_>) -> Option<Vec<Vec<Chain>>> {
    let rings = |polygon: DynamicRef<'_>| polygon.array().map(ring).collect::<Option<Vec<_>>>();
    let all = match coordinates(value, "Polygon") {
        Some(polygon) => vec![rings(polygon)?],
        None => coordinates(value, "MultiPolygon")?.array().map(rings).collect::<Option<_>>()?,
    };
    (!all.is_empty() && all.iter().all(|polygon| !polygon.is_empty())).then_some(all)
}

/// The lines of a LineString or MultiLineString; none where it is invalid.
pub(super) fn lines(value: DynamicRef<'_>) -> Option<Vec<Chain>> {
    let all = match coordinates(value, "LineString") {
        Some(points) => vec![chain(points)?],
        None => {
            coordinates(value, "MultiLineString")?.array().map(chain).collect::<Option<Vec<_>>>()?
        }
    };
    (!all.is_empty() && all.iter().all(|line| line.len() > 1)).then_some(all)
}

/// A shape argument, read once where it is a constant.
pub(super) struct ShapeArg<'c, T> {
    values: DynamicArg<'c>,
    read: fn(DynamicRef<'_>) -> Option<T>,
    fixed: Option<Option<T>>,
}

impl<'c, T> ShapeArg<'c, T> {
    pub(super) fn new(
        call: &'c Call<'_>,
        index: usize,
        read: fn(DynamicRef<'_>) -> Option<T>,
    ) -> Result<Self, EvalError> {
        let values = call.dynamic(index)?;
        let fixed = call.constant(index).map(|_| values.get(0).and_then(read));
        Ok(Self { values, read, fixed })
    }

    /// What `f` makes of the row's shape; none where there is no valid one.
    pub(super) fn with<R>(&self, row: usize, f: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        match &self.fixed {
            Some(shape) => f(shape.as_ref()?),
            None => f(&self.values.get(row).and_then(self.read)?),
        }
    }
}

/// Any GeoJSON geometry as a result.
#[derive(Clone, Debug)]
pub(super) enum Geometry {
    Point(Point),
    Line(Chain),
    Area(Polygon),
}

fn open(out: &mut DynamicBuilder, kind: &str) {
    out.begin_object();
    out.key("type");
    out.string(kind);
    out.key("coordinates");
}

fn write_chain(out: &mut DynamicBuilder, chain: &[Point], close: bool) {
    out.begin_array();
    chain.iter().chain(chain.first().filter(|_| close)).for_each(|p| p.write(out));
    out.end_array();
}

fn write_rings(out: &mut DynamicBuilder, polygon: &Polygon) {
    out.begin_array();
    polygon.rings().for_each(|ring| write_chain(out, ring, true));
    out.end_array();
}

pub(super) fn write_point(out: &mut DynamicBuilder, point: &Point) {
    open(out, "Point");
    point.write(out);
    out.end_object();
}

/// One line as LineString, several as MultiLineString.
pub(super) fn write_lines(out: &mut DynamicBuilder, lines: &[Chain]) {
    if let [line] = lines {
        open(out, "LineString");
        write_chain(out, line, false);
    } else {
        open(out, "MultiLineString");
        out.begin_array();
        lines.iter().for_each(|line| write_chain(out, line, false));
        out.end_array();
    }
    out.end_object();
}

/// One polygon as Polygon, several as MultiPolygon.
pub(super) fn write_polygons(out: &mut DynamicBuilder, polygons: &[Polygon]) {
    if let [polygon] = polygons {
        open(out, "Polygon");
        write_rings(out, polygon);
    } else {
        open(out, "MultiPolygon");
        out.begin_array();
        polygons.iter().for_each(|polygon| write_rings(out, polygon));
        out.end_array();
    }
    out.end_object();
}

/// Geometries in the simplest form: one by itself, equal kinds together, others as a collection.
pub(super) fn write_geometries(out: &mut DynamicBuilder, all: &[Geometry]) {
    let points: Vec<Point> = all
        .iter()
        .filter_map(|g| if let Geometry::Point(p) = g { Some(*p) } else { None })
        .collect();
    let lines: Vec<Chain> = all
        .iter()
        .filter_map(|g| if let Geometry::Line(l) = g { Some(l.clone()) } else { None })
        .collect();
    let areas: Vec<Polygon> = all
        .iter()
        .filter_map(|g| if let Geometry::Area(p) = g { Some(p.clone()) } else { None })
        .collect();
    let kinds =
        [points.is_empty(), lines.is_empty(), areas.is_empty()].iter().filter(|e| !**e).count();
    if kinds != 1 {
        out.begin_object();
        out.key("type");
        out.string("GeometryCollection");
        out.key("geometries");
        out.begin_array();
    }
    match points.as_slice() {
        [] => {}
        [point] => write_point(out, point),
        _ => {
            open(out, "MultiPoint");
            write_chain(out, &points, false);
            out.end_object();
        }
    }
    if !lines.is_empty() {
        write_lines(out, &lines);
    }
    if !areas.is_empty() {
        write_polygons(out, &areas);
    }
    if kinds != 1 {
        out.end_array();
        out.end_object();
    }
}
