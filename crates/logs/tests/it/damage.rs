//! Files are torn, cut and damaged: what was acknowledged before a tear is there, damage is noticed and named, other
//! tables go on.

use std::path::Path;

use model::{QueryError, QueryRequest, Tables};

use crate::support::*;

async fn fill(house: &House) {
    for i in 0..10 {
        append(house.store(), "Events", rows("w", i * 50, 50), noon(), None).await.unwrap();
        append(house.store(), "Other", rows("w", i * 50, 50), noon(), None).await.unwrap();
    }
}

fn all() -> Vec<i64> {
    (0..500).collect()
}

#[tokio::test]
async fn a_torn_log_keeps_what_came_before() {
    let mut house = House::new();
    for i in 0..20 {
        append(house.store(), "Events", rows("w", i, 1), noon(), None).await.unwrap();
    }
    house.close();
    let [log] = &house.files(".wal")[..] else { panic!("one log file") };
    let original = std::fs::read(log).unwrap();
    let mut last = 20;
    for cut in (0..original.len()).rev().step_by(37) {
        std::fs::write(log, &original[..cut]).unwrap();
        house.open().unwrap();
        let found = numbers(house.store(), "Events");
        assert_eq!(found, (0..found.len() as i64).collect::<Vec<_>>());
        assert!(found.len() <= last && found.len() + 1 >= last.min(found.len() + 1));
        last = found.len();
        assert!(house.store().damage().is_empty());
        house.close();
    }
    assert_eq!(last, 0);
    for garbage in [vec![0; 5000], vec![0xff; 300], b"VWR1VWR1".to_vec()] {
        let mut torn = original.clone();
        torn.extend(garbage);
        std::fs::write(log, torn).unwrap();
        house.open().unwrap();
        assert_eq!(numbers(house.store(), "Events").len(), 20);
        append(house.store(), "Events", rows("w", 20, 1), noon(), None).await.unwrap();
        house.open().unwrap();
        assert_eq!(numbers(house.store(), "Events").len(), 21, "goes on behind the tear");
        house.close();
        for file in house.files(".wal") {
            std::fs::remove_file(file).unwrap();
        }
    }
}

/// Right rows, or an error that names the file; and never both tables.
fn check(house: &House, file: &Path) -> (usize, usize) {
    let mut outcome = [0, 0];
    for table in ["Events", "Other"] {
        match read(house.store(), table, &Ask::columns(&["Number", "Message", "Properties"])) {
            Ok(rows) => {
                let mut found: Vec<i64> = rows.iter().map(|r| long(&r[0])).collect();
                found.sort_unstable();
                assert_eq!(found, all(), "{table}");
                for row in rows {
                    assert!(text(&row[1]).starts_with(&format!("message {} of w", long(&row[0]))));
                }
                outcome[0] += 1;
            }
            Err(error) => {
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                assert!(error.to_string().contains(&name), "{error} does not name {name}");
                outcome[1] += 1;
            }
        }
    }
    (outcome[0], outcome[1])
}

#[tokio::test]
async fn flipped_bits_in_the_log_are_noticed() {
    let mut house = House::new();
    fill(&house).await;
    house.close();
    let [log] = &house.files(".wal")[..] else { panic!("one log file") };
    let log = log.clone();
    let original = std::fs::read(&log).unwrap();
    let (mut right, mut damaged) = (0, 0);
    for i in 0..100 {
        let mut house = House::new(); // a fresh catalogue: damage is remembered
        house.close();
        let copy = house.folder.path().join("wal").join(log.file_name().unwrap());
        let mut bytes = original.clone();
        let at = i * bytes.len() / 100 + i % 7;
        bytes[at] ^= 1 << (i % 8);
        std::fs::write(&copy, bytes).unwrap();
        house.open().unwrap();
        let (r, d) = check(&house, &copy);
        assert!(d <= 1, "one record, one table");
        right += usize::from(r == 2);
        damaged += d;
    }
    assert_eq!(right + damaged, 100);
    assert!(damaged > 60, "{damaged}");
}

