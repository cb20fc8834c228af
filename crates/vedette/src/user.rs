//! `vedette user`: people who may sign in. All through Graph, with the administrator's credentials.

use std::io::{self, BufRead};

use anyhow::{Context, bail};
use crypto::{SecretText, random_alphanumeric};
use serde_json::{Value, json};

use crate::cli::{
    AddUserArgs, Connection, ListUsersArgs, PasskeysArgs, PasswdArgs, TotpArgs, UserArgs,
    UserCommand,
};
use crate::client::Client;
use crate::outcome::Outcome;
use crate::output::line;

/// Length of a password that is made here: 119 bits.
const PASSWORD_LENGTH: usize = 20;
/// What an administrator gets in Azure: Owner, Monitoring Metrics Publisher, Key Vault Administrator.
const ADMINISTRATOR: &[&str] = &[
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "3913510d-42f4-4e42-8a64-420c390055eb",
    "00482a5a-887f-4fb3-b363-3b7fe8e74483",
];
/// And in the directory: Global Administrator.
const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";

pub(crate) fn run(command: &UserCommand) -> anyhow::Result<Outcome> {
    match command {
        UserCommand::Add(arguments) => add(arguments),
        UserCommand::List(arguments) => list(arguments),
        UserCommand::Passwd(arguments) => passwd(arguments),
        UserCommand::Totp(arguments) => totp(arguments),
        UserCommand::Passkeys(arguments) => passkeys(arguments),
        UserCommand::Disable(arguments) => enable(arguments, false),
        UserCommand::Enable(arguments) => enable(arguments, true),
        UserCommand::Delete(arguments) => {
            let (client, path) = open(&arguments.connection, &arguments.name)?;
            client.call("DELETE", &path, None)?;
            line(&format!("{} is removed", arguments.name))?;
            Ok(Outcome::Done)
        }
    }
}

fn add(arguments: &AddUserArgs) -> anyhow::Result<Outcome> {
    let client = Client::connect(&arguments.connection)?;
    let (password, shown) = password(arguments.password_stdin)?;
    let local = arguments.name.split('@').next().unwrap_or_default();
    let body = json!({
        "accountEnabled": true,
        "displayName": arguments.display_name.as_deref().unwrap_or(local),
        "mailNickname": local,
        "userPrincipalName": arguments.name,
        "passwordProfile": {
            "password": password.expose(),
            "forceChangePasswordNextSignIn": !arguments.keep_password,
        },
    });
    let user = client.call("POST", "/v1.0/users", Some(&body))?;
    let text = |name: &str| user.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = text("id");
    if arguments.administrator {
        make_administrator(&client, &id)
            .with_context(|| format!("{} was added, but is no administrator", arguments.name))?;
    }
    line(&format!("added {} ({id})", text("userPrincipalName")))?;
    if shown {
        line(&format!("password, shown this once: {}", password.expose()))?;
    }
    if !arguments.administrator {
        line(&format!(
            "it has no rights yet; az role assignment create --assignee-object-id {id} gives some"
        ))?;
    }
    Ok(Outcome::Done)
}

fn make_administrator(client: &Client, id: &str) -> anyhow::Result<()> {
    for role in ADMINISTRATOR {
        let subscription = format!("/subscriptions/{}", client.instance.subscription_id);
        let path = format!(
            "{subscription}/providers/Microsoft.Authorization/roleAssignments/{}?api-version=2022-04-01",
            uuid::Uuid::new_v4()
        );
        let definition =
            format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}");
        let body = json!({ "properties": {
            "roleDefinitionId": definition, "principalId": id, "principalType": "User",
        }});
        client.call("PUT", &path, Some(&body))?;
    }
    let body = json!({ "principalId": id, "roleDefinitionId": GLOBAL_ADMINISTRATOR, "directoryScopeId": "/" });
    client.call("POST", "/v1.0/roleManagement/directory/roleAssignments", Some(&body))?;
    Ok(())
}

fn list(arguments: &ListUsersArgs) -> anyhow::Result<Outcome> {
    let client = Client::connect(&arguments.connection)?;
    let mut users = Vec::new();
    let mut next = "/v1.0/users?$top=999".to_owned();
    loop {
        let mut page = client.call("GET", &next, None)?;
        if let Some(Value::Array(found)) = page.get_mut("value").map(Value::take) {
            users.extend(found);
        }
        match page.get("@odata.nextLink").and_then(Value::as_str) {
            Some(link) => {
                link.strip_prefix(&client.instance.url).unwrap_or(link).clone_into(&mut next)
            }
            None => break,
        }
    }
    if arguments.json {
        line(&serde_json::to_string_pretty(&users)?)?;
        return Ok(Outcome::Done);
    }
    for user in &users {
        let text = |name: &str| user.get(name).and_then(Value::as_str).unwrap_or_default();
        let enabled = user.get("accountEnabled").and_then(Value::as_bool).unwrap_or_default();
        let state = if enabled { "" } else { "  (disabled)" };
        line(&format!(
            "{}  {:<32} {}{state}",
            text("id"),
            text("userPrincipalName"),
            text("displayName")
        ))?;
    }
    if users.is_empty() {
        line("nobody yet; vedette user add NAME --administrator makes the first one")?;
    }
    Ok(Outcome::Done)
}

