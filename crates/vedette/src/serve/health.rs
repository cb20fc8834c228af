//! How the parts are, for `/readyz`, `/metrics` and the plain page.

use std::sync::Arc;

use api::HealthCheck;

use super::House;

/// Free space below which the disk counts as full, in bytes.
const DISK_MIN: u64 = 256 << 20;

pub(super) fn checks(house: &House) -> api::Health {
    let (logs, store, folder) =
        (Arc::clone(&house.logs), Arc::clone(&house.store), house.data.path().to_path_buf());
    let workspace = house.installation.customer_id.clone();
    Arc::new(move || {
        let damage = logs.damage();
        let open = damage.iter().filter(|d| !d.accepted).count();
        let state = store.get("installation", "installation");
        vec![
            HealthCheck {
                name: "logs",
                healthy: open == 0,
                message: match open {
                    0 => "all rows can be read".to_owned(),
                    n => format!("{n} damaged files; see the log for their names"),
                },
                metrics: vec![(
                    "rows",
                    "Rows in the tables of the default workspace.",
                    model::Tables::tables(&*logs, &workspace)
                        .iter()
                        .map(|t| model::Tables::row_count(&*logs, &workspace, &t.name) as f64)
                        .sum(),
                )],
            },
            HealthCheck {
                name: "state",
                healthy: state.is_ok(),
                message: state.map_or_else(|e| e.to_string(), |_| "readable".to_owned()),
                metrics: Vec::new(),
            },
            disk(&folder),
        ]
    })
}

fn disk(folder: &std::path::Path) -> HealthCheck {
    let free = rustix::fs::statvfs(folder).map(|s| s.f_bavail.saturating_mul(s.f_frsize));
    let (healthy, message) = match free {
        Ok(free) => (free >= DISK_MIN, format!("{} MB free", free >> 20)),
        Err(error) => (false, format!("the data folder cannot be read: {error}")),
    };
    let metrics = free.map_or_else(
        |_| Vec::new(),
        |f| vec![("disk_free_bytes", "Free space below the data folder.", f as f64)],
    );
    HealthCheck { name: "disk", healthy, message, metrics }
}
