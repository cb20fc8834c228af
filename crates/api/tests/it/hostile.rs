//! Mutated requests at every door: an answer of the right kind each time, never a 5xx, never a panic.

use std::sync::OnceLock;

use axum::body::Body;
use http::Request;
use proptest::prelude::*;
use testkit::{row, rows};
use tokio::runtime::Runtime;

use crate::house::{Fixture, ORIGIN, PUBLISHER, house};

/// Good requests to start from: method, path, body.
const SEEDS: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/{tenant}/oauth2/v2.0/token?client-request-id=x",
        "grant_type=client_credentials&client_id=a&client_secret=b&scope=c%2F.default",
    ),
    (
        "POST",
        "/adfs/oauth2/token",
        "grant_type=client_credentials&resource=x&client_assertion=a.b.c&client_assertion_type=urn",
    ),
    ("GET", "/{tenant}/v2.0/.well-known/openid-configuration", ""),
    ("GET", "/common/discovery/instance?authorization_endpoint=https://localhost/x", ""),
    ("GET", "/metadata/endpoints?api-version=2022-09-01", ""),
    ("GET", "/v1.0/applications?$filter=appId%20eq%20'x'&$top=1", ""),
    ("POST", "/v1.0/applications", r#"{"displayName":"x","keyCredentials":[{"key":"AAAA"}]}"#),
    (
        "POST",
        "/v1.0/applications/x/addPassword",
        r#"{"passwordCredential":{"endDateTime":"2030-01-01"}}"#,
    ),
    ("GET", "/subscriptions?api-version=2022-12-01&$top=3&$skipToken=abc", ""),
    ("GET", "{sub}/resources?api-version=2024-01-01&$filter=resourceType%20eq%20'x'", ""),
    (
        "PUT",
        "{sub}/resourceGroups/x?api-version=2024-01-01",
        r#"{"location":"local","tags":{"a":"b"},"properties":{}}"#,
    ),
    (
        "PATCH",
        "{resource}?api-version=2024-01-01",
        r#"{"properties":{"retentionInDays":30},"etag":"x"}"#,
    ),
    (
        "PUT",
        "{resource}/tables/X_CL?api-version=2024-01-01",
        r#"{"properties":{"schema":{"name":"X_CL","columns":[{"name":"a","type":"long"}]}}}"#,
    ),
    (
        "PUT",
        "{resource}/savedSearches/x?api-version=2024-01-01",
        r#"{"properties":{"category":"c","displayName":"d","query":"T","functionAlias":"F"}}"#,
    ),
    (
        "PUT",
        "{group}/providers/Microsoft.Insights/dataCollectionRules/x?api-version=2024-01-01",
        r#"{"location":"local","properties":{"dataFlows":[{"streams":["Custom-X"],"destinations":["w"]}],"destinations":{"logAnalytics":[{"name":"w","workspaceResourceId":"/x"}]}}}"#,
    ),
    (
        "PUT",
        "{sub}/providers/Microsoft.Authorization/roleAssignments/8a2e1d5c-6f0b-4a43-9b0e-5d2f6c1e7a90?api-version=2024-01-01",
        r#"{"properties":{"roleDefinitionId":"/x","principalId":"y"}}"#,
    ),
    (
        "POST",
        "/v1/workspaces/{ws}/query?timespan=PT1H",
        r#"{"query":"T","timespan":"2024-01-01/PT1H","workspaces":["a"]}"#,
    ),
    ("GET", "/v1{resource}/query?query=T&workspaces=a,b", ""),
    (
        "POST",
        "/v1/$batch",
        r#"{"requests":[{"id":"1","body":{"query":"T"},"headers":{"Prefer":"wait=1"},"workspace":"{ws}","path":"/query"}]}"#,
    ),
    (
        "POST",
        "/v2/rest/query",
        r#"{"db":"vedette","csl":"T","properties":{"Options":{"servertimeout":"00:01:00","results_progressive_enabled":true},"Parameters":{"a":"1"}}}"#,
    ),
    (
        "POST",
        "/v1/rest/query",
        r#"{"csl":"T","properties":"{\"Options\":{\"notruncation\":true}}"}"#,
    ),
    (
        "POST",
        "/v1/rest/mgmt",
        r#"{"csl":".create-merge table T (a:string, ['b']:long) with (folder='x')"}"#,
    ),
    (
        "POST",
        "/v1/rest/mgmt",
        r#"{"csl":".create-or-alter function with (folder='x') F(a:long=1) { T | take a }"}"#,
    ),
    ("POST", "/v1/rest/mgmt", r#"{"csl":".ingest inline into table Syslog <| 2026-01-01,a,b"}"#),
    ("POST", "/v1/rest/mgmt", r#"{"csl":".show tables (Syslog) details | where x == '|'"}"#),
    ("POST", "/v1/rest/ingest/vedette/Syslog?streamFormat=csv", "2026-01-01,host,\"a\"\"b\"\n"),
    (
        "POST",
        "/v1/rest/ingest/default/SecurityEvent?streamFormat=multijson",
        r#"[{"EventID":1,"Data":{"a":[1,2.5e300]}}]"#,
    ),
    (
        "POST",
        "/dataCollectionRules/{dcr}/streams/Microsoft-SecurityEvent?api-version=2024-01-01",
        r#"[{"EventID":1,"Computer":"c","Data":{"a":null},"TimeGenerated":"2026-01-01"}]"#,
    ),
];

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "X"];
const HEADERS: &[(&str, &[u8])] = &[
    ("content-encoding", b"gzip"),
    ("content-encoding", b"identity"),
    ("content-length", b"99999999999999999999"),
    ("prefer", b"wait=99999999999999999999,include-statistics=true;=,"),
    ("if-match", b"\"x\""),
    ("if-none-match", b"*"),
    ("x-ms-client-request-id", b"\xff\xfe"),
    ("host", b"evil:99999"),
    ("content-type", b"application/\xff"),
    ("client-request-id", b"not a guid"),
];
/// Pieces that have broken parsers before.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\xff\xfe",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[[[[[[[[",
    b"null",
    b"-1e999",
    b"18446744073709551616",
    b"%",
    b"%00",
    b"..",
    b"//",
    b"'",
    b"|",
    b"${x}",
    b"\xef\xbb\xbf",
    b"\r\n",
    b",",
    b":",
];

