#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use std::sync::Arc;

use model::DateTime;
use parking_lot::Mutex;

use super::*;

/// A disk in memory that may refuse.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<[Vec<u8>; 2]>>, Arc<Mutex<Faults>>);

#[derive(Clone, Copy, Default)]
struct Faults {
    /// No file grows.
    full: bool,
    /// No flush succeeds.
    broken: bool,
}

struct Side(Disk, usize);

impl Pages for Side {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.0.0.lock()[self.1].clone())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut files, faults) = (self.0.0.lock(), *self.0.1.lock());
        let (file, at) = (&mut files[self.1], at as usize);
        if file.len() < at + bytes.len() {
            if faults.full {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            file.resize(at + bytes.len(), 0);
        }
        file[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<Flush> {
        let faults = Arc::clone(&self.0.1);
        Ok(Box::new(
            move || {
                if faults.lock().broken { Err(io::Error::other("broken")) } else { Ok(()) }
            },
        ))
    }
}

impl Disk {
    fn open(&self) -> (Journal, Recovered) {
        let sides = [0, 1].map(|at| -> Box<dyn Pages> { Box::new(Side(self.clone(), at)) });
        Journal::open(sides).unwrap()
    }

    fn spoil(&self, file: usize, at: usize, bytes: &[u8]) {
        self.0.lock()[file][at..at + bytes.len()].copy_from_slice(bytes);
    }
}

fn record(at: u64) -> AuditRecord {
    AuditRecord {
        time: DateTime::from_ticks(at as i64),
        resource: "/vaults/V".into(),
        operation: "SecretGet".into(),
        status: 200,
        description: "ö".repeat(at as usize % 5),
        duration_ms: at,
        source: "::1".into(),
        correlation_id: format!("call {at}"),
        object_id: "oid".into(),
        app_id: "app".into(),
        uri: "u".repeat(300),
        id: String::new(),
        agent: "test".into(),
        api_version: "7.4".into(),
        user_name: "ann@example.com".into(),
    }
}

/// A journal with its chain.
struct Hand {
    journal: Journal,
    chain: Chain,
    stored: u64,
}

impl Hand {
    fn new(disk: &Disk) -> (Self, Recovered) {
        let (journal, recovered) = disk.open();
        let chain = journal.chain().cloned().unwrap_or_else(Chain::beginning);
        (Self { journal, chain, stored: recovered.stored }, recovered)
    }

    fn write(&mut self, rows: &[(u64, u64)], changes: &[u64]) -> Result<(), Refused> {
        let mut after = self.chain.clone();
        let row = |(at, ends): &(u64, u64)| {
            let record = record(*at);
            Row { link: after.extend(&record, None), record, ends: *ends }
        };
        let group = Group {
            rows: rows.iter().map(row).collect(),
            changes: changes.iter().map(|id| (*id, record(*id))).collect(),
        };
        self.journal.write(&group, &self.chain, &after, self.stored)?;
        self.chain = after;
        Ok(())
    }
}

fn calls(recovered: &Recovered) -> Vec<(u64, String)> {
    let rows = recovered.rows.iter();
    rows.map(|(record, link)| (link.sequence, record.correlation_id.clone())).collect()
}

fn expected(calls: std::ops::RangeInclusive<u64>) -> Vec<(u64, String)> {
    calls.map(|at| (at, format!("call {at}"))).collect()
}

#[test]
fn what_was_written_is_read_back() {
    let disk = Disk::default();
    let (mut hand, found) = Hand::new(&disk);
    assert!(found.rows.is_empty() && hand.journal.chain().is_none());
    hand.write(&[(1, 0), (2, 0)], &[1, 2]).unwrap();
    hand.write(&[(3, 2)], &[]).unwrap();
    let (again, found) = Hand::new(&disk);
    assert_eq!((calls(&found), found.damage.len()), (expected(1..=3), 0));
    assert_eq!(found.rows[1].0, record(2));
    assert_eq!(again.chain, hand.chain);
    let open: Vec<_> = again.journal.open_changes().iter().collect();
    assert_eq!(open, [(&1, &record(1))]);
    let mut journal = again.journal;
    assert!(journal.new_change() > 2, "numbers are not used twice");
    hand.stored = 2;
    hand.write(&[(4, 0)], &[]).unwrap();
    assert_eq!(calls(&Hand::new(&disk).1), expected(3..=4));
}

#[test]
fn files_take_turns_and_wait_for_the_tables() {
    let disk = Disk::default();
    let (mut hand, _) = Hand::new(&disk);
    let (mut at, mut waits) = (0, 0);
    hand.write(&[], &[77]).unwrap();
    while at < 40_000 {
        let rows: Vec<(u64, u64)> = (at + 1..=at + 100).map(|at| (at, 0)).collect();
        match hand.write(&rows, &[]) {
            Ok(()) => at += 100,
            Err(Refused::NotYet) => {
                waits += 1;
                hand.stored = at;
            }
            Err(Refused::Disk(error)) => panic!("{error}"),
        }
        if at % 5_000 == 0 {
            let (again, found) = Hand::new(&disk);
            assert_eq!((again.chain, found.damage.len()), (hand.chain.clone(), 0));
            let rows = calls(&found);
            assert_eq!(rows, expected(rows.first().map_or(1, |(first, _)| *first)..=at));
            assert!(rows.is_empty() || rows[0].0 <= hand.stored.max(found.stored) + 1);
            assert!(again.journal.open_changes().contains_key(&77), "carried over");
        }
    }
    assert!(waits > 1);
    for file in disk.0.lock().iter() {
        assert!(file.len() as u64 <= FILE_BYTES + STEP);
    }
}

#[test]
fn a_torn_end_is_nothing_and_a_hole_is_damage() {
    let disk = Disk::default();
    let (mut hand, _) = Hand::new(&disk);
    let mut ends = Vec::new();
    for at in 1..=3 {
        hand.write(&[(at, 0)], &[]).unwrap();
        ends.push(hand.journal.position as usize);
    }
    let whole = disk.0.lock().clone();
    for cut in [ends[2] - 1, ends[2] - 200, ends[1] + 1] {
        disk.spoil(0, cut, &vec![0; ends[2] - cut]);
        let (mut again, found) = Hand::new(&disk);
        assert_eq!((calls(&found), found.damage.len()), (expected(1..=2), 0), "{cut}");
        again.write(&[(9, 0)], &[]).unwrap();
        assert_eq!(calls(&Hand::new(&disk).1)[2], (3, "call 9".into()));
        *disk.0.lock() = whole.clone();
    }
    disk.spoil(0, ends[0] + 60, &[0xff]);
    let (again, found) = Hand::new(&disk);
    let rows = [(1, "call 1".to_owned()), (3, "call 3".to_owned())];
    assert_eq!((calls(&found), found.damage.len()), (rows.to_vec(), 1));
    assert_eq!(again.chain, hand.chain);
}

#[test]
fn the_end_of_a_change_finds_room_on_a_full_disk() {
    let disk = Disk::default();
    let (mut hand, _) = Hand::new(&disk);
    hand.write(&[], &[1, 2]).unwrap();
    disk.1.lock().full = true;
    let mut at = 0;
    let refused = loop {
        match hand.write(&[(at + 1, 0)], &[]) {
            Ok(()) => at += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, Refused::Disk(_)) && at > 0, "{refused:?}");
    assert!(hand.write(&[], &[3]).is_err());
    hand.write(&[(at + 1, 1), (at + 2, 2)], &[]).unwrap();
    let (again, found) = Hand::new(&disk);
    assert_eq!(calls(&found), expected(1..=at + 2));
    assert!(again.journal.open_changes().is_empty());
}

#[test]
fn a_file_that_cannot_be_flushed_is_left() {
    let disk = Disk::default();
    let (mut hand, _) = Hand::new(&disk);
    hand.write(&[(1, 0)], &[7]).unwrap();
    let flush = |hand: &mut Hand| {
        let flushes = hand.journal.flushes().unwrap();
        (flushes.len(), flushes.into_iter().try_for_each(|flush| flush()).is_ok())
    };
    assert_eq!(flush(&mut hand), (1, true));
    assert_eq!(flush(&mut hand), (0, true), "nothing is flushed twice");
    let durable = disk.0.lock().clone();
    hand.write(&[(2, 0), (3, 0)], &[]).unwrap();
    disk.1.lock().broken = true;
    assert_eq!(flush(&mut hand), (1, false));
    disk.1.lock().broken = false;
    hand.journal.leave_file();
    assert!(hand.journal.flushes().is_err(), "what was lost is not durable now");
    hand.write(&[(4, 0)], &[]).unwrap();
    assert_eq!(flush(&mut hand), (1, true));
    assert_eq!((calls(&Hand::new(&disk).1), Hand::new(&disk).1.damage.len()), (expected(1..=4), 0));
    // the disk never got what it did not flush: the rows behind it stand, and the gap is told
    disk.0.lock()[0] = durable[0].clone();
    let (again, found) = Hand::new(&disk);
    assert_eq!(calls(&found), [(1, "call 1".into()), (4, "call 4".into())]);
    assert_eq!(found.damage, ["rows 2 to 3 are missing between its files"]);
    assert_eq!(again.chain, hand.chain);
    assert!(again.journal.open_changes().contains_key(&7), "carried over");
}

#[test]
fn rubbish_is_read_without_harm() {
    let disk = Disk::default();
    let (mut hand, _) = Hand::new(&disk);
    hand.write(&[(1, 0)], &[5]).unwrap();
    let whole = disk.0.lock().clone();
    let end = hand.journal.position as usize;
    for at in (0..end).step_by(37) {
        for byte in [0x7f, 0xff] {
            disk.spoil(0, at, &[byte]);
            let (_, found) = Hand::new(&disk);
            assert!(found.rows.len() <= 1, "{at}");
            *disk.0.lock() = whole.clone();
        }
    }
    disk.0.lock()[0].truncate(end / 2);
    Hand::new(&disk);
    // a newer format is left alone
    let mut frame = FrameWriter::begin(Vec::new());
    frame.file_head(&FileHead { generation: 9, sequence: 0, digest: [0; 32], open: Vec::new() });
    let mut bytes = frame.end(0, 0);
    bytes[12] = 3;
    let crc = {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&[0; 16]);
        hasher.update(&bytes[12..]);
        hasher.finalize()
    };
    bytes[8..12].copy_from_slice(&crc.to_le_bytes());
    disk.0.lock()[0] = bytes;
    let sides = [0, 1].map(|at| -> Box<dyn Pages> { Box::new(Side(disk.clone(), at)) });
    assert!(Journal::open(sides).err().unwrap().to_string().contains("newer version"));
}

