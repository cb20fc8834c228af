//! Points and shapes as cells of the S2 grid.

use super::super::Function;
use super::super::call::Call;
use super::cell::{Cell, LEVEL_MAX};
use super::measure::{Places, arcs, closed};
use super::shape::{Chain, Point, Polygon, ShapeArg, lines, polygons, write_point, write_polygons};
use super::sphere::{Meeting, RADIUS, Vector, angle, angle_to_arc, crossing};

/// Most cells that cover one shape.
const CELLS_MAX: usize = 65_536;
/// Nearer than this (as an angle), an edge touches a cell.
const TOUCH: f64 = 1e-14;

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("geo_point_to_s2cell", |c| {
        let places = Places::of(c, 0)?;
        c.texts(|row| Some(Cell::at(places.get(row)?.v).parent(level(c, 2, row)?).token()))
    }),
    Function::new("geo_s2cell_to_central_point", |c| {
        let texts = c.any_text(0)?;
        c.built(|row, out| {
            write_point(out, &Point::of(Cell::parse(&texts.get(row))?.center()));
            Some(())
        })
    }),
    Function::new("geo_s2cell_to_polygon", |c| {
        let texts = c.any_text(0)?;
        c.built(|row, out| {
            let corners = Cell::parse(&texts.get(row))?.vertices();
            let shell = corners.into_iter().map(Point::of).collect();
            write_polygons(out, &[Polygon { shell, holes: Vec::new() }]);
            Some(())
        })
    }),
    Function::new("geo_s2cell_neighbors", |c| {
        let texts = c.any_text(0)?;
        c.built(|row, out| {
            let cell = Cell::parse(&texts.get(row))?;
            out.begin_array();
            cell.neighbours().iter().for_each(|near| out.string(&near.token()));
            out.end_array();
            Some(())
        })
    }),
    Function::new("geo_polygon_to_s2cells", |c| {
        let shapes = ShapeArg::new(c, 0, polygons)?;
        c.built(|row, out| {
            let (level, radius) = (level(c, 1, row)?, radius(c, 2, row)?);
            let cells = shapes.with(row, |all| {
                let rings: Vec<Chain> =
                    all.iter().flat_map(Polygon::rings).map(|r| closed(r)).collect();
                Covering { level, radius, areas: all, edges: edges(&rings) }.cells()
            })?;
            write_tokens(out, &cells);
            Some(())
        })
    }),
    Function::new("geo_line_to_s2cells", |c| {
        let shapes = ShapeArg::new(c, 0, lines)?;
        c.built(|row, out| {
            let (level, radius) = (level(c, 1, row)?, radius(c, 2, row)?);
            let cells = shapes.with(row, |all| {
                Covering { level, radius, areas: &[], edges: edges(all) }.cells()
            })?;
            write_tokens(out, &cells);
            Some(())
        })
    }),
];

fn write_tokens(out: &mut values::DynamicBuilder, cells: &[Cell]) {
    out.begin_array();
    cells.iter().for_each(|cell| out.string(&cell.token()));
    out.end_array();
}

/// 11 when absent; none out of range or null.
fn level(call: &Call<'_>, index: usize, row: usize) -> Option<u8> {
    if index >= call.len() {
        return Some(11);
    }
    let level = call.value(index, row).as_f64()?;
    (0.0..=f64::from(LEVEL_MAX)).contains(&level).then_some(level as u8)
}

/// A radius as an angle, 0 when absent; none when negative.
fn radius(call: &Call<'_>, index: usize, row: usize) -> Option<f64> {
    if index >= call.len() {
        return Some(0.0);
    }
    call.value(index, row).as_f64().filter(|r| *r >= 0.0).map(|r| r / RADIUS)
}

type Edge = (Vector, Vector);

fn edges(chains: &[Chain]) -> Vec<Edge> {
    chains.iter().flat_map(|chain| arcs(chain)).collect()
}

/// The search for the cells of one level that touch a shape, or come near enough.
struct Covering<'s> {
    level: u8,
    radius: f64,
    areas: &'s [Polygon],
    edges: Vec<Edge>,
}

impl Covering<'_> {
    /// None where they are too many.
    fn cells(&self) -> Option<Vec<Cell>> {
        // No cell is wider than this, so that a long edge needs at least so many of them.
        let widest = 2.44 / f64::from(self.level).exp2();
        let longest = self.edges.iter().map(|e| angle(e.0, e.1)).fold(0.0, f64::max);
        if longest > widest * CELLS_MAX as f64 {
            return None;
        }
        let mut found = Vec::new();
        for face in Cell::faces() {
            self.search(face, &self.edges, &mut found)?;
        }
        Some(found)
    }

    fn search(&self, cell: Cell, edges: &[Edge], found: &mut Vec<Cell>) -> Option<()> {
        let corners = cell.vertices();
        let near: Vec<Edge> =
            edges.iter().filter(|e| near(cell, &corners, **e, self.radius)).copied().collect();
        if near.is_empty() {
            // No border comes near: all of the cell is inside, or nothing is.
            let inside = self.areas.iter().any(|area| area.contains(cell.center()));
            return if inside { self.all_of(cell, found) } else { Some(()) };
        }
        if cell.level() == self.level {
            found.push(cell);
            return (found.len() <= CELLS_MAX).then_some(());
        }
        cell.children().into_iter().try_for_each(|child| self.search(child, &near, found))
    }

    fn all_of(&self, cell: Cell, found: &mut Vec<Cell>) -> Option<()> {
        let steps = u32::from(self.level - cell.level());
        if steps > 8 || found.len() + 4_usize.pow(steps) > CELLS_MAX {
            return None;
        }
        if steps == 0 {
            found.push(cell);
            return Some(());
        }
        cell.children().into_iter().try_for_each(|child| self.all_of(child, found))
    }
}

/// True where an edge enters a cell or comes as near as `radius`.
fn near(cell: Cell, corners: &[Vector; 4], edge: Edge, radius: f64) -> bool {
    if cell.contains(Cell::at(edge.0)) || cell.contains(Cell::at(edge.1)) {
        return true;
    }
    (0..4).any(|i| {
        let (a, b) = (corners[i], corners[(i + 1) % 4]);
        let radius = radius.max(TOUCH);
        matches!(crossing(a, b, edge.0, edge.1), Meeting::Cross(_))
            || angle_to_arc(edge.0, a, b) <= radius
            || angle_to_arc(edge.1, a, b) <= radius
            || angle_to_arc(a, edge.0, edge.1) <= radius
    })
}
