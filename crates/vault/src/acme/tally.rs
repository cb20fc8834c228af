//! How much may be ordered and left unfinished: anybody may order, and each name of an order is a document. Counted in
//! memory since the start: names in open orders of an account, of a place and of all, and names that a place ordered
//! lately, whatever came of them.

use std::collections::HashMap;
use std::net::IpAddr;

use pki::acme::Problem;

use super::limit::network_of;

/// Names in the open orders of one account.
pub(super) const ACCOUNT_NAMES_MAX: usize = 500;
/// Names in the open orders that came from one place.
const PLACE_NAMES_MAX: usize = 2_000;
/// Names in all open orders.
const NAMES_MAX: usize = 50_000;
/// Names that one place orders within [`SPAN`].
const PLACE_ORDERED_MAX: usize = 3_000;
/// Seconds over which they are counted.
const SPAN: i64 = 3 * 60 * 60;
/// When somebody with too many open orders may try again, in seconds.
const WAIT: i64 = 10 * 60;
/// Orders that ended by themselves are looked for at most so often, in seconds.
const SWEEP_EVERY: i64 = 60;

/// An order that may still be finished.
struct Open {
    account: String,
    place: IpAddr,
    names: usize,
    expires: i64,
}

/// What a place ordered lately.
struct Lately {
    since: i64,
    names: usize,
}

/// Open orders.
#[derive(Default)]
pub(super) struct Tally {
    open: HashMap<String, Open>,
    of_account: HashMap<String, usize>,
    of_place: HashMap<IpAddr, usize>,
    lately: HashMap<IpAddr, Lately>,
    names: usize,
    swept: i64,
}

impl Tally {
    /// Counts an order, or refuses it.
    pub(super) fn admit(
        &mut self,
        order: (&str, i64),
        account: &str,
        source: IpAddr,
        names: usize,
        now: i64,
    ) -> Result<(), Problem> {
        let source = network_of(source);
        if (0..SWEEP_EVERY).contains(&(now - self.swept)) {
            self.check(account, source, names, now)?;
        } else if let Err(refused) = self.check(account, source, names, now) {
            self.sweep(now);
            self.check(account, source, names, now).map_err(|_| refused)?;
        }
        *self.of_account.entry(account.to_owned()).or_default() += names;
        *self.of_place.entry(source).or_default() += names;
        self.lately.entry(source).or_insert(Lately { since: now, names: 0 }).names += names;
        self.names += names;
        let open = Open { account: account.to_owned(), place: source, names, expires: order.1 };
        self.open.insert(order.0.to_owned(), open);
        Ok(())
    }

    fn check(
        &mut self,
        account: &str,
        source: IpAddr,
        names: usize,
        now: i64,
    ) -> Result<(), Problem> {
        let open = [
            (
                self.of_account.get(account),
                ACCOUNT_NAMES_MAX,
                "the account has too many open orders",
            ),
            (self.of_place.get(&source), PLACE_NAMES_MAX, "this address has too many open orders"),
            (Some(&self.names), NAMES_MAX, "too many orders are open here"),
        ];
        for (count, most, what) in open {
            if count.copied().unwrap_or(0) + names > most {
                return Err(Problem::rate_limited(&format!("{what}: finish some"), WAIT));
            }
        }
        self.lately.retain(|at, l| *at != source || (0..SPAN).contains(&(now - l.since)));
        match self.lately.get(&source) {
            Some(l) if l.names + names > PLACE_ORDERED_MAX => Err(Problem::rate_limited(
                "this address ordered too much in the last hours",
                l.since + SPAN - now,
            )),
            _ => Ok(()),
        }
    }

    /// Nothing more comes of an order, or all that was asked.
    pub(super) fn close(&mut self, order: &str) {
        let Some(open) = self.open.remove(order) else { return };
        self.names -= open.names;
        take(&mut self.of_account, &open.account, open.names);
        take(&mut self.of_place, &open.place, open.names);
    }

    /// Lets go of what ended by itself.
    fn sweep(&mut self, now: i64) {
        self.swept = now;
        let over = self.open.iter().filter(|(_, o)| o.expires <= now);
        let over: Vec<String> = over.map(|(order, _)| order.clone()).collect();
        over.iter().for_each(|order| self.close(order));
        self.lately.retain(|_, l| (0..SPAN).contains(&(now - l.since)));
    }
}

fn take<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K, names: usize) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(names);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DAY: i64 = 24 * 60 * 60;

    fn at(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn open_orders_are_bounded_and_give_their_room_back() {
        let mut tally = Tally::default();
        for n in 0..5 {
            tally.admit((&format!("a{n}"), DAY), "ann", at(1), 100, 0).unwrap();
        }
        let refused = tally.admit(("a5", DAY), "ann", at(2), 1, 0).unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (429, Some(WAIT)));
        tally.close("a0");
        tally.close("a0");
        tally.admit(("a5", DAY), "ann", at(2), 100, 1).unwrap();
        // one place, many accounts
        for n in 0..16 {
            tally.admit((&format!("b{n}"), DAY), &format!("bob{n}"), at(1), 100, 1).unwrap();
        }
        assert!(tally.admit(("b16", DAY), "bob16", at(1), 1, 1).is_err());
        tally.admit(("c", DAY), "cid", at(3), 100, 1).unwrap();
        // what ended by itself is forgotten
        tally.admit(("b16", 2 * DAY), "bob16", at(1), 100, DAY).unwrap();
        assert_eq!((tally.open.len(), tally.names), (1, 100));
    }

    #[test]
    fn what_failed_at_once_counts_for_hours() {
        let mut tally = Tally::default();
        for n in 0..30 {
            tally.admit((&format!("{n}"), DAY), "ann", at(1), 100, n).unwrap();
            tally.close(&format!("{n}"));
        }
        let refused = tally.admit(("x", DAY), "ann", at(1), 1, 100).unwrap_err();
        assert_eq!(refused.retry_after, Some(SPAN - 100));
        tally.admit(("x", DAY), "ann", at(2), 1, 100).unwrap();
        tally.admit(("y", DAY), "ann", at(1), 100, SPAN).unwrap();
        assert!(tally.of_account.len() == 1 && tally.of_place.len() == 2);
    }
}
