//! Bodies as clients really send them: strict JSON, or what the Azure command line and notebooks write instead.
//!
//! `az deployment` sends an object with an unquoted key, msticpy sends Python literals (single quotes, True, None),
//! templates carry comments and trailing commas. Azure takes all of these, so this does too. Strict JSON is tried first
//! and means the same as ever; whatever neither reads is refused with its place.

use serde_json::{Map, Number, Value};

use crate::ArmError;

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 100;
/// Longest body that is read.
const BYTES_MAX: usize = 32 << 20;

/// Reads a body. An empty one is null.
pub fn lenient_json(bytes: &[u8]) -> Result<Value, ArmError> {
    if bytes.len() > BYTES_MAX {
        let message = format!("the body has {} bytes; at most {BYTES_MAX} are read", bytes.len());
        return Err(ArmError::new(413, "RequestContentTooLarge", message));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        ArmError::invalid_content(format!("the body is not UTF-8 at byte {}", e.valid_up_to()))
    })?;
    let mut reader = Reader { text, at: 0 };
    reader.document().map_err(|wanted| {
        let before = text.get(..reader.at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        ArmError::invalid_content(format!(
            "the body is not JSON: line {line}, column {column}: {wanted}"
        ))
    })
}

/// What was expected where reading stopped.
type Wanted = String;

struct Reader<'a> {
    text: &'a str,
    /// Always on a character boundary.
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// Skips white space and comments.
    fn space(&mut self) -> Result<(), Wanted> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            let comment = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map(|at| at + 2).ok_or("the comment has no end; add */")?
            } else {
                return Ok(());
            };
            self.at += comment;
        }
    }

    fn document(&mut self) -> Result<Value, Wanted> {
        let value = self.value(0)?;
        self.space()?;
        match self.peek() {
            None => Ok(value),
            Some(c) => Err(format!("'{c}' follows the end of the value")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Wanted> {
        if depth > DEPTH_MAX {
            return Err(format!("values are nested deeper than {DEPTH_MAX}"));
        }
        self.space()?;
        match self.peek() {
            None => Err("a value is missing".into()),
            Some('{') => self.object(depth),
            Some('[') => self.list(']', depth),
            Some('(') => self.list(')', depth), // a Python tuple
            Some('"' | '\'') => self.quoted().map(Value::String),
            Some('-' | '+' | '.' | '0'..='9') => self.number(),
            Some(_) => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Wanted> {
        self.at += 1;
        let mut map = Map::new();
        loop {
            self.space()?;
            if self.eat('}') {
                return Ok(Value::Object(map));
            }
            let key = match self.peek() {
                Some('"' | '\'') => self.quoted()?,
                _ => self.bare_key()?,
            };
            self.space()?;
            if !self.eat(':') {
                return Err(format!("a ':' is missing after the key '{key}'"));
            }
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            self.space()?;
            if !self.eat(',') && self.peek() != Some('}') {
                return Err("a ',' or '}' is missing".into());
            }
        }
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Value, Wanted> {
        self.at += 1;
        let mut list = Vec::new();
        loop {
            self.space()?;
            if self.eat(end) {
                return Ok(Value::Array(list));
            }
            list.push(self.value(depth + 1)?);
            self.space()?;
            if !self.eat(',') && self.peek() != Some(end) {
                return Err(format!("a ',' or '{end}' is missing"));
            }
        }
    }

    /// The longest run of characters that `holds` accepts.
    fn run(&mut self, holds: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !holds(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or("")
    }

    fn bare_key(&mut self) -> Result<String, Wanted> {
        let start = self.at;
        let key = self.run(|c| c.is_alphanumeric() || "_$-.".contains(c));
        if key.is_empty() || key.starts_with(|c: char| !c.is_alphabetic() && !"_$".contains(c)) {
            self.at = start;
            return Err("a key or '}' is missing".into());
        }
        Ok(key.to_owned())
    }

    fn word(&mut self) -> Result<Value, Wanted> {
        let start = self.at;
        let word = self.run(char::is_alphanumeric);
        match word {
            "true" | "True" => Ok(Value::Bool(true)),
            "false" | "False" => Ok(Value::Bool(false)),
            "null" | "None" => Ok(Value::Null),
            _ => {
                self.at = start;
                let shown: String = word.chars().take(20).collect();
                Err(format!("'{shown}' is no value; put texts in quotes"))
            }
        }
    }

    fn number(&mut self) -> Result<Value, Wanted> {
        let start = self.at;
        let text = self.run(|c| c.is_ascii_alphanumeric() || "+-._".contains(c));
        let digits = text.trim_start_matches(['+', '-']);
        let zero_led = digits.len() > 1
            && digits.starts_with('0')
            && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        let number = if zero_led || !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            None
        } else if let Ok(whole) = text.parse::<i64>() {
            Some(Number::from(whole))
        } else if let Ok(whole) = text.parse::<u64>() {
            Some(Number::from(whole))
        } else {
            text.parse::<f64>().ok().and_then(Number::from_f64)
        };
        number.map(Value::Number).ok_or_else(|| {
            self.at = start;
            let shown: String = text.chars().take(40).collect();
            format!("'{shown}' is not a number")
        })
    }

    fn quoted(&mut self) -> Result<String, Wanted> {
        let start = self.at;
        let Some(quote) = self.next() else { return Err("a text is missing".into()) };
        let mut text = String::new();
        loop {
            text += self.run(|c| c != quote && c != '\\');
            match self.next() {
                Some('\\') => self.escape(&mut text)?,
                Some(_) => return Ok(text),
                None => {
                    self.at = start;
                    return Err(format!("the text has no end; add {quote}"));
                }
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), Wanted> {
        let start = self.at;
        let c = match self.next() {
            Some(c @ ('"' | '\'' | '\\' | '/')) => Some(c),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('v') => Some('\u{b}'),
            Some('a') => Some('\u{7}'),
            Some('0') => Some('\0'),
            Some('x') => self.hexadecimal(2).and_then(char::from_u32),
            Some('u') => self.utf16(),
            Some('U') => self.hexadecimal(8).and_then(char::from_u32),
            Some('\n') => return Ok(()), // a continued line
            _ => None,
        };
        match c {
            Some(c) => {
                text.push(c);
                Ok(())
            }
            None => {
                self.at = start;
                Err("the escape after '\\' is not known; write '\\\\' for a backslash".into())
            }
        }
    }

    fn hexadecimal(&mut self, digits: usize) -> Option<u32> {
        let text = self.rest().get(..digits)?;
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += digits;
        u32::from_str_radix(text, 16).ok()
    }

    /// `XXXX`, or a pair of surrogates `D83D\uDE00`.
    fn utf16(&mut self) -> Option<char> {
        let first = u16::try_from(self.hexadecimal(4)?).ok()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(u32::from(first));
        }
        if !(self.eat('\\') && self.eat('u')) {
            return None;
        }
        let second = u16::try_from(self.hexadecimal(4)?).ok()?;
        char::decode_utf16([first, second]).next()?.ok()
    }
}

#[cfg(test)]
mod tests;
