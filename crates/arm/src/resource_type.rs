//! A resource type as a table entry: all that the one life cycle must know of it.

use serde_json::Value;

use crate::{ArmError, Field, NameRule, PutContext};

/// One type of resource. Pillars keep slices of these (`pub const TYPES: &[ResourceType]`).
#[derive(Clone, Copy)]
pub struct ResourceType {
    /// Full name in Azure's casing, `Microsoft.OperationalInsights/workspaces/savedSearches`. A name with more than
    /// one type part is a child: its parent is the resource without the last part.
    pub name: &'static str,
    /// Where resources of the type live; not asked for children, which live in their parent.
    pub scopes: &'static [Scope],
    /// Versions that clients are known to ask for, newest first. Any other is answered as well.
    pub api_versions: &'static [&'static str],
    /// What to do about `location`.
    pub location: Location,
    /// Which names are good.
    pub name_rule: NameRule,
    /// Code of the 400 answers to other names.
    pub name_code: &'static str,
    /// Validates and completes a new value before it is stored (PUT and PATCH).
    pub check: fn(&mut PutContext<'_>) -> Result<(), ArmError>,
    /// Code of the 400 answers of `check`.
    pub invalid_code: &'static str,
    /// Success statuses of PUT: created, updated.
    pub put_status: (u16, u16),
    /// What PATCH may change.
    pub patch: Patch,
    /// What DELETE answers.
    pub delete: DeleteAnswer,
    /// Whether and how `etag` shows in bodies.
    pub etag: Etag,
    /// False: clients may only read; vedette itself writes the documents.
    pub writable: bool,
    /// Further ways to find a document, kept in the same transaction.
    pub indexes: &'static [Index],
    /// Where deleted ones rest until they are purged, with all below them left in its place; none deletes at once.
    pub rests_in: Option<&'static str>,
    /// True where clients read a list without asking for a second page.
    pub whole_lists: bool,
    /// Properties whose names are read without case.
    pub members: &'static [Field],
}

/// A place where a type lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `/providers/...`
    Tenant,
    /// `/subscriptions/{id}/providers/...`
    Subscription,
    /// `/subscriptions/{id}/resourceGroups/{name}/providers/...`
    ResourceGroup,
    /// On a resource of this type, as Microsoft.SecurityInsights is on workspaces.
    On(&'static str),
    /// On any resource.
    OnAny,
}

/// What to do about `location`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// The type has none; one that is sent falls away.
    None,
    /// Kept when sent.
    Optional,
    /// Must be sent when the resource is created; cannot change.
    Required,
}

/// What PATCH may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// 405.
    Refused,
    /// Merged by RFC 7396; `tags` are replaced as a whole, as Azure does.
    Merge,
    /// `tags` and `identity` alone.
    Tags,
}

/// What DELETE answers for a resource that existed / did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteAnswer {
    /// 200 without a body / 204: most types.
    Empty,
    /// 200 with `{}` either way: clients that read JSON out of a 200.
    Object,
    /// 200 without a body either way: clients that know no other answer.
    Always,
    /// 204 either way.
    NoContent,
    /// 200 without a body / 404.
    Strict,
    /// 405.
    Refused,
}

/// Whether and how `etag` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Etag {
    /// Not in bodies; If-Match is still honoured.
    Hidden,
    /// In answers.
    Shown,
    /// In answers, and a body that brings another one is refused with 409; `*` and none overwrite.
    Checked,
}

/// Finds documents by something else than their id.
#[derive(Clone, Copy)]
pub struct Index {
    /// Collection of the index in the store.
    pub collection: &'static str,
    /// The key of a document in the index, compared as it is; none leaves it out.
    pub key: fn(&Value) -> Option<String>,
}

fn accept(_: &mut PutContext<'_>) -> Result<(), ArmError> {
    Ok(())
}

