//! What all steps of one run share: limits, memory, cancellation, counters.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use model::Cancel;

use super::ExecError;
use super::measure::Measures;
use super::shared::SharedResults;
use crate::functions::EvalContext;
use crate::source::Counters;

/// As many as the machine has; asked once, for the answer is read from files.
static THREADS: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// How a plan is to be run.
#[derive(Clone, Debug)]
pub struct ExecSettings {
    /// What functions see: `now()` and the like.
    pub context: EvalContext,
    /// Bytes that steps may hold before they spill, or fail where they cannot.
    pub memory_max: usize,
    /// Longest run.
    pub time_max: Duration,
    /// Most rows that `range`, `mv-expand`, cross joins and the like may make out of nothing.
    pub generated_max: u64,
    /// Rows kept of the result; what lies beyond is cut off and reported.
    pub rows_max: usize,
    /// Bytes kept of the result.
    pub bytes_max: usize,
    /// Set from outside to stop.
    pub cancel: Cancel,
    /// Where work is counted.
    pub counters: Arc<Counters>,
    /// Worker threads, the calling one included.
    pub threads: usize,
    /// Where each step's work is noted, for a query that is to explain itself.
    pub measures: Option<Arc<Measures>>,
    /// Folder for what does not fit into memory; the system's temporary folder where absent.
    pub spill: Option<PathBuf>,
}

impl ExecSettings {
    /// Azure's limits, as many threads as the machine has.
    pub fn new(context: EvalContext) -> Self {
        let limits = model::QueryLimits::default();
        Self {
            context,
            memory_max: limits.memory_max,
            time_max: limits.time_max,
            generated_max: 50_000_000,
            rows_max: limits.rows_max,
            bytes_max: limits.bytes_max,
            cancel: Cancel::default(),
            counters: Arc::default(),
            threads: *THREADS,
            measures: None,
            spill: None,
        }
    }
}

/// One run under way.
pub(crate) struct Run {
    pub(crate) settings: ExecSettings,
    pub(crate) memory: Memory,
    pub(crate) shared: SharedResults,
    deadline: Option<Instant>,
    generated: AtomicU64,
    /// Helper threads at work, so that nested steps do not multiply them.
    pub(crate) helpers: AtomicUsize,
}

impl Run {
    pub(crate) fn new(settings: ExecSettings) -> Self {
        Self {
            memory: Memory::new(settings.memory_max, Arc::clone(&settings.counters)),
            shared: SharedResults::default(),
            deadline: Instant::now().checked_add(settings.time_max),
            generated: AtomicU64::new(0),
            helpers: AtomicUsize::new(0),
            settings,
        }
    }

    pub(crate) fn context(&self) -> &EvalContext {
        &self.settings.context
    }

    /// Fails once the caller went away or the time is up. Called once a batch.
    pub(crate) fn check(&self) -> Result<(), ExecError> {
        if self.settings.cancel.is_cancelled() {
            return Err(ExecError::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(ExecError::Timeout),
            _ => Ok(()),
        }
    }

    /// Counts rows made out of nothing; fails above the limit.
    pub(crate) fn generate(&self, rows: u64, step: &str) -> Result<(), ExecError> {
        let before = self.generated.fetch_add(rows, Ordering::Relaxed);
        if before.saturating_add(rows) > self.settings.generated_max {
            return Err(ExecError::ResourceLimit(format!(
                "{step} makes more than {} rows; narrow its input or take fewer elements",
                self.settings.generated_max
            )));
        }
        Ok(())
    }
}

/// The memory budget of a run.
pub(crate) struct Memory {
    used: AtomicUsize,
    max: usize,
    counters: Arc<Counters>,
}

impl Memory {
    fn new(max: usize, counters: Arc<Counters>) -> Self {
        Self { used: AtomicUsize::new(0), max, counters }
    }

    /// Bytes of the whole budget.
    pub(crate) const fn max(&self) -> usize {
        self.max
    }

    /// Bytes of the budget that nobody holds.
    pub(crate) fn left(&self) -> usize {
        self.max.saturating_sub(self.used.load(Ordering::Relaxed))
    }

    /// Counts what is kept until the run ends.
    pub(crate) fn hold(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An account of one step, empty at first.
    pub(crate) const fn account(&self) -> Account<'_> {
        Account { memory: self, held: 0 }
    }
}

/// What one step holds; given back when dropped.
pub(crate) struct Account<'r> {
    memory: &'r Memory,
    held: usize,
}

impl Account<'_> {
    /// Sets what the step holds. False once the run as a whole is over its budget: spill, or call [`Account::refuse`].
    pub(crate) fn set(&mut self, bytes: usize) -> bool {
        let used = if bytes >= self.held {
            let more = bytes - self.held;
            self.memory.used.fetch_add(more, Ordering::Relaxed) + more
        } else {
            let less = self.held - bytes;
            self.memory.used.fetch_sub(less, Ordering::Relaxed) - less
        };
        self.held = bytes;
        self.memory.counters.memory_peak.fetch_max(used as u64, Ordering::Relaxed);
        used <= self.memory.max
    }

    /// Adds to what the step holds.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        self.set(self.held.saturating_add(bytes))
    }

    /// What the step holds.
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// True once the run as a whole is over its budget.
    pub(crate) fn over(&self) -> bool {
        self.memory.used.load(Ordering::Relaxed) > self.memory.max
    }

    /// True once the run holds more than half of its budget: time to stop growing.
    pub(crate) fn crowded(&self) -> bool {
        self.memory.used.load(Ordering::Relaxed) > self.memory.max / 2
    }

    /// The error of a step that cannot go on within the budget.
    pub(crate) fn refuse(&self, step: &str, advice: &str) -> ExecError {
        ExecError::ResourceLimit(format!(
            "{step} needs more than the {} MB of memory that a query may use; {advice}",
            self.memory.max >> 20
        ))
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.held, Ordering::Relaxed);
    }
}
