//! `vedette doctor`: what a server needs, checked from outside, with the way out of each finding.

use std::fs;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crypto::Certificate;
use model::{Clock, SystemClock};

use crate::cli::DoctorArgs;
use crate::client::Client;
use crate::instance::{DataFolder, Instance};
use crate::outcome::Outcome;
use crate::output::line;

/// What a check found: fine, or what is wrong and the way out.
type Finding = Result<String, (String, String)>;

/// One thing to look at.
struct Check {
    name: &'static str,
    run: fn(&Patient) -> Finding,
    /// False: worth knowing, but nothing is broken by it.
    needed: bool,
}

const CHECKS: &[Check] = &[
    Check { name: "data folder", run: data_folder, needed: true },
    Check { name: "keys", run: keys, needed: true },
    Check { name: "certificate", run: certificate, needed: true },
    Check { name: "names", run: names, needed: true },
    Check { name: "vault names", run: vault_names, needed: false },
    Check { name: "server", run: server, needed: true },
    Check { name: "clock", run: clock, needed: true },
    Check { name: "disk", run: disk, needed: true },
];

/// Days of a certificate below which it should have been renewed.
const CERTIFICATE_DAYS_MIN: i64 = 14;
const DISK_MIN: u64 = 1 << 30;
/// Steps of a clock that do no harm, in seconds.
const CLOCK_STEP: i64 = 120;

struct Patient {
    data: DataFolder,
    listen: SocketAddr,
    client: Option<Client>,
    instance: Option<Instance>,
}

pub(crate) fn run(arguments: &DoctorArgs) -> anyhow::Result<Outcome> {
    let data = DataFolder::new(&arguments.connection.data);
    let instance = Instance::load(&data).ok();
    let client = Client::connect(&arguments.connection).ok();
    let patient = Patient { data, listen: arguments.listen, client, instance };
    let mut outcome = Outcome::Done;
    for check in CHECKS {
        match (check.run)(&patient) {
            Ok(text) => line(&format!("ok    {:<12} {text}", check.name))?,
            Err((finding, way_out)) => {
                let mark = if check.needed { "WRONG" } else { "note " };
                if check.needed {
                    outcome = Outcome::Findings;
                }
                line(&format!("{mark} {:<12} {finding}", check.name))?;
                line(&format!("      {:<12} -> {way_out}", ""))?;
            }
        }
    }
    Ok(outcome)
}

fn wrong(finding: impl Into<String>, way_out: impl Into<String>) -> Finding {
    Err((finding.into(), way_out.into()))
}

fn mode(path: &Path) -> Option<u32> {
    Some(fs::metadata(path).ok()?.permissions().mode() & 0o777)
}

fn data_folder(patient: &Patient) -> Finding {
    let path = patient.data.path();
    let shown = path.display();
    match mode(path) {
        None => wrong(
            format!("{shown} does not exist"),
            format!("start a server on it: vedette serve --data {shown}"),
        ),
        Some(mode) if mode & 0o077 != 0 => wrong(
            format!("{shown} is open to others (mode {mode:o})"),
            format!("chmod 700 {shown}"),
        ),
        Some(_) if rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_err() => wrong(
            format!("{shown} cannot be written by this user"),
            "run as its owner, or give it to this user with chown",
        ),
        Some(_) => Ok(shown.to_string()),
    }
}

fn keys(patient: &Patient) -> Finding {
    let folder = patient.data.keys();
    let Ok(entries) = fs::read_dir(&folder) else {
        return wrong(
            format!("{} cannot be read", folder.display()),
            "run as the owner of the data folder",
        );
    };
    let mut count = 0;
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let is_public = matches!(name.as_str(), "ca.pem" | "server.pem");
        if !is_public && mode(&path).is_some_and(|m| m & 0o077 != 0) {
            return wrong(
                format!("{} is open to others", path.display()),
                format!("chmod 600 {}", path.display()),
            );
        }
        count += 1;
    }
    if !identity::AdminCredentials::path(&folder).exists() {
        return wrong(
            "the administrator's credentials are put away: env, token and the everyday commands do without them badly",
            format!("put {} back", identity::AdminCredentials::path(&folder).display()),
        );
    }
    Ok(format!("{count} files, private"))
}

