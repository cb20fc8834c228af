//! Between dynamic values, cells and JSON trees.

use super::{DEPTH_MAX, Dynamic, DynamicBuilder, DynamicRef, Kind};
use crate::Value;

impl Dynamic {
    /// Any cell as dynamic; a text stays a text. Null gives a dynamic null, see [`Value::Null`].
    pub fn from_value(value: &Value) -> Self {
        match value {
            Value::Dynamic(dynamic) => dynamic.clone(),
            value => {
                let mut builder = DynamicBuilder::new();
                builder.value(value);
                builder.finish()
            }
        }
    }

    /// From a JSON tree.
    pub fn from_json(json: &serde_json::Value) -> Self {
        let mut builder = DynamicBuilder::new();
        builder.json_tree(json);
        builder.finish()
    }
}

impl DynamicBuilder {
    /// Adds a JSON tree.
    pub fn json_tree(&mut self, json: &serde_json::Value) {
        self.tree(json, 0);
    }

    fn tree(&mut self, json: &serde_json::Value, depth: usize) {
        use serde_json::Value as Json;
        match json {
            Json::Bool(v) => self.bool(*v),
            Json::Number(number) => {
                if let Some(v) = number.as_i64() {
                    self.long(v);
                } else if let Some(v) = number.as_u64() {
                    self.decimal(crate::Decimal(v.into()));
                } else {
                    self.real(number.as_f64().unwrap_or(f64::NAN));
                }
            }
            Json::String(v) => self.string(v),
            Json::Array(items) if depth < DEPTH_MAX => {
                self.begin_array();
                items.iter().for_each(|item| self.tree(item, depth + 1));
                self.end_array();
            }
            Json::Object(slots) if depth < DEPTH_MAX => {
                self.begin_object();
                for (key, item) in slots {
                    self.key(key);
                    self.tree(item, depth + 1);
                }
                self.end_object();
            }
            _ => self.null(),
        }
    }
}

impl DynamicRef<'_> {
    /// As a cell of the type that the value holds; arrays and bags stay dynamic, null is [`Value::Null`].
    pub fn to_scalar(self) -> Value {
        match self.kind() {
            Kind::Null => None,
            Kind::Bool => self.as_bool().map(Value::Bool),
            Kind::Long => self.as_i64().map(Value::Long),
            Kind::Real => self.as_f64().map(Value::Real),
            Kind::Decimal => self.as_decimal().map(Value::Decimal),
            Kind::String => self.as_str().map(Value::string),
            Kind::Guid => self.as_guid().map(Value::Guid),
            Kind::DateTime => self.as_datetime().map(Value::DateTime),
            Kind::TimeSpan => self.as_timespan().map(Value::TimeSpan),
            Kind::Array | Kind::Object => Some(Value::Dynamic(self.to_owned())),
        }
        .unwrap_or(Value::Null)
    }

    /// As a dynamic cell; null is [`Value::Null`].
    pub fn to_value(self) -> Value {
        if self.is_null() { Value::Null } else { Value::Dynamic(self.to_owned()) }
    }
}
