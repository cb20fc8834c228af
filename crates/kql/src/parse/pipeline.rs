//! Pipelines: a source, then operators behind `|`.

use super::{Parser, operator};
use crate::{
    diagnostic::Fault,
    lexer::TokenKind,
    suggest::suggest,
    syntax::{Expr, ExprKind, Operator, OperatorKind, Span},
};

/// An operator and how it is read, from behind its name.
type Reader = fn(&mut Parser<'_>) -> OperatorKind;

/// Every tabular operator. Sorted by name.
const OPERATORS: &[(&str, Reader)] = &[
    ("__partitionby", operator::partition_by),
    ("as", operator::as_operator),
    ("assert-schema", operator::assert_schema),
    ("consume", operator::consume),
    ("count", operator::count),
    ("distinct", operator::distinct),
    ("evaluate", operator::evaluate),
    ("execute_and_cache", |_| OperatorKind::ExecuteAndCache),
    ("extend", |p| OperatorKind::Extend(p.columns())),
    ("facet", operator::facet),
    ("filter", operator::filter),
    ("find", operator::find),
    ("fork", operator::fork),
    ("getschema", operator::get_schema),
    ("graph-mark-components", operator::graph_mark_components),
    ("graph-match", operator::graph_match),
    ("graph-shortest-paths", operator::graph_shortest_paths),
    ("graph-to-table", operator::graph_to_table),
    ("graph-where-edges", operator::graph_where_edges),
    ("graph-where-nodes", operator::graph_where_nodes),
    ("invoke", operator::invoke),
    ("join", operator::join),
    ("limit", operator::take),
    ("lookup", operator::lookup),
    ("macro-expand", operator::macro_expand),
    ("make-graph", operator::make_graph),
    ("make-series", operator::make_series),
    ("mv-apply", operator::mv_apply),
    ("mv-expand", operator::mv_expand),
    ("mvapply", operator::mv_apply),
    ("mvexpand", operator::mv_expand_legacy),
    ("order", operator::sort),
    ("parse", operator::parse),
    ("parse-kv", operator::parse_kv),
    ("parse-where", operator::parse_where),
    ("partition", operator::partition),
    ("print", |p| OperatorKind::Print(p.columns())),
    ("project", |p| OperatorKind::Project(p.optional_columns())),
    ("project-away", |p| OperatorKind::ProjectAway(p.column_names())),
    ("project-by-names", |p| OperatorKind::ProjectByNames(p.columns())),
    ("project-keep", |p| OperatorKind::ProjectKeep(p.column_names())),
    ("project-rename", |p| OperatorKind::ProjectRename(p.optional_columns())),
    ("project-reorder", operator::project_reorder),
    ("range", operator::range),
    ("reduce", operator::reduce),
    ("render", operator::render),
    ("sample", operator::sample),
    ("sample-distinct", operator::sample_distinct),
    ("scan", operator::scan),
    ("search", operator::search),
    ("serialize", operator::serialize),
    ("sort", operator::sort),
    ("summarize", operator::summarize),
    ("take", operator::take),
    ("top", operator::top),
    ("top-hitters", operator::top_hitters),
    ("top-nested", operator::top_nested),
    ("union", operator::union),
    ("where", operator::filter),
];

/// The names in [`OPERATORS`], for looking and suggesting.
pub(super) const NAMES: &[&str] = &names();

const fn names() -> [&'static str; OPERATORS.len()] {
    let mut names = [""; OPERATORS.len()];
    let mut at = 0;
    while at < OPERATORS.len() {
        names[at] = OPERATORS[at].0;
        at += 1;
    }
    names
}

/// The names of all tabular operators, aliases included, sorted.
///
/// ```
/// assert!(kql::operator_names().contains(&"mv-expand"));
/// ```
pub fn operator_names() -> &'static [&'static str] {
    NAMES
}

/// Spellings that are read but not offered.
const OLD_NAMES: &[&str] = &["__partitionby", "execute_and_cache", "mvapply", "mvexpand"];

/// The operator that was most likely meant.
fn nearest(name: &str) -> Option<&'static str> {
    suggest(name, NAMES.iter().copied().filter(|known| !OLD_NAMES.contains(known)))
}

