#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn resource() -> Value {
    json!({"name": "i-1", "properties": {
        "status": "New", "severity": "High", "title": "It's a test", "incidentNumber": 7, "classification": null,
        "createdTimeUtc": "2024-01-02T03:04:05.0000000Z", "owner": {"objectId": null, "email": "a@b.c"},
        "labels": [{"labelName": "red"}, {"labelName": "blue"}], "tactics": ["Impact"], "enabled": true}})
}

#[test]
fn conditions() {
    let cases = [
        ("properties/status eq 'New'", true),
        ("properties/Status eq 'new'", true),
        ("properties/status ne 'New'", false),
        (
            "(properties/status eq 'New' or properties/status eq 'Active') and properties/severity eq 'High'",
            true,
        ),
        (
            "properties/status eq 'Active' or properties/status eq 'New' and properties/severity eq 'Low'",
            false,
        ),
        ("not (properties/status eq 'Closed')", true),
        ("not properties/enabled", false),
        ("properties/incidentNumber eq 7", true),
        ("properties/incidentNumber ge 7.5", false),
        ("properties/createdTimeUtc ge 2024-01-02T00:00:00Z", true),
        ("properties/createdTimeUtc lt 2024-01-02T03:04:05Z", false),
        ("properties/createdTimeUtc ge 2024-01-02", true),
        ("properties/createdTimeUtc eq '2024-01-02T03:04:05Z'", true),
        ("properties/classification eq null", true),
        ("properties/owner/objectId ne null", false),
        ("properties/nothing/at/all eq null", true),
        ("properties/nothing lt 5", false),
        ("properties/title eq 'It''s a test'", true),
        ("contains(properties/title, 'TEST')", true),
        ("contains(tolower(properties/title),'nope')", false),
        ("startswith(properties/title,'it')", true),
        ("endswith(properties/owner/email, 'c') eq true", true),
        ("contains(properties/tactics, 'impact')", true),
        ("length(properties/status) eq 3", true),
        ("properties/labels/any(l: l/labelName eq 'red')", true),
        ("properties/labels/any(l:l/labelName eq 'green')", false),
        ("properties/labels/all(l: length(l/labelName) gt 2)", true),
        ("properties/labels/any()", true),
        ("properties/tactics/any(t: t eq 'Impact')", true),
        ("properties/severity in ('High', 'Medium')", true),
        ("properties/severity in ()", false),
        ("name eq 'i-1'", true),
        ("substringof('test', properties/title)", true),
        ("properties/tactics eq 'impact'", true),
        ("properties/tactics ne 'Impact'", false),
        ("properties/tactics ne 'Other'", true),
        ("properties/tactics eq null", false),
    ];
    for (text, want) in cases {
        let filter = Filter::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(filter.matches(&resource()), want, "{text}");
    }
}

#[test]
fn doors_have_functions_and_names_of_their_own() {
    let own = [("atScope", 0), ("assignedTo", 1)];
    let text = "atscope() and assignedTo('x') and a/b eq c and l/any(i: i/n eq d or startswith(i, e)) and f in (g)";
    let filter = Filter::parse_with(text, &own).unwrap();
    let paths: Vec<String> = filter.paths().iter().map(|p| p.join("/")).collect();
    assert_eq!(paths, ["a/b", "c", "l", "d", "e", "f", "g"]);
    let filter = Filter::parse_with("atScope() and not assignedTo('x')", &own).unwrap();
    for (scope, assigned, want) in [(true, "y", true), (true, "x", false), (false, "y", false)] {
        let judge = |place: usize, arguments: &[Value]| match place {
            0 => scope,
            _ => arguments == [json!(assigned)],
        };
        assert_eq!(filter.matches_with(&Value::Null, &judge), want, "{scope} {assigned}");
    }
    assert!(Filter::parse_with("assignedTo()", &own).unwrap_err().contains("takes 1"));
    assert!(Filter::parse("atScope()").unwrap_err().contains("no function"));
}

#[test]
fn what_is_wrong_is_said() {
    for (text, part) in [
        ("", "not complete"),
        ("properties/status eq", "not complete"),
        ("properties/status eq 'New", "does not end"),
        ("properties/status eq 'a' 'b'", "the text 'b'"),
        ("(properties/status eq 'a'", "')' is missing"),
        ("reverse(properties/status) eq 'a'", "no function"),
        ("contains(properties/status)", "takes 2"),
        ("properties//status eq 1", "no path"),
        ("properties/labels/any(l l eq 1)", "':' is missing"),
        ("2024-13-45 eq 1", "no number"),
        (&"(".repeat(100), "too deep"),
        (&"not ".repeat(100), "too deep"),
        (&"x".repeat(9000), "longer"),
    ] {
        let error = Filter::parse(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    assert!(Order::parse("properties/a up").is_err());
    assert!(Order::parse("properties/a desc please").is_err());
    assert!(Order::parse("drop table; --").is_err());
}

#[test]
fn orders() {
    let order = Order::parse("properties/severity asc, properties/incidentNumber desc").unwrap();
    let item = |severity: &str, number: i64| {
        order.key(&json!({"properties": {"severity": severity, "incidentNumber": number}}))
    };
    assert_eq!(order.compare(&item("High", 1), &item("Low", 2)), Ordering::Less);
    assert_eq!(order.compare(&item("Low", 1), &item("low", 2)), Ordering::Greater);
    assert_eq!(order.compare(&item("Low", 1), &item("low", 1)), Ordering::Equal);
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,60}") {
        if let Ok(filter) = Filter::parse(&text) { filter.matches(&resource()); }
        let _ = Order::parse(&text);
    }

    #[test]
    fn any_words_are_answered(words in prop::collection::vec("and|or|not|eq|in|\\(|\\)|,|'a'|1|any\\(|a/b|contains\\(|l:|2024-01-01", 0..20)) {
        if let Ok(filter) = Filter::parse(&words.join(" ")) { filter.matches(&resource()); }
    }
}
