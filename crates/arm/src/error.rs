//! Failures in Azure Resource Manager's words: code, message, target, details, and the status that goes with them.

use std::borrow::Cow;

use model::ResourceId;
use serde_json::{Value, json};
use state::StoreError;

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ArmError {
    /// HTTP status.
    pub status: u16,
    /// Azure's code, e.g. `ResourceNotFound`.
    pub code: Cow<'static, str>,
    /// What is wrong and how to mend it.
    pub message: String,
    /// The property or resource that it is about.
    pub target: Option<String>,
    /// Single findings, where there are several.
    pub details: Vec<ArmError>,
}

impl ArmError {
    /// A failure with status and code.
    pub fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            target: None,
            details: Vec::new(),
        }
    }

    /// The same, about `target`.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// 400 with a code of the resource provider.
    pub fn bad_request(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// 400: the body is not what it should be.
    pub fn invalid_content(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequestContent", message)
    }

    /// 404: the resource does not exist.
    pub fn not_found(id: &ResourceId) -> Self {
        let kind = id.resource_type().unwrap_or_else(|| "scope".into());
        let place = match id.resource_group() {
            Some(group) => format!(" under resource group '{group}'"),
            None => String::new(),
        };
        let message = format!("the resource '{kind}/{}'{place} was not found", id.name());
        Self::new(404, "ResourceNotFound", message).target(id.as_str())
    }

    /// 404: no such subscription.
    pub fn subscription_not_found(id: &str) -> Self {
        Self::new(
            404,
            "SubscriptionNotFound",
            format!("the subscription '{id}' could not be found"),
        )
    }

    /// 404: no such resource group.
    pub fn resource_group_not_found(name: &str) -> Self {
        let message = format!("resource group '{name}' could not be found; create it first");
        Self::new(404, "ResourceGroupNotFound", message)
    }

    /// 404: the resource that should hold this one does not exist.
    pub fn parent_not_found(parent: &ResourceId) -> Self {
        let message = format!("the parent resource '{parent}' could not be found; create it first");
        Self::new(404, "ParentResourceNotFound", message).target(parent.as_str())
    }

    /// 404: no such type in a known namespace.
    pub fn unknown_type(name: &str) -> Self {
        let (namespace, kind) = name.split_once('/').unwrap_or((name, ""));
        let message = format!(
            "the resource type '{kind}' could not be found in the namespace '{namespace}'; GET /providers lists what is served here"
        );
        Self::new(404, "InvalidResourceType", message)
    }

    /// 404: no such namespace.
    pub fn unknown_namespace(name: &str) -> Self {
        let message = format!(
            "the resource namespace '{name}' is not served here; GET /providers lists what is"
        );
        Self::new(404, "InvalidResourceNamespace", message)
    }

    /// 405: the type knows no such method.
    pub fn method_not_allowed(what: &str) -> Self {
        Self::new(405, "MethodNotAllowed", format!("{what} is not supported for this resource"))
    }

    /// 409: what is stored is not what the caller thinks.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "Conflict", message)
    }

    /// 412: If-Match or If-None-Match does not hold.
    pub fn precondition_failed(id: &ResourceId) -> Self {
        let message = format!(
            "the condition of the If-Match or If-None-Match header does not hold for '{id}'; read it again and retry with its etag"
        );
        Self::new(412, "PreconditionFailed", message)
    }

    /// The error envelope: `{"error": {...}}`.
    pub fn body(&self) -> Value {
        json!({ "error": self.object() })
    }

    fn object(&self) -> Value {
        let mut object = json!({ "code": self.code, "message": self.message });
        if let Some(target) = &self.target {
            object["target"] = json!(target);
        }
        if !self.details.is_empty() {
            object["details"] = self.details.iter().map(Self::object).collect();
        }
        object
    }
}

impl From<StoreError> for ArmError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Conflict { .. } => Self::conflict(message),
            StoreError::NotFound => Self::new(404, "ResourceNotFound", message),
            StoreError::Unavailable(_) => Self::new(503, "ServiceUnavailable", message),
            StoreError::Damaged(_) | StoreError::Newer { .. } => {
                Self::new(500, "InternalServerError", message)
            }
        }
    }
}
