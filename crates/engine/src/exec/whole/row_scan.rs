//! `scan`: rows matched against a sequence of steps, each of which remembers what it matched.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::BooleanBuffer;
use model::rows::cell;
use model::{Batch, Column, ColumnBuilder, Rows, Schema};
use values::{ScalarType, Value};

use super::{compile, whole};
use crate::exec::ExecError;
use crate::exec::eval::Scalar;
use crate::functions::EvalContext;
use crate::plan::{ColumnId, Expr, Field, WholeOperator, visit};

/// One input, in order. Fields: the input's, then the declared ones, then the match's number and the step's name where
/// asked for.
#[derive(Debug)]
pub struct RowScan {
    /// The input's columns, as expressions name them.
    pub input: Vec<Field>,
    /// Declared columns and what they hold at first; expressions name them as columns of the row.
    pub declared: Vec<(Field, Value)>,
    /// The steps, in order.
    pub steps: Vec<ScanStep>,
    /// Positions of the input's columns that `partition by` names: each combination is scanned alone.
    pub partition: Vec<usize>,
    /// `with_match_id`
    pub match_id: Option<Field>,
    /// `with_step_name`
    pub step_name: Option<Field>,
}

/// A step of [`RowScan`].
#[derive(Debug)]
pub struct ScanStep {
    /// Its name.
    pub name: Arc<str>,
    /// May be skipped.
    pub optional: bool,
    /// Which of its rows come out.
    pub output: ScanOutput,
    /// What a row must satisfy.
    pub condition: Expr,
    /// (which column of the row, declared ones behind the input's, and what it becomes)
    pub assignments: Vec<(usize, Expr)>,
    /// Ids under which expressions name this step's remembered row: the input's columns, then the declared ones.
    pub state: Vec<ColumnId>,
}

/// Which rows of a step come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanOutput {
    /// Every row.
    All,
    /// The last row of each match.
    Last,
    /// None.
    None,
}

/// A row with the declared columns.
type Record = Vec<Value>;

/// What a step remembers: the last row of every step up to it, and the match's number.
#[derive(Clone)]
struct State {
    rows: Vec<Option<Record>>,
    number: i64,
}

/// An expression that reads the row and what steps remember.
struct Compiled {
    scalar: Scalar,
    /// Where the value of each of its columns comes from.
    sources: Vec<(Source, ScalarType)>,
    /// Rows for which it holds, where it reads the input alone.
    ahead: Option<BooleanBuffer>,
}

#[derive(Clone, Copy)]
enum Source {
    /// Position in the row, declared columns behind the input's.
    Row(usize),
    /// A step's remembered row.
    Step(usize, usize),
}

/// A step made ready.
struct Ready {
    condition: Compiled,
    assignments: Vec<(usize, Compiled)>,
}

/// One output row.
struct Out {
    record: Record,
    number: i64,
    step: usize,
}

impl RowScan {
    fn types(&self) -> Vec<ScalarType> {
        self.input.iter().chain(self.declared.iter().map(|(f, _)| f)).map(|f| f.ty).collect()
    }

