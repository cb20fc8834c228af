//! Writers wait for one another and are committed together: the first of those who wait leads, commits for as many as there
//! are, wakes each of them once, and hands the lead to the first who came meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::{Document, Op, StoreError};

/// Most jobs of one commit.
const JOBS_MAX: usize = 64;

pub(super) type Outcome = Result<Vec<Option<Document>>, StoreError>;

/// Writes that wait.
#[derive(Default)]
pub(super) struct Queue {
    jobs: VecDeque<Job>,
    /// Somebody leads.
    led: bool,
}

impl Queue {
    /// Those to be committed next.
    pub(super) fn take(&mut self) -> Vec<Job> {
        let count = self.jobs.len().min(JOBS_MAX);
        self.jobs.drain(..count).collect()
    }
}

/// Writes that stand or fall together.
pub(super) struct Job {
    ops: Vec<Op>,
    turn: Turn,
}

impl Job {
    /// What is to be written, and where to tell the outcome.
    pub(super) fn begin(self) -> (Vec<Op>, Turn) {
        (self.ops, self.turn)
    }
}

/// Tells the one who waits for a job; that it was broken off, if nothing else was told.
pub(super) struct Turn(Arc<Place>);

impl Turn {
    pub(super) fn end(&mut self, outcome: Outcome) {
        self.0.tell(State::Done(outcome));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        if matches!(*state, State::Waiting | State::Leading) {
            *state = State::Done(Err(broken_off()));
            self.0.moved.notify_one();
        }
    }
}

/// Where somebody waits.
#[derive(Default)]
struct Place {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
enum State {
    #[default]
    Waiting,
    /// He is to commit, for himself and others.
    Leading,
    Done(Outcome),
    /// He knows.
    Told,
}

impl Place {
    fn tell(&self, state: State) {
        *self.state.lock() = state;
        self.moved.notify_one();
    }
}

pub(super) fn broken_off() -> StoreError {
    StoreError::Unavailable("the write was broken off".into())
}

/// Writes with others; `lead` commits what the queue gives, this job among it.
pub(super) fn join(queue: &Mutex<Queue>, ops: Vec<Op>, lead: impl FnOnce()) -> Outcome {
    let place = Arc::new(Place::default());
    let job = Job { ops, turn: Turn(Arc::clone(&place)) };
    let is_first = {
        let mut queue = queue.lock();
        queue.jobs.push_back(job);
        !std::mem::replace(&mut queue.led, true)
    };
    if !is_first {
        let mut state = place.state.lock();
        while matches!(*state, State::Waiting) {
            place.moved.wait(&mut state);
        }
        if let State::Done(outcome) = std::mem::replace(&mut *state, State::Told) {
            return outcome;
        }
        *state = State::Leading;
    }
    let handing_over = HandOver(queue);
    lead();
    drop(handing_over);
    match std::mem::replace(&mut *place.state.lock(), State::Told) {
        State::Done(outcome) => outcome,
        _ => Err(broken_off()),
    }
}

/// Gives the lead on, also when the commit panics.
struct HandOver<'a>(&'a Mutex<Queue>);

impl Drop for HandOver<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        match queue.jobs.front() {
            Some(next) => next.turn.0.tell(State::Leading),
            None => queue.led = false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn commit_all(queue: &Mutex<Queue>) {
        let jobs = queue.lock().take();
        std::thread::sleep(std::time::Duration::from_millis(1));
        for job in jobs {
            let (ops, mut turn) = job.begin();
            turn.end(Ok(vec![None; ops.len()]));
        }
    }

    fn ops(count: usize) -> Vec<Op> {
        let op = Op::Delete {
            collection: "c".into(),
            key: "k".into(),
            condition: crate::Condition::Any,
        };
        vec![op; count]
    }

    #[test]
    fn everybody_gets_his_own_outcome() {
        let queue = Mutex::<Queue>::default();
        std::thread::scope(|scope| {
            for count in 0..100 {
                let queue = &queue;
                scope.spawn(move || {
                    for _ in 0..5 {
                        let outcome = join(queue, ops(count), || commit_all(queue)).unwrap();
                        assert_eq!(outcome.len(), count);
                    }
                });
            }
        });
        let queue = queue.into_inner();
        assert!(queue.jobs.is_empty() && !queue.led);
    }

    #[test]
    fn a_commit_that_panics_fails_its_jobs_and_the_next_one_goes_on() {
        let queue = Mutex::<Queue>::default();
        let (ended, others) = std::thread::scope(|scope| {
            let leader = scope.spawn(|| {
                join(&queue, ops(1), || {
                    while queue.lock().jobs.len() < 4 {
                        std::thread::yield_now();
                    }
                    let taken = queue.lock().jobs.drain(..2).collect::<Vec<_>>();
                    assert!(taken.is_empty(), "as if the store broke");
                })
            });
            while !queue.lock().led {
                std::thread::yield_now();
            }
            let others: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| join(&queue, ops(1), || commit_all(&queue))))
                .collect();
            (leader.join(), others.into_iter().map(|o| o.join().unwrap()).collect::<Vec<_>>())
        });
        assert!(ended.is_err());
        assert_eq!(others.iter().filter(|o| o.is_err()).count(), 1, "the one taken along");
        assert_eq!(others.iter().filter(|o| o.is_ok()).count(), 2);
        assert!(!queue.into_inner().led);
    }
}
