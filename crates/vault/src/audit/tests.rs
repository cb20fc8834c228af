#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::chain::Chain;
use super::pages::SystemPages;
use super::*;
use model::{DateTime, Rows, TablesError, Value};
use state::MemoryStore;
use testkit::{CannedTables, ManualClock};

use crate::KeyFiles;

fn record(at: u32) -> AuditRecord {
    AuditRecord {
        time: DateTime::from_unix_seconds(1_800_000_000 + i64::from(at)).unwrap(),
        resource: "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/Default"
            .into(),
        operation: "SecretGet".into(),
        status: 200,
        description: String::new(),
        duration_ms: 1,
        source: "127.0.0.1".into(),
        correlation_id: format!("call {at}"),
        object_id: "oid".into(),
        app_id: "appid".into(),
        uri: "https://localhost/secrets/a".into(),
        id: String::new(),
        agent: "test".into(),
        api_version: "7.4".into(),
        user_name: "ann@example.com".into(),
    }
}

fn tables() -> Arc<CannedTables> {
    let diagnostics = "TimeGenerated:datetime, ResourceProvider:string, ResourceType:string, Category:string, ResourceId:string, _ResourceId:string, Resource:string, OperationName:string, OperationVersion:string, ResultType:string, ResultSignature:string, ResultDescription:string, DurationMs:long, CallerIPAddress:string, CorrelationId:string, identity_claim_oid_g:string, identity_claim_appid_g:string, identity_claim_upn_s:string, identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g:string, identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s:string, _SubscriptionId:string, SubscriptionId:string, ResourceGroup:string, requestUri_s:string, id_s:string, clientInfo_s:string, httpStatusCode_d:real, AdditionalFields:dynamic";
    let logs = "TimeGenerated:datetime, _ResourceId:string, _SubscriptionId:string, OperationName:string, OperationVersion:string, ResultType:string, ResultSignature:string, ResultDescription:string, DurationMs:int, CallerIpAddress:string, CorrelationId:string, Identity:dynamic, RequestUri:string, Id:string, ClientInfo:string, HttpStatusCode:int, Properties:dynamic";
    let tables = CannedTables::new().with_table("w", "AzureDiagnostics", diagnostics).with_table(
        "w",
        "AZKVAuditLogs",
        logs,
    );
    tables.answer("order by s asc", Rows::default());
    tables.answer("summarize n = count()", Rows::default());
    tables.answer("by s desc", Rows::default());
    Arc::new(tables)
}

fn start(tables: &Arc<CannedTables>, folder: &tempfile::TempDir) -> (AuditLog, Arc<dyn Store>) {
    start_over(tables, folder, Arc::new(MemoryStore::new()))
}

fn start_over(
    tables: &Arc<CannedTables>,
    folder: &tempfile::TempDir,
    store: Arc<dyn Store>,
) -> (AuditLog, Arc<dyn Store>) {
    let clock = Arc::new(ManualClock::at("2026-11-22T10:00:00Z"));
    let files = KeyFiles { own: folder.path().join("k"), credential: None, token: None };
    let keyring = Arc::new(Keyring::open(store.clone(), files, clock.now()).unwrap());
    let tables: Arc<dyn Tables> = tables.clone();
    let workspace = "w".into();
    let house = AuditHouse {
        folder: folder.path().join("audit"),
        tables,
        workspace,
        subscription: "s".into(),
        store: store.clone(),
        keyring,
        clock,
        flush_each: false,
    };
    (AuditLog::start(house), store)
}