struct World {
    runtime: Runtime,
    house: Fixture,
    /// One may do all about resources, one may send rows.
    tokens: [String; 2],
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let (house, tokens) = runtime.block_on(async {
            let house = house().await;
            house.tables.answer("", rows("n:long", [row![1]]));
            let tokens =
                [house.admin_token().await, house.principal(PUBLISHER, "{sub}", ORIGIN).await];
            (house, tokens)
        });
        World { runtime, house, tokens }
    })
}

/// One change of a text.
#[derive(Clone, Debug)]
enum Change {
    Cut(usize, usize),
    Insert(usize, usize),
    Flip(usize, u8),
    Repeat(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), 1..40_usize).prop_map(|(at, n)| Change::Cut(at, n)),
        (any::<usize>(), 0..PIECES.len()).prop_map(|(at, n)| Change::Insert(at, n)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (any::<usize>(), 1..20_usize, 1..30_usize).prop_map(|(at, n, t)| Change::Repeat(at, n, t)),
    ]
}

fn changed(text: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut text = text.to_vec();
    for change in changes {
        let place = |at: usize| at % (text.len() + 1);
        match *change {
            Change::Cut(at, n) => {
                let at = place(at);
                text.drain(at..(at + n).min(text.len()));
            }
            Change::Insert(at, n) => {
                let at = place(at);
                text.splice(at..at, PIECES[n].iter().copied());
            }
            Change::Flip(at, bits) => {
                let at = place(at);
                if let Some(byte) = text.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Change::Repeat(at, n, times) => {
                let at = place(at);
                let piece = text[at..(at + n).min(text.len())].repeat(times);
                text.splice(at..at, piece);
            }
        }
    }
    text
}

/// The path with what an address cannot hold percent-encoded.
fn address(path: &[u8]) -> String {
    let mut out = String::from("/");
    for byte in path {
        match byte {
            b'!'..=b'~' if !b"\"#<>\\^`{|}".contains(byte) => out.push(char::from(*byte)),
            other => out += &format!("%{other:02X}"),
        }
    }
    out.replacen("//", "/", 1)
}

/// More of them on demand: `PROPTEST_CASES=100000`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(1500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_door_answers_whatever_comes(
        seed in 0..SEEDS.len(),
        method in proptest::option::weighted(0.1, 0..METHODS.len()),
        in_path in prop::collection::vec(change(), 0..2),
        in_body in prop::collection::vec(change(), 0..4),
        headers in prop::collection::vec(0..HEADERS.len(), 0..2),
        token in 0..2_usize,
    ) {
        let world = world();
        let (own, path, body) = SEEDS[seed];
        let uri = address(&changed(world.house.path(path).as_bytes(), &in_path));
        let body = changed(world.house.path(body).as_bytes(), &in_body);
        let shown = format!("{own} {uri} {}", String::from_utf8_lossy(&body));
        let mut request = Request::builder()
            .method(method.map_or(own, |m| METHODS[m]))
            .uri(&uri)
            .header("authorization", format!("Bearer {}", world.tokens[token]));
        for header in headers {
            request = request.header(HEADERS[header].0, HEADERS[header].1);
        }
        let Ok(request) = request.body(Body::from(body)) else { return Ok(()) };
        let is_head = request.method() == "HEAD";
        let told = world.runtime.block_on(world.house.send(request));
        prop_assert!(told.status < 500, "{} {shown}: {}", told.status, String::from_utf8_lossy(&told.bytes));
        if told.status >= 400 && !is_head {
            let body = serde_json::from_slice::<serde_json::Value>(&told.bytes);
            prop_assert!(body.is_ok_and(|b| !b["error"].is_null()), "{} {shown}", told.status);
        }
        if told.status == 401 {
            prop_assert!(!told.header("www-authenticate").is_empty(), "{shown}");
        }
    }
}
