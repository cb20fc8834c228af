//! Groups of matches. A lone field behind its name is read as such ([`Field`]). Where a match can begin only at a few places and reads in one pass, it is read from there at once;
//! the general engine goes over a text up to three times: for the end of the match, for its start, for its groups.

use std::ops::Deref;
use std::sync::OnceLock;

use regex::{CaptureLocations, Regex, RegexBuilder};
use regex_automata::dfa::onepass::{self, DFA};
use regex_automata::nfa::thompson::{self, NFA, State};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::primitives::{NonMaxUsize, StateID};
use regex_automata::{Anchored, Input, MatchKind, Span};

use super::field::Field;

/// Memory that one compiled pattern may take.
const SIZE_MAX: usize = 16 << 20;
/// Memory that its way in one pass may take.
const ONE_PASS_MAX: usize = 1 << 20;
/// Places in a text that may look like the start of a match without being one, before the general engine takes over:
/// without a bound each of them could be read to the end of the text.
const MISSES_MAX: usize = 8;
/// Texts after which it counts how many of those places there were.
const TRIAL: usize = 32;
/// With more different bytes to begin with than this, nearly every place looks like a start.
const FIRST_MAX: usize = 192;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    quick: OnceLock<Option<Quick>>,
    field: OnceLock<Option<Field>>,
}

impl Deref for Pattern {
    type Target = Regex;

    fn deref(&self) -> &Regex {
        &self.regex
    }
}

impl Pattern {
    /// Compiles it.
    pub(super) fn new(pattern: &str) -> Result<Self, regex::Error> {
        let regex =
            RegexBuilder::new(pattern).size_limit(SIZE_MAX).dfa_size_limit(SIZE_MAX).build()?;
        Ok(Self { regex, quick: OnceLock::new(), field: OnceLock::new() })
    }

    /// The way in one pass, worked out when first asked for.
    fn quick(&self) -> Option<&Quick> {
        self.quick.get_or_init(|| Quick::of(self.regex.as_str())).as_ref()
    }

    /// The pattern as a field, where it is one.
    fn field(&self) -> Option<&Field> {
        self.field.get_or_init(|| Field::of(self.regex.as_str())).as_ref()
    }
}

/// Where matches may begin, and how to read one from there.
#[derive(Debug)]
struct Quick {
    starts: Starts,
    reader: DFA,
}

#[derive(Debug)]
enum Starts {
    /// Each match begins with one of some literals.
    Literals(Prefilter),
    /// Each match begins with one of some bytes.
    Bytes(Box<[bool; 256]>),
}

impl Quick {
    /// None where the pattern is not of that kind. No match of such a pattern is empty.
    fn of(pattern: &str) -> Option<Self> {
        let hir = regex_syntax::parse(pattern).ok()?;
        hir.properties().minimum_len().filter(|length| *length > 0)?;
        let config = thompson::Config::new().nfa_size_limit(Some(SIZE_MAX));
        let nfa = thompson::Compiler::new().configure(config).build_from_hir(&hir).ok()?;
        let starts = match Prefilter::from_hir_prefix(MatchKind::LeftmostFirst, &hir) {
            Some(literals) => Starts::Literals(literals),
            None => Starts::Bytes(first_bytes(&nfa)?),
        };
        let config = onepass::Config::new()
            .match_kind(MatchKind::LeftmostFirst)
            .size_limit(Some(ONE_PASS_MAX));
        let reader = onepass::Builder::new().configure(config).build_from_nfa(nfa).ok()?;
        Some(Self { starts, reader })
    }

    /// The next place from `at` on where a match may begin.
    fn start(&self, text: &str, at: usize) -> Option<usize> {
        match &self.starts {
            Starts::Literals(literals) => {
                literals.find(text.as_bytes(), Span::from(at..text.len())).map(|found| found.start)
            }
            Starts::Bytes(first) => {
                let mut rest = text.as_bytes().get(at..)?.iter();
                rest.position(|byte| first[usize::from(*byte)]).map(|found| at + found)
            }
        }
    }
}

/// The bytes that matches begin with; none where they are too many to tell places apart.
fn first_bytes(nfa: &NFA) -> Option<Box<[bool; 256]>> {
    let mut first = Box::new([false; 256]);
    let mut seen = vec![false; nfa.states().len()];
    let mut open = vec![nfa.start_anchored()];
    while let Some(id) = open.pop() {
        match seen.get_mut(id.as_usize()) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        let mut range = |from: u8, to: u8| (from..=to).for_each(|b| first[usize::from(b)] = true);
        match nfa.state(id) {
            State::ByteRange { trans } => range(trans.start, trans.end),
            State::Sparse(sparse) => sparse.transitions.iter().for_each(|t| range(t.start, t.end)),
            State::Dense(dense) => {
                for byte in 0..=u8::MAX {
                    if dense.transitions.get(usize::from(byte)).is_some_and(|t| *t != StateID::ZERO)
                    {
                        range(byte, byte);
                    }
                }
            }
            State::Look { next, .. } | State::Capture { next, .. } => open.push(*next),
            State::Union { alternates } => open.extend(alternates.iter()),
            State::BinaryUnion { alt1, alt2 } => open.extend([*alt1, *alt2]),
            State::Fail => {}
            State::Match { .. } => return None,
        }
    }
    (first.iter().filter(|b| **b).count() <= FIRST_MAX).then_some(first)
}

