//! Scalar expressions by precedence.

use super::{Parser, literal};
use crate::{
    diagnostic::Fault,
    lexer::TokenKind,
    syntax::{BinaryOperator, Expr, ExprKind, Ident, Literal, Span, UnaryOperator},
};

/// How tightly operators bind, loosest first. String operators bind tighter than arithmetic, as in Kusto.
mod binding {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const EQUALITY: u8 = 3;
    pub(super) const RELATION: u8 = 4;
    pub(super) const SUM: u8 = 5;
    pub(super) const PRODUCT: u8 = 6;
    pub(super) const TEXT: u8 = 7;
}

/// Chains of `and` and `or` longer than this are built as balanced trees.
const CHAIN_MAX: usize = 16;

/// An operator found at the current token.
#[derive(Clone, Copy)]
struct Found {
    operator: BinaryOperator,
    binding: u8,
    /// Tokens it takes.
    length: usize,
}

impl Parser<'_> {
    /// An expression without pipes.
    pub(super) fn expression(&mut self) -> Expr {
        self.binary(binding::OR)
    }

    /// An expression without `in`, `==` and what binds looser.
    pub(super) fn relation(&mut self) -> Expr {
        self.binary(binding::RELATION)
    }

    /// `expr`, `name = expr`, `(a, b) = expr`.
    pub(super) fn named_expression(&mut self) -> Expr {
        self.named(Self::expression)
    }

    /// `name = ` or `(a, b) = ` before what `value` reads.
    pub(super) fn named(&mut self, value: impl FnOnce(&mut Self) -> Expr) -> Expr {
        let start = self.start();
        let length = self.name_length(0);
        if length > 0 && self.kind_at(length) == TokenKind::Assign {
            let name = self.name("a name");
            self.advance();
            let value = Box::new(value(self));
            return Expr::new(ExprKind::Named { name, value }, self.span_from(start));
        }
        if let Some(length) = self.hyphenated_name_length() {
            let name = self.wildcard_ident(length);
            let hint = format!("a name with '-' in it is written ['{name}']");
            self.complain(Fault::Unexpected, name.span, hint);
            self.advance();
            let value = Box::new(value(self));
            return Expr::new(ExprKind::Named { name, value }, self.span_from(start));
        }
        match self.name_tuple() {
            Some(names) => {
                let value = Box::new(value(self));
                Expr::new(ExprKind::NamedTuple { names, value }, self.span_from(start))
            }
            None => value(self),
        }
    }

    /// Tokens of `a-b` before `=`.
    fn hyphenated_name_length(&self) -> Option<usize> {
        let length = self.hyphenated_length();
        (length > 1 && self.kind_at(length) == TokenKind::Assign).then_some(length)
    }

    /// `(a, b) =`, if it is here.
    fn name_tuple(&mut self) -> Option<Vec<Ident>> {
        if !self.is(TokenKind::LeftParen) {
            return None;
        }
        let mut ahead = 1;
        loop {
            match self.name_length(ahead) {
                0 => return None,
                length => ahead += length,
            }
            match self.kind_at(ahead) {
                TokenKind::Comma => ahead += 1,
                TokenKind::RightParen if self.kind_at(ahead + 1) == TokenKind::Assign => break,
                _ => return None,
            }
        }
        self.advance();
        let names = self.list(TokenKind::RightParen, |parser| parser.name("a name"));
        self.close(TokenKind::RightParen, ")");
        self.advance();
        Some(names)
    }

    /// Operators that bind at least as tightly as `least`.
    fn binary(&mut self, least: u8) -> Expr {
        self.apart(|parser| parser.binary_chain(least))
    }

    fn binary_chain(&mut self, least: u8) -> Expr {
        let mut left = self.unary();
        while let Some(found) = self.binary_operator().filter(|found| found.binding >= least) {
            if matches!(found.operator, BinaryOperator::Or | BinaryOperator::And) {
                left = self.chain(left, found);
                continue;
            }
            let left_height = std::mem::replace(&mut self.height, 0);
            let operator_span = self.take_operator(found);
            let right = self.right_side(found);
            self.height = self.height.max(left_height);
            if !self.grow() {
                break;
            }
            left = join(found.operator, operator_span, left, right);
        }
        left
    }

    /// `a or b or c`: operands of one operator.
    fn chain(&mut self, first: Expr, found: Found) -> Expr {
        let mut tallest = self.height;
        let mut operands = vec![first];
        let mut spans = Vec::new();
        while self.binary_operator().is_some_and(|next| next.operator == found.operator) {
            spans.push(self.take_operator(found));
            self.height = 0;
            operands.push(self.binary(found.binding + 1));
            tallest = tallest.max(self.height);
        }
        let links = spans.len();
        let levels = if links <= CHAIN_MAX { links } else { links.ilog2() as usize + 1 };
        self.height = tallest;
        for _ in 0..levels {
            if !self.grow() {
                break;
            }
        }
        if links <= CHAIN_MAX {
            return from_left(found.operator, operands, spans);
        }
        let (mut operands, mut spans) = (operands.into_iter(), spans.into_iter());
        balanced(found.operator, &mut operands, &mut spans, links + 1)
    }

    fn take_operator(&mut self, found: Found) -> Span {
        let start = self.start();
        for _ in 0..found.length {
            self.advance();
        }
        self.span_from(start)
    }

    fn right_side(&mut self, found: Found) -> Expr {
        if found.operator.takes_list() {
            self.list_operand()
        } else if found.operator.takes_range() {
            self.range_operand()
        } else {
            self.binary(found.binding + 1)
        }
    }

    /// `(a, b)` behind `in` and its like; elements may be queries.
    fn list_operand(&mut self) -> Expr {
        let start = self.start();
        if !self.is(TokenKind::LeftParen) {
            let span = self.token().span;
            if self.starts_expression() {
                self.complain(Fault::Unexpected, span, "put the list in parentheses");
            } else {
                self.unexpected("expected a list in parentheses");
            }
            let only = self.unary();
            return Expr::new(ExprKind::List(vec![only]), self.span_from(start));
        }
        let items = self.nested(|parser| {
            parser.advance();
            let items = parser.list(TokenKind::RightParen, Self::pipe_expression);
            parser.close(TokenKind::RightParen, ")");
            items
        });
        Expr::new(ExprKind::List(items), self.span_from(start))
    }

    /// `(a .. b)` behind `between`.
    fn range_operand(&mut self) -> Expr {
        let start = self.start();
        let bounds = self.nested(|parser| {
            parser.expect(TokenKind::LeftParen, "(");
            let from = parser.expression();
            parser.expect(TokenKind::DotDot, "..");
            let to = parser.expression();
            parser.close(TokenKind::RightParen, ")");
            Some((from, to))
        });
        let span = self.span_from(start);
        match bounds {
            Some((from, to)) => {
                Expr::new(ExprKind::Range { start: Box::new(from), end: Box::new(to) }, span)
            }
            None => Expr::missing(span),
        }
    }

    /// `-a`, `+a`, `a`.
    pub(super) fn unary(&mut self) -> Expr {
        let start = self.start();
        let operator = match self.kind() {
            TokenKind::Minus => UnaryOperator::Minus,
            TokenKind::Plus => UnaryOperator::Plus,
            _ => return self.postfix(),
        };
        self.advance();
        if operator == UnaryOperator::Minus
            && let Some(least) = self.least_long()
        {
            return Expr::new(least, self.span_from(start));
        }
        let operand = self.nested(|parser| Some(parser.unary()));
        let operand = operand.unwrap_or_else(|| Expr::missing(Span::new(start, start)));
        let kind = ExprKind::Unary { operator, operand: Box::new(operand) };
        Expr::new(kind, self.span_from(start))
    }

    /// The one long that can be written only with its sign.
    fn least_long(&mut self) -> Option<ExprKind> {
        let token = self.token();
        let is_least =
            token.kind == TokenKind::Long && self.text_of(token) == "9223372036854775808";
        is_least.then(|| {
            self.advance();
            ExprKind::Literal(Literal::Long(i64::MIN))
        })
    }

    /// The operator at the current token, if there is one.
    fn binary_operator(&self) -> Option<Found> {
        use BinaryOperator::*;
        use binding::*;
        let (operator, binding) = match self.kind() {
            TokenKind::Word => return self.word_operator(0, false),
            TokenKind::Bang if self.is_glued(1) => return self.word_operator(1, true),
            TokenKind::Plus => (Add, SUM),
            TokenKind::Minus => (Subtract, SUM),
            TokenKind::Star => (Multiply, PRODUCT),
            TokenKind::Slash => (Divide, PRODUCT),
            TokenKind::Percent => (Modulo, PRODUCT),
            TokenKind::Equal => (Equal, EQUALITY),
            TokenKind::BangEqual | TokenKind::LessGreater => (NotEqual, EQUALITY),
            TokenKind::Less => (Less, RELATION),
            TokenKind::LessOrEqual => (LessOrEqual, RELATION),
            TokenKind::Greater => (Greater, RELATION),
            TokenKind::GreaterOrEqual => (GreaterOrEqual, RELATION),
            TokenKind::EqualTilde => (EqualTilde, TEXT),
            TokenKind::BangTilde => (NotEqualTilde, TEXT),
            TokenKind::Colon => (Search, TEXT),
            _ => return None,
        };
        Some(Found { operator, binding, length: 1 })
    }

    /// `and`, `has`, `in~`, `matches regex`; with `negated`, the word behind a `!`.
    fn word_operator(&self, ahead: usize, negated: bool) -> Option<Found> {
        let token = self.token_at(ahead);
        if token.kind != TokenKind::Word {
            return None;
        }
        let word = self.text_of(token);
        let tilde =
            word == "in" && self.kind_at(ahead + 1) == TokenKind::Tilde && self.is_glued(ahead + 1);
        let (_, plain, not) = if tilde {
            &IN_TILDE
        } else {
            let index = WORD_OPERATORS.binary_search_by_key(&word, |(name, _, _)| name).ok()?;
            WORD_OPERATORS.get(index)?
        };
        let operator = if negated { (*not)? } else { *plain };
        let mut length = ahead + 1 + usize::from(tilde);
        if operator == BinaryOperator::MatchesRegex {
            if !self.is_word_at(ahead + 1, "regex") {
                return None;
            }
            length += 1;
        }
        Some(Found { operator, binding: binding_of(operator), length })
    }

    /// True if an operand can start at the current token.
    pub(super) fn starts_expression(&self) -> bool {
        use TokenKind::*;
        match self.kind() {
            Word => !self.is_reserved(self.text_of(self.token())),
            Long | Real | TimeSpan | RawGuid | String | Typed | LeftParen => true,
            LeftBracket => self.name_length(0) > 0,
            _ => false,
        }
    }

    /// True if the word is a spelling that only operators have.
    pub(super) fn is_reserved(&self, word: &str) -> bool {
        literal::boolean(word).is_none()
            && word != "matches"
            && (word == "by"
                || WORD_OPERATORS.binary_search_by_key(&word, |(name, _, _)| name).is_ok())
    }
}

