//! What runs by itself: a table of tasks, each of which may run twice without harm.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crypto::ServerCertificate;
use model::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::House;
use super::deeds::{self, Deed};
use super::own_rows::append;
use super::usage;

type Running = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// Work that is done over and over.
struct Task {
    name: &'static str,
    every: Duration,
    run: fn(Arc<House>) -> Running,
}

const TASKS: &[Task] = &[
    Task {
        name: "memory",
        every: Duration::from_secs(2),
        run: |_| Box::pin(super::memory::give_back()),
    },
    Task {
        name: "analytics rules",
        every: Duration::from_secs(1),
        run: |house| Box::pin(run_rules(house)),
    },
    Task {
        name: "signing keys",
        every: Duration::from_secs(3600),
        run: |house| Box::pin(rotate_keys(house)),
    },
    Task {
        name: "server certificate",
        every: Duration::from_secs(24 * 3600),
        run: |house| Box::pin(renew_certificate(house)),
    },
    Task {
        name: "vault",
        every: Duration::from_secs(60),
        run: |house| Box::pin(keep_vaults(house)),
    },
    Task {
        name: "ACME orders",
        every: Duration::from_secs(3600),
        run: |house| Box::pin(sweep_acme(house)),
    },
    Task {
        name: "certificates",
        every: Duration::from_secs(10),
        run: |house| Box::pin(super::certificates::turn(house)),
    },
    Task {
        name: "deleted workspaces",
        every: Duration::from_secs(3600),
        run: |house| Box::pin(purge_workspaces(house)),
    },
    Task {
        name: "certificates elsewhere",
        every: Duration::from_secs(10),
        run: |house| Box::pin(super::certificates::turn_elsewhere(house)),
    },
    Task {
        name: "heartbeat",
        every: Duration::from_secs(60),
        run: |house| Box::pin(heartbeat(house)),
    },
    Task {
        name: "usage",
        every: Duration::from_secs(600),
        run: |house| Box::pin(usage::record(house)),
    },
];

/// Starts all of them; they end after `stopped` once their turn is over.
pub(super) fn start(house: &Arc<House>, stopped: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
    let start =
        |task: &'static Task| tokio::spawn(repeat(task, Arc::clone(house), stopped.clone()));
    TASKS.iter().map(start).collect()
}

async fn repeat(task: &'static Task, house: Arc<House>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(task.every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = (task.run)(Arc::clone(&house)).await {
            tracing::error!(
                task = task.name,
                error = format!("{error:#}"),
                "a task failed and is tried again"
            );
        }
    }
}

async fn run_rules(house: Arc<House>) -> anyhow::Result<()> {
    let tick = house.rules.tick(house.clock.now()).await?;
    if tick.alerts > 0 || tick.failures > 0 {
        let (runs, failures) = (tick.runs, tick.failures);
        tracing::info!(
            runs,
            failures,
            alerts = tick.alerts,
            incidents = tick.incidents,
            "analytics rules"
        );
    }
    Ok(())
}

async fn rotate_keys(house: Arc<House>) -> anyhow::Result<()> {
    let changed =
        tokio::task::spawn_blocking(move || house.identity.rotate_keys(house.clock.now()))
            .await??;
    if changed {
        tracing::info!("the token signing keys changed");
    }
    Ok(())
}

async fn renew_certificate(house: Arc<House>) -> anyhow::Result<()> {
    let renew = move || -> anyhow::Result<()> {
        let now = house.clock.now().unix_seconds();
        let (certificate, is_new) =
            ServerCertificate::ensure(&house.data.keys(), &house.names, now)?;
        if is_new {
            house.tls.replace(&certificate)?;
            tracing::info!("the server certificate was renewed");
        }
        Ok(())
    };
    tokio::task::spawn_blocking(renew).await?
}

/// Purges what has been deleted for as long as it may be, and rotates keys whose policy says so.
async fn keep_vaults(house: Arc<House>) -> anyhow::Result<()> {
    let working = Arc::clone(&house);
    let rotate = move || -> Vec<Deed> {
        let started = Instant::now();
        let rotated = working.vaults.rotate_due(working.clock.now().unix_seconds());
        let told = rotated.into_iter().map(|r| {
            let failure = r.failure.map(|error| error.to_string());
            Deed::new(&r.vault, "KeyRotateIfDue", format!("keys/{}", r.key), failure, started)
        });
        told.collect()
    };
    deeds::tell(&house, tokio::task::spawn_blocking(rotate).await?).await?;
    let purge = move || -> anyhow::Result<()> {
        let purged = house.vaults.purge_expired(house.clock.now().unix_seconds())?;
        if purged > 0 {
            tracing::info!(purged, "deleted objects of vaults reached the end of their days");
        }
        Ok(())
    };
    tokio::task::spawn_blocking(purge).await?
}

/// Removes workspaces, with their rows, that were deleted two weeks ago.
async fn purge_workspaces(house: Arc<House>) -> anyhow::Result<()> {
    let purged = house.arm.purge_rested(house.clock.now()).await?;
    if purged > 0 {
        tracing::info!(purged, "deleted workspaces reached the end of their days");
    }
    Ok(())
}

/// Removes ACME orders that ended long ago.
async fn sweep_acme(house: Arc<House>) -> anyhow::Result<()> {
    let sweep = move || house.vaults.sweep_acme(house.clock.now().unix_seconds());
    let removed = tokio::task::spawn_blocking(sweep).await??;
    if removed > 0 {
        tracing::info!(removed, "ACME orders and authorizations that ended long ago are removed");
    }
    Ok(())
}

/// One row of Heartbeat: this machine lives.
async fn heartbeat(house: Arc<House>) -> anyhow::Result<()> {
    let system = rustix::system::uname();
    let installation = &house.installation;
    let row = vec![
        ("TimeGenerated", Value::DateTime(house.clock.now())),
        ("Computer", Value::string(system.nodename().to_string_lossy())),
        ("OSType", Value::string("Linux")),
        ("OSName", Value::string(system.sysname().to_string_lossy())),
        ("Category", Value::string("vedette")),
        ("Version", Value::string(env!("CARGO_PKG_VERSION"))),
        ("SubscriptionId", Value::string(&installation.subscription_id)),
        ("ResourceGroup", Value::string(installation.resource_group.name())),
        ("ResourceId", Value::string(installation.workspace.as_str())),
    ];
    append(&house, &installation.customer_id, "Heartbeat", vec![row], None).await
}
