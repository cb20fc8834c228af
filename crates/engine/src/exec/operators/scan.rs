//! Rows of a stored table, and of a table in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
use model::{Batch, Rows};
use parking_lot::{Mutex, RwLock};
use values::{ScalarType, Value};

use super::Bound;
use super::rows::morsels;
use crate::exec::compile::Need;
use crate::exec::eval::{ExprCompiler, Scalar};
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;
use crate::exec::{ExecError, columns, measure};
use crate::functions::EvalContext;
use crate::plan::{self, ColumnId, Expr, Field, Matching, Set};
use crate::source::{
    self, Counters, Hint, RowBound, RowFilter, ScanColumn, ScanRequest, SourceError, TickRange,
};

/// Most values that a join's keys are pushed into a scan with.
const RESTRICT_MAX: usize = 10_000;

/// The estimate of rows that may not be read: joins take the other side first.
pub(super) const REFUSED: f64 = 1e18;

/// A scan of a table, with the condition that stands right above it.
pub(crate) struct Scan {
    scan: plan::Scan,
    /// Tells the plan's scan from others.
    origin: usize,
    layout: Vec<ColumnId>,
    hints: Mutex<Vec<Hint>>,
    source: RwLock<Option<Arc<dyn source::Scan>>>,
    condition: Option<Arc<Condition>>,
    /// What joins above allow columns to be.
    members: Mutex<Vec<Member>>,
    /// How good rows must be for a sort above.
    bound: Mutex<Option<ScanBound>>,
    /// Columns handed on; none for all.
    kept: Option<Vec<usize>>,
    /// Pieces of morsels larger than the caches.
    pieces: Mutex<VecDeque<Batch>>,
    /// No rows of the columns handed on.
    nothing: Batch,
}

/// No rows of some columns.
fn nothing<'f>(fields: impl Iterator<Item = &'f Field>) -> Batch {
    Batch { columns: fields.map(|field| columns::empty(field.ty)).collect(), rows: 0 }
}

/// A predicate over some of the columns of a scan.
#[derive(Debug)]
pub(crate) struct Condition {
    /// Over a batch of the columns below.
    predicate: Scalar,
    /// Positions in the scan's columns.
    columns: Vec<usize>,
    /// See [`RowFilter::lone_terms`].
    lone_terms: Vec<(usize, Vec<String>)>,
    context: EvalContext,
}

impl Condition {
    pub(crate) const fn new(
        predicate: Scalar,
        columns: Vec<usize>,
        lone_terms: Vec<(usize, Vec<String>)>,
        context: EvalContext,
    ) -> Self {
        Self { predicate, columns, lone_terms, context }
    }
}

impl RowFilter for Condition {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn lone_terms(&self) -> &[(usize, Vec<String>)] {
        &self.lone_terms
    }

    fn keep(&self, batch: &Batch) -> Result<BooleanBuffer, SourceError> {
        let truth = self.predicate.truth(batch, &self.context);
        truth.map_err(|error| SourceError::Evaluation(error.to_string()))
    }
}

/// A sort's bound on a column of the scan.
#[derive(Clone, Debug)]
struct ScanBound {
    column: usize,
    bound: Arc<Bound>,
}

impl RowBound for ScanBound {
    fn column(&self) -> usize {
        self.column
    }

    fn descending(&self) -> bool {
        self.bound.descending()
    }

    fn may_hold(&self, least: i64, most: i64) -> bool {
        self.bound.may_hold(least, most)
    }

    fn keep(&self, column: &ArrayRef, among: &BooleanBuffer) -> BooleanBuffer {
        self.bound.keep(column, among)
    }
}

/// A column that must be one of some values for its row to be wanted.
#[derive(Debug)]
struct Member {
    /// Position in the scan's columns.
    column: usize,
    /// Over a batch of that column alone.
    test: Scalar,
    context: EvalContext,
    /// Most rows pass: not worth asking.
    idle: AtomicBool,
}

