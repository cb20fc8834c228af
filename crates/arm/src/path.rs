//! Reads a Resource Manager path from left to right: which resource, collection or action it names.

use model::ResourceId;

use crate::{ArmError, Verb};

/// The type of a subscription's document.
pub const SUBSCRIPTIONS: &str = "Microsoft.Resources/subscriptions";
/// The type of a resource group's document.
pub const RESOURCE_GROUPS: &str = "Microsoft.Resources/subscriptions/resourceGroups";
/// The type of a tenant's document.
pub const TENANTS: &str = "Microsoft.Resources/tenants";

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One resource.
    Resource(Place),
    /// All resources of a type in a scope, or an action of the resource `scope`: `type_name`'s last part tells.
    Collection {
        /// Where.
        scope: Place,
        /// Full type as written.
        type_name: String,
    },
    /// `providers`, or one namespace, at a scope.
    Namespaces {
        /// Where.
        scope: Place,
        /// The namespace.
        namespace: Option<String>,
    },
}

/// A resource or scope with what its path tells about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The id as written.
    pub id: ResourceId,
    /// Full type as written; empty for the root.
    pub type_name: String,
    /// The resource or scope that holds it; none for the root.
    pub parent: Option<Box<Place>>,
}

impl Place {
    /// The root, `/`.
    pub fn root() -> Self {
        Self { id: ResourceId::new("/"), type_name: String::new(), parent: None }
    }

    /// The namespace of the type.
    pub fn namespace(&self) -> &str {
        self.type_name.split('/').next().unwrap_or("")
    }

    /// True when the resource is a child of another one (`workspaces/tables`), not an extension of it.
    pub fn is_child(&self) -> bool {
        self.type_name.matches('/').count() > 1
    }

    fn below(self, type_name: String, path: &str) -> Self {
        Self { id: self.id.join(path), type_name, parent: Some(Box::new(self)) }
    }
}

impl Target {
    /// Reads a path, without query and host.
    pub fn parse(path: &str) -> Result<Self, ArmError> {
        let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        if parts.len() > 40 || path.len() > 4096 {
            return Err(ArmError::bad_request("InvalidRequestUri", "the path is too long"));
        }
        let mut walk = Walk { parts: &parts };
        let root = Place::root();
        let scope = match walk.next() {
            None => return Ok(Self::Resource(root)),
            Some(p) if p.eq_ignore_ascii_case("providers") => return walk.provider(root),
            Some(p) if p.eq_ignore_ascii_case("tenants") => (TENANTS, p),
            Some(p) if p.eq_ignore_ascii_case("subscriptions") => (SUBSCRIPTIONS, p),
            Some(p) => {
                let message = format!(
                    "the path '/{p}' is not known; paths begin with /subscriptions, /providers or /tenants"
                );
                return Err(ArmError::new(404, "InvalidResourceId", message));
            }
        };
        walk.pairs(root, scope.0.to_owned(), scope.1)
    }

    /// The Azure action that a caller needs for `verb` here, and the scope at which it is needed.
    pub fn permission(&self, verb: Verb) -> (String, &ResourceId) {
        let suffix = match verb {
            Verb::Get | Verb::Head => "read",
            Verb::Put | Verb::Patch => "write",
            Verb::Delete => "delete",
            Verb::Post => "action",
        };
        match self {
            Self::Resource(place) => (format!("{}/{suffix}", place.type_name), &place.id),
            Self::Collection { scope, type_name } => (format!("{type_name}/{suffix}"), &scope.id),
            Self::Namespaces { scope, .. } => {
                (format!("Microsoft.Resources/subscriptions/providers/{suffix}"), &scope.id)
            }
        }
    }
}

struct Walk<'a> {
    parts: &'a [&'a str],
}

