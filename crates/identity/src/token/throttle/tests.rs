use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn waits(throttle: &Throttle, app: &str, source: IpAddr, now: i64) -> Option<u64> {
    throttle.failed(app, source, now).and_then(|e| e.retry_after)
}

#[test]
fn the_delay_grows_and_stays_with_the_pair() {
    let throttle = Throttle::default();
    let told: Vec<Option<u64>> = (0..7).map(|_| waits(&throttle, "a", HERE, 100)).collect();
    assert_eq!(told, [None, None, None, None, None, Some(1), Some(1)]);
    assert_eq!(waits(&throttle, "a", HERE, 102), None, "the delay is over: counted, not refused");
    assert_eq!(waits(&throttle, "a", HERE, 103), Some(7), "and it has doubled three times");
    assert_eq!(waits(&throttle, "a", THERE, 103), None, "another source");
    assert_eq!(waits(&throttle, "b", HERE, 103), None, "another client");
    let mut now = 1000;
    for _ in 0..30 {
        now += 61;
        waits(&throttle, "a", HERE, now);
    }
    assert_eq!(waits(&throttle, "a", HERE, now), Some(60), "never more than a minute");
}

#[test]
fn success_and_time_forget() {
    let throttle = Throttle::default();
    for _ in 0..10 {
        waits(&throttle, "a", HERE, 100);
    }
    throttle.succeeded("A", HERE);
    assert_eq!(waits(&throttle, "a", HERE, 100), None);
    for _ in 0..10 {
        waits(&throttle, "a", HERE, 100);
    }
    assert_eq!(waits(&throttle, "a", HERE, 100 + FORGET_AFTER + 1), None);
}

#[test]
fn a_source_that_sprays_clients_waits_too() {
    let throttle = Throttle::default();
    let mut refused = 0;
    for client in 0..200 {
        refused += usize::from(waits(&throttle, &format!("app{client}"), HERE, 100).is_some());
    }
    assert_eq!(refused, 150);
    assert_eq!(waits(&throttle, "app0", THERE, 100), None);
}

#[test]
fn tokens_come_in_bursts_and_then_steadily() {
    let throttle = Throttle::default();
    let admitted = |now: i64| (0..1000).filter(|_| throttle.admit("a", HERE, now).is_ok()).count();
    assert_eq!(admitted(100), 200);
    assert_eq!(admitted(101), 20);
    assert_eq!(admitted(50), 0, "a clock set back gives nothing");
    assert_eq!(admitted(1000), 200);
    assert!(throttle.admit("b", HERE, 1000).is_ok());
}

#[test]
fn tables_stay_bounded() {
    let throttle = Throttle::default();
    for client in 0..(3 * ENTRIES_MAX) {
        waits(&throttle, &format!("app{client}"), HERE, i64::try_from(client).unwrap_or(0));
    }
    assert!(throttle.by_pair.lock().entries.len() <= ENTRIES_MAX);
}
