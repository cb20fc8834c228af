//! Which claims an application asks for beside those that every token has.

use serde::{Deserialize, Serialize};

/// What tokens say of the groups and directory roles that a person is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupClaims(Vec<GroupClaim>);

/// A part of `groupMembershipClaims`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum GroupClaim {
    /// Every group, `groups`.
    SecurityGroup,
    /// The groups that have a role of the application, `groups`.
    ApplicationGroup,
    /// Directory roles, `wids`.
    DirectoryRole,
    /// Every group and directory roles.
    All,
}

/// The parts by their names.
const NAMES: &[(&str, GroupClaim)] = &[
    ("SecurityGroup", GroupClaim::SecurityGroup),
    ("ApplicationGroup", GroupClaim::ApplicationGroup),
    ("DirectoryRole", GroupClaim::DirectoryRole),
    ("All", GroupClaim::All),
];

impl GroupClaims {
    /// What every token of this server's own doors says.
    pub(crate) fn all() -> Self {
        Self(vec![GroupClaim::All])
    }

    /// Reads `SecurityGroup, DirectoryRole`; none for a word that is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let named = |word: &str| {
            NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, claim)| *claim)
        };
        if text.trim().eq_ignore_ascii_case("None") {
            return Some(Self::default());
        }
        text.split(',').map(|word| named(word.trim())).collect::<Option<Vec<_>>>().map(Self)
    }

    /// As Graph writes it; none where nothing is asked for.
    pub(crate) fn text(&self) -> Option<String> {
        let name = |claim: &GroupClaim| {
            NAMES.iter().find(|(_, known)| known == claim).map_or("", |(name, _)| *name)
        };
        let names: Vec<&str> = self.0.iter().map(name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// True for no group and no role at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when every group is named.
    pub(crate) fn groups(&self) -> bool {
        self.has(&[GroupClaim::SecurityGroup, GroupClaim::All])
    }

    /// True when the groups that have a role of the application are named.
    pub(crate) fn application_groups(&self) -> bool {
        self.has(&[GroupClaim::ApplicationGroup])
    }

    /// True when directory roles are named.
    pub(crate) fn roles(&self) -> bool {
        self.has(&[GroupClaim::DirectoryRole, GroupClaim::All])
    }

    fn has(&self, any: &[GroupClaim]) -> bool {
        self.0.iter().any(|claim| any.contains(claim))
    }
}

/// Claims by the tokens that shall have them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OptionalClaims {
    /// In id tokens of the application.
    pub id_token: Vec<OptionalClaim>,
    /// In access tokens for the application.
    pub access_token: Vec<OptionalClaim>,
}

/// A claim that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OptionalClaim {
    /// Its name.
    pub name: String,
    /// Whether the application says that it needs it; tokens are the same either way.
    #[serde(default)]
    pub essential: bool,
}

impl OptionalClaims {
    /// True when none is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.access_token.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn group_claims_as_graph_writes_them() {
        for (text, shown, [groups, application, roles]) in [
            ("None", None, [false, false, false]),
            ("none", None, [false, false, false]),
            ("SecurityGroup", Some("SecurityGroup"), [true, false, false]),
            ("all", Some("All"), [true, false, true]),
            ("DirectoryRole", Some("DirectoryRole"), [false, false, true]),
            (
                "ApplicationGroup,DirectoryRole",
                Some("ApplicationGroup, DirectoryRole"),
                [false, true, true],
            ),
        ] {
            let read = GroupClaims::parse(text).unwrap();
            assert_eq!(read.text().as_deref(), shown, "{text}");
            let is = [read.groups(), read.application_groups(), read.roles()];
            assert_eq!(is, [groups, application, roles], "{text}");
        }
        for bad in ["", "Groups", "SecurityGroup,", "SecurityGroup All"] {
            assert_eq!(GroupClaims::parse(bad), None, "{bad}");
        }
    }
}
