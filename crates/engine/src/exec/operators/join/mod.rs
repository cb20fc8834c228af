//! Equi-joins: the smaller side into a table, the other side past it. What does not fit goes to disk in partitions.

mod build;
mod grace;
mod probe;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use model::Batch;
use parking_lot::{Mutex, RwLock};
use values::{ScalarType, Value};

use crate::exec::ExecError;
use crate::exec::eval::Scalar;
use crate::exec::groups::Scratch;
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;
use crate::plan::{ColumnId, JoinKind};
use build::Table;
use grace::Grace;
use probe::Cursor;

/// Most keys of the built side that are pushed into the other side's scan.
const RESTRICT_MAX: usize = 10_000;

/// One side of a join.
pub(crate) struct Side {
    /// Keys, over the side's columns.
    pub(crate) keys: Vec<Scalar>,
    /// The side's columns.
    pub(crate) layout: Vec<ColumnId>,
    pub(crate) types: Vec<ScalarType>,
    /// Positions of the columns handed on.
    pub(crate) output: Vec<usize>,
}

impl Side {
    fn key_types(&self) -> Vec<ScalarType> {
        self.keys.iter().map(Scalar::ty).collect()
    }

    fn output_types(&self) -> Vec<ScalarType> {
        self.output.iter().filter_map(|at| self.types.get(*at).copied()).collect()
    }
}

/// What a join is about; shared by its partitions.
pub(crate) struct Spec {
    pub(crate) kind: JoinKind,
    pub(crate) left: Side,
    pub(crate) right: Side,
}

/// What happens to rows, once it is settled which side is built.
#[derive(Clone, Copy)]
struct Roles {
    /// The left side is the built one.
    build_left: bool,
    /// Matching rows come out side by side.
    pairs: bool,
    /// Rows of the probing side without match come out.
    probe_rest: bool,
    /// Rows of the probing side with a match come out, alone.
    probe_hits: bool,
    /// Rows of the built side without match come out at the end.
    build_rest: bool,
    /// Rows of the built side with a match come out at the end, alone.
    build_hits: bool,
    /// Of the rows with one key only the first counts: on the built side, on the probing side.
    build_first: bool,
    probe_first: bool,
}

impl Roles {
    fn new(kind: JoinKind, build_left: bool) -> Self {
        let (keep_left, keep_right) = match kind {
            JoinKind::InnerUnique | JoinKind::Inner => (false, false),
            JoinKind::LeftOuter | JoinKind::LeftAnti => (true, false),
            JoinKind::RightOuter | JoinKind::RightAnti => (false, true),
            JoinKind::FullOuter => (true, true),
            JoinKind::LeftSemi | JoinKind::RightSemi => (false, false),
        };
        let (semi_left, semi_right) = (kind == JoinKind::LeftSemi, kind == JoinKind::RightSemi);
        let pairs = !matches!(
            kind,
            JoinKind::LeftSemi | JoinKind::RightSemi | JoinKind::LeftAnti | JoinKind::RightAnti
        );
        let unique = kind == JoinKind::InnerUnique;
        let pick = |left: bool, right: bool| if build_left { (left, right) } else { (right, left) };
        let (build_rest, probe_rest) = pick(keep_left, keep_right);
        let (build_hits, probe_hits) = pick(semi_left, semi_right);
        let (build_first, probe_first) = pick(unique, false);
        Self {
            build_left,
            pairs,
            probe_rest,
            probe_hits,
            build_rest,
            build_hits,
            build_first,
            probe_first,
        }
    }
}

/// How the join runs, settled by `prepare`.
enum Mode {
    Memory(Table),
    Disk(Grace),
}

/// A join.
pub(crate) struct Join {
    spec: Arc<Spec>,
    left: Arc<dyn Operator>,
    right: Arc<dyn Operator>,
    /// Partitions of partitions of ...
    depth: usize,
    mode: RwLock<Option<Arc<(Roles, Mode)>>>,
    preparing: Mutex<()>,
    cursors: Mutex<Vec<Cursor>>,
    /// What workers remember of the probing side's dictionaries.
    scratch: Mutex<Vec<Vec<Scratch>>>,
    /// Workers between asking for a batch and having marked its matches.
    looking: AtomicUsize,
    rest_taken: AtomicBool,
}

impl Join {
    pub(crate) fn stage(left: Stage, right: Stage, spec: Spec) -> Stage {
        let ids = |side: &Side| -> Vec<ColumnId> {
            side.output.iter().filter_map(|at| side.layout.get(*at).copied()).collect()
        };
        let mut layout = ids(&spec.left);
        layout.extend(ids(&spec.right));
        let join = Self::new(Arc::new(spec), left.operator.into(), right.operator.into(), 0);
        Stage { operator: Box::new(join), layout }
    }

    fn new(
        spec: Arc<Spec>,
        left: Arc<dyn Operator>,
        right: Arc<dyn Operator>,
        depth: usize,
    ) -> Self {
        Self {
            spec,
            left,
            right,
            depth,
            mode: RwLock::default(),
            preparing: Mutex::default(),
            cursors: Mutex::default(),
            scratch: Mutex::default(),
            looking: AtomicUsize::new(0),
            rest_taken: AtomicBool::new(false),
        }
    }

