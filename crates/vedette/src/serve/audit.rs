//! Queries to LAQueryLogs, attempts to sign in to the tables of their kind, changes to AuditLogs and AzureActivity:
//! gathered in a bounded queue and stored every few seconds, so that nobody waits for the record of what was done.

mod changes;
mod device;
mod sign_ins;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::{Event, QueryEvent};
use model::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use values::Dynamic;

use super::House;
use super::own_rows::{Row, append};

const QUERIES: &str = "LAQueryLogs";
/// Events that wait at most; more are left out, and that is told.
const WAITING_MAX: usize = 20_000;
/// How long events are gathered, and the most that are stored at once.
const EVERY: Duration = Duration::from_secs(2);
const BATCH: usize = 1_000;
/// Longest query text kept, in characters.
const TEXT_MAX: usize = 30_000;

/// What to tell events to, and the task that stores them.
pub(super) fn start(
    house: &Arc<House>,
    stopped: watch::Receiver<bool>,
) -> (api::Audit, JoinHandle<()>) {
    let (sender, events) = mpsc::channel(WAITING_MAX);
    let audit: api::Audit = Arc::new(move |event| {
        if sender.try_send(event).is_err() {
            tracing::warn!(
                "more queries, sign-ins or changes than can be recorded: one is left out"
            );
        }
    });
    (audit, tokio::spawn(record(Arc::clone(house), events, stopped)))
}

async fn record(
    house: Arc<House>,
    mut events: mpsc::Receiver<Event>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let ends = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        let mut batch = Vec::new();
        while let Ok(event) = events.try_recv() {
            batch.push(event);
            if batch.len() >= BATCH && !ends {
                break;
            }
        }
        store(&house, batch).await;
        if ends {
            return;
        }
    }
}

async fn store(house: &House, events: Vec<Event>) {
    let mut rows: BTreeMap<(Arc<str>, &'static str), Vec<Row>> = BTreeMap::new();
    for event in events {
        let (workspace, table, row) = match event {
            Event::Query(query) => {
                (Arc::clone(&query.workspace), QUERIES, query_row(house, &query))
            }
            Event::SignIn(sign_in) => {
                let (table, row) = sign_ins::row(house, &sign_in);
                (house.installation.customer_id.as_str().into(), table, row)
            }
            Event::Directory(change) => {
                let row = changes::directory_row(house, &change);
                (house.installation.customer_id.as_str().into(), changes::DIRECTORY, row)
            }
            Event::Activity(activity) => {
                let row = changes::activity_row(house, &activity);
                (house.installation.customer_id.as_str().into(), changes::ACTIVITY, row)
            }
        };
        rows.entry((workspace, table)).or_default().push(row);
    }
    for ((workspace, table), rows) in rows {
        if let Err(error) = append(house, &workspace, table, rows, None).await {
            tracing::warn!(table, %error, "what was done could not be recorded");
        }
    }
}

fn query_row(house: &House, event: &QueryEvent) -> Row {
    let text: String = event.text.chars().take(TEXT_MAX).collect();
    let range = event.time_range.unwrap_or_default();
    let time = |t: Option<model::DateTime>| t.map_or(Value::Null, Value::DateTime);
    let cpu = event.answer.as_ref().map(|a| a.statistics.cpu.as_secs_f64() * 1000.0);
    vec![
        ("TimeGenerated", Value::DateTime(event.time)),
        ("CorrelationId", Value::string(&event.client_request_id)),
        ("AADObjectId", Value::string(&event.caller.object_id)),
        ("AADTenantId", Value::string(&house.installation.tenant_id)),
        ("AADClientId", Value::string(&event.caller.app_id)),
        ("AADEmail", Value::string(event.caller.user_name.as_deref().unwrap_or_default())),
        ("RequestClientApp", Value::string(event.api)),
        ("RequestTarget", Value::string(event.resource.as_str())),
        ("QueryText", Value::string(text)),
        ("QueryTimeRangeStart", time(range.start)),
        ("QueryTimeRangeEnd", time(range.end)),
        ("ResponseCode", Value::Int(i32::from(event.status))),
        ("ResponseDurationMs", Value::Real(event.elapsed.as_secs_f64() * 1000.0)),
        ("ResponseRowCount", Value::Int(i32::try_from(event.rows).unwrap_or(i32::MAX))),
        ("StatsCPUTimeMs", cpu.map_or(Value::Null, Value::Real)),
        ("StatsWorkspaceCount", Value::Int(1)),
        ("RequestContext", workspaces(event)),
        ("_ResourceId", Value::string(event.resource.as_str().to_lowercase())),
    ]
}

fn workspaces(event: &QueryEvent) -> Value {
    let context = serde_json::json!({ "workspaces": [event.resource.as_str()] });
    Value::Dynamic(Dynamic::from_json(&context))
}
