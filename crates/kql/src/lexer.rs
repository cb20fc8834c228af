//! Text to tokens. Words are never keywords here: the parser decides from where they stand.

use crate::{
    diagnostic::{Diagnostics, Fault},
    syntax::Span,
};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A word: letters, digits, `_`, `$`.
    Word,
    /// `12`, `0x1F`
    Long,
    /// `1.5`, `1e10`
    Real,
    /// `1d`, `1.5h`
    TimeSpan,
    /// A guid without quotes.
    RawGuid,
    /// Any string form.
    String,
    /// `datetime(...)` and its like, with everything up to the closing parenthesis.
    Typed,
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    Pipe,
    Dot,
    DotDot,
    Comma,
    Colon,
    Semicolon,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Less,
    LessOrEqual,
    LessGreater,
    Greater,
    GreaterOrEqual,
    Assign,
    Equal,
    FatArrow,
    EqualTilde,
    Bang,
    BangEqual,
    BangTilde,
    Tilde,
    At,
    Question,
    /// A character that has no place in the language.
    Bad,
    /// The end of the text.
    End,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// Words that, directly before a parenthesis, make a literal of everything inside.
const TYPED_LITERALS: &[&str] = &[
    "bool", "boolean", "date", "datetime", "decimal", "double", "guid", "int", "int32", "int64",
    "long", "real", "time", "timespan", "uniqueid", "uuid",
];

/// No literal is longer; the bound keeps unclosed ones from being searched for over and over.
const TYPED_LITERAL_BYTES_MAX: usize = 256;

/// The units behind a number that make a timespan.
pub(crate) const TIMESPAN_UNITS: &[(&str, i64)] = &[
    ("tick", 1),
    ("ticks", 1),
    ("micro", values::TICKS_PER_MICROSECOND),
    ("micros", values::TICKS_PER_MICROSECOND),
    ("microsec", values::TICKS_PER_MICROSECOND),
    ("microsecond", values::TICKS_PER_MICROSECOND),
    ("microseconds", values::TICKS_PER_MICROSECOND),
    ("ms", values::TICKS_PER_MILLISECOND),
    ("milli", values::TICKS_PER_MILLISECOND),
    ("millis", values::TICKS_PER_MILLISECOND),
    ("millisec", values::TICKS_PER_MILLISECOND),
    ("millisecond", values::TICKS_PER_MILLISECOND),
    ("milliseconds", values::TICKS_PER_MILLISECOND),
    ("s", values::TICKS_PER_SECOND),
    ("sec", values::TICKS_PER_SECOND),
    ("second", values::TICKS_PER_SECOND),
    ("seconds", values::TICKS_PER_SECOND),
    ("m", values::TICKS_PER_MINUTE),
    ("min", values::TICKS_PER_MINUTE),
    ("minute", values::TICKS_PER_MINUTE),
    ("minutes", values::TICKS_PER_MINUTE),
    ("h", values::TICKS_PER_HOUR),
    ("hr", values::TICKS_PER_HOUR),
    ("hrs", values::TICKS_PER_HOUR),
    ("hour", values::TICKS_PER_HOUR),
    ("hours", values::TICKS_PER_HOUR),
    ("d", values::TICKS_PER_DAY),
    ("day", values::TICKS_PER_DAY),
    ("days", values::TICKS_PER_DAY),
    // A hundredth of a tick: the sum is rounded.
    ("nano", 0),
    ("nanos", 0),
    ("nanosec", 0),
    ("nanosecond", 0),
    ("nanoseconds", 0),
];

/// All tokens of a text, the last of them [`TokenKind::End`].
pub(crate) fn tokens(text: &str, diagnostics: &mut Diagnostics<'_>) -> Vec<Token> {
    let mut lexer = Lexer { text, at: 0, diagnostics };
    let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
    loop {
        let token = lexer.next();
        tokens.push(token);
        if token.kind == TokenKind::End {
            return tokens;
        }
    }
}

struct Lexer<'t, 'd, 's> {
    text: &'t str,
    at: usize,
    diagnostics: &'d mut Diagnostics<'s>,
}

