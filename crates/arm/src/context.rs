//! What a type's check works on: the value about to be stored, what is stored now, and the house around it.

use model::ResourceId;
use serde_json::{Map, Value};
use state::Store;

use crate::fields::{self, Field};
use crate::{ArmError, Call, ResourceType, Settings};

/// A resource between the caller's body and the store.
pub struct PutContext<'a> {
    /// Its type.
    pub kind: &'static ResourceType,
    /// Its id in canonical casing.
    pub id: ResourceId,
    /// The call: api-version, caller, time.
    pub call: &'a Call,
    /// The members beside `properties` that will be stored: `id`, `name`, `type`, `location`, `tags`, `kind`, `sku`,
    /// `identity` and the like.
    pub top: Map<String, Value>,
    /// The properties that will be stored.
    pub properties: Map<String, Value>,
    /// What is stored now; none when the resource is created.
    pub existing: Option<&'a Value>,
    /// Names and places of this installation.
    pub settings: &'a Settings,
    /// To look at other documents. Checks never write.
    pub store: &'a dyn Store,
}

impl PutContext<'_> {
    /// A property by path, `schema/name`; null when there is none.
    pub fn get(&self, path: &str) -> &Value {
        fields::get_in(&self.properties, path)
    }

    /// A property's text; none when absent or no text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path).as_str()
    }

    /// A stored property by path; null when there is none.
    pub fn stored(&self, path: &str) -> &Value {
        self.existing
            .map_or(&Value::Null, |value| fields::get(fields::get(value, "properties"), path))
    }

    /// The `kind` member.
    pub fn kind_name(&self) -> Option<&str> {
        self.top.get("kind").and_then(Value::as_str)
    }

    /// Sets a property.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.properties.insert(name.into(), value.into());
    }

    /// A property that never changes after creation and that callers cannot set.
    pub fn once(&mut self, name: &str, create: impl FnOnce() -> Value) {
        let kept = self.stored(name);
        let value = if kept.is_null() { create() } else { kept.clone() };
        self.set(name, value);
    }

    /// `provisioningState: Succeeded`: the work is done when the answer is given.
    pub fn succeeded(&mut self) {
        self.set("provisioningState", "Succeeded");
    }

    /// Validates the properties against a table: types, ranges, casing of enumerations, defaults, read-only members.
    pub fn check_fields(&mut self, table: &[Field]) -> Result<(), ArmError> {
        let stored = self.existing.map_or(&Value::Null, |value| fields::get(value, "properties"));
        fields::check(&mut self.properties, stored, table, "properties")
            .map_err(|found| self.refuse(found))
    }

    /// A refusal of one member with the type's code.
    pub fn invalid(&self, target: &str, message: impl Into<String>) -> ArmError {
        ArmError::bad_request(self.kind.invalid_code, message).target(target)
    }

    /// One refusal for all findings: (place, what is wrong).
    pub fn refuse(&self, mut found: Vec<(String, String)>) -> ArmError {
        if found.len() == 1
            && let Some((target, message)) = found.pop()
        {
            return self.invalid(&target, message);
        }
        let message = format!("{} properties are not valid; details names each", found.len());
        let mut error = ArmError::bad_request(self.kind.invalid_code, message);
        error.details = found.into_iter().map(|(target, m)| self.invalid(&target, m)).collect();
        error
    }

    /// The document of another resource of a registered type, by id.
    pub fn resource(&self, type_name: &str, id: &ResourceId) -> Result<Option<Value>, ArmError> {
        let document = self.store.get(&type_name.to_ascii_lowercase(), &id.key())?;
        Ok(document.map(|d| d.value))
    }
}
