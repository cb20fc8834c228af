//! Whatever the text: a tree, findings, no panic, in time that grows with the length alone.

use proptest::prelude::*;

use crate::kit;

/// Parses, and looks at everything that came out.
fn survive(text: &str) -> kql::Parsed {
    let parsed = kql::parse(text);
    for found in &parsed.diagnostics {
        assert!(found.span.start <= found.span.end, "{found:?}");
        assert!(found.span.end as usize <= text.len(), "{found:?}");
        assert!(found.position.line >= 1, "{found:?}");
        assert!(text.is_char_boundary(found.span.start as usize), "{found:?}");
    }
    assert!(parsed.diagnostics.is_sorted_by_key(|found| found.span.start));
    let _ = parsed.query.dump();
    assert_eq!(parsed.clone(), parsed);
    parsed
}

/// `left` and `right` around `inside`, many times.
fn nest(left: &str, inside: &str, right: &str, times: usize) -> String {
    [&left.repeat(times), inside, &right.repeat(times)].concat()
}

#[test]
fn truncations_of_published_queries_survive() {
    for query in kit::queries("corpus-dev.jsonl") {
        let text = &query.text;
        // Sixteen cuts each, at uneven places.
        for part in 0..16 {
            let mut at = text.len() * part / 16 + part;
            while !text.is_char_boundary(at.min(text.len())) {
                at += 1;
            }
            survive(&text[..at.min(text.len())]);
        }
    }
}