impl Lexer<'_, '_, '_> {
    /// The byte `ahead` of the current one; 0 behind the end.
    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn span_from(&self, start: usize) -> Span {
        Span::new(offset(start), offset(self.at))
    }

    fn next(&mut self) -> Token {
        self.skip_trivia();
        let start = self.at;
        let kind = self.scan(start);
        Token { kind, span: self.span_from(start) }
    }

    /// White space, `//` comments and `#` lines.
    fn skip_trivia(&mut self) {
        loop {
            match self.byte(0) {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'/' if self.byte(1) == b'/' => self.skip_line(),
                b'#' if self.at_line_start() => self.skip_line(),
                0x80.. => match self.rest().chars().next() {
                    Some(c) if is_space(c) => self.at += c.len_utf8(),
                    _ => return,
                },
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += rest.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(rest.len());
    }

    fn at_line_start(&self) -> bool {
        let before = self.text.as_bytes().get(..self.at).unwrap_or_default();
        before.iter().rev().take_while(|b| **b != b'\n').all(|b| matches!(b, b' ' | b'\t' | b'\r'))
    }

    fn scan(&mut self, start: usize) -> TokenKind {
        use TokenKind::*;
        match self.byte(0) {
            0 if self.at >= self.text.len() => End,
            b'(' => self.take(1, LeftParen),
            b')' => self.take(1, RightParen),
            b'[' => self.take(1, LeftBracket),
            b']' => self.take(1, RightBracket),
            b'{' => self.take(1, LeftBrace),
            b'}' => self.take(1, RightBrace),
            b'|' => self.take(1, Pipe),
            b'.' if self.byte(1) == b'.' => self.take(2, DotDot),
            b'.' => self.take(1, Dot),
            b',' => self.take(1, Comma),
            b':' => self.take(1, Colon),
            b';' => self.take(1, Semicolon),
            b'+' => self.take(1, Plus),
            b'-' => self.take(1, Minus),
            b'*' => self.take(1, Star),
            b'/' => self.take(1, Slash),
            b'%' => self.take(1, Percent),
            b'?' => self.take(1, Question),
            b'<' => match self.byte(1) {
                b'=' => self.take(2, LessOrEqual),
                b'>' => self.take(2, LessGreater),
                _ => self.take(1, Less),
            },
            b'>' if self.byte(1) == b'=' => self.take(2, GreaterOrEqual),
            b'>' => self.take(1, Greater),
            b'=' => match self.byte(1) {
                b'=' => self.take(2, Equal),
                b'>' => self.take(2, FatArrow),
                b'~' => self.take(2, EqualTilde),
                _ => self.take(1, Assign),
            },
            b'!' => match self.byte(1) {
                b'=' => self.take(2, BangEqual),
                b'~' => self.take(2, BangTilde),
                _ => self.take(1, Bang),
            },
            b'\'' | b'"' | b'`' | b'~' | b'@' | b'h' | b'H' if self.string(start) => String,
            b'~' => self.take(1, Tilde),
            b'@' => self.take(1, At),
            b'0'..=b'9' => self.number_or_word(),
            _ => self.word_or_bad(start),
        }
    }

    fn take(&mut self, bytes: usize, kind: TokenKind) -> TokenKind {
        self.at += bytes;
        kind
    }

    /// Reads a string if one starts here: `"`, `'`, ```` ``` ````, `~~~`, each maybe behind `h`, and `@` for the first two.
    fn string(&mut self, start: usize) -> bool {
        let mut ahead = usize::from(matches!(self.byte(0), b'h' | b'H'));
        let verbatim = self.byte(ahead) == b'@';
        ahead += usize::from(verbatim);
        let quote = self.byte(ahead);
        match quote {
            b'"' | b'\'' => {
                self.at += ahead + 1;
                let closed = if verbatim { self.verbatim(quote) } else { self.escaped(quote) };
                if !closed {
                    self.unclosed(start, &(quote as char).to_string());
                }
            }
            b'`' | b'~' if self.byte(ahead + 1) == quote && self.byte(ahead + 2) == quote => {
                self.at += ahead + 3;
                let fence = if quote == b'`' { "```" } else { "~~~" };
                match self.rest().find(fence) {
                    Some(length) => self.at += length + 3,
                    None => {
                        self.at = self.text.len();
                        self.unclosed(start, fence);
                    }
                }
            }
            _ => return false,
        }
        true
    }

    fn verbatim(&mut self, quote: u8) -> bool {
        loop {
            match self.byte(0) {
                b if b == quote && self.byte(1) == quote => self.at += 2,
                b if b == quote => {
                    self.at += 1;
                    return true;
                }
                b'\r' | b'\n' => return false,
                _ if self.at >= self.text.len() => return false,
                _ => self.at += 1,
            }
        }
    }

    fn escaped(&mut self, quote: u8) -> bool {
        loop {
            match self.byte(0) {
                b'\\' if !matches!(self.byte(1), b'\r' | b'\n') => self.at += 2,
                b if b == quote => {
                    self.at += 1;
                    return true;
                }
                b'\r' | b'\n' => return false,
                _ if self.at >= self.text.len() => {
                    self.at = self.text.len();
                    return false;
                }
                _ => self.at += 1,
            }
        }
    }

    fn unclosed(&mut self, start: usize, quote: &str) {
        let span = self.span_from(start);
        let hint = format!("close the string with {quote}");
        self.diagnostics.error(Fault::NotUnderstood, span, Some(hint));
    }

    fn number_or_word(&mut self) -> TokenKind {
        use TokenKind::*;
        let rest = self.rest().as_bytes();
        let found = raw_guid(rest)
            .map(|length| (length, RawGuid))
            .or_else(|| real(rest).map(|length| (length, Real)))
            .or_else(|| timespan(rest).map(|length| (length, TimeSpan)))
            .or_else(|| long(rest).map(|length| (length, Long)));
        match found {
            Some((length, kind)) if !self.word_continues(length) => self.take(length, kind),
            _ => self.word(),
        }
    }

    fn word_continues(&self, ahead: usize) -> bool {
        self.rest().get(ahead..).and_then(|rest| rest.chars().next()).is_some_and(is_word)
    }

    fn word(&mut self) -> TokenKind {
        let rest = self.rest();
        let length =
            rest.char_indices().find(|(_, c)| !is_word(*c)).map_or(rest.len(), |(at, _)| at);
        self.at += length;
        TokenKind::Word
    }

    fn word_or_bad(&mut self, start: usize) -> TokenKind {
        let Some(c) = self.rest().chars().next() else { return TokenKind::End };
        if !starts_word(c) {
            let same = self.rest().chars().take_while(|next| *next == c).count();
            self.at += same * c.len_utf8();
            let hint = match c {
                '&' => "write 'and'".to_owned(),
                '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}' => {
                    "quote strings with \" or '".to_owned()
                }
                _ => "this character has no place in a query".to_owned(),
            };
            self.diagnostics.error(Fault::NotUnderstood, self.span_from(start), Some(hint));
            return TokenKind::Bad;
        }
        if let Some(length) = raw_guid(self.rest().as_bytes())
            && !self.word_continues(length)
        {
            return self.take(length, TokenKind::RawGuid);
        }
        self.at += c.len_utf8();
        self.word();
        self.typed_literal(start)
    }

    /// If the word just read begins a literal such as `datetime(...)`, reads up to the closing parenthesis.
    fn typed_literal(&mut self, start: usize) -> TokenKind {
        let word = self.text.get(start..self.at).unwrap_or_default();
        if self.byte(0) != b'(' || TYPED_LITERALS.binary_search(&word).is_err() {
            return TokenKind::Word;
        }
        let inside = self.rest().as_bytes();
        let end = inside.iter().take(TYPED_LITERAL_BYTES_MAX).position(|b| b")\n\r".contains(b));
        match end {
            Some(end) if inside.get(end) == Some(&b')') => self.take(end + 1, TokenKind::Typed),
            _ => TokenKind::Word,
        }
    }
}

/// Offsets beyond 4 GiB are never met: such texts are refused before they are read.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{180e}' | '\u{200b}' | '\u{feff}')
}

