//! One question: the rule's query over one window.

use std::sync::Arc;

use model::{DateTime, QueryRequest, QueryStatistics, Rows, Tables, TimeRange};

use super::LoadedRule;
use crate::alert::Window;
use crate::health::Failure;
use crate::rule::RuleKind;

/// A rule's window with what its query gave.
pub(super) struct Answered {
    pub(super) rule: Arc<LoadedRule>,
    pub(super) window: Window,
    pub(super) rows: Result<Rows, Failure>,
    pub(super) statistics: QueryStatistics,
    /// Set when results were cut off.
    pub(super) partial: Option<String>,
}

pub(super) async fn ask(
    tables: &dyn Tables,
    rule: Arc<LoadedRule>,
    window: Window,
    workspaces: &[(String, Arc<str>)],
) -> Answered {
    let request = request(&rule, window, workspaces);
    let (rows, statistics, partial) = match tables.query(request).await {
        Ok(answer) => {
            let rows = answer.tables.into_iter().next().map(|t| t.rows).unwrap_or_default();
            (Ok(rows), answer.statistics, answer.partial.map(|(_, message)| message))
        }
        Err(error) => (Err(Failure::from(&error)), QueryStatistics::default(), None),
    };
    Answered { rule, window, rows, statistics, partial }
}

/// The query as its author wrote it; the window bounds the tables, and `now()` is the window's end, so that `ago()`
/// means the same whenever the window is run.
fn request(rule: &LoadedRule, window: Window, workspaces: &[(String, Arc<str>)]) -> QueryRequest {
    let mut request =
        QueryRequest::new(&*rule.workspace.customer_id, &*rule.rule.query, window.end);
    match rule.rule.kind {
        // Both ends of the range are inside; the window's end is not.
        RuleKind::Scheduled => {
            let last = DateTime::from_ticks(window.end.ticks() - 1);
            request.time_range = Some(TimeRange { start: Some(window.start), end: Some(last) });
        }
        // Start exclusive, end inclusive: windows meet.
        RuleKind::Nrt => {
            request.ingestion_range =
                Some(TimeRange { start: Some(window.start), end: Some(window.end) });
        }
    }
    request.other_workspaces = workspaces.to_vec();
    request.limits.truncate = true;
    request
}
