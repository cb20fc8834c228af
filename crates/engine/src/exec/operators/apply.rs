//! `mv-apply`, `partition by`: a plan run once per group of rows.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, UInt32Array};
use model::Batch;
use parking_lot::Mutex;
use values::ScalarType;

use super::rows::{MORSEL, Rows};
use crate::exec::compile::{Compiler, Group};
use crate::exec::eval::{Scalar, project};
use crate::exec::groups::Grouper;
use crate::exec::operator::{Operator, Stage, collect};
use crate::exec::run::Run;
use crate::exec::{ExecError, columns};
use crate::plan::{ColumnId, Field, Plan};

/// How rows form groups.
pub(crate) enum Groups {
    /// Neighbouring rows with the same number in this column.
    EachRow(usize),
    /// Rows with the same key.
    By(Scalar),
}

/// What is run.
pub(crate) struct Spec {
    pub(crate) groups: Groups,
    /// Types of the input's columns.
    pub(crate) types: Vec<ScalarType>,
    /// Positions of the columns repeated beside the body's.
    pub(crate) kept: Vec<usize>,
    /// The columns of a group as the body sees them: (the body's id, position in the input).
    pub(crate) mapping: Vec<(ColumnId, usize)>,
    pub(crate) body: Plan,
}

/// A plan per group.
pub(crate) struct Apply {
    input: Box<dyn Operator>,
    spec: Spec,
    result: Mutex<Option<Arc<Rows>>>,
}

impl Apply {
    pub(crate) fn stage(input: Stage, spec: Spec, fields: &[Field]) -> Stage {
        let operator = Self { input: input.operator, spec, result: Mutex::default() };
        Stage { operator: Box::new(operator), layout: fields.iter().map(|f| f.id).collect() }
    }

    fn result(&self, run: &Run) -> Result<Arc<Rows>, ExecError> {
        let mut result = self.result.lock();
        if let Some(rows) = &*result {
            return Ok(Arc::clone(rows));
        }
        let rows = Arc::new(Rows::new(self.compute(run)?));
        *result = Some(Arc::clone(&rows));
        Ok(rows)
    }

    fn compute(&self, run: &Run) -> Result<Vec<Batch>, ExecError> {
        let mut account = run.memory.account();
        let batches = collect(self.input.as_ref(), run)?;
        let all = columns::concat(&batches, &self.spec.types)?;
        drop(batches);
        let refuse = |a: &crate::exec::run::Account<'_>| {
            a.refuse("mv-apply or partition", "filter its input, or use fewer groups")
        };
        if !account.grow(columns::weight(&all)) {
            return Err(refuse(&account));
        }
        let mut out = Out::default();
        match &self.spec.groups {
            Groups::EachRow(at) => {
                for (start, end) in runs(&all, *at) {
                    out.add(self.body(&all.slice(start, end - start), run)?);
                    if !account.grow(out.fresh()) {
                        return Err(refuse(&account));
                    }
                }
            }
            Groups::By(key) => {
                for rows in by_key(&all, key, run)? {
                    out.add(self.body(&columns::take(&all, &rows)?, run)?);
                    if !account.grow(out.fresh()) {
                        return Err(refuse(&account));
                    }
                }
            }
        }
        merged(out.batches)
    }

    /// The body over one group, with the kept columns of the group's first row.
    fn body(&self, group: &Batch, run: &Run) -> Result<Vec<Batch>, ExecError> {
        run.check()?;
        let compiler = Compiler {
            run,
            group: Some(Group { rows: group, columns: &self.spec.mapping }),
            depth: 0,
        };
        let body = compiler.exact(&self.spec.body)?;
        let batches = collect(body.as_ref(), run)?;
        batches
            .into_iter()
            .map(|batch| {
                let first = UInt32Array::from(vec![0; batch.rows]);
                let kept = self.spec.kept.iter().filter_map(|at| group.columns.get(*at));
                let mut columns = kept
                    .map(|column| columns::take_column(column, &first))
                    .collect::<Result<Vec<ArrayRef>, _>>()?;
                columns.extend(batch.columns);
                Ok(Batch { columns, rows: batch.rows })
            })
            .collect()
    }
}

/// Many small batches as fewer larger ones.
fn merged(batches: Vec<Batch>) -> Result<Vec<Batch>, ExecError> {
    let mut out: Vec<Batch> = Vec::new();
    let mut piece: Vec<Batch> = Vec::new();
    let mut rows = 0;
    let count = batches.len();
    for (at, batch) in batches.into_iter().enumerate() {
        rows += batch.rows;
        piece.push(batch);
        if rows >= MORSEL || at + 1 == count {
            out.push(columns::concat_some(&piece)?);
            piece.clear();
            rows = 0;
        }
    }
    Ok(out)
}

/// The groups' rows so far.
#[derive(Default)]
struct Out {
    batches: Vec<Batch>,
    fresh: usize,
}

impl Out {
    fn add(&mut self, batches: Vec<Batch>) {
        self.fresh += batches.iter().map(columns::weight).sum::<usize>();
        self.batches.extend(batches);
    }

    /// Bytes added since the last question.
    fn fresh(&mut self) -> usize {
        std::mem::take(&mut self.fresh)
    }
}

/// Ranges of neighbouring rows with the same number.
fn runs(all: &Batch, at: usize) -> Vec<(usize, usize)> {
    let Some(numbers) = all.columns.get(at).and_then(|c| c.as_primitive_opt::<Int64Type>()) else {
        return Vec::new();
    };
    let mut runs = Vec::new();
    let mut start = 0;
    for run in numbers.values().chunk_by(|a, b| a == b) {
        runs.push((start, start + run.len()));
        start += run.len();
    }
    runs
}

/// Row numbers by key, in order of first appearance.
fn by_key(all: &Batch, key: &Scalar, run: &Run) -> Result<Vec<UInt32Array>, ExecError> {
    let keys = project(std::slice::from_ref(key), all, run.context())?.columns;
    let mut grouper = Grouper::new(&[key.ty()]);
    let numbers = grouper.number(&keys, all.rows)?;
    let mut groups: Vec<Vec<u32>> = vec![Vec::new(); grouper.count()];
    for (row, group) in (0..).zip(numbers) {
        if let Some(rows) = groups.get_mut(group as usize) {
            rows.push(row);
        }
    }
    Ok(groups.into_iter().map(UInt32Array::from).collect())
}

impl Operator for Apply {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.result(run).map(|_| ())
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        self.result(run)?.next(run)
    }

    fn estimate(&self) -> f64 {
        self.input.estimate()
    }
}
