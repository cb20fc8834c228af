//! From a rule's results to its alerts: one for all results, or one for each.

use std::collections::{HashMap, HashSet};

use model::{DateTime, Rows, Schema, Value};

use super::details::{CustomDetails, override_details};
use super::{Alert, AlertSource, RunContext};
use crate::entity::{Entity, Mapper};
use crate::ids;
use crate::rule::{AnalyticsRule, EventGrouping};

/// Most entities of one alert.
const ENTITIES_MAX: usize = 500;
/// Most bytes of an alert's entities.
const ENTITIES_BYTES_MAX: usize = 64 << 10;

/// What a run's results became.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generated {
    /// The alerts; none below the rule's threshold.
    pub alerts: Vec<Alert>,
    /// Number of results.
    pub results: usize,
    /// Entities over all alerts.
    pub entities: usize,
    /// Entities that were mapped but identify nothing, or did not fit.
    pub entities_dropped: usize,
    /// What the rule's author should know.
    pub issues: Vec<String>,
}

/// Makes the alerts of one run.
pub fn generate(rule: &AnalyticsRule, context: &RunContext<'_>, rows: &Rows) -> Generated {
    let mut generated = Generated { results: rows.len(), ..Generated::default() };
    if !rule.fires(generated.results) {
        return generated;
    }
    let mut builder = Builder::new(rule, context, &rows.schema);
    generated.issues = builder.issues();
    if rule.event_grouping == EventGrouping::AlertPerResult && generated.results > 0 {
        per_result(&mut builder, rows, &mut generated);
    } else {
        rows.values().for_each(|row| builder.add(&row));
        generated.alerts.push(builder.finish(&[]));
    }
    generated.entities = generated.alerts.iter().map(|a| a.entities.len()).sum();
    generated.entities_dropped = builder.dropped;
    generated
}

fn per_result(builder: &mut Builder<'_>, rows: &Rows, generated: &mut Generated) {
    let most = builder.rule.alerts_per_run_max();
    let (count, mut occurrences) = (generated.results, HashMap::new());
    // Beyond the limit the last alert stands for all results.
    let alone = if count > most { most - 1 } else { count };
    for row in rows.values().take(alone) {
        let content = text_of(&row);
        let occurrence: &mut usize = occurrences.entry(content.clone()).or_default();
        builder.add(&row);
        generated.alerts.push(builder.finish(&[&content, &occurrence.to_string()]));
        *occurrence += 1;
    }
    if count > most {
        rows.values().for_each(|row| builder.add(&row));
        generated.alerts.push(builder.finish(&["all"]));
        generated.issues.push(format!(
            "the query gave {count} results; the first {alone} have an alert each, one more stands for all of them"
        ));
    }
}

fn text_of(row: &[Value]) -> String {
    let mut text = String::new();
    for value in row {
        value.write_text(&mut text);
        text.push('\u{1f}');
    }
    text
}

/// Gathers results until an alert is finished.
struct Builder<'a> {
    rule: &'a AnalyticsRule,
    context: &'a RunContext<'a>,
    schema: &'a Schema,
    mapper: Mapper,
    times: Times,
    details: CustomDetails,
    entities: Vec<Entity>,
    seen: HashSet<String>,
    entity_bytes: usize,
    dropped: usize,
    first: Option<Vec<Value>>,
    results: usize,
}

impl<'a> Builder<'a> {
    fn new(rule: &'a AnalyticsRule, context: &'a RunContext<'a>, schema: &'a Schema) -> Self {
        Self {
            rule,
            context,
            schema,
            mapper: Mapper::new(rule, schema),
            times: Times::new(schema),
            details: CustomDetails::new(rule, schema),
            entities: Vec::new(),
            seen: HashSet::new(),
            entity_bytes: 0,
            dropped: 0,
            first: None,
            results: 0,
        }
    }

    /// Columns that the rule names and the result does not have.
    fn issues(&self) -> Vec<String> {
        let mut issues = Vec::new();
        let mut tell = |what: &str, columns: &[String]| {
            if !columns.is_empty() {
                issues.push(format!(
                    "{what} names columns that the result does not have: {}",
                    columns.join(", ")
                ));
            }
        };
        tell("entity mapping", &self.mapper.missing);
        tell("customDetails", &self.details.missing);
        issues
    }

    fn add(&mut self, row: &[Value]) {
        self.results += 1;
        self.times.add(row);
        self.details.add(row);
        if self.first.is_none() {
            self.first = Some(row.to_vec());
        }
        let found = self.mapper.row(row);
        self.dropped += found.dropped;
        for entity in found.entities {
            let key = entity.key();
            if self.seen.contains(&key) {
                continue;
            }
            let bytes = key.len() + 32; // the key holds the values; names and quotes are about that much
            if self.entities.len() == ENTITIES_MAX || self.entity_bytes + bytes > ENTITIES_BYTES_MAX
            {
                self.dropped += 1;
                continue;
            }
            self.entity_bytes += bytes;
            self.seen.insert(key);
            self.entities.push(entity);
        }
    }

    /// The alert of the results so far; `part` tells alerts of one run apart.
    fn finish(&mut self, part: &[&str]) -> Alert {
        let (rule, context) = (self.rule, self.context);
        let (rule_key, end) = (context.rule_id.key(), context.window.end.ticks().to_string());
        let mut name = vec!["alert", rule_key.as_str(), end.as_str()];
        name.extend_from_slice(part);
        let (start, end) = self.times.take(context);
        let mut alert = Alert {
            system_alert_id: ids::guid(&name),
            display_name: rule.display_name.clone(),
            description: rule.description.clone(),
            severity: rule.severity,
            tactics: rule.tactics.clone(),
            techniques: rule.techniques.clone(),
            sub_techniques: rule.sub_techniques.clone(),
            start,
            end,
            entities: std::mem::take(&mut self.entities),
            custom_details: self.details.take(),
            results: std::mem::take(&mut self.results),
            source: AlertSource::default(),
        };
        self.seen.clear();
        self.entity_bytes = 0;
        if let (Some(details), Some(row)) = (&rule.alert_details_override, self.first.take()) {
            override_details(&mut alert, details, self.schema, &row);
        }
        alert
    }
}

/// First and last event among the results.
struct Times {
    first: Option<usize>,
    last: Option<usize>,
    span: Option<(DateTime, DateTime)>,
}

/// Columns that hold the time of a result's first and last event, best first.
const FIRST: &[&str] = &["TimeGenerated", "StartTime", "StartTimeUtc"];
const LAST: &[&str] = &["TimeGenerated", "EndTime", "EndTimeUtc"];

impl Times {
    fn new(schema: &Schema) -> Self {
        let position = |names: &[&str]| names.iter().find_map(|name| schema.position(name));
        Self { first: position(FIRST), last: position(LAST), span: None }
    }

    fn add(&mut self, row: &[Value]) {
        let at = |column: Option<usize>| match column.and_then(|c| row.get(c)) {
            Some(Value::DateTime(at)) => Some(*at),
            _ => None,
        };
        for at in [at(self.first), at(self.last)].into_iter().flatten() {
            let (first, last) = self.span.unwrap_or((at, at));
            self.span = Some((first.min(at), last.max(at)));
        }
    }

    /// The span of the results, the run's window when they tell none.
    fn take(&mut self, context: &RunContext<'_>) -> (DateTime, DateTime) {
        self.span.take().unwrap_or((context.window.start, context.window.end))
    }
}
