//! Literals that are one token, and strings that are several.

use values::{DateTime, Decimal, Guid, ScalarType, TICKS_PER_HOUR, TICKS_PER_MINUTE, TimeSpan};

use super::{Parser, string::decode};
use crate::{
    diagnostic::Fault,
    lexer::{TIMESPAN_UNITS, Token, TokenKind},
    syntax::{BinaryOperator, Call, Expr, ExprKind, Literal, Span, StringLiteral},
};

/// `true` and `false` in the three spellings that Kusto knows.
pub(super) fn boolean(word: &str) -> Option<Literal> {
    match word {
        "true" | "True" | "TRUE" => Some(Literal::Bool(true)),
        "false" | "False" | "FALSE" => Some(Literal::Bool(false)),
        _ => None,
    }
}

impl Parser<'_> {
    /// A literal that must be here.
    pub(super) fn literal(&mut self) -> Expr {
        match self.accept_literal() {
            Some(literal) => literal,
            None => {
                self.unexpected("expected a literal");
                let start = self.start();
                Expr::missing(Span::new(start, start))
            }
        }
    }

    /// A literal, if one is here.
    pub(super) fn accept_literal(&mut self) -> Option<Expr> {
        use TokenKind::*;
        let token = self.token();
        let kind = match token.kind {
            String => {
                let (text, span) = self.string_literal();
                return Some(Expr::new(ExprKind::Literal(Literal::String(text)), span));
            }
            Word if self.is_word("dynamic") && self.kind_at(1) == LeftParen => {
                return Some(self.dynamic_literal());
            }
            Word => ExprKind::Literal(boolean(self.text_of(token))?),
            Long => self.long_token(token),
            Real => self.real_token(token),
            TimeSpan => self.timespan_token(token),
            RawGuid => match values::Guid::parse(self.text_of(token)) {
                Some(guid) => ExprKind::Literal(Literal::Guid(guid)),
                None => self.malformed(token, "guid"),
            },
            Typed => self.typed_token(token),
            _ => return None,
        };
        self.advance();
        Some(Expr::new(kind, token.span))
    }

    /// One or more string tokens in a row, which are one string.
    pub(super) fn string_literal(&mut self) -> (StringLiteral, Span) {
        let start = self.start();
        let mut value = std::string::String::new();
        let mut obfuscated = false;
        while self.is(TokenKind::String) {
            let token = self.advance();
            let decoded = decode(self.text_of(token));
            value.push_str(&decoded.value);
            obfuscated |= decoded.obfuscated;
            if let Some(bad) = decoded.bad_escape {
                let at = |offset: usize| token.span.start + u32::try_from(offset).unwrap_or(0);
                let span = Span::new(at(bad.start), at(bad.end));
                let hint = r#"no such escape; write '\\' for a backslash, or @"..." for a string without escapes"#;
                self.complain(Fault::NotUnderstood, span, hint);
            }
        }
        let value = self.intern(&value);
        (StringLiteral { value, obfuscated }, self.span_from(start))
    }

    fn malformed(&mut self, token: Token, type_name: &str) -> ExprKind {
        let hint = format!("this is no {type_name}");
        self.complain(Fault::NotUnderstood, token.span, hint);
        let scalar = ScalarType::from_name(type_name).unwrap_or(ScalarType::Dynamic);
        ExprKind::Literal(Literal::Null(scalar))
    }

    fn long_token(&mut self, token: Token) -> ExprKind {
        match long(self.text_of(token)) {
            Some(value) => ExprKind::Literal(Literal::Long(value)),
            None => {
                let hint = "this number does not fit a long; use decimal(...) or real(...)";
                self.complain(Fault::NotUnderstood, token.span, hint);
                ExprKind::Literal(Literal::Null(ScalarType::Long))
            }
        }
    }

    fn real_token(&mut self, token: Token) -> ExprKind {
        match self.text_of(token).parse() {
            Ok(value) => ExprKind::Literal(Literal::Real(value)),
            Err(_) => self.malformed(token, "real"),
        }
    }

    fn timespan_token(&mut self, token: Token) -> ExprKind {
        match unit_timespan(self.text_of(token)) {
            Some(value) => ExprKind::Literal(Literal::TimeSpan(value)),
            None => self.malformed(token, "timespan"),
        }
    }

    /// `datetime(...)`, `int(...)`, ...
    fn typed_token(&mut self, token: Token) -> ExprKind {
        let text = self.text_of(token);
        let (type_name, inside) = text.split_once('(').unwrap_or((text, ""));
        let inside = unquoted(inside.strip_suffix(')').unwrap_or(inside).trim());
        let scalar = ScalarType::from_name(type_name).unwrap_or(ScalarType::Dynamic);
        if inside.eq_ignore_ascii_case("null") || inside.is_empty() {
            return ExprKind::Literal(Literal::Null(scalar));
        }
        if let Some(literal) = typed(scalar, inside) {
            return ExprKind::Literal(literal);
        }
        match scalar {
            ScalarType::DateTime => self.datetime_of_today(token, inside),
            ScalarType::TimeSpan => self.unreadable(token, scalar),
            _ => self.malformed(token, scalar.name()),
        }
    }

    /// `datetime(now)` and `datetime(8:00)` depend on the day: they are read as the calls that say so.
    fn datetime_of_today(&mut self, token: Token, inside: &str) -> ExprKind {
        let span = token.span;
        if inside.eq_ignore_ascii_case("now") {
            return self.call_of("now", Vec::new(), span);
        }
        let Some(time) = clock(inside) else {
            return self.unreadable(token, ScalarType::DateTime);
        };
        let now = self.call_of("now", Vec::new(), span);
        let today = self.call_of("startofday", vec![Expr::new(now, span)], span);
        ExprKind::Binary {
            operator: BinaryOperator::Add,
            operator_span: span,
            left: Box::new(Expr::new(today, span)),
            right: Box::new(Expr::new(ExprKind::Literal(Literal::TimeSpan(time)), span)),
        }
    }

    fn call_of(&mut self, name: &str, arguments: Vec<Expr>, span: Span) -> ExprKind {
        let text = self.intern(name);
        let name = crate::syntax::Ident { text, span, bracketed: false };
        ExprKind::Call(Call { name, arguments, span })
    }

    /// Published content holds placeholders such as `datetime("Insert date")`: null, and a warning.
    fn unreadable(&mut self, token: Token, scalar: ScalarType) -> ExprKind {
        self.warn(token.span, format!("this is no {scalar} and counts as null"));
        ExprKind::Literal(Literal::Null(scalar))
    }
}

