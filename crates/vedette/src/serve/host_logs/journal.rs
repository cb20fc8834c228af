//! The systemd journal, through `journalctl --follow`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};

use collect::{Part, Received, journal};
use serde_json::{Value, json};

use super::{EVERY, PAUSE, Reader};
use crate::cli::PIN_VARIABLE;

/// Entries of the past that a first start takes in.
const FIRST_ENTRIES: &str = "--lines=2000";
/// Most entries stored at once.
const BATCH: usize = 2000;

/// True where the journal has entries that this process may read.
pub(super) fn is_readable() -> bool {
    let probe = Command::new("journalctl")
        .args(["--lines=1", "--output=json", "--no-pager", "--quiet"])
        .env_remove(PIN_VARIABLE)
        .output();
    probe.is_ok_and(|out| out.status.success() && out.stdout.starts_with(b"{"))
}

/// Follows the journal until the server ends.
pub(super) fn follow(reader: &Reader) {
    while !reader.is_stopped() {
        if let Err(error) = follow_once(reader) {
            tracing::warn!(%error, "the journal cannot be followed and is tried again");
        }
        if !reader.pause(PAUSE) {
            return;
        }
    }
}

fn follow_once(reader: &Reader) -> std::io::Result<()> {
    let cursor = reader.position().get("cursor").and_then(Value::as_str).map(str::to_owned);
    let begin = cursor.map_or_else(|| FIRST_ENTRIES.to_owned(), |c| format!("--after-cursor={c}"));
    let mut child = Command::new("journalctl")
        .args(["--follow", "--output=json", "--no-pager", "--quiet", &begin])
        .env_remove(PIN_VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let result = drain(reader, &mut child);
    let _ = child.kill(); // it may have ended by itself
    let _ = child.wait();
    result
}

fn drain(reader: &Reader, child: &mut Child) -> std::io::Result<()> {
    let Some(output) = child.stdout.take() else { return Ok(()) };
    let (sender, lines) = sync_channel::<String>(BATCH);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    while !reader.is_stopped() {
        let batch = match gathered(&lines) {
            Some(batch) if batch.is_empty() => continue,
            Some(batch) => batch,
            None => return Ok(()),
        };
        let received = Received {
            collector: Some(&reader.host),
            event_time: true,
            ..Received::at(reader.house.clock.now())
        };
        let rows = journal::read(&batch.join("\n"), &received).rows;
        if !reader.store(&[Part { table: "Syslog".to_owned(), rows }]) {
            return Ok(());
        }
        if let Some(cursor) = batch.iter().rev().find_map(|line| journal::cursor(line)) {
            reader.keep_position(&json!({ "cursor": cursor }));
        }
    }
    Ok(())
}

/// Lines that came within a moment; none when there will be no more.
fn gathered(lines: &Receiver<String>) -> Option<Vec<String>> {
    let mut batch = match lines.recv_timeout(EVERY) {
        Ok(line) => vec![line],
        Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
        Err(RecvTimeoutError::Disconnected) => return None,
    };
    while batch.len() < BATCH {
        match lines.recv_timeout(EVERY / 5) {
            Ok(line) => batch.push(line),
            Err(_) => break,
        }
    }
    Some(batch)
}
