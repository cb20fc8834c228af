//! `top-nested 2 of a by count(), top-nested 3 of b by sum(x)`: the best values level by level.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, UInt32Array};
use model::rows::cell;
use model::{Batch, Column, Rows, Schema};
use values::{ScalarType, Value};

use super::{compile, whole};
use crate::exec::eval::{Scalar, project};
use crate::exec::groups::Grouper;
use crate::exec::operators::{CompiledCall, Worker};
use crate::exec::run::{ExecSettings, Run};
use crate::exec::{ExecError, columns};
use crate::functions::EvalContext;
use crate::plan::{AggregateCall, ColumnId, Expr, Field, WholeOperator};

/// One input. Fields: for each level its value, then its aggregate.
#[derive(Debug)]
pub struct TopNested {
    /// The input's columns, as expressions name them.
    pub input: Vec<Field>,
    /// The levels, outermost first.
    pub levels: Vec<NestedLevel>,
}

/// A level of [`TopNested`].
#[derive(Debug)]
pub struct NestedLevel {
    /// How many values; all where absent.
    pub count: Option<usize>,
    /// The value, over the input.
    pub of: Expr,
    /// The column of the value.
    pub field: Field,
    /// The aggregate that ranks; its first field is the column of the aggregate.
    pub by: AggregateCall,
    /// The smallest first.
    pub ascending: bool,
    /// What stands for all values that are not among the best.
    pub others: Option<Value>,
}

/// The id of the column that numbers the groups of the level above.
const PARENT: ColumnId = ColumnId::MAX;

/// Bytes of a cell of a group: its value, and its part of the key.
const CELL: usize = 48;

/// A chosen value: the cells of its levels so far. Closed where it stands for the rest.
#[derive(Clone, Default)]
struct Chosen {
    cells: Vec<Value>,
    closed: bool,
}

impl WholeOperator for TopNested {
    fn run(
        &self,
        inputs: &[Rows],
        context: &EvalContext,
        memory: usize,
    ) -> Result<Rows, ExecError> {
        let settings = ExecSettings { memory_max: memory, ..ExecSettings::new(context.clone()) };
        let run = Run::new(settings);
        let columns = self.levels.iter().flat_map(|level| {
            let by = level.by.fields.first();
            [Some(&level.field), by].into_iter().flatten().map(|f| Column::new(&f.name, f.ty))
        });
        let schema = Arc::new(Schema { columns: columns.collect() });
        let Some(input) = inputs.first() else { return Ok(Rows { schema, batches: Vec::new() }) };
        let mut rows = whole(input)?;
        let parents: ArrayRef = Arc::new(Int64Array::from(vec![0; rows.rows]));
        rows.columns.push(parents);
        let mut open = vec![Chosen::default()];
        let mut done = Vec::new();
        for level in &self.levels {
            let chosen;
            (chosen, rows) = self.level(level, &rows, &open, &run)?;
            let (closed, still): (Vec<Chosen>, Vec<Chosen>) =
                chosen.into_iter().partition(|c| c.closed);
            done.extend(closed);
            open = still;
        }
        let width = schema.len();
        let all = open.into_iter().chain(done).map(|chosen| {
            let mut cells = chosen.cells;
            let empty = schema.columns.iter().skip(cells.len()).map(|c| Value::null_of(c.ty));
            let empty: Vec<Value> = empty.collect();
            cells.extend(empty);
            cells.truncate(width);
            cells
        });
        Ok(Rows::from_values(
            Arc::clone(&schema),
            if rows.rows == 0 { Vec::new() } else { all.collect::<Vec<_>>() },
        ))
    }
}

