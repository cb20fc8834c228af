#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime {
    DateTime::parse(text).unwrap()
}

#[test]
fn reads_every_documented_form() {
    const MOMENT: &str = "2014-11-08T15:05:02.0000000Z";
    const MINUTE: &str = "2014-11-08T15:05:00.0000000Z";
    const DAY: &str = "2014-11-08T00:00:00.0000000Z";
    let cases: &[(&str, &str)] = &[
        ("2014-05-25T08:20:03.123456Z", "2014-05-25T08:20:03.1234560Z"),
        ("2014-05-25T08:20:03.123456", "2014-05-25T08:20:03.1234560Z"),
        ("2014-05-25T08:20", "2014-05-25T08:20:00.0000000Z"),
        ("2014-11-08 15:05:02Z", MOMENT),
        ("2014-11-08 15:05:02", MOMENT),
        ("2014-11-08 15:05", MINUTE),
        ("2014-11-08T15:05Z", MINUTE),
        ("2014-11-08", DAY),
        ("2014-11-8", DAY),
        ("2014.11.08", DAY),
        ("2014/11/08 15:05:02", MOMENT),
        ("2014-11", "2014-11-01T00:00:00.0000000Z"),
        ("2014", "2014-01-01T00:00:00.0000000Z"),
        ("Sat, 8 Nov 14 15:05:02 GMT", MOMENT),
        ("Sat, 8 Nov 14 15:05:02", MOMENT),
        ("Sat, 8 Nov 14 15:05", MINUTE),
        ("Sat, 8 Nov 14 15:05 GMT", MINUTE),
        ("8 Nov 14 15:05:02 GMT", MOMENT),
        ("8 Nov 14 15:05:02", MOMENT),
        ("8 Nov 14 15:05", MINUTE),
        ("Sat, 08 Nov 2014 15:05:02 GMT", MOMENT),
        ("Saturday, 08-Nov-14 15:05:02 GMT", MOMENT),
        ("Saturday, 08-Nov-14 15:05:02", MOMENT),
        ("Saturday, 08-Nov-14 15:05 GMT", MINUTE),
        ("08-Nov-14 15:05:02 GMT", MOMENT),
        ("08-Nov-14 15:05", MINUTE),
        ("2014-11-08 15:05:02 GMT", MOMENT),
        ("2014-11-08T15:05:02 GMT", MOMENT),
        ("2014-11-08T15:05 UTC", MINUTE),
        ("11/8/2014", DAY),
        ("11-08-2014", DAY),
        ("11/8/2014 3:05:02 PM", MOMENT),
        ("11/08/2014, 3:05:02.000 pm", MOMENT),
        ("11/8/2014 15:05", MINUTE),
        ("Nov 8 2014 15:05:02", MOMENT),
        ("November 8, 2014 3:05 PM", MINUTE),
        ("Sat Nov  8 15:05:02 2014", MOMENT),
        ("  2014-11-08  ", DAY),
        ("2014-11-08T17:05:02+02:00", MOMENT),
        ("2014-11-08T17:05:02.0 +0200", MOMENT),
        ("2014-11-08T10:05:02-05", MOMENT),
        ("Sat, 08 Nov 2014 10:05:02 EST", MOMENT),
        ("2014-11-08T20:35:02.0000000+05:30", MOMENT),
        ("12/31/1999 12:00:00 AM", "1999-12-31T00:00:00.0000000Z"),
        ("12/31/1999 12:00:00 PM", "1999-12-31T12:00:00.0000000Z"),
        ("8 Nov 68", "1968-11-08T00:00:00.0000000Z"),
        ("2020-01-01T00:00:00.1", "2020-01-01T00:00:00.1000000Z"),
        ("2020-01-01T00:00:00.1234567", "2020-01-01T00:00:00.1234567Z"),
        ("2020-01-01T00:00:00.123456789Z", "2020-01-01T00:00:00.1234567Z"),
        ("2020-01-01 00:00:00,5", "2020-01-01T00:00:00.5000000Z"),
        ("0001-01-01", "0001-01-01T00:00:00.0000000Z"),
        ("9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.9999999Z"),
        ("2024-02-29", "2024-02-29T00:00:00.0000000Z"),
        ("2000-02-29T23:59:59Z", "2000-02-29T23:59:59.0000000Z"),
    ];
    for (text, expected) in cases {
        assert_eq!(
            DateTime::parse(text).map(|d| d.to_string()).as_deref(),
            Some(*expected),
            "{text}"
        );
    }
}

#[test]
fn refuses_what_is_no_moment() {
    let cases = [
        "",
        " ",
        "x",
        "1577836800",
        "20200101",
        "2020-13-01",
        "2020-00-01",
        "2020-02-30",
        "1900-02-29",
        "2020-01-01T24:00",
        "2020-01-01T10:60",
        "2020-01-01T10:00:60",
        "2020-01-01T",
        "2020-01-01T10",
        "2020-01-01 10:00 XYZ",
        "2020-01-01T10:00:00Zrest",
        "0000-01-01",
        "13/13/2020",
        "1/2/20/4",
        "2020-01-01T10:00:00.",
        "2020-01-01T10:00:00+25:00",
        "Foo, 8 Nov 14",
        "8 Nvo 14",
        "8 Novem 14",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "13:00 PM",
        "11/8/2014 13:05 PM",
        "Nov",
        "Nov 8",
        "Sat,",
        "٢٠٢٠-٠١-٠١",
        "2020-01-01T10:00:00 AM PM",
        "--",
        "2020--01",
        "true",
    ];
    for text in cases {
        assert_eq!(DateTime::parse(text), None, "{text}");
    }
}

