//! Which windows of which rules are due. Windows of a rule follow each other without gap: a scheduled rule's end one
//! frequency apart, an NRT rule's begin where the last one ended. Time comes in as an argument.

#[cfg(test)]
mod tests;

use model::{DateTime, TimeSpan};
use values::{TICKS_PER_MINUTE, TICKS_PER_SECOND};

use crate::alert::Window;
use crate::checkpoint::Checkpoint;
use crate::rule::{AnalyticsRule, RuleKind};

/// What an installation decides about all schedules.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleOptions {
    /// How long after its window's end a scheduled rule runs, so that late events are in. Azure waits five minutes;
    /// nothing here, since what is acknowledged can be queried at once.
    pub delay: TimeSpan,
    /// How long after their arrival events are looked at by NRT rules: longer than an append takes.
    pub nrt_settle: TimeSpan,
    /// Most missed windows of one rule that are caught up; older ones are passed over and counted.
    pub catch_up_max: i64,
}

impl Default for ScheduleOptions {
    fn default() -> Self {
        Self {
            delay: TimeSpan::from_ticks(0),
            nrt_settle: TimeSpan::from_ticks(5 * TICKS_PER_SECOND),
            catch_up_max: 300,
        }
    }
}

/// The part of a rule that its schedule depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Scheduled or NRT.
    pub kind: RuleKind,
    /// From window to window.
    pub frequency: TimeSpan,
    /// How far a window reaches back.
    pub period: TimeSpan,
}

impl Timing {
    /// Of a rule.
    pub fn of(rule: &AnalyticsRule) -> Self {
        Self { kind: rule.kind, frequency: rule.frequency(), period: rule.period() }
    }

    fn frequency_ticks(&self) -> i64 {
        self.frequency.ticks().max(TICKS_PER_SECOND)
    }
}

/// What a rule does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing yet.
    Wait,
    /// Looks at a window.
    Run(Window),
    /// Passes windows over, without looking: the next one ends at `next_end`.
    Pass {
        /// The end of the next window.
        next_end: DateTime,
        /// How many are passed over.
        windows: i64,
        /// Why.
        reason: PassReason,
    },
}

/// Why windows are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassReason {
    /// The rule pauses after an alert.
    Suppressed,
    /// More were missed than are caught up.
    TooManyMissed,
    /// The clock was set back: the windows are looked at when their time comes (again).
    ClockSetBack,
}

/// The end of the first window of a rule that starts now: the next full second, so that what arrived before the rule is
/// inside.
pub fn first_end(now: DateTime, options: &ScheduleOptions) -> DateTime {
    let ticks = now.ticks() - options.delay.ticks() + TICKS_PER_SECOND - 1;
    DateTime::from_ticks((ticks - ticks.rem_euclid(TICKS_PER_SECOND)).max(0))
}

/// What a rule does next.
pub fn next_step(
    timing: &Timing,
    checkpoint: &Checkpoint,
    now: DateTime,
    options: &ScheduleOptions,
) -> Step {
    if checkpoint.retry_at.is_some_and(|at| now < at) && !clock_set_back(timing, checkpoint, now) {
        return Step::Wait;
    }
    match timing.kind {
        RuleKind::Scheduled => next_scheduled(timing, checkpoint, now, options),
        RuleKind::Nrt => next_nrt(timing, checkpoint, now, options),
    }
}

/// True when the last window ended later than now: only a clock that was set back makes it so.
fn clock_set_back(timing: &Timing, checkpoint: &Checkpoint, now: DateTime) -> bool {
    checkpoint.next_end.ticks().saturating_sub(timing.frequency_ticks()) > now.ticks()
}

fn next_scheduled(
    timing: &Timing,
    checkpoint: &Checkpoint,
    now: DateTime,
    options: &ScheduleOptions,
) -> Step {
    let frequency = timing.frequency_ticks();
    let (next, due_until) = (checkpoint.next_end.ticks(), now.ticks() - options.delay.ticks());
    let pass = |next_end: i64, windows: i64, reason: PassReason| Step::Pass {
        next_end: DateTime::from_ticks(next_end),
        windows,
        reason,
    };
    if clock_set_back(timing, checkpoint, now) {
        // Whole frequencies back, so that windows keep their ends and their alerts keep their ids.
        let back = (next - now.ticks() - 1) / frequency;
        return pass(next - back * frequency, 0, PassReason::ClockSetBack);
    }
    if next > due_until {
        return Step::Wait;
    }
    let due = (due_until - next) / frequency + 1;
    if due > options.catch_up_max.max(1) {
        let passed = due - options.catch_up_max.max(1);
        return pass(next + passed * frequency, passed, PassReason::TooManyMissed);
    }
    if let Some(until) =
        checkpoint.suppressed_until.map(DateTime::ticks).filter(|until| next < *until)
    {
        let windows = ((until - next + frequency - 1) / frequency).min(due);
        return pass(next + windows * frequency, windows, PassReason::Suppressed);
    }
    let start = DateTime::from_ticks((next - timing.period.ticks()).max(0));
    Step::Run(Window { start, end: checkpoint.next_end })
}

