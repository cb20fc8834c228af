//! Log Analytics query: one question, or a batch of them.

mod batch;
mod error;
mod metadata;
mod question;
mod shape;

use std::sync::Arc;
use std::time::Duration;

use arm::Target;
use axum::response::Response;
use http::Method;
use identity::Audiences;
use model::{Principal, QueryAnswer, QueryError, QueryRequest, TimeRange};

use crate::audit::{Asker, Watch};
use crate::wire::answer::Pieces;
use crate::wire::body;
use crate::wire::caller::authenticate;
use crate::wire::error::ApiError;
use crate::wire::workspace::Workspace;
use crate::{Doors, Incoming};
pub(crate) use error::innererror;
use error::{bad_argument, query_error};
use question::Question;

/// The door's name in the log of queries.
const API: &str = "LogAnalytics";

/// Longest time that `Prefer: wait=` may ask for.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// True for `/subscriptions/.../{type}/{name}/query`: a question to a resource, without `/v1` before it.
pub(crate) fn is_query(incoming: &Incoming) -> bool {
    let last = incoming.segments.last().is_some_and(|s| s.eq_ignore_ascii_case("query"));
    last && match Target::parse(&incoming.segments.join("/")) {
        Ok(Target::Collection { scope, .. }) => {
            scope.type_name.starts_with(|c: char| c != '/')
                && scope.namespace().eq_ignore_ascii_case("Microsoft.OperationalInsights")
        }
        _ => false,
    }
}

/// What follows `/v1` (`skip` is 1) or stands without it.
pub(crate) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
    skip: usize,
) -> Result<Response, ApiError> {
    let caller = authenticate(doors, &incoming, Audiences::LOG_ANALYTICS)?;
    let path: Vec<String> = incoming.segments.iter().skip(skip).cloned().collect();
    if let [only] = path.as_slice()
        && only.eq_ignore_ascii_case("$batch")
    {
        return batch::answer(doors, incoming, &caller).await;
    }
    if path.last().is_some_and(|last| last.eq_ignore_ascii_case("metadata")) {
        let workspace = workspace(doors, &path, "metadata")?;
        return metadata::answer(doors, &incoming, &caller, &workspace).await;
    }
    let workspace = workspace(doors, &path, "query")?;
    let question = match incoming.method {
        Method::GET => Question::of_url(&incoming)?,
        Method::POST => {
            let bytes = body::read(doors, &mut incoming, doors.limits.body_bytes).await?;
            let mut question = Question::of_body(&json(&bytes)?, incoming.header("prefer"))?;
            question.timespan =
                question.timespan.or_else(|| incoming.parameter("timespan").map(str::to_owned));
            question
        }
        _ => return Err(ApiError::method(&incoming, "GET, POST")),
    };
    let asker = Asker {
        api: API,
        caller: &caller,
        workspace: &workspace,
        request_id: &incoming.request_id,
    };
    Ok(run(doors, &asker, &question).await?.into_response(200))
}

fn json(bytes: &[u8]) -> Result<serde_json::Value, ApiError> {
    arm::lenient_json(bytes).map_err(|error| bad_argument(error.message))
}

/// The workspace that a path names, which ends in an operation.
fn workspace(doors: &Doors, path: &[String], operation: &str) -> Result<Workspace, ApiError> {
    let not_found = |name: &str| {
        ApiError::new(
            404,
            "PathNotFoundError",
            format!("The requested path does not exist: there is no workspace '{name}'."),
        )
    };
    let is = |part: &String, word: &str| part.eq_ignore_ascii_case(word);
    match path {
        [first, id, last] if is(first, "workspaces") && is(last, operation) => {
            Workspace::by_customer_id(doors, id)?.ok_or_else(|| not_found(id))
        }
        [first, middle @ .., last] if is(first, "subscriptions") && is(last, operation) => {
            let resource = format!("/{first}/{}", middle.join("/"));
            Workspace::by_resource_id(doors, &resource)?.ok_or_else(|| not_found(&resource))
        }
        _ => Err(ApiError::new(
            404,
            "PathNotFoundError",
            "The requested path does not exist; use /v1/workspaces/{id}/query, /v1/{resource id}/query or /metadata in its place.",
        )),
    }
}

/// Runs a question.
async fn run(doors: &Doors, asker: &Asker<'_>, question: &Question) -> Result<Pieces, ApiError> {
    let (workspace, caller) = (asker.workspace, asker.caller);
    let now = doors.clock.now();
    let mut request = QueryRequest::new(&workspace.customer_id, question.query.clone(), now);
    request.access = workspace.access(doors, caller)?;
    if let Some(timespan) = question.timespan.as_deref().filter(|t| !t.trim().is_empty()) {
        request.time_range = Some(TimeRange::parse(timespan, now).ok_or_else(|| {
            bad_argument(format!(
                "The timespan '{timespan}' is not valid; write an ISO 8601 duration (PT1H) or start/end."
            ))
        })?);
    }
    only_this_workspace(doors, workspace, &question.workspaces)?;
    request.other_workspaces = workspace.others(doors, caller, &question.query)?;
    request.limits = doors.limits.query;
    request.limits.truncate = true;
    if let Some(wait) = question.wait {
        request.limits.time_max = wait.clamp(Duration::from_secs(1), WAIT_MAX);
    }
    let answer = query(doors, asker, request).await?.map_err(|e| query_error(&e))?;
    Ok(shape::answer(&answer, question))
}

/// Runs a query in its turn; it ends when nobody waits for it any more.
pub(crate) async fn query(
    doors: &Doors,
    asker: &Asker<'_>,
    mut request: QueryRequest,
) -> Result<Result<QueryAnswer, QueryError>, ApiError> {
    request.principal = Some(Principal {
        object_id: asker.caller.object_id.to_string(),
        app_id: asker.caller.app_id.to_string(),
        tenant_id: doors.identity.tenant().id.to_string(),
        display_name: asker.caller.display_name.to_string(),
    });
    let _turn = doors.queries.admit().await?;
    let watch = Watch::new(doors, asker, &request);
    let answer = doors.tables.query(request).await;
    watch.ended(&answer);
    Ok(answer)
}

/// A question may list workspaces beside its own, whose tables Azure reads together. That is refused rather than
/// answered from one of them: a query names the others itself.
fn only_this_workspace(doors: &Doors, own: &Workspace, listed: &[String]) -> Result<(), ApiError> {
    for name in listed {
        match Workspace::named(doors, name)? {
            Some(found) if found.resource == own.resource => {}
            Some(_) => {
                return Err(bad_argument(format!(
                    "A query over a list of workspaces is not supported; name the workspace in the query: union T, workspace('{name}').T"
                )));
            }
            None => {
                return Err(bad_argument(format!("The workspace '{name}' could not be found.")));
            }
        }
    }
    Ok(())
}
