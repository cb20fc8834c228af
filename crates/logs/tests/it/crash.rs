//! Killed at random moments under four writers: nothing acknowledged is lost, nothing is doubled.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use model::{Clock, SystemClock};
use rand::Rng;

use crate::support::*;

const WRITERS: usize = 4;
const FOLDER: &str = "VEDETTE_LOGS_CRASH_FOLDER";
const STARTS: &str = "VEDETTE_LOGS_CRASH_STARTS";

fn batch_rows(batch: i64) -> usize {
    [1, 3, 40, 200][batch as usize % 4]
}

/// Not a test of its own: the process that is killed. Each writer goes on where the last one was acknowledged, so that
/// the batch under way when the process died comes again under its old id.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let starts: Vec<i64> =
        std::env::var(STARTS).unwrap().split(',').map(|s| s.parse().unwrap()).collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        let store = open_busy(Path::new(&folder));
        println!("ready");
        let mut tasks = Vec::new();
        for (writer, start) in starts.into_iter().enumerate() {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let table = if writer == 3 { "Other" } else { "Events" };
                for batch in start.. {
                    let name = format!("w{writer}");
                    let rows = rows(&name, batch * 1000, batch_rows(batch));
                    let id = format!("{name}-{batch}");
                    append(&store, table, rows, SystemClock.now(), Some(&id)).await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "ack {writer} {batch}").unwrap();
                    out.flush().unwrap();
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Runs the child for a while and kills it; gives what it acknowledged.
fn round(folder: &Path, acknowledged: &mut [i64; WRITERS], alive: Duration) {
    let starts: Vec<String> = acknowledged.iter().map(|a| (a + 1).to_string()).collect();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture"])
        .env(FOLDER, folder)
        .env(STARTS, starts.join(","))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let (ready, waiting) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["ready"] => ready.send(()).unwrap(),
                ["ack", writer, batch] => acknowledged
                    .push((writer.parse::<usize>().unwrap(), batch.parse::<i64>().unwrap())),
                _ => {}
            }
        }
        acknowledged
    });
    waiting.recv_timeout(Duration::from_secs(60)).expect("the store opens");
    std::thread::sleep(alive);
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    for (writer, batch) in reader.join().unwrap() {
        acknowledged[writer] = batch.max(acknowledged[writer]);
    }
}

/// Every acknowledged batch is there with all its rows, each once; what was not acknowledged is there whole or not
/// at all.
fn check(folder: &Path, acknowledged: &[i64; WRITERS]) -> Duration {
    let started = Instant::now();
    let store = open_busy(folder);
    let opened = started.elapsed();
    let mut found: HashMap<(String, i64), Vec<i64>> = HashMap::new();
    for table in ["Events", "Other"] {
        for row in read(&store, table, &Ask::columns(&["Writer", "Number"])).unwrap() {
            let number = long(&row[1]);
            found.entry((text(&row[0]), number / 1000)).or_default().push(number % 1000);
        }
    }
    for (writer, last) in acknowledged.iter().enumerate() {
        for batch in 0..=*last {
            assert!(
                found.contains_key(&(format!("w{writer}"), batch)),
                "w{writer} {batch} is lost"
            );
        }
    }
    for ((writer, batch), mut rows) in found {
        rows.sort_unstable();
        let want: Vec<i64> = (0..batch_rows(batch) as i64).collect();
        assert_eq!(rows, want, "{writer} {batch}");
    }
    store.shutdown();
    opened
}

#[test]
fn killed_at_random_moments() {
    if std::env::var(FOLDER).is_ok() {
        return;
    }
    let rounds = std::env::var("VEDETTE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = [-1; WRITERS];
    let mut slowest = Duration::ZERO;
    for _ in 0..rounds {
        let alive = Duration::from_millis(rand::rng().random_range(0..400));
        round(folder.path(), &mut acknowledged, alive);
        slowest = check(folder.path(), &acknowledged).max(slowest);
    }
    assert!(acknowledged.iter().all(|a| *a > 10), "{acknowledged:?}");
    println!("{rounds} kills, acknowledged {acknowledged:?}, slowest start {slowest:?}");
}
