//! Entities as an alert carries them (`[{"$id":"2","Name":"ann","Type":"account"}]`) and as the API answers them.

use model::ResourceId;
use serde_json::{Map, Value, json};

use super::Entity;
use crate::entity_type::{EntityType, Form};
use crate::ids;

/// The first `$id` of an alert's entities.
const FIRST_ID: usize = 2;

impl Entity {
    /// The text of an alert's `Entities` column.
    pub fn list_text(entities: &[Self]) -> String {
        if entities.is_empty() {
            return String::new();
        }
        let items = entities.iter().enumerate().map(|(i, e)| e.alert_json(FIRST_ID + i));
        Value::Array(items.collect()).to_string()
    }

    fn alert_json(&self, id: usize) -> Value {
        let mut object = Map::new();
        object.insert("$id".to_owned(), id.to_string().into());
        for (identifier, value) in &self.fields {
            if let Some(value) = formed(identifier.form, value) {
                object.insert(identifier.name.to_owned(), value);
            }
        }
        if self.entity_type.name == "AzureResource"
            && let Some(subscription) = self.subscription()
        {
            object.insert("SubscriptionId".to_owned(), subscription.into());
        }
        object.insert("Type".to_owned(), self.entity_type.alert_type.into());
        object.into()
    }

    /// Reads an `Entities` column, of this or another product; entities of unknown types and references to others
    /// fall away.
    pub fn parse_list(text: &str) -> Vec<Self> {
        if !text.trim_start().starts_with('[') {
            return Vec::new();
        }
        let Ok(Value::Array(items)) = serde_json::from_str(text) else { return Vec::new() };
        items.iter().filter_map(Self::parse).collect()
    }

    fn parse(item: &Value) -> Option<Self> {
        let object = item.as_object()?;
        let entity_type = EntityType::from_alert_type(object.get("Type")?.as_str()?)?;
        let mut values = Vec::new();
        for (name, value) in object {
            let Some(identifier) = entity_type.identifier(name) else { continue };
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::Array(_) if identifier.form == Form::List => value.to_string(),
                _ => continue,
            };
            values.push((identifier, text));
        }
        Self::build(entity_type, values)
    }

    /// The name of its entities resource: the same for the same entity of a workspace.
    pub fn resource_name(&self, workspace: &ResourceId) -> String {
        ids::guid(&["entity", &workspace.key(), &self.key()])
    }

    /// The entities resource, as incidents list it.
    pub fn resource(&self, workspace: &ResourceId) -> Value {
        let mut properties = Map::new();
        properties.insert("friendlyName".to_owned(), self.friendly_name().into());
        for (identifier, value) in &self.fields {
            if let Some(value) =
                formed(identifier.form, value).filter(|_| !identifier.api.is_empty())
            {
                properties.insert(identifier.api.to_owned(), value);
            }
        }
        if self.entity_type.name == "AzureResource"
            && let Some(subscription) = self.subscription()
        {
            properties.insert("subscriptionId".to_owned(), subscription.into());
        }
        let name = self.resource_name(workspace);
        let id = workspace.join(&format!("providers/Microsoft.SecurityInsights/Entities/{name}"));
        json!({
            "id": id.as_str(),
            "name": name,
            "type": "Microsoft.SecurityInsights/Entities",
            "kind": self.entity_type.kind,
            "properties": properties,
        })
    }

    /// The subscription inside a resource id.
    fn subscription(&self) -> Option<String> {
        let id = ResourceId::new(self.get("ResourceId")?);
        id.subscription().map(str::to_owned)
    }
}

/// A value in its wire form; none where the text is not of that form.
fn formed(form: Form, value: &str) -> Option<Value> {
    match form {
        Form::Text | Form::Instant => Some(value.into()),
        Form::Whole => value.parse::<i64>().ok().map(Value::from),
        Form::Flag => match value.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true.into()),
            "false" | "0" => Some(false.into()),
            _ => None,
        },
        Form::List => match serde_json::from_str::<Value>(value) {
            Ok(list @ Value::Array(_)) => Some(list),
            _ => Some(json!([value])),
        },
    }
}