/// Finds matches of one pattern in one text after another, with their groups.
pub(crate) struct Groups<'p> {
    regex: &'p Regex,
    field: Option<&'p Field>,
    quick: Option<(&'p Quick, onepass::Cache)>,
    slots: Vec<Option<NonMaxUsize>>,
    places: CaptureLocations,
    /// The match came by the quick way.
    quickly: bool,
    /// Places of this text that only looked like the start of a match.
    misses: usize,
    texts: usize,
    /// Matches, and places that only looked like one, in all texts.
    hits: usize,
    misled: usize,
}

impl<'p> Groups<'p> {
    /// Matches of a pattern, with groups up to and including this one.
    pub(crate) fn new(pattern: &'p Pattern, last: usize) -> Self {
        let last = last.min(pattern.captures_len().saturating_sub(1));
        let field = pattern.field();
        // a field is read without it, but for texts of which it cannot tell
        let quick = if field.is_some() { None } else { pattern.quick() };
        Self {
            regex: &pattern.regex,
            field,
            quick: quick.map(|quick| (quick, quick.reader.create_cache())),
            slots: vec![None; (last + 1) * 2],
            places: pattern.capture_locations(),
            quickly: false,
            misses: 0,
            texts: 0,
            hits: 0,
            misled: 0,
        }
    }

    /// The first match of a text.
    pub(crate) fn first(&mut self, text: &str) -> Option<Span> {
        self.begin();
        self.find(text, 0)
    }

    /// Every match of a text, until the reader has enough (false).
    pub(crate) fn each(&mut self, text: &str, mut read: impl FnMut(&Self, Span) -> bool) {
        self.begin();
        let (mut at, mut last) = (0, None);
        while at <= text.len()
            && let Some(mut found) = self.find(text, at)
        {
            // where a match has just ended, an empty one does not follow
            if found.start == found.end && Some(found.end) == last {
                at += 1;
                if at > text.len() {
                    return;
                }
                let Some(next) = self.find(text, at) else { return };
                found = next;
            }
            at = found.end;
            last = Some(found.end);
            if !read(self, found) {
                return;
            }
        }
    }

    fn begin(&mut self) {
        self.misled += self.misses;
        self.misses = 0;
        self.texts += 1;
        // where the first look mostly misleads, the general engine goes over a text but a few times
        if self.texts.is_multiple_of(TRIAL) && self.misled > self.hits.max(self.texts) {
            self.quick = None;
        }
    }

    fn find(&mut self, text: &str, from: usize) -> Option<Span> {
        if let Some(found) = self.field.and_then(|field| field.find(text, from)) {
            self.quickly = true;
            let (whole, group) = found?;
            let places = [whole.start, whole.end, group.start, group.end];
            self.slots.iter_mut().zip(places).for_each(|(slot, at)| *slot = NonMaxUsize::new(at));
            return Some(whole);
        }
        if let Some((quick, cache)) = &mut self.quick {
            self.quickly = true;
            let mut at = from;
            while self.misses < MISSES_MAX {
                at = quick.start(text, at)?;
                let input = Input::new(text).span(at..text.len()).anchored(Anchored::Yes);
                match quick.reader.try_search_slots(cache, &input, &mut self.slots) {
                    Ok(Some(_)) => {
                        self.hits += 1;
                        let slot = |at: usize| self.slots.get(at).copied().flatten();
                        return Some(Span { start: slot(0)?.get(), end: slot(1)?.get() });
                    }
                    Ok(None) => {}
                    Err(_) => break,
                }
                self.misses += 1;
                at += 1;
            }
        }
        self.quickly = false;
        if self.slots.len() == 2 {
            let found = self.regex.find_at(text, from)?;
            return Some(Span { start: found.start(), end: found.end() });
        }
        let found = self.regex.captures_read_at(&mut self.places, text, from)?;
        Some(Span { start: found.start(), end: found.end() })
    }