#[tokio::test]
async fn flipped_bits_in_segments_are_noticed() {
    let mut house = House::new();
    fill(&house).await;
    house.store().flush().unwrap();
    house.close();
    let (mut right, mut damaged) = (0, 0);
    for ending in [".parquet", ".index"] {
        let file = house.files(ending)[0].clone();
        let original = std::fs::read(&file).unwrap();
        for i in 0..50 {
            let mut bytes = original.clone();
            let at = i * bytes.len() / 50 + i % 5;
            bytes[at] ^= 1 << (i % 8);
            std::fs::write(&file, bytes).unwrap();
            house.open().unwrap();
            let (r, d) = check(&house, &file);
            assert!(d <= 1 && (ending == ".parquet" || d == 0));
            right += usize::from(r == 2);
            damaged += d;
            house.close();
        }
        std::fs::write(&file, &original[..original.len() / 2]).unwrap();
        house.open().unwrap();
        check(&house, &file);
        house.close();
        std::fs::write(&file, &original).unwrap();
    }
    assert_eq!(right + damaged, 100);
    assert!(damaged >= 25, "{damaged}");
    house.open().unwrap();
    assert_eq!(check(&house, Path::new("none")), (2, 0));
}

#[tokio::test]
async fn missing_log_files_and_ends_are_noticed() {
    for (case, cut) in ["removed", "cut"].iter().zip([false, true]) {
        let mut house = House::new();
        house.limits.wal_file_bytes = 8000;
        house.open().unwrap();
        fill(&house).await;
        house.close();
        let logs = house.files(".wal");
        assert!(logs.len() > 3);
        match cut {
            false => std::fs::remove_file(&logs[1]).unwrap(),
            true => {
                let bytes = std::fs::read(&logs[1]).unwrap();
                std::fs::write(&logs[1], &bytes[..bytes.len() / 2]).unwrap();
            }
        }
        house.open().unwrap();
        let damage = house.store().damage();
        assert!(!damage.is_empty(), "{case}");
        let error = read(house.store(), "Events", &Ask::columns(&["Number"])).unwrap_err();
        assert!(error.to_string().contains(".wal"), "{error}");
    }
}

#[tokio::test]
async fn accepted_losses_do_not_come_back() {
    let mut house = House::new();
    fill(&house).await;
    house.close();
    let [log] = &house.files(".wal")[..] else { panic!("one log file") };
    let mut bytes = std::fs::read(log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40].fill(0xaa);
    std::fs::write(log, bytes).unwrap();
    house.open().unwrap();
    let damage = house.store().damage();
    assert_eq!(damage.len(), 1);
    let (_, table) = damage[0].table.split_once('/').unwrap();
    let query = QueryRequest::new(WORKSPACE, format!("{table} | count"), noon());
    let error = house.store().query(query).await.unwrap_err();
    assert!(matches!(error, QueryError::Storage(_)), "{error}");

    // The loss is remembered even when the log has moved on.
    append(house.store(), table, rows("w", 1000, 5), noon(), None).await.unwrap();
    house.store().flush().unwrap();
    house.open().unwrap();
    assert!(read(house.store(), table, &Ask::columns(&["Number"])).is_err());

    house.store().accept_damage(WORKSPACE, table).unwrap();
    for _ in 0..2 {
        assert_eq!(numbers(house.store(), table).len(), 455);
        house.open().unwrap();
    }
}

#[tokio::test]
async fn a_newer_format_is_refused_by_name() {
    let mut house = House::new();
    fill(&house).await;
    house.close();
    let [log] = &house.files(".wal")[..] else { panic!("one log file") };
    let mut bytes = std::fs::read(log).unwrap();
    bytes[12] = 9; // the format, behind magic, checksum and length
    let length = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
    let crc = crc32fast::hash(&bytes[8..12 + length]);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(log, bytes).unwrap();
    let error = house.open().unwrap_err().to_string();
    assert!(error.contains("format 9") && error.contains(".wal"), "{error}");
}