impl Member {
    fn keep(&self, column: &ArrayRef, among: &BooleanBuffer) -> Result<BooleanBuffer, ExecError> {
        let batch = Batch { columns: vec![Arc::clone(column)], rows: column.len() };
        let kept = &self.test.truth(&batch, &self.context)? & among;
        if kept.count_set_bits() * 2 > among.count_set_bits() {
            self.idle.store(true, Ordering::Relaxed);
        }
        Ok(kept)
    }
}

/// The condition, and what joins above allow.
#[derive(Debug)]
struct Restricted {
    condition: Option<Arc<Condition>>,
    members: Vec<Member>,
    /// The condition's columns, then those of the members that it does not look at.
    columns: Vec<usize>,
    /// Those of the condition, but for the members' columns: these need their values.
    lone_terms: Vec<(usize, Vec<String>)>,
}

impl Restricted {
    fn new(condition: Option<Arc<Condition>>, members: Vec<Member>) -> Self {
        let mut columns = condition.as_ref().map_or_else(Vec::new, |c| c.columns.clone());
        for member in &members {
            if !columns.contains(&member.column) {
                columns.push(member.column);
            }
        }
        let mut lone_terms = condition.as_ref().map_or_else(Vec::new, |c| c.lone_terms.clone());
        lone_terms.retain(|(column, _)| members.iter().all(|member| member.column != *column));
        Self { condition, members, columns, lone_terms }
    }
}

impl RowFilter for Restricted {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn lone_terms(&self) -> &[(usize, Vec<String>)] {
        &self.lone_terms
    }

    fn keep(&self, batch: &Batch) -> Result<BooleanBuffer, SourceError> {
        let mut keep = match &self.condition {
            Some(condition) => {
                let own: Vec<usize> = (0..condition.columns.len()).collect();
                condition.keep(&columns::pick(batch, &own))?
            }
            None => BooleanBuffer::new_set(batch.rows),
        };
        for member in self.members.iter().filter(|m| !m.idle.load(Ordering::Relaxed)) {
            let at = self.columns.iter().position(|column| *column == member.column);
            if keep.count_set_bits() > 0
                && let Some(column) = at.and_then(|at| batch.columns.get(at))
            {
                let kept = member.keep(column, &keep);
                keep = kept.map_err(|error| SourceError::Evaluation(error.to_string()))?;
            }
        }
        Ok(keep)
    }
}

impl Scan {
    pub(crate) fn stage(scan: &plan::Scan, fields: &[Field]) -> Stage {
        let layout: Vec<ColumnId> = fields.iter().map(|f| f.id).collect();
        let operator = Self {
            scan: scan.clone(),
            origin: measure::address(scan),
            layout: layout.clone(),
            hints: Mutex::new(scan.hints.clone()),
            source: RwLock::default(),
            condition: None,
            members: Mutex::default(),
            bound: Mutex::default(),
            kept: None,
            pieces: Mutex::default(),
            nothing: nothing(fields.iter()),
        };
        Stage { operator: Box::new(operator), layout }
    }

    /// A scan of the rows that a condition keeps; gives only the columns needed above.
    pub(crate) fn filtered(
        scan: &plan::Scan,
        fields: &[Field],
        condition: Condition,
        need: &Need,
    ) -> Stage {
        let (kept, layout): (Vec<usize>, Vec<ColumnId>) = fields
            .iter()
            .enumerate()
            .filter(|(_, field)| need.contains(&field.id))
            .map(|(at, field)| (at, field.id))
            .unzip();
        let operator = Self {
            scan: scan.clone(),
            origin: measure::address(scan),
            layout: fields.iter().map(|f| f.id).collect(),
            hints: Mutex::new(scan.hints.clone()),
            source: RwLock::default(),
            condition: Some(Arc::new(condition)),
            members: Mutex::default(),
            bound: Mutex::default(),
            kept: (kept.len() < fields.len()).then_some(kept),
            pieces: Mutex::default(),
            nothing: nothing(fields.iter().filter(|field| need.contains(&field.id))),
        };
        Stage { operator: Box::new(operator), layout }
    }