fn starts_word(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '$')
}

/// A character that continues a word.
pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn after(text: &[u8], at: usize) -> &[u8] {
    text.get(at..).unwrap_or_default()
}

/// Length of `8-4-4-4-12` hexadecimal digits.
fn raw_guid(text: &[u8]) -> Option<usize> {
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.get(..36)?.iter().enumerate().all(fits).then_some(36)
}

fn exponent(text: &[u8]) -> Option<usize> {
    let [b'e' | b'E', rest @ ..] = text else { return None };
    let sign = usize::from(matches!(rest, [b'+' | b'-', ..]));
    match digits(after(rest, sign)) {
        0 => None,
        length => Some(1 + sign + length),
    }
}

/// Length of a number with a point or an exponent. `1..` is a number before a range, not a real.
fn real(text: &[u8]) -> Option<usize> {
    let whole = digits(text);
    match after(text, whole) {
        [b'.', rest @ ..] if rest.first() != Some(&b'.') || rest.get(1) == Some(&b'.') => {
            let length = whole + 1 + digits(rest);
            Some(length + exponent(after(text, length)).unwrap_or(0))
        }
        rest => exponent(rest).map(|length| whole + length),
    }
    .filter(|length| !matches!(after(text, *length), [b, ..] if b.is_ascii_alphabetic()))
}

