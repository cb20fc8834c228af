//! `vedette vault`: the seal for its keepers, secrets and keys for everyone, all through the public API.
//!
//! Values, passphrases and shares are read from standard input, never from the command line, which others can see.

use std::io::{self, IsTerminal, Read, Write};

use anyhow::Context;
use crypto::{SecretBytes, SecretText};
use serde_json::{Value, json};

use crate::cli::{
    Connection, KeyCommand, RekeyArgs, SecretCommand, UnsealArgs, VaultCommand, WhichVault,
};
use crate::client::{Client, Reply};
use crate::outcome::{Outcome, WrongUse};
use crate::output::line;

const API_VERSION: &str = "api-version=2026-04-01";
/// Longest text that is read from standard input.
const INPUT_MAX: u64 = 1 << 20;

pub(crate) fn run(command: &VaultCommand) -> anyhow::Result<Outcome> {
    match command {
        VaultCommand::Status(a) => seal(&a.connection, "GET", "status", None),
        VaultCommand::Seal(a) => seal(&a.connection, "POST", "seal", None),
        VaultCommand::RotateRoot(a) => seal(&a.connection, "POST", "rotate-root", None),
        VaultCommand::Unseal(arguments) => unseal(arguments),
        VaultCommand::Rekey(arguments) => rekey(arguments),
        VaultCommand::VerifyAudit(a) => verify_audit(&a.connection),
        VaultCommand::Secret(command) => secret(command),
        VaultCommand::Key(command) => key(command),
    }
}

// --- the seal ---------------------------------------------------------------------------------------------------

fn seal(
    connection: &Connection,
    method: &str,
    word: &str,
    body: Option<&Value>,
) -> anyhow::Result<Outcome> {
    let told = Client::connect(connection)?.call(method, &format!("/vault/{word}"), body)?;
    show_status(&told)?;
    Ok(Outcome::Done)
}

fn show_status(told: &Value) -> anyhow::Result<()> {
    let is_sealed = told["sealed"] == json!(true);
    line(if is_sealed { "sealed: nothing can be read" } else { "open" })?;
    for seal in told["seals"].as_array().into_iter().flatten() {
        line(&match seal["kind"].as_str().unwrap_or_default() {
            "keyFile" => "opens with: the key file".to_owned(),
            "passphrase" => "opens with: a passphrase".to_owned(),
            "pkcs11" => {
                let text = |name: &str| seal[name].as_str().unwrap_or_default();
                format!("opens with: the token's key {} ({})", text("uri"), text("mechanism"))
            }
            _ => format!("opens with: {} of {} shares", seal["threshold"], seal["count"]),
        })?;
    }
    if is_sealed && told["sharesGiven"].as_u64().unwrap_or(0) > 0 {
        line(&format!("shares given so far: {}", told["sharesGiven"]))?;
    }
    line(&format!("root key: number {}", told["rootGeneration"]))?;
    Ok(())
}

fn unseal(arguments: &UnsealArgs) -> anyhow::Result<Outcome> {
    let body = if arguments.passphrase {
        json!({ "passphrase": typed("Passphrase")?.expose() })
    } else if arguments.share {
        json!({ "share": typed("Share")?.expose() })
    } else {
        json!({})
    };
    seal(&arguments.connection, "POST", "unseal", Some(&body))
}

