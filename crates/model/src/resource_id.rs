//! Azure resource ids: case kept, compared without case.

use std::fmt;
use std::hash::{Hash, Hasher};

/// A resource id such as `/subscriptions/{id}/resourceGroups/{name}/providers/{namespace}/{type}/{name}`, or a scope
/// above a resource (`/`, a subscription, a resource group). Never ends in a slash, except the root itself.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ResourceId(String);

impl ResourceId {
    /// Reads a path; doubled and trailing slashes fall away.
    pub fn new(path: &str) -> Self {
        let mut text = String::with_capacity(path.len() + 1);
        for part in path.split('/').filter(|p| !p.is_empty()) {
            text.push('/');
            text.push_str(part);
        }
        if text.is_empty() {
            text.push('/');
        }
        Self(text)
    }

    /// The id as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key under which the id is stored and compared: lower case.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// The path's segments.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|p| !p.is_empty())
    }

    /// The id with more path behind it.
    pub fn join(&self, path: &str) -> Self {
        Self::new(&format!("{}/{path}", self.0))
    }

    /// True when `self` is `scope` or lies below it.
    pub fn is_within(&self, scope: &Self) -> bool {
        if scope.0 == "/" {
            return true;
        }
        let (me, above) = (self.key(), scope.key());
        me == above || me.strip_prefix(&above).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The scope one level up: parent resource, resource group, subscription, then `/`.
    pub fn parent(&self) -> Option<Self> {
        if self.0 == "/" {
            return None;
        }
        let parts: Vec<&str> = self.segments().collect();
        let provider = parts.iter().rposition(|p| p.eq_ignore_ascii_case("providers"));
        let keep = match provider {
            // namespace/type/name, and no further type/name pair
            Some(at) if parts.len() <= at + 4 => at,
            _ => parts.len().saturating_sub(2),
        };
        Some(Self::new(&parts[..keep].join("/")))
    }

    /// The segment behind `kind`, e.g. `segment_after("subscriptions")`.
    pub fn segment_after(&self, kind: &str) -> Option<&str> {
        let mut parts = self.segments();
        while let Some(part) = parts.next() {
            if part.eq_ignore_ascii_case(kind) {
                return parts.next();
            }
        }
        None
    }

    /// The subscription's id.
    pub fn subscription(&self) -> Option<&str> {
        self.segment_after("subscriptions")
    }

    /// The resource group's name.
    pub fn resource_group(&self) -> Option<&str> {
        self.segment_after("resourceGroups")
    }

    /// The full type of the last resource, `Microsoft.OperationalInsights/workspaces/tables`; none for a bare scope.
    pub fn resource_type(&self) -> Option<String> {
        let parts: Vec<&str> = self.segments().collect();
        let at = parts.iter().rposition(|p| p.eq_ignore_ascii_case("providers"))?;
        let namespace = parts.get(at + 1)?;
        let types: Vec<&str> = parts[at + 2..].iter().step_by(2).copied().collect();
        (!types.is_empty()).then(|| format!("{namespace}/{}", types.join("/")))
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or("")
    }
}

impl From<String> for ResourceId {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<&str> for ResourceId {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ResourceId {}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_climb_to_the_root() {
        let id = ResourceId::new(
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w/tables/T",
        );
        let up: Vec<String> =
            std::iter::successors(id.parent(), ResourceId::parent).map(|i| i.to_string()).collect();
        assert_eq!(
            up,
            [
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w",
                "/subscriptions/s/resourceGroups/g",
                "/subscriptions/s",
                "/"
            ]
        );
        assert_eq!(
            id.resource_type().as_deref(),
            Some("Microsoft.OperationalInsights/workspaces/tables")
        );
    }

    #[test]
    fn scopes_ignore_case_but_not_boundaries() {
        let group = ResourceId::new("/Subscriptions/S/resourcegroups/Web");
        assert!(
            ResourceId::new("/subscriptions/s/resourceGroups/web/providers/a/b/c")
                .is_within(&group)
        );
        assert!(!ResourceId::new("/subscriptions/s/resourceGroups/webshop").is_within(&group));
        assert!(group.is_within(&ResourceId::new("/")));
    }
}
