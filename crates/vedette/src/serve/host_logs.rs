//! This machine's own logs as the first data source: the journal, else the syslog files that may be read. Rows go to
//! Syslog; how far the reader got is kept, so that a restart goes on where it stopped.

mod files;
mod journal;

use std::sync::Arc;
use std::time::Duration;

use collect::Part;
use model::{AppendRequest, Tables, TablesError};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::House;

/// How often files are looked at, and how long entries of the journal are gathered.
const EVERY: Duration = Duration::from_millis(500);
/// Wait after a failure, such as a full disk.
const PAUSE: Duration = Duration::from_secs(5);

/// Starts reading in the background; none when there is nothing this process may read.
pub(super) fn start(house: &Arc<House>, stopped: watch::Receiver<bool>) -> Option<JoinHandle<()>> {
    let house = Arc::clone(house);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let reader = Reader { house, host, stopped, handle: Handle::current() };
    if journal::is_readable() {
        tracing::info!("reading this machine's journal into Syslog");
        return Some(tokio::task::spawn_blocking(move || journal::follow(&reader)));
    }
    let readable = files::readable();
    if readable.is_empty() {
        tracing::info!(
            "this machine's logs are not read: no journal and no syslog file that may be read"
        );
        return None;
    }
    tracing::info!(?readable, "reading this machine's log files into Syslog");
    Some(tokio::task::spawn_blocking(move || files::follow(&reader, &readable)))
}

/// What both kinds of sources work with.
struct Reader {
    house: Arc<House>,
    host: String,
    stopped: watch::Receiver<bool>,
    handle: Handle,
}

impl Reader {
    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Stores rows, again and again until it works or the server ends; true when they are stored.
    fn store(&self, parts: &[Part]) -> bool {
        for part in parts {
            while let Err(error) = self.handle.block_on(self.append(part)) {
                tracing::warn!(%error, "this machine's logs cannot be stored and are tried again");
                if !self.pause(PAUSE) {
                    return false;
                }
            }
        }
        true
    }

    async fn append(&self, part: &Part) -> Result<(), TablesError> {
        for batch in part.rows.batches.iter().filter(|b| b.rows > 0) {
            let request = AppendRequest {
                workspace: self.house.installation.customer_id.as_str().into(),
                table: part.table.as_str().into(),
                schema: Arc::clone(&part.rows.schema),
                batch: batch.clone(),
                batch_id: None,
                received: self.house.clock.now(),
            };
            self.house.logs.append(request).await?;
        }
        Ok(())
    }

    /// Waits; false when the server ends meanwhile.
    fn pause(&self, time: Duration) -> bool {
        let mut left = time;
        while !left.is_zero() && !self.is_stopped() {
            let step = left.min(EVERY);
            std::thread::sleep(step);
            left -= step;
        }
        !self.is_stopped()
    }

    /// Where the last run stopped.
    fn position(&self) -> Value {
        let text = std::fs::read_to_string(self.house.data.host_logs()).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn keep_position(&self, position: &Value) {
        if let Err(error) =
            crypto::write_private(&self.house.data.host_logs(), position.to_string().as_bytes())
        {
            tracing::warn!(%error, "the place in this machine's logs cannot be kept; rows may come twice after a restart");
        }
    }
}