#[test]
fn records_of_format_1_are_read() {
    use crate::audit::frame::{
        Entry, FrameWriter, GroupHead, frame_at, read_file_head, read_group,
    };
    let record = AuditRecord { user_name: "".into(), ..record(7) };
    let payload = |fill: &dyn Fn(&mut FrameWriter)| {
        let mut frame = FrameWriter::begin(Vec::new());
        fill(&mut frame);
        let bytes = frame.end(1, 0);
        let (payload, _) = frame_at(&bytes, 0, 1).unwrap();
        payload[..payload.len() - 4].to_vec() // the last text, which was not there: a length of 0
    };
    // where the kind of the first entry stands
    const KIND: usize = 8 + 8 + 32;
    let mut row = payload(&|frame| {
        frame.group_head(&GroupHead::default());
        frame.row(3, &[1; 32], Some(&[2; 32]), &record);
    });
    row[KIND] = 1;
    let wanted =
        Entry::Row { ends: 3, digest: [1; 32], proof: Some([2; 32]), record: record.clone() };
    assert_eq!(read_group(&row).unwrap().1, [wanted]);
    let mut change = payload(&|frame| {
        frame.group_head(&GroupHead::default());
        frame.change(5, &record);
    });
    change[KIND] = 2;
    assert_eq!(read_group(&change).unwrap().1, [Entry::Change { id: 5, record: record.clone() }]);
    let head = FileHead { generation: 4, sequence: 2, digest: [3; 32], open: vec![(5, record)] };
    let mut first = payload(&|frame| frame.file_head(&head));
    first[..2].copy_from_slice(&1_u16.to_le_bytes());
    assert_eq!(read_file_head(&first).unwrap().unwrap(), head);
    for newer in [0_u16, 3] {
        first[..2].copy_from_slice(&newer.to_le_bytes());
        assert_eq!(read_file_head(&first).unwrap().unwrap_err(), newer);
    }
}
