//! What the doors tell the house about what went through them, for its own tables: queries,
//! sign-ins, changes of the directory and of resources.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use identity::{Caller, SignIn};
use model::{Cancel, DateTime, QueryAnswer, QueryError, QueryRequest, ResourceId, TimeRange};

use crate::Doors;
use crate::wire::workspace::Workspace;

/// Told of every event; it must not block.
pub type Audit = Arc<dyn Fn(Event) + Send + Sync>;

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody asked for a token, with success or without.
    SignIn(Box<SignIn>),
    /// A query ran to its end, or was given up.
    Query(Box<QueryEvent>),
    /// Somebody changed the directory, or tried to.
    Directory(Box<DirectoryEvent>),
    /// Somebody changed a resource, or tried to.
    Activity(Box<ActivityEvent>),
}

/// A change of the directory, for AuditLogs.
#[derive(Clone, Debug)]
pub struct DirectoryEvent {
    /// When.
    pub time: DateTime,
    /// Who.
    pub caller: Caller,
    /// From where.
    pub source: IpAddr,
    /// What was done, in Entra's words.
    pub operation: &'static str,
    /// `UserManagement`, `GroupManagement`, `ApplicationManagement`, `RoleManagement`, ...
    pub category: &'static str,
    /// `Add`, `Update`, `Delete`, `Assign`, `Unassign`.
    pub kind: &'static str,
    /// The client's id of the request.
    pub correlation_id: String,
    /// The client's program.
    pub agent: String,
    /// What it was done to.
    pub targets: Vec<Target>,
    /// Why it was refused; empty for success.
    pub failure: String,
}

/// What a change of the directory was done to.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// Object id.
    pub id: String,
    /// `User`, `Group`, `Application`, `ServicePrincipal`, `Role`.
    pub kind: &'static str,
    /// Name for people.
    pub name: String,
    /// The name that a user signs in with.
    pub user_name: Option<String>,
    /// Application id of an application or a service principal.
    pub app_id: Option<String>,
    /// Property, old value, new value: never a secret.
    pub changes: Vec<(String, String, String)>,
}

/// A change of a resource, for AzureActivity.
#[derive(Clone, Debug)]
pub struct ActivityEvent {
    /// When.
    pub time: DateTime,
    /// Who.
    pub caller: Caller,
    /// From where.
    pub source: IpAddr,
    /// The action, `Microsoft.Authorization/roleAssignments/write`.
    pub action: String,
    /// The resource.
    pub resource: ResourceId,
    /// HTTP method.
    pub method: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Code and message of a failure.
    pub failure: Option<(String, String)>,
    /// What was asked for, where it says who got which right.
    pub request: Option<serde_json::Value>,
    /// The client's id of the request.
    pub correlation_id: String,
}

/// A query, for LAQueryLogs.
#[derive(Clone, Debug)]
pub struct QueryEvent {
    /// When it came.
    pub time: DateTime,
    /// How long it took.
    pub elapsed: Duration,
    /// `LogAnalytics` or `Kusto`.
    pub api: &'static str,
    /// The client's id of the request.
    pub client_request_id: String,
    /// Who asked.
    pub caller: Caller,
    /// Customer id of the workspace.
    pub workspace: Arc<str>,
    /// The workspace.
    pub resource: ResourceId,
    /// KQL.
    pub text: String,
    /// The range that was asked for beside the query.
    pub time_range: Option<TimeRange>,
    /// HTTP status of the answer; 499 when the client went away.
    pub status: u16,
    /// Rows given.
    pub rows: usize,
    /// What it cost, where it came to an end.
    pub answer: Option<Cost>,
}

/// The cost of a query that came to an end.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Figures of the engine.
    pub statistics: model::QueryStatistics,
    /// Tables read.
    pub tables_read: Vec<Arc<str>>,
    /// True when the answer is partial.
    pub partial: bool,
}

/// Who asks a query, and through which door.
pub(crate) struct Asker<'a> {
    pub(crate) api: &'static str,
    pub(crate) caller: &'a Caller,
    pub(crate) workspace: &'a Workspace,
    pub(crate) request_id: &'a str,
}

/// A query under way: cancelled and told when it is given up, told when it ends.
pub(crate) struct Watch<'a> {
    doors: &'a Doors,
    cancel: Cancel,
    start: Instant,
    event: Option<Box<QueryEvent>>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(doors: &'a Doors, asker: &Asker<'_>, request: &QueryRequest) -> Self {
        let event = QueryEvent {
            time: request.now,
            elapsed: Duration::ZERO,
            api: asker.api,
            client_request_id: asker.request_id.to_owned(),
            caller: asker.caller.clone(),
            workspace: Arc::clone(&request.workspace),
            resource: asker.workspace.resource.clone(),
            text: request.text.clone(),
            time_range: request.time_range,
            status: 499,
            rows: 0,
            answer: None,
        };
        let (cancel, event) = (request.cancel.clone(), Some(Box::new(event)));
        Self { doors, cancel, start: Instant::now(), event }
    }

    /// The query came to its end.
    pub(crate) fn ended(mut self, answer: &Result<QueryAnswer, QueryError>) {
        let Some(event) = &mut self.event else { return };
        match answer {
            Err(error) => event.status = status(error),
            Ok(answer) => {
                event.status = 200;
                event.rows = answer.tables.iter().map(|t| t.rows.len()).sum();
                event.answer = Some(Cost {
                    statistics: answer.statistics.clone(),
                    tables_read: answer.tables_read.clone(),
                    partial: answer.partial.is_some(),
                });
            }
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.cancel.cancel();
        if let Some(mut event) = self.event.take() {
            event.elapsed = self.start.elapsed();
            (self.doors.audit)(Event::Query(event));
        }
    }
}

/// The HTTP status of a query's failure, at every door.
pub(crate) fn status(error: &QueryError) -> u16 {
    match error {
        QueryError::Syntax { .. }
        | QueryError::Semantic { .. }
        | QueryError::ResultTooLarge(_)
        | QueryError::ResourceLimit(_)
        | QueryError::Execution(_) => 400,
        QueryError::UnknownWorkspace(_) => 404,
        QueryError::Timeout(_) => 504,
        QueryError::Cancelled => 499,
        QueryError::Storage(_) => 500,
    }
}