/// The value of a typed literal's inside; none if it is malformed.
fn typed(scalar: ScalarType, inside: &str) -> Option<Literal> {
    match scalar {
        ScalarType::Bool => match inside.to_ascii_lowercase().as_str() {
            "true" => Some(Literal::Bool(true)),
            "false" => Some(Literal::Bool(false)),
            _ => Some(Literal::Bool(inside.parse::<i64>().ok()? != 0)),
        },
        ScalarType::Int => int(inside).map(Literal::Int),
        ScalarType::Long => signed_long(inside).map(Literal::Long),
        ScalarType::Real => real(inside).map(Literal::Real),
        ScalarType::Decimal => Decimal::parse(inside).map(|_| Literal::Decimal(inside.into())),
        ScalarType::Guid => Guid::parse(inside).map(Literal::Guid),
        ScalarType::DateTime => datetime(inside).map(Literal::DateTime),
        ScalarType::TimeSpan => timespan(inside).map(Literal::TimeSpan),
        ScalarType::String | ScalarType::Dynamic => None,
    }
}

fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inside.trim();
        }
    }
    text
}

/// `12`, `0x1F`.
pub(super) fn long(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // Sixteen digits fill all bits, the sign too.
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(u64::cast_signed),
        None => text.parse().ok(),
    }
}

/// Eight hexadecimal digits fill all bits of an int, the sign too.
fn int(text: &str) -> Option<i32> {
    let value = signed_long(text)?;
    let is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    match u32::try_from(value) {
        Ok(bits) if is_hexadecimal => Some(bits.cast_signed()),
        _ => i32::try_from(value).ok(),
    }
}

fn signed_long(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(rest) if rest.starts_with("0x") => long(rest.trim())?.checked_neg(),
        Some(rest) => format!("-{}", rest.trim()).parse().ok(),
        None => long(text.strip_prefix('+').unwrap_or(text).trim()),
    }
}

fn real(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "nan" => Some(f64::NAN),
        "inf" | "+inf" | "infinity" | "+infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        plain => plain.replace(' ', "").parse().ok(),
    }
}

/// `1.5h`: a number and its unit; rounded to the tick.
pub(super) fn unit_timespan(text: &str) -> Option<TimeSpan> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (name, ticks) = TIMESPAN_UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    if let (Ok(whole), true) = (number.parse::<i64>(), *ticks > 0) {
        return whole.checked_mul(*ticks).map(TimeSpan::from_ticks);
    }
    let per_unit = if name.starts_with("nano") { 0.01 } else { *ticks as f64 };
    let ticks = number.parse::<f64>().ok()? * per_unit;
    TimeSpan::from_real_ticks(ticks.round())
}

/// The inside of `timespan(...)`: `1.02:03:04.5`, `4h`, `20 min`, `3` (days).
fn timespan(inside: &str) -> Option<TimeSpan> {
    let (negative, plain) = match inside.strip_prefix('-') {
        Some(rest) => (true, rest.trim()),
        None => (false, inside),
    };
    match unit_timespan(plain) {
        Some(found) if negative => found.ticks().checked_neg().map(TimeSpan::from_ticks),
        Some(found) => Some(found),
        None => TimeSpan::parse(inside),
    }
}

/// The inside of `datetime(...)`: what `todatetime` reads, and dates written with blanks or commas.
fn datetime(inside: &str) -> Option<DateTime> {
    DateTime::parse(inside).or_else(|| {
        let tight = inside.replace(" - ", "-").replace(", ", "-");
        if tight == inside { None } else { DateTime::parse(&tight) }
    })
}

/// `8:00`, `8:00:30 PM`.
fn clock(text: &str) -> Option<TimeSpan> {
    let upper = text.to_ascii_uppercase();
    let (clock, half) = match (upper.strip_suffix("AM"), upper.strip_suffix("PM")) {
        (Some(rest), _) => (rest.trim(), Some(0)),
        (_, Some(rest)) => (rest.trim(), Some(12)),
        _ => (upper.as_str(), None),
    };
    let mut parts = clock.split(':').map(|part| part.parse::<i64>().ok());
    let hours = parts.next()??;
    let minutes = parts.next()?.filter(|minutes| (0..60).contains(minutes))?;
    let seconds = parts.next().unwrap_or(Some(0)).filter(|seconds| (0..60).contains(seconds))?;
    let hours = match half {
        Some(half) if (1..=12).contains(&hours) => hours % 12 + half,
        Some(_) => return None,
        None => Some(hours).filter(|hours| (0..24).contains(hours))?,
    };
    let ticks = hours * TICKS_PER_HOUR + minutes * TICKS_PER_MINUTE;
    Some(TimeSpan::from_ticks(ticks + seconds * values::TICKS_PER_SECOND))
}
