//! Action patterns: `*` stands for any text, slashes included; case does not matter.

/// A pattern such as `Microsoft.OperationalInsights/workspaces/*/read`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    written: String,
    lower: String,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self { written: text.to_owned(), lower: text.to_ascii_lowercase() }
    }

    /// As written.
    pub(crate) fn text(&self) -> &str {
        &self.written
    }

    /// True when the pattern stands for `action`, which is in lower case.
    pub(crate) fn matches(&self, action: &str) -> bool {
        let Some((first, rest)) = self.lower.split_once('*') else { return self.lower == action };
        let Some(mut action) = action.strip_prefix(first) else { return false };
        let mut parts = rest.split('*').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return action.ends_with(part);
            }
            // the leftmost place leaves the most for what follows
            match action.find(part) {
                Some(at) => action = action.get(at + part.len()..).unwrap_or(""),
                None => return false,
            }
        }
        true
    }

    /// True when the pattern may stand for something that begins with `prefix` (lower case).
    pub(crate) fn may_touch(&self, prefix: &str) -> bool {
        let fixed = self.lower.split('*').next().unwrap_or("");
        fixed.starts_with(prefix) || (prefix.starts_with(fixed) && self.lower.contains('*'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_stand_for_any_text() {
        let cases = [
            ("*", "a/b/read", true),
            ("*/read", "a/b/read", true),
            ("*/read", "a/b/write", false),
            ("*/read", "/read", true),
            ("a/*/read", "a/b/c/read", true),
            ("a/*/read", "a/read", false),
            ("A/B/Read", "a/b/read", true),
            ("a/b", "a/b/c", false),
            ("a/*", "a/", true),
            ("a/*", "ab/c", false),
            ("a/*/b/*/c", "a/x/b/y/b/z/c", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a**b", "ab", true),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, action, expected) in cases {
            assert_eq!(Pattern::new(pattern).matches(action), expected, "{pattern} ~ {action}");
        }
    }

    #[test]
    fn may_touch_is_never_wrong_about_no() {
        let prefix = "m/query/";
        for (pattern, expected) in [
            ("*", true),
            ("m/*", true),
            ("m/query/t/read", true),
            ("m/query/*", true),
            ("m/keys/read", false),
            ("n/*", false),
            ("m/query", false),
        ] {
            assert_eq!(Pattern::new(pattern).may_touch(prefix), expected, "{pattern}");
        }
    }

    /// The plain recursive definition.
    fn reference(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) if reference(rest, text) => true,
            (Some((b'*', _)), Some((_, tail))) => reference(pattern, tail),
            (Some((p, rest)), Some((t, tail))) => p == t && reference(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab/*]{0,8}", action in "[ab/]{0,10}") {
            let expected = reference(pattern.as_bytes(), action.as_bytes());
            prop_assert_eq!(Pattern::new(&pattern).matches(&action), expected);
        }
    }
}