fn rekey(arguments: &RekeyArgs) -> anyhow::Result<Outcome> {
    let mut seals = Vec::new();
    if arguments.key_file {
        seals.push(json!({ "kind": "keyFile" }));
    }
    if let Some(text) = &arguments.shares {
        let numbers = text.split_once('/');
        let numbers =
            numbers.and_then(|(a, b)| Some((a.parse::<u8>().ok()?, b.parse::<u8>().ok()?)));
        let (threshold, count) = numbers
            .ok_or_else(|| WrongUse::because(format!("'{text}' is no NEEDED/COUNT; try 3/5")))?;
        seals.push(json!({ "kind": "shamir", "threshold": threshold, "count": count }));
    }
    if let Some(uri) = &arguments.pkcs11 {
        let make = arguments.pkcs11_make_key;
        seals.push(json!({ "kind": "pkcs11", "uri": uri, "makeKey": make }));
    }
    if arguments.passphrase {
        seals
            .push(json!({ "kind": "passphrase", "passphrase": typed("New passphrase")?.expose() }));
    }
    if seals.is_empty() {
        return Err(WrongUse::because(
            "name at least one seal: --key-file, --passphrase, --shares 3/5, --pkcs11 pkcs11:token=...;object=...",
        ));
    }
    let client = Client::connect(&arguments.connection)?;
    let told = client.call("POST", "/vault/rekey", Some(&json!({ "seals": seals })))?;
    show_status(&told)?;
    let shares: Vec<&str> =
        told["shares"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !shares.is_empty() {
        line("Give each share to one person. They are not kept and not shown again:")?;
        for share in shares {
            line(share)?;
        }
    }
    Ok(Outcome::Done)
}

fn verify_audit(connection: &Connection) -> anyhow::Result<Outcome> {
    let told = Client::connect(connection)?.call("POST", "/vault/verify-audit", None)?;
    line(&format!(
        "{} rows, from {} to {}: {} proven, {} without a proof",
        told["rows"], told["first"], told["last"], told["proven"], told["unproven"]
    ))?;
    for finding in told["findings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        line(finding)?;
    }
    if told["wrong"] == json!(0) {
        line("nothing was changed, nothing is missing")?;
        return Ok(Outcome::Done);
    }
    line(&format!("{} findings", told["wrong"]))?;
    Ok(Outcome::Findings)
}

// --- secrets and keys -------------------------------------------------------------------------------------------

/// A client that speaks to one vault.
struct VaultClient {
    client: Client,
    bearer: String,
    host: String,
}

impl VaultClient {
    fn connect(which: &WhichVault) -> anyhow::Result<Self> {
        let client = Client::connect(&which.connection)?;
        let token = client.token(Some("https://vault.azure.net"))?;
        let url = client.instance.vault_url.trim_start_matches("https://");
        let (_, rest) = url.split_once('.').context("the instance's vault has no host name")?;
        let host = format!("{}.{rest}", which.vault);
        Ok(Self { client, bearer: format!("Bearer {token}"), host })
    }

    /// The vault's name goes in the Host header, so that it need not resolve here.
    fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> anyhow::Result<Reply> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let path = if path.contains("api-version=") {
            path.to_owned()
        } else {
            format!("{path}{mark}{API_VERSION}")
        };
        let headers = [("Content-Type", "application/json"), ("Host", self.host.as_str())];
        self.client.send_as(&self.bearer, method, &path, &headers, body)?.success()
    }

    fn list(&self, collection: &str) -> anyhow::Result<()> {
        let mut path = format!("/{collection}");
        loop {
            let page = self.send("GET", &path, None)?.json()?;
            for item in page["value"].as_array().into_iter().flatten() {
                let id = item["id"].as_str().or_else(|| item["kid"].as_str()).unwrap_or_default();
                let enabled = item["attributes"]["enabled"] != json!(false);
                let name = id.rsplit('/').next().unwrap_or_default();
                line(&if enabled { name.to_owned() } else { format!("{name}  (disabled)") })?;
            }
            let Some(next) = page["nextLink"].as_str() else { return Ok(()) };
            let behind = next.find(&format!("/{collection}")).unwrap_or(0);
            path = next.get(behind..).unwrap_or_default().to_owned();
        }
    }
}

fn secret(command: &SecretCommand) -> anyhow::Result<Outcome> {
    match command {
        SecretCommand::Set { name, file, which } => {
            let value = match file {
                Some(path) => {
                    let read = std::fs::read_to_string(path);
                    SecretText::new(
                        read.with_context(|| format!("cannot read {}", path.display()))?,
                    )
                }
                None => typed("Value")?,
            };
            let body = json!({ "value": value.expose() }).to_string();
            let body = SecretBytes::new(body.into_bytes());
            let vault = VaultClient::connect(which)?;
            let told = vault.send("PUT", &format!("/secrets/{name}"), Some(body.expose()))?;
            line(told.json()?["id"].as_str().unwrap_or_default())?;
        }
        SecretCommand::Show { name, which } => {
            let told =
                VaultClient::connect(which)?.send("GET", &format!("/secrets/{name}"), None)?;
            line(told.json()?["value"].as_str().unwrap_or_default())?;
        }
        SecretCommand::List(which) => VaultClient::connect(which)?.list("secrets")?,
    }
    Ok(Outcome::Done)
}

fn key(command: &KeyCommand) -> anyhow::Result<Outcome> {
    match command {
        KeyCommand::Create { name, kty, size, curve, which } => {
            let mut body = json!({ "kty": kty });
            if let Some(size) = size {
                body["key_size"] = json!(size);
            }
            if let Some(curve) = curve {
                body["crv"] = json!(curve);
            }
            let (path, body) = (format!("/keys/{name}/create"), body.to_string());
            let told = VaultClient::connect(which)?.send("POST", &path, Some(body.as_bytes()))?;
            line(told.json()?["key"]["kid"].as_str().unwrap_or_default())?;
        }
        KeyCommand::List(which) => VaultClient::connect(which)?.list("keys")?,
    }
    Ok(Outcome::Done)
}

/// A text from standard input: one line on a terminal, where it is not shown; all of it from a pipe, without the line
/// break at its end.
fn typed(what: &str) -> anyhow::Result<SecretText> {
    let stdin = io::stdin();
    let mut text = String::new();
    if stdin.is_terminal() {
        write!(io::stderr(), "{what} (not shown): ")?;
        let hidden = Hidden::new();
        let read = stdin.read_line(&mut text);
        drop(hidden);
        writeln!(io::stderr())?;
        read?;
    } else {
        stdin
            .lock()
            .take(INPUT_MAX)
            .read_to_string(&mut text)
            .context("standard input is no text")?;
    }
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    if text.is_empty() {
        return Err(WrongUse::because(format!("{what}: nothing was given on standard input")));
    }
    Ok(SecretText::new(text))
}

/// The terminal shows nothing of what is typed while this lives.
struct Hidden(Option<rustix::termios::Termios>);

impl Hidden {
    fn new() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let Ok(before) = tcgetattr(io::stdin()) else { return Self(None) };
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        match tcsetattr(io::stdin(), OptionalActions::Now, &quiet) {
            Ok(()) => Self(Some(before)),
            Err(_) => Self(None),
        }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before); // the shell mends it otherwise
        }
    }
}
