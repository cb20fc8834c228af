//! Entity mapping: which columns of a result make which entities.

use model::{Schema, Value};

use super::Entity;
use crate::entity_type::{EntityType, Identifier};
use crate::rule::AnalyticsRule;

/// Columns that older rules project instead of declaring a mapping.
const LEGACY: &[(&str, &str, &str)] = &[
    ("AccountCustomEntity", "Account", "FullName"),
    ("HostCustomEntity", "Host", "FullName"),
    ("IPCustomEntity", "IP", "Address"),
    ("URLCustomEntity", "URL", "Url"),
    ("FileHashCustomEntity", "FileHash", "Value"),
];

/// Most entities taken from one list in one cell.
const LIST_MAX: usize = 100;

/// A rule's mapping against the columns of its result.
#[derive(Debug)]
pub struct Mapper {
    mappings: Vec<(&'static EntityType, Vec<(&'static Identifier, usize)>)>,
    lists: Vec<usize>,
    /// Columns that the rule maps and the result does not have.
    pub missing: Vec<String>,
}

/// The entities of a row, and how many mappings gave none although their columns held something.
#[derive(Debug, Default)]
pub struct RowEntities {
    /// Entities in the order of the mappings.
    pub entities: Vec<Entity>,
    /// Mappings whose values identify nothing.
    pub dropped: usize,
}

impl Mapper {
    /// Resolves the columns.
    pub fn new(rule: &AnalyticsRule, schema: &Schema) -> Self {
        let mut mapper = Self { mappings: Vec::new(), lists: Vec::new(), missing: Vec::new() };
        for mapping in &rule.entity_mappings {
            let mut columns = Vec::new();
            for (identifier, column) in &mapping.fields {
                match schema.position(column) {
                    Some(at) => columns.push((*identifier, at)),
                    None => mapper.missing.push(column.clone()),
                }
            }
            if !columns.is_empty() {
                mapper.mappings.push((mapping.entity_type, columns));
            }
        }
        for column in &rule.sentinel_entities_columns {
            match schema.position(column) {
                Some(at) => mapper.lists.push(at),
                None => mapper.missing.push(column.clone()),
            }
        }
        mapper.add_legacy(rule, schema);
        mapper
    }

    /// Legacy columns count for types that the rule does not map itself.
    fn add_legacy(&mut self, rule: &AnalyticsRule, schema: &Schema) {
        for (column, type_name, identifier) in LEGACY {
            let Some(entity_type) = EntityType::from_name(type_name) else { continue };
            let mapped =
                rule.entity_mappings.iter().any(|m| m.entity_type.name == entity_type.name);
            let at = schema.columns.iter().position(|c| c.name.eq_ignore_ascii_case(column));
            if let (Some(at), Some(identifier), false) =
                (at, entity_type.identifier(identifier), mapped)
            {
                self.mappings.push((entity_type, vec![(identifier, at)]));
            }
        }
    }

    /// The entities of one row.
    pub fn row(&self, row: &[Value]) -> RowEntities {
        let mut found = RowEntities::default();
        for (entity_type, columns) in &self.mappings {
            match columns.as_slice() {
                [(identifier, at)] => {
                    for text in texts(row.get(*at)) {
                        found.add(Entity::build(entity_type, [(*identifier, text)]));
                    }
                }
                columns => {
                    let text = |at: usize| texts(row.get(at)).into_iter().next();
                    let values: Vec<_> =
                        columns.iter().filter_map(|(i, at)| Some((*i, text(*at)?))).collect();
                    if !values.is_empty() {
                        found.add(Entity::build(entity_type, values));
                    }
                }
            }
        }
        for at in &self.lists {
            let list = row.get(*at).map(|cell| Entity::parse_list(&cell.to_string()));
            found.entities.extend(list.unwrap_or_default().into_iter().take(LIST_MAX));
        }
        found
    }
}

impl RowEntities {
    fn add(&mut self, entity: Option<Entity>) {
        match entity {
            Some(entity) => self.entities.push(entity),
            None => self.dropped += 1,
        }
    }
}

/// The texts in a cell: one, or the elements of a dynamic list.
fn texts(cell: Option<&Value>) -> Vec<String> {
    let Some(cell) = cell.filter(|c| !c.is_empty()) else { return Vec::new() };
    if let Value::Dynamic(dynamic) = cell
        && dynamic.as_ref().kind() == values::dynamic::Kind::Array
    {
        let elements = dynamic.as_ref().array().take(LIST_MAX);
        let text = |element: values::DynamicRef<'_>| element.to_value().to_string();
        return elements.map(text).filter(|t| !t.trim().is_empty()).collect();
    }
    let text = cell.to_string();
    if text.trim().is_empty() { Vec::new() } else { vec![text] }
}