impl<'a> Walk<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.parts.split_first()?;
        self.parts = rest;
        Some(first)
    }

    /// Behind `providers`: namespace, then type and name pairs.
    fn provider(&mut self, scope: Place) -> Result<Target, ArmError> {
        let Some(namespace) = self.next() else {
            return Ok(Target::Namespaces { scope, namespace: None });
        };
        let Some(kind) = self.next() else {
            return Ok(Target::Namespaces { scope, namespace: Some(namespace.to_owned()) });
        };
        let (type_name, path) =
            (format!("{namespace}/{kind}"), format!("providers/{namespace}/{kind}"));
        self.pairs(scope, type_name, &path)
    }

    /// At a name: the resource named, then what follows it.
    fn pairs(
        &mut self,
        mut scope: Place,
        mut type_name: String,
        path: &str,
    ) -> Result<Target, ArmError> {
        let mut path = path.to_owned();
        loop {
            let Some(name) = self.next() else {
                return Ok(Target::Collection { scope, type_name });
            };
            scope = scope.below(type_name, &format!("{path}/{name}"));
            match self.next() {
                None => return Ok(Target::Resource(scope)),
                Some(p) if p.eq_ignore_ascii_case("providers") => return self.provider(scope),
                Some(kind) => {
                    type_name = format!("{}/{kind}", scope.type_name);
                    path = kind.to_owned();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn told(path: &str) -> String {
        match Target::parse(path) {
            Ok(Target::Resource(p)) => format!(
                "resource {} of {} in {}",
                p.type_name,
                p.id.name(),
                p.parent.map_or_else(|| "-".to_owned(), |p| p.id.to_string())
            ),
            Ok(Target::Collection { scope, type_name }) => {
                format!("all {type_name} in {}", scope.id)
            }
            Ok(Target::Namespaces { scope, namespace }) => {
                format!("namespaces {namespace:?} in {}", scope.id)
            }
            Err(e) => format!("{} {}", e.status, e.code),
        }
    }

    #[test]
    fn paths_are_read_from_the_left() {
        let cases = [
            ("/", "resource  of  in -"),
            ("/subscriptions", "all Microsoft.Resources/subscriptions in /"),
            ("/subscriptions/s/", "resource Microsoft.Resources/subscriptions of s in /"),
            ("/tenants", "all Microsoft.Resources/tenants in /"),
            ("/providers", "namespaces None in /"),
            ("/subscriptions/s/providers", "namespaces None in /subscriptions/s"),
            ("/subscriptions/s/providers/N", "namespaces Some(\"N\") in /subscriptions/s"),
            (
                "/subscriptions/s/resources",
                "all Microsoft.Resources/subscriptions/resources in /subscriptions/s",
            ),
            (
                "/subscriptions/s/resourcegroups/g",
                "resource Microsoft.Resources/subscriptions/resourcegroups of g in /subscriptions/s",
            ),
            (
                "/subscriptions/s/resourceGroups/g/providers/N/t",
                "all N/t in /subscriptions/s/resourceGroups/g",
            ),
            (
                "/subscriptions/s/resourceGroups/providers/providers/N/t/providers/u/v",
                "resource N/t/u of v in /subscriptions/s/resourceGroups/providers/providers/N/t/providers",
            ),
            (
                "/subscriptions/s/resourceGroups/g/providers/N/t/x/providers/M/i/1/c/2",
                "resource M/i/c of 2 in /subscriptions/s/resourceGroups/g/providers/N/t/x/providers/M/i/1",
            ),
            ("/providers/N/t/x/run", "all N/t/run in /providers/N/t/x"),
            ("/else/s", "404 InvalidResourceId"),
        ];
        for (path, wanted) in cases {
            assert_eq!(told(path), wanted, "{path}");
        }
        assert_eq!(told(&"/a".repeat(99)), "400 InvalidRequestUri");
    }

    #[test]
    fn permissions_are_azure_actions() {
        let workspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w";
        let cases = [
            (Verb::Get, workspace.to_owned(), "Microsoft.OperationalInsights/workspaces/read"),
            (Verb::Put, workspace.to_owned(), "Microsoft.OperationalInsights/workspaces/write"),
            (
                Verb::Post,
                format!("{workspace}/sharedKeys"),
                "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
            ),
            (
                Verb::Get,
                format!("{workspace}/tables"),
                "Microsoft.OperationalInsights/workspaces/tables/read",
            ),
            (
                Verb::Delete,
                "/subscriptions/s/resourceGroups/g".into(),
                "Microsoft.Resources/subscriptions/resourceGroups/delete",
            ),
        ];
        for (verb, path, wanted) in cases {
            assert_eq!(Target::parse(&path).unwrap().permission(verb).0, wanted);
        }
    }
}
