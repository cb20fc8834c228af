//! Writes that are applied together are handed to one thread, which commits as many as wait together, with one sync. Nobody needs a thread of
//! his own to wait for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use crate::{Document, Op, StoreError, Told};

/// Most jobs of one commit.
const JOBS_MAX: usize = 64;

pub(super) type Outcome = Result<Vec<Option<Document>>, StoreError>;

/// Writes that stand or fall together, and who hears how that went: nobody where it is let go.
pub(super) struct Job {
    pub(super) ops: Vec<Op>,
    pub(super) told: Told,
}

/// Writes that wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    /// Nothing more comes.
    closed: bool,
}

impl Queue {
    /// Hands in a job.
    pub(super) fn add(&self, job: Job) {
        let mut waiting = self.waiting.lock();
        waiting.jobs.push(job);
        if waiting.jobs.len() == 1 {
            self.arrived.notify_one();
        }
    }

    /// Waits until there is a job; false when there never will be.
    fn await_job(&self) -> bool {
        let mut waiting = self.waiting.lock();
        while waiting.jobs.is_empty() && !waiting.closed {
            self.arrived.wait(&mut waiting);
        }
        !waiting.jobs.is_empty()
    }

    /// Those to be committed next.
    pub(super) fn take(&self) -> Vec<Job> {
        let mut waiting = self.waiting.lock();
        let count = waiting.jobs.len().min(JOBS_MAX);
        let rest = waiting.jobs.split_off(count);
        std::mem::replace(&mut waiting.jobs, rest)
    }
}

/// The thread that commits. Dropped, it commits what waits and ends.
pub(super) struct Committer {
    /// What it takes jobs from.
    pub(super) queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts it. `commit` takes jobs from the queue, at least one, and carries them out; one that panics fails those it
    /// took.
    pub(super) fn start(
        queue: Arc<Queue>,
        commit: impl Fn(&Queue) + Send + 'static,
    ) -> std::io::Result<Self> {
        let own = Arc::clone(&queue);
        let work = move || {
            while own.await_job() {
                // the panic is reported where it happened; whoever waited is told by the job that is let go
                let _ = catch_unwind(AssertUnwindSafe(|| commit(&own)));
            }
        };
        let thread = std::thread::Builder::new().name("state-commit".into()).spawn(work)?;
        Ok(Self { queue, thread: Some(thread) })
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.queue.waiting.lock().closed = true;
        self.queue.arrived.notify_one();
        let own = |thread: &JoinHandle<()>| thread.thread().id() == std::thread::current().id();
        if let Some(thread) = self.thread.take().filter(|thread| !own(thread)) {
            let _ = thread.join(); // its panics are caught
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::sync::mpsc;

    use super::*;

    fn ops(count: usize) -> Vec<Op> {
        let op = Op::Delete {
            collection: "c".into(),
            key: "k".into(),
            condition: crate::Condition::Any,
        };
        vec![op; count]
    }

    fn add(queue: &Queue, count: usize) -> mpsc::Receiver<Outcome> {
        let (told, outcome) = mpsc::channel();
        let told = move |outcome| told.send(outcome).unwrap();
        queue.add(Job { ops: ops(count), told: Box::new(told) });
        outcome
    }

    /// Fails as a store that breaks where a job has 13 writes.
    fn commit(queue: &Queue) {
        let jobs = queue.take();
        assert!(!jobs.is_empty() && jobs.len() <= JOBS_MAX);
        std::thread::sleep(std::time::Duration::from_millis(1));
        for Job { ops, told } in jobs {
            assert!(ops.len() != 13, "as if the store broke");
            told(Ok(vec![None; ops.len()]));
        }
    }

    #[test]
    fn everybody_gets_his_own_outcome() {
        let queue = Arc::new(Queue::default());
        let committer = Committer::start(Arc::clone(&queue), commit).unwrap();
        std::thread::scope(|scope| {
            for count in 20..120 {
                let queue = &queue;
                scope.spawn(move || {
                    for _ in 0..5 {
                        let outcome = add(queue, count).recv().unwrap().unwrap();
                        assert_eq!(outcome.len(), count);
                    }
                });
            }
        });
        drop(committer);
        assert!(queue.take().is_empty());
    }

    #[test]
    fn a_commit_that_panics_fails_its_jobs_and_the_next_one_goes_on() {
        let queue = Arc::new(Queue::default());
        let broken = [add(&queue, 1), add(&queue, 13), add(&queue, 2)];
        let committer = Committer::start(Arc::clone(&queue), commit).unwrap();
        let heard = broken.map(|outcome| outcome.recv().is_ok());
        assert_eq!(heard, [true, false, false]);
        assert_eq!(add(&queue, 3).recv().unwrap().unwrap().len(), 3);
        drop(committer);
    }

    #[test]
    fn what_waits_is_committed_before_the_end() {
        let queue = Arc::new(Queue::default());
        let waiting: Vec<_> = (100..400).map(|count| add(&queue, count)).collect();
        drop(Committer::start(Arc::clone(&queue), commit).unwrap());
        for (count, outcome) in (100..).zip(waiting) {
            assert_eq!(outcome.try_recv().unwrap().unwrap().len(), count);
        }
    }
}
