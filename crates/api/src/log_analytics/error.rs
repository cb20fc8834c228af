//! Failures of queries: the chain of inner errors that clients print.

use model::QueryError;
use serde_json::{Value, json};

use crate::audit::status;
use crate::wire::error::ApiError;

const INVALID: &str = "The request had some invalid properties";

/// 400 with Azure's generic code.
pub(super) fn bad_argument(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "BadArgumentError", message)
}

/// A query's failure as an answer.
pub(super) fn query_error(error: &QueryError) -> ApiError {
    let message = error.to_string();
    let plain = |code: &str| ApiError::new(status(error), code, message.as_str());
    match error {
        QueryError::Syntax { .. } | QueryError::Semantic { .. } => {
            ApiError::with_body(400, bad_query(innererror(error)))
        }
        QueryError::UnknownWorkspace(_) => plain("PathNotFoundError"),
        QueryError::ResultTooLarge(_) => failed("E_QUERY_RESULT_SET_TOO_LARGE", &message),
        QueryError::ResourceLimit(_) => failed("E_RUNAWAY_QUERY", &message),
        QueryError::Execution(_) => failed("E_EXECUTION", &message),
        QueryError::Timeout(_) => plain("GatewayTimeout"),
        QueryError::Cancelled => plain("QueryCancelled"),
        QueryError::Storage(_) => plain("StorageError"),
    }
}

/// `{"code":"SyntaxError","message","innererror":{"code":"SYN0002","message","line","pos","token"}}`; null for a query
/// that was well written.
pub(crate) fn innererror(error: &QueryError) -> Value {
    let (kind, told) = match error {
        QueryError::Syntax { .. } => ("SyntaxError", "A syntax error occurred."),
        QueryError::Semantic { .. } => ("SemanticError", "A semantic error occurred."),
        _ => return Value::Null,
    };
    let (QueryError::Syntax { code, message, line, pos, token }
    | QueryError::Semantic { code, message, line, pos, token }) = error
    else {
        return Value::Null;
    };
    json!({
        "code": kind,
        "message": told,
        "innererror": { "code": code, "message": message, "line": line, "pos": pos, "token": token },
    })
}

fn bad_query(inner: Value) -> Value {
    json!({ "error": { "message": INVALID, "code": "BadArgumentError", "innererror": inner } })
}

fn failed(code: &str, message: &str) -> ApiError {
    ApiError::with_body(400, bad_query(json!({ "code": code, "message": message })))
}
