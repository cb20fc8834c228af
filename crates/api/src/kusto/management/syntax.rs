//! The little grammar of management commands: words, names, lists in parentheses.

use model::{Column, ScalarType, Schema};

/// The text without lines that are comments, and without a closing semicolon.
pub(super) fn without_comments(text: &str) -> String {
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    lines.join("\n").trim().trim_end_matches(';').to_owned()
}

/// What follows the words, where the text begins with them.
pub(super) fn after_words<'t>(text: &'t str, words: &[&str]) -> Option<&'t str> {
    let mut rest = text.trim_start();
    for word in words {
        let (head, tail) = rest.split_at_checked(word.len())?;
        let ends = |c: char| c.is_whitespace() || matches!(c, '(' | '[' | '|' | '<');
        if !head.eq_ignore_ascii_case(word) || !(tail.is_empty() || tail.starts_with(ends)) {
            return None;
        }
        rest = tail.trim_start();
    }
    Some(rest)
}

/// What stands before the first `|` outside of quotes, and the query behind it.
pub(super) fn split_pipe(text: &str) -> (&str, Option<&str>) {
    match outside_quotes(text).find(|(_, c)| *c == '|') {
        Some((at, _)) => (text[..at].trim_end(), Some(text[at + 1..].trim())),
        None => (text, None),
    }
}

/// The characters outside of quotes, with their places.
fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    text.char_indices().filter(move |(_, c)| match quote {
        None => {
            if matches!(c, '\'' | '"') {
                quote = Some(*c);
            }
            quote.is_none()
        }
        Some(open) => {
            if open == *c {
                quote = None;
            }
            false
        }
    })
}

/// A name: bare, `['quoted']` or `["quoted"]`; and what follows it.
pub(super) fn entity(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix('[') {
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (name, tail) = rest.strip_prefix(quote)?.split_once(quote)?;
        return Some((name.to_owned(), tail.trim_start().strip_prefix(']')?));
    }
    let ends = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let end = text.find(ends).unwrap_or(text.len());
    let (name, tail) = text.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
    Some((name.to_owned(), tail))
}

/// The name as `.show` writes it: bracketed where it must be.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("['{name}']") }
}

/// The inside of the parentheses that the text begins with, and what follows them.
pub(super) fn parentheses(text: &str) -> Option<(&str, &str)> {
    let inside = text.trim_start().strip_prefix('(')?;
    let mut depth = 1_usize;
    for (at, c) in outside_quotes(inside) {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&inside[..at], &inside[at + 1..]));
        }
    }
    None
}

/// The parts of a list, cut at commas outside of quotes; empty ones are left out.
pub(super) fn list(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in outside_quotes(text).filter(|(_, c)| *c == ',') {
        parts.push(&text[start..at]);
        start = at + 1;
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// `Name:type, ...`
pub(super) fn columns(text: &str) -> Result<Schema, String> {
    const TYPES: &str =
        "bool, int, long, real, decimal, string, guid, datetime, timespan or dynamic";
    let mut schema = Schema::default();
    for part in list(text) {
        let no_column = || format!("'{part}' is no column: write Name:type");
        let (name, ty) = part.rsplit_once(':').ok_or_else(no_column)?;
        let (name, tail) = entity(name).ok_or_else(no_column)?;
        if !tail.trim().is_empty() {
            return Err(no_column());
        }
        let ty = ty.trim();
        let ty =
            ScalarType::from_name(ty).ok_or_else(|| format!("'{ty}' is no type; use {TYPES}"))?;
        if schema.column(&name).is_some() {
            return Err(format!("the column '{name}' stands twice"));
        }
        schema.columns.push(Column::new(name, ty));
    }
    if schema.is_empty() { Err("a table needs at least one column".to_owned()) } else { Ok(schema) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_read_in_every_form() {
        assert_eq!(entity("T (a:int)"), Some(("T".into(), " (a:int)")));
        assert_eq!(entity("['my table'] x"), Some(("my table".into(), " x")));
        assert_eq!(entity("[\"a-b\"]"), Some(("a-b".into(), "")));
        for bad in ["(a)", "['open", "", "[]", "['a'", "[x]"] {
            assert_eq!(entity(bad), None, "{bad}");
        }
        assert_eq!(quoted("a b"), "['a b']");
        assert_eq!(quoted("a_b"), "a_b");
    }

    #[test]
    fn columns_are_checked() {
        let count = |text| columns(text).map(|s| s.columns.len());
        assert_eq!(count("a:string, ['b c']:long,d:date, ['e,:)']:int"), Ok(4));
        for bad in ["", "a", "a:nope", "a:int, a:int", "a b:int", ":int"] {
            assert!(columns(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn words_end_at_words() {
        assert_eq!(after_words(".show tables | count", &[".show", "tables"]), Some("| count"));
        assert_eq!(after_words(".SHOW  Table T", &[".show", "table"]), Some("T"));
        assert_eq!(after_words(".show tables", &[".show", "table"]), None);
        assert_eq!(after_words(".shów", &[".show"]), None);
    }

    #[test]
    fn pipes_and_parentheses_heed_quotes() {
        assert_eq!(
            split_pipe("details | where x == '|' | count"),
            ("details", Some("where x == '|' | count"))
        );
        assert_eq!(split_pipe("['a|b']"), ("['a|b']", None));
        assert_eq!(
            parentheses(" (a:int, ['x)']:int) with (b)"),
            Some(("a:int, ['x)']:int", " with (b)"))
        );
        assert_eq!(parentheses("(a(b)c)d"), Some(("a(b)c", "d")));
        assert_eq!(parentheses("(a"), None);
        assert_eq!(without_comments("// x\n.show tables;\n"), ".show tables");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,60}") {
            let _ = (entity(&text), split_pipe(&text), parentheses(&text), columns(&text));
            let _ = (after_words(&text, &[".show", "tables"]), without_comments(&text));
        }
    }
}