fn sequences(tables: &CannedTables, table: &str) -> Vec<String> {
    let rows = tables.appended(table);
    let all = rows.iter().flat_map(|r| (0..r.len()).map(|i| r.get(i, "CorrelationId").unwrap()));
    all.map(|v| match v {
        Value::String(s) => s.to_string(),
        other => panic!("{other:?}"),
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_in_the_journal_before_its_writer_goes_on_and_in_both_tables_soon() {
    let (tables, folder) = (tables(), tempfile::tempdir().unwrap());
    let (log, _) = start(&tables, &folder);
    let log = Arc::new(log);
    let writers: Vec<_> = (0..50)
        .map(|at| {
            let (log, path) = (log.clone(), folder.path().join("audit"));
            tokio::spawn(async move {
                log.write(record(at)).await.unwrap();
                let mut files = SystemPages::in_folder(&path);
                let journal = files[0].read().unwrap();
                let call = format!("call {at}");
                assert!(journal.windows(call.len()).any(|w| w == call.as_bytes()), "{call}");
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    log.settle().await.unwrap();
    for table in TABLES {
        let mut all = sequences(&tables, table);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 50, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_refuse_are_made_up_for_and_calls_fail_meanwhile() {
    let (tables, folder) = (tables(), tempfile::tempdir().unwrap());
    let (log, _) = start(&tables, &folder);
    log.write(record(1)).await.unwrap();
    log.settle().await.unwrap();
    for _ in 0..4 {
        tables.refuse_next_append(TablesError::Unwritable("no space".into()));
    }
    let change = log.begin(record(2)).await.unwrap();
    log.write(record(3)).await.unwrap();
    assert!(log.settle().await.unwrap_err().contains("no space"));
    let error = log.write(record(4)).await.unwrap_err();
    assert_eq!((error.status, error.code), (503, "ServiceUnavailable"));
    assert!(log.begin(record(5)).await.is_err(), "nothing is begun");
    log.end(change, record(2)).await.unwrap(); // what was begun is finished all the same
    while log.settle().await.is_err() {}
    log.write(record(6)).await.unwrap();
    log.settle().await.unwrap();
    for table in TABLES {
        assert_eq!(sequences(&tables, table), ["call 1", "call 3", "call 2", "call 6"], "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_takes_no_files_refuses_calls_until_it_does() {
    let (tables, folder) = (tables(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("audit"), "a file in the way").unwrap();
    let (log, _) = start(&tables, &folder);
    assert_eq!(log.write(record(1)).await.unwrap_err().status, 503);
    assert!(log.begin(record(2)).await.is_err());
    std::fs::remove_file(folder.path().join("audit")).unwrap();
    log.write(record(3)).await.unwrap();
    log.settle().await.unwrap();
    assert_eq!(sequences(&tables, TABLES[0]), ["call 3"]);
}

/// A column of the rows in a table, as texts.
fn column(tables: &CannedTables, name: &str) -> Vec<String> {
    let rows = tables.appended(TABLES[0]);
    let all = rows.iter().flat_map(|r| (0..r.len()).map(|i| r.get(i, name).unwrap()));
    all.map(|v| read::plain(&v)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_left_goes_into_the_tables_at_the_next_start() {
    let (before, folder) = (tables(), tempfile::tempdir().unwrap());
    for _ in 0..1000 {
        before.refuse_next_append(TablesError::Unwritable("no space".into())); // rows stay in the journal
    }
    let (log, _) = start(&before, &folder);
    log.write(record(1)).await.unwrap();
    let lost = log.begin(record(2)).await.unwrap();
    let ended = log.begin(record(3)).await.unwrap();
    log.end(ended, record(3)).await.unwrap();
    drop(log); // the server is killed in the middle of a change, whose end never comes
    let after = tables();
    let (log, _) = start(&after, &folder);
    log.write(record(4)).await.unwrap();
    log.settle().await.unwrap();
    let calls = ["call 1", "call 3", "call 2", "call 4"];
    assert_eq!(sequences(&after, TABLES[0]), calls);
    assert_eq!(sequences(&after, TABLES[1]), calls);
    assert_eq!(column(&after, "ResultSignature"), ["OK", "OK", "Unknown", "OK"]);
    assert!(column(&after, "ResultDescription")[2].contains("may have been made"));
    let links: Vec<serde_json::Value> = column(&after, "AdditionalFields")
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    let mut chain = Chain::beginning();
    for (at, (link, call)) in links.iter().zip([1, 3, 2, 4]).enumerate() {
        if let Some(previous) = link["previous"].as_str() {
            assert_eq!(previous, chain::text_of(chain.digest.as_ref()), "row {at}");
        }
        let row = if call == 2 {
            record(2).unfinished(&column(&after, "ResultDescription")[at])
        } else {
            record(call)
        };
        let digest = chain::text_of(Some(&chain.extend(&row, None).digest));
        assert!(link["digest"].as_str().is_none_or(|told| *told == digest), "row {at}");
    }
    assert_eq!(links[0]["previous"], "");
    for told in ["digest", "proof"] {
        assert!(links[3][told].as_str().is_some_and(|text| text.len() == 64), "{told}");
    }
    log.close().await;
    drop(log);

    // an orderly end leaves nothing behind, and the chain goes on
    let later = tables();
    let (log, _) = start(&later, &folder);
    log.write(record(5)).await.unwrap();
    log.settle().await.unwrap();
    assert_eq!(sequences(&later, TABLES[0]), ["call 5"]);
    assert!(column(&later, "AdditionalFields")[0].contains("\"sequence\":5"));
    drop(lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_table_has_already_are_not_put_there_again() {
    let (before, folder) = (tables(), tempfile::tempdir().unwrap());
    for _ in 0..1000 {
        before.refuse_next_append(TablesError::Unwritable("no space".into()));
    }
    let (log, _) = start(&before, &folder);
    for at in 1..=4 {
        log.write(record(at)).await.unwrap();
    }
    let key = log.shared.house.keyring.audit_key().unwrap();
    drop(log);
    let after = tables();
    let rows = read_back(&key, &[(4, true)]);
    // a place that a row merely claims keeps nobody from it
    let mut claimed = rows[2].clone();
    claimed[8] = Value::string("nothing happened");
    after.answer("AzureDiagnostics | where", page(&[rows[0].clone(), rows[1].clone(), claimed]));
    after.answer("AZKVAuditLogs | where", page(&[rows[1].clone(), rows[2].clone()]));
    let (log, _) = start(&after, &folder);
    log.settle().await.unwrap();
    log.write(record(5)).await.unwrap();
    log.settle().await.unwrap();
    assert_eq!(sequences(&after, TABLES[0]), ["call 3", "call 4", "call 5"]);
    assert_eq!(sequences(&after, TABLES[1]), ["call 1", "call 4", "call 5"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_the_chain_goes_on_behind_rows_that_follow_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let (log, store) = start(&tables(), &folder);
    let key = log.shared.house.keyring.audit_key().unwrap();
    log.write(record(0)).await.unwrap();
    drop(log);
    std::fs::remove_dir_all(folder.path().join("audit")).unwrap();
    let mut rows = read_back(&key, &[(3, true), (1, true)]);
    rows[3][8] = Value::string("nothing happened"); // of no effect: what follows is not followed
    let after = tables();
    after.answer("AzureDiagnostics | where", page(&rows));
    let (log, _) = start_over(&after, &folder, store);
    log.write(record(9)).await.unwrap();
    log.settle().await.unwrap();
    assert!(column(&after, "AdditionalFields")[0].contains("\"sequence\":4"));
}

/// Its first file takes whatever is written, and flushes nothing.
#[cfg(target_os = "linux")]
fn folder_that_does_not_flush() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("audit")).unwrap();
    std::os::unix::fs::symlink("/dev/null", folder.path().join("audit/journal.0")).unwrap();
    folder
}

/// What `attempt` gives once it succeeds.
#[cfg(target_os = "linux")]
async fn at_last<T>(attempt: impl AsyncFn() -> Result<T, VaultError>) -> T {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        assert!(Instant::now() < until, "the other file is never tried");
        match attempt().await {
            Ok(done) => return done,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_be_flushed_refuses_calls_until_the_other_file_can() {
    let (tables, folder) = (tables(), folder_that_does_not_flush());
    let (log, _) = start(&tables, &folder);
    assert_eq!(log.begin(record(1)).await.err().unwrap().status, 503);
    assert_eq!(log.write(record(2)).await.unwrap_err().status, 503);
    at_last(async || log.write(record(3)).await).await;
    let change = log.begin(record(4)).await.unwrap();
    log.end(change, record(4)).await.unwrap();
    log.settle().await.unwrap();
    assert_eq!(sequences(&tables, TABLES[0]), ["call 1", "call 3", "call 4"]);
    assert_eq!(column(&tables, "ResultSignature"), ["Unknown", "OK", "OK"]);
    let journal = SystemPages::in_folder(&folder.path().join("audit"))[1].read().unwrap();
    assert!(journal.windows(6).any(|bytes| bytes == b"call 4"));
}

/// A log whose store is one of files.
#[cfg(target_os = "linux")]
fn start_over_sqlite(
    tables: &Arc<CannedTables>,
    folder: &tempfile::TempDir,
) -> (AuditLog, Arc<dyn Store>) {
    let store = state::SqliteStore::open(folder.path().join("state.db")).unwrap();
    start_over(tables, folder, Arc::new(store))
}

/// Changes something in the store.
#[cfg(target_os = "linux")]
async fn put(store: &Arc<dyn Store>, value: u32) -> Result<state::Document, StoreError> {
    let store = Arc::clone(store);
    let put = move || store.put("c", "k", value.into(), state::Condition::Any);
    tokio::task::spawn_blocking(put).await.unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_caller_is_gone_is_on_the_disk_before_it_is_made() {
    let (tables, folder) = (tables(), folder_that_does_not_flush());
    let (log, store) = start_over_sqlite(&tables, &folder);
    drop(log.begin_in_store(record(1)).await.unwrap());
    assert!(put(&store, 1).await.is_err());
    assert_eq!(store.get("c", "k").unwrap(), None);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_store_commits_nothing_before_the_journal_is_on_the_disk() {
    let (tables, folder) = (tables(), folder_that_does_not_flush());
    let (log, store) = start_over_sqlite(&tables, &folder);
    // the change is written, but the disk does not take it: what it consists of is refused
    let change = log.begin_in_store(record(1)).await.unwrap();
    assert!(put(&store, 1).await.is_err());
    assert_eq!(store.get("c", "k").unwrap(), None);
    log.end(change, AuditRecord { status: 503, ..record(1) }).await.unwrap();
    // the other file takes it
    let change = at_last(async || log.begin_in_store(record(2)).await).await;
    put(&store, 2).await.unwrap();
    log.end(change, record(2)).await.unwrap();
    log.settle().await.unwrap();
    assert_eq!(sequences(&tables, TABLES[0]), ["call 1", "call 2"]);
    assert_eq!(column(&tables, "httpStatusCode_d"), ["503.0", "200.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_ends_is_recorded() {
    let (tables, folder) = (tables(), tempfile::tempdir().unwrap());
    let (log, _) = start(&tables, &folder);
    drop(log.begin(record(1)).await.unwrap());
    log.write(record(2)).await.unwrap();
    log.settle().await.unwrap();
    assert_eq!(sequences(&tables, TABLES[1]), ["call 1", "call 2"]);
    assert_eq!(column(&tables, "ResultType"), ["Unknown", "Success"]);
}

#[test]
fn digests_differ_with_every_part_and_place() {
    let base = record(1).canonical();
    let mut other = record(1);
    other.status = 403;
    assert_ne!(base, other.canonical());
    assert_ne!(chain::digest(1, "", &base), chain::digest(2, "", &base));
    assert_ne!(chain::digest(1, "", &base), chain::digest(1, "x", &base));
    let long = AuditRecord { uri: "x".repeat(9000), ..record(1) };
    assert_eq!(long.bounded().uri.len(), 2048);
}

/// The rows of the chain as a query gives them: put into the tables by parcels of these lengths, with or without a key.
fn read_back(key: &crypto::SealingKey, parcels: &[(usize, bool)]) -> Vec<Vec<Value>> {
    let mut chain = Chain::beginning();
    let mut rows = Vec::new();
    for (count, open) in parcels {
        let at = rows.len() as u32 + 1;
        let records: Vec<AuditRecord> = (at..at + *count as u32).map(record).collect();
        let links: Vec<_> =
            records.iter().map(|record| chain.extend(record, open.then_some(key))).collect();
        let fields = row::link_fields(links.iter());
        for ((record, link), fields) in records.iter().zip(&links).zip(fields) {
            let fields: serde_json::Value = serde_json::from_str(&fields.to_string()).unwrap();
            let text = |t: &str| Value::string(t);
            let field = |name: &str, missing| text(fields[name].as_str().unwrap_or(missing));
            rows.push(vec![
                Value::Long(link.sequence as i64),
                field("previous", ""),
                field("digest", ""),
                field("proof", "behind"),
                Value::DateTime(record.time),
                text(&record.resource.to_lowercase()),
                text(&record.operation),
                Value::Long(i64::from(record.status)),
                text(&record.description),
                Value::Long(1),
                text(&record.source),
                text(&record.correlation_id),
                text(&record.object_id),
                text(&record.app_id),
                text(&record.uri),
                text(&record.id),
                text(&record.agent),
                text(&record.api_version),
                text(&record.user_name),
            ]);
        }
    }
    rows
}

fn page(rows: &[Vec<Value>]) -> Rows {
    use model::{ScalarType, Schema};
    let ty = |value: &Value| match value {
        Value::Long(_) => ScalarType::Long,
        Value::DateTime(_) => ScalarType::DateTime,
        _ => ScalarType::String,
    };
    let columns = rows.first().into_iter().flatten().map(ty);
    let columns = columns.enumerate().map(|(i, ty)| (format!("c{i}"), ty));
    Rows::from_values(Arc::new(Schema::new(columns)), rows.to_vec())
}

/// What is said of a chain, put into the tables by these parcels, of which somebody spoilt the rows of a table or both.
async fn judged(
    parcels: &[(usize, bool)],
    spoil: impl Fn(&mut Vec<Vec<Value>>, &mut Vec<Vec<Value>>),
) -> AuditReport {
    use model::{ScalarType, Schema};
    let (tables, folder) = (tables(), tempfile::tempdir().unwrap());
    let (log, _) = start(&tables, &folder);
    let key = log.shared.house.keyring.audit_key().unwrap();
    let mut rows = read_back(&key, parcels);
    let mut copies = rows.clone();
    spoil(&mut rows, &mut copies);
    let ends = Schema::new([("a", ScalarType::Long), ("b", ScalarType::Long)]);
    let ends = Rows::from_values(
        Arc::new(ends),
        [vec![rows.first().unwrap()[0].clone(), rows.last().unwrap()[0].clone()]],
    );
    tables.answer("AzureDiagnostics | where", page(&rows));
    tables.answer("AZKVAuditLogs | where", page(&copies));
    tables.answer("summarize a = min(s)", ends);
    tables.answer("summarize n = count()", Rows::default());
    tables.answer("by s desc", Rows::default());
    let written = rows.last().map_or(0, |row| number(&row[0]));
    verify::verify(&log.shared.house, written, &AtomicU64::new(written)).await.unwrap()
}

fn number(value: &Value) -> u64 {
    let Value::Long(number) = value else { panic!("{value:?}") };
    number.unsigned_abs()
}

/// Gives a row the digest that it would have had with what it says now.
fn digest_anew(row: &mut [Value], previous: &str) {
    let parts: Vec<String> = row[4..].iter().map(read::plain).collect();
    let parts: [&str; row::PARTS] =
        parts.iter().map(String::as_str).collect::<Vec<_>>().try_into().unwrap();
    let Value::Long(sequence) = row[0] else { panic!("number") };
    row[2] =
        Value::string(chain::digest(sequence.unsigned_abs(), previous, &row::canonical(parts)));
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_removals_and_moves_show() {
    type Spoil = fn(&mut Vec<Vec<Value>>, &mut Vec<Vec<Value>>);
    const EACH: &[(usize, bool)] = &[(1, true), (1, true), (1, true), (1, true)];
    const ALL: &[(usize, bool)] = &[(4, true)];
    const MANY: &[(usize, bool)] = &[(40, true)];
    const SEALED: &[(usize, bool)] = &[(1, true), (2, false), (1, true)];
    let text = |row: &[Value], at: usize| read::plain(&row[at]);
    let edit: Spoil = |rows, _| rows[1][6] = Value::string("SecretSet");
    let remove: Spoil = |rows, _| drop(rows.remove(2));
    let strip: Spoil = |rows, _| {
        let last = rows.last_mut().unwrap();
        (last[2], last[3]) = (Value::string(""), Value::string("behind"));
    };
    let cut: Spoil = |rows, _| drop(rows.remove(0));
    let twice: Spoil = |rows, _| rows.insert(1, rows[0].clone());
    let forge: Spoil = |rows, _| {
        rows[1][8] = Value::string("nothing happened");
        let previous = read::plain(&rows[0][2]);
        digest_anew(&mut rows[1], &previous);
    };
    let forge_all_behind: Spoil = |rows, copies| {
        rows[1][8] = Value::string("nothing happened");
        let mut previous = String::new();
        for row in &mut *rows {
            if !read::plain(&row[1]).is_empty() {
                row[1] = Value::string(&*previous);
            }
            digest_anew(row, &previous);
            previous = read::plain(&row[2]);
        }
        *copies = rows.clone();
    };
    // parcels, what somebody did, rows proven, rows without a proof, what is said
    let cases: [(&[(usize, bool)], Spoil, u64, u64, &[&str]); 20] = [
        (EACH, |_, _| {}, 4, 0, &[]),
        (ALL, |_, _| {}, 4, 0, &[]),
        (SEALED, |_, _| {}, 2, 2, &[]),
        (
            EACH,
            edit,
            4,
            0,
            &[
                "row 2: its content was changed",
                "row 2 of AZKVAuditLogs: it says something else than in AzureDiagnostics",
            ],
        ),
        (
            ALL,
            edit,
            4,
            0,
            &[
                "rows 1 to 4: the content of one of them or the digest before them was changed",
                "row 2 of AZKVAuditLogs: it says something else than in AzureDiagnostics",
            ],
        ),
        (EACH, remove, 3, 0, &["rows 3 to 3 are missing"]),
        (ALL, remove, 1, 2, &["rows 3 to 3 are missing"]),
        (EACH, cut, 3, 0, &["rows 1 to 1 are missing, and not by age"]),
        (ALL, cut, 1, 2, &["rows 1 to 1 are missing, and not by age"]),
        (ALL, strip, 0, 4, &["rows 1 to 4: their digest is missing"]),
        (MANY, |_, _| {}, 40, 0, &[]),
        (
            MANY,
            |rows, _| rows[15][2] = Value::string(""),
            40,
            0,
            &["rows 1 to 16: their digest is missing"],
        ),
        (
            MANY,
            |rows, copies| {
                rows[20][8] = Value::string("nothing happened");
                *copies = rows.clone();
            },
            40,
            0,
            &["rows 17 to 32: the content of one of them or the digest before them was changed"],
        ),
        (EACH, twice, 5, 0, &["row 1 is there twice"]),
        (
            EACH,
            forge,
            3,
            0,
            &[
                "row 2: its proof is false",
                "row 3 does not follow the row before it",
                "row 2 of AZKVAuditLogs: it says something else than in AzureDiagnostics",
            ],
        ),
        // a digest in the middle, which nobody asked for
        (
            ALL,
            forge,
            4,
            0,
            &[
                "rows 1 to 2: the content of one of them or the digest before them was changed",
                "rows 3 to 4: the content of one of them or the digest before them was changed",
                "row 2 of AZKVAuditLogs: it says something else than in AzureDiagnostics",
            ],
        ),
        (
            EACH,
            forge_all_behind,
            1,
            0,
            &[
                "row 2: its proof is false",
                "row 3: its proof is false",
                "row 4: its proof is false",
            ],
        ),
        (ALL, forge_all_behind, 0, 0, &["rows 1 to 4: their proof is false"]),
        (
            ALL,
            |_, copies| drop(copies.remove(1)),
            4,
            0,
            &["rows 2 to 2 of AZKVAuditLogs are missing"],
        ),
        (
            EACH,
            |_, copies| copies[3][10] = Value::string("10.0.0.1"),
            4,
            0,
            &["row 4 of AZKVAuditLogs: it says something else than in AzureDiagnostics"],
        ),
    ];
    for (at, (parcels, spoil, proven, unproven, findings)) in cases.into_iter().enumerate() {
        let told = judged(parcels, spoil).await;
        assert_eq!(told.findings, findings, "case {at}: {told:?}");
        assert_eq!((told.proven, told.unproven), (proven, unproven), "case {at}");
        assert_eq!(told.wrong, findings.len() as u64, "case {at}");
    }
    let moved = judged(EACH, |rows, _| {
        let (a, b) = (rows[1][0].clone(), rows[2][0].clone());
        rows.swap(1, 2);
        (rows[1][0], rows[2][0]) = (a, b);
    })
    .await;
    assert!(moved.wrong >= 2, "{moved:?}");
    // a parcel tells once what each row would
    let key = crypto::SealingKey::from_bytes(&[9; 32]).unwrap();
    for (at, row) in read_back(&key, ALL).iter().enumerate() {
        assert_eq!(text(row, 3) == "behind", at < 3, "row {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_others_put_there_are_findings_and_no_end_of_the_chain() {
    use model::{ScalarType, Schema};
    let (tables, folder) = (tables(), tempfile::tempdir().unwrap());
    let (log, _) = start(&tables, &folder);
    let key = log.shared.house.keyring.audit_key().unwrap();
    let rows = page(&read_back(&key, &[(2, true)]));
    let schema =
        |names: &[&str]| Arc::new(Schema::new(names.iter().map(|name| (*name, ScalarType::Long))));
    tables.answer("where", rows);
    let none = Rows::from_values(schema(&["n"]), [vec![Value::Long(3)]]);
    tables.answer("summarize n = count()", none);
    let behind = [10_000_000_000_000, 3].map(|place| vec![Value::Long(place)]);
    tables.answer("by s desc", Rows::from_values(schema(&["s"]), behind));
    let ends = [vec![Value::Long(1), Value::Long(2)]];
    tables.answer("summarize a = min(s)", Rows::from_values(schema(&["a", "b"]), ends));
    // the third was written while the tables were read
    let told = verify::verify(&log.shared.house, 2, &AtomicU64::new(3)).await.unwrap();
    let stray = |table| {
        format!(
            "4 row(s) of {table} speak of this house's vaults and have no place in the chain: the server did not write them"
        )
    };
    assert_eq!(told.findings, TABLES.map(stray));
    assert_eq!((told.rows, told.last, told.proven), (2, 2, 2));
    let asked = tables.queries();
    let bounded = |q: &model::QueryRequest| q.text.contains("startswith '/subscriptions/s'");
    assert!(asked.iter().all(bounded), "vaults elsewhere are none of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refusals_is_counted_not_written() {
    let (tables, folder) = (tables(), tempfile::tempdir().unwrap());
    let (log, _) = start(&tables, &folder);
    log.write(record(0)).await.unwrap(); // the journal is open
    for _ in 0..500 {
        log.note(record(1));
    }
    log.note(record(2)); // the next second
    log.write(record(3)).await.unwrap();
    log.settle().await.unwrap();
    let rows = tables.appended("AzureDiagnostics");
    let told: Vec<String> = rows
        .iter()
        .flat_map(|r| (0..r.len()).map(|i| format!("{:?}", r.get(i, "ResultDescription").unwrap())))
        .collect();
    assert_eq!(told.len(), 1 + 20 + 1 + 1);
    assert!(told[21].contains("480 more were refused"), "{}", told[21]);
}
