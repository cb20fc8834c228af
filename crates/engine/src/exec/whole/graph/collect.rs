//! `all`, `any`, `map`: one value a match from the elements of a variable edge.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, UInt32Array};
use model::rows::cell;
use model::{Batch, ColumnBuilder};
use values::dynamic::DynamicBuilder;
use values::{ScalarType, Value};

use super::matches::{Found, Search};
use super::{Collected, CollectedKind};
use crate::exec::eval::Input;
use crate::exec::whole::compile;
use crate::exec::{ExecError, columns};
use crate::plan::ColumnId;

/// The column of a collected value; `outer` holds the columns of the matches that are known so far.
pub(super) fn column(
    search: &Search<'_>,
    found: &Found,
    collected: &Collected,
    outer: &Batch,
    layout: &[ColumnId],
) -> Result<ArrayRef, ExecError> {
    let Some(segments) = found.edges.get(collected.edge) else {
        return Err(ExecError::Evaluation("a graph pattern lost one of its edges".to_owned()));
    };
    let (elements, lengths, table) = if collected.inner {
        (&segments.inner, &segments.inner_lengths, &search.nodes)
    } else {
        (&segments.edges, &segments.lengths, &search.graph.edges)
    };
    let values = elementwise(search, collected, (elements, lengths), table, (outer, layout))?;
    let ty = collected.expr.ty();
    let mut at = 0;
    if collected.kind == CollectedKind::Map {
        let mut column = ColumnBuilder::new(ScalarType::Dynamic, lengths.len());
        let mut builder = DynamicBuilder::new();
        for length in lengths {
            builder.begin_array();
            for row in at..at + *length as usize {
                builder.value(&cell(&values, ty, row));
            }
            at += *length as usize;
            builder.end_array();
            column.push(&Value::Dynamic(builder.finish()));
        }
        return Ok(column.finish());
    }
    let all = collected.kind == CollectedKind::All;
    let result: BooleanArray = lengths
        .iter()
        .map(|length| {
            let mut rows = at..at + *length as usize;
            at += *length as usize;
            let mut holds = |row| cell(&values, ty, row) == Value::Bool(true);
            Some(if all { rows.all(&mut holds) } else { rows.any(holds) })
        })
        .collect();
    Ok(Arc::new(result))
}

/// The expression for every element of every match.
fn elementwise(
    search: &Search<'_>,
    collected: &Collected,
    (elements, lengths): (&[u32], &[u32]),
    table: &Batch,
    (outer, outer_layout): (&Batch, &[ColumnId]),
) -> Result<ArrayRef, ExecError> {
    let mut used = Vec::new();
    crate::plan::visit(&collected.expr, &mut |e| {
        if let crate::plan::Expr::Column(id, _) = e {
            used.push(*id);
        }
    });
    let own = UInt32Array::from(elements.to_vec());
    let matches: UInt32Array = (0..)
        .zip(lengths)
        .flat_map(|(at, length)| std::iter::repeat_n(at, *length as usize))
        .collect();
    let mut layout = Vec::new();
    let mut arrays = Vec::new();
    let own_columns = collected.columns.iter().zip(&table.columns).map(|(id, c)| (id, c, &own));
    let outer_columns = outer_layout.iter().zip(&outer.columns).map(|(id, c)| (id, c, &matches));
    for (id, column, rows) in own_columns.chain(outer_columns) {
        if used.contains(id) {
            layout.push(*id);
            arrays.push(columns::take_column(column, rows)?);
        }
    }
    let batch = Batch { columns: arrays, rows: elements.len() };
    let scalar = compile(&collected.expr, &layout)?;
    let value = scalar.eval(&Input::of(&batch), search.context())?;
    Ok(value.into_array(collected.expr.ty(), batch.rows))
}
