//! OData options of a call: $filter, $select, $top and its pages, $count. Others are refused by name.

use identity::GraphError;
use serde_json::{Map, Value, json};

use super::bad_request;
use crate::Incoming;

const PAGE: usize = 100;
const PAGE_MAX: usize = 999;

/// What was asked for beside the path.
#[derive(Default)]
pub(super) struct Options {
    pub(super) filter: Option<String>,
    select: Vec<String>,
    top: Option<String>,
    skip_token: Option<String>,
    count: bool,
    /// An option that is not served.
    unknown: Option<String>,
}

impl Options {
    pub(super) fn read(incoming: &Incoming) -> Self {
        let mut options = Self::default();
        for (name, value) in incoming.query.iter().filter(|(_, value)| !value.is_empty()) {
            match name.to_ascii_lowercase().trim_start_matches('$') {
                "filter" => options.filter = Some(value.clone()),
                "select" => {
                    options.select = value.split(',').map(|s| s.trim().to_owned()).collect()
                }
                "top" => options.top = Some(value.clone()),
                "skiptoken" => options.skip_token = Some(value.clone()),
                "count" => options.count = value.eq_ignore_ascii_case("true"),
                // lists are in this order anyway
                "orderby"
                    if value.to_ascii_lowercase().trim_end_matches(" asc") == "displayname" => {}
                "orderby" | "expand" | "search" | "skip" => options.unknown = Some(name.clone()),
                _ => {}
            }
        }
        options
    }

    /// The fields asked for, and the id.
    pub(super) fn select(&self, value: Value) -> Value {
        match value {
            Value::Object(fields) if !self.select.is_empty() && fields.contains_key("id") => {
                let wanted = |name: &str| {
                    name == "id"
                        || name.starts_with('@')
                        || self.select.iter().any(|s| s.eq_ignore_ascii_case(name))
                };
                Value::Object(fields.into_iter().filter(|(name, _)| wanted(name)).collect())
            }
            other => other,
        }
    }

    /// One page of a list. The next one begins behind the last object of this one, whatever was added before it.
    pub(super) fn page(&self, all: Vec<Value>, incoming: &Incoming) -> Result<Value, GraphError> {
        if let Some(name) = &self.unknown {
            return Err(bad_request(format!(
                "the option {name} with this value is not supported here"
            )));
        }
        let size = match &self.top {
            None => PAGE,
            Some(text) => match text.parse::<usize>() {
                Ok(size) if (1..=PAGE_MAX).contains(&size) => size,
                _ => {
                    return Err(bad_request(format!(
                        "Invalid page size specified: '{text}'. Must be between 1 and {PAGE_MAX} inclusive."
                    )));
                }
            },
        };
        let id =
            |value: &Value| value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let start = match &self.skip_token {
            None => 0,
            Some(token) => {
                let (offset, last) = token.split_once('_').unwrap_or((token, ""));
                let offset = offset
                    .parse::<usize>()
                    .map_err(|_| bad_request("the $skiptoken is not one of this server's"))?;
                all.iter().position(|v| id(v) == last).map_or(offset, |at| at + 1).min(all.len())
            }
        };
        let count = all.len();
        let end = start.saturating_add(size).min(count);
        let mut page = Map::new();
        if self.count {
            page.insert("@odata.count".into(), json!(count));
        }
        if let Some(last) = all.get(end.saturating_sub(1)).filter(|_| end < count) {
            let others = incoming
                .query
                .iter()
                .filter(|(n, _)| !n.to_ascii_lowercase().ends_with("skiptoken"));
            let mut query: Vec<String> =
                others.map(|(n, v)| format!("{}={}", encoded(n), encoded(v))).collect();
            query.push(format!("$skiptoken={end}_{}", encoded(&id(last))));
            let link = format!("{}{}?{}", incoming.origin, incoming.path(), query.join("&"));
            page.insert("@odata.nextLink".into(), json!(link));
        }
        let shown: Vec<Value> =
            all.into_iter().skip(start).take(end - start).map(|v| self.select(v)).collect();
        page.insert("value".into(), Value::Array(shown));
        Ok(Value::Object(page))
    }
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'$' => {
                out.push(char::from(byte))
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
