//! `$search="displayName:front desk" OR "mail:ops"`: words of names and descriptions by how they begin, other
//! properties from their beginning.

use serde_json::Value;

/// Properties that are searched word by word.
const WORDS: &[&str] = &["displayName", "description"];
/// Longest text.
const TEXT_MAX: usize = 2000;

/// Alternatives of clauses that must all hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Search(Vec<Vec<Clause>>);

#[derive(Debug, PartialEq, Eq)]
struct Clause {
    property: String,
    text: String,
}

impl Search {
    /// Reads the option; the error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > TEXT_MAX {
            return Err("the $search is too long".to_owned());
        }
        let mut all = vec![Vec::new()];
        let mut rest = text.trim();
        loop {
            let (clause, tail) = quoted(rest).ok_or_else(|| {
                format!("the $search '{text}' is not understood; write \"property:text\", joined by AND or OR")
            })?;
            let (property, sought) = clause.split_once(':').ok_or_else(|| {
                format!("the $search clause '{clause}' names no property; write \"displayName:{clause}\"")
            })?;
            let clause =
                Clause { property: property.trim().to_owned(), text: sought.trim().to_lowercase() };
            if let Some(last) = all.last_mut() {
                last.push(clause);
            }
            let tail = tail.trim();
            let (word, tail) = tail.split_once(char::is_whitespace).unwrap_or((tail, ""));
            match word {
                "" => return Ok(Self(all)),
                "AND" => {}
                "OR" => all.push(Vec::new()),
                other => return Err(format!("expected AND or OR instead of '{other}' in $search")),
            }
            rest = tail.trim();
        }
    }

    /// True when the object has what is sought.
    pub(super) fn finds(&self, object: &Value) -> bool {
        self.0.iter().any(|all| all.iter().all(|clause| clause.finds(object)))
    }
}

impl Clause {
    fn finds(&self, object: &Value) -> bool {
        let fields = object.as_object();
        let mut fields = fields.into_iter().flatten();
        let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(&self.property));
        let Some(Value::String(value)) = found.map(|(_, value)| value) else { return false };
        let value = value.to_lowercase();
        if !WORDS.iter().any(|w| w.eq_ignore_ascii_case(&self.property)) {
            return value.starts_with(&self.text);
        }
        let breaks = |c: char| !c.is_alphanumeric();
        let has = |sought: &str| value.split(breaks).any(|word| word.starts_with(sought));
        self.text.split(breaks).filter(|word| !word.is_empty()).all(has)
    }
}

/// The text in quotes at the beginning, and what follows it. `\"` stands for a quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((inside, chars.as_str())),
            '\\' => inside.push(chars.next()?),
            c => inside.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_found_by_how_they_begin() {
        let object =
            json!({ "displayName": "Front-Desk Team (West)", "mail": "desk@example.org", "n": 5 });
        let cases = [
            (r#""displayName:desk""#, true),
            (r#""displayname:te fro""#, true),
            (r#""displayName:esk""#, false),
            (r#""displayName:desk east""#, false),
            (r#""mail:desk@""#, true),
            (r#""mail:example""#, false),
            (r#""mail:x" OR "displayName:west""#, true),
            (r#""mail:x" AND "displayName:west""#, false),
            (r#""mail:x" AND "displayName:west" OR "mail:desk""#, true),
            (r#""n:5""#, false),
            (r#""none:5""#, false),
            (r#""displayName:\"front\"""#, true),
        ];
        for (text, want) in cases {
            assert_eq!(Search::parse(text).unwrap().finds(&object), want, "{text}");
        }
        for bad in
            ["", "desk", r#""desk""#, r#""a:b"#, r#""a:b" or "a:c""#, r#""a:b" AND"#, r#""a:b" x"#]
        {
            assert!(Search::parse(bad).is_err(), "{bad}");
        }
        assert!(Search::parse(&format!("\"a:{}\"", "x".repeat(3000))).is_err());
    }
}
