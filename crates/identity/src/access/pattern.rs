//! Action patterns: `*` stands for any text, slashes included; case does not matter.
//!
//! Between slashes it stands for nothing as well: `vaults/*/read` holds `vaults/read`. That is how Azure's own roles
//! are meant: the Key Vault Reader reads vaults, the Sentinel Responder (less `incidents/*/Delete`) deletes no incident.

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
        let Some((mut before, rest)) = self.lower.split_once('*') else {
            return self.lower == action;
        };
        let Some(mut action) = action.strip_prefix(before) else { return false };
        let mut parts = rest.split('*').peekable();
        while let Some(part) = parts.next() {
            // `x/*/y` without anything between: the slash before the star is the one behind it
            let joined = part.strip_prefix('/').filter(|_| before.ends_with('/'));
            if parts.peek().is_none() {
                return action.ends_with(part) || joined == Some(action);
            }
            // the earliest end leaves the most for what follows
            let left = joined.and_then(|joined| action.strip_prefix(joined));
            let left =
                left.or_else(|| action.find(part).and_then(|at| action.get(at + part.len()..)));
            match left {
                Some(left) => action = left,
                None => return false,
            }
            before = part;
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
            ("a/*/read", "a/read", true),
            ("a/*/read", "aread", false),
            ("a*/read", "a/read", true),
            ("a/*/b/*/c", "a/b/c", true),
            ("a/*/b/*/c", "a/bc", false),
            ("a/*/*/b", "a/b", true),
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
            _ if pattern.starts_with(b"/*/") && reference(&pattern[2..], text) => true,
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
