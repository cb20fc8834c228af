//! Reads `name(literal, name(...), ...) => literal`.

use values::text::{parse_long, parse_real};
use values::{DateTime, Decimal, Dynamic, Guid, ScalarType, TimeSpan, Value};

pub(super) enum Term {
    Literal(Value, ScalarType),
    Call(String, Vec<Term>),
}

pub(super) struct Case {
    pub(super) call: Term,
    /// None: an error is expected.
    pub(super) expected: Option<(Value, ScalarType)>,
}

pub(super) fn case(line: &str) -> Result<Case, String> {
    let mut reader = Reader { rest: line };
    let call = reader.term()?;
    reader.blanks();
    reader.rest = reader.rest.strip_prefix("=>").ok_or("no =>")?;
    if reader.rest.trim() == "error" {
        return Ok(Case { call, expected: None });
    }
    match reader.term()? {
        Term::Literal(value, ty) => {
            reader.blanks();
            let rest = reader.rest;
            if !rest.is_empty() {
                return Err(format!("'{rest}' after the case"));
            }
            Ok(Case { call, expected: Some((value, ty)) })
        }
        Term::Call(name, _) => Err(format!("{name}: a literal is expected")),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn term(&mut self) -> Result<Term, String> {
        self.blanks();
        if self.rest.starts_with(['\'', '"', '@']) {
            return self.string().map(|s| Term::Literal(Value::from(s), ScalarType::String));
        }
        let number = self.rest.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
        let end = self.rest.find(['(', ',', ')', '\'', '"']).unwrap_or(self.rest.len());
        let arrow = self.rest.find("=>").unwrap_or(self.rest.len());
        if number || arrow < end || !self.rest[end..].starts_with('(') {
            let word = self.take(end.min(arrow)).trim();
            return word_literal(word).map(|(v, t)| Term::Literal(v, t));
        }
        let name = self.take(end).trim().to_owned();
        if let Some(ty) = ScalarType::from_name(&name) {
            return self.typed(ty);
        }
        self.take(1);
        let mut args = Vec::new();
        self.blanks();
        while !self.rest.starts_with(')') {
            args.push(self.term()?);
            self.blanks();
            if self.rest.starts_with(',') {
                self.take(1);
            } else if !self.rest.starts_with(')') {
                return Err(format!("',' or ')' expected before '{}'", self.rest));
            }
        }
        self.take(1);
        Ok(Term::Call(name, args))
    }

    /// `long(5)`, `dynamic([1,")"])`.
    fn typed(&mut self, ty: ScalarType) -> Result<Term, String> {
        let (mut depth, mut quoted, mut escaped, mut end) = (0, false, false, 0);
        for (at, c) in self.rest.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' if ty == ScalarType::Dynamic => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => {
                    depth -= 1;
                    if depth == 0 {
                        end = at;
                        break;
                    }
                }
                _ => {}
            }
        }
        let text = self.take(end + 1)[1..end].trim();
        if text == "null" {
            return Ok(Term::Literal(Value::null_of(ty), ty));
        }
        let value = match ty {
            ScalarType::Dynamic => Dynamic::parse_json(text).map(Value::from),
            ScalarType::DateTime => DateTime::parse(text).map(Value::from),
            ScalarType::TimeSpan => TimeSpan::parse(text).map(Value::from),
            ScalarType::Guid => Guid::parse(text).map(Value::from),
            ScalarType::Decimal => Decimal::parse(text).map(Value::from),
            ScalarType::Real => parse_real(text).map(Value::from),
            ty => Some(Value::from(text).cast(ty)),
        };
        value.map(|v| Term::Literal(v, ty)).ok_or_else(|| format!("{ty}({text}) does not read"))
    }

    fn string(&mut self) -> Result<String, String> {
        let verbatim = self.rest.starts_with('@');
        self.take(usize::from(verbatim));
        let quote = self.rest.chars().next().ok_or("a quote is missing")?;
        self.take(1);
        let mut out = String::new();
        loop {
            let c = self.rest.chars().next().ok_or("a quote is missing")?;
            self.take(c.len_utf8());
            if c == quote {
                return Ok(out);
            }
            if c == '\\' && !verbatim {
                let escaped = self.rest.chars().next().ok_or("an escape is cut")?;
                self.take(escaped.len_utf8());
                out.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '0' => '\0',
                    other => other,
                });
            } else {
                out.push(c);
            }
        }
    }
}

fn word_literal(word: &str) -> Result<(Value, ScalarType), String> {
    match word {
        "true" | "false" => return Ok((Value::Bool(word == "true"), ScalarType::Bool)),
        "null" => return Ok((Value::Null, ScalarType::Dynamic)),
        _ => {}
    }
    if let Some(v) = Some(word).filter(|w| !w.contains(['.', 'e', 'E'])).and_then(parse_long) {
        return Ok((Value::Long(v), ScalarType::Long));
    }
    if let Some(v) = parse_real(word) {
        return Ok((Value::Real(v), ScalarType::Real));
    }
    TimeSpan::parse(word)
        .map(|v| (Value::TimeSpan(v), ScalarType::TimeSpan))
        .ok_or_else(|| format!("'{word}' is no literal"))
}
