//! One part of JSON text, without the value around it.

use super::parse::Parser;
use super::{DEPTH_MAX, DynamicBuilder, DynamicRef, PathPart};

/// What a path leads to in JSON text.
#[derive(Clone, Copy, Debug)]
pub enum JsonEnd<'a> {
    /// A text.
    Text(&'a str),
    /// Anything else, null too.
    Part(DynamicRef<'a>),
}

/// Follows a path into many JSON texts. What lies beside the path is read, for the text may turn out to be no JSON, but
/// nothing is made of it.
#[derive(Default)]
pub struct JsonFinder {
    builder: DynamicBuilder,
    bytes: Vec<u8>,
    scratch: String,
}

impl JsonFinder {
    /// The end of the path in the value that [`DynamicBuilder::json`] would add; none where the text is not JSON or the
    /// path leads nowhere.
    pub fn find<'a>(&'a mut self, text: &'a str, path: &[PathPart<'_>]) -> Option<JsonEnd<'a>> {
        self.builder.clear();
        self.bytes.clear();
        if path.iter().any(|part| matches!(part, PathPart::Index(..0))) {
            // a place from the end is known when the end is
            self.builder.json(text)?;
            self.builder.finish_into(&mut self.bytes);
            let whole = DynamicRef::new(&self.bytes);
            let end = path.iter().try_fold(whole, |at, part| match part {
                PathPart::Key(key) => at.get(key),
                PathPart::Index(position) => at.index(*position),
            })?;
            return Some(end.as_str().map_or(JsonEnd::Part(end), JsonEnd::Text));
        }
        let mut parser = Parser { text, at: 0, scratch: std::mem::take(&mut self.scratch) };
        parser.blanks();
        let found = parser.seek(path, 0).and_then(|start| {
            parser.blanks();
            start.filter(|_| parser.at == text.len())
        });
        let mut plain = None;
        let made = found.and_then(|start| {
            parser.at = start;
            if parser.peek() == Some(b'"') {
                let (text, escaped) = parser.string()?;
                plain = (!escaped).then_some(text);
                return Some(true);
            }
            parser.value(&mut self.builder, 0)?;
            self.builder.finish_into(&mut self.bytes);
            Some(false)
        });
        self.scratch = parser.scratch;
        Some(match made? {
            true => JsonEnd::Text(plain.unwrap_or(&self.scratch)),
            false => JsonEnd::Part(DynamicRef::new(&self.bytes)),
        })
    }
}

impl std::fmt::Debug for JsonFinder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JsonFinder")
    }
}

