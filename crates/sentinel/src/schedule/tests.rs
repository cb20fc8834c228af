#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use testkit::time;

use super::*;
use crate::duration::parse;

fn timing(kind: RuleKind, frequency: &str, period: &str) -> Timing {
    Timing { kind, frequency: parse(frequency).unwrap(), period: parse(period).unwrap() }
}

fn at(clock: &str) -> DateTime {
    time(&format!("2024-01-01T{clock}Z"))
}

/// The windows due, as `start-end`.
fn told(
    timing: Timing,
    checkpoint: &Checkpoint,
    now: &str,
    options: &ScheduleOptions,
) -> Vec<String> {
    let clock = |at: DateTime| at.to_string()[11..16].to_owned();
    let runs = due([(0, timing, checkpoint.clone())], at(now), options);
    runs.iter().map(|r| format!("{}-{}", clock(r.window.start), clock(r.window.end))).collect()
}

#[test]
fn windows_follow_the_schedule_not_the_clock() {
    let options = ScheduleOptions::default();
    let hourly = timing(RuleKind::Scheduled, "PT1H", "PT2H");
    let checkpoint = Checkpoint::starting(at("10:00:00"));
    for (now, want) in [
        ("09:59:59", &[][..]),
        ("10:00:00", &["08:00-10:00"]),
        ("10:59:59", &["08:00-10:00"]),
        ("13:30:00", &["08:00-10:00", "09:00-11:00", "10:00-12:00", "11:00-13:00"]),
    ] {
        assert_eq!(told(hourly, &checkpoint, now, &options), want, "{now}");
    }
}

#[test]
fn a_delay_moves_runs_not_windows() {
    let options = ScheduleOptions { delay: parse("PT5M").unwrap(), ..ScheduleOptions::default() };
    let rule = timing(RuleKind::Scheduled, "PT10M", "PT10M");
    let checkpoint = Checkpoint::starting(first_end(at("10:05:00"), &options));
    assert_eq!(told(rule, &checkpoint, "10:05:00", &options), ["09:50-10:00"]);
    assert_eq!(told(rule, &checkpoint, "10:14:59", &options), ["09:50-10:00"]);
    assert_eq!(told(rule, &checkpoint, "10:15:00", &options), ["09:50-10:00", "10:00-10:10"]);
}

#[test]
fn the_first_window_ends_at_the_next_second() {
    let options = ScheduleOptions::default();
    assert_eq!(first_end(at("10:00:00"), &options), at("10:00:00"));
    assert_eq!(first_end(at("10:00:00.0000001"), &options), at("10:00:01"));
}

#[test]
fn too_many_missed_windows_are_passed_over_and_counted() {
    let options = ScheduleOptions { catch_up_max: 3, ..ScheduleOptions::default() };
    let rule = timing(RuleKind::Scheduled, "PT5M", "PT5M");
    let checkpoint = Checkpoint::starting(at("10:00:00"));
    assert_eq!(
        told(rule, &checkpoint, "12:00:00", &options),
        ["11:45-11:50", "11:50-11:55", "11:55-12:00"]
    );
    let step = next_step(&rule, &checkpoint, at("12:00:00"), &options);
    let passed =
        Step::Pass { next_end: at("11:50:00"), windows: 22, reason: PassReason::TooManyMissed };
    assert_eq!(step, passed);
    assert_eq!(advanced(&rule, &checkpoint, &step).cost.windows_missed, 22);
}

#[test]
fn suppression_passes_windows_over() {
    let options = ScheduleOptions::default();
    let rule = timing(RuleKind::Scheduled, "PT10M", "PT10M");
    let mut checkpoint = Checkpoint::starting(at("10:10:00"));
    checkpoint.suppressed_until = Some(at("10:40:00"));
    assert_eq!(told(rule, &checkpoint, "10:35:00", &options), [""; 0]);
    assert_eq!(told(rule, &checkpoint, "10:40:00", &options), ["10:30-10:40"]);
    assert_eq!(
        told(rule, &checkpoint, "11:00:00", &options),
        ["10:30-10:40", "10:40-10:50", "10:50-11:00"]
    );
}

#[test]
fn nrt_windows_meet_and_merge() {
    let options = ScheduleOptions::default();
    let rule = timing(RuleKind::Nrt, "PT1M", "PT1M");
    let mut checkpoint = Checkpoint::starting(at("10:00:00"));
    assert_eq!(told(rule, &checkpoint, "10:00:04", &options), [""; 0], "arrivals settle first");
    assert_eq!(told(rule, &checkpoint, "10:00:05", &options), ["09:59-10:00"]);
    checkpoint =
        advanced(&rule, &checkpoint, &next_step(&rule, &checkpoint, at("10:00:05"), &options));
    assert_eq!(told(rule, &checkpoint, "10:00:30", &options), [""; 0]);
    assert_eq!(
        told(rule, &checkpoint, "10:07:30", &options),
        ["10:00-10:07"],
        "one run for all that was missed"
    );
    checkpoint.suppressed_until = Some(at("10:20:00"));
    assert_eq!(told(rule, &checkpoint, "10:19:30", &options), [""; 0]);
    let passed =
        advanced(&rule, &checkpoint, &next_step(&rule, &checkpoint, at("10:19:30"), &options));
    assert_eq!(told(rule, &passed, "10:20:30", &options), ["10:19-10:20"]);
}

