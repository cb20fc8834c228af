//! Parts of dynamic columns: what a fixed path leads to in each row, without a copy of what lies on the way.

use std::sync::Arc;

use arrow_array::builder::{BinaryViewBuilder, StringViewBuilder};
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use model::ColumnBuilder;
use values::dynamic::{PathFinder, PathPart};
use values::{DynamicRef, ScalarType};

use super::ExecError;
use super::distinct::Distinct;

/// What the path leads to, as a column of the wanted type. Values that come again are looked into once.
pub(crate) fn follow(
    base: &BinaryViewArray,
    path: &[PathPart<'_>],
    target: ScalarType,
) -> Result<ArrayRef, ExecError> {
    match Distinct::of(base) {
        None => Ok(find(base, path, target)),
        Some(distinct) => {
            let found = find(&distinct.values, path, target);
            distinct.spread(found, target)
        }
    }
}

fn find(base: &BinaryViewArray, path: &[PathPart<'_>], target: ScalarType) -> ArrayRef {
    let mut finder = PathFinder::new(path);
    ends(base.len(), target, |row| {
        let end = base.is_valid(row).then(|| finder.find(base.value(row)))??;
        (!end.is_null()).then_some(end)
    })
}

/// What paths lead to, as a column of the wanted type.
pub(crate) fn ends<'d>(
    rows: usize,
    target: ScalarType,
    mut end: impl FnMut(usize) -> Option<DynamicRef<'d>>,
) -> ArrayRef {
    match target {
        ScalarType::Dynamic => dynamics(rows, end),
        ScalarType::String => texts(rows, end),
        target => {
            let mut builder = ColumnBuilder::new(target, rows);
            for row in 0..rows {
                match end(row) {
                    Some(part) if !part.is_container() => {
                        builder.push(&part.to_scalar().cast(target));
                    }
                    _ => builder.push_null(),
                }
            }
            builder.finish()
        }
    }
}

fn dynamics<'d>(rows: usize, mut end: impl FnMut(usize) -> Option<DynamicRef<'d>>) -> ArrayRef {
    let mut builder = BinaryViewBuilder::with_capacity(rows).with_fixed_block_size(256 * 1024);
    let mut buffer = Vec::new();
    for row in 0..rows {
        match end(row) {
            Some(part) => {
                buffer.clear();
                crate::exec::columns::write_part(part, &mut buffer);
                builder.append_value(&buffer);
            }
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

fn texts<'d>(rows: usize, mut end: impl FnMut(usize) -> Option<DynamicRef<'d>>) -> ArrayRef {
    let mut builder = StringViewBuilder::with_capacity(rows).with_fixed_block_size(256 * 1024);
    let mut buffer = String::new();
    for row in 0..rows {
        match end(row) {
            None => builder.append_value(""),
            Some(part) => match part.as_str() {
                Some(text) => builder.append_value(text),
                None => {
                    buffer.clear();
                    part.write_text(&mut buffer);
                    builder.append_value(&buffer);
                }
            },
        }
    }
    Arc::new(builder.finish())
}