impl Parser<'_> {
    /// Past a value: where in it the end of the path begins, if it is there. None where this is not JSON.
    fn seek(&mut self, path: &[PathPart<'_>], depth: usize) -> Option<Option<usize>> {
        match (path.split_first(), self.peek()?) {
            (None, _) => {
                let start = self.at;
                self.skip(depth)?;
                Some(Some(start))
            }
            (Some(_), b'{' | b'[') if depth >= DEPTH_MAX => None,
            (Some((PathPart::Key(wanted), rest)), b'{') => {
                let mut found = None;
                self.members(b'}', |parser, _| {
                    let (plain, escaped) = parser.string()?;
                    let here = if escaped { parser.scratch == *wanted } else { plain == *wanted };
                    parser.blanks();
                    parser.eat(b':').then_some(())?;
                    parser.blanks();
                    // of equal keys the last counts, wherever it leads
                    parser.member(here, rest, depth + 1, &mut found)
                })?;
                Some(found)
            }
            (Some((PathPart::Index(wanted), rest)), b'[') => {
                let mut found = None;
                self.members(b']', |parser, at| {
                    let here = i64::try_from(at) == Ok(*wanted);
                    parser.member(here, rest, depth + 1, &mut found)
                })?;
                Some(found)
            }
            _ => self.skip(depth).map(|()| None),
        }
    }

    /// Past a member, which the path goes on in where it is `here`.
    fn member(
        &mut self,
        here: bool,
        path: &[PathPart<'_>],
        depth: usize,
        found: &mut Option<usize>,
    ) -> Option<()> {
        if !here {
            return self.skip(depth);
        }
        *found = self.seek(path, depth)?;
        Some(())
    }

    /// Past the members of a container, each read by `member`, which is told its number.
    fn members(
        &mut self,
        close: u8,
        mut member: impl FnMut(&mut Self, usize) -> Option<()>,
    ) -> Option<()> {
        self.at += 1;
        self.blanks();
        if self.eat(close) {
            return Some(());
        }
        for number in 0.. {
            member(self, number)?;
            self.blanks();
            if self.eat(close) {
                break;
            }
            self.eat(b',').then_some(())?;
            self.blanks();
        }
        Some(())
    }

    /// Past a value, which must be JSON.
    fn skip(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'{' | b'[' if depth >= DEPTH_MAX => None,
            b'{' => self.members(b'}', |parser, _| {
                parser.skip_string()?;
                parser.blanks();
                parser.eat(b':').then_some(())?;
                parser.blanks();
                parser.skip(depth + 1)
            }),
            b'[' => self.members(b']', |parser, _| parser.skip(depth + 1)),
            b'"' => self.skip_string(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.figures().map(|_| ()),
            _ => None,
        }
    }

    fn skip_string(&mut self) -> Option<()> {
        self.eat(b'"').then_some(())?;
        loop {
            self.run()?;
            if self.eat(b'"') {
                return Some(());
            }
            self.at += 1;
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' | b'\\' | b'/' | b'\'' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                // halves of pairs are read one by one: whether they fit together changes the text, not its validity
                b'u' => {
                    self.hex4()?;
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Dynamic;

    /// What is found, as text that tells kinds apart.
    fn said(end: Option<JsonEnd<'_>>) -> Option<String> {
        end.map(|end| match end {
            JsonEnd::Text(text) => format!("text {text}"),
            JsonEnd::Part(part) => match part.as_str() {
                Some(text) => format!("text {text}"),
                None => format!("{:?} {part}", part.kind()),
            },
        })
    }

    #[test]
    fn the_part_is_what_the_whole_holds() {
        let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        let deep_bag = |n: usize| format!("{}1{}", r#"{"a":"#.repeat(n), "}".repeat(n));
        let mut texts: Vec<String> = [
            "",
            " ",
            "x",
            "7",
            "-7",
            "01",
            "-",
            "1.",
            "1.5",
            "1e5",
            "1e",
            "1E+5",
            "99999999999999999999",
            "123456789012345678901234567890",
            "1e999",
            "null",
            "nul",
            "true",
            "false",
            "\"t\"",
            "\"t",
            "{}",
            "[]",
            "{",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            r#"{"a":1}"#,
            r#" { "a" : { "b" : [ 1 , { "c" : "x" } ] } , "z" : null } "#,
            r#"{"a":{"b":1},"a":2}"#,
            r#"{"a":2,"a":{"b":1}}"#,
            r#"{"a":{"b":1},"a":{"c":1}}"#,
            r#"{"\u0061":{"b":"\u00e9\ud83d\ude00 \ud83d \n\"\\"}}"#,
            r#"{"a":"\ud83d\uzzzz"}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":[1,2,{"b":[]},[3,[4]]]}"#,
            r#"{"a":[1,2],"b":tru}"#,
            r#"{"a":1} x"#,
            r#"{"a":1}{"a":2}"#,
            r#"{"":{"":0}}"#,
            r#"[{"a":"x"},{"a":null},{"a":{"b":1.50}},"plain",-3]"#,
            r#"{"a":"é"}"#,
            r#"{"é":"a"}"#,
            "{\"a\":\"line\nbreak\"}",
            r#"{"a":"\u12"}"#,
            r#"{"a":"\"#,
            r#"{"a":["\"]","]"]}"#,
        ]
        .map(str::to_owned)
        .into();
        texts.extend([1, 127, 128, 129, 400].map(deep));
        texts.extend([1, 127, 128, 129, 400].map(deep_bag));
        let (key, at) = (PathPart::Key, PathPart::Index);
        let paths: Vec<Vec<PathPart<'_>>> = vec![
            vec![],
            vec![key("a")],
            vec![key("a"), key("b")],
            vec![key("")],
            vec![key(""), key("")],
            vec![key("é")],
            vec![key("missing")],
            vec![key("z")],
            vec![key("a"), key("b"), at(1), key("c")],
            vec![at(0)],
            vec![at(0), at(0)],
            vec![at(2), key("a")],
            vec![at(-1)],
            vec![at(-2)],
            vec![at(i64::MIN)],
            vec![at(i64::MAX)],
            vec![key("a"), at(-1), at(-1), at(0)],
            vec![key("a"), at(3), at(1)],
            vec![at(0); 127],
            vec![at(0); 128],
            vec![key("a"); 127],
            vec![key("a"); 128],
        ];
        let mut finder = JsonFinder::default();
        let mut found = 0;
        for text in &texts {
            let whole = Dynamic::parse_json(text);
            for path in &paths {
                let wanted = whole.as_ref().and_then(|whole| {
                    path.iter().try_fold(whole.as_ref(), |at, part| match part {
                        PathPart::Key(key) => at.get(key),
                        PathPart::Index(position) => at.index(*position),
                    })
                });
                let wanted = said(wanted.map(JsonEnd::Part));
                found += usize::from(wanted.is_some());
                assert_eq!(said(finder.find(text, path)), wanted, "{text} {path:?}");
            }
        }
        assert!(found > 60, "{found}");
    }
}
