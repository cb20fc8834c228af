//! Terms: what `has` matches. Maximal runs of letters and digits, lower-cased; and addresses, whose runs say little:
//! four numbers with dots between them are a term as well.
//!
//! The index must never miss a text that the engine would match, so a run with characters outside ASCII is entered
//! whole and, beside that, by its ASCII parts: whatever the engine takes for a boundary there, the term is found.

mod collect;
mod posting;

pub(crate) use collect::Collector;
pub(crate) use posting::{BlockSet, Posting, read_posting, skip_posting};

/// Longer terms are entered and looked up by their first bytes.
pub(crate) const TERM_BYTES_MAX: usize = 64;

/// Numbers of an address.
const ADDRESS_RUNS: usize = 4;
/// Digits of such a number.
const ADDRESS_DIGITS_MAX: usize = 3;

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
    ascii_runs(lower.as_bytes(), &mut |term| {
        if is_address(term) {
            found(term);
        }
    });
    // What lower-casing turns into something else may still be matched as it stands.
    if !text.chars().eq(lower.chars()) {
        let plain = text.to_ascii_lowercase();
        for run in plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| !run.is_empty()) {
            found(cut(run.as_bytes()));
        }
    }
}

/// The terms of a text, each once, as they are looked up: addresses before the others.
pub(crate) fn terms_of(text: &str) -> Vec<Vec<u8>> {
    let mut terms: Vec<Vec<u8>> = Vec::new();
    let mut add = |term: &[u8]| {
        if !terms.iter().any(|known| known == term) {
            terms.push(term.to_vec());
        }
    };
    let lower = lower(text);
    if lower.contains('.') {
        ascii_runs(lower.as_bytes(), &mut |term| {
            if is_address(term) {
                add(term);
            }
        });
    }
    for run in lower.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
        add(cut(run.as_bytes()));
    }
    terms
}

/// Lower case, character by character; a final sigma counts as any other.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

fn ascii_runs(bytes: &[u8], found: &mut impl FnMut(&[u8])) {
    let mut chain = Chain::default();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let start = at + rest.iter().take_while(|b| !b.is_ascii_alphanumeric()).count();
        let from = bytes.get(start..).unwrap_or_default();
        let end = start + from.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        let Some(run) = bytes.get(start..end).filter(|run| !run.is_empty()) else { return };
        found(cut(run));
        if let Some(address) = chain.push(bytes, start, end) {
            found(address);
        }
        at = end;
    }
}

/// Numbers with one dot between each, as they come.
#[derive(Default)]
struct Chain {
    /// Where the last numbers start.
    starts: [usize; ADDRESS_RUNS],
    count: usize,
    end: usize,
}

impl Chain {
    /// Takes the next run; the address that it completes.
    fn push<'a>(&mut self, bytes: &'a [u8], start: usize, end: usize) -> Option<&'a [u8]> {
        let run = bytes.get(start..end)?;
        if run.len() > ADDRESS_DIGITS_MAX || !run.iter().all(u8::is_ascii_digit) {
            self.count = 0;
            return None;
        }
        let follows = self.count > 0 && start == self.end + 1 && bytes.get(self.end) == Some(&b'.');
        self.count = if follows { self.count + 1 } else { 1 };
        self.end = end;
        self.starts.rotate_left(1);
        *self.starts.last_mut()? = start;
        if self.count < ADDRESS_RUNS {
            return None;
        }
        bytes.get(*self.starts.first()?..end)
    }
}

/// True for a term that is an address.
pub(crate) fn is_address(term: &[u8]) -> bool {
    term.contains(&b'.')
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
        let cases: [(&str, &[&str]); 11] = [
            ("", &[]),
            ("--__--", &[]),
            ("PowerShell.exe -enc ABC=", &["powershell", "exe", "enc", "abc"]),
            ("10.0.0.1", &["10", "0", "0", "1", "10.0.0.1"]),
            ("1.2.3.4.5", &["1", "2", "3", "4", "1.2.3.4", "5", "2.3.4.5"]),
            ("v1.2.3.4-5.6", &["v1", "2", "3", "4", "5", "6"]),
            (
                "1.2..3.4 1.2.3 4 1234.1.1.1",
                &["1", "2", "3", "4", "1", "2", "3", "4", "1234", "1", "1", "1"],
            ),
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
            "10.0.0.1",
            "é 10.20.30.40:é",
            "1.2.3.4.5.6",
        ] {
            let entered = terms(text);
            let folded = text.to_lowercase(); // as the engine folds what it looks for
            for term in terms_of(text).into_iter().chain(terms_of(&folded)) {
                assert!(entered.contains(&String::from_utf8_lossy(&term).into_owned()), "{text}");
            }
        }
    }
}
