#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

#[test]
fn reads_literals_and_clock_forms() {
    let cases: &[(&str, &str)] = &[
        ("2d", "2.00:00:00"),
        ("2days", "2.00:00:00"),
        ("1.5h", "01:30:00"),
        ("30m", "00:30:00"),
        ("25min", "00:25:00"),
        ("10s", "00:00:10"),
        ("15 seconds", "00:00:15"),
        ("100ms", "00:00:00.1000000"),
        ("0.5ms", "00:00:00.0005000"),
        ("10microsecond", "00:00:00.0000100"),
        ("3microseconds", "00:00:00.0000030"),
        ("1tick", "00:00:00.0000001"),
        ("250 nanoseconds", "00:00:00.0000003"),
        ("2", "2.00:00:00"),
        ("0.5", "12:00:00"),
        ("-1d", "-1.00:00:00"),
        ("+1d", "1.00:00:00"),
        ("0.12:34:56.7", "12:34:56.7000000"),
        ("1.02:03:04.5", "1.02:03:04.5000000"),
        ("1:02:03:04.5", "1.02:03:04.5000000"),
        ("00:05", "00:05:00"),
        ("00:00:30", "00:00:30"),
        ("-00:00:00.0000001", "-00:00:00.0000001"),
        ("48:00:00", "2.00:00:00"),
        ("0.00:03:00", "00:03:00"),
        (" 1h ", "01:00:00"),
        (".5d", "12:00:00"),
        ("1.d", "1.00:00:00"),
    ];
    for (text, expected) in cases {
        assert_eq!(
            TimeSpan::parse(text).map(|t| t.to_string()).as_deref(),
            Some(*expected),
            "{text}"
        );
    }
}

#[test]
fn refuses_what_is_no_timespan() {
    for text in [
        "",
        "-",
        "d",
        "1w",
        "1 fortnight",
        "1:60",
        "00:00:60",
        "1.24:00:00",
        "::",
        "1:2:3:4:5",
        "1.2.3d",
        "99999999999999999999d",
        "10675200d",
        "--1d",
        "1d2",
        "1..2:3",
        "NaN",
        "0x10",
        "1.5.00:00:00",
    ] {
        assert_eq!(TimeSpan::parse(text), None, "{text}");
    }
}

#[test]
fn prints_the_ends_of_the_range() {
    assert_eq!(TimeSpan::from_ticks(i64::MAX).to_string(), "10675199.02:48:05.4775807");
    assert_eq!(TimeSpan::from_ticks(i64::MIN).to_string(), "-10675199.02:48:05.4775808");
    assert_eq!(TimeSpan::parse("-10675199.02:48:05.4775808").unwrap().ticks(), i64::MIN);
    assert_eq!(TimeSpan::from_real_ticks(1.5), Some(TimeSpan::from_ticks(2)));
    assert_eq!(TimeSpan::from_real_ticks(f64::NAN), None);
    assert_eq!(TimeSpan::from_real_ticks(9.3e18), None);
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(ticks: i64) {
        let t = TimeSpan::from_ticks(ticks);
        prop_assert_eq!(TimeSpan::parse(&t.to_string()), Some(t));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-+0-9.: dhmstick]{0,24}", wild in "\\PC{0,30}") {
        let _ = (TimeSpan::parse(&text), TimeSpan::parse(&wild));
    }
}
