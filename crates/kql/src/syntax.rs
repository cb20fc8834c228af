//! The syntax tree of KQL: statements, expressions, tabular operators, each with its place in the text.
//!
//! A tabular pipeline is an expression like any other ([`ExprKind::Pipe`]), because the language lets pipelines stand
//! in `let`, `in (...)`, `join (...)`, `toscalar(...)` and function arguments. The tree says what was written, not what
//! it means: names are unresolved and nothing is typed.

mod dump;
mod expression;
mod graph;
mod literal;
mod operator;
mod statement;

use std::{fmt, ops::Range, sync::Arc};

pub use expression::*;
pub use graph::*;
pub use literal::*;
pub use operator::*;
pub use statement::*;
use values::ScalarType;

/// A place in the text: byte offsets, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// From two byte offsets.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// As a range of bytes.
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// True if nothing is covered, as in a missing token.
    pub const fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// The text covered; empty if the span does not belong to `text`.
    pub fn of(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }

    /// Where the span starts, as Azure counts.
    pub fn position(self, text: &str) -> Position {
        Position::at(text, self.start as usize)
    }
}

/// A place as Azure's error bodies name it: lines from 1, characters from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// UTF-16 units from the start of the line, from 0.
    pub column: u32,
}

impl Position {
    /// The position of a byte offset; past the end counts as the end.
    pub fn at(text: &str, offset: usize) -> Self {
        let offset = offset.min(text.len());
        let offset = (0..=offset).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let before = text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let lines = before.bytes().filter(|&b| b == b'\n').count();
        let column = before.get(line_start..).unwrap_or_default().encode_utf16().count();
        Self {
            line: u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{},{}]", self.line, self.column)
    }
}

#[cfg(test)]
mod tests;

/// A name as written, without brackets and quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ident {
    /// The name itself; empty if the parser found none.
    pub text: Arc<str>,
    /// Where, brackets included.
    pub span: Span,
    /// True for `['a name']` and `["a name"]`.
    pub bracketed: bool,
}

impl Ident {
    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A type as written: `long`, `date`, `double`, ...
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypeName {
    /// The text.
    pub text: Arc<str>,
    /// Where.
    pub span: Span,
    /// The scalar type named; none if there is no such type (then a diagnostic says so).
    pub scalar: Option<ScalarType>,
}

/// `name: type` in a schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnDeclaration {
    /// The column.
    pub name: Ident,
    /// Its type.
    pub column_type: TypeName,
    /// Where.
    pub span: Span,
}

/// `(a: long, b: string)`, `(*)`, `(*, a: long)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Schema {
    /// True if a `*` stands among the columns.
    pub star: bool,
    /// The columns named.
    pub columns: Vec<ColumnDeclaration>,
    /// Where, parentheses included.
    pub span: Span,
}

/// A hint or option: `kind=inner`, `hint.strategy=shuffle`, `with_source=T`, `title="x"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Left of the `=`; dots belong to the name.
    pub name: Ident,
    /// Right of the `=`; bare words are names.
    pub value: Expr,
    /// Where.
    pub span: Span,
}

/// The hints and options of an operator, in the order written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters(pub Vec<Parameter>);

impl Parameters {
    /// The parameter with this name, found without regard to case.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.0.iter().find(|p| p.name.text.eq_ignore_ascii_case(name))
    }

    /// The value of a parameter as a word or a text: `inner` of `kind=inner`, `x` of `title="x"`.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.get(name)?.value.as_word()
    }

    /// The value of a parameter as true or false.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match &self.get(name)?.value.kind {
            ExprKind::Literal(Literal::Bool(value)) => Some(*value),
            _ => match self.word(name)? {
                word if word.eq_ignore_ascii_case("true") => Some(true),
                word if word.eq_ignore_ascii_case("false") => Some(false),
                _ => None,
            },
        }
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Parameter> {
        self.0.iter()
    }

    /// True if none was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
