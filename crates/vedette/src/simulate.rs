//! `vedette simulate`: an attack story, labelled as such, through the public ingestion API; then the incidents that the
//! shipped rules make of it.

mod story;

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;
use model::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::cli::SimulateArgs;
use crate::client::Client;
use crate::incident;
use crate::outcome::Outcome;
use crate::output::{line, write_table};
use crate::upload;

use story::{Chapter, Story};

const API_VERSION: &str = "2025-10-01-preview";
const RULES: &str = "providers/Microsoft.SecurityInsights/alertRules";
/// Longer than the rules' clock ticks: a rule that was off this long starts over.
const REST: Duration = Duration::from_millis(2500);
/// Longest wait for incidents.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn run(arguments: &SimulateArgs) -> anyhow::Result<Outcome> {
    let client = Client::connect(&arguments.connection)?;
    let mark = uuid::Uuid::new_v4().simple().to_string();
    let story = Story::new(mark.get(..6).unwrap_or("000000"), SystemClock.now());
    line(&format!("A drill: every name of it carries '{}'. None of it happened.", story.label))?;
    for chapter in &story.chapters {
        upload::records_of(
            &client,
            chapter.table,
            chapter.records.iter().map(Value::to_string),
            &mut |_| {},
        )?;
        let (title, technique, rows) = (chapter.title, chapter.technique, chapter.records.len());
        line(&format!("  sent {rows:>3} rows to {:<14} {title} ({technique})", chapter.table))?;
    }
    if arguments.no_wait {
        return Ok(Outcome::Done);
    }
    let running = restart_rules(&client, &story)?;
    wait(&client, &story, &running)
}

/// Rules run every few minutes. Those of the story are switched off and on, which makes them run at once.
fn restart_rules<'s>(client: &Client, story: &'s Story) -> anyhow::Result<Vec<&'s Chapter>> {
    let list = client.call("GET", &client.workspace_path(RULES, API_VERSION), None)?;
    let rules = list.get("value").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut switched = Vec::new();
    let mut running = Vec::new();
    for chapter in story.chapters.iter().filter(|c| !c.rule.is_empty()) {
        let of_template = |r: &&Value| {
            incident::text(r, "alertRuleTemplateName").eq_ignore_ascii_case(chapter.rule)
        };
        match rules.iter().find(of_template) {
            Some(rule) if rule.pointer("/properties/enabled") == Some(&json!(true)) => {
                running.push(chapter);
                if rule.get("kind").and_then(Value::as_str) == Some("Scheduled") {
                    switch(client, rule, false)?;
                    switched.push(rule);
                }
            }
            _ => line(&format!(
                "  the rule for '{}' is not enabled: no incident will come of it",
                chapter.title
            ))?,
        }
    }
    line("Running the rules now instead of at their next turn ...")?;
    sleep(REST);
    for rule in switched {
        switch(client, rule, true)?;
    }
    Ok(running)
}

fn switch(client: &Client, rule: &Value, on: bool) -> anyhow::Result<()> {
    let name = rule.get("name").and_then(Value::as_str).context("a rule without a name")?;
    let mut body = json!({ "kind": rule["kind"], "properties": rule["properties"] });
    body["properties"]["enabled"] = on.into();
    client.call(
        "PUT",
        &client.workspace_path(&format!("{RULES}/{name}"), API_VERSION),
        Some(&body),
    )?;
    Ok(())
}

/// Shows incidents as they come, until every running rule of the story has made one.
fn wait(client: &Client, story: &Story, running: &[&Chapter]) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let wanted: BTreeSet<&str> = running.iter().map(|c| c.rule).collect();
    let mut seen = Vec::new();
    let mut answered = BTreeSet::new();
    while answered.len() < wanted.len() && started.elapsed() < PATIENCE {
        sleep(Duration::from_secs(1));
        for found in
            incident::newest(client, &format!("properties/createdTimeUtc ge {}", story.begun), 100)?
        {
            let title = incident::text(&found, "title");
            if seen.contains(&found["name"]) || !title.to_lowercase().contains(&story.label) {
                continue;
            }
            line(&format!(
                "  incident {} after {:.0} s: {title}",
                incident::text(&found, "incidentNumber"),
                started.elapsed().as_secs_f64()
            ))?;
            seen.push(found["name"].clone());
            let rule = running.iter().find(|c| title.contains(c.title_part));
            answered.extend(rule.map(|c| c.rule));
        }
    }
    let incidents =
        incident::newest(client, &format!("properties/createdTimeUtc ge {}", story.begun), 100)?;
    let own: Vec<Value> = incidents
        .into_iter()
        .filter(|i| incident::text(i, "title").to_lowercase().contains(&story.label))
        .collect();
    line("")?;
    write_table(&incident::table(&own))?;
    if let Some(number) = own.first().map(|i| incident::text(i, "incidentNumber")) {
        line("")?;
        line(&format!("Look at one:  vedette incident show {number}"))?;
        line(&format!(
            "Close it:     vedette incident close {number} --classification benign-positive --comment 'a drill'"
        ))?;
    }
    let missing: Vec<&str> =
        running.iter().filter(|c| !answered.contains(c.rule)).map(|c| c.title).collect();
    if missing.is_empty() {
        return Ok(Outcome::Done);
    }
    line(&format!("No incident yet for: {}. See what the rules say:", missing.join(", ")))?;
    line(
        "  vedette query --server 'SentinelHealth | where Status != \"Success\" | project TimeGenerated, SentinelResourceName, Description'",
    )?;
    Ok(Outcome::Findings)
}