    /// The rows of a batch that the condition keeps, where the source did not look; the columns handed on.
    fn pick(&self, batch: Batch, filtered: bool) -> Result<Batch, ExecError> {
        let keep = match &self.condition {
            Some(condition) if !filtered => {
                let looked_at = columns::pick(&batch, &condition.columns);
                Some(condition.predicate.truth(&looked_at, &condition.context)?)
            }
            _ => None,
        };
        let picked = match &self.kept {
            None => batch,
            Some(kept) => columns::pick(&batch, kept),
        };
        match keep {
            Some(keep) if keep.count_set_bits() < picked.rows => columns::filter(&picked, &keep),
            _ => Ok(picked),
        }
    }

    /// Cuts a batch into pieces that fit into caches; keeps all but the first for later.
    fn first_piece(&self, batch: &Batch) -> Batch {
        let mut cut = morsels(batch);
        let first = cut.next();
        let mut rest = cut.peekable();
        if rest.peek().is_some() {
            self.pieces.lock().extend(rest);
        }
        first.unwrap_or_else(|| batch.clone())
    }

    /// What the source may judge rows by.
    fn filter(&self) -> Option<Arc<dyn RowFilter>> {
        let members = std::mem::take(&mut *self.members.lock());
        if members.is_empty() {
            return self.condition.clone().map(|condition| condition as Arc<dyn RowFilter>);
        }
        Some(Arc::new(Restricted::new(self.condition.clone(), members)))
    }

    /// Notes that a column must be one of these values.
    fn restrict_rows(&self, at: usize, column: ColumnId, values: &Arc<Vec<Value>>, run: &Run) {
        use ScalarType::{DateTime, Int, Long, String, TimeSpan};
        let ty = values.first().and_then(Value::scalar_type);
        let Some(ty @ (String | Int | Long | DateTime | TimeSpan)) = ty else { return };
        let tested = Expr::InSet {
            value: Box::new(Expr::Column(column, ty)),
            set: Set::Values(Arc::clone(values)),
            matching: Matching::Exact,
            negated: false,
        };
        let no_rows = |_: &Arc<plan::Plan>, _| Ok(Arc::default());
        let compiler = ExprCompiler { layout: &[column], subqueries: &no_rows };
        if let Ok(test) = compiler.compile(&tested) {
            let context = run.context().clone();
            let idle = AtomicBool::default();
            self.members.lock().push(Member { column: at, test, context, idle });
        }
    }

    /// The columns that only the condition looks at.
    fn judged(&self) -> Vec<usize> {
        let all = 0..self.layout.len();
        let kept = self.kept.as_deref();
        kept.map_or_else(Vec::new, |kept| all.filter(|at| !kept.contains(at)).collect())
    }

    fn source(&self) -> Option<Arc<dyn source::Scan>> {
        self.source.read().as_ref().map(Arc::clone)
    }
}

impl Operator for Scan {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        let mut source = self.source.write();
        if source.is_none() {
            let request = ScanRequest {
                columns: self.scan.columns.clone(),
                time: self.scan.time,
                ingested: self.scan.ingested,
                hints: self.hints.lock().clone(),
                filter: self.filter(),
                judged: self.judged(),
                bound: self.bound.lock().clone().map(|bound| Arc::new(bound) as Arc<dyn RowBound>),
                limit: self.scan.limit,
                cancel: run.settings.cancel.clone(),
                counters: match &run.settings.measures {
                    Some(measures) => measures.counters(self.origin),
                    None => Arc::clone(&run.settings.counters),
                },
            };
            *source = Some(Arc::from(self.scan.table.scan(request)?));
        }
        Ok(())
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        if self.source().is_none() {
            self.prepare(run)?;
        }
        let Some(source) = self.source() else { return Ok(None) };
        let filtered = source.filters();
        let piece = self.pieces.lock().pop_front();
        let piece = match piece {
            Some(piece) => piece,
            None => match source.next()? {
                Some(batch) if batch.rows == 0 => return Ok(Some(self.nothing.clone())),
                Some(batch) => self.first_piece(&batch),
                None => match self.pieces.lock().pop_front() {
                    Some(piece) => piece,
                    None => return Ok(None),
                },
            },
        };
        self.pick(piece, filtered).map(Some)
    }

    fn ordered(&self) -> bool {
        false
    }

    fn estimate(&self) -> f64 {
        if self.scan.table.refused() {
            return REFUSED;
        }
        let rows = self.scan.table.row_count().map_or(1e6, |n| n as f64);
        let bounded = if self.scan.time.is_some() { 0.5 } else { 1.0 };
        let filtered = if self.condition.is_some() { 0.3 } else { 1.0 };
        let hints = i32::try_from(self.hints.lock().len()).unwrap_or(1);
        rows * bounded * filtered * 0.3_f64.powi(hints)
    }

    fn restrict(&self, column: ColumnId, values: &Arc<Vec<Value>>, run: &Run) {
        if values.len() > RESTRICT_MAX {
            return;
        }
        let Some(at) = self.layout.iter().position(|c| *c == column) else { return };
        if let Some(ScanColumn::Column(place)) = self.scan.columns.get(at) {
            self.hints.lock().push(Hint::In { column: *place, values: values.to_vec() });
        }
        self.restrict_rows(at, column, values, run);
    }

    fn bound(&self, column: ColumnId, bound: &Arc<Bound>) {
        if let Some(column) = self.layout.iter().position(|c| *c == column) {
            *self.bound.lock() = Some(ScanBound { column, bound: Arc::clone(bound) });
        }
    }
}

