//! `vedette incident`: list, show and close incidents, through the same API as everybody.

use std::sync::Arc;

use anyhow::Context;
use model::{Rows, ScalarType, Schema, Value as Cell};
use serde_json::{Value, json};

use crate::cli::{CloseArgs, IncidentCommand, ListArgs, ShowArgs};
use crate::client::Client;
use crate::outcome::{Outcome, WrongUse};
use crate::output;

const API_VERSION: &str = "2025-10-01-preview";
const INCIDENTS: &str = "providers/Microsoft.SecurityInsights/incidents";

pub(crate) fn run(command: &IncidentCommand) -> anyhow::Result<Outcome> {
    match command {
        IncidentCommand::List(arguments) => list(arguments),
        IncidentCommand::Show(arguments) => show(arguments),
        IncidentCommand::Close(arguments) => close(arguments),
    }
}

/// Incidents, the newest first.
pub(crate) fn newest(client: &Client, filter: &str, top: usize) -> anyhow::Result<Vec<Value>> {
    let mut below = format!("{INCIDENTS}?$orderby=properties/createdTimeUtc%20desc&$top={top}");
    if !filter.is_empty() {
        below += &format!("&$filter={}", filter.replace(' ', "%20").replace('\'', "%27"));
    }
    let page = client.call("GET", &client.workspace_path(&below, API_VERSION), None)?;
    Ok(page.get("value").and_then(Value::as_array).cloned().unwrap_or_default())
}

/// A text or number of an incident's properties, as text.
pub(crate) fn text(incident: &Value, name: &str) -> String {
    match incident.pointer(&format!("/properties/{name}")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        Some(other) => other.to_string(),
    }
}

fn list(arguments: &ListArgs) -> anyhow::Result<Outcome> {
    let client = Client::connect(&arguments.connection)?;
    let filter = if arguments.all { "" } else { "properties/status ne 'Closed'" };
    let incidents = newest(&client, filter, arguments.top)?;
    if arguments.json {
        output::line(&serde_json::to_string_pretty(&incidents)?)?;
        return Ok(Outcome::Done);
    }
    if incidents.is_empty() {
        output::line(if arguments.all {
            "no incidents"
        } else {
            "no open incidents; --all shows closed ones"
        })?;
        return Ok(Outcome::Done);
    }
    output::write_table(&table(&incidents))?;
    Ok(Outcome::Done)
}

/// Incidents as rows.
pub(crate) fn table(incidents: &[Value]) -> Rows {
    let columns = [
        ("Number", "incidentNumber", ScalarType::Long),
        ("Severity", "severity", ScalarType::String),
        ("Status", "status", ScalarType::String),
        ("Created", "createdTimeUtc", ScalarType::DateTime),
        ("Alerts", "additionalData/alertsCount", ScalarType::Long),
        ("Title", "title", ScalarType::String),
        ("Tactics", "additionalData/tactics", ScalarType::String),
    ];
    let schema = Arc::new(Schema::new(columns.map(|(name, _, ty)| (name, ty))));
    let row = |i: &Value| {
        columns.iter().map(|(_, path, ty)| Cell::string(text(i, path)).cast(*ty)).collect()
    };
    Rows::from_values(schema, incidents.iter().map(row))
}

fn find(client: &Client, number: u64) -> anyhow::Result<Value> {
    let found = newest(client, &format!("properties/incidentNumber eq {number}"), 1)?;
    let none = || {
        WrongUse::because(format!(
            "there is no incident {number}; 'vedette incident list --all' names all"
        ))
    };
    found.into_iter().next().ok_or_else(none)
}

fn name(incident: &Value) -> anyhow::Result<&str> {
    incident.get("name").and_then(Value::as_str).context("the incident has no name")
}

fn show(arguments: &ShowArgs) -> anyhow::Result<Outcome> {
    let client = Client::connect(&arguments.connection)?;
    let incident = find(&client, arguments.number)?;
    let below = |what: &str| -> anyhow::Result<String> {
        Ok(client.workspace_path(&format!("{INCIDENTS}/{}/{what}", name(&incident)?), API_VERSION))
    };
    let alerts = client.call("POST", &below("alerts")?, None)?;
    let entities = client.call("POST", &below("entities")?, None)?;
    let comments = client.call("GET", &below("comments")?, None)?;
    if arguments.json {
        let whole = json!({ "incident": incident, "alerts": alerts["value"], "entities": entities["entities"], "comments": comments["value"] });
        output::line(&serde_json::to_string_pretty(&whole)?)?;
        return Ok(Outcome::Done);
    }
    output::line(&format!("#{} {}", text(&incident, "incidentNumber"), text(&incident, "title")))?;
    for (label, path) in [
        ("Severity", "severity"),
        ("Status", "status"),
        ("Owner", "owner/assignedTo"),
        ("Created", "createdTimeUtc"),
        ("First activity", "firstActivityTimeUtc"),
        ("Last activity", "lastActivityTimeUtc"),
        ("Tactics", "additionalData/tactics"),
        ("Classification", "classification"),
        ("Description", "description"),
    ] {
        let value = text(&incident, path);
        if !value.is_empty() {
            output::line(&format!("  {label:<15} {value}"))?;
        }
    }
    section("Alerts", &alerts["value"], |a| {
        format!("{}  {}", text(a, "timeGenerated"), text(a, "alertDisplayName"))
    })?;
    section("Entities", &entities["entities"], |e| {
        let kind = e.get("kind").and_then(Value::as_str).unwrap_or_default();
        format!("{kind:<10} {}", text(e, "friendlyName"))
    })?;
    section("Comments", &comments["value"], |c| {
        format!("{}  {}", text(c, "createdTimeUtc"), text(c, "message"))
    })?;
    Ok(Outcome::Done)
}

fn section(title: &str, items: &Value, one: impl Fn(&Value) -> String) -> anyhow::Result<()> {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    if !items.is_empty() {
        output::line(&format!("{title}:"))?;
    }
    for item in items {
        output::line(&format!("  {}", one(item).trim_end()))?;
    }
    Ok(())
}

fn close(arguments: &CloseArgs) -> anyhow::Result<Outcome> {
    let client = Client::connect(&arguments.connection)?;
    let mut incident = find(&client, arguments.number)?;
    if text(&incident, "status") == "Closed" {
        output::line(&format!("incident {} was closed already", arguments.number))?;
        return Ok(Outcome::Done);
    }
    let (classification, reason) = arguments.classification.names();
    let properties = incident.get_mut("properties").context("the incident has no properties")?;
    properties["status"] = "Closed".into();
    properties["classification"] = classification.into();
    if let Some(reason) = reason {
        properties["classificationReason"] = reason.into();
    }
    if let Some(comment) = &arguments.comment {
        properties["classificationComment"] = comment.as_str().into();
    }
    let path = client.workspace_path(&format!("{INCIDENTS}/{}", name(&incident)?), API_VERSION);
    client.call("PUT", &path, Some(&incident))?;
    output::line(&format!("closed incident {} as {classification}", arguments.number))?;
    Ok(Outcome::Done)
}
