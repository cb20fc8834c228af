//! Operators computed over their whole input: `reduce`, `scan`, `top-nested`. The binder makes one of these and puts it
//! into a [`crate::plan::Node::Whole`] whose fields are as each says.

pub mod graph;
mod reduce;
mod row_scan;
mod series_map;
mod top_nested;

pub use reduce::Reduce;
pub use row_scan::{RowScan, ScanOutput, ScanStep};
pub use series_map::{SeriesMap, SeriesOutput};
pub use top_nested::{NestedLevel, TopNested};

use std::sync::Arc;

use model::{Batch, Rows};
use values::Value;

use super::ExecError;
use super::columns;
use super::eval::{ExprCompiler, Scalar};
use crate::plan::{ColumnId, Expr, Plan};

/// All rows of an input as one batch.
fn whole(rows: &Rows) -> Result<Batch, ExecError> {
    let types: Vec<_> = rows.schema.columns.iter().map(|c| c.ty).collect();
    columns::concat(&rows.batches, &types)
}

/// An expression over a layout; the binder has replaced subqueries by their values.
fn compile(expr: &Expr, layout: &[ColumnId]) -> Result<Scalar, ExecError> {
    let refuse = |_: &Arc<Plan>, _: bool| -> Result<Arc<Vec<Value>>, ExecError> {
        Err(ExecError::Evaluation("a subquery cannot stand inside of this operator".to_owned()))
    };
    ExprCompiler { layout, subqueries: &refuse }.compile(expr)
}
