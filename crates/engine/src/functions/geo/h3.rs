//! Points and shapes as cells of the H3 grid.

use std::collections::HashSet;

use h3o::{CellIndex, LatLng, Resolution};

use super::super::Function;
use super::super::call::Call;
use super::super::support::Answer;
use super::measure::{Places, closed};
use super::shape::{Point, Polygon, ShapeArg, polygons, write_point, write_polygons};

/// Most cells that one function gives.
const CELLS_MAX: usize = 61_680;
/// Resolution when none is asked for.
const USUAL: f64 = 6.0;

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("geo_point_to_h3cell", |c| {
        let places = Places::of(c, 0)?;
        c.texts(|row| {
            let p = places.get(row)?;
            let resolution = resolution(c, 2, row, USUAL)?;
            Some(LatLng::new(p.latitude, p.longitude).ok()?.to_cell(resolution).to_string())
        })
    }),
    Function::new("geo_h3cell_to_central_point", |c| {
        let texts = c.any_text(0)?;
        c.built(|row, out| {
            let centre = LatLng::from(parse(&texts.get(row))?);
            write_point(out, &Point::new(centre.lng(), centre.lat())?);
            Some(())
        })
    }),
    Function::new("geo_h3cell_to_polygon", |c| {
        let texts = c.any_text(0)?;
        c.built(|row, out| {
            let corners = parse(&texts.get(row))?.boundary();
            let shell = corners.iter().filter_map(|p| Point::new(p.lng(), p.lat())).collect();
            write_polygons(out, &[Polygon { shell, holes: Vec::new() }]);
            Some(())
        })
    }),
    Function::new("geo_h3cell_level", |c| {
        let texts = c.any_text(0)?;
        c.ints(|row| Some(i32::from(u8::from(parse(&texts.get(row))?.resolution()))))
    }),
    Function::new("geo_h3cell_parent", |c| {
        let texts = c.any_text(0)?;
        c.texts(|row| {
            let cell = parse(&texts.get(row))?;
            let usual = f64::from(u8::from(cell.resolution())) - 1.0;
            Some(cell.parent(resolution(c, 1, row, usual)?)?.to_string())
        })
    }),
    Function::new("geo_h3cell_children", |c| {
        let texts = c.any_text(0)?;
        c.built(|row, out| {
            let cell = parse(&texts.get(row))?;
            let usual = f64::from(u8::from(cell.resolution())) + 1.0;
            let finer = resolution(c, 1, row, usual).filter(|r| *r >= cell.resolution())?;
            (cell.children_count(finer) <= CELLS_MAX as u64).then_some(())?;
            write_cells(out, cell.children(finer));
            Some(())
        })
    }),
    Function::new("geo_h3cell_neighbors", |c| {
        let texts = c.any_text(0)?;
        c.built(|row, out| {
            write_cells(out, ring(parse(&texts.get(row))?, 1)?);
            Some(())
        })
    }),
    Function::new("geo_h3cell_rings", |c| {
        let (texts, distances) = (c.any_text(0)?, c.number(1)?);
        c.built(|row, out| {
            let cell = parse(&texts.get(row))?;
            let distance = distances.long(row).filter(|d| (0..=142).contains(d))?;
            out.begin_array();
            for k in 0..=u32::try_from(distance).ok()? {
                write_cells(out, ring(cell, k)?);
            }
            out.end_array();
            Some(())
        })
    }),
    Function::new("geo_polygon_to_h3cells", polygon_to_cells),
];

fn parse(token: &str) -> Option<CellIndex> {
    token.trim().parse().ok()
}

/// None out of range or null.
fn resolution(call: &Call<'_>, index: usize, row: usize, usual: f64) -> Option<Resolution> {
    let wanted = if index < call.len() { call.value(index, row).as_f64()? } else { usual };
    let whole = (0.0..=15.0).contains(&wanted).then_some(wanted as u8)?;
    Resolution::try_from(whole).ok()
}

fn write_cells(out: &mut values::DynamicBuilder, cells: impl IntoIterator<Item = CellIndex>) {
    out.begin_array();
    cells.into_iter().for_each(|cell| out.string(&cell.to_string()));
    out.end_array();
}

/// The cells at a distance; near a pentagon, where rings have gaps, in order of distance only.
fn ring(cell: CellIndex, k: u32) -> Option<Vec<CellIndex>> {
    let mut fast: Option<Vec<CellIndex>> = cell.grid_ring_fast(k).collect();
    if let Some(ring) = &mut fast
        && !ring.is_empty()
    {
        // The usual order starts one cell later.
        ring.rotate_left(1);
    }
    fast.or_else(|| {
        let disk = cell.grid_disk_distances::<Vec<_>>(k);
        Some(disk.into_iter().filter(|(_, d)| *d == k).map(|(cell, _)| cell).collect())
    })
}

/// True where a flat map's polygon holds the point: its sides are straight lines there.
fn holds(polygon: &Polygon, x: f64, y: f64) -> bool {
    let inside = |ring: &[Point]| {
        closed(ring).windows(2).fold(false, |inside, w| {
            let (a, b) = (w[0], w[1]);
            let crosses = (a.latitude > y) != (b.latitude > y)
                && x < (b.longitude - a.longitude) * (y - a.latitude) / (b.latitude - a.latitude)
                    + a.longitude;
            inside != crosses
        })
    };
    inside(&polygon.shell) && !polygon.holes.iter().any(|hole| inside(hole))
}

fn polygon_to_cells(call: &Call<'_>) -> Answer {
    let shapes = ShapeArg::new(call, 0, polygons)?;
    call.built(|row, out| {
        let resolution = resolution(call, 1, row, USUAL)?;
        let radius =
            if call.len() > 2 { call.value(2, row).as_f64().filter(|r| *r >= 0.0)? } else { 0.0 };
        let cells = shapes.with(row, |all| {
            let wider =
                if radius > 0.0 { super::reshape::widened(all, radius)? } else { all.clone() };
            cells_in(&wider, resolution)
        })?;
        write_cells(out, cells);
        Some(())
    })
}

/// The cells whose centres the polygons hold, found from their borders inwards; none where they are too many.
fn cells_in(polygons: &[Polygon], resolution: Resolution) -> Option<Vec<CellIndex>> {
    let inside = |cell: CellIndex| {
        let centre = LatLng::from(cell);
        polygons.iter().any(|polygon| holds(polygon, centre.lng(), centre.lat()))
    };
    let mut seen: HashSet<CellIndex> = HashSet::new();
    let mut found = Vec::new();
    let mut open: Vec<CellIndex> = Vec::new();
    let step = resolution.edge_length_rads();
    for polygon in polygons {
        for w in polygon
            .rings()
            .flat_map(|r| closed(r).windows(2).map(|w| (w[0], w[1])).collect::<Vec<_>>())
        {
            let count = (super::sphere::angle(w.0.v, w.1.v) / step).ceil().max(1.0);
            if count > CELLS_MAX as f64 {
                return None;
            }
            for k in 0..=count as usize {
                let at = Point::of(super::sphere::interpolate(w.0.v, w.1.v, k as f64 / count));
                let cell = LatLng::new(at.latitude, at.longitude).ok()?.to_cell(resolution);
                open.extend(cell.grid_disk::<Vec<_>>(1));
            }
        }
    }
    while let Some(cell) = open.pop() {
        if !seen.insert(cell) || !inside(cell) {
            continue;
        }
        found.push(cell);
        if found.len() > CELLS_MAX {
            return None;
        }
        open.extend(cell.grid_disk::<Vec<_>>(1));
    }
    found.sort_unstable();
    Some(found)
}
