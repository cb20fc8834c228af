//! Users and groups in memory, and who is in which group, through any number of groups between.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::{Directory, Group, User};

impl Directory {
    /// A user by object id, in any case.
    pub(crate) fn user(&self, id: &str) -> Option<&Arc<User>> {
        self.users.get(id).or_else(|| self.users.get(&id.to_ascii_lowercase()))
    }

    /// A user by the name it signs in with, in any case.
    pub(crate) fn user_by_name(&self, name: &str) -> Option<&Arc<User>> {
        self.users.get(self.user_of_name.get(&name.to_lowercase())?)
    }

    /// A user by who it is at an outside provider.
    pub(crate) fn user_of_outside(&self, issuer: &str, subject: &str) -> Option<&Arc<User>> {
        self.users
            .values()
            .find(|u| u.identities.iter().any(|i| i.issuer == issuer && i.subject == subject))
    }

    /// True when somebody else than `id` has this as mail address, or signs in with it.
    pub(crate) fn has_address(&self, address: &str, id: &str) -> bool {
        let others = self.users.values().filter(|u| u.id != id);
        let mut addresses = others.flat_map(|u| u.mail.iter().chain([&u.user_principal_name]));
        addresses.any(|a| a.eq_ignore_ascii_case(address))
    }

    /// A group by object id, in any case.
    pub(crate) fn group(&self, id: &str) -> Option<&Arc<Group>> {
        self.groups.get(id).or_else(|| self.groups.get(&id.to_ascii_lowercase()))
    }

    /// Users by display name, then id.
    pub(crate) fn users(&self) -> Vec<Arc<User>> {
        let mut all: Vec<_> = self.users.values().cloned().collect();
        all.sort_by(|a, b| (&a.display_name, &a.id).cmp(&(&b.display_name, &b.id)));
        all
    }

    /// Groups by display name, then id.
    pub(crate) fn groups(&self) -> Vec<Arc<Group>> {
        let mut all: Vec<_> = self.groups.values().cloned().collect();
        all.sort_by(|a, b| (&a.display_name, &a.id).cmp(&(&b.display_name, &b.id)));
        all
    }

    /// Groups that have something as a direct member.
    pub(crate) fn direct_groups_of(&self, id: &str) -> BTreeSet<String> {
        self.groups_of_member.get(&id.to_ascii_lowercase()).cloned().unwrap_or_default()
    }

    /// Groups that something belongs to, directly or through other groups. Circles end where they began.
    pub(crate) fn groups_of(&self, id: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        if self.groups_of_member.is_empty() {
            return found;
        }
        let mut waiting = VecDeque::from([id.to_ascii_lowercase()]);
        while let Some(member) = waiting.pop_front() {
            for group in self.groups_of_member.get(&member).into_iter().flatten() {
                if found.insert(group.clone()) {
                    waiting.push_back(group.clone());
                }
            }
        }
        found
    }

    /// What belongs to a group, directly or through other groups, those groups included.
    pub(crate) fn members_of(&self, group: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut waiting = VecDeque::from([group.to_ascii_lowercase()]);
        while let Some(id) = waiting.pop_front() {
            for member in self.groups.get(&id).map(|g| &g.members).into_iter().flatten() {
                if found.insert(member.clone()) {
                    waiting.push_back(member.clone());
                }
            }
        }
        found
    }

    /// True when something can act: an enabled user who can prove itself, an enabled service principal, a group with
    /// one of those in it.
    pub(crate) fn acts(&self, id: &str) -> bool {
        let alone = |id: &str| {
            let user = |u: &Arc<User>| {
                u.account_enabled && (u.password.is_some() || !u.identities.is_empty())
            };
            self.user(id).is_some_and(user) || self.principal(id).is_some_and(|p| p.account_enabled)
        };
        alone(id) || (self.group(id).is_some() && self.members_of(id).iter().any(|m| alone(m)))
    }

    pub(crate) fn put_user(&mut self, user: User) {
        self.forget_name(&user.id);
        self.user_of_name.insert(user.user_principal_name.to_lowercase(), user.id.clone());
        for passkey in &user.passkeys {
            self.user_of_credential.insert(passkey.credential_id.clone(), user.id.clone());
        }
        self.users.insert(user.id.clone(), Arc::new(user));
    }

    pub(crate) fn remove_user(&mut self, id: &str) {
        self.forget_name(id);
        self.users.remove(id);
    }

    fn forget_name(&mut self, id: &str) {
        if let Some(before) = self.users.get(id) {
            self.user_of_name.remove(&before.user_principal_name.to_lowercase());
            for passkey in &before.passkeys {
                self.user_of_credential.remove(&passkey.credential_id);
            }
        }
    }

    pub(crate) fn put_group(&mut self, group: Group) {
        self.forget_members(&group.id);
        for member in &group.members {
            self.groups_of_member.entry(member.clone()).or_default().insert(group.id.clone());
        }
        self.groups.insert(group.id.clone(), Arc::new(group));
    }

    pub(crate) fn remove_group(&mut self, id: &str) {
        self.forget_members(id);
        self.groups.remove(id);
    }

    fn forget_members(&mut self, group: &str) {
        let Some(before) = self.groups.get(group).cloned() else { return };
        for member in &before.members {
            if let Some(groups) = self.groups_of_member.get_mut(member) {
                groups.remove(group);
                if groups.is_empty() {
                    self.groups_of_member.remove(member);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: &str, members: &[&str]) -> Group {
        Group {
            id: id.into(),
            display_name: id.into(),
            description: None,
            mail_nickname: id.into(),
            created: 0,
            members: members.iter().map(|m| (*m).to_owned()).collect(),
            owners: BTreeSet::new(),
        }
    }

    fn sorted(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn membership_goes_through_groups_and_ends_in_circles() {
        let mut directory = Directory::default();
        for (id, members) in
            [("a", &["u", "b"][..]), ("b", &["v", "c"]), ("c", &["a", "w"]), ("d", &["w"])]
        {
            directory.put_group(group(id, members));
        }
        assert_eq!(sorted(&directory.groups_of("u")), ["a", "b", "c"]);
        assert_eq!(sorted(&directory.groups_of("W")), ["a", "b", "c", "d"]);
        assert_eq!(sorted(&directory.direct_groups_of("w")), ["c", "d"]);
        assert_eq!(sorted(&directory.members_of("b")), ["a", "b", "c", "u", "v", "w"]);
        directory.put_group(group("c", &["w"])); // no circle any more
        assert_eq!(sorted(&directory.groups_of("u")), ["a"]);
        directory.remove_group("a");
        assert!(directory.groups_of("u").is_empty());
        assert_eq!(sorted(&directory.groups_of("w")), ["b", "c", "d"]);
    }
}
