//! The data collection rule: streams, destinations, flows; every name in it must resolve.

use std::collections::BTreeSet;

use model::{ResourceId, ScalarType};
use serde_json::{Map, Value, json};

use super::streams::BY_IMMUTABLE_ID;
use super::{API_VERSIONS, ENDPOINT, immutable_id};
use crate::fields::get;
use crate::types::workspaces::{WORKSPACE, customer_id_of};
use crate::{
    ArmError, Default, Etag, Field, Index, Kind, Location, Patch, PutContext, ResourceType,
};

/// A data collection rule.
pub(crate) const RULE: ResourceType = ResourceType::new("Microsoft.Insights/dataCollectionRules")
    .api_versions(API_VERSIONS)
    .location(Location::Required)
    .etag(Etag::Shown)
    .patch(Patch::Tags)
    .invalid_code("InvalidPayload")
    .indexes(&[Index {
        collection: BY_IMMUTABLE_ID,
        key: |value| get(value, "properties/immutableId").as_str().map(str::to_lowercase),
    }])
    .check(check);

const FIELDS: &[Field] = &[
    Field::new("description", Kind::Text(1024)),
    Field::new("dataCollectionEndpointId", Kind::Id),
    Field::new("streamDeclarations", Kind::Object),
    Field::new("dataSources", Kind::Object),
    Field::required("destinations", Kind::Object),
    Field::new("dataFlows", Kind::Array(100)).or(Default::EmptyArray),
    // our own: every table of the (one) workspace is a stream by its name, without a flow
    Field::new("streamsFromTables", Kind::Bool),
    Field::read_only("immutableId"),
];

/// What is wrong: (place, message).
type Findings = Vec<(String, String)>;

fn check(rule: &mut PutContext<'_>) -> Result<(), ArmError> {
    rule.check_fields(FIELDS)?;
    let mut wrong = Findings::new();
    let streams = declared_streams(rule, &mut wrong);
    let destinations = resolve_destinations(rule, &mut wrong)?;
    check_flows(rule, &streams, &destinations, &mut wrong);
    if let Some(endpoint) = rule.text("dataCollectionEndpointId").map(ResourceId::new)
        && rule.resource(ENDPOINT.name, &endpoint)?.is_none()
    {
        let target = "properties.dataCollectionEndpointId".to_owned();
        wrong.push((target, format!("'{endpoint}' does not exist; create it first")));
    }
    if !wrong.is_empty() {
        return Err(rule.refuse(wrong));
    }
    rule.once("immutableId", || immutable_id("dcr"));
    if rule.kind_name().is_some_and(|kind| kind.eq_ignore_ascii_case("Direct")) {
        let url = rule.settings.public_url.clone();
        rule.set("endpoints", json!({ "logsIngestion": url, "metricsIngestion": url }));
    } else {
        rule.properties.remove("endpoints");
    }
    rule.succeeded();
    Ok(())
}

/// The names of the declared streams; their columns are judged on the way.
fn declared_streams(rule: &PutContext<'_>, wrong: &mut Findings) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, declaration) in rule.get("streamDeclarations").as_object().into_iter().flatten() {
        let place = format!("properties.streamDeclarations.{name}");
        if !name.starts_with("Custom-") || name.len() > 128 {
            wrong.push((
                place.clone(),
                format!("'{name}' is not a stream name: declared streams begin with Custom-"),
            ));
        }
        let columns = get(declaration, "columns").as_array().filter(|c| !c.is_empty());
        if columns.is_none() {
            wrong.push((
                place.clone(),
                "'columns' must be an array of {\"name\", \"type\"}, not empty".into(),
            ));
        }
        let mut seen = BTreeSet::new();
        for (at, column) in columns.into_iter().flatten().enumerate() {
            let place = format!("{place}.columns[{at}]");
            let name = get(column, "name").as_str().filter(|n| is_column_name(n));
            let type_name = get(column, "type").as_str().unwrap_or("");
            match (name, ScalarType::from_name(type_name)) {
                (None, _) => wrong.push((place, "'name' must be a column name: letters, digits and _".into())),
                (_, None) => wrong.push((place, format!(
                    "'{type_name}' is not a column type; use string, int, long, real, boolean, datetime or dynamic"
                ))),
                (Some(name), _) if !seen.insert(name) => {
                    wrong.push((place, format!("the column '{name}' is there twice")));
                }
                _ => {}
            }
        }
        names.insert(name.clone());
    }
    names
}

