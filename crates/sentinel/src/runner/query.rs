//! One question: the rule's query over one window.

use std::sync::Arc;

use model::{
    DateTime, QueryAnswer, QueryError, QueryRequest, QueryStatistics, Rows, Tables, TimeRange,
};

use super::{LoadedRule, Waiting};
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

impl Answered {
    fn of(waiting: Waiting, answer: Result<QueryAnswer, QueryError>) -> Self {
        let Waiting { rule, window } = waiting;
        let (rows, statistics, partial) = match answer {
            Ok(answer) => {
                let rows = answer.tables.into_iter().next().map(|t| t.rows).unwrap_or_default();
                (Ok(rows), answer.statistics, answer.partial.map(|(_, message)| message))
            }
            Err(error) => (Err(Failure::from(&error)), QueryStatistics::default(), None),
        };
        Self { rule, window, rows, statistics, partial }
    }
}

pub(super) async fn ask(
    tables: &dyn Tables,
    waiting: Waiting,
    workspaces: &[(String, Arc<str>)],
) -> Answered {
    let request = request(&waiting.rule, waiting.window, workspaces);
    Answered::of(waiting, tables.query(request).await)
}

/// Looks at many windows in one go: the answers of those whose queries certainly have no rows, and the windows that have
/// to be asked one by one.
pub(super) async fn screen(
    tables: &dyn Tables,
    windows: Vec<Waiting>,
    workspaces: &[(String, Arc<str>)],
) -> (Vec<Answered>, Vec<Waiting>) {
    let requests: Vec<QueryRequest> =
        windows.iter().map(|w| request(&w.rule, w.window, workspaces)).collect();
    let mut screened = tables.screen(&requests).await.into_iter();
    let (mut answered, mut open) = (Vec::new(), Vec::new());
    for waiting in windows {
        match screened.next().flatten() {
            Some(answer) => answered.push(Answered::of(waiting, Ok(answer))),
            None => open.push(waiting),
        }
    }
    (answered, open)
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
