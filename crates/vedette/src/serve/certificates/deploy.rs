//! Pushes: files replaced in one step with their mode, manifests, web hooks; behind them the operator's reload.
//!
//! Relative paths lie below `deployed/{vault}/{certificate}/` of the data folder. Another folder takes files only if its
//! owner put a file `.vedette-deploy` into it, and each of its places those of one certificate: a right in the vault is
//! no right on the machine, nor in another vault.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::Agent;
use vault::{DuePush, OWN_FILES, Reach, TargetKind, Vault, without_secrets};

use super::{Deed, deed, hook};
use crate::serve::{House, elsewhere};
use crate::trust;

const CONSENT: &str = ".vedette-deploy";
const PATIENCE: Duration = Duration::from_secs(15);

/// Pushes what is due and records what came of it: files, or web hooks, which wait for others.
pub(super) fn push_all(house: &House, vault: &Arc<Vault>, hooks: bool, deeds: &mut Vec<Deed>) {
    let is_meant = |due: &DuePush| matches!(due.target.kind, TargetKind::Webhook { .. }) == hooks;
    for due in vault.due_pushes(house.clock.now().unix_seconds()).into_iter().filter(is_meant) {
        let started = Instant::now();
        let outcome = push(house, vault, &due);
        let now = house.clock.now().unix_seconds();
        let name = due.found.object.name.as_str();
        if let Err(error) = vault.record_push(&due, &outcome, now) {
            tracing::warn!(name, %error, "the outcome of a deployment could not be recorded");
        }
        deeds.push(deed(vault, "CertificateDeploy", name, outcome.err(), started));
    }
}

/// Carries a certificate to a target; gives the place of the file, where there is one.
fn push(house: &House, vault: &Vault, due: &DuePush) -> Result<Option<String>, String> {
    due.target.check().map_err(|e| e.message)?;
    let (name, target) = (due.found.object.name.as_str(), &due.target);
    if target.reload.is_some() && name.starts_with('-') {
        return Err("a name that begins with '-' is not given to programs".to_owned());
    }
    let content = vault.push_content(due).map_err(|e| e.message)?;
    let shown = match (&target.kind, content) {
        (TargetKind::File { path, mode }, Some(content)) => {
            Some(deliver(house, vault, due, path, &content, *mode)?)
        }
        (TargetKind::Kubernetes { path, .. }, Some(content)) => {
            Some(deliver(house, vault, due, path, &content, 0o600)?)
        }
        (TargetKind::Webhook { url }, _) => {
            tell(house, vault, due, url)?;
            None
        }
        _ => return Err("there is nothing to push".to_owned()),
    };
    if let Some(program) = &target.reload {
        let variables = [
            ("VEDETTE_VAULT", vault.id()),
            ("VEDETTE_CERTIFICATE", name),
            ("VEDETTE_TARGET", target.name.as_str()),
        ];
        hook::run(&house.data.hooks(), program, &[name, &target.name], &variables)?;
    }
    Ok(shown)
}

fn deliver(
    house: &House,
    vault: &Vault,
    due: &DuePush,
    path: &str,
    content: &[u8],
    mode: u32,
) -> Result<String, String> {
    let certificate = due.found.object.name.to_ascii_lowercase();
    let asked = Path::new(path);
    if asked.is_relative() {
        let own = Path::new(vault.id()).join(&certificate).join(asked);
        let place = house.data.deployed().join(&own);
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        replace(&place, content, mode)?;
        return Ok(format!("deployed/{}", own.display()));
    }
    let place = consented(asked, vault.id(), &certificate)?;
    let shown = place.to_str().ok_or("the path is no text")?;
    house.vaults.take_place(vault, due, shown).map_err(|e| e.message)?;
    replace(&place, content, mode)?;
    Ok(shown.to_owned())
}

