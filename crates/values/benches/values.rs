//! What ingestion and queries do for every row: JSON to dynamic and back, paths, datetimes.

use divan::{Bencher, black_box, counter::BytesCount};
use values::{DateTime, Dynamic, DynamicBuilder, TimeSpan};

const EVENT: &str = r#"{"TimeGenerated":"2024-02-29T12:34:56.7891234Z","OperationName":"Sign-in activity","ResultType":0,
"UserPrincipalName":"alice@contoso.com","IPAddress":"203.0.113.7","DeviceDetail":{"deviceId":"","operatingSystem":"Windows 10",
"browser":"Edge 120.0","isCompliant":true,"trustType":"Azure AD joined"},"LocationDetails":{"city":"Zurich","state":"ZH",
"countryOrRegion":"CH","geoCoordinates":{"latitude":47.3769,"longitude":8.5417}},"AuthenticationDetails":[
{"authenticationMethod":"Password","succeeded":true,"step":1},{"authenticationMethod":"Mobile app","succeeded":true,"step":2}],
"riskLevel":"none","correlationId":"74be27de-1e4e-49d9-b579-fe0b331d3642"}"#;

fn main() {
    divan::main();
}

#[divan::bench]
fn json_to_dynamic(bencher: Bencher) {
    let mut builder = DynamicBuilder::new();
    let mut out = Vec::new();
    bencher.counter(BytesCount::of_str(EVENT)).bench_local(|| {
        out.clear();
        let _ = builder.json(black_box(EVENT));
        builder.finish_into(&mut out);
    });
}

#[divan::bench]
fn json_to_serde_tree(bencher: Bencher) {
    bencher
        .counter(BytesCount::of_str(EVENT))
        .bench_local(|| serde_json::from_str::<serde_json::Value>(black_box(EVENT)));
}

#[divan::bench]
fn dynamic_to_json(bencher: Bencher) {
    let value = Dynamic::parse_json(EVENT).unwrap_or_default();
    let mut out = String::new();
    bencher.counter(BytesCount::of_str(EVENT)).bench_local(|| {
        out.clear();
        black_box(&value).as_ref().write_json(&mut out);
    });
}

#[divan::bench]
fn path_of_three(bencher: Bencher) {
    let value = Dynamic::parse_json(EVENT).unwrap_or_default();
    bencher.bench_local(|| {
        let root = black_box(value.as_bytes());
        values::DynamicRef::new(root)
            .get("LocationDetails")
            .and_then(|l| l.get("geoCoordinates"))
            .and_then(|g| g.get("latitude"))
            .and_then(|l| l.as_f64())
    });
}

#[divan::bench]
fn datetime_parse(bencher: Bencher) {
    bencher.bench_local(|| DateTime::parse(black_box("2024-02-29T12:34:56.7891234Z")));
}

#[divan::bench]
fn datetime_print(bencher: Bencher) {
    let at = DateTime::UNIX_EPOCH;
    bencher.bench_local(|| black_box(at).to_ascii());
}

#[divan::bench]
fn timespan_parse(bencher: Bencher) {
    bencher.bench_local(|| TimeSpan::parse(black_box("1.02:03:04.5")));
}