#[test]
fn knows_the_calendar() {
    // (date, day of week from Sunday, day of year, ISO week)
    let cases = [
        ("0001-01-01", 1, 1, 1),
        ("1970-01-01", 4, 1, 1),
        ("2000-12-31", 0, 366, 52),
        ("2016-01-03", 0, 3, 53),
        ("2020-12-31", 4, 366, 53),
        ("2021-01-04", 1, 4, 1),
        ("2024-02-29", 4, 60, 9),
        ("9999-12-31", 5, 365, 52),
    ];
    for (date, weekday, of_year, week) in cases {
        let d = at(date);
        assert_eq!(
            (d.day_of_week(), d.day_of_year(), d.iso_week()),
            (weekday, of_year, week),
            "{date}"
        );
    }
}

#[test]
fn finds_starts_and_ends() {
    let day = at("2024-02-29T12:34:56.7891234Z");
    let cases = [
        (day.start_of_day(0), "2024-02-29"),
        (day.start_of_day(-1), "2024-02-28"),
        (day.end_of_day(0), "2024-02-29T23:59:59.9999999Z"),
        (day.start_of_week(0), "2024-02-25"),
        (day.start_of_week(1), "2024-03-03"),
        (day.end_of_week(0), "2024-03-02T23:59:59.9999999Z"),
        (day.start_of_month(0), "2024-02-01"),
        (day.start_of_month(-2), "2023-12-01"),
        (day.end_of_month(0), "2024-02-29T23:59:59.9999999Z"),
        (day.end_of_month(12), "2025-02-28T23:59:59.9999999Z"),
        (day.start_of_year(0), "2024-01-01"),
        (day.end_of_year(-1), "2023-12-31T23:59:59.9999999Z"),
        (day.add_months(12), "2025-02-28T12:34:56.7891234Z"),
        (day.add_years(-4), "2020-02-29T12:34:56.7891234Z"),
        (at("2024-01-31").add_months(1), "2024-02-29"),
        (DateTime::MAX.end_of_year(0), "9999-12-31T23:59:59.9999999Z"),
        (DateTime::MAX.end_of_week(0), "9999-12-31T23:59:59.9999999Z"),
        (DateTime::MIN.start_of_week(0), "0001-01-01"),
    ];
    for (got, expected) in cases {
        assert_eq!(got, Some(at(expected)), "{expected}");
    }
    for none in [
        DateTime::MAX.start_of_year(1),
        DateTime::MIN.start_of_day(-1),
        DateTime::MAX.add_months(1),
        day.add_years(i64::MAX),
        day.start_of_day(i64::MIN),
        day.start_of_week(i64::MAX),
        day.end_of_week(i64::MIN),
        DateTime::from_unix_seconds(i64::MAX),
        DateTime::from_unix_seconds(i64::MIN),
        DateTime::MAX.checked_add(TimeSpan::from_ticks(1)),
        DateTime::MIN.checked_sub(TimeSpan::from_ticks(1)),
    ] {
        assert_eq!(none, None);
    }
}

#[test]
fn counts_from_1970() {
    let d = at("2020-01-01T00:00:00.1234567Z");
    assert_eq!(d.unix_seconds(), 1_577_836_800);
    assert_eq!(d.unix_milliseconds(), 1_577_836_800_123);
    assert_eq!(d.unix_microseconds(), 1_577_836_800_123_456);
    assert_eq!(d.unix_nanoseconds(), Some(1_577_836_800_123_456_700));
    assert_eq!(DateTime::from_unix_nanoseconds(1_577_836_800_123_456_799), Some(d));
    assert_eq!(DateTime::from_unix_seconds(-1), Some(at("1969-12-31T23:59:59Z")));
    assert_eq!(DateTime::MIN.unix_nanoseconds(), None);
    assert_eq!(d.to_rfc1123(), "Wed, 01 Jan 2020 00:00:00 GMT");
    assert_eq!(DateTime::from_system_time(d.to_system_time()), d);
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(ticks in 0..=DateTime::MAX.ticks()) {
        let d = DateTime::from_ticks(ticks);
        prop_assert_eq!(DateTime::parse(&d.to_string()), Some(d));
        prop_assert_eq!(DateTime::from_civil(d.civil()), Some(d));
    }

    #[test]
    fn neighbouring_days_differ_by_one(day in 0..3_652_057_i64) {
        let (a, b) = (civil_from_days(day), civil_from_days(day + 1));
        let next = if a.2 < days_in_month(a.0, a.1) { (a.0, a.1, a.2 + 1) }
            else if a.1 < 12 { (a.0, a.1 + 1, 1) } else { (a.0 + 1, 1, 1) };
        prop_assert_eq!(b, next);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        let _ = DateTime::parse(&text);
    }

    #[test]
    fn texts_of_date_letters_are_read_or_refused(text in "[0-9TZ:./, +a-pANovM-]{0,32}") {
        if let Some(d) = DateTime::parse(&text) {
            prop_assert_eq!(DateTime::parse(&d.to_string()), Some(d));
        }
    }

    #[test]
    fn no_ticks_break_anything(ticks: i64, n: i64) {
        let d = DateTime::from_ticks(ticks);
        let _ = (d.to_string(), d.day_of_week(), d.day_of_year(), d.iso_week(), d.time_of_day());
        let _ = (d.start_of_week(n), d.end_of_week(n), d.end_of_day(n), d.end_of_month(n), d.end_of_year(n));
        let _ = (d.add_months(n), d.add_years(n), d.to_system_time(), d.since(DateTime::from_ticks(n)));
        let _ = (d.unix_nanoseconds(), d.to_rfc1123());
    }
}