/// Where a path outside the data folder leads, if the owner of that folder lets the certificate in.
fn consented(asked: &Path, vault: &str, certificate: &str) -> Result<PathBuf, String> {
    let folder = asked.parent().unwrap_or(Path::new("/"));
    let consent = std::fs::read_to_string(folder.join(CONSENT)).map_err(|_| {
        format!(
            "{} takes no deployments; put an empty file {CONSENT} there to allow them",
            folder.display()
        )
    })?;
    let mut named = consent.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    let one = format!("{vault}/{certificate}");
    let is_meant = |line: &str| [vault, one.as_str()].iter().any(|n| line.eq_ignore_ascii_case(n));
    if named.peek().is_some() && !named.any(is_meant) {
        return Err(format!(
            "{} takes deployments of others alone; add a line {one} to its {CONSENT}",
            folder.display()
        ));
    }
    let real = folder.canonicalize().map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(real.join(asked.file_name().unwrap_or_default()))
}

/// The whole file or the old one, never a part; nobody sees it with another mode.
fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), String> {
    let mut beside = std::ffi::OsString::from(format!("{OWN_FILES}-new-"));
    beside.push(path.file_name().unwrap_or_default());
    let beside = path.with_file_name(beside);
    let write = || -> std::io::Result<()> {
        if beside.exists() {
            std::fs::remove_file(&beside)?;
        }
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(content)?;
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|e| {
        let _ = std::fs::remove_file(&beside); // it holds the key
        format!("{}: {e}", path.display())
    })
}

/// Tells a web hook. What answered there is for the log: whoever set the target is told no more than whether it worked.
fn tell(house: &House, vault: &Vault, due: &DuePush, url: &str) -> Result<(), String> {
    let is_allowed = house.web_hooks.hold(url);
    if !is_allowed && !url.starts_with("https://") {
        return Err("web hooks go to https addresses; vedette serve --allow-webhook names others"
            .to_owned());
    }
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .https_only(!is_allowed)
        .tls_config(trust::tls(trust::system_authorities().unwrap_or_default()))
        .build();
    let reach = if is_allowed { Reach::Everywhere } else { Reach::Elsewhere };
    let notice = due.notice(vault.id()).to_string();
    let post = elsewhere::agent(config, reach).post(url);
    let answer = post.header("content-type", "application/json").send(notice.as_str());
    let (certificate, url) = (due.found.object.name.as_str(), without_secrets(url));
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => {
            let status = answer.status().as_u16();
            tracing::info!(certificate, url, status, "a web hook was refused");
            Err("the web hook's answer was no success".to_owned())
        }
        Err(error) if elsewhere::leads_here(&error) => {
            Err("web hooks go to other machines; vedette serve --allow-webhook names others"
                .to_owned())
        }
        Err(error) => {
            tracing::info!(certificate, url, %error, "a web hook could not be told");
            Err("the web hook could not be reached".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_takes_what_its_owner_lets_in() {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("site.pem");
        assert!(consented(&asked, "default", "site").unwrap_err().contains(CONSENT));
        for (lines, expected) in [
            ("", true),
            ("\n \n", true),
            ("default\n", true),
            ("other\nDefault/Site\n", true),
            ("other\n", false),
            ("default/sit\n", false),
            ("default/\n", false),
        ] {
            std::fs::write(folder.path().join(CONSENT), lines).unwrap();
            let place = consented(&asked, "default", "site");
            assert_eq!(place.is_ok(), expected, "{lines:?}");
            if let Ok(place) = place {
                assert_eq!(place, folder.path().canonicalize().unwrap().join("site.pem"));
            }
        }
    }

    #[test]
    fn files_are_replaced_whole_with_their_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.pem");
        for (content, mode) in [("one", 0o640), ("two", 0o600)] {
            replace(&path, content.as_bytes(), mode).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
        }
        std::fs::create_dir(folder.path().join("taken")).unwrap();
        assert!(replace(&folder.path().join("taken"), b"key", 0o600).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside");
    }
}
