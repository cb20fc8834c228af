//! Rows of SentinelHealth: how each run of a rule went.

use std::time::Duration;

use model::{QueryError, QueryStatistics};
use serde_json::{Value, json};

use crate::alert::{Generated, RunContext};
use crate::duration::to_clock;
use crate::ids;
use crate::records::Record;
use crate::rule::{AnalyticsRule, RuleKind};

/// Why a run gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Code: `SEM0100`, `Timeout`.
    pub reason: String,
    /// What is wrong, and where.
    pub description: String,
    /// Trying again may help.
    pub passing: bool,
}

impl From<&QueryError> for Failure {
    fn from(error: &QueryError) -> Self {
        let (reason, passing) = match error {
            QueryError::Syntax { code, .. } | QueryError::Semantic { code, .. } => {
                (code.as_str(), false)
            }
            QueryError::ResultTooLarge(_) => ("E_QUERY_RESULT_SET_TOO_LARGE", false),
            QueryError::ResourceLimit(_) => ("E_RUNAWAY_QUERY", false),
            QueryError::Timeout(_) => ("Timeout", true),
            QueryError::Cancelled => ("Cancelled", true),
            QueryError::UnknownWorkspace(_) => ("WorkspaceNotFound", false),
            QueryError::Execution(_) => ("ExecutionError", false),
            QueryError::Storage(_) => ("StorageError", true),
        };
        let place = match error {
            QueryError::Syntax { line, pos, .. } | QueryError::Semantic { line, pos, .. } => {
                format!(" (line {line}, position {pos})")
            }
            _ => String::new(),
        };
        Self { reason: reason.to_owned(), description: format!("{error}{place}"), passing }
    }
}

impl Failure {
    /// Code and text; texts that begin with their code already are left alone.
    pub fn message(&self) -> String {
        if self.description.contains(&self.reason) {
            return self.description.clone();
        }
        format!("{}: {}", self.reason, self.description)
    }
}

/// What a run came to, for people.
pub fn description(rule: &AnalyticsRule, generated: &Generated) -> String {
    match generated.alerts.len() {
        0 => {
            let threshold = rule.schedule.as_ref().map_or(0, |s| s.threshold);
            format!(
                "Rule executed successfully, but did not reach the threshold ({threshold}) required to generate an alert."
            )
        }
        count => format!("Rule executed successfully, generating {count} alert(s)."),
    }
}

/// The row of a run.
pub fn record(
    rule: &AnalyticsRule,
    context: &RunContext<'_>,
    outcome: Result<&Generated, &Failure>,
    statistics: &QueryStatistics,
    attempt: u32,
) -> Record {
    let (status, text, reason) = match outcome {
        Ok(generated) => ("Success", description(rule, generated), ""),
        Err(failure) => ("Failure", failure.description.clone(), failure.reason.as_str()),
    };
    let empty = Generated::default();
    let generated = outcome.unwrap_or(&empty);
    let mut record = base(rule, context, status, &text, reason);
    let window = context.window;
    let extended = json!({
        "AggregationKind": rule.event_grouping.name(),
        "AlertsGeneratedAmount": generated.alerts.len(),
        "CorrelationId": ids::guid(&["run", &context.rule_id.key(), &window.end.ticks().to_string()]),
        "EntitiesDroppedDueToMappingIssuesAmount": generated.entities_dropped,
        "EntitiesGeneratedAmount": generated.entities,
        "Issues": generated.issues,
        "QueryEndTimeUTC": window.end.to_string(),
        "QueryFrequency": to_clock(rule.frequency()),
        "QueryPerformanceIndicators": performance(statistics),
        "QueryPeriod": to_clock(rule.period()),
        "QueryResultAmount": generated.results,
        "QueryStartTimeUTC": window.start.to_string(),
        "RuleId": context.rule_id.name(),
        "SuppressionDuration": to_clock(rule.suppression.duration),
        "SuppressionEnabled": if rule.suppression.enabled { "True" } else { "False" },
        "TriggerOperator": rule.schedule.as_ref().map_or("GreaterThan", |s| s.operator.name()),
        "TriggerThreshold": rule.schedule.as_ref().map_or(0, |s| s.threshold),
        "TriggerType": match rule.kind { RuleKind::Scheduled => "Scheduled", RuleKind::Nrt => "NrtRun" },
        "Attempt": attempt + 1,
    });
    record.insert("ExtendedProperties".to_owned(), extended);
    record
}

/// The row that tells of windows nobody looked at.
pub fn missed_record(rule: &AnalyticsRule, context: &RunContext<'_>, windows: i64) -> Record {
    let text = format!(
        "{windows} windows up to {} were missed while nothing ran and are too many to be caught up; search them by hand.",
        context.window.start
    );
    base(rule, context, "Failure", &text, "WindowsMissed")
}

fn base(
    rule: &AnalyticsRule,
    context: &RunContext<'_>,
    status: &str,
    text: &str,
    reason: &str,
) -> Record {
    let operation = match rule.kind {
        RuleKind::Scheduled => "Scheduled analytics rule run",
        RuleKind::Nrt => "NRT analytics rule run",
    };
    let (key, at) = (context.rule_id.key(), context.now.ticks().to_string());
    let mut record = Record::new();
    let mut put = |name: &str, value: Value| {
        record.insert(name.to_owned(), value);
    };
    put("TimeGenerated", context.now.to_string().into());
    put("OperationName", operation.into());
    put("SentinelResourceId", context.rule_id.as_str().into());
    put("SentinelResourceName", rule.display_name.as_str().into());
    put("SentinelResourceType", "Analytics Rule".into());
    put("SentinelResourceKind", rule.kind.name().into());
    put("Status", status.into());
    put("Description", text.into());
    put("Reason", reason.into());
    put("WorkspaceId", (*context.workspace.customer_id).into());
    put("RecordId", ids::guid(&["health", &key, &at, reason]).into());
    put("ExtendedProperties", json!({}));
    put("SourceSystem", "Azure".into());
    record
}

fn performance(statistics: &QueryStatistics) -> Value {
    json!({
        "ElapsedMilliseconds": milliseconds(statistics.elapsed),
        "CpuMilliseconds": milliseconds(statistics.cpu),
        "CompileMilliseconds": milliseconds(statistics.compile),
        "RowsRead": statistics.rows_read,
        "Segments": statistics.segments,
        "SegmentsPruned": statistics.segments_pruned,
        "MemoryPeakBytes": statistics.memory_peak,
    })
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
