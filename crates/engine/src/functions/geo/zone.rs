//! Shapes that are asked again and again whether they hold a place: what the lookups need.

use values::DynamicRef;

use super::measure::{nearest_in_polygons, nearest_on_lines};
use super::shape::{Chain, Point, Polygon, lines, polygons};
use super::sphere::{RADIUS, Vector, add, angle, distance, unit};

enum Shape {
    Lines(Vec<Chain>),
    Polygons(Vec<Polygon>),
}

/// A shape and how far around it, with a circle about all of it, since most places are far away from most shapes.
pub(crate) struct Zone {
    shape: Shape,
    /// In metres; none where a place must be inside.
    radius: Option<f64>,
    centre: Vector,
    reach: f64,
}

impl Zone {
    /// The places up to a distance in metres from lines in GeoJSON.
    pub(crate) fn around_lines(value: DynamicRef<'_>, radius: f64) -> Option<Self> {
        let all = lines(value)?;
        let (centre, reach) = circle(all.iter().flatten());
        Some(Self { shape: Shape::Lines(all), radius: Some(radius), centre, reach })
    }

    /// The places inside polygons in GeoJSON, or up to a distance from them.
    pub(crate) fn of_polygons(value: DynamicRef<'_>, radius: Option<f64>) -> Option<Self> {
        let all = polygons(value)?;
        let (centre, reach) = circle(all.iter().flat_map(|p| &p.shell));
        Some(Self { shape: Shape::Polygons(all), radius, centre, reach })
    }

    /// True where a place is in the zone.
    pub(crate) fn holds(&self, longitude: f64, latitude: f64) -> bool {
        let Some(p) = Point::new(longitude, latitude) else { return false };
        let around = self.radius.map_or(0.0, |metres| metres / RADIUS);
        if angle(p.v, self.centre) > self.reach + around {
            return false;
        }
        let nearest = match (&self.shape, self.radius) {
            (Shape::Lines(all), _) => nearest_on_lines(p.v, all),
            (Shape::Polygons(all), Some(_)) => nearest_in_polygons(p.v, all),
            (Shape::Polygons(all), None) => return all.iter().any(|area| area.contains(p.v)),
        };
        nearest.is_some_and(|q| self.radius.is_some_and(|radius| distance(p.v, q) <= radius))
    }
}

/// A middle and the angle from there that all points, and the arcs between them, stay within. Shapes as large as a
/// hemisphere have no such circle but the whole sphere.
fn circle<'p>(points: impl Iterator<Item = &'p Point> + Clone) -> (Vector, f64) {
    let sum = points.clone().fold([0.0; 3], |sum, p| add(sum, p.v));
    let Some(centre) = unit(sum) else { return ([1.0, 0.0, 0.0], std::f64::consts::PI) };
    let reach = points.map(|p| angle(centre, p.v)).fold(0.0, f64::max);
    let half = std::f64::consts::FRAC_PI_2;
    (centre, if reach < half * 0.99 { reach + 1e-9 } else { half * 2.0 })
}