    /// The text of a group of the match; empty where it takes no part in it. Not for group 0.
    pub(crate) fn text<'t>(&self, text: &'t str, group: usize) -> &'t str {
        let range = if self.quickly {
            let slot = |at: usize| self.slots.get(at).copied().flatten().map(NonMaxUsize::get);
            slot(group * 2).zip(slot(group * 2 + 1))
        } else {
            self.places.get(group)
        };
        range.and_then(|(from, to)| text.get(from..to)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PATTERNS: [&str; 68] = [
        "id=([a-z]+)",
        "id=([^;&]+)",
        "id=([^;&]*)",
        "id=([^;&]*)&",
        "id=(.*)",
        "id=(.+?)&",
        "id=(.*?)id",
        "key: (.*?), value",
        "a (.+?)b",
        r"a(\S+)",
        r"é(\W*)a",
        "a([a-z]*)c",
        "a([^c]+?)c",
        "foo([^o]*?)o",
        "",
        "a",
        "a*",
        "a+",
        "a?b",
        "(a)|(b)",
        "(a|ab)(c|bcd)?",
        "(ab|a)(bc)?",
        "^a",
        "a$",
        "^$",
        "^",
        "$",
        r"\b",
        r"\bfoo\b",
        r"\B",
        r"foo(\d+)?",
        r"id=([0-9]+)",
        r"id=(\d+)",
        r"([0-9]+)$",
        r"([a-z]+)=",
        r"([a-z]+)=([^;]*);",
        r"(?i)CAT=([a-z]+);",
        r"(?i)ſ(k)",
        "(?i)straße",
        r"(\w+)@(\w+)\.com",
        r"[^a]b",
        r"é(.)?",
        r"(.)(é)",
        r"\p{Greek}+",
        r"(?s)a.*z",
        r"(?m)^key: (.*)$",
        r"key: ([^,]+), value: (.+)$",
        r"x*",
        r"(x*)(y*)",
        r"(?:)|a",
        r"a||b",
        r"(a)?(b)?(c)",
        r"(?:(a)|b)*c",
        r"foo|foobar",
        r"foobar|foo",
        r"(foo|foobar)baz",
        r"\bword",
        r"end\z",
        r"\Astart(.*)",
        r"(?P<n>a)(?P<m>b)?",
        r"[\d]{2,4}-",
        r"(ab)+",
        r"a{0}b",
        r"[^\x00-\x7F]+",
        r"\.(exe|dll)\b",
        r"(?-u:\b)foo",
        r"日(本)?",
        r"=(?:[^=]*x)?",
    ];

    const TEXTS: [&str; 34] = [
        "",
        "a",
        "b",
        "aa",
        "ab",
        "abc",
        "abcd",
        "aab ab",
        "aaa",
        "foo",
        "foo1 foo22 foobar",
        "a foo b",
        "xfoo foo",
        "https://example/?id=&id=x&id=42&id=7",
        "id=id=id=id=id=id=id=id=id=id=id=5",
        "cat=traffic;Cat=Other;cAt=x1;",
        "CAT=;CAT=;CAT=;CAT=;CAT=;CAT=;CAT=;CAT=;CAT=;CAT=yes;",
        "K k ſk SK",
        "STRASSE straße Straße STRAßE",
        "me@site.com you@place.com",
        "éa é",
        "日本日本人日",
        "αβγ δε abc",
        "a\nkey: one\nkey: \nkey: two",
        "key: a, value: b",
        "xxyyxy",
        "abababab",
        "foobarbaz foobaz",
        "word aword word",
        "start the end",
        "12-345-6-78901-",
        "run cmd.exe a.dll.exe x.dlls",
        "=a=b=c=d=e=f=g=h=i=j=k=xx",
        "z a z a z\u{301}é",
    ];

    #[test]
    fn both_ways_find_the_same() {
        let (mut quick, mut fields) = (0, 0);
        for source in PATTERNS {
            let pattern = Pattern::new(source).unwrap();
            let plain = Regex::new(source).unwrap();
            quick += usize::from(pattern.quick().is_some());
            fields += usize::from(pattern.field().is_some());
            let count = plain.captures_len();
            for last in 0..count {
                let mut groups = Groups::new(&pattern, last);
                for text in TEXTS {
                    let texts = |c: &regex::Captures<'_>| -> Vec<String> {
                        let whole = c.get(0).map(|m| format!("{m:?}"));
                        let group = |g| c.get(g).map_or("", |m| m.as_str()).to_owned();
                        whole.into_iter().chain((1..=last).map(group)).collect()
                    };
                    let said = |groups: &Groups<'_>, found: Span| -> Vec<String> {
                        let whole = plain.find_at(text, found.start).map(|m| format!("{m:?}"));
                        let group = |g| groups.text(text, g).to_owned();
                        whole.into_iter().chain((1..=last).map(group)).collect()
                    };
                    let wanted: Vec<_> = plain.captures_iter(text).map(|c| texts(&c)).collect();
                    let mut got = Vec::new();
                    let mut spans = Vec::new();
                    groups.each(text, |groups, found| {
                        got.push(said(groups, found));
                        spans.push((found.start, found.end));
                        true
                    });
                    let ranges: Vec<_> =
                        plain.find_iter(text).map(|m| (m.start(), m.end())).collect();
                    assert_eq!(spans, ranges, "{source} in {text}");
                    assert_eq!(got, wanted, "{source} in {text}");
                    let first = groups.first(text).map(|found| said(&groups, found));
                    assert_eq!(
                        first,
                        plain.captures(text).map(|c| texts(&c)),
                        "{source} in {text}"
                    );
                }
            }
        }
        assert!(quick > 15 && fields > 12, "{quick} {fields}");
    }
}