fn passwd(arguments: &PasswdArgs) -> anyhow::Result<Outcome> {
    let (client, path) = open(&arguments.connection, &arguments.name)?;
    let (password, shown) = password(arguments.password_stdin)?;
    let body = json!({ "passwordProfile": {
        "password": password.expose(), "forceChangePasswordNextSignIn": !arguments.keep_password,
    }});
    client.call("PATCH", &path, Some(&body))?;
    line(&format!("{} has a new password; all its sign-ins are over", arguments.name))?;
    if shown {
        line(&format!("password, shown this once: {}", password.expose()))?;
    }
    Ok(Outcome::Done)
}

fn totp(arguments: &TotpArgs) -> anyhow::Result<Outcome> {
    let (client, path) = open(&arguments.connection, &arguments.name)?;
    let methods = format!("{path}/authentication/softwareOathMethods");
    if arguments.remove {
        let found = client.call("GET", &methods, None)?;
        let all = found.get("value").and_then(Value::as_array).cloned().unwrap_or_default();
        if all.is_empty() {
            bail!("{} has no authenticator app", arguments.name);
        }
        for method in all {
            let id = method.get("id").and_then(Value::as_str).unwrap_or_default();
            client.call("DELETE", &format!("{methods}/{id}"), None)?;
        }
        line(&format!("{} signs in without an authenticator app from now on", arguments.name))?;
        return Ok(Outcome::Done);
    }
    let made = client.call("POST", &methods, Some(&json!({})))?;
    let text = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default();
    line(&format!(
        "{} signs in with an authenticator app from now on. Shown this once:",
        arguments.name
    ))?;
    line(&format!("  key  {}", text("secretKey")))?;
    line(&format!("  uri  {}", text("otpauthUri")))?;
    Ok(Outcome::Done)
}

fn passkeys(arguments: &PasskeysArgs) -> anyhow::Result<Outcome> {
    let (client, path) = open(&arguments.connection, &arguments.name)?;
    let methods = format!("{path}/authentication/fido2Methods");
    if let Some(id) = &arguments.remove {
        // an id goes into the path as it is
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            bail!(
                "'{id}' is no id of a passkey; 'vedette user passkeys {}' lists them",
                arguments.name
            );
        }
        client.call("DELETE", &format!("{methods}/{id}"), None)?;
        line(&format!("the passkey {id} of {} is removed", arguments.name))?;
        return Ok(Outcome::Done);
    }
    let found = client.call("GET", &methods, None)?;
    let all = found.get("value").and_then(Value::as_array).cloned().unwrap_or_default();
    if arguments.json {
        line(&serde_json::to_string_pretty(&all)?)?;
        return Ok(Outcome::Done);
    }
    for passkey in &all {
        let text = |name: &str| passkey.get(name).and_then(Value::as_str).unwrap_or_default();
        let day = |name: &str| text(name).chars().take(10).collect::<String>();
        let used = match day("lastUsedDateTime") {
            day if day.is_empty() => "not used yet".to_owned(),
            day => format!("last used {day}"),
        };
        line(&format!(
            "{}  {:<24} {:<12} added {}, {used}",
            text("id"),
            text("displayName"),
            text("passkeyType"),
            day("createdDateTime"),
        ))?;
    }
    if all.is_empty() {
        line(&format!(
            "{} has no passkeys; they are added at {}/security-info",
            arguments.name, client.instance.url
        ))?;
    }
    Ok(Outcome::Done)
}

fn enable(arguments: &UserArgs, enabled: bool) -> anyhow::Result<Outcome> {
    let (client, path) = open(&arguments.connection, &arguments.name)?;
    client.call("PATCH", &path, Some(&json!({ "accountEnabled": enabled })))?;
    let state = if enabled { "may sign in" } else { "is disabled; its tokens are refused" };
    line(&format!("{} {state}", arguments.name))?;
    Ok(Outcome::Done)
}

/// A client, and the path of a user; the tenant's domain is added where the name has none.
fn open(connection: &Connection, name: &str) -> anyhow::Result<(Client, String)> {
    let client = Client::connect(connection)?;
    let full =
        if name.contains('@') { name.to_owned() } else { format!("{name}@vedette.localhost") };
    let user = client.call("GET", &format!("/v1.0/users/{full}"), None)?;
    let id = user.get("id").and_then(Value::as_str).context("the server's answer names no id")?;
    Ok((client, format!("/v1.0/users/{id}")))
}

/// A password: the first line of standard input, or a new one, to be shown.
fn password(from_input: bool) -> anyhow::Result<(SecretText, bool)> {
    if !from_input {
        return Ok((random_alphanumeric(PASSWORD_LENGTH)?, true));
    }
    let mut text = String::new();
    io::stdin().lock().read_line(&mut text).context("no password on standard input")?;
    let password = SecretText::new(text.trim_end_matches(['\r', '\n']).to_owned());
    drop(SecretText::new(text));
    Ok((password, false))
}
