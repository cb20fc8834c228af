//! The measuring kit: published queries that the official binder accepts.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// One query of the kit.
pub(crate) struct KitQuery {
    pub(crate) id: String,
    pub(crate) text: String,
}

/// The queries of a file of the kit; none, and a word about it, if the kit is not there.
pub(crate) fn queries(file: &str) -> Vec<KitQuery> {
    let path = folder().join("kql").join(file);
    let Ok(lines) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: {} is not there; set VEDETTE_SHARED", path.display());
        return Vec::new();
    };
    let query = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        KitQuery { id: text("id"), text: text("query") }
    };
    lines.lines().map(query).collect()
}

fn folder() -> PathBuf {
    match std::env::var_os("VEDETTE_SHARED") {
        Some(folder) => folder.into(),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
    }
}

/// What the official parser found in each query, by id.
pub(crate) fn features(file: &str) -> BTreeMap<String, BTreeSet<String>> {
    let Ok(lines) = std::fs::read_to_string(folder().join("kql").join(file)) else {
        return BTreeMap::new();
    };
    let answer = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let features = line["features"].as_array().unwrap().iter();
        let features = features.map(|feature| feature.as_str().unwrap().to_owned()).collect();
        (line["id"].as_str().unwrap().to_owned(), features)
    };
    lines.lines().map(answer).collect()
}
