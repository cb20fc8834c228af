//! Names of columns as files write them, and as tables can have them.

use std::collections::{HashMap, HashSet};

use model::{ScalarType, Schema};

use crate::problem::{ProblemCode, Problems, quote};

/// What the portal's exports append to a datetime column's name.
const PORTAL_SUFFIX: &str = " [UTC]";

/// Names that Azure refuses for the columns of a custom table: it fills them itself or uses them inside.
const RESERVED: &[&str] = &[
    "BilledSize",
    "IsBillable",
    "InvalidTimeGenerated",
    "TenantId",
    "Title",
    "Type",
    "UniqueId",
    "_BilledSize",
    "_IsBillable",
    "_ItemId",
    "_ResourceId",
    "_SubscriptionId",
    "id",
];

/// Columns that the service itself fills, with the types that they have in every table.
const SYSTEM: &[(&str, ScalarType)] = &[
    ("TimeGenerated", ScalarType::DateTime),
    ("TenantId", ScalarType::String),
    ("Type", ScalarType::String),
    ("SourceSystem", ScalarType::String),
    ("MG", ScalarType::String),
    ("ManagementGroupName", ScalarType::String),
    ("Computer", ScalarType::String),
    ("RawData", ScalarType::String),
    ("_ResourceId", ScalarType::String),
    ("_SubscriptionId", ScalarType::String),
    ("_ItemId", ScalarType::String),
    ("_IsBillable", ScalarType::String),
    ("_BilledSize", ScalarType::Real),
];

/// True for a name that the columns of a custom table cannot have: the service fills it itself.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// The type that a column of this name has in every table.
pub(crate) fn system_type(name: &str) -> Option<ScalarType> {
    SYSTEM.iter().find(|(n, _)| *n == name).map(|(_, ty)| *ty)
}

/// A name without the portal's time zone note and without blanks around it.
pub(crate) fn plain(name: &str) -> &str {
    let name = name.trim();
    name.strip_suffix(PORTAL_SUFFIX).unwrap_or(name)
}

/// Names for the columns of a file: plain, never empty, never twice. The first of equals keeps its name, later ones
/// get a number, as KQL does. Changes are told, and pairs that differ only in case.
pub(crate) fn clean<S: AsRef<str>>(given: &[S], problems: &mut Problems) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut lower: HashMap<String, String> = HashMap::new();
    let mut names = Vec::with_capacity(given.len());
    for (at, given) in given.iter().map(AsRef::as_ref).enumerate() {
        let wanted = match plain(given) {
            "" => format!("Column{}", at + 1),
            name => name.to_owned(),
        };
        let name = free(wanted, &taken);
        if name != given {
            problems.add(0, Some(&name), ProblemCode::Renamed, || {
                format!("column {} of the data is named '{name}' here", quote(given))
            });
        }
        if let Some(twin) = lower.insert(name.to_lowercase(), name.clone()) {
            problems.add(0, Some(&name), ProblemCode::CaseOnly, || {
                format!("'{name}' and '{twin}' differ only in case; KQL tells them apart")
            });
        }
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

fn free(wanted: String, taken: &HashSet<String>) -> String {
    if !taken.contains(&wanted) {
        return wanted;
    }
    (1_usize..).map(|n| format!("{wanted}{n}")).find(|name| !taken.contains(name)).unwrap_or(wanted)
}

/// The column that a field belongs to: of the same name, of the plain name, or the only one that differs just in case.
pub(crate) fn column(schema: &Schema, field: &str) -> Option<usize> {
    let plain = plain(field);
    schema.position(field).or_else(|| schema.position(plain)).or_else(|| {
        let mut alike =
            schema.columns.iter().enumerate().filter(|(_, c)| c.name.eq_ignore_ascii_case(plain));
        match (alike.next(), alike.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn names_become_plain_and_unique() {
        let mut problems = Problems::default();
        let given = ["TimeGenerated [UTC]", "A", "A", "", "a", "A1", " B ", "A"];
        let names = clean(&given, &mut problems);
        assert_eq!(names, ["TimeGenerated", "A", "A1", "Column4", "a", "A11", "B", "A2"]);
        assert_eq!(problems.count(ProblemCode::Renamed), 6);
        assert_eq!(problems.count(ProblemCode::CaseOnly), 1);
    }

    #[test]
    fn fields_find_their_column() {
        let schema = testkit::schema("TimeGenerated:datetime, Name:string, A:string, a:string");
        for (field, wanted) in [
            ("Name", Some(1)),
            ("name", Some(1)),
            (" NAME ", Some(1)),
            ("TimeGenerated [UTC]", Some(0)),
            ("a", Some(3)),
            ("A", Some(2)),
            ("B", None),
            ("", None),
        ] {
            assert_eq!(column(&schema, field), wanted, "{field}");
        }
        let twins = testkit::schema("Ab:string, aB:string");
        assert_eq!(column(&twins, "ab"), None);
    }

    #[test]
    fn system_columns_keep_their_types() {
        assert_eq!(system_type("TimeGenerated"), Some(ScalarType::DateTime));
        assert_eq!(system_type("timegenerated"), None);
        assert!(is_reserved("Type") && !is_reserved("type"));
    }
}
