//! From the text of a `$filter` to a condition.

use serde_json::Value;

use super::{Comparison, Expression, Function};

/// Longest text and deepest nesting.
const TEXT_MAX: usize = 8_192;
const DEPTH_MAX: usize = 64;

const COMPARISONS: &[(&str, Comparison)] = &[
    ("eq", Comparison::Eq),
    ("ne", Comparison::Ne),
    ("gt", Comparison::Gt),
    ("ge", Comparison::Ge),
    ("lt", Comparison::Lt),
    ("le", Comparison::Le),
];

const FUNCTIONS: &[(&str, Function, usize)] = &[
    ("contains", Function::Contains, 2),
    ("substringof", Function::SubstringOf, 2),
    ("startswith", Function::StartsWith, 2),
    ("endswith", Function::EndsWith, 2),
    ("tolower", Function::ToLower, 1),
    ("toupper", Function::ToUpper, 1),
    ("length", Function::Length, 1),
    ("trim", Function::Trim, 1),
];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

pub(super) fn filter(text: &str, own: &[(&str, usize)]) -> Result<Expression, String> {
    if text.len() > TEXT_MAX {
        return Err(format!("longer than {TEXT_MAX} characters"));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, own, depth: 0 };
    let expression = parser.or()?;
    match parser.tokens.first() {
        None => Ok(expression),
        Some(token) => Err(format!("{} is not expected there", name(token))),
    }
}

fn name(token: &Token) -> String {
    match token {
        Token::Word(word) => format!("'{word}'"),
        Token::Text(text) => format!("the text '{text}'"),
        Token::Open => "'('".to_owned(),
        Token::Close => "')'".to_owned(),
        Token::Comma => "','".to_owned(),
        Token::Colon => "':'".to_owned(),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            ':' => tokens.push(Token::Colon),
            '\'' => {
                let mut inside = String::new();
                loop {
                    match chars.next() {
                        Some('\'') if chars.next_if_eq(&'\'').is_some() => inside.push('\''),
                        Some('\'') => break,
                        Some(c) => inside.push(c),
                        None => return Err("a text does not end with '".to_owned()),
                    }
                }
                tokens.push(Token::Text(inside));
            }
            c if c.is_whitespace() => {}
            c => {
                let mut word = c.to_string();
                // A colon belongs to a time (12:30), but parts the variable of an any from its condition (l: l/name).
                while let Some(&next) = chars.peek() {
                    let in_time = next == ':' && word.starts_with(|c: char| c.is_ascii_digit());
                    if next.is_whitespace() || "(),'".contains(next) || (next == ':' && !in_time) {
                        break;
                    }
                    word.push(next);
                    chars.next();
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
    own: &'a [(&'a str, usize)],
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn take(&mut self, token: &Token) -> bool {
        let taken = self.tokens.first() == Some(token);
        if taken {
            self.tokens = &self.tokens[1..];
        }
        taken
    }

    fn take_word(&mut self, word: &str) -> bool {
        let taken =
            matches!(self.tokens.first(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
        if taken {
            self.tokens = &self.tokens[1..];
        }
        taken
    }

    fn expect(&mut self, token: &Token) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("{} is missing", name(token))) }
    }

    fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("the condition nests too deep".to_owned());
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self) -> Result<Expression, String> {
        self.deeper(|parser| {
            let mut left = parser.and()?;
            while parser.take_word("or") {
                left = Expression::Or(Box::new(left), Box::new(parser.and()?));
            }
            Ok(left)
        })
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.not()?;
        while self.take_word("and") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, String> {
        if self.take_word("not") {
            return self.deeper(|parser| Ok(Expression::Not(Box::new(parser.not()?))));
        }
        let left = self.operand()?;
        for (word, comparison) in COMPARISONS {
            if self.take_word(word) {
                let right = self.operand()?;
                return Ok(Expression::Compare(*comparison, Box::new(left), Box::new(right)));
            }
        }
        if self.take_word("in") {
            self.expect(&Token::Open)?;
            return Ok(Expression::In(Box::new(left), self.list()?));
        }
        Ok(left)
    }

    /// Operands up to the closing bracket.
    fn list(&mut self) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        while !self.take(&Token::Close) {
            if !items.is_empty() {
                self.expect(&Token::Comma)?;
            }
            items.push(self.operand()?);
        }
        Ok(items)
    }

    fn operand(&mut self) -> Result<Expression, String> {
        match self.next() {
            Some(Token::Open) => {
                let inner = self.or()?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Some(Token::Text(text)) => Ok(Expression::Literal(text.into())),
            Some(Token::Word(word)) => self.word(&word),
            Some(token) => Err(format!("{} is not expected there", name(&token))),
            None => Err("the condition is not complete".to_owned()),
        }
    }

    fn word(&mut self, word: &str) -> Result<Expression, String> {
        if self.take(&Token::Open) {
            return self.deeper(|parser| parser.call(word));
        }
        match word.to_ascii_lowercase().as_str() {
            "null" => return Ok(Expression::Literal(Value::Null)),
            "true" => return Ok(Expression::Literal(true.into())),
            "false" => return Ok(Expression::Literal(false.into())),
            _ => {}
        }
        if let Ok(number) = word.parse::<i64>() {
            return Ok(Expression::Literal(number.into()));
        }
        if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            let time = model::DateTime::parse(word).map(|at| at.to_string());
            let number = word.parse::<f64>().ok().map(Value::from);
            let literal = time.map(Value::from).or(number);
            return literal
                .map(Expression::Literal)
                .ok_or_else(|| format!("'{word}' is no number and no time"));
        }
        path(word).map(Expression::Path)
    }

    fn call(&mut self, word: &str) -> Result<Expression, String> {
        if let Some((list, quantifier)) = word.rsplit_once('/') {
            let every = match quantifier.to_ascii_lowercase().as_str() {
                "any" => false,
                "all" => true,
                _ => return Err(format!("'{word}' is no function")),
            };
            return self.each(path(list)?, every);
        }
        let arguments = self.list()?;
        let counted = |name: &str, count: usize| match arguments.len() == count {
            true => Ok(()),
            false => Err(format!("{name} takes {count} arguments")),
        };
        if let Some(place) = self.own.iter().position(|(name, _)| name.eq_ignore_ascii_case(word)) {
            let (name, count) = self.own.get(place).copied().unwrap_or_default();
            return counted(name, count).map(|()| Expression::Own(place, arguments));
        }
        let known = FUNCTIONS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(word));
        let (name, function, count) = known.ok_or_else(|| format!("'{word}' is no function"))?;
        counted(name, *count)?;
        Ok(Expression::Call(*function, arguments))
    }

    fn each(&mut self, list: Vec<String>, every: bool) -> Result<Expression, String> {
        if self.take(&Token::Close) {
            return Ok(Expression::Each { every, list, variable: String::new(), condition: None });
        }
        let Some(Token::Word(variable)) = self.next() else {
            return Err("a variable is missing".to_owned());
        };
        self.expect(&Token::Colon)?;
        let condition = Some(Box::new(self.or()?));
        self.expect(&Token::Close)?;
        Ok(Expression::Each { every, list, variable, condition })
    }
}

fn path(word: &str) -> Result<Vec<String>, String> {
    let good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '/' | '@' | '.' | '-');
    if word.chars().all(good) && !word.split('/').any(str::is_empty) {
        return Ok(word.split('/').map(str::to_owned).collect());
    }
    Err(format!("'{word}' is no path such as properties/status"))
}