#[test]
fn a_failed_window_waits_and_is_tried_again() {
    let options = ScheduleOptions::default();
    let rule = timing(RuleKind::Scheduled, "PT5M", "PT5M");
    let mut checkpoint = Checkpoint::starting(at("10:00:00"));
    checkpoint.attempts = 1;
    checkpoint.retry_at = Some(at("10:01:00"));
    assert_eq!(told(rule, &checkpoint, "10:00:30", &options), [""; 0]);
    assert_eq!(told(rule, &checkpoint, "10:01:00", &options), ["09:55-10:00"]);
    let minutes: Vec<i64> = (1..8).map(|n| backoff(n).ticks() / TICKS_PER_MINUTE).collect();
    assert_eq!(minutes, [1, 2, 4, 8, 15, 15, 15]);
}

#[test]
fn a_clock_set_back_repeats_ends_not_new_ones() {
    let options = ScheduleOptions::default();
    let rule = timing(RuleKind::Scheduled, "PT10M", "PT10M");
    let ahead =
        Checkpoint { last_end: Some(at("11:00:00")), ..Checkpoint::starting(at("11:10:00")) };
    assert_eq!(told(rule, &ahead, "11:00:00", &options), [""; 0], "nothing unusual");
    let step = next_step(&rule, &ahead, at("10:02:00"), &options);
    assert_eq!(
        step,
        Step::Pass { next_end: at("10:10:00"), windows: 0, reason: PassReason::ClockSetBack }
    );
    let back = advanced(&rule, &ahead, &step);
    assert_eq!(next_step(&rule, &back, at("10:02:00"), &options), Step::Wait);
    assert_eq!(told(rule, &back, "10:25:00", &options), ["10:00-10:10", "10:10-10:20"]);
    let nrt = timing(RuleKind::Nrt, "PT1M", "PT1M");
    let back = advanced(&nrt, &ahead, &next_step(&nrt, &ahead, at("10:02:00"), &options));
    assert_eq!(told(nrt, &back, "10:04:30", &options), ["10:01-10:04"]);
}

proptest! {
    /// Whenever ticks come, every window of the schedule is run exactly once, in order.
    #[test]
    fn no_window_is_run_twice_or_left_out(steps in prop::collection::vec(1_i64..4_000, 1..40), minutes in 5_i64..90) {
        let options = ScheduleOptions { catch_up_max: i64::MAX, ..ScheduleOptions::default() };
        let frequency = TimeSpan::from_ticks(minutes * TICKS_PER_MINUTE);
        let rule = Timing { kind: RuleKind::Scheduled, frequency, period: frequency };
        let mut checkpoint = Checkpoint::starting(at("00:00:00"));
        let (mut now, mut ends) = (at("00:00:00"), Vec::new());
        for seconds in steps {
            now = DateTime::from_ticks(now.ticks() + seconds * TICKS_PER_SECOND);
            loop {
                let step = next_step(&rule, &checkpoint, now, &options);
                match step {
                    Step::Run(window) => ends.push(window.end),
                    Step::Wait => break,
                    Step::Pass { .. } => prop_assert!(false, "nothing is passed over"),
                }
                checkpoint = advanced(&rule, &checkpoint, &step);
            }
        }
        let due = (now.ticks() - at("00:00:00").ticks()) / frequency.ticks() + 1;
        prop_assert_eq!(ends.len() as i64, due);
        for (i, end) in ends.iter().enumerate() {
            prop_assert_eq!(end.ticks(), at("00:00:00").ticks() + i as i64 * frequency.ticks());
        }
    }

    /// Any checkpoint and any time end in waiting after few steps.
    #[test]
    fn any_state_comes_to_rest(next in 0_i64..3_155_378_975_999_999_999, now in 0_i64..3_155_378_975_999_999_999,
        suppressed in prop::option::of(0_i64..3_155_378_975_999_999_999), nrt in any::<bool>()) {
        let options = ScheduleOptions { catch_up_max: 5, ..ScheduleOptions::default() };
        let kind = if nrt { RuleKind::Nrt } else { RuleKind::Scheduled };
        let rule = timing(kind, "PT5M", "P14D");
        let mut checkpoint = Checkpoint::starting(DateTime::from_ticks(next));
        checkpoint.suppressed_until = suppressed.map(DateTime::from_ticks);
        let mut rest = false;
        for _ in 0..12 {
            let step = next_step(&rule, &checkpoint, DateTime::from_ticks(now), &options);
            if step == Step::Wait { rest = true; break; }
            checkpoint = advanced(&rule, &checkpoint, &step);
        }
        prop_assert!(rest);
    }
}
