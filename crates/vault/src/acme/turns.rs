//! Whose challenge is looked at next. A look waits for others, for seconds if they like: few run at a time, and neither
//! one account nor one place takes all turns. What waits is a value in a line, not a thread.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use pki::acme::{ChallengeKind, Problem};

use super::Validation;

/// Looks at a time.
const RUNNING_MAX: usize = 16;
/// Of which from one place, and of one account.
const OF_PLACE_MAX: usize = 8;
const OF_ACCOUNT_MAX: usize = 4;
/// Challenges in line, and of which from one place.
const WAITING_MAX: usize = 10_000;
const WAITING_OF_PLACE_MAX: usize = 1_000;
/// When to come again where the line is full, in seconds.
const WAIT: i64 = 60;

/// The line.
#[derive(Default)]
pub(super) struct Turns {
    waiting: VecDeque<Validation>,
    running: Vec<Validation>,
    waiting_of_place: HashMap<IpAddr, usize>,
    /// Number of the last turn of places and accounts, while somebody waits.
    turn_of_place: HashMap<IpAddr, u64>,
    turn_of_account: HashMap<String, u64>,
    turns: u64,
}

impl Turns {
    /// True where the challenge is in line or looked at.
    pub(super) fn has(&self, authorization: &str, kind: ChallengeKind) -> bool {
        let mut all = self.waiting.iter().chain(&self.running);
        all.any(|v| v.authorization == authorization && v.kind == kind)
    }

    /// Refuses where the line is full.
    pub(super) fn check(&self, place: IpAddr) -> Result<(), Problem> {
        let of_place = self.waiting_of_place.get(&place).copied().unwrap_or(0);
        if self.waiting.len() >= WAITING_MAX || of_place >= WAITING_OF_PLACE_MAX {
            return Err(Problem::rate_limited("too many challenges wait to be looked at", WAIT));
        }
        Ok(())
    }

    /// Puts a challenge into the line, once.
    pub(super) fn add(&mut self, validation: Validation) {
        if self.has(&validation.authorization, validation.kind) {
            return;
        }
        *self.waiting_of_place.entry(validation.place).or_default() += 1;
        self.waiting.push_back(validation);
    }

    /// The challenge whose turn it is: that of the place, then the account, that waits longest since its last one.
    pub(super) fn next(&mut self) -> Option<Validation> {
        if self.running.len() >= RUNNING_MAX {
            return None;
        }
        let last = |v: &Validation| {
            let of_place = self.turn_of_place.get(&v.place).copied().unwrap_or(0);
            (of_place, self.turn_of_account.get(&v.account).copied().unwrap_or(0))
        };
        let free = |v: &Validation| {
            let of_place = self.running.iter().filter(|r| r.place == v.place).count();
            let of_account = self.running.iter().filter(|r| r.account == v.account).count();
            of_place < OF_PLACE_MAX && of_account < OF_ACCOUNT_MAX
        };
        let waiting = self.waiting.iter().enumerate().filter(|(_, v)| free(v));
        let (at, _) = waiting.min_by_key(|(at, v)| (last(v), *at))?;
        let next = self.waiting.remove(at)?;
        if let Some(count) = self.waiting_of_place.get_mut(&next.place) {
            *count = count.saturating_sub(1);
        }
        self.waiting_of_place.retain(|_, count| *count > 0);
        self.turns += 1;
        if self.waiting.is_empty() {
            (self.turn_of_place, self.turn_of_account) = (HashMap::new(), HashMap::new());
        } else {
            self.turn_of_place.insert(next.place, self.turns);
            self.turn_of_account.insert(next.account.clone(), self.turns);
        }
        self.running.push(next.clone());
        Some(next)
    }

    /// A look is over.
    pub(super) fn done(&mut self, validation: &Validation) {
        self.running
            .retain(|r| r.authorization != validation.authorization || r.kind != validation.kind);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(place: u8, account: &str, n: usize) -> Validation {
        let id = format!("{place}-{account}-{n}");
        Validation::sample(IpAddr::from([192, 0, 2, place]), account, &id)
    }

    fn names(turns: &mut Turns) -> Vec<String> {
        std::iter::from_fn(|| turns.next()).map(|v| v.authorization).collect()
    }

    #[test]
    fn nobody_takes_all_turns() {
        let mut turns = Turns::default();
        for account in ["a", "b", "c"] {
            (0..100).for_each(|n| turns.add(of(1, account, n)));
        }
        let first = names(&mut turns);
        assert_eq!(first.len(), OF_PLACE_MAX);
        let of_a = first.iter().filter(|n| n.starts_with("1-a-")).count();
        assert!((1..=OF_ACCOUNT_MAX).contains(&of_a), "{first:?}");
        // somebody else comes late and goes first
        turns.add(of(2, "d", 0));
        turns.add(of(2, "d", 1));
        assert_eq!(names(&mut turns), ["2-d-0", "2-d-1"]);
        let has = |id: &str| turns.has(id, ChallengeKind::Http01);
        assert!(has("2-d-0") && has("1-a-99") && !has("2-d-2"));
        assert!(!turns.has("2-d-0", ChallengeKind::Dns01));
        turns.add(of(1, "a", 99)); // is in line
        // and all come to their end
        let mut looked = 0;
        while let Some(one) = turns.running.first().cloned() {
            turns.done(&one);
            looked += 1;
            names(&mut turns);
            assert!(turns.running.len() <= OF_PLACE_MAX + 2);
        }
        assert_eq!(looked, 302);
        assert!(turns.waiting.is_empty() && turns.turn_of_place.is_empty());
        assert!(turns.waiting_of_place.is_empty() && turns.turn_of_account.is_empty());
    }

    #[test]
    fn at_most_so_many_run_and_wait() {
        let mut turns = Turns::default();
        for place in 0..20 {
            (0..10).for_each(|n| turns.add(of(place, &format!("{place}/{n}"), n)));
        }
        let first = names(&mut turns);
        assert_eq!(first.len(), RUNNING_MAX);
        let mut places: Vec<&str> = first.iter().filter_map(|n| n.split('-').next()).collect();
        places.dedup();
        assert_eq!(places.len(), RUNNING_MAX, "one of each place");
        let place = IpAddr::from([192, 0, 2, 99]);
        (0..WAITING_OF_PLACE_MAX).for_each(|n| turns.add(of(99, "x", n)));
        assert_eq!(turns.check(place).unwrap_err().retry_after, Some(WAIT));
        turns.check(IpAddr::from([192, 0, 2, 98])).unwrap();
    }
}
