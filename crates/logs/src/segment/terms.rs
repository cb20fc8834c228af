//! Terms: what `has` matches. Maximal runs of letters and digits, lower-cased.
//!
//! The index must never miss a text that the engine would match, so a run with characters outside ASCII is entered
//! whole and, beside that, by its ASCII parts: whatever the engine takes for a boundary there, the term is found.

mod collect;
mod posting;

pub(crate) use collect::Collector;
pub(crate) use posting::{BlockSet, Posting, read_posting, skip_posting};

/// Longer terms are entered and looked up by their first bytes.
pub(crate) const TERM_BYTES_MAX: usize = 64;

/// Calls `found` with each term of the text; `scratch` is working space.
pub(crate) fn each_term(text: &str, scratch: &mut Vec<u8>, mut found: impl FnMut(&[u8])) {
    if text.is_ascii() {
        scratch.clear();
        scratch.extend_from_slice(text.as_bytes());
        scratch.make_ascii_lowercase();
        ascii_runs(scratch, &mut found);
        return;
    }
    let lower = lower(text);
    for run in lower.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
        found(cut(run.as_bytes()));
        if !run.is_ascii() {
            ascii_runs(run.as_bytes(), &mut found);
        }
    }
    // What lower-casing turns into something else may still be matched as it stands.
    if !text.chars().eq(lower.chars()) {
        let plain = text.to_ascii_lowercase();
        for run in plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| !run.is_empty()) {
            found(cut(run.as_bytes()));
        }
    }
}

/// The terms of a text, each once, as they are looked up.
pub(crate) fn terms_of(text: &str) -> Vec<Vec<u8>> {
    let mut terms: Vec<Vec<u8>> = Vec::new();
    let lower = lower(text);
    for run in lower.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
        let term = cut(run.as_bytes()).to_vec();
        if !terms.contains(&term) {
            terms.push(term);
        }
    }
    terms
}

/// Lower case, character by character; a final sigma counts as any other.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

fn ascii_runs(bytes: &[u8], found: &mut impl FnMut(&[u8])) {
    let mut rest = bytes;
    loop {
        let skip = rest.iter().take_while(|b| !b.is_ascii_alphanumeric()).count();
        let (_, from) = rest.split_at(skip);
        let length = from.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        if length == 0 {
            return;
        }
        let (run, tail) = from.split_at(length);
        found(cut(run));
        rest = tail;
    }
}

fn cut(term: &[u8]) -> &[u8] {
    term.get(..TERM_BYTES_MAX).unwrap_or(term)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        let (mut found, mut scratch) = (Vec::new(), Vec::new());
        each_term(text, &mut scratch, |t| found.push(String::from_utf8_lossy(t).into_owned()));
        found
    }

    #[test]
    fn texts_fall_into_terms() {
        let long = "x".repeat(100);
        let cases: [(&str, &[&str]); 8] = [
            ("", &[]),
            ("--__--", &[]),
            ("PowerShell.exe -enc ABC=", &["powershell", "exe", "enc", "abc"]),
            ("10.0.0.1", &["10", "0", "0", "1"]),
            ("C:\\Users\\Ann", &["c", "users", "ann"]),
            (&long, &[&"x".repeat(64)]),
            ("a\u{2013}b", &["a", "b"]),
            ("naïve", &["naïve", "na", "ve"]),
        ];
        for (text, want) in cases {
            assert_eq!(terms(text), want, "{text}");
        }
    }

    #[test]
    fn every_term_looked_up_is_entered() {
        for text in [
            "Привет, мир",
            "ǅungla İstanbul ſpecial K2",
            "ÉCOLE école",
            "日本語 text",
            "a_b",
            "ΟΔΟΣ",
        ] {
            let entered = terms(text);
            let folded = text.to_lowercase(); // as the engine folds what it looks for
            for term in terms_of(text).into_iter().chain(terms_of(&folded)) {
                assert!(entered.contains(&String::from_utf8_lossy(&term).into_owned()), "{text}");
            }
        }
    }
}