#[test]
fn pieces_taken_out_of_published_queries_survive() {
    for query in kit::queries("docs-dev.jsonl") {
        let chars: Vec<char> = query.text.chars().collect();
        for gap in (0..chars.len()).step_by(chars.len() / 24 + 1) {
            let without: String =
                chars.iter().enumerate().filter(|(at, _)| *at != gap).map(|(_, c)| c).collect();
            survive(&without);
        }
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let deep = 100_000;
    let texts = [
        nest("(", "1", ")", deep),
        nest("(", "", "", deep),
        nest("f(", "1", ")", deep),
        nest("a[", "1", "]", deep),
        nest("print - ", "", "", 1) + &"- ".repeat(deep) + "1",
        "print 1".to_owned() + &" + 1".repeat(deep),
        "print a".to_owned() + &".b".repeat(deep),
        "print a".to_owned() + &"[0]".repeat(deep),
        "print 1".to_owned() + &" * 1 + 1".repeat(deep),
        format!("print dynamic({})", nest("[", "1", "]", deep)),
        format!("print dynamic({})", nest("{\"a\":", "1", "}", deep)),
        nest("dynamic(", "1", ")", deep),
        nest("let f = () { ", "1", " };", deep),
        nest("T | join (", "T", ") on a", deep),
        "T | ".to_owned() + &nest("mv-apply a on (", "take 1", ")", deep),
        nest("toscalar(", "1", ")", deep),
        nest("T | where a in (", "1", ")", deep),
        nest("T | union (", "T", ")", deep),
        "T | where ".to_owned() + &nest("a between (", "1", " .. 2)", deep),
        nest("T | partition by a { ", "T", "}", deep),
        nest("macro-expand g as x (", "T", ")", deep),
        "T | facet by a".to_owned() + &".b".repeat(deep),
        "T | facet by ".to_owned() + &nest("a[", "1", "]", deep),
        "T | ".to_owned() + &nest("facet by a with (", "take 1", ")", deep),
        "T | ".to_owned() + &nest("fork (", "take 1", ")", deep),
        nest("(((a+a+a+a+a+a+a+a)+a+a+a+a+a)+(", "1", "))", deep),
    ];
    for text in &texts {
        let parsed = survive(text);
        assert!(parsed.has_errors(), "{}", &text[..40]);
        let deepest = parsed.diagnostics.iter().filter_map(|found| found.hint.as_deref());
        assert!(deepest.into_iter().any(|hint| hint.contains("deeper")), "{}", &text[..40]);
    }
}

#[test]
fn what_is_long_but_flat_is_read() {
    let many = 20_000;
    let texts = [
        format!("T | where a == 0{}", " or a == 1".repeat(many)),
        format!("T | where a{}", " and b or c".repeat(many)),
        format!("T | where a in (0{})", ", 1".repeat(many)),
        format!("T{}", " | where a".repeat(many)),
        "let a = 1;".repeat(many),
        format!("datatable(a:long)[{}]", "1, ".repeat(many)),
        format!("datatable(a:long)[{}]", "-1 + 2, ".repeat(many)),
        format!("T | project a{}", ", b.c[0]".repeat(many)),
        format!("print dynamic([{}1])", "1,".repeat(many)),
        format!("union T{}", ", (U | where a)".repeat(many)),
        "(T);".repeat(many),
        "x".repeat(many),
        format!("print '{}'", "\\n".repeat(many)),
    ];
    for text in &texts {
        let parsed = survive(text);
        assert_eq!(parsed.diagnostics, [], "{}", &text[..40.min(text.len())]);
    }
}

#[test]
fn texts_beyond_the_bound_are_refused() {
    let parsed = survive(&" ".repeat(kql::TEXT_BYTES_MAX + 1));
    assert_eq!(parsed.diagnostics.len(), 1);
    assert_eq!(parsed.diagnostics[0].code, "SYN0001");
    assert_eq!(survive(&" ".repeat(kql::TEXT_BYTES_MAX)).diagnostics, []);
}

#[test]
fn hostile_repetitions_end() {
    let pieces = [
        "int(",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "|",
        ";",
        ",",
        "'",
        "\"",
        "```",
        "~~~",
        "@'",
        "h\"",
        ".",
        "..",
        "*",
        "-",
        "!",
        "=",
        "a b ",
        "a=",
        "(a,",
        "let ",
        "let a=",
        "let a=(",
        "where ",
        "| where ",
        "T|",
        "datetime(\n",
        "\\",
        "#",
        "#\n",
        "//",
        "/",
        "$",
        "é",
        "\u{feff}",
        "\u{0}",
        "🦀",
        "0x",
        "1.",
        "1..",
        "1e",
        "99999999999",
        "a-",
        "project-",
        "in ",
        "in~",
        "!in",
        "has ",
        "between(",
        "['",
        "['a']",
        "['a']=",
        "(['a'],",
        "a.b=",
        "| join kind=",
        "| parse a with *'x'",
        "| scan with (step a:",
        "| graph-match (a)-[e]->",
        "| top-nested of a by b,",
        "dynamic(",
        "dynamic({\"a\":",
        "typeof(",
        "view(",
        "declare pattern a=(",
        "| render x with (ycolumns=a,",
        "| fork (",
        "T*",
        "*T*",
        "a*b",
        "union *,",
        "inline_external_table(a:long) pathformat=('a' by b",
        "12345678-1234-1234-1234-123456789012",
        "print ",
    ];
    for piece in pieces {
        survive(&piece.repeat(20_000));
    }
}

/// Words and signs that mean something, in any order.
fn soup() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "T",
        "a",
        "b",
        "|",
        ";",
        ",",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "=",
        "==",
        "=~",
        "!",
        "~",
        ".",
        "..",
        "*",
        "-",
        "->",
        "1",
        "1.5",
        "1d",
        "'x'",
        "\"y\"",
        "@'z'",
        "h'q'",
        "```",
        "let",
        "set",
        "view",
        "where",
        "extend",
        "summarize",
        "by",
        "on",
        "join",
        "kind=inner",
        "union",
        "in",
        "in~",
        "has_any",
        "between",
        "and",
        "or",
        "matches regex",
        "project-away",
        "mv-expand",
        "to",
        "typeof(",
        "long",
        "parse",
        "with",
        "make-series",
        "from",
        "step",
        "default=0",
        "top-nested",
        "of",
        "scan",
        "step",
        "=>",
        "graph-match",
        "make-graph",
        "-->",
        "dynamic(",
        "datatable(",
        "a:long",
        "datetime(2024-01-01)",
        "datetime(",
        "int(null)",
        "render",
        "evaluate",
        "print",
        "range",
        "find",
        "search",
        "fork",
        "partition",
        "externaldata",
        "toscalar(",
        "materialize(",
        "macro-expand",
        "as",
        "\n",
        "// c\n",
        "\r\n",
        "\u{feff}",
        "declare",
        "query_parameters(",
        "pattern",
        "restrict access to (",
        "alias database",
        "['n']",
        "$left.a",
        "nulls",
        "asc",
        "é",
        "🦀",
        "\\",
        "#",
        "&&",
        "0x",
        "1e",
    ]);
    prop::collection::vec((word, prop::bool::ANY), 0..60).prop_map(|words| {
        words.iter().map(|(word, gap)| format!("{word}{}", if *gap { " " } else { "" })).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_survives(text in any::<String>()) {
        survive(&text);
    }

    #[test]
    fn any_bytes_survive(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        survive(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_words_survive(text in soup()) {
        survive(&text);
    }

    #[test]
    fn blanks_between_tokens_change_nothing(words in prop::collection::vec(
        prop::sample::select(vec!["a", "has", "'x'", "+", "1", "(", ")", "and", "==", ",", "f", "1d", "|", "where"]), 0..20,
    )) {
        let narrow = kql::parse(&format!("T | where {}", words.join(" ")));
        let wide = kql::parse(&format!("T | where {}", words.join(" \r\n// comment\n\t\u{a0}")));
        prop_assert_eq!(narrow.query.dump(), wide.query.dump());
        prop_assert_eq!(narrow.diagnostics.len(), wide.diagnostics.len());
    }
}