fn next_nrt(
    timing: &Timing,
    checkpoint: &Checkpoint,
    now: DateTime,
    options: &ScheduleOptions,
) -> Step {
    let frequency = timing.frequency_ticks();
    let settled = now.ticks() - options.nrt_settle.ticks();
    let next = checkpoint.next_end.ticks();
    if clock_set_back(timing, checkpoint, now) {
        let next_end = DateTime::from_ticks(now.ticks());
        return Step::Pass { next_end, windows: 0, reason: PassReason::ClockSetBack };
    }
    if next > settled {
        return Step::Wait;
    }
    // Everything since the last run is one window, however long that is ago: nothing arrived while nothing ran.
    let minutes = (settled - next) / frequency;
    let end = next + minutes * frequency;
    if checkpoint.suppressed_until.is_some_and(|until| end < until.ticks()) {
        let next_end = DateTime::from_ticks(end + frequency);
        return Step::Pass { next_end, windows: minutes + 1, reason: PassReason::Suppressed };
    }
    let limit = end - options.catch_up_max.max(1).saturating_mul(frequency);
    let start = checkpoint.last_end.map_or(next - frequency, DateTime::ticks).max(limit);
    Step::Run(Window { start: DateTime::from_ticks(start.max(0)), end: DateTime::from_ticks(end) })
}

/// The checkpoint after a window was looked at, or a number of windows passed over.
pub fn advanced(timing: &Timing, checkpoint: &Checkpoint, step: &Step) -> Checkpoint {
    let mut next = checkpoint.clone();
    match step {
        Step::Wait => return next,
        Step::Run(window) => {
            next.last_end = Some(window.end);
            next.next_end = DateTime::from_ticks(window.end.ticks() + timing.frequency_ticks());
        }
        Step::Pass { next_end, windows, reason } => {
            next.last_end = Some(DateTime::from_ticks(next_end.ticks() - timing.frequency_ticks()));
            next.next_end = *next_end;
            if *reason == PassReason::TooManyMissed {
                next.cost.windows_missed += u64::try_from(*windows).unwrap_or(0);
            }
        }
    }
    next.attempts = 0;
    next.retry_at = None;
    next
}

/// When a rule's next window is due.
pub fn due_at(timing: &Timing, checkpoint: &Checkpoint, options: &ScheduleOptions) -> DateTime {
    let wait = match timing.kind {
        RuleKind::Scheduled => options.delay,
        RuleKind::Nrt => options.nrt_settle,
    };
    checkpoint.next_end.checked_add(wait).unwrap_or(DateTime::MAX)
}

/// The checkpoint of a rule whose frequency may have changed: the next window ends one frequency behind the last.
pub fn rescheduled(timing: &Timing, checkpoint: &Checkpoint) -> Checkpoint {
    let Some(last) = checkpoint.last_end else { return checkpoint.clone() };
    let next_end = DateTime::from_ticks(last.ticks().saturating_add(timing.frequency_ticks()));
    Checkpoint { next_end, ..checkpoint.clone() }
}

/// A window that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<R> {
    /// The rule.
    pub rule: R,
    /// What it looks at.
    pub window: Window,
}

/// All windows that are due now, those that ended first first, each rule's in order. What the runs find may change
/// what follows (an alert can pause its rule), so whoever runs them asks [`next_step`] before each.
pub fn due<R: Copy>(
    rules: impl IntoIterator<Item = (R, Timing, Checkpoint)>,
    now: DateTime,
    options: &ScheduleOptions,
) -> Vec<Run<R>> {
    let mut runs = Vec::new();
    for (rule, timing, mut checkpoint) in rules {
        loop {
            let step = next_step(&timing, &checkpoint, now, options);
            match step {
                Step::Wait => break,
                Step::Run(window) => runs.push(Run { rule, window }),
                Step::Pass { .. } => {}
            }
            checkpoint = advanced(&timing, &checkpoint, &step);
        }
    }
    runs.sort_by_key(|run| run.window.end);
    runs
}

/// How long to wait after so many failed attempts: 1, 2, 4, 8, 15, 15 minutes.
pub fn backoff(attempts: u32) -> TimeSpan {
    let minutes = 1_i64 << attempts.saturating_sub(1).min(4);
    TimeSpan::from_ticks(minutes.min(15) * TICKS_PER_MINUTE)
}
