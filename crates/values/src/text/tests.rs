use proptest::prelude::*;

use super::*;

#[test]
fn the_head_is_the_first_eight_bytes() {
    let bytes: Vec<u8> = (1..=20).collect();
    for length in 0..=bytes.len() {
        let mut eight = [0; 8];
        let count = length.min(8);
        eight[..count].copy_from_slice(&bytes[..count]);
        assert_eq!(head(&bytes[..length]), u64::from_le_bytes(eight), "{length}");
    }
}

#[test]
fn reads_integers() {
    let cases: &[(&str, Option<i64>)] = &[
        ("123", Some(123)),
        ("-123", Some(-123)),
        ("+5", Some(5)),
        (" 7 ", Some(7)),
        ("0x1F", Some(31)),
        ("0XFFFFFFFFFFFFFFFF", Some(-1)),
        ("-0x10", Some(-16)),
        ("2.9", Some(2)),
        ("-2.9", Some(-2)),
        ("1e3", Some(1000)),
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        ("0x", None),
        ("0x1G", None),
        ("", None),
        ("x", None),
        ("1 2", None),
        ("NaN", None),
        ("1,000", None),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_long(text), *expected, "{text}");
    }
    assert_eq!(parse_int("2147483648"), None);
    assert_eq!(parse_int("-2147483648"), Some(i32::MIN));
}

#[test]
fn reads_reals_and_bools() {
    let reals: &[(&str, Option<f64>)] = &[
        ("1.5", Some(1.5)),
        ("-1e-3", Some(-0.001)),
        (".5", Some(0.5)),
        ("5.", Some(5.0)),
        ("0x10", Some(16.0)),
        ("inf", Some(f64::INFINITY)),
        ("-Infinity", Some(f64::NEG_INFINITY)),
        ("infinite", None),
        ("1.5x", None),
        ("", None),
        ("-", None),
        ("e5", None),
    ];
    for (text, expected) in reals {
        assert_eq!(parse_real(text), *expected, "{text}");
    }
    assert!(parse_real("NaN").is_some_and(f64::is_nan));
    for (text, expected) in [
        ("true", Some(true)),
        ("FALSE", Some(false)),
        ("1", Some(true)),
        ("0", Some(false)),
        ("123", Some(true)),
        ("yes", None),
        ("", None),
    ] {
        assert_eq!(parse_bool(text), expected, "{text}");
    }
}

#[test]
fn prints_reals() {
    let cases = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (42.0, "42.0"),
        (1e14, "100000000000000.0"),
        (1e15, "1E+15"),
        (1.5e15, "1.5E+15"),
        (1_234_567_890_123_456.0, "1.234567890123456E+15"),
        (1e20, "1E+20"),
        (0.0001, "0.0001"),
        (0.00001, "1E-05"),
        (0.000_123, "0.000123"),
        (2.209_049_699_858_54e-5, "2.20904969985854E-05"),
        (1.5e-7, "1.5E-07"),
        (1e-300, "1E-300"),
        (f64::MAX, "1.7976931348623157E+308"),
        (123_456.789, "123456.789"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
    ];
    for (value, expected) in cases {
        assert_eq!(real_to_string(value), expected);
    }
}

proptest! {
    #[test]
    fn printed_reals_read_back(bits: u64, small in -1e6..1e6_f64) {
        for value in [f64::from_bits(bits), small] {
            let text = real_to_string(value);
            let back = parse_real(&text);
            prop_assert!(back.is_some_and(|b| b == value || b.is_nan() && value.is_nan()), "{value} {text}");
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,30}", near in "[-+0-9.eExX_ ]{0,12}") {
        for text in [text, near] {
            let _ = (parse_long(&text), parse_real(&text), parse_bool(&text));
        }
    }
}
