//! `vedette env` and `vedette token`: what shells, SDKs and tools need to reach the server on a data folder.

use std::io::{self, Write};

use anyhow::Context;
use identity::AdminCredentials;
use serde_json::{Map, Value};

use crate::cli::{EnvArgs, EnvFormat, TokenArgs};
use crate::client::Client;
use crate::instance::{DataFolder, Instance};
use crate::outcome::Outcome;
use crate::output::line;

/// Prints the environment.
pub(crate) fn run(arguments: &EnvArgs) -> anyhow::Result<Outcome> {
    let data = DataFolder::new(&arguments.connection.data);
    let variables = variables(&data)?;
    match arguments.format {
        EnvFormat::Shell => {
            let mut out = io::stdout().lock();
            for (name, value) in variables {
                writeln!(out, "export {name}={}", quoted(&value))?;
            }
        }
        EnvFormat::Json => {
            let object: Map<String, Value> = variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            line(&serde_json::to_string_pretty(&object)?)?;
        }
    }
    Ok(Outcome::Done)
}

/// Prints a token.
pub(crate) fn token(arguments: &TokenArgs) -> anyhow::Result<Outcome> {
    let client = Client::connect(&arguments.connection)?;
    line(&client.token(arguments.resource.as_deref())?)?;
    Ok(Outcome::Done)
}

fn variables(data: &DataFolder) -> anyhow::Result<Vec<(&'static str, String)>> {
    let instance = Instance::load(data)?;
    let admin = AdminCredentials::load(&data.keys())?.with_context(|| {
        format!(
            "the administrator's credentials are gone: {} is missing",
            AdminCredentials::path(&data.keys()).display()
        )
    })?;
    let ca = data.authority().display().to_string();
    let mut all = vec![
        ("VEDETTE_DATA", data.path().display().to_string()),
        ("VEDETTE_URL", instance.url.clone()),
        ("VEDETTE_CA", ca.clone()),
        ("REQUESTS_CA_BUNDLE", ca.clone()),
        ("SSL_CERT_FILE", ca.clone()),
        ("NODE_EXTRA_CA_CERTS", ca),
        ("AZURE_TENANT_ID", admin.tenant_id.clone()),
        ("AZURE_CLIENT_ID", admin.client_id.clone()),
        ("AZURE_CLIENT_SECRET", admin.client_secret.expose().to_owned()),
        ("AZURE_AUTHORITY_HOST", instance.url),
        ("VEDETTE_SUBSCRIPTION_ID", instance.subscription_id),
        ("VEDETTE_RESOURCE_GROUP", instance.resource_group),
        ("VEDETTE_WORKSPACE_NAME", instance.workspace_name.clone()),
        ("VEDETTE_WORKSPACE_ID", instance.workspace_id),
        ("VEDETTE_DCR_ID", instance.rule_id),
        ("VEDETTE_KUSTO_DB", instance.workspace_name),
    ];
    // told while `vedette serve --managed-identity` runs
    if let Ok(address) = std::fs::read_to_string(data.managed_identity()) {
        all.push(("AZURE_POD_IDENTITY_AUTHORITY_HOST", address.trim().to_owned()));
    }
    Ok(all)
}

/// A value as a shell takes it whole.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for text in ["", "plain", "with blank", "it's", "$(rm -rf /) `x` \\ \"y\"\n"] {
            let script = format!("printf %s {}", quoted(text));
            let output = std::process::Command::new("sh").args(["-c", &script]).output();
            assert_eq!(output.ok().map(|o| o.stdout), Some(text.as_bytes().to_vec()), "{text:?}");
        }
    }
}