impl ResourceType {
    /// A type with the usual behaviour: in a resource group, created 201, updated 200, PATCH merges, DELETE 200/204,
    /// no location, etag hidden, no validation.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            scopes: &[Scope::ResourceGroup],
            api_versions: &[],
            location: Location::None,
            name_rule: NameRule::ANY,
            name_code: "InvalidResourceName",
            check: accept,
            invalid_code: "InvalidParameter",
            put_status: (201, 200),
            patch: Patch::Merge,
            delete: DeleteAnswer::Empty,
            etag: Etag::Hidden,
            writable: true,
            indexes: &[],
            rests_in: None,
            whole_lists: false,
            members: &[],
        }
    }

    /// Properties whose names are read without case, as Azure reads them, and kept in this one.
    #[must_use]
    pub const fn members(mut self, members: &'static [Field]) -> Self {
        self.members = members;
        self
    }

    /// Where it lives.
    #[must_use]
    pub const fn scopes(mut self, scopes: &'static [Scope]) -> Self {
        self.scopes = scopes;
        self
    }

    /// Known versions, newest first.
    #[must_use]
    pub const fn api_versions(mut self, versions: &'static [&'static str]) -> Self {
        self.api_versions = versions;
        self
    }

    /// What to do about `location`.
    #[must_use]
    pub const fn location(mut self, location: Location) -> Self {
        self.location = location;
        self
    }

    /// Which names are good.
    #[must_use]
    pub const fn names(mut self, rule: NameRule) -> Self {
        self.name_rule = rule;
        self
    }

    /// Code of 400 answers to names that are not good.
    #[must_use]
    pub const fn name_code(mut self, code: &'static str) -> Self {
        self.name_code = code;
        self
    }

    /// Validation and completion.
    #[must_use]
    pub const fn check(mut self, check: fn(&mut PutContext<'_>) -> Result<(), ArmError>) -> Self {
        self.check = check;
        self
    }

    /// Code of 400 answers.
    #[must_use]
    pub const fn invalid_code(mut self, code: &'static str) -> Self {
        self.invalid_code = code;
        self
    }

    /// Success statuses of PUT: created, updated.
    #[must_use]
    pub const fn put_status(mut self, created: u16, updated: u16) -> Self {
        self.put_status = (created, updated);
        self
    }

    /// What PATCH may change.
    #[must_use]
    pub const fn patch(mut self, patch: Patch) -> Self {
        self.patch = patch;
        self
    }

    /// What DELETE answers.
    #[must_use]
    pub const fn delete(mut self, answer: DeleteAnswer) -> Self {
        self.delete = answer;
        self
    }

    /// How `etag` shows.
    #[must_use]
    pub const fn etag(mut self, etag: Etag) -> Self {
        self.etag = etag;
        self
    }

    /// Clients may only read.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.writable = false;
        self.patch = Patch::Refused;
        self.delete = DeleteAnswer::Refused;
        self
    }

    /// Further ways to find a document.
    #[must_use]
    pub const fn indexes(mut self, indexes: &'static [Index]) -> Self {
        self.indexes = indexes;
        self
    }

    /// Soft delete: what is deleted without `force=true` rests in this collection, and a PUT of the same id brings it
    /// back with all that lies below it.
    #[must_use]
    pub const fn rests_in(mut self, collection: &'static str) -> Self {
        self.rests_in = Some(collection);
        self
    }

    /// Lists come on one page, however long.
    #[must_use]
    pub const fn whole_lists(mut self) -> Self {
        self.whole_lists = true;
        self
    }

    /// The collection in the store that holds the type's documents: its name in lower case.
    pub fn collection(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// The namespace, `Microsoft.OperationalInsights`.
    pub fn namespace(&self) -> &'static str {
        self.name.split('/').next().unwrap_or("")
    }

    /// True for a child of another resource, `workspaces/tables`.
    pub fn is_child(&self) -> bool {
        self.name.matches('/').count() > 1 && self.namespace() != "Microsoft.Resources"
    }

    /// True for what a resource group lists as its resources.
    pub fn is_tracked(&self) -> bool {
        !self.is_child()
            && self.scopes.contains(&Scope::ResourceGroup)
            && self.location != Location::None
    }

    /// The type as answers name it.
    pub fn wire_name(&self) -> &'static str {
        match self.name {
            crate::RESOURCE_GROUPS => "Microsoft.Resources/resourceGroups",
            other => other,
        }
    }
}
