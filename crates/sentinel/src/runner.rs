//! Runs the rules whose time has come. The thinking is elsewhere (schedule, alert, grouping); here queries are asked, a
//! few at a time, and each answer is stored in one transaction: alerts, incidents, the rows that tell of them, and the
//! checkpoint that keeps the window from being run again.

mod commit;
mod finish;
mod query;
mod rules;

use std::collections::BinaryHeap;
use std::sync::Arc;

use model::{DateTime, Tables};
use state::{Store, StoreError};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::alert::Window;
use crate::checkpoint::Cost;
use crate::journal::Journal;
use crate::schedule::ScheduleOptions;

use finish::Finished;
use rules::{Follower, LoadedRule};

/// Runs without alerts that are stored in one transaction, those that were screened together apart.
const TOGETHER: usize = 32;

/// Fewer windows than this are asked one by one at once.
const SCREENED_MIN: usize = 4;

/// What an installation decides about running rules.
#[derive(Clone, Debug)]
pub struct RunnerOptions {
    /// Schedules.
    pub schedule: ScheduleOptions,
    /// Queries at a time.
    pub concurrency: usize,
    /// Most runs of one tick; what is left is due at once.
    pub runs_max: usize,
    /// Failed attempts after which a window is given up, where trying again may help.
    pub attempts_max: u32,
    /// Where people look at incidents; without a slash at the end.
    pub portal_url: String,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            schedule: ScheduleOptions::default(),
            concurrency: 2,
            runs_max: 500,
            attempts_max: 6,
            portal_url: String::new(),
        }
    }
}

/// What a tick did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// Runs, failed ones included.
    pub runs: usize,
    /// Runs that failed.
    pub failures: usize,
    /// Alerts made.
    pub alerts: usize,
    /// Incidents opened.
    pub incidents: usize,
    /// True when windows are still due: tick again at once.
    pub more: bool,
    /// When the next window is due; none without rules.
    pub next_due: Option<DateTime>,
}

/// A rule and what its runs cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCost {
    /// Resource id.
    pub rule: String,
    /// Name.
    pub display_name: String,
    /// Cost.
    pub cost: Cost,
}

/// Runs rules.
pub struct RuleRunner {
    store: Arc<dyn Store>,
    tables: Arc<dyn Tables>,
    journal: Arc<Journal>,
    options: RunnerOptions,
    follower: Mutex<Follower>,
}

/// A rule's window that waits for its turn: those that ended first go first.
struct Waiting {
    rule: Arc<LoadedRule>,
    window: Window,
}

impl RuleRunner {
    /// Over a store and the tables. Resource types share the journal.
    pub fn new(
        store: Arc<dyn Store>,
        tables: Arc<dyn Tables>,
        journal: Arc<Journal>,
        options: RunnerOptions,
    ) -> Self {
        Self { store, tables, journal, options, follower: Mutex::const_new(Follower::default()) }
    }

    /// Runs what is due at `now`. Ticks do not overlap; a second one waits.
    pub async fn tick(&self, now: DateTime) -> Result<Tick, StoreError> {
        let mut follower = self.follower.lock().await;
        follower.follow(&*self.store, now, &self.options.schedule)?;
        follower.clean(&*self.store, now)?;
        self.journal.flush_or_tell().await;
        let mut tick = Tick::default();
        let mut waiting = BinaryHeap::new();
        let mut told = Vec::new();
        for rule in follower.rules() {
            waiting.extend(follower.next_window(&rule, now, &self.options.schedule, &mut told));
        }
        self.store_passed(&mut follower, told, now)?;
        self.run_waiting(&mut follower, waiting, now, &mut tick).await?;
        tick.next_due = follower.next_due(&self.options.schedule);
        self.journal.flush_or_tell().await;
        Ok(tick)
    }

    /// Asks what waits: all together first, by one reading of each table, since most rules find nothing; then what may
    /// have rows, a few queries at a time. Runs without alerts are stored together; a run with alerts is stored at once.
    async fn run_waiting(
        &self,
        follower: &mut Follower,
        mut waiting: BinaryHeap<Waiting>,
        now: DateTime,
        tick: &mut Tick,
    ) -> Result<(), StoreError> {
        let mut running = JoinSet::new();
        let (mut open, mut started) = (BinaryHeap::new(), 0);
        let mut finished: Vec<Finished> = Vec::new();
        let workspaces = Arc::new(follower.workspace_names());
        loop {
            let silent = self.screen(&mut waiting, &mut open, started, &workspaces).await;
            started += silent.len();
            finished.extend(
                silent.into_iter().filter_map(|a| Finished::of(a, follower, now, &self.options)),
            );
            while running.len() < self.options.concurrency.max(1) && started < self.options.runs_max
            {
                let Some(next) = open.pop() else { break };
                let (tables, workspaces) = (Arc::clone(&self.tables), Arc::clone(&workspaces));
                running.spawn(async move { query::ask(&*tables, next, &workspaces).await });
                started += 1;
            }
            match running.join_next().await {
                Some(Ok(answer)) => {
                    finished.extend(Finished::of(answer, follower, now, &self.options));
                }
                Some(Err(error)) => {
                    tracing::error!(%error, "a rule's run broke off; its window is tried again");
                }
                None if finished.is_empty() => break,
                None => {}
            }
            let idle = running.is_empty() && (open.is_empty() || started >= self.options.runs_max);
            if idle || finished.len() >= TOGETHER || finished.iter().any(|run| !run.is_quiet()) {
                let rules: Vec<_> = finished.iter().map(|run| Arc::clone(&run.rule)).collect();
                self.store_finished(follower, std::mem::take(&mut finished), tick)?;
                let mut told = Vec::new();
                for rule in rules {
                    waiting.extend(follower.next_window(
                        &rule,
                        now,
                        &self.options.schedule,
                        &mut told,
                    ));
                }
                self.store_passed(follower, told, now)?;
            }
        }
        tick.more = !waiting.is_empty() || !open.is_empty();
        Ok(())
    }

    /// Takes the windows that wait, as many as may still run: gives the answers of those that certainly have no rows, and
    /// hands on the others to be asked one by one.
    async fn screen(
        &self,
        waiting: &mut BinaryHeap<Waiting>,
        open: &mut BinaryHeap<Waiting>,
        started: usize,
        workspaces: &[(String, Arc<str>)],
    ) -> Vec<query::Answered> {
        let most = self.options.runs_max.saturating_sub(started + open.len());
        let next: Vec<Waiting> = std::iter::from_fn(|| waiting.pop()).take(most).collect();
        if next.len() < SCREENED_MIN {
            open.extend(next);
            return Vec::new();
        }
        let (silent, rest) = query::screen(&*self.tables, next, workspaces).await;
        open.extend(rest);
        silent
    }

    /// What the runs of each rule cost so far, the dearest first.
    pub async fn costs(&self) -> Vec<RuleCost> {
        let follower = self.follower.lock().await;
        let mut costs: Vec<RuleCost> = follower.costs().collect();
        costs.sort_by_key(|c| std::cmp::Reverse(c.cost.elapsed_us));
        costs
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The heap gives the greatest first: the earliest end is the greatest.
        other.window.end.cmp(&self.window.end).then_with(|| other.rule.key.cmp(&self.rule.key))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}
