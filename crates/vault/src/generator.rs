//! Where slow keys are made: threads of their own, at a low priority, few at a time, so that those who wait for
//! answers do not notice.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};

use crate::VaultError;

/// Jobs that may wait.
const WAITING_MAX: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// Makes keys in the background.
pub struct Generator {
    jobs: SyncSender<Job>,
}

impl Generator {
    /// Starts the threads: half the processors, at least one.
    pub fn start() -> Self {
        let (jobs, waiting) = sync_channel::<Job>(WAITING_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        let threads = std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).max(1));
        for at in 0..threads {
            let waiting = Arc::clone(&waiting);
            let run = move || {
                lower_priority();
                loop {
                    let job = match waiting.lock() {
                        Ok(jobs) => jobs.recv(),
                        Err(_) => return,
                    };
                    match job {
                        Ok(job) => job(),
                        Err(_) => return, // the house is gone
                    }
                }
            };
            if let Err(error) = std::thread::Builder::new().name(format!("keys-{at}")).spawn(run) {
                tracing::error!(%error, "no thread for making keys could be started");
            }
        }
        Self { jobs }
    }

    /// Runs a job there and waits for it: call it where blocking is allowed. Refused when too many wait.
    pub fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, VaultError> {
        let (sender, done) = sync_channel(1);
        let job = Box::new(move || drop(sender.send(job())));
        match self.jobs.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(VaultError::new(
                    429,
                    "Throttled",
                    "Too many keys are being made; try again in a few seconds.",
                ));
            }
            Err(TrySendError::Disconnected(_)) => return Err(failed()),
        }
        done.recv().map_err(|_| failed())
    }
}

fn failed() -> VaultError {
    VaultError::new(500, "InternalServerError", "The key could not be made; try again.")
}

/// This thread steps back behind those that answer, and is not starved by them.
fn lower_priority() {
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!(%error, "keys are made at usual priority");
    }
}
