//! How fast records become columns: MB/s of JSON, per core.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write;
use std::sync::Arc;

use collect::json::{Options, infer, read};
use divan::Bencher;
use divan::counter::BytesCount;
use model::Schema;

const RECORDS: usize = 5_000;

fn main() {
    divan::main();
}

/// Logon events of about a kilobyte, as an agent sends them.
fn records() -> Vec<String> {
    (0..RECORDS)
        .map(|n| {
            let mut text = String::new();
            let (user, host, last) = (n % 97, n % 13, n % 250);
            write!(
                text,
                r#"{{"TimeGenerated":"2024-05-{:02}T{:02}:{:02}:{:02}.{:07}Z","Computer":"host{host}.corp.example.com","EventID":{},"Channel":"Security","EventSourceName":"Microsoft-Windows-Security-Auditing","Activity":"4625 - An account failed to log on.","Account":"CORP\\user{user}","AccountType":"User","TargetUserName":"user{user}","TargetDomainName":"CORP","TargetAccount":"CORP\\user{user}","SubjectUserName":"HOST{host}$","SubjectDomainName":"CORP","SubjectUserSid":"S-1-5-18","LogonType":{},"LogonTypeName":"3 - Network","LogonProcessName":"NtLmSsp","AuthenticationPackageName":"NTLM","IpAddress":"10.1.{host}.{last}","IpPort":"{}","WorkstationName":"WS{user}","Status":"0xc000006d","SubStatus":"0xc000006a","FailureReason":"%%2313","KeyLength":{},"ProcessName":"-","Level":"0","Task":12544,"Keywords":"0x8010000000000000","EventRecordId":"{n}","SourceComputerId":"6e5f65e6-0000-4000-8000-00000000{host:04}","CallTrace":"C:\\Windows\\SYSTEM32\\ntdll.dll+9fc14|C:\\Windows\\System32\\KERNELBASE.dll+20d5e"}}"#,
                n % 28 + 1, n % 24, n % 60, n % 60, n % 10_000_000, 4624 + n % 2, 3 + n % 2 * 7, 1024 + n, n % 128
            )
            .unwrap();
            text
        })
        .collect()
}

/// Sign-ins with nested objects for dynamic columns.
fn nested() -> Vec<String> {
    (0..RECORDS)
        .map(|n| {
            format!(
                r#"{{"TimeGenerated":"2024-05-01T10:{:02}:{:02}Z","UserPrincipalName":"user{}@example.com","ResultType":"{}","AppDisplayName":"Azure Portal","IPAddress":"203.0.113.{}","Location":"DE","LocationDetails":{{"city":"Berlin","state":"Berlin","countryOrRegion":"DE","geoCoordinates":{{"latitude":52.5,"longitude":13.4}}}},"DeviceDetail":{{"deviceId":"","operatingSystem":"Windows 10","browser":"Edge {}","isCompliant":{},"trustType":null}},"Status":{{"errorCode":{},"additionalDetails":"MFA requirement satisfied by claim in the token"}},"MfaDetail":{{"authMethod":"","authDetail":[1,2,3,"x"]}},"DurationMs":{}}}"#,
                n / 60 % 60, n % 60, n % 97, n % 3 * 50126, n % 250, n % 9, n % 2 == 0, n % 5, n
            )
        })
        .collect()
}

fn schema(table: &str) -> Arc<Schema> {
    collect::builtin_schema(table).unwrap()
}

fn run(bencher: Bencher<'_, '_>, body: String, read: impl Fn(&mut [u8]) -> usize + Sync) {
    assert_eq!(read(&mut body.clone().into_bytes()), RECORDS);
    bencher
        .counter(BytesCount::of_str(&body))
        .with_inputs(|| body.clone().into_bytes())
        .bench_local_refs(|bytes| read(bytes));
}

fn known(bytes: &mut [u8], schema: &Arc<Schema>) -> usize {
    read(bytes, schema, &Options::default()).unwrap().rows.len()
}

#[divan::bench]
fn array_known(bencher: Bencher<'_, '_>) {
    let schema = schema("SecurityEvent");
    run(bencher, format!("[{}]", records().join(",")), |bytes| known(bytes, &schema));
}

#[divan::bench]
fn lines_known(bencher: Bencher<'_, '_>) {
    let schema = schema("SecurityEvent");
    run(bencher, records().join("\n"), |bytes| known(bytes, &schema));
}

#[divan::bench]
fn small_known(bencher: Bencher<'_, '_>) {
    let schema =
        Arc::new(Schema::new([("N", model::ScalarType::Long), ("S", model::ScalarType::String)]));
    let small: Vec<String> =
        (0..RECORDS).map(|n| format!(r#"{{"N":{n},"S":"value {n}"}}"#)).collect();
    run(bencher, format!("[{}]", small.join(",")), |bytes| known(bytes, &schema));
}

#[divan::bench]
fn nested_known(bencher: Bencher<'_, '_>) {
    let schema = schema("SigninLogs");
    run(bencher, format!("[{}]", nested().join(",")), |bytes| known(bytes, &schema));
}

#[divan::bench]
fn lines_inferred(bencher: Bencher<'_, '_>) {
    run(bencher, records().join("\n"), |bytes| infer(bytes, None).unwrap().rows.len());
}
