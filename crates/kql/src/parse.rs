//! Tokens to tree, by recursive descent: one token ahead, never back more than a bounded number, never failing.
//!
//! What cannot be read becomes a gap in the tree and a diagnostic; reading goes on at the next `|` or `;`, and until then
//! nothing more is reported, so that one slip gives one finding.

mod expression;
mod external;
mod json;
mod literal;
mod name;
mod operator;
mod parameter;
mod pipeline;
mod primary;
mod statement;
mod string;

use std::{collections::HashSet, sync::Arc};

pub use pipeline::operator_names;

use crate::{
    Parsed,
    diagnostic::{Diagnostics, Fault},
    lexer::{Token, TokenKind, tokens},
    syntax::{Query, Span},
};

/// How deep a tree can get: trees handed out never need more recursion than this, times a small constant.
///
/// Deeper texts are refused with a diagnostic. Chains of `and` and `or` do not count: they are balanced.
pub const DEPTH_MAX: usize = 250;

/// How many brackets may be open at once. Published queries stay below 20.
const BRACKETS_MAX: usize = 100;

/// Longer texts are refused: a tree may take a hundred times the memory of its text.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// Reads a query: always a tree, and what is wrong with the text.
///
/// ```
/// let parsed = kql::parse("StormEvents | where State == 'TEXAS' | count");
/// assert!(parsed.diagnostics.is_empty());
/// assert_eq!(parsed.query.statements.len(), 1);
///
/// let parsed = kql::parse("StormEvents | wher State == 'TEXAS'");
/// let finding = &parsed.diagnostics[0];
/// assert_eq!(finding.code, "SYN0002");
/// assert_eq!(finding.message, "Query could not be parsed at 'wher' on line [1,14]");
/// assert_eq!(finding.hint.as_deref(), Some("did you mean 'where'?"));
/// ```
pub fn parse(text: &str) -> Parsed {
    let mut diagnostics = Diagnostics::new(text);
    if text.len() > TEXT_BYTES_MAX {
        let hint = format!("the text is longer than {TEXT_BYTES_MAX} bytes");
        diagnostics.error(Fault::NotUnderstood, Span::default(), Some(hint));
        return Parsed { query: Query::default(), diagnostics: diagnostics.into_vec() };
    }
    let tokens = tokens(text, &mut diagnostics);
    let mut parser = Parser::new(text, tokens, diagnostics);
    let query = parser.query();
    Parsed { query, diagnostics: parser.diagnostics.into_vec() }
}