impl TopNested {
    /// The best values of a level below each of the open ones, and the rows that have them, numbered by them. Chosen
    /// values that are open come first, in the order of their numbers.
    fn level(
        &self,
        level: &NestedLevel,
        rows: &Batch,
        open: &[Chosen],
        run: &Run,
    ) -> Result<(Vec<Chosen>, Batch), ExecError> {
        let mut layout: Vec<ColumnId> = self.input.iter().map(|f| f.id).collect();
        layout.push(PARENT);
        let parent = compile(&Expr::Column(PARENT, ScalarType::Long), &layout)?;
        let of = compile(&level.of, &layout)?;
        let call = self.call(&level.by, &layout)?;
        let calls = std::slice::from_ref(&call);
        let keys = project(&[parent, of], rows, run.context())?.columns;
        let mut grouper = Grouper::new(&[ScalarType::Long, level.field.ty]);
        let numbers = grouper.number(&keys, rows.rows)?;
        let (parent, of) = (
            compile(&Expr::Column(PARENT, ScalarType::Long), &layout)?,
            compile(&level.of, &layout)?,
        );
        let groups = summarize(&[&parent, &of], calls, rows, run)?;
        // every group with its values, and those of the levels above
        let cells = groups.rows.saturating_mul(1 + 2 * self.levels.len());
        if cells.saturating_mul(CELL) > run.memory.left() {
            let account = run.memory.account();
            return Err(account.refuse("top-nested", "ask for fewer levels, or of fewer values"));
        }
        let best = self.best(level, &groups, open.len());
        let mut chosen = Vec::new();
        let mut number_of = vec![None; groups.rows];
        let ty = level.by.fields.first().map_or(ScalarType::Long, |f| f.ty);
        for (above, group) in best {
            let mut cells = open.get(above).map(|c| c.cells.clone()).unwrap_or_default();
            cells.extend(groups.columns.get(1).map(|a| cell(a, level.field.ty, group)));
            cells.extend(groups.columns.get(2).map(|a| cell(a, ty, group)));
            if let Some(slot) = number_of.get_mut(group) {
                *slot = Some(chosen.len() as i64);
            }
            chosen.push(Chosen { cells, closed: false });
        }
        let number = |group: &u32| number_of.get(*group as usize).copied().flatten();
        if let Some(others) = &level.others {
            let rest: Vec<u32> =
                (0..).zip(&numbers).filter(|(_, g)| number(g).is_none()).map(|(r, _)| r).collect();
            let rest = columns::take(rows, &UInt32Array::from(rest))?;
            let groups = summarize(&[&parent], calls, &rest, run)?;
            for group in 0..groups.rows {
                let above = groups.columns.first().map(|a| cell(a, ScalarType::Long, group));
                let above = above.and_then(|v| v.as_i64()).and_then(|v| usize::try_from(v).ok());
                let mut cells =
                    above.and_then(|a| open.get(a)).map(|c| c.cells.clone()).unwrap_or_default();
                cells.push(others.cast(level.field.ty));
                cells.extend(groups.columns.get(1).map(|a| cell(a, ty, group)));
                chosen.push(Chosen { cells, closed: true });
            }
        }
        let (kept, parents): (Vec<u32>, Vec<i64>) =
            (0..).zip(&numbers).filter_map(|(r, g)| Some((r, number(g)?))).unzip();
        let mut next = columns::take(rows, &UInt32Array::from(kept))?;
        next.columns.pop();
        next.columns.push(Arc::new(Int64Array::from(parents)));
        Ok((chosen, next))
    }

    fn call(&self, call: &AggregateCall, layout: &[ColumnId]) -> Result<CompiledCall, ExecError> {
        Ok(CompiledCall {
            aggregate: call.aggregate,
            args: call.args.iter().map(|a| compile(a, layout)).collect::<Result<_, _>>()?,
            filter: call.filter.as_ref().map(|f| compile(f, layout)).transpose()?,
            results: call.fields.iter().map(|f| f.ty).collect(),
        })
    }

    /// (open value above, group) of the best groups, in rank order below each open value.
    fn best(&self, level: &NestedLevel, groups: &Batch, open: usize) -> Vec<(usize, usize)> {
        let ty = level.by.fields.first().map_or(ScalarType::Long, |f| f.ty);
        let mut below: Vec<Vec<(Value, usize)>> = vec![Vec::new(); open];
        for group in 0..groups.rows {
            let parent = groups.columns.first().map(|a| cell(a, ScalarType::Long, group));
            let parent = parent.and_then(|v| v.as_i64()).and_then(|v| usize::try_from(v).ok());
            let rank = groups.columns.get(2).map_or(Value::Null, |a| cell(a, ty, group));
            if let Some(below) = parent.and_then(|p| below.get_mut(p)) {
                below.push((rank, group));
            }
        }
        let mut best = Vec::new();
        for (above, mut ranked) in below.into_iter().enumerate() {
            ranked.sort_by(|a, b| {
                let order = a.0.is_null().cmp(&b.0.is_null());
                let value = a.0.total_cmp(&b.0);
                order.then(if level.ascending { value } else { value.reverse() })
            });
            let count = level.count.unwrap_or(usize::MAX);
            best.extend(ranked.into_iter().take(count).map(|(_, group)| (above, group)));
        }
        best
    }
}

/// Groups of a batch with one aggregate.
fn summarize(
    keys: &[&Scalar],
    calls: &[CompiledCall],
    rows: &Batch,
    run: &Run,
) -> Result<Batch, ExecError> {
    let mut worker = Worker::new(keys, calls, run)?;
    worker.feed(rows)?;
    worker.finish()
}