fn certificate(patient: &Patient) -> Finding {
    let path = patient.data.keys().join("server.pem");
    let read = fs::read_to_string(&path).map_err(|e| e.to_string());
    let certificate = read.and_then(|pem| Certificate::from_pem(&pem).map_err(|e| e.to_string()));
    let certificate = match certificate {
        Ok(certificate) => certificate,
        Err(error) => {
            return wrong(
                format!("{}: {error}", path.display()),
                "restart the server: it makes a new one",
            );
        }
    };
    let days = (certificate.not_after() - SystemClock.now().unix_seconds()) / 86_400;
    if days < CERTIFICATE_DAYS_MIN {
        let way_out = "restart the server; if that does not help, keys/ca.key.pem is missing or the authority itself ends";
        return wrong(format!("the server's certificate ends in {days} days"), way_out);
    }
    Ok(format!("good for {days} days, names {}", certificate.dns_names().join(", ")))
}

fn names(patient: &Patient) -> Finding {
    let host =
        patient.instance.as_ref().and_then(|i| i.url.strip_prefix("https://")?.rsplit_once(':'));
    let host = host.map_or("localhost", |(host, _)| host);
    if (host, 443).to_socket_addrs().is_ok_and(|mut addresses| addresses.next().is_some()) {
        return Ok(format!("{host} resolves"));
    }
    wrong(
        format!("{host} does not resolve on this machine"),
        format!("add a line to /etc/hosts: 127.0.0.1 {host}"),
    )
}

/// curl finds names below localhost by itself; Python and Node ask the system, which on most machines does not.
fn vault_names(patient: &Patient) -> Finding {
    let vault = patient.instance.as_ref().map(|i| crate::hosts::host_of(&i.vault_url));
    let vault = vault.unwrap_or_else(|| "default.vault.localhost".to_owned());
    if crate::hosts::resolves(&vault) {
        return Ok(format!("{vault} resolves"));
    }
    wrong(
        format!("{vault} does not resolve: Key Vault clients will not find it"),
        "vedette hosts prints the line for /etc/hosts, sudo vedette hosts --write adds it; or install libnss-myhostname; or use https://localhost:PORT as the vault's address",
    )
}

fn server(patient: &Patient) -> Finding {
    if let Some(client) = &patient.client {
        match client.send("GET", "/readyz", &[], None) {
            Ok(reply) if reply.status == 200 => {
                return Ok(format!("answers at {}, all parts ready", client.instance.url));
            }
            Ok(reply) => {
                let text = String::from_utf8_lossy(&reply.body).into_owned();
                return wrong(
                    format!("not ready: {text}"),
                    "the server's log names the part and the reason",
                );
            }
            Err(_) => {}
        }
    }
    let address = match &patient.instance {
        Some(instance) => instance.url.clone(),
        None => patient.listen.to_string(),
    };
    let port = patient
        .instance
        .as_ref()
        .and_then(|i| i.url.rsplit_once(':')?.1.parse().ok())
        .unwrap_or(patient.listen.port());
    match TcpListener::bind((patient.listen.ip(), port)) {
        Ok(_) => wrong(
            format!("no server answers at {address}"),
            format!("vedette serve --data {}", patient.data.path().display()),
        ),
        Err(_) => wrong(
            format!("port {port} is taken by something that is not this server"),
            format!(
                "end it (ss -ltnp | grep {port} names it), or serve elsewhere with --listen 127.0.0.1:{}",
                port.wrapping_add(1)
            ),
        ),
    }
}

fn clock(patient: &Patient) -> Finding {
    let now = SystemClock.now().unix_seconds();
    let newest = [
        patient.data.state(),
        patient.data.path().join("state.db-wal"),
        patient.data.path().join("wal"),
    ]
    .iter()
    .filter_map(|p| fs::metadata(p).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok())
    .map(|d| d.as_secs() as i64)
    .max();
    match newest {
        Some(newest) if newest > now + CLOCK_STEP => wrong(
            format!(
                "the clock is {} s behind the newest data: tokens and rules go wrong",
                newest - now
            ),
            "set it right: timedatectl set-ntp true",
        ),
        _ => Ok(SystemClock.now().to_string()),
    }
}

fn disk(patient: &Patient) -> Finding {
    let existing = patient.data.path().ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(existing) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            if free < DISK_MIN {
                return wrong(
                    format!("{} MB free", free >> 20),
                    "free space, or move the data folder to a larger disk",
                );
            }
            Ok(format!("{} GB free", free >> 30))
        }
        Err(error) => {
            wrong(format!("{}: {error}", existing.display()), "check that the disk is mounted")
        }
    }
}