/// Where reading stands.
struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    /// Index of the current token.
    at: usize,
    diagnostics: Diagnostics<'t>,
    /// True from an error until reading is back in step.
    recovering: bool,
    /// How many brackets are open around the current token.
    depth: usize,
    /// The height of the tallest tree built since this was last set to 0.
    height: usize,
    /// Names seen, so that equal names share their text.
    names: HashSet<Arc<str>>,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, tokens: Vec<Token>, diagnostics: Diagnostics<'t>) -> Self {
        let names = HashSet::new();
        Self { text, tokens, at: 0, diagnostics, recovering: false, depth: 0, height: 0, names }
    }

    // Looking.

    fn token(&self) -> Token {
        self.token_at(0)
    }

    /// The token `ahead` of the current one; the last token is the end, again and again.
    fn token_at(&self, ahead: usize) -> Token {
        let found = self.tokens.get(self.at + ahead).or(self.tokens.last()).copied();
        found.unwrap_or(Token { kind: TokenKind::End, span: Span::default() })
    }

    fn kind(&self) -> TokenKind {
        self.token().kind
    }

    fn kind_at(&self, ahead: usize) -> TokenKind {
        self.token_at(ahead).kind
    }

    fn text_of(&self, token: Token) -> &'t str {
        token.span.of(self.text)
    }

    fn is(&self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    /// True if the current token is this word.
    fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        let token = self.token_at(ahead);
        token.kind == TokenKind::Word && self.text_of(token) == word
    }

    /// True if nothing stands between the token before `ahead` and the one there.
    fn is_glued(&self, ahead: usize) -> bool {
        let Some(before) = (self.at + ahead).checked_sub(1).and_then(|at| self.tokens.get(at))
        else {
            return false;
        };
        before.span.end == self.token_at(ahead).span.start
    }

    /// Where the last token read ends.
    fn end(&self) -> u32 {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |t| t.span.end)
    }

    /// From `start` to the last token read.
    fn span_from(&self, start: u32) -> Span {
        Span::new(start, self.end().max(start))
    }

    fn start(&self) -> u32 {
        self.token().span.start
    }

    // Moving.

    fn advance(&mut self) -> Token {
        let token = self.token();
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    fn accept(&mut self, kind: TokenKind) -> bool {
        let found = self.is(kind);
        if found {
            self.advance();
        }
        found
    }

    fn accept_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    /// Reads a token that must be here, or says that it is not.
    fn expect(&mut self, kind: TokenKind, shown: &str) -> bool {
        let found = self.accept(kind);
        if !found {
            self.unexpected(format!("expected '{shown}'"));
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> bool {
        let found = self.accept_word(word);
        if !found {
            self.unexpected(format!("expected '{word}'"));
        }
        found
    }

    // Complaining.

    /// Reports the current token as out of place.
    fn unexpected(&mut self, hint: impl Into<String>) {
        let token = self.token();
        if token.kind == TokenKind::Bad {
            // Already reported when the tokens were read.
            self.recovering = true;
        }
        self.error(Fault::Unexpected, token.span, hint);
    }

    /// Reports, unless an error before it is still being recovered from.
    fn error(&mut self, fault: Fault, span: Span, hint: impl Into<String>) {
        if !self.recovering {
            self.diagnostics.error(fault, span, Some(hint.into()));
            self.recovering = true;
        }
    }

    /// True if nothing that is reported now would be kept.
    fn is_silent(&self) -> bool {
        self.recovering || self.diagnostics.is_full()
    }

    /// Reports something that does not disturb the reading of what follows.
    fn complain(&mut self, fault: Fault, span: Span, hint: impl Into<String>) {
        if !self.recovering {
            self.diagnostics.error(fault, span, Some(hint.into()));
        }
    }

    /// Reports something that does not stop the query.
    fn warn(&mut self, span: Span, hint: impl Into<String>) {
        if !self.recovering {
            self.diagnostics.warning(Fault::Unexpected, span, Some(hint.into()));
        }
    }

    // Getting back in step.

    /// Skips to the first token that `stop` accepts outside of inner brackets, or to a closing bracket of outer ones.
    fn skip_to(&mut self, stop: impl Fn(TokenKind) -> bool) {
        use TokenKind::*;
        let mut open = 0_usize;
        loop {
            let kind = self.kind();
            match kind {
                End => return,
                _ if open == 0 && stop(kind) => return,
                LeftParen | LeftBracket | LeftBrace => open += 1,
                RightParen | RightBracket | RightBrace if open == 0 => return,
                RightParen | RightBracket | RightBrace => open -= 1,
                _ => {}
            }
            self.advance();
        }
    }

    /// Reads the closing bracket; if something else stands there, reports it and skips to the bracket.
    fn close(&mut self, kind: TokenKind, shown: &str) {
        if !self.is(kind) {
            if !self.is_silent() {
                let hint = self.unclosed(shown);
                self.unexpected(hint);
            }
            self.recovering = true;
            self.skip_to(|found| found == kind || found == TokenKind::Semicolon);
        }
        if self.accept(kind) {
            self.recovering = false;
        }
    }

    /// What to say if a bracket is still open at the current token.
    fn unclosed(&self, shown: &str) -> String {
        use TokenKind::*;
        let mut closed = 0_usize;
        for token in self.tokens.get(..self.at).unwrap_or_default().iter().rev() {
            match token.kind {
                RightParen | RightBracket | RightBrace => closed += 1,
                LeftParen | LeftBracket | LeftBrace if closed == 0 => {
                    let open = self.text_of(*token);
                    let position = token.span.position(self.text);
                    return format!("expected '{shown}' to close the '{open}' at {position}");
                }
                LeftParen | LeftBracket | LeftBrace => closed -= 1,
                _ => {}
            }
        }
        format!("expected '{shown}'")
    }

    // Bounding.

    /// Runs `inner` one level deeper; at the bound, gives up the rest of the text.
    fn nested<T: Default>(&mut self, inner: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= BRACKETS_MAX {
            self.too_deep();
            return T::default();
        }
        let outer = std::mem::replace(&mut self.height, 0);
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        self.height = outer.max(self.height + 1);
        result
    }

    /// Runs `inner`, whose result stands beside what was built before, not on top of it.
    fn apart<T>(&mut self, inner: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.height, 0);
        let result = inner(self);
        self.height = outer.max(self.height);
        result
    }

    /// Counts one more level on top of what was built last; false if that is too many.
    fn grow(&mut self) -> bool {
        self.height += 1;
        let fits = self.depth + self.height <= DEPTH_MAX;
        if !fits {
            self.too_deep();
        }
        fits
    }

    /// Ends reading: what follows is not looked at.
    fn too_deep(&mut self) {
        let span = self.token().span;
        let hint = "the query nests deeper than is reasonable; split it with 'let'";
        self.error(Fault::NotUnderstood, span, hint);
        self.recovering = true;
        self.at = self.tokens.len().saturating_sub(1);
    }

    // Lists.

    /// `item, item, ...` up to `close`, which is left unread. A comma before `close` is fine.
    fn list<T>(&mut self, close: TokenKind, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        while !self.is(close) && !self.is(TokenKind::End) {
            let before = self.at;
            items.push(item(self));
            if self.accept(TokenKind::Comma) {
                continue;
            }
            if self.is(close) || self.at == before || !self.starts_expression() {
                break;
            }
            let span = self.token().span;
            self.complain(Fault::Unexpected, span, "a ',' is missing before it");
        }
        items
    }

    /// `item, item, ...`, at least one, as long as commas go on.
    fn comma_separated<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut items = vec![item(self)];
        while self.accept(TokenKind::Comma) {
            items.push(item(self));
        }
        items
    }

    /// The text as shared by all names that are equal.
    fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        let new: Arc<str> = Arc::from(text);
        self.names.insert(new.clone());
        new
    }
}
