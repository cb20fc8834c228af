//! What a running step is: something that several workers pull batches from.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use model::Batch;
use values::Value;

use super::operators::Bound;
use super::run::Run;
use super::{Exceeded, ExecError, columns};
use crate::plan::ColumnId;

/// A running step. Several workers may call [`Operator::next`] at the same time; each gets other rows.
pub(crate) trait Operator: Send + Sync {
    /// Runs all that must be complete before rows can flow (builds of joins, groups, sorts). Idempotent; called on
    /// one thread before the first `next`.
    fn prepare(&self, run: &Run) -> Result<(), ExecError>;

    /// Some more rows; none at the end, and then always none. A batch without rows is no end: it tells a caller who wants
    /// to look around that work was done, though in vain.
    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError>;

    /// True when the order of rows means something, so that one worker has to pull them.
    fn ordered(&self) -> bool {
        true
    }

    /// An estimate of the rows that come, for choosing a join's build side.
    fn estimate(&self) -> f64 {
        1000.0
    }

    /// Told before `prepare`: only rows whose column is one of these values are of use. A hint.
    fn restrict(&self, _column: ColumnId, _values: &Arc<Vec<Value>>, _run: &Run) {}

    /// Told before `prepare` by a step that takes every row given and wants the best by this column. A hint.
    fn bound(&self, _column: ColumnId, _bound: &Arc<Bound>) {}
}

/// A step and where its columns are.
pub(crate) struct Stage {
    pub(crate) operator: Box<dyn Operator>,
    pub(crate) layout: Vec<ColumnId>,
}

/// Work of this length runs on the calling thread alone: starting helpers costs more than they give.
const ALONE: Duration = Duration::from_millis(1);
/// Stack of a helper thread: plans nest as deep as on the main thread.
const STACK: usize = 8 << 20;

/// Whether a worker wants more rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    More,
    /// This and all other workers stop.
    Stop,
}

/// Pulls all rows of `input` into states made by `start`, with helper threads once the work proves large. Gives the
/// workers' states, the calling thread's first.
pub(crate) fn consume<S: Send>(
    input: &dyn Operator,
    run: &Run,
    start: impl Fn() -> Result<S, ExecError> + Sync,
    feed: impl Fn(&mut S, Batch) -> Result<Flow, ExecError> + Sync,
) -> Result<Vec<S>, ExecError> {
    input.prepare(run)?;
    let stop = AtomicBool::new(false);
    let work = |state: &mut S, until: Option<Instant>| -> Result<bool, ExecError> {
        let result = pull(input, run, state, &feed, &stop, until);
        if result.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        result
    };
    let mut first = start()?;
    let spawn = !input.ordered() && run.settings.threads > 1;
    let until = if spawn { Instant::now().checked_add(ALONE) } else { None };
    if work(&mut first, until)? {
        return Ok(vec![first]);
    }
    let wanted = run.settings.threads - 1;
    let busy = run.helpers.fetch_add(wanted, Ordering::Relaxed);
    let helpers = wanted.saturating_sub(busy);
    let result = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..helpers)
            .filter_map(|_| {
                std::thread::Builder::new()
                    .name("query".to_owned())
                    .stack_size(STACK)
                    .spawn_scoped(scope, || {
                        let mut state = start()?;
                        work(&mut state, None)?;
                        Ok(state)
                    })
                    .ok()
            })
            .collect();
        let own = work(&mut first, None);
        let mut states = vec![];
        let mut failure = own.err();
        for handle in handles {
            match handle.join() {
                Ok(Ok(state)) => states.push(state),
                Ok(Err(error)) => failure = failure.or(Some(error)),
                Err(_) => failure = Some(ExecError::Evaluation("a worker failed".to_owned())),
            }
        }
        failure.map_or(Ok(states), Err)
    });
    run.helpers.fetch_sub(wanted, Ordering::Relaxed);
    let mut states = vec![first];
    states.extend(result?);
    Ok(states)
}

/// Pulls until the end (true) or until the time given (false).
fn pull<S>(
    input: &dyn Operator,
    run: &Run,
    state: &mut S,
    feed: &impl Fn(&mut S, Batch) -> Result<Flow, ExecError>,
    stop: &AtomicBool,
    until: Option<Instant>,
) -> Result<bool, ExecError> {
    loop {
        if stop.load(Ordering::Relaxed) {
            return Ok(true);
        }
        run.check()?;
        let Some(batch) = input.next(run)? else { return Ok(true) };
        if batch.rows > 0 && feed(state, batch)? == Flow::Stop {
            stop.store(true, Ordering::Relaxed);
            return Ok(true);
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return Ok(false);
        }
    }
}

/// All rows of `input`, in order where it has one.
pub(crate) fn collect(input: &dyn Operator, run: &Run) -> Result<Vec<Batch>, ExecError> {
    let states = consume(
        input,
        run,
        || Ok((Vec::new(), run.memory.account())),
        |(batches, account): &mut (Vec<Batch>, _), batch| {
            if !account.grow(columns::weight(&batch)) {
                return Err(account.refuse(
                    "a step that holds all of its rows (materialize, toscalar, a set, a window function or a plugin)",
                    "filter or summarize before it",
                ));
            }
            batches.push(batch);
            Ok(Flow::More)
        },
    )?;
    Ok(states.into_iter().flat_map(|(batches, _)| batches).collect())
}

/// The rows of the outermost step, cut at the limits of a result.
pub(crate) fn collect_answer(
    input: &dyn Operator,
    run: &Run,
) -> Result<(Vec<Batch>, Option<Exceeded>), ExecError> {
    let (rows, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (rows_max, bytes_max) = (run.settings.rows_max, run.settings.bytes_max);
    let states = consume(
        input,
        run,
        || Ok((Vec::new(), None)),
        |state: &mut (Vec<Batch>, Option<Exceeded>), batch| {
            let before = rows.fetch_add(batch.rows, Ordering::Relaxed);
            let fit = rows_max.saturating_sub(before).min(batch.rows);
            if fit < batch.rows {
                state.1 = Some(Exceeded::Rows);
            }
            let batch = batch.slice(0, fit);
            let size = columns::weight(&batch);
            if bytes.fetch_add(size, Ordering::Relaxed).saturating_add(size) > bytes_max {
                state.1 = state.1.or(Some(Exceeded::Bytes));
            }
            if fit > 0 {
                state.0.push(batch);
            }
            Ok(if state.1.is_some() { Flow::Stop } else { Flow::More })
        },
    )?;
    let exceeded = states.iter().find_map(|s| s.1);
    Ok((states.into_iter().flat_map(|s| s.0).collect(), exceeded))
}
