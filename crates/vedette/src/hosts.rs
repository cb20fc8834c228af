//! `vedette hosts`: names below localhost that this machine does not find by itself.
//!
//! Vaults have names of their own, `default.vault.localhost`. Some programs know that everything below localhost is
//! this machine; Python and Node ask the system, and glibc without libnss-myhostname does not.

use std::fs;
use std::io::Write;
use std::net::ToSocketAddrs;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use crate::cli::HostsArgs;
use crate::client::Client;
use crate::instance::{DataFolder, Instance};
use crate::outcome::Outcome;
use crate::output::line;

/// Ends the line that was added, so that it can be found again.
const MARK: &str = "# vedette";

pub(crate) fn run(arguments: &HostsArgs) -> anyhow::Result<Outcome> {
    let names = names(arguments);
    let text = match fs::read_to_string(&arguments.file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", arguments.file.display()));
        }
    };
    let missing: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !mentions(&text, name)).collect();
    let unresolved = names.iter().any(|name| !resolves(name));
    if missing.is_empty() || (!arguments.write && !unresolved) {
        line(&format!("nothing to do: {} resolve", names.join(", ")))?;
        return Ok(Outcome::Done);
    }
    let added = format!("127.0.0.1 {} {MARK}", missing.join(" "));
    if !arguments.write {
        line(&added)?;
        return Ok(Outcome::Findings);
    }
    append(&arguments.file, &text, &added).with_context(|| {
        format!(
            "cannot write {}; run the same with sudo, or add this line yourself: {added}",
            arguments.file.display()
        )
    })?;
    line(&format!("added to {}: {added}", arguments.file.display()))?;
    Ok(Outcome::Done)
}

/// `host` of `https://host:port`.
pub(crate) fn host_of(url: &str) -> String {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    rest.split(['/', ':']).next().unwrap_or_default().to_owned()
}

/// True when this machine finds an address for the name, as Python and Node would.
pub(crate) fn resolves(host: &str) -> bool {
    (host, 443).to_socket_addrs().is_ok_and(|mut addresses| addresses.next().is_some())
}

/// The names of this server's vaults: the default one, and those it tells of when it runs.
fn names(arguments: &HostsArgs) -> Vec<String> {
    let mut names = vec!["vault.localhost".to_owned()];
    let mut add = |name: String| {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    };
    let instance = Instance::load(&DataFolder::new(&arguments.connection.data)).ok();
    add(instance.as_ref().map_or("default.vault.localhost".to_owned(), |i| host_of(&i.vault_url)));
    if let (Some(instance), Ok(client)) = (instance, Client::connect(&arguments.connection)) {
        let path = format!(
            "/subscriptions/{}/providers/Microsoft.KeyVault/vaults?api-version=2023-07-01",
            instance.subscription_id
        );
        let vaults = client.call("GET", &path, None).unwrap_or_default(); // a server that is off is no hindrance
        for vault in vaults.get("value").and_then(Value::as_array).into_iter().flatten() {
            let uri = vault.pointer("/properties/vaultUri").and_then(Value::as_str);
            add(host_of(uri.unwrap_or_default()));
        }
    }
    names
}

/// True when a line of a hosts file names the host.
fn mentions(text: &str, host: &str) -> bool {
    text.lines().any(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).any(|name| name.eq_ignore_ascii_case(host))
    })
}

fn append(path: &Path, before: &str, line: &str) -> std::io::Result<()> {
    let mut file = fs::File::options().create(true).append(true).open(path)?;
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    file.write_all(format!("{gap}{line}\n").as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_found_in_a_hosts_file_and_added_once() {
        let text = "127.0.0.1\tlocalhost\n# 127.0.0.1 default.vault.localhost\n::1 Vault.Localhost # x\n10.0.0.1 a";
        assert!(mentions(text, "localhost") && mentions(text, "vault.localhost"));
        assert!(!mentions(text, "default.vault.localhost"), "a remark is none");
        assert!(!mentions(text, "127.0.0.1") && !mentions(text, "10.0.0.1"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        fs::write(&path, text).unwrap();
        append(&path, text, "127.0.0.1 default.vault.localhost # vedette").unwrap();
        let now = fs::read_to_string(&path).unwrap();
        assert!(
            now.ends_with("10.0.0.1 a\n127.0.0.1 default.vault.localhost # vedette\n"),
            "{now}"
        );
        assert!(mentions(&now, "default.vault.localhost"));
    }

    #[test]
    fn hosts_of_urls() {
        for (url, host) in [
            ("https://default.vault.localhost:8443", "default.vault.localhost"),
            ("https://a.vault.localhost:1/", "a.vault.localhost"),
            ("https://a.vault.localhost/", "a.vault.localhost"),
            ("", ""),
        ] {
            assert_eq!(host_of(url), host);
        }
    }
}
