//! A question as the API carries it, in a body or a URL.

use std::time::Duration;

use serde_json::Value;

use super::error::bad_argument;
use crate::Incoming;
use crate::wire::error::ApiError;

/// Workspaces that a question may list.
const WORKSPACES_MAX: usize = 100;

/// A question.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Question {
    pub(super) query: String,
    pub(super) timespan: Option<String>,
    /// Workspaces to be read beside the path's own.
    pub(super) workspaces: Vec<String>,
    pub(super) statistics: bool,
    pub(super) render: bool,
    pub(super) wait: Option<Duration>,
}

impl Question {
    /// `?query=...&timespan=...&workspaces=a,b`
    pub(super) fn of_url(incoming: &Incoming) -> Result<Self, ApiError> {
        let text = |name: &str| incoming.parameter(name).map(str::to_owned);
        let workspaces = text("workspaces").unwrap_or_default();
        let workspaces = workspaces.split(',').map(str::trim).filter(|w| !w.is_empty());
        let question = Self {
            query: text("query").ok_or_else(no_query)?,
            timespan: text("timespan"),
            workspaces: workspaces.map(str::to_owned).collect(),
            ..Self::default()
        };
        question.preferring(incoming.header("prefer"))
    }

    /// `{"query", "timespan", "workspaces"}`
    pub(super) fn of_body(body: &Value, prefer: Option<&str>) -> Result<Self, ApiError> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut workspaces = names(body, "workspaces")?;
        workspaces.extend(names(body, "additionalWorkspaces")?);
        let question = Self {
            query: text("query").ok_or_else(no_query)?,
            timespan: text("timespan"),
            workspaces,
            ..Self::default()
        };
        question.preferring(prefer)
    }

    /// `Prefer: wait=60,include-statistics=true,include-render=true`
    fn preferring(mut self, prefer: Option<&str>) -> Result<Self, ApiError> {
        if self.workspaces.len() > WORKSPACES_MAX {
            let message = format!("At most {WORKSPACES_MAX} workspaces can be queried together.");
            return Err(bad_argument(message));
        }
        for part in prefer.unwrap_or("").split([',', ';']) {
            let (name, value) = part.split_once('=').unwrap_or((part, "true"));
            let on = value.trim().eq_ignore_ascii_case("true");
            match name.trim().to_ascii_lowercase().as_str() {
                "include-statistics" => self.statistics = on,
                "include-render" => self.render = on,
                "wait" => self.wait = value.trim().parse().ok().map(Duration::from_secs),
                _ => {}
            }
        }
        Ok(self)
    }
}

/// A list of names in a body; absent and null are none.
fn names(body: &Value, property: &str) -> Result<Vec<String>, ApiError> {
    let wrong = || {
        bad_argument(format!(
            "The request had some invalid properties: '{property}' must be an array of strings."
        ))
    };
    match body.get(property) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            items.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

fn no_query() -> ApiError {
    bad_argument(
        "The request had some invalid properties: 'query' is required and must be a string.",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    #[test]
    fn preferences_are_read_in_every_form() {
        let body = json!({ "query": "T", "timespan": "PT1H", "workspaces": null });
        let cases = [
            (None, (false, false, None)),
            (Some("wait=60"), (false, false, Some(60))),
            (Some("wait=60,include-statistics=true, include-render=true"), (true, true, Some(60))),
            (Some("include-render; Include-Statistics=True"), (true, true, None)),
            (Some("wait=soon,include-statistics=false,,=,x"), (false, false, None)),
        ];
        for (prefer, wanted) in cases {
            let question = Question::of_body(&body, prefer).unwrap();
            let found = (question.statistics, question.render, question.wait.map(|w| w.as_secs()));
            assert_eq!(found, wanted, "{prefer:?}");
            assert_eq!(question.timespan.as_deref(), Some("PT1H"));
        }
        for bad in [
            json!(null),
            json!({}),
            json!({ "query": 7 }),
            json!([1]),
            json!({ "query": "T", "workspaces": "w" }),
            json!({ "query": "T", "workspaces": ["w", 7] }),
            json!({ "query": "T", "additionalWorkspaces": { "a": "w" } }),
        ] {
            assert_eq!(Question::of_body(&bad, None).unwrap_err().status, 400, "{bad}");
        }
        let many = json!({ "query": "T", "workspaces": vec!["w"; 101] });
        assert_eq!(Question::of_body(&many, None).unwrap_err().status, 400);
    }
}
