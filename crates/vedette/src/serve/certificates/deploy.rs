//! Pushes: files replaced in one step with their mode, manifests, web hooks; behind them the operator's reload.
//!
//! Relative paths lie below `deployed/` of the data folder. Another folder takes files only if the operator put an empty
//! file `.vedette-deploy` into it: a right in the vault is no right on the machine.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::Agent;
use vault::{DuePush, TargetKind, Vault};

use super::{Deed, deed, hook};
use crate::serve::House;
use crate::trust;

const CONSENT: &str = ".vedette-deploy";
const PATIENCE: Duration = Duration::from_secs(15);

/// Pushes what is due and records what came of it.
pub(super) fn push_all(house: &House, vault: &Arc<Vault>, deeds: &mut Vec<Deed>) {
    for due in vault.due_pushes(house.clock.now().unix_seconds()) {
        let started = Instant::now();
        let failure = push(house, vault, &due).err();
        let now = house.clock.now().unix_seconds();
        let name = due.found.object.name.as_str();
        if let Err(error) = vault.record_push(&due, failure.clone(), now) {
            tracing::warn!(name, %error, "the outcome of a deployment could not be recorded");
        }
        deeds.push(deed(vault, "CertificateDeploy", name, failure, started));
    }
}

fn push(house: &House, vault: &Vault, due: &DuePush) -> Result<(), String> {
    let content = vault.push_content(due).map_err(|e| e.message)?;
    match (&due.target.kind, content) {
        (TargetKind::File { path, mode }, Some(content)) => {
            replace(&place(house, path)?, &content, *mode)?;
        }
        (TargetKind::Kubernetes { path, .. }, Some(content)) => {
            replace(&place(house, path)?, &content, 0o600)?;
        }
        (TargetKind::Webhook { url }, _) => tell(vault, due, url)?,
        _ => return Err("there is nothing to push".to_owned()),
    }
    match &due.target.reload {
        Some(program) => {
            hook::run(&house.data.hooks(), program, &[&due.found.object.name, &due.target.name])
        }
        None => Ok(()),
    }
}

/// Where a path leads, if the operator lets it.
fn place(house: &House, path: &str) -> Result<PathBuf, String> {
    let asked = Path::new(path);
    if asked.is_relative() {
        let below = house.data.deployed().join(asked);
        if let Some(folder) = below.parent() {
            std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        return Ok(below);
    }
    let folder = asked.parent().unwrap_or(Path::new("/"));
    if folder.join(CONSENT).is_file() {
        return Ok(asked.to_path_buf());
    }
    Err(format!(
        "{} takes no deployments; put an empty file {CONSENT} there to allow them",
        folder.display()
    ))
}

/// The whole file or the old one, never a part; nobody sees it with another mode.
fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), String> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
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
    write().map_err(|e| format!("{}: {e}", path.display()))
}

fn tell(vault: &Vault, due: &DuePush, url: &str) -> Result<(), String> {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .tls_config(trust::tls(trust::system_authorities().unwrap_or_default()))
        .build()
        .new_agent();
    let notice = due.notice(vault.id()).to_string();
    let answer = agent.post(url).header("content-type", "application/json").send(notice.as_str());
    let status = answer.map_err(|e| e.to_string())?.status().as_u16();
    if (200..300).contains(&status) { Ok(()) } else { Err(format!("{url} answered {status}")) }
}
