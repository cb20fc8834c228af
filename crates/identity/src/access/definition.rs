//! A role definition: which actions it holds.

use serde_json::{Value, json};

use super::actions::is_action;
use super::pattern::Pattern;

/// A role definition, built in or custom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDefinition {
    /// GUID, lower case.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// False for a custom role.
    pub built_in: bool,
    /// What it allows: the sum of these.
    pub permissions: Vec<Permission>,
    /// Where it may be assigned.
    pub assignable_scopes: Vec<String>,
    /// Who made it and changed it, when: none for built-in roles.
    pub(crate) history: Option<History>,
}

/// Who made a custom role and who changed it last, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct History {
    /// When it was made.
    pub(crate) created_on: String,
    /// Who made it.
    pub(crate) created_by: String,
    /// When it was changed last.
    pub(crate) updated_on: String,
    /// Who changed it last.
    pub(crate) updated_by: String,
}

impl History {
    fn from_properties(properties: &Value) -> Option<Self> {
        let text = |name: &str| properties.get(name)?.as_str().map(str::to_owned);
        Some(Self {
            created_on: text("createdOn")?,
            created_by: text("createdBy")?,
            updated_on: text("updatedOn")?,
            updated_by: text("updatedBy")?,
        })
    }
}

/// Actions, less the exceptions beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    pub(super) actions: Vec<Pattern>,
    pub(super) not_actions: Vec<Pattern>,
    pub(super) data_actions: Vec<Pattern>,
    pub(super) not_data_actions: Vec<Pattern>,
}

impl Permission {
    pub(super) fn new(
        actions: &[&str],
        not_actions: &[&str],
        data: &[&str],
        not_data: &[&str],
    ) -> Self {
        let patterns = |texts: &[&str]| texts.iter().map(|t| Pattern::new(t)).collect();
        Self {
            actions: patterns(actions),
            not_actions: patterns(not_actions),
            data_actions: patterns(data),
            not_data_actions: patterns(not_data),
        }
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        Ok(Self {
            actions: patterns(value, "actions")?,
            not_actions: patterns(value, "notActions")?,
            data_actions: patterns(value, "dataActions")?,
            not_data_actions: patterns(value, "notDataActions")?,
        })
    }

    fn to_value(&self) -> Value {
        json!({
            "actions": texts(&self.actions),
            "notActions": texts(&self.not_actions),
            "dataActions": texts(&self.data_actions),
            "notDataActions": texts(&self.not_data_actions),
        })
    }

    /// Number of patterns in it.
    pub(crate) fn len(&self) -> usize {
        self.actions.len()
            + self.not_actions.len()
            + self.data_actions.len()
            + self.not_data_actions.len()
    }

    /// The first pattern in it that stands for no action.
    pub(crate) fn unknown(&self) -> Option<&str> {
        let lists = [
            (&self.actions, false),
            (&self.not_actions, false),
            (&self.data_actions, true),
            (&self.not_data_actions, true),
        ];
        let mut all = lists.iter().flat_map(|(list, data)| list.iter().map(move |p| (p, *data)));
        all.find(|(p, data)| !is_action(p, *data)).map(|(p, _)| p.text())
    }

    /// `action` is in lower case.
    pub(super) fn allows(&self, action: &str, data: bool) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|p| p.matches(action));
        if data {
            any(&self.data_actions) && !any(&self.not_data_actions)
        } else {
            any(&self.actions) && !any(&self.not_actions)
        }
    }
}

fn patterns(permission: &Value, name: &str) -> Result<Vec<Pattern>, String> {
    let wrong = || format!("'{name}' of a permission must be an array of texts");
    match permission.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(all)) => {
            all.iter().map(|v| v.as_str().map(Pattern::new).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

fn texts(patterns: &[Pattern]) -> Vec<&str> {
    patterns.iter().map(Pattern::text).collect()
}

impl RoleDefinition {
    /// True when the role holds the action, given in lower case.
    pub(crate) fn allows(&self, action: &str, data: bool) -> bool {
        self.permissions.iter().any(|p| p.allows(action, data))
    }

    /// Reads the stored form, which is the wire form.
    pub(crate) fn from_document(value: &Value) -> Result<Self, String> {
        let id = value.get("name").and_then(Value::as_str).ok_or("it has no name")?;
        let properties = value.get("properties").ok_or("it has no properties")?;
        let history = History::from_properties(properties);
        Ok(Self { history, ..Self::from_properties(id, properties)? })
    }

    /// Reads `properties` of the wire form as a custom role.
    pub(crate) fn from_properties(id: &str, properties: &Value) -> Result<Self, String> {
        let text = |name: &str| {
            properties.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let array = |name: &str| match properties.get(name) {
            None | Some(Value::Null) => Ok(&[][..]),
            Some(Value::Array(all)) => Ok(all.as_slice()),
            Some(_) => Err(format!("'{name}' must be an array")),
        };
        let scope = |v: &Value| {
            v.as_str().map(str::to_owned).ok_or("'assignableScopes' must be an array of texts")
        };
        Ok(Self {
            id: id.to_ascii_lowercase(),
            name: text("roleName"),
            description: text("description"),
            built_in: false,
            permissions: array("permissions")?
                .iter()
                .map(Permission::from_value)
                .collect::<Result<_, _>>()?,
            assignable_scopes: array("assignableScopes")?
                .iter()
                .map(scope)
                .collect::<Result<_, _>>()?,
            history: None,
        })
    }

    /// `permissions` of the wire form.
    pub(crate) fn permissions_value(&self) -> Value {
        self.permissions.iter().map(Permission::to_value).collect()
    }

    /// `properties` of the wire form.
    pub(crate) fn properties_value(&self) -> Value {
        json!({
            "roleName": self.name,
            "type": if self.built_in { "BuiltInRole" } else { "CustomRole" },
            "description": self.description,
            "assignableScopes": self.assignable_scopes,
            "permissions": self.permissions_value(),
            "createdOn": self.history.as_ref().map(|h| &h.created_on),
            "updatedOn": self.history.as_ref().map(|h| &h.updated_on),
            "createdBy": self.history.as_ref().map(|h| &h.created_by),
            "updatedBy": self.history.as_ref().map(|h| &h.updated_by),
        })
    }
}