    fn compiled(
        &self,
        expr: &Expr,
        batch: &Batch,
        context: &EvalContext,
        is_condition: bool,
    ) -> Result<Compiled, ExecError> {
        let mut ids: Vec<ColumnId> = Vec::new();
        visit(expr, &mut |e| {
            if let Expr::Column(id, _) = e
                && !ids.contains(id)
            {
                ids.push(*id);
            }
        });
        let types = self.types();
        let own: Vec<ColumnId> =
            self.input.iter().chain(self.declared.iter().map(|(f, _)| f)).map(|f| f.id).collect();
        let source = |id: &ColumnId| {
            let row = own.iter().position(|o| o == id).map(|at| (Source::Row(at), at));
            let remembered = || {
                self.steps.iter().enumerate().find_map(|(step, s)| {
                    let at = s.state.iter().position(|o| o == id)?;
                    Some((Source::Step(step, at), at))
                })
            };
            let (source, at) = row.or_else(remembered)?;
            Some((source, *types.get(at)?))
        };
        let sources = ids
            .iter()
            .map(|id| {
                source(id).ok_or_else(|| ExecError::Evaluation(format!("scan has no column {id}")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let width = self.input.len();
        let plain = sources.iter().all(|(s, _)| matches!(s, Source::Row(at) if *at < width));
        let ahead = if is_condition && plain {
            let layout: Vec<ColumnId> = self.input.iter().map(|f| f.id).collect();
            Some(compile(expr, &layout)?.truth(batch, context)?)
        } else {
            None
        };
        Ok(Compiled { scalar: compile(expr, &ids)?, sources, ahead })
    }

    fn ready(&self, batch: &Batch, context: &EvalContext) -> Result<Vec<Ready>, ExecError> {
        self.steps
            .iter()
            .map(|step| {
                let assignments = step
                    .assignments
                    .iter()
                    .map(|(at, expr)| Ok((*at, self.compiled(expr, batch, context, false)?)));
                Ok(Ready {
                    condition: self.compiled(&step.condition, batch, context, true)?,
                    assignments: assignments.collect::<Result<_, ExecError>>()?,
                })
            })
            .collect()
    }
}

impl Compiled {
    /// The value for a row, given what is remembered.
    fn value(
        &self,
        scan: &RowScan,
        record: &Record,
        state: Option<&State>,
        context: &EvalContext,
    ) -> Result<Value, ExecError> {
        let declared = |at: usize| {
            let first = at.checked_sub(scan.input.len()).and_then(|at| scan.declared.get(at));
            first.map(|(_, value)| value.clone())
        };
        let columns: Vec<ArrayRef> = self
            .sources
            .iter()
            .map(|(source, ty)| {
                let value = match source {
                    Source::Row(at) => record.get(*at).cloned(),
                    Source::Step(step, at) => {
                        let remembered = state.and_then(|s| s.rows.get(*step)?.as_ref());
                        remembered.and_then(|r| r.get(*at).cloned()).or_else(|| declared(*at))
                    }
                };
                let mut builder = ColumnBuilder::new(*ty, 1);
                builder.push(&value.unwrap_or(Value::Null));
                builder.finish()
            })
            .collect();
        self.scalar.value(&Batch { columns, rows: 1 }, context)
    }

    fn holds(
        &self,
        scan: &RowScan,
        (row, record): (usize, &Record),
        state: Option<&State>,
        context: &EvalContext,
    ) -> Result<bool, ExecError> {
        match &self.ahead {
            Some(ahead) => Ok(row < ahead.len() && ahead.value(row)),
            None => Ok(self.value(scan, record, state, context)? == Value::Bool(true)),
        }
    }
}

/// One partition being scanned.
struct Scanner<'a> {
    scan: &'a RowScan,
    ready: &'a [Ready],
    context: &'a EvalContext,
    states: Vec<Option<State>>,
    /// Rows of `output=last` that wait for the end of their match, per step.
    last: Vec<Option<Out>>,
    next_match: i64,
    out: Vec<Out>,
}

impl Scanner<'_> {
    fn row(&mut self, row: usize, record: &Record) -> Result<(), ExecError> {
        for step in (0..self.ready.len()).rev() {
            if !self.promoted(step, row, record)? {
                self.renewed(step, row, record)?;
            }
        }
        Ok(())
    }

    /// The row continues the match of a step before.
    fn promoted(&mut self, step: usize, row: usize, record: &Record) -> Result<bool, ExecError> {
        for before in (0..step).rev() {
            let state = self.states.get(before).cloned().flatten();
            if let Some(state) = state
                && let Some(ready) = self.ready.get(step)
                && ready.condition.holds(self.scan, (row, record), Some(&state), self.context)?
            {
                let extended = self.extended(step, record, Some(&state))?;
                self.release(step);
                if let Some(slot) = self.states.get_mut(before) {
                    *slot = None;
                }
                self.flush(before);
                self.keep(step, extended, state);
                return Ok(true);
            }
            // an optional step may be passed over
            if !self.scan.steps.get(before).is_some_and(|s| s.optional) {
                break;
            }
        }
        Ok(false)
    }

    /// The row goes on with the match that the step is in; the first step starts one where it is in none.
    fn renewed(&mut self, step: usize, row: usize, record: &Record) -> Result<(), ExecError> {
        let state = self.states.get(step).cloned().flatten();
        if state.is_none() && step > 0 {
            return Ok(());
        }
        let Some(ready) = self.ready.get(step) else { return Ok(()) };
        if !ready.condition.holds(self.scan, (row, record), state.as_ref(), self.context)? {
            return Ok(());
        }
        let extended = self.extended(step, record, state.as_ref())?;
        let state = state.unwrap_or_else(|| {
            let number = self.next_match;
            self.next_match += 1;
            State { rows: vec![None; self.ready.len()], number }
        });
        self.keep(step, extended, state);
        Ok(())
    }

    fn extended(
        &self,
        step: usize,
        record: &Record,
        state: Option<&State>,
    ) -> Result<Record, ExecError> {
        let mut extended = record.clone();
        let Some(ready) = self.ready.get(step) else { return Ok(extended) };
        for (at, expr) in &ready.assignments {
            let value = expr.value(self.scan, record, state, self.context)?;
            if let Some(slot) = extended.get_mut(*at) {
                *slot = value;
            }
        }
        Ok(extended)
    }

    /// Remembers a row and lets it out.
    fn keep(&mut self, step: usize, record: Record, mut state: State) {
        let out = Out { record: record.clone(), number: state.number, step };
        match self.scan.steps.get(step).map(|s| s.output) {
            Some(ScanOutput::All) => self.out.push(out),
            Some(ScanOutput::Last) => {
                if let Some(slot) = self.last.get_mut(step) {
                    *slot = Some(out);
                }
            }
            _ => {}
        }
        if let Some(slot) = state.rows.get_mut(step) {
            *slot = Some(record);
        }
        if let Some(slot) = self.states.get_mut(step) {
            *slot = Some(state);
        }
    }

    /// A step's match gives way to another one.
    fn release(&mut self, step: usize) {
        self.flush(step);
        if let Some(slot) = self.states.get_mut(step) {
            *slot = None;
        }
    }

    fn flush(&mut self, step: usize) {
        let waiting = self.last.get_mut(step).and_then(Option::take);
        self.out.extend(waiting);
    }
}

impl WholeOperator for RowScan {
    fn run(&self, inputs: &[Rows], context: &EvalContext, _: usize) -> Result<Rows, ExecError> {
        let Some(input) = inputs.first() else { return Ok(Rows::default()) };
        let batch = whole(input)?;
        let ready = self.ready(&batch, context)?;
        let mut scanners: Vec<Scanner<'_>> = Vec::new();
        let groups = self.groups(&batch)?;
        for (row, group) in groups.into_iter().enumerate() {
            while scanners.len() <= group as usize {
                scanners.push(Scanner {
                    scan: self,
                    ready: &ready,
                    context,
                    states: vec![None; ready.len()],
                    last: ready.iter().map(|_| None).collect(),
                    next_match: 0,
                    out: Vec::new(),
                });
            }
            let cells = self.input.iter().zip(&batch.columns);
            let mut record: Record = cells.map(|(f, a)| cell(a, f.ty, row)).collect();
            record.extend(self.declared.iter().map(|(_, value)| value.clone()));
            if let Some(scanner) = scanners.get_mut(group as usize) {
                scanner.row(row, &record)?;
            }
        }
        Ok(self.result(scanners))
    }
}

impl RowScan {
    fn groups(&self, batch: &Batch) -> Result<Vec<u32>, ExecError> {
        let types: Vec<ScalarType> =
            self.partition.iter().filter_map(|at| self.input.get(*at)).map(|f| f.ty).collect();
        let keys: Vec<ArrayRef> =
            self.partition.iter().filter_map(|at| batch.columns.get(*at).cloned()).collect();
        crate::exec::groups::Grouper::new(&types).number(&keys, batch.rows)
    }

    fn result(&self, scanners: Vec<Scanner<'_>>) -> Rows {
        let fields = self.input.iter().chain(self.declared.iter().map(|(f, _)| f));
        let fields = fields.chain(&self.match_id).chain(&self.step_name);
        let columns: Vec<Column> = fields.map(|f| Column::new(&f.name, f.ty)).collect();
        let mut rows = Vec::new();
        for mut scanner in scanners {
            (0..scanner.last.len()).for_each(|step| scanner.flush(step));
            for out in scanner.out {
                let mut row = out.record;
                row.extend(self.match_id.iter().map(|_| Value::Long(out.number)));
                let name = self.steps.get(out.step).map(|s| Value::from(&*s.name));
                row.extend(self.step_name.iter().map(|_| name.clone().unwrap_or(Value::Null)));
                rows.push(row);
            }
        }
        Rows::from_values(Arc::new(Schema { columns }), rows)
    }
}
