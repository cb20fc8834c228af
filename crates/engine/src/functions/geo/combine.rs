//! Whether shapes meet, what they share, and all of them as one.

use values::{Dynamic, DynamicRef, Kind};

use super::super::Function;
use super::super::call::Call;
use super::super::support::Answer;
use super::overlay::{self, Region};
use super::shape::{
    Chain, Geometry, Polygon, ShapeArg, lines, polygons, write_geometries, write_lines,
    write_polygons,
};

pub(in super::super) const FUNCTIONS: &[Function] = &[
    Function::new("geo_intersects_2lines", |c| meets(c, lines, lines, shared_by_lines)),
    Function::new("geo_intersects_2polygons", |c| meets(c, polygons, polygons, shared_by_areas)),
    Function::new("geo_intersects_line_with_polygon", |c| {
        meets(c, lines, polygons, shared_by_both)
    }),
    Function::new("geo_intersection_2lines", |c| shared(c, lines, lines, shared_by_lines)),
    Function::new("geo_intersection_2polygons", |c| shared(c, polygons, polygons, shared_by_areas)),
    Function::new("geo_intersection_line_with_polygon", |c| {
        shared(c, lines, polygons, shared_by_both)
    }),
    Function::new("geo_union_lines_array", union_lines),
    Function::new("geo_union_polygons_array", union_polygons),
];

type Shared = Option<Vec<Geometry>>;

fn shared_by_lines(a: &[Chain], b: &[Chain]) -> Shared {
    overlay::intersect_lines(a, b)
}

fn shared_by_areas(a: &[Polygon], b: &[Polygon]) -> Shared {
    overlay::intersect_regions(&overlay::union(a)?, &overlay::union(b)?)
}

fn shared_by_both(a: &[Chain], b: &[Polygon]) -> Shared {
    overlay::intersect_line_region(a, &overlay::union(b)?)
}

type Read<T> = fn(DynamicRef<'_>) -> Option<T>;

fn meets<A, B>(
    call: &Call<'_>,
    a: Read<Vec<A>>,
    b: Read<Vec<B>>,
    f: fn(&[A], &[B]) -> Shared,
) -> Answer {
    let (first, second) = (ShapeArg::new(call, 0, a)?, ShapeArg::new(call, 1, b)?);
    call.bools(|row| {
        first.with(row, |a| second.with(row, |b| f(a, b).map(|shared| !shared.is_empty())))
    })
}

fn shared<A, B>(
    call: &Call<'_>,
    a: Read<Vec<A>>,
    b: Read<Vec<B>>,
    f: fn(&[A], &[B]) -> Shared,
) -> Answer {
    let (first, second) = (ShapeArg::new(call, 0, a)?, ShapeArg::new(call, 1, b)?);
    call.built(|row, out| {
        let all = first.with(row, |a| second.with(row, |b| f(a, b)))?;
        write_geometries(out, &all);
        Some(())
    })
}

/// The shapes in an array; none where one is invalid.
pub(super) fn shapes<T>(array: DynamicRef<'_>, read: Read<Vec<T>>) -> Option<Vec<T>> {
    if array.kind() != Kind::Array {
        return None;
    }
    // A shape may itself come as JSON text.
    let parsed = array.array().map(|item| match item.as_str() {
        Some(text) => read(Dynamic::parse_json(text)?.as_ref()),
        None => read(item),
    });
    let all: Vec<T> = parsed.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    (!all.is_empty()).then_some(all)
}

fn union_lines(call: &Call<'_>) -> Answer {
    let arrays = call.dynamic(0)?;
    call.built(|row, out| {
        let all = overlay::union_lines(&shapes(arrays.get(row)?, lines)?)?;
        write_lines(out, &all);
        Some(())
    })
}

fn union_polygons(call: &Call<'_>) -> Answer {
    let arrays = call.dynamic(0)?;
    call.built(|row, out| {
        let region: Region = overlay::union(&shapes(arrays.get(row)?, polygons)?)?;
        write_polygons(out, &region);
        Some(())
    })
}
