//! Entities: the accounts, hosts, addresses, ... that an alert is about.

mod build;
mod map;
#[cfg(test)]
mod tests;
mod wire;

use crate::entity_type::{EntityType, Identifier};

pub use map::{Mapper, RowEntities};

/// One entity: its type and what identifies it, in the type's order, without blanks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Type.
    pub entity_type: &'static EntityType,
    fields: Vec<(&'static Identifier, String)>,
}

impl Entity {
    /// The value of an identifier.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(i, _)| i.name == name).map(|(_, v)| v.as_str())
    }

    /// What it is called.
    pub fn friendly_name(&self) -> &str {
        self.entity_type.friendly.iter().find_map(|name| self.get(name)).unwrap_or("")
    }

    /// Equal for equal entities, whatever the case of their values.
    pub fn key(&self) -> String {
        let mut key = self.entity_type.name.to_lowercase();
        for (identifier, value) in &self.fields {
            key.push('\u{1f}');
            key.push_str(identifier.name);
            key.push('=');
            key.push_str(&value.to_lowercase());
        }
        key
    }
}