fn is_column_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= 128
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Checks the destinations, writes each workspace's id beside its resource id, and gives their names.
fn resolve_destinations(
    rule: &mut PutContext<'_>,
    wrong: &mut Findings,
) -> Result<BTreeSet<String>, ArmError> {
    let mut names = BTreeSet::new();
    let Value::Object(destinations) = rule.get("destinations").clone() else { return Ok(names) };
    let mut resolved = Map::new();
    for (kind, list) in destinations {
        let place = format!("properties.destinations.{kind}");
        if kind != "logAnalytics" {
            if !list.is_null() && list.as_array().is_none_or(|l| !l.is_empty()) {
                let message =
                    format!("'{kind}' is not served here; use a logAnalytics destination");
                wrong.push((place, message));
            }
            continue;
        }
        let Value::Array(mut list) = list else {
            wrong.push((place, "'logAnalytics' must be an array".into()));
            continue;
        };
        for (at, destination) in list.iter_mut().enumerate() {
            let place = format!("{place}[{at}]");
            match resolve_workspace(rule, destination)? {
                Ok(name) if names.insert(name.clone()) => {}
                Ok(name) => wrong.push((place, format!("the destination '{name}' is there twice"))),
                Err(message) => wrong.push((place, message)),
            }
        }
        resolved.insert(kind, Value::Array(list));
    }
    if names.is_empty() && wrong.is_empty() {
        let message = "'destinations.logAnalytics' must name a workspace".to_owned();
        wrong.push(("properties.destinations".into(), message));
    }
    rule.set("destinations", Value::Object(resolved));
    Ok(names)
}

/// The destination's name, with the workspace's customer id written into it; or what is wrong with it.
fn resolve_workspace(
    rule: &PutContext<'_>,
    destination: &mut Value,
) -> Result<Result<String, String>, ArmError> {
    let Some(name) = get(destination, "name").as_str().filter(|n| !n.is_empty()).map(str::to_owned)
    else {
        return Ok(Err("'name' is required; add it".into()));
    };
    let Some(id) = get(destination, "workspaceResourceId").as_str().map(ResourceId::new) else {
        return Ok(Err("'workspaceResourceId' is required; add it".into()));
    };
    match rule.resource(WORKSPACE.name, &id)?.as_ref().and_then(customer_id_of) {
        Some(customer_id) => {
            destination["workspaceId"] = json!(customer_id);
            Ok(Ok(name))
        }
        None => Ok(Err(format!("the workspace '{id}' does not exist; create it first"))),
    }
}

fn check_flows(
    rule: &PutContext<'_>,
    streams: &BTreeSet<String>,
    destinations: &BTreeSet<String>,
    wrong: &mut Findings,
) {
    let flows = rule.get("dataFlows").as_array();
    let from_tables = rule.get("streamsFromTables").as_bool() == Some(true);
    if flows.is_none_or(Vec::is_empty) && !from_tables {
        let message = "'dataFlows' is empty: say which streams go to which destination".to_owned();
        wrong.push(("properties.dataFlows".into(), message));
    }
    if from_tables && destinations.len() > 1 {
        let message = "'streamsFromTables' needs exactly one workspace as destination".to_owned();
        wrong.push(("properties.streamsFromTables".into(), message));
    }
    for (at, flow) in flows.into_iter().flatten().enumerate() {
        let mut report = |member: &str, message: String| {
            wrong.push((format!("properties.dataFlows[{at}].{member}"), message));
        };
        let texts = |member: &str| -> Vec<&str> {
            get(flow, member)
                .as_array()
                .into_iter()
                .flatten()
                .map(|t| t.as_str().unwrap_or(""))
                .collect()
        };
        let (used, wanted) = (texts("streams"), texts("destinations"));
        if used.is_empty() {
            report("streams", "'streams' must name at least one stream".into());
        }
        for stream in &used {
            let known = is_microsoft(stream) || streams.contains(*stream);
            if !known {
                report(
                    "streams",
                    format!(
                        "the stream '{stream}' is not declared: declare it under streamDeclarations, or use Microsoft-<Table>"
                    ),
                );
            }
        }
        if wanted.is_empty() {
            report("destinations", "'destinations' must name at least one destination".into());
        }
        for name in wanted.iter().filter(|name| !destinations.contains(**name)) {
            report(
                "destinations",
                format!("the destination '{name}' is not defined under destinations"),
            );
        }
        match get(flow, "outputStream") {
            Value::Null => {}
            Value::String(stream) if is_microsoft(stream) || stream.starts_with("Custom-") => {}
            other => report(
                "outputStream",
                format!("{other} is not a stream; use Microsoft-<Table> or Custom-<Table>_CL"),
            ),
        }
        if !matches!(get(flow, "transformKql"), Value::Null | Value::String(_)) {
            report("transformKql", "'transformKql' must be a text".into());
        }
        if !get(flow, "builtInTransform").is_null() {
            report(
                "builtInTransform",
                "built-in transforms are not served here; use transformKql".into(),
            );
        }
    }
}

fn is_microsoft(stream: &str) -> bool {
    stream.strip_prefix("Microsoft-").is_some_and(|rest| !rest.is_empty())
}
