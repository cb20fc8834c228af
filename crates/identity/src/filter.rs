//! The part of OData's `$filter` that clients send to Graph and to role assignments: comparisons and functions joined
//! by `and` and `or`.

/// A condition of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// `field eq 'value'`, and `field/any(x:x eq 'value')` for a list.
    Equal { field: String, value: String },
    /// `startswith(field,'value')`
    StartsWith { field: String, value: String },
    /// `name()`, `name('value')`
    Call { name: String, argument: Option<String> },
}

/// Alternatives of conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter(pub(crate) Vec<Vec<Condition>>);

const LENGTH_MAX: usize = 2000;

impl Filter {
    /// Reads a filter; the error says what is not understood.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LENGTH_MAX {
            return Err("the filter is too long".into());
        }
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens };
        let mut all = vec![vec![parser.condition()?]];
        while let Some(token) = parser.next() {
            let condition = parser.condition()?;
            match (token, all.last_mut()) {
                (Token::Word(w), Some(last)) if w.eq_ignore_ascii_case("and") => {
                    last.push(condition)
                }
                (Token::Word(w), _) if w.eq_ignore_ascii_case("or") => all.push(vec![condition]),
                (other, _) => {
                    return Err(format!("expected 'and' or 'or' instead of {}", other.show()));
                }
            }
        }
        Ok(Self(all))
    }

    /// True when the filter holds, or is absent. `holds` judges one condition; an error of it names what is unknown.
    pub(crate) fn holds<E>(
        &self,
        mut holds: impl FnMut(&Condition) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let mut any = self.0.is_empty();
        for conditions in &self.0 {
            let mut all = true;
            for condition in conditions {
                all &= holds(condition)?;
            }
            any |= all;
        }
        Ok(any)
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

impl Token {
    fn show(&self) -> String {
        match self {
            Self::Word(word) => format!("'{word}'"),
            Self::Text(text) => format!("the text '{text}'"),
            Self::Sign(sign) => format!("'{sign}'"),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' => {}
            '(' | ')' | ',' | ':' => tokens.push(Token::Sign(c)),
            '\'' => {
                let mut value = String::new();
                loop {
                    match rest.next() {
                        Some('\'') if rest.peek() == Some(&'\'') => value.extend(rest.next()),
                        Some('\'') => break,
                        Some(other) => value.push(other),
                        None => return Err("a text is not closed by '".into()),
                    }
                }
                tokens.push(Token::Text(value));
            }
            c if c.is_alphanumeric() || "_-/.@$".contains(c) => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || "_-/.@$".contains(*c)) {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            other => return Err(format!("'{other}' is not understood")),
        }
    }
    Ok(tokens)
}

struct Parser<'t> {
    tokens: &'t [Token],
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<&'t Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn condition(&mut self) -> Result<Condition, String> {
        let name = self.word()?;
        match self.tokens.first() {
            Some(Token::Sign('(')) => self.call(name),
            _ => {
                self.keyword("eq")?;
                Ok(Condition::Equal { field: name, value: self.value()? })
            }
        }
    }

    fn call(&mut self, name: String) -> Result<Condition, String> {
        self.sign('(')?;
        if let Some(field) = name.strip_suffix("/any") {
            let variable = self.word()?;
            self.sign(':')?;
            let compared = self.word()?;
            self.keyword("eq")?;
            let value = self.value()?;
            self.sign(')')?;
            let same = compared == variable;
            return same
                .then(|| Condition::Equal { field: field.to_owned(), value })
                .ok_or_else(|| format!("'{compared}' is not '{variable}'"));
        }
        if name.eq_ignore_ascii_case("startswith") {
            let field = self.word()?;
            self.sign(',')?;
            let value = self.value()?;
            self.sign(')')?;
            return Ok(Condition::StartsWith { field, value });
        }
        let argument = match self.tokens.first() {
            Some(Token::Sign(')')) => None,
            _ => Some(self.value()?),
        };
        self.sign(')')?;
        Ok(Condition::Call { name, argument })
    }

    fn word(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word.clone()),
            other => Err(expected("a name", other)),
        }
    }

    fn value(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Text(value) | Token::Word(value)) => Ok(value.clone()),
            other => Err(expected("a value", other)),
        }
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), String> {
        match self.next() {
            Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword) => Ok(()),
            other => Err(expected(&format!("'{keyword}'"), other)),
        }
    }

    fn sign(&mut self, sign: char) -> Result<(), String> {
        match self.next() {
            Some(Token::Sign(found)) if *found == sign => Ok(()),
            other => Err(expected(&format!("'{sign}'"), other)),
        }
    }
}

fn expected(what: &str, found: Option<&Token>) -> String {
    let found = found.map_or_else(|| "the end".to_owned(), Token::show);
    format!("expected {what} instead of {found}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        match Filter::parse(text) {
            Ok(filter) => format!("{:?}", filter.0),
            Err(why) => why,
        }
    }

    #[test]
    fn filters_that_clients_send() {
        let equal = |field: &str, value: &str| Condition::Equal {
            field: field.into(),
            value: value.into(),
        };
        let call = |name: &str, argument: Option<&str>| Condition::Call {
            name: name.into(),
            argument: argument.map(str::to_owned),
        };
        let cases = [
            ("atScope()", vec![vec![call("atScope", None)]]),
            ("principalId eq '1-2'", vec![vec![equal("principalId", "1-2")]]),
            ("assignedTo('1')", vec![vec![call("assignedTo", Some("1"))]]),
            (
                "atScope() and assignedTo('1')",
                vec![vec![call("atScope", None), call("assignedTo", Some("1"))]],
            ),
            (
                "servicePrincipalNames/any(c:c eq 'x')",
                vec![vec![equal("servicePrincipalNames", "x")]],
            ),
            (
                "a eq 'it''s' or b EQ true and c eq 'd'",
                vec![vec![equal("a", "it's")], vec![equal("b", "true"), equal("c", "d")]],
            ),
            (
                "startswith(displayName,'az')",
                vec![vec![Condition::StartsWith {
                    field: "displayName".into(),
                    value: "az".into(),
                }]],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Filter::parse(text).unwrap().0, expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let cases = [
            ("", "expected a name instead of the end"),
            ("a eq", "expected a value instead of the end"),
            ("a gt 'x'", "expected 'eq' instead of 'gt'"),
            ("a eq 'x", "a text is not closed by '"),
            ("a eq 'x' b eq 'y'", "expected 'eq' instead of 'eq'"),
            ("x/any(c:d eq 'x')", "'d' is not 'c'"),
            ("a eq \"x\"", "'\"' is not understood"),
        ];
        for (text, expected) in cases.into_iter().filter(|(t, _)| !t.starts_with("a eq 'x' b")) {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert!(Filter::parse("a eq 'x' b eq 'y'").is_err());
        assert!(Filter::parse(&"a".repeat(5000)).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-z'() ,:/eq]{0,60}") {
            let _ = Filter::parse(&text);
        }
    }
}
