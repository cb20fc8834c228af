//! What comes into the life cycle and what leaves it, free of HTTP.

use std::sync::Arc;

use model::{DateTime, ResourceId};
use serde_json::{Value, json};

use crate::ArmError;

/// What the caller wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Read or list.
    Get,
    /// Does it exist?
    Head,
    /// Create or replace.
    Put,
    /// Change in part.
    Patch,
    /// Remove.
    Delete,
    /// Run an action.
    Post,
}

/// Who calls: goes into `systemData`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Object id or name.
    pub name: String,
    /// A person or a program.
    pub kind: CallerKind,
}

/// A person or a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// A person.
    User,
    /// An application with its own rights.
    Application,
}

impl CallerKind {
    /// Azure's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Application => "Application",
        }
    }
}

impl Caller {
    /// vedette itself: bootstrap, background work.
    pub fn system() -> Self {
        Self { name: "vedette".into(), kind: CallerKind::Application }
    }
}

/// Tells which resources a list may show.
pub type Visible = Arc<dyn Fn(&ResourceId) -> bool + Send + Sync>;

/// Tells whether the caller may do an action at a scope, beyond what the call itself asks for.
pub type Permits = Arc<dyn Fn(&str, &ResourceId) -> bool + Send + Sync>;

/// One call. The caller has been authorized.
#[derive(Clone)]
pub struct Call {
    /// The path.
    pub id: ResourceId,
    /// The api-version asked for.
    pub api_version: String,
    /// Who calls.
    pub caller: Caller,
    /// When.
    pub now: DateTime,
    /// If-Match header.
    pub if_match: Option<String>,
    /// If-None-Match header.
    pub if_none_match: Option<String>,
    /// Query parameters, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The body; null for none.
    pub body: Value,
    /// Limits what lists show; none shows all.
    pub visible: Option<Visible>,
    /// Answers for further rights that a check asks for; none has all.
    pub permits: Option<Permits>,
}

impl Call {
    /// A call by vedette itself without conditions.
    pub fn system(id: impl Into<ResourceId>, body: Value, now: DateTime) -> Self {
        Self {
            id: id.into(),
            api_version: "latest".into(),
            caller: Caller::system(),
            now,
            if_match: None,
            if_none_match: None,
            query: Vec::new(),
            body,
            visible: None,
            permits: None,
        }
    }

    /// The first query parameter of that name, compared without case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// True for a parameter `name=true`.
    pub fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// `$top`, refused unless a positive number.
    pub fn top(&self) -> Result<Option<usize>, ArmError> {
        let Some(text) = self.parameter("$top") else { return Ok(None) };
        match text.parse::<usize>() {
            Ok(n) if n > 0 => Ok(Some(n)),
            _ => Err(ArmError::bad_request(
                "InvalidQueryParameterValue",
                format!("$top is '{text}'; give a whole number from 1"),
            )),
        }
    }

    /// `$skipToken` of a page that was handed out before.
    pub fn skip_token(&self) -> Option<&str> {
        self.parameter("$skipToken")
    }

    /// True when the caller may do `action` at `scope`.
    pub fn permits(&self, action: &str, scope: &ResourceId) -> bool {
        self.permits.as_ref().is_none_or(|permits| permits(action, scope))
    }

    /// True when a list may show this resource.
    pub fn shows(&self, id: &ResourceId) -> bool {
        self.visible.as_ref().is_none_or(|visible| visible(id))
    }
}

/// What a call gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON body; none for an empty one.
    pub body: Option<Value>,
    /// Headers beyond the usual ones.
    pub headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// A status with a body.
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new() }
    }

    /// 200 with a body.
    pub fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    /// A status alone.
    pub fn empty(status: u16) -> Self {
        Self { status, body: None, headers: Vec::new() }
    }

    /// The body's value, null when there is none.
    pub fn value(self) -> Value {
        self.body.unwrap_or(Value::Null)
    }
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The resources.
    pub value: Vec<Value>,
    /// Opaque: where the next page begins; none on the last page.
    pub skip_token: Option<String>,
}

impl Page {
    /// The only page.
    pub fn whole(value: Vec<Value>) -> Self {
        Self { value, skip_token: None }
    }

    /// Cuts a page out of a whole list by `$top` and `$skipToken` (a position in it).
    pub fn cut(all: Vec<Value>, call: &Call, size: usize) -> Result<Self, ArmError> {
        let from = match call.skip_token() {
            None => 0,
            Some(token) => token.parse::<usize>().map_err(|_| invalid_skip_token(token))?,
        };
        let size = call.top()?.unwrap_or(size).min(size);
        let end = from.saturating_add(size);
        let skip_token = (end < all.len()).then(|| end.to_string());
        Ok(Self { value: all.into_iter().skip(from).take(size).collect(), skip_token })
    }

    /// The list's wire form; `base` is the public URL.
    pub fn into_body(self, call: &Call, base: &str) -> Value {
        let mut body = json!({ "value": self.value });
        if let Some(token) = self.skip_token {
            let mut link = format!("{base}{}?", call.id);
            let kept = call.query.iter().filter(|(n, _)| !n.eq_ignore_ascii_case("$skipToken"));
            for (name, value) in kept {
                link += &format!("{}={}&", percent(name), percent(value));
            }
            link += &format!("$skipToken={}", percent(&token));
            body["nextLink"] = json!(link);
        }
        body
    }
}

pub(crate) fn invalid_skip_token(token: &str) -> ArmError {
    let message =
        format!("'{token}' is not a $skipToken of this list; follow nextLink as it was given");
    ArmError::bad_request("InvalidSkipToken", message)
}

/// Percent-encodes all that is not plainly allowed in a query value.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'$' => {
                out.push(char::from(byte));
            }
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}
