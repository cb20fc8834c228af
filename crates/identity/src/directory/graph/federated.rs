//! Federated identity credentials of applications: workloads elsewhere, such as a cluster's service accounts or a build
//! system's jobs, prove themselves with the token that their own issuer gave them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Application, GraphError, find};
use crate::Identity;
use crate::directory::FederatedCredential;

/// As many as Entra allows for an application.
const MAX: usize = 20;
/// Longest issuer, subject, audience and description.
const TEXT_MAX: usize = 600;

impl Identity {
    /// Those of an application, in wire form.
    pub fn federated_credentials(&self, application: &str) -> Result<Vec<Value>, GraphError> {
        Ok(find(&self.directory(), application)?.federated.iter().map(value).collect())
    }

    /// One, by id or name.
    pub fn federated_credential(&self, application: &str, key: &str) -> Result<Value, GraphError> {
        let application = find(&self.directory(), application)?;
        let found = application.federated.iter().find(|c| is(c, key));
        found.map(value).ok_or_else(|| GraphError::not_found(key))
    }

    /// Adds one.
    pub fn add_federated_credential(
        &self,
        application: &str,
        body: &Value,
    ) -> Result<Value, GraphError> {
        let empty = FederatedCredential {
            id: Uuid::new_v4().to_string(),
            name: checked_name(body)?,
            issuer: String::new(),
            subject: String::new(),
            audiences: Vec::new(),
            description: None,
        };
        let made = changed(empty, body)?;
        self.change_application(application, |application| {
            if application.federated.len() >= MAX {
                return Err(GraphError::bad_request(format!(
                    "an application has at most {MAX} federated identity credentials"
                )));
            }
            if application.federated.iter().any(|c| c.name.eq_ignore_ascii_case(&made.name)) {
                let message = format!(
                    "FederatedIdentityCredential with name '{}' already exists.",
                    made.name
                );
                return Err(GraphError::new(
                    409,
                    "Request_MultipleObjectsWithSameKeyValue",
                    message,
                ));
            }
            alone(application, &made)?;
            application.federated.push(made.clone());
            Ok(())
        })?;
        Ok(value(&made))
    }

    /// Changes what `body` names of one.
    pub fn update_federated_credential(
        &self,
        application: &str,
        key: &str,
        body: &Value,
    ) -> Result<(), GraphError> {
        self.change_application(application, |application| {
            let at = application.federated.iter().position(|c| is(c, key));
            let at = at.ok_or_else(|| GraphError::not_found(key))?;
            let old = application.federated.remove(at);
            let name = body.get("name").filter(|n| !n.is_null());
            if name.is_some_and(|n| n.as_str() != Some(&old.name)) {
                let message = "The name of a federated identity credential never changes.";
                return Err(GraphError::bad_request(message));
            }
            let new = changed(old, body)?;
            alone(application, &new)?;
            application.federated.insert(at, new);
            Ok(())
        })
    }

    /// Removes one, by id or name.
    pub fn remove_federated_credential(
        &self,
        application: &str,
        key: &str,
    ) -> Result<(), GraphError> {
        self.change_application(application, |application| {
            let before = application.federated.len();
            application.federated.retain(|c| !is(c, key));
            match application.federated.len() == before {
                true => Err(GraphError::not_found(key)),
                false => Ok(()),
            }
        })
    }
}

fn is(credential: &FederatedCredential, key: &str) -> bool {
    credential.id.eq_ignore_ascii_case(key) || credential.name.eq_ignore_ascii_case(key)
}

/// Two with one issuer and subject would be one.
fn alone(application: &Application, new: &FederatedCredential) -> Result<(), GraphError> {
    let same = |c: &&FederatedCredential| c.issuer == new.issuer && c.subject == new.subject;
    match application.federated.iter().find(same) {
        Some(other) => Err(GraphError::bad_request(format!(
            "'{}' has the same issuer and subject; each pair stands once in an application",
            other.name
        ))),
        None => Ok(()),
    }
}

fn checked_name(body: &Value) -> Result<String, GraphError> {
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    let good = (3..=120).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    good.then(|| name.to_owned()).ok_or_else(|| {
        GraphError::bad_request(
            "name must have 3 to 120 letters, digits, '-' and '_', a letter or digit first",
        )
    })
}

/// The credential with what `body` names.
fn changed(
    mut credential: FederatedCredential,
    body: &Value,
) -> Result<FederatedCredential, GraphError> {
    let fields = body.as_object();
    let fields = fields.ok_or_else(|| GraphError::bad_request("the body must be an object"))?;
    for (name, sent) in fields {
        match name.as_str() {
            "issuer" => credential.issuer = text(name, sent)?,
            "subject" => credential.subject = text(name, sent)?,
            "audiences" => {
                let all = sent.as_array().map(Vec::as_slice).unwrap_or_default();
                let all: Result<Vec<_>, _> = all.iter().map(|a| text(name, a)).collect();
                credential.audiences = all?;
            }
            "description" if sent.is_null() => credential.description = None,
            "description" => credential.description = Some(text(name, sent)?),
            "id" | "name" | "@odata.type" | "@odata.context" => {}
            _ if sent.is_null() => {}
            other => {
                return Err(GraphError::bad_request(format!(
                    "the property '{other}' of federated identity credentials is not kept here; leave it out"
                )));
            }
        }
    }
    if !credential.issuer.starts_with("https://") {
        return Err(GraphError::bad_request(
            "issuer must be an https address: the 'iss' of the tokens, below which /.well-known/openid-configuration is",
        ));
    }
    if credential.subject.is_empty() {
        return Err(GraphError::bad_request("subject is required: the 'sub' of the tokens"));
    }
    if credential.audiences.len() != 1 {
        return Err(GraphError::bad_request(
            "audiences must have one entry: the 'aud' of the tokens, api://AzureADTokenExchange by custom",
        ));
    }
    Ok(credential)
}

fn text(name: &str, sent: &Value) -> Result<String, GraphError> {
    let text = sent.as_str().filter(|t| t.chars().count() <= TEXT_MAX);
    let text = text.filter(|t| !t.chars().any(char::is_control) && t.trim() == *t);
    text.map(str::to_owned).ok_or_else(|| {
        GraphError::bad_request(format!(
            "{name} must be a text of at most {TEXT_MAX} characters, without blanks around it"
        ))
    })
}

fn value(credential: &FederatedCredential) -> Value {
    json!({
        "id": credential.id,
        "name": credential.name,
        "issuer": credential.issuer,
        "subject": credential.subject,
        "audiences": credential.audiences,
        "description": credential.description,
        "claimsMatchingExpression": null,
    })
}