const IN_TILDE: WordOperator = ("in~", BinaryOperator::InTilde, Some(BinaryOperator::NotInTilde));

/// A word, its operator, and the operator of `!word`.
type WordOperator = (&'static str, BinaryOperator, Option<BinaryOperator>);

/// Sorted by word.
const WORD_OPERATORS: &[WordOperator] = {
    use BinaryOperator::*;
    &[
        ("and", And, None),
        ("between", Between, Some(NotBetween)),
        ("contains", Contains, Some(NotContains)),
        ("contains_cs", ContainsCs, Some(NotContainsCs)),
        ("containscs", ContainsCs, Some(NotContainsCs)),
        ("endswith", EndsWith, Some(NotEndsWith)),
        ("endswith_cs", EndsWithCs, Some(NotEndsWithCs)),
        ("has", Has, Some(NotHas)),
        ("has_all", HasAll, None),
        ("has_any", HasAny, None),
        ("has_cs", HasCs, Some(NotHasCs)),
        ("hasprefix", HasPrefix, Some(NotHasPrefix)),
        ("hasprefix_cs", HasPrefixCs, Some(NotHasPrefixCs)),
        ("hassuffix", HasSuffix, Some(NotHasSuffix)),
        ("hassuffix_cs", HasSuffixCs, Some(NotHasSuffixCs)),
        ("in", In, Some(NotIn)),
        ("like", Like, Some(NotLike)),
        ("likecs", LikeCs, Some(NotLikeCs)),
        ("matches", MatchesRegex, None),
        ("notcontains", NotContains, None),
        ("notcontainscs", NotContainsCs, None),
        ("notlike", NotLike, None),
        ("notlikecs", NotLikeCs, None),
        ("or", Or, None),
        ("startswith", StartsWith, Some(NotStartsWith)),
        ("startswith_cs", StartsWithCs, Some(NotStartsWithCs)),
    ]
};

const fn binding_of(operator: BinaryOperator) -> u8 {
    match operator {
        BinaryOperator::Or => binding::OR,
        BinaryOperator::And => binding::AND,
        _ if operator.takes_list() || operator.takes_range() => binding::EQUALITY,
        _ => binding::TEXT,
    }
}

fn join(operator: BinaryOperator, operator_span: Span, left: Expr, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    let (left, right) = (Box::new(left), Box::new(right));
    Expr::new(ExprKind::Binary { operator, operator_span, left, right }, span)
}

/// `((a or b) or c) or d`.
fn from_left(operator: BinaryOperator, operands: Vec<Expr>, spans: Vec<Span>) -> Expr {
    let mut operands = operands.into_iter();
    let first = operands.next().unwrap_or_else(|| Expr::missing(Span::default()));
    operands.zip(spans).fold(first, |left, (right, span)| join(operator, span, left, right))
}

/// `(a or b) or (c or d)`, from the next `count` operands.
fn balanced(
    operator: BinaryOperator,
    operands: &mut impl Iterator<Item = Expr>,
    spans: &mut impl Iterator<Item = Span>,
    count: usize,
) -> Expr {
    if count <= 1 {
        return operands.next().unwrap_or_else(|| Expr::missing(Span::default()));
    }
    let left = balanced(operator, operands, spans, count / 2);
    let span = spans.next().unwrap_or_default();
    let right = balanced(operator, operands, spans, count - count / 2);
    join(operator, span, left, right)
}

/// The words that are operators between operands.
pub(super) fn operator_words() -> impl Iterator<Item = &'static str> {
    WORD_OPERATORS.iter().map(|(word, _, _)| *word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_operators_can_be_looked_up() {
        assert!(WORD_OPERATORS.is_sorted_by_key(|(word, _, _)| *word));
        for operator in BinaryOperator::ALL {
            let right = match operator {
                _ if operator.takes_list() => "(1)",
                _ if operator.takes_range() => "(1 .. 2)",
                _ => "b",
            };
            // There is no word for the case-sensitive forms of `like`, only their old spellings.
            let text = match operator {
                BinaryOperator::LikeCs => "likecs",
                BinaryOperator::NotLikeCs => "notlikecs",
                _ => operator.text(),
            };
            let parsed = crate::parse(&format!("T | where a {text} {right}"));
            assert_eq!(parsed.diagnostics, [], "{text}");
            assert!(parsed.query.dump().contains(&format!("({} a ", operator.text())), "{text}");
        }
    }
}
