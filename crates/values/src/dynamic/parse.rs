//! JSON text to a dynamic value, in one pass and without trees between.

use super::{DEPTH_MAX, DynamicBuilder};
use crate::Decimal;

impl DynamicBuilder {
    /// Adds the value that JSON text holds. Text that is not JSON adds nothing and gives none.
    ///
    /// Integers beyond 64 bits become decimals, beyond 28 digits reals; of equal keys the last wins; what is nested
    /// deeper than [`DEPTH_MAX`] is refused. Unpaired surrogates become U+FFFD.
    pub fn json(&mut self, text: &str) -> Option<()> {
        let mark = self.mark();
        let mut parser = Parser { text, at: 0, scratch: String::new() };
        parser.blanks();
        let done = parser.value(self, 0).filter(|()| {
            parser.blanks();
            parser.at == text.len()
        });
        if done.is_none() {
            self.rewind(mark);
        }
        done
    }
}

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    /// Texts with escapes are put together here.
    pub(super) scratch: String,
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    pub(super) fn word(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    pub(super) fn value(&mut self, out: &mut DynamicBuilder, depth: usize) -> Option<()> {
        match self.peek()? {
            b'{' | b'[' if depth >= DEPTH_MAX => None,
            b'{' => self.object(out, depth),
            b'[' => self.array(out, depth),
            b'"' => {
                let (plain, escaped) = self.string()?;
                out.string(if escaped { &self.scratch } else { plain });
                Some(())
            }
            b't' => self.word("true").map(|()| out.bool(true)),
            b'f' => self.word("false").map(|()| out.bool(false)),
            b'n' => self.word("null").map(|()| out.null()),
            b'-' | b'0'..=b'9' => self.number(out),
            _ => None,
        }
    }

    fn object(&mut self, out: &mut DynamicBuilder, depth: usize) -> Option<()> {
        self.at += 1;
        out.begin_object();
        self.blanks();
        if !self.eat(b'}') {
            loop {
                let (plain, escaped) = self.string()?;
                out.key(if escaped { &self.scratch } else { plain });
                self.blanks();
                self.eat(b':').then_some(())?;
                self.blanks();
                self.value(out, depth + 1)?;
                self.blanks();
                if self.eat(b'}') {
                    break;
                }
                self.eat(b',').then_some(())?;
                self.blanks();
            }
        }
        out.end_object();
        Some(())
    }

    fn array(&mut self, out: &mut DynamicBuilder, depth: usize) -> Option<()> {
        self.at += 1;
        out.begin_array();
        self.blanks();
        if !self.eat(b']') {
            loop {
                self.value(out, depth + 1)?;
                self.blanks();
                if self.eat(b']') {
                    break;
                }
                self.eat(b',').then_some(())?;
                self.blanks();
            }
        }
        out.end_array();
        Some(())
    }

    /// A quoted text: as it stands, or (second part true) in `scratch` because it has escapes.
    pub(super) fn string(&mut self) -> Option<(&'a str, bool)> {
        self.eat(b'"').then_some(())?;
        let start = self.at;
        self.run()?;
        if self.peek() == Some(b'"') {
            let plain = self.text.get(start..self.at)?;
            self.at += 1;
            return Some((plain, false));
        }
        self.scratch.clear();
        self.scratch.push_str(self.text.get(start..self.at)?);
        loop {
            let run = self.at;
            self.run()?;
            self.scratch.push_str(self.text.get(run..self.at)?);
            if self.eat(b'"') {
                return Some(("", true));
            }
            self.at += 1;
            self.escape()?;
        }
    }

    /// On to the next quote or backslash.
    pub(super) fn run(&mut self) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += memchr::memchr2(b'"', b'\\', rest)?;
        Some(())
    }

    fn escape(&mut self) -> Option<()> {
        let byte = self.peek()?;
        self.at += 1;
        self.scratch.push(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'\'' => '\'',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex4()?;
                return self.code_unit(unit);
            }
            _ => return None,
        });
        Some(())
    }

    pub(super) fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    /// One UTF-16 unit, with its second half where it has one.
    fn code_unit(&mut self, unit: u32) -> Option<()> {
        let mut code = unit;
        if (0xD800..0xDC00).contains(&unit) {
            let saved = self.at;
            let low = self.word("\\u").and_then(|()| self.hex4());
            match low.filter(|l| (0xDC00..0xE000).contains(l)) {
                Some(low) => code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00),
                None => self.at = saved,
            }
        }
        self.scratch.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        Some(())
    }

    /// Past a number: its text, its digits before the point, and whether it has a point or an exponent.
    pub(super) fn figures(&mut self) -> Option<(&'a str, usize, bool)> {
        let start = self.at;
        self.eat(b'-');
        let digits = self.digits();
        if digits == 0 {
            return None;
        }
        let mut real = false;
        if self.eat(b'.') {
            real = true;
            (self.digits() > 0).then_some(())?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            real = true;
            let _ = self.eat(b'-') || self.eat(b'+');
            (self.digits() > 0).then_some(())?;
        }
        Some((self.text.get(start..self.at)?, digits, real))
    }

    fn number(&mut self, out: &mut DynamicBuilder) -> Option<()> {
        let (text, digits, real) = self.figures()?;
        if !real {
            if let Ok(value) = text.parse() {
                out.long(value);
                return Some(());
            }
            if let Some(value) = Decimal::parse(text).filter(|_| digits <= 28) {
                out.decimal(value);
                return Some(());
            }
        }
        out.real(text.parse().ok()?);
        Some(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }
}
