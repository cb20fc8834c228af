//! `geo_line_lookup`, `geo_polygon_lookup`: the rows of a table of shapes that a place belongs to.

use std::sync::Arc;

use model::rows::cell;
use model::{Batch, Rows, ScalarType, Schema, Value};
use values::DynamicRef;

use super::ip_lookup::joined;
use super::support::{take, whole};
use super::{PluginCall, PluginValue};
use crate::functions::geo::zone::Zone;

pub(super) fn lines(call: &PluginCall<'_>) -> Result<Rows, String> {
    let radius =
        number(call, 4, "radius").ok_or("argument 5 (Radius) must be a number of metres")?;
    lookup(call, 5, |shape| Zone::around_lines(shape, radius))
}

pub(super) fn polygons(call: &PluginCall<'_>) -> Result<Rows, String> {
    let radius = number(call, 4, "radius");
    lookup(call, 5, |shape| Zone::of_polygons(shape, radius))
}

fn number(call: &PluginCall<'_>, at: usize, name: &str) -> Option<f64> {
    call.constant(at, name).and_then(Value::as_f64).filter(|metres| *metres >= 0.0)
}

/// The column that an argument names, in one of the two tables.
fn column(call: &PluginCall<'_>, at: usize, schema: &Schema) -> Option<usize> {
    match &call.args.get(at)?.value {
        PluginValue::Column(at) => schema.position(&call.rows.schema.columns.get(*at)?.name),
        PluginValue::Name(name) => schema.position(name),
        _ => None,
    }
}

/// `options` is the place of the first argument behind the radius.
fn lookup(
    call: &PluginCall<'_>,
    options: usize,
    zone: impl Fn(DynamicRef<'_>) -> Option<Zone>,
) -> Result<Rows, String> {
    let Some(PluginValue::Table(table)) = call.argument(0, "LookupTable") else {
        return Err("argument 1 (LookupTable) must be a table".to_owned());
    };
    let key = column(call, 1, &table.schema)
        .filter(|at| table.schema.columns.get(*at).is_some_and(|c| c.ty == ScalarType::Dynamic))
        .ok_or("argument 2 must be a dynamic column of the lookup table, with shapes in GeoJSON")?;
    let own = &call.rows.schema;
    let place = |at: usize, name: &str| {
        column(call, at, own)
            .ok_or_else(|| format!("argument {} ({name}) must be a column of the input", at + 1))
    };
    let place = (place(2, "SourceLongitude")?, place(3, "SourceLatitude")?);
    let flag = |at, name| matches!(call.constant(at, name), Some(Value::Bool(true)));
    let unmatched = flag(options, "return_unmatched");
    let with_key = flag(options + 2, "return_lookup_key");

    let shapes = whole(table)?;
    let zones = zones(&shapes, key, zone);
    let given: Vec<usize> = (0..table.schema.len()).filter(|at| with_key || *at != key).collect();
    let schema = Arc::new(joined(own, call.width, &table.schema, &given));
    let given = Batch {
        columns: given.iter().filter_map(|at| shapes.columns.get(*at).cloned()).collect(),
        rows: shapes.rows,
    };
    let batches = call
        .rows
        .batches
        .iter()
        .map(|batch| {
            let (left, right) = matches(batch, own, place, &zones, unmatched);
            let columns = batch.columns.iter().take(call.width).cloned().collect();
            let mut out = take(&Batch { columns, rows: batch.rows }, left)?;
            out.columns.extend(take(&given, right)?.columns);
            Ok(out)
        })
        .collect::<Result<_, String>>()?;
    Ok(Rows { schema, batches })
}

/// The shapes with their rows; what is no shape holds nothing.
fn zones(
    shapes: &Batch,
    key: usize,
    zone: impl Fn(DynamicRef<'_>) -> Option<Zone>,
) -> Vec<(u32, Zone)> {
    let Some(column) = shapes.columns.get(key) else { return Vec::new() };
    let read = |row: usize| match cell(column, ScalarType::Dynamic, row) {
        Value::Dynamic(shape) => Some((row as u32, zone(shape.as_ref())?)),
        _ => None,
    };
    (0..shapes.rows).filter_map(read).collect()
}

type Picked = Vec<Option<u32>>;

/// Rows of the input beside rows of the lookup table.
fn matches(
    batch: &Batch,
    schema: &Schema,
    (longitude, latitude): (usize, usize),
    zones: &[(u32, Zone)],
    unmatched: bool,
) -> (Picked, Picked) {
    let degrees = |at: usize, row: usize| {
        let (column, ty) = (batch.columns.get(at)?, schema.columns.get(at)?.ty);
        cell(column, ty, row).as_f64()
    };
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for row in 0..batch.rows {
        let before = left.len();
        if let (Some(longitude), Some(latitude)) = (degrees(longitude, row), degrees(latitude, row))
        {
            for (hit, _) in zones.iter().filter(|(_, zone)| zone.holds(longitude, latitude)) {
                left.push(Some(row as u32));
                right.push(Some(*hit));
            }
        }
        if unmatched && left.len() == before {
            left.push(Some(row as u32));
            right.push(None);
        }
    }
    (left, right)
}