fn timespan(text: &[u8]) -> Option<usize> {
    let mut length = digits(text);
    if let [b'.', rest @ ..] = after(text, length)
        && digits(rest) > 0
    {
        length += 1 + digits(rest);
    }
    let rest = after(text, length);
    let unit = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let unit = std::str::from_utf8(rest.get(..unit)?).ok()?;
    TIMESPAN_UNITS.iter().any(|(name, _)| *name == unit).then_some(length + unit.len())
}

fn long(text: &[u8]) -> Option<usize> {
    if let [b'0', b'x' | b'X', rest @ ..] = text {
        let hex = rest.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if hex > 0 {
            return Some(2 + hex);
        }
    }
    Some(digits(text)).filter(|length| *length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_literals_can_be_looked_up() {
        assert!(TYPED_LITERALS.is_sorted());
    }

    #[test]
    fn numbers_end_where_they_should() {
        use TokenKind::*;
        let cases: &[(&str, &[(TokenKind, &str)])] = &[
            ("1..10", &[(Long, "1"), (DotDot, ".."), (Long, "10")]),
            ("1...5", &[(Real, "1."), (DotDot, ".."), (Long, "5")]),
            ("1.5.5", &[(Real, "1.5"), (Dot, "."), (Long, "5")]),
            ("1d 1dx 1.5h", &[(TimeSpan, "1d"), (Word, "1dx"), (TimeSpan, "1.5h")]),
            ("1e5 1e 1ex", &[(Real, "1e5"), (Word, "1e"), (Word, "1ex")]),
            ("0x1F 0xG 0x", &[(Long, "0x1F"), (Word, "0xG"), (Word, "0x")]),
            ("1.e", &[(Long, "1"), (Dot, "."), (Word, "e")]),
            ("a1 $x _y", &[(Word, "a1"), (Word, "$x"), (Word, "_y")]),
            (
                "int(5) int (5)",
                &[
                    (Typed, "int(5)"),
                    (Word, "int"),
                    (LeftParen, "("),
                    (Long, "5"),
                    (RightParen, ")"),
                ],
            ),
        ];
        for (text, expected) in cases {
            let mut diagnostics = Diagnostics::new(text);
            let found = tokens(text, &mut diagnostics);
            let found: Vec<_> =
                found.iter().map(|token| (token.kind, token.span.of(text))).collect();
            let (last, found) = found.split_last().unwrap_or((&(End, ""), &[]));
            assert_eq!((last.0, found), (End, *expected), "{text}");
        }
    }
}
