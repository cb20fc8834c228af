//! Failures in Kusto's envelope.

use model::QueryError;
use serde_json::{Value, json};

use crate::Incoming;
use crate::audit::status;
use crate::log_analytics::innererror;
use crate::wire::error::ApiError;

/// An error with Kusto's code; the envelope is put around it at the door.
pub(super) fn kusto_error(status: u16, code: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(status, code, message)
}

/// A query's failure.
pub(super) fn query_failure(error: &QueryError) -> ApiError {
    let code = match error {
        QueryError::Syntax { .. } | QueryError::Semantic { .. } | QueryError::Execution(_) => {
            "General_BadRequest"
        }
        QueryError::ResultTooLarge(_) => "E_QUERY_RESULT_SET_TOO_LARGE",
        QueryError::ResourceLimit(_) => "E_RUNAWAY_QUERY",
        QueryError::UnknownWorkspace(_) => "BadRequest_DatabaseNotExist",
        QueryError::Timeout(_) => "GatewayTimeout",
        QueryError::Cancelled => "QueryCancelled",
        QueryError::Storage(_) => "InternalServiceError",
    };
    let mut answer = kusto_error(status(error), code, error.to_string());
    let inner = innererror(error);
    if !inner.is_null() {
        let kind = inner["code"].as_str().unwrap_or_default();
        let at = inner["innererror"]["line"].as_u64().zip(inner["innererror"]["pos"].as_u64());
        let (line, pos) = at.unwrap_or_default();
        // people read the message alone
        let message = format!("{kind}: {error} [line:position={line}:{pos}]");
        answer.body["error"]["message"] = message.into();
        answer.body["error"]["@type"] = format!("Kusto.Data.Exceptions.{kind}").into();
        answer.body["error"]["innererror"] = inner;
    }
    answer
}

/// A request on its way, by the ids under which it is found again.
pub(super) struct Activity {
    client_request_id: String,
    id: String,
}

impl Activity {
    pub(super) fn of(incoming: &Incoming) -> Self {
        let id = uuid::Uuid::new_v4().to_string();
        Self { client_request_id: incoming.request_id.clone(), id }
    }

    /// The server's own id of the request.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The error with what Kusto's clients read from one.
    pub(super) fn envelope(&self, mut error: ApiError) -> ApiError {
        let message = error.body["error"]["message"].as_str().unwrap_or_default().to_owned();
        let context = json!({
            "timestamp": Value::Null,
            "serviceAlias": "vedette",
            "clientRequestId": self.client_request_id,
            "activityId": self.id,
            "subActivityId": self.id,
            "activityType": "DN.FE.Request",
            "parentActivityId": self.id,
        });
        let permanent = !matches!(error.status, 408 | 429 | 499 | 503 | 504);
        if let Some(body) = error.body.get_mut("error").and_then(Value::as_object_mut) {
            body.entry("@type")
                .or_insert_with(|| "Kusto.Common.Svc.Exceptions.BadRequestException".into());
            body.insert("@message".into(), message.into());
            body.insert("@context".into(), context);
            body.insert("@permanent".into(), permanent.into());
        }
        error.header("x-ms-activity-id", self.id.clone())
    }
}
