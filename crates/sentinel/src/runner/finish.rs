//! What an answer means for its rule: alerts, and where the rule stands afterwards.

use std::sync::Arc;

use model::{DateTime, QueryStatistics};

use super::RunnerOptions;
use super::query::Answered;
use super::rules::{Follower, LoadedRule, Standing};
use crate::alert::{Generated, RunContext, Window, generate};
use crate::checkpoint::{Checkpoint, LastRun};
use crate::health::{self, Failure};
use crate::schedule::{self, Step};

/// A run that waits to be stored.
pub(super) struct Finished {
    pub(super) rule: Arc<LoadedRule>,
    pub(super) window: Window,
    pub(super) now: DateTime,
    pub(super) outcome: Result<Generated, Failure>,
    pub(super) statistics: QueryStatistics,
    pub(super) before: Standing,
    pub(super) after: Checkpoint,
}

impl Finished {
    /// Judges an answer; none when the rule was changed or removed since it was asked.
    pub(super) fn of(
        answer: Answered,
        follower: &Follower,
        now: DateTime,
        options: &RunnerOptions,
    ) -> Option<Self> {
        let Answered { rule, window, rows, statistics, partial } = answer;
        let before = follower.standing(&rule.key)?.clone();
        let context = RunContext { rule_id: &rule.id, workspace: &rule.workspace, window, now };
        let outcome = rows.map(|rows| {
            let mut generated = generate(&rule.rule, &context, &rows);
            generated.issues.extend(partial);
            generated
        });
        let after =
            standing_after(&rule, window, now, &outcome, &statistics, &before.checkpoint, options);
        Some(Self { rule, window, now, outcome, statistics, before, after })
    }

    /// The run as alerts tell of it.
    pub(super) fn context(&self) -> RunContext<'_> {
        let Self { rule, window, now, .. } = self;
        RunContext { rule_id: &rule.id, workspace: &rule.workspace, window: *window, now: *now }
    }

    /// True without alerts: nothing but the checkpoint and a row of SentinelHealth to store.
    pub(super) fn is_quiet(&self) -> bool {
        self.outcome.as_ref().map_or(true, |generated| generated.alerts.is_empty())
    }
}

fn standing_after(
    rule: &LoadedRule,
    window: Window,
    now: DateTime,
    outcome: &Result<Generated, Failure>,
    statistics: &QueryStatistics,
    before: &Checkpoint,
    options: &RunnerOptions,
) -> Checkpoint {
    let again = match outcome {
        Err(failure) => failure.passing && before.attempts + 1 < options.attempts_max,
        Ok(_) => false,
    };
    let mut after = if again {
        let attempts = before.attempts + 1;
        let retry_at = now.checked_add(schedule::backoff(attempts));
        Checkpoint { attempts, retry_at, ..before.clone() }
    } else {
        schedule::advanced(&rule.timing, before, &Step::Run(window))
    };
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    after.cost.runs += 1;
    after.cost.elapsed_us += micros(statistics.elapsed);
    after.cost.cpu_us += micros(statistics.cpu);
    after.cost.rows_read += statistics.rows_read;
    let (succeeded, description, reason) = match outcome {
        Ok(generated) => {
            after.cost.alerts += generated.alerts.len() as u64;
            if rule.rule.suppression.enabled && !generated.alerts.is_empty() {
                after.suppressed_until = window.end.checked_add(rule.rule.suppression.duration);
            }
            (true, health::description(&rule.rule, generated), String::new())
        }
        Err(failure) => {
            after.cost.failures += 1;
            (false, failure.description.clone(), failure.reason.clone())
        }
    };
    after.last_run =
        Some(LastRun { at: now, window_end: window.end, succeeded, description, reason });
    after
}