impl From<SourceError> for ExecError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Cancelled => Self::Cancelled,
            SourceError::Evaluation(text) => Self::Evaluation(text),
            error => Self::Source(error),
        }
    }
}

/// A scan over rows in memory: batch by batch, bounded by `TimeGenerated` where asked.
pub(crate) fn memory_scan(rows: &Rows, request: ScanRequest) -> impl source::Scan + 'static {
    let time = rows
        .schema
        .columns
        .iter()
        .position(|c| &*c.name == "TimeGenerated" && c.ty == ScalarType::DateTime);
    MemoryScan { rows: rows.clone(), time, request, next: AtomicUsize::new(0) }
}

struct MemoryScan {
    rows: Rows,
    time: Option<usize>,
    request: ScanRequest,
    next: AtomicUsize,
}

impl MemoryScan {
    fn pick(&self, batch: &Batch) -> Result<Batch, SourceError> {
        let columns = self
            .request
            .columns
            .iter()
            .map(|column| match column {
                ScanColumn::Column(at) => stored(batch, *at).cloned(),
                ScanColumn::IngestionTime => Ok(columns::nulls(ScalarType::DateTime, batch.rows)),
                ScanColumn::Part(part) => part.of(stored(batch, part.column)?),
            })
            .collect::<Result<_, _>>()?;
        let picked = Batch { columns, rows: batch.rows };
        let (Some(range), Some(at)) = (self.request.time, self.time) else { return Ok(picked) };
        match inside(batch, at, range) {
            None => Ok(picked),
            Some(keep) => columns::filter(&picked, &keep)
                .map_err(|error| SourceError::Storage(error.to_string())),
        }
    }
}

fn stored(batch: &Batch, at: usize) -> Result<&ArrayRef, SourceError> {
    let missing = || SourceError::Storage(format!("a table in memory has no column {at}"));
    batch.columns.get(at).ok_or_else(missing)
}

/// The rows whose time lies inside; none where all do.
fn inside(batch: &Batch, time: usize, range: TickRange) -> Option<BooleanBuffer> {
    let ticks = batch.columns.get(time)?.as_primitive_opt::<Int64Type>()?;
    let keep = BooleanBuffer::collect_bool(batch.rows, |row| {
        ticks.is_valid(row) && (range.start..=range.end).contains(&ticks.value(row))
    });
    (keep.count_set_bits() < batch.rows).then_some(keep)
}

impl source::Scan for MemoryScan {
    fn next(&self) -> Result<Option<Batch>, SourceError> {
        if self.request.cancel.is_cancelled() {
            return Err(SourceError::Cancelled);
        }
        let Some(batch) = self.rows.batches.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
            return Ok(None);
        };
        let picked = self.pick(batch)?;
        Counters::add(&self.request.counters.rows_read, picked.rows as u64);
        Ok(Some(picked))
    }
}
