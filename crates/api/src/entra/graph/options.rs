//! OData options of a call: $filter, $search, $orderby, $select, $top and its pages, $count. Others are refused by name.

use identity::GraphError;
use odata::{Filter, Order};
use serde_json::{Map, Value, json};

use super::bad_request;
use super::search::Search;
use crate::Incoming;

const PAGE: usize = 100;
const PAGE_MAX: usize = 999;

/// What was asked for beside the path.
#[derive(Default)]
pub(super) struct Options {
    filter: Option<String>,
    search: Option<String>,
    order: Option<String>,
    select: Vec<String>,
    top: Option<String>,
    skip_token: Option<String>,
    count: bool,
    /// True: the client takes answers of the index, which $search is answered from.
    eventual: bool,
    /// An option that is not served.
    unknown: Option<String>,
}

impl Options {
    pub(super) fn read(incoming: &Incoming) -> Self {
        let consistency = incoming.header("consistencylevel");
        let eventual = consistency.is_some_and(|level| level.eq_ignore_ascii_case("eventual"));
        let mut options = Self { eventual, ..Self::default() };
        for (name, value) in incoming.query.iter().filter(|(_, value)| !value.is_empty()) {
            match name.to_ascii_lowercase().trim_start_matches('$') {
                "filter" => options.filter = Some(value.clone()),
                "search" => options.search = Some(value.clone()),
                "orderby" => options.order = Some(value.clone()),
                "select" => {
                    options.select = value.split(',').map(|s| s.trim().to_owned()).collect()
                }
                "top" => options.top = Some(value.clone()),
                "skiptoken" => options.skip_token = Some(value.clone()),
                "count" => options.count = value.eq_ignore_ascii_case("true"),
                "expand" | "skip" => options.unknown = Some(name.clone()),
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

    /// Refuses options that are not served.
    pub(super) fn check(&self) -> Result<(), GraphError> {
        match &self.unknown {
            Some(name) => Err(bad_request(format!("the option {name} is not supported here"))),
            None => Ok(()),
        }
    }

    /// The objects of a list that are wanted, in the order that is wanted.
    pub(super) fn wanted(&self, mut all: Vec<Value>) -> Result<Vec<Value>, GraphError> {
        self.check()?;
        if let Some(text) = &self.filter {
            let refuse = |why: String| bad_request(format!("Invalid filter clause: {why}."));
            let filter = Filter::parse(text).map_err(refuse)?;
            known(filter.paths(), &all).map_err(refuse)?;
            all.retain(|object| filter.matches(object));
        }
        if let Some(text) = &self.search {
            if !self.eventual {
                let message = "Request with $search query parameter only works with the request header 'ConsistencyLevel: eventual'.";
                let code = "Request_UnsupportedQuery";
                return Err(GraphError { status: 400, code, message: message.to_owned() });
            }
            let search = Search::parse(text).map_err(bad_request)?;
            all.retain(|object| search.finds(object));
        }
        if let Some(text) = &self.order {
            let refuse = |why: String| bad_request(format!("Invalid $orderby: {why}."));
            let order = Order::parse(text).map_err(refuse)?;
            known(order.paths(), &all).map_err(refuse)?;
            order.sort(&mut all, |object| object);
        }
        Ok(all)
    }

    /// One page of a list. The next one begins behind the last object of this one, whatever was added before it.
    pub(super) fn page(&self, all: Vec<Value>, incoming: &Incoming) -> Result<Value, GraphError> {
        let size = match &self.top {
            // a function's answer has no second page: the link to one would be a GET
            None if incoming.method == http::Method::POST => all.len().max(1),
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

/// Refuses the name of a property that no object of the list has; names have no case, as az's own examples write them.
fn known<'p>(paths: impl IntoIterator<Item = &'p [String]>, all: &[Value]) -> Result<(), String> {
    let has = |object: &Value, name: &String| {
        object.as_object().is_some_and(|o| o.keys().any(|k| k.eq_ignore_ascii_case(name)))
    };
    let mut names = paths.into_iter().filter_map(<[String]>::first);
    match names.find(|name| !all.is_empty() && !all.iter().any(|object| has(object, name))) {
        Some(name) => Err(format!("Could not find a property named '{name}'")),
        None => Ok(()),
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