impl Parser<'_> {
    /// A source and its operators; without any operator, the source itself.
    pub(super) fn pipe_expression(&mut self) -> Expr {
        let start = self.start();
        if self.is(TokenKind::Pipe) {
            self.unexpected("expected a table before '|'");
            self.recovering = false;
        } else if self.lacks_source() {
            let word = self.text_of(self.token());
            let span = self.token().span;
            let hint = format!("expected a table and '|' before '{word}'");
            self.complain(Fault::Unexpected, span, hint);
        } else if !self.starts_with_operator() {
            let source = self.expression();
            // `T datascope=hotcache`: where rows are kept changes nothing in what they are
            if self.is_word("datascope") {
                let _ = self.known_parameters(&["datascope"]);
            }
            return match self.kind() {
                TokenKind::Pipe => self.pipeline(Some(source), start),
                _ => source,
            };
        }
        self.pipeline(None, start)
    }

    /// Operators alone, as in `mv-apply ... on ( operators )`.
    pub(super) fn subquery_operators(&mut self) -> Expr {
        let start = self.start();
        self.pipeline(None, start)
    }

    /// `( operators )`.
    pub(super) fn parenthesised_operators(&mut self) -> Expr {
        let start = self.start();
        if !self.is(TokenKind::LeftParen) {
            self.unexpected("expected '(' and operators");
            return Expr::missing(Span::new(start, start));
        }
        let inner = self.nested(|parser| {
            parser.advance();
            let inner = parser.subquery_operators();
            parser.close(TokenKind::RightParen, ")");
            Some(inner)
        });
        inner.unwrap_or_else(|| Expr::missing(Span::new(start, start)))
    }

    /// One operator alone, as in `facet by a with take 1`.
    pub(super) fn one_operator(&mut self) -> Expr {
        let operator = self.operator();
        let span = operator.span;
        Expr::new(ExprKind::Pipe { source: None, operators: vec![operator] }, span)
    }

    /// `T`, or `T | as x` as `find in (...)` allows.
    pub(super) fn piped_table(&mut self) -> Expr {
        let start = self.start();
        let table = self.table();
        if self.is(TokenKind::Pipe) { self.pipeline(Some(table), start) } else { table }
    }

    fn pipeline(&mut self, source: Option<Expr>, start: u32) -> Expr {
        let mut operators = Vec::new();
        if source.is_none() && !self.is(TokenKind::Pipe) {
            operators.push(self.operator());
        }
        loop {
            self.finish_operator();
            if !self.accept(TokenKind::Pipe) {
                break;
            }
            self.recovering = false;
            operators.push(self.operator());
        }
        let source = source.map(Box::new);
        match (operators.is_empty(), source) {
            (true, Some(source)) => *source,
            (_, source) => Expr::new(ExprKind::Pipe { source, operators }, self.span_from(start)),
        }
    }

    /// Reports what is left over of an operator, and skips it.
    fn finish_operator(&mut self) {
        use TokenKind::*;
        let is_end = |kind| {
            matches!(kind, Pipe | Comma | Semicolon | RightParen | RightBracket | RightBrace | End)
        };
        if !is_end(self.kind()) {
            let hint = self.stray();
            self.unexpected(hint);
        }
        if self.recovering {
            self.skip_to(|kind| matches!(kind, Pipe | Semicolon));
        }
    }

    /// True if an operator that makes rows stands where a source is expected.
    fn starts_with_operator(&self) -> bool {
        use TokenKind::*;
        if !self.is(Word) {
            return false;
        }
        let next = self.kind_at(1);
        let ends =
            matches!(next, Pipe | Comma | Semicolon | RightParen | End | Dot | Assign | Equal);
        match self.text_of(self.token()) {
            "range" => {
                let length = self.name_length(1);
                length > 0 && self.is_word_at(1 + length, "from")
            }
            "print" | "union" => !ends,
            "evaluate" => next == Word,
            "search" | "find" => !ends && self.operator_length_at(1).is_none(),
            "macro" => self.operator_name_at_start() == Some("macro-expand"),
            _ => false,
        }
    }

    /// True if an operator stands where a table is expected: its name, then what can only be its operand.
    fn lacks_source(&self) -> bool {
        use TokenKind::*;
        let next = self.token_at(1);
        let is_operand = match next.kind {
            Word => self.operator_length_at(1).is_none() && !self.is_word_at(1, "in"),
            Long | Real | TimeSpan | String | Typed => true,
            _ => false,
        };
        is_operand
            && !self.starts_with_operator()
            && self.find_operator().is_some_and(|(_, length)| length == 1)
    }

    /// Tokens of a word operator such as `has` at `ahead`.
    fn operator_length_at(&self, ahead: usize) -> Option<usize> {
        let word = self.text_of(self.token_at(ahead));
        let is_operator = super::expression::operator_words().any(|known| known == word);
        (is_operator && word != "in").then_some(1)
    }

    fn operator_name_at_start(&self) -> Option<&'static str> {
        let (index, _) = self.find_operator()?;
        NAMES.get(index).copied()
    }

    /// The operator whose name stands here: its index, and how many tokens the name takes.
    fn find_operator(&self) -> Option<(usize, usize)> {
        let longest = self.hyphenated_length();
        (1..=longest).rev().step_by(2).find_map(|length| {
            let first = self.token_at(0).span;
            let last = self.token_at(length - 1).span;
            let name = first.to(last).of(self.text);
            NAMES.binary_search(&name).ok().map(|index| (index, length))
        })
    }

    /// How many tokens glued words and hyphens take: 3 for `project-away`; 0 if there is no word.
    pub(super) fn hyphenated_length(&self) -> usize {
        use TokenKind::{Minus, Word};
        if !self.is(Word) {
            return 0;
        }
        let mut length = 1;
        while length < 9
            && self.kind_at(length) == Minus
            && self.is_glued(length)
            && self.kind_at(length + 1) == Word
            && self.is_glued(length + 1)
        {
            length += 2;
        }
        length
    }

    /// One operator, at its name.
    fn operator(&mut self) -> Operator {
        let start = self.start();
        let found = self.find_operator().filter(|(_, length)| !self.is_misspelt(*length));
        let length = found.map_or(self.hyphenated_length(), |(_, length)| length);
        let reader = found.and_then(|(index, _)| OPERATORS.get(index));
        let kind = match reader {
            Some((_, read)) => {
                let name_span = self.skip_name(length);
                let kind = read(self);
                return Operator { kind, span: self.span_from(start), name_span };
            }
            None => self.unknown_operator(length),
        };
        let name_span = self.span_from(start);
        self.skip_to(|kind| matches!(kind, TokenKind::Pipe | TokenKind::Semicolon));
        Operator { kind, span: self.span_from(start), name_span }
    }

    /// True if more hangs on the operator's name than belongs to it: `project-awy`.
    fn is_misspelt(&self, length: usize) -> bool {
        let whole = self.hyphenated_length();
        let span = self.token().span.to(self.token_at(whole.saturating_sub(1)).span);
        whole > length && nearest(span.of(self.text)).is_some_and(|near| near.contains('-'))
    }

    fn skip_name(&mut self, length: usize) -> Span {
        let start = self.start();
        for _ in 0..length {
            self.advance();
        }
        self.span_from(start)
    }

    /// A name that is no operator, or no name at all.
    fn unknown_operator(&mut self, length: usize) -> OperatorKind {
        if length == 0 {
            let doubled = self.is(TokenKind::Pipe) && self.is_glued(0);
            self.unexpected(match doubled {
                true => "write 'or' for '||'",
                false => "expected an operator such as 'where' behind '|'",
            });
            return OperatorKind::Unknown(self.missing_name());
        }
        let first = self.token_at(0).span;
        let span = first.to(self.token_at(length - 1).span);
        let near = if self.is_silent() { None } else { nearest(span.of(self.text)) };
        let hint = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => "there is no such operator".to_owned(),
        };
        self.error(Fault::Unexpected, span, hint);
        OperatorKind::Unknown(self.wildcard_ident(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_can_be_looked_up() {
        assert!(NAMES.is_sorted());
        for name in NAMES {
            let parsed = crate::parse(&format!("T | {name}"));
            let shown = parsed.query.dump();
            assert!(!shown.contains("unknown"), "{name}: {shown}");
        }
        assert!(OLD_NAMES.iter().all(|name| NAMES.contains(name)));
    }
}
