//! Which names resources may have.

/// Length and characters of a name.
#[derive(Clone, Copy, Debug)]
pub struct NameRule {
    /// Shortest, in characters.
    pub min: usize,
    /// Longest, in characters.
    pub max: usize,
    /// Allowed anywhere.
    pub allowed: fn(char) -> bool,
    /// Allowed as first and last character.
    pub at_ends: fn(char) -> bool,
    /// The rule in words, for the refusal.
    pub says: &'static str,
}

fn not_reserved(c: char) -> bool {
    !c.is_control() && !"<>%&:\\?/#".contains(c)
}

impl NameRule {
    /// Resource Manager's own rule, under every other.
    pub const ANY: Self = Self {
        min: 1,
        max: 260,
        allowed: not_reserved,
        at_ends: |c| c != '.' && c != ' ',
        says: "1 to 260 characters, none of <>%&:\\?/# or control characters, no dot or space at the ends",
    };

    /// 4 to 63 letters, digits and hyphens, no hyphen at the ends.
    pub const WORKSPACE: Self = Self {
        min: 4,
        max: 63,
        allowed: |c| c.is_ascii_alphanumeric() || c == '-',
        at_ends: |c| c.is_ascii_alphanumeric(),
        says: "4 to 63 letters, digits and hyphens, no hyphen at the ends",
    };

    /// 1 to 90 letters, digits, `-`, `_`, `.`, `(`, `)`; no dot at the end.
    pub const RESOURCE_GROUP: Self = Self {
        min: 1,
        max: 90,
        allowed: |c| c.is_alphanumeric() || "-_.()".contains(c),
        at_ends: |c| c != '.',
        says: "1 to 90 letters, digits, hyphens, underscores, dots and parentheses, no dot at the ends",
    };

    /// A GUID.
    pub const GUID: Self = Self {
        min: 36,
        max: 36,
        allowed: |c| c.is_ascii_hexdigit() || c == '-',
        at_ends: |c| c.is_ascii_hexdigit(),
        says: "a GUID such as 00000000-0000-0000-0000-000000000000",
    };

    /// The one name `default`-like types take is checked by their own code; this is a plain word of 1 to 64
    /// letters, digits, hyphens and underscores.
    pub const WORD: Self = Self {
        min: 1,
        max: 64,
        allowed: |c| c.is_ascii_alphanumeric() || c == '-' || c == '_',
        at_ends: |_| true,
        says: "1 to 64 letters, digits, hyphens and underscores",
    };

    /// True for a good name.
    pub fn allows(&self, name: &str) -> bool {
        let length = name.chars().count();
        (self.min..=self.max).contains(&length)
            && name.chars().all(self.allowed)
            && name.chars().next().is_some_and(self.at_ends)
            && name.chars().next_back().is_some_and(self.at_ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_hold_at_their_edges() {
        let cases = [
            (NameRule::ANY, "a b", true),
            (NameRule::ANY, "a.", false),
            (NameRule::ANY, "a/b", false),
            (NameRule::ANY, "", false),
            (NameRule::ANY, "\u{1}", false),
            (NameRule::WORKSPACE, "abc", false),
            (NameRule::WORKSPACE, "ab-c", true),
            (NameRule::WORKSPACE, "abc-", false),
            (NameRule::WORKSPACE, "ab_c", false),
            (NameRule::RESOURCE_GROUP, "(a).b", true),
            (NameRule::RESOURCE_GROUP, "a.", false),
            (NameRule::GUID, "00000000-0000-0000-0000-000000000000", true),
            (NameRule::GUID, "00000000-0000-0000-0000-00000000000", false),
            (NameRule::WORD, "a_b-1", true),
            (NameRule::WORD, "a b", false),
        ];
        for (rule, name, wanted) in cases {
            assert_eq!(rule.allows(name), wanted, "{name}: {}", rule.says);
        }
        assert!(NameRule::ANY.allows(&"x".repeat(260)));
        assert!(!NameRule::ANY.allows(&"x".repeat(261)));
    }
}
