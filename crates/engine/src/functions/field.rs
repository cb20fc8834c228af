//! Patterns such as `user=([^;]+)` or `"id":"(.*?)"`, by which most logs are taken apart: a literal, characters of one kind,
//! maybe another literal. They need no automaton.

use memchr::memmem::{self, Finder};
use regex_automata::Span;
use regex_syntax::hir::{Class, Hir, HirKind};

/// A group between literals.
#[derive(Debug)]
pub(super) struct Field {
    before: Finder<'static>,
    kind: Kind,
    /// 0 or 1 character at least.
    least: usize,
    /// Empty: the group ends where another kind of character stands.
    after: Box<[u8]>,
    /// Characters of the kind may begin what comes after: the group ends with the first of these.
    lazy: bool,
}

/// Characters of one kind.
#[derive(Debug)]
struct Kind {
    ascii: [bool; 128],
    /// Of the other characters all or none; where only some are, nothing is known.
    other: Option<bool>,
}

/// A character of which it is not known whether it is of the kind.
struct Unknown;

/// Characters that are not of ASCII.
const OTHERS: u32 = 0x11_0000 - 0x80 - 0x800;

impl Kind {
    fn of(class: &Class) -> Option<Self> {
        let Class::Unicode(class) = class else { return None };
        let mut ascii = [false; 128];
        let mut beyond = 0;
        for range in class.ranges() {
            let (from, to) = (u32::from(range.start()), u32::from(range.end()));
            for (code, is) in (0..).zip(&mut ascii) {
                *is |= (from..=to).contains(&code);
            }
            // the surrogates between are no characters
            let surrogates = if from < 0xD800 && to > 0xDFFF { 0x800 } else { 0 };
            beyond += (to + 1).saturating_sub(from.max(0x80)) - surrogates;
        }
        let other = match beyond {
            0 => Some(false),
            n => (n == OTHERS).then_some(true),
        };
        Some(Self { ascii, other })
    }

    fn has(&self, byte: u8) -> Result<bool, Unknown> {
        match self.ascii.get(usize::from(byte)) {
            Some(is) => Ok(*is),
            None => self.other.ok_or(Unknown),
        }
    }

    /// How many bytes at the start are of the kind.
    fn run(&self, bytes: &[u8]) -> Result<usize, Unknown> {
        for (at, byte) in bytes.iter().enumerate() {
            if !self.has(*byte)? {
                return Ok(at);
            }
        }
        Ok(bytes.len())
    }
}

impl Field {
    /// None for other patterns.
    pub(super) fn of(pattern: &str) -> Option<Self> {
        let hir = regex_syntax::parse(pattern).ok()?;
        let HirKind::Concat(parts) = hir.kind() else { return None };
        let literal = |hir: &Hir| match hir.kind() {
            HirKind::Literal(literal) => Some(literal.0.clone()),
            _ => None,
        };
        let (before, group, after) = match parts.as_slice() {
            [before, group] => (literal(before)?, group, Box::default()),
            [before, group, after] => (literal(before)?, group, literal(after)?),
            _ => return None,
        };
        let HirKind::Capture(group) = group.kind() else { return None };
        let HirKind::Repetition(many) = group.sub.kind() else { return None };
        let HirKind::Class(class) = many.sub.kind() else { return None };
        if many.max.is_some() || (after.is_empty() && !many.greedy) {
            return None;
        }
        let kind = Kind::of(class)?;
        let lazy = match after.first() {
            Some(first) => kind.has(*first).ok()?,
            None => false,
        };
        // a group that takes what it can would have to give some of it back
        if lazy && many.greedy {
            return None;
        }
        let least = usize::try_from(many.min).ok().filter(|least| *least <= 1)?;
        let before = Finder::new(&before).into_owned();
        Some(Self { before, kind, least, after, lazy })
    }

    /// The first match from `from` on and its group; none where only the general engine can tell.
    #[expect(clippy::option_option, reason = "whether it can tell, and what")]
    pub(super) fn find(&self, text: &str, from: usize) -> Option<Option<(Span, Span)>> {
        self.search(text.as_bytes(), from).ok()
    }

    fn search(&self, bytes: &[u8], from: usize) -> Result<Option<(Span, Span)>, Unknown> {
        let length = self.before.needle().len();
        let rest = |at: usize| bytes.get(at..).unwrap_or_default();
        let mut at = from;
        while let Some(found) = self.before.find(rest(at)) {
            let start = at + found;
            let from = start + length;
            let (run, ends) = if self.lazy {
                // where nothing comes after, no later start has an end either
                let Some(least) = self.first_character(rest(from)) else { return Ok(None) };
                let Some(end) = memmem::find(rest(from + least), &self.after) else {
                    return Ok(None);
                };
                let group = rest(from).get(..least + end).unwrap_or_default();
                let run = self.kind.run(group)?;
                (run, run == group.len())
            } else {
                let run = self.kind.run(rest(from))?;
                // comparing nothing is slow: it reads, masked, from where nothing lies
                let over = self.after.is_empty() || rest(from + run).starts_with(&self.after);
                (run, run >= self.least && over)
            };
            let end = from + run;
            if ends {
                let whole = Span { start, end: end + self.after.len() };
                return Ok(Some((whole, Span { start: from, end })));
            }
            // a start before the character that ended the run would end there, too
            at = (start + 1).max((end + 1).saturating_sub(length));
        }
        Ok(None)
    }

    /// The bytes of the characters that a group has at least; none where the text is over.
    fn first_character(&self, rest: &[u8]) -> Option<usize> {
        if self.least == 0 {
            return Some(0);
        }
        let further = rest.get(1..)?.iter().take_while(|byte| **byte & 0xC0 == 0x80).count();
        Some(1 + further)
    }
}
