//! MITRE ATT&CK tactics and techniques as Azure names them.

/// The tactics Azure knows, in kill chain order.
pub const TACTICS: &[&str] = &[
    "PreAttack",
    "Reconnaissance",
    "ResourceDevelopment",
    "InitialAccess",
    "Execution",
    "Persistence",
    "PrivilegeEscalation",
    "DefenseEvasion",
    "CredentialAccess",
    "Discovery",
    "LateralMovement",
    "Collection",
    "CommandAndControl",
    "Exfiltration",
    "Impact",
    "ImpairProcessControl",
    "InhibitResponseFunction",
];

/// Azure's spelling of a tactic written in any case, with or without blanks, dashes and underscores
/// (`CommandandControl`, `Initial Access`, `defense-evasion`).
pub fn tactic(text: &str) -> Option<&'static str> {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    TACTICS.iter().copied().find(|t| t.eq_ignore_ascii_case(&plain))
}

/// Tactics of a list such as `Execution, Persistence` or `["Execution"]`; unknown words fall away.
pub fn tactics_of_text(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in text.split([',', ';', '[', ']', '"', '\'']) {
        if let Some(name) = tactic(part).filter(|n| !found.iter().any(|f| f == n)) {
            found.push(name.to_owned());
        }
    }
    found
}

/// What a technique's text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Technique {
    /// `T1078`
    Whole(String),
    /// `T1078.004` and its parent `T1078`.
    Sub { parent: String, sub: String },
}

/// Reads `T1078` or `T1078.004`.
pub fn technique(text: &str) -> Option<Technique> {
    let text = text.trim().to_ascii_uppercase();
    let (parent, sub) = match text.split_once('.') {
        Some((parent, sub)) => (parent, Some(sub)),
        None => (text.as_str(), None),
    };
    let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
    if !parent.strip_prefix('T').is_some_and(|d| digits(d, 4)) {
        return None;
    }
    match sub {
        None => Some(Technique::Whole(parent.to_owned())),
        Some(sub) if digits(sub, 3) => {
            Some(Technique::Sub { parent: parent.to_owned(), sub: text.clone() })
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tactics_in_many_spellings() {
        for (text, want) in [
            ("CommandandControl", Some("CommandAndControl")),
            ("Initial Access", Some("InitialAccess")),
            ("defense-evasion", Some("DefenseEvasion")),
            ("Impact", Some("Impact")),
            ("Hacking", None),
            ("", None),
        ] {
            assert_eq!(tactic(text), want, "{text}");
        }
        assert_eq!(tactics_of_text("[\"Execution\", \"impact\"]"), ["Execution", "Impact"]);
        assert_eq!(tactics_of_text("Execution,Execution, nothing"), ["Execution"]);
    }

    #[test]
    fn techniques_and_their_parents() {
        assert_eq!(technique("t1078"), Some(Technique::Whole("T1078".into())));
        let sub = Technique::Sub { parent: "T1078".into(), sub: "T1078.004".into() };
        assert_eq!(technique("T1078.004"), Some(sub));
        for bad in ["", "T107", "1078", "T1078.", "T1078.04", "T10789", "Tabcd"] {
            assert_eq!(technique(bad), None, "{bad}");
        }
    }
}