    fn mode(&self, run: &Run) -> Result<Arc<(Roles, Mode)>, ExecError> {
        if let Some(mode) = &*self.mode.read() {
            return Ok(Arc::clone(mode));
        }
        let _only = self.preparing.lock();
        if let Some(mode) = &*self.mode.read() {
            return Ok(Arc::clone(mode));
        }
        let mode = Arc::new(self.settle(run)?);
        *self.mode.write() = Some(Arc::clone(&mode));
        Ok(mode)
    }

    fn settle(&self, run: &Run) -> Result<(Roles, Mode), ExecError> {
        let build_left = self.left.estimate() < self.right.estimate();
        let roles = Roles::new(self.spec.kind, build_left);
        let (build, probe, probing) = if build_left {
            (&self.left, &self.right, &self.spec.right)
        } else {
            (&self.right, &self.left, &self.spec.left)
        };
        let mode = match build::build(self, roles, build.as_ref(), run)? {
            build::Built::Table(table) => {
                if !roles.probe_rest {
                    restrict(&table, probing, probe.as_ref(), run)?;
                }
                // without built rows nothing can match: the other side is not even opened
                if !table.rows_unneeded(roles) {
                    probe.prepare(run)?;
                }
                Mode::Memory(table)
            }
            build::Built::TooLarge(held) => {
                Mode::Disk(Grace::new(self, roles, held, build.as_ref(), probe.as_ref(), run)?)
            }
        };
        Ok((roles, mode))
    }

    fn built_side(&self, roles: Roles) -> &Side {
        if roles.build_left { &self.spec.left } else { &self.spec.right }
    }

    fn probing_side(&self, roles: Roles) -> &Side {
        if roles.build_left { &self.spec.right } else { &self.spec.left }
    }

    fn step(&self, roles: Roles, table: &Table, run: &Run) -> Result<Option<Batch>, ExecError> {
        loop {
            let waiting = self.cursors.lock().pop();
            let mut cursor = match waiting {
                Some(cursor) => cursor,
                None => match self.lookup(roles, table, run)? {
                    Some(cursor) => cursor,
                    None => return Ok(None),
                },
            };
            let batch = cursor.next(self, roles, table)?;
            if !cursor.done() {
                self.cursors.lock().push(cursor);
            }
            if batch.rows > 0 {
                return Ok(Some(batch));
            }
            run.check()?;
        }
    }

    /// The matches of the next batch, or at the end the built side's own rows.
    fn lookup(&self, roles: Roles, table: &Table, run: &Run) -> Result<Option<Cursor>, ExecError> {
        let probe = if roles.build_left { &self.right } else { &self.left };
        if table.rows_unneeded(roles) {
            return Ok(None);
        }
        self.looking.fetch_add(1, Ordering::SeqCst);
        let cursor = match probe.next(run) {
            Ok(Some(batch)) => Cursor::matches(self, roles, table, batch, run).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let others = self.looking.fetch_sub(1, Ordering::SeqCst) - 1;
        if let Some(cursor) = cursor? {
            return Ok(Some(cursor));
        }
        // Whoever comes last knows that all matches are marked.
        let own_rows = roles.build_rest || roles.build_hits;
        if others == 0 && own_rows && !self.rest_taken.swap(true, Ordering::SeqCst) {
            return Ok(Some(Cursor::own_rows(table, roles.build_hits)));
        }
        Ok(None)
    }
}

/// Tells the probing side which keys can match at all.
fn restrict(table: &Table, side: &Side, probe: &dyn Operator, run: &Run) -> Result<(), ExecError> {
    if table.keys.count() > RESTRICT_MAX || side.keys.is_empty() {
        return Ok(());
    }
    let columns = table.keys.keys()?;
    for (key, column) in side.keys.iter().zip(columns) {
        let Some(id) = key.column().and_then(|at| side.layout.get(at)) else { continue };
        let mut values: Vec<Value> = (0..column.len())
            .map(|row| model::rows::cell(&column, key.ty(), row))
            .filter(|value| !value.is_null())
            .collect();
        values.sort_by(Value::total_cmp);
        values.dedup();
        probe.restrict(*id, &Arc::new(values), run);
    }
    Ok(())
}

impl Operator for Join {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.mode(run).map(|_| ())
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        let mode = self.mode(run)?;
        match &mode.1 {
            Mode::Memory(table) => self.step(mode.0, table, run),
            Mode::Disk(grace) => grace.next(self, run),
        }
    }

    fn ordered(&self) -> bool {
        self.left.ordered() && self.right.ordered()
    }

    fn estimate(&self) -> f64 {
        let (left, right) = (self.left.estimate(), self.right.estimate());
        match self.spec.kind {
            JoinKind::LeftSemi | JoinKind::LeftAnti => left * 0.5,
            JoinKind::RightSemi | JoinKind::RightAnti => right * 0.5,
            _ => left.max(right),
        }
    }
}
