//! Bodies that are too large, packed too well, or come too slowly.

use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use api::Limits;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use serde_json::Value;

use crate::house::{Fixture, ORIGIN, OWNER, PUBLISHER, house_with};

fn small() -> Limits {
    Limits {
        ingestion_bytes: 1000,
        body_bytes: 2000,
        streaming_bytes: 3000,
        body_time: Duration::from_millis(100),
        ..Limits::default()
    }
}

/// Doors that read bodies, with the most that each reads.
const DOORS: &[(&str, &str, usize)] = &[
    ("POST", "/dataCollectionRules/{dcr}/streams/Microsoft-Syslog?api-version=2024-01-01", 1000),
    ("POST", "/v1/workspaces/{ws}/query", 2000),
    ("POST", "/v1/$batch", 2000),
    ("POST", "/v2/rest/query", 2000),
    ("POST", "/v1/rest/mgmt", 2000),
    ("PUT", "{sub}/resourceGroups/g?api-version=2024-01-01", 2000),
    ("POST", "/v1/rest/ingest/vedette/Syslog?streamFormat=json", 3000),
    ("POST", "/{tenant}/oauth2/v2.0/token", 64 << 10),
    ("POST", "/v1.0/applications", 256 << 10),
];

/// Someone who may do all of it.
async fn caller(house: &Fixture, path: &str) -> String {
    match path {
        path if path.starts_with("/v1.0") || path.contains("/query") => house.admin_token().await,
        path if path.contains("dataCollectionRules") || path.contains("ingest") => {
            house.principal(PUBLISHER, "{sub}", ORIGIN).await
        }
        _ => house.principal(OWNER, "{sub}", ORIGIN).await,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn bodies_have_a_largest_size_in_either_form() {
    let house = house_with(small()).await;
    for (method, path, limit) in DOORS {
        let token = caller(&house, path).await;
        let too_large = "x".repeat(limit + 1);
        let packed = [("content-encoding", "gzip")];
        let announced = (limit + 1).to_string();
        let length = [("content-length", announced.as_str())];
        let bomb = gzip(&vec![b' '; 20 << 20]);
        let unknown = Body::new(Drip { left: limit / 10 + 2, wait: false });
        let requests = [
            ("plain", house.request(method, path, &token, &[], too_large)),
            ("announced", house.request(method, path, &token, &length, "")),
            ("of unknown length", house.request(method, path, &token, &[], unknown)),
            ("bomb", house.request(method, path, &token, &packed, bomb)),
        ];
        for (what, request) in requests {
            let told = house.send(request).await;
            let code = told.code();
            assert_eq!(
                (told.status, code.as_str()),
                (413, "ContentLengthLimitExceeded"),
                "{what}: {method} {path}"
            );
        }
        // at the limit the body is read, whatever it says
        let told = house.send(house.request(method, path, &token, &[], " ".repeat(*limit))).await;
        assert!(told.status != 413 && told.status < 500, "{method} {path}: {}", told.status);
        for (encoding, status) in [("br", 415), ("gzip, gzip", 415), ("gzip", 400), ("GZIP", 400)] {
            let header = [("content-encoding", encoding)];
            let told = house.send(house.request(method, path, &token, &header, "no gzip")).await;
            assert_eq!(told.status, status, "{encoding}: {method} {path}");
        }
    }
}

/// Ten bytes at a time, so many times; then nothing for ever, or the end.
struct Drip {
    left: usize,
    wait: bool,
}

impl HttpBody for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match (self.left, self.wait) {
            (0, true) => Poll::Pending,
            (0, false) => Poll::Ready(None),
            _ => {
                self.left -= 1;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"          ")))))
            }
        }
    }
}

/// A body that breaks off.
struct Broken;

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(Err(std::io::Error::other("reset"))))
    }
}

#[tokio::test]
async fn bodies_that_do_not_come_are_not_waited_for() {
    let house = house_with(small()).await;
    for (method, path, _) in DOORS {
        let token = caller(&house, path).await;
        let slow = Body::new(Drip { left: 3, wait: true });
        let told = house.send(house.request(method, path, &token, &[], slow)).await;
        let code = told.code();
        assert_eq!((told.status, code.as_str()), (408, "RequestTimeout"), "{method} {path}");
        assert_eq!(told.header("connection"), "close");
        let broken = Body::new(Broken);
        let told = house.send(house.request(method, path, &token, &[], broken)).await;
        assert_eq!(told.status, 400, "{method} {path}");
    }
}

#[tokio::test]
async fn the_largest_part_that_azures_client_sends_fits() {
    let house = house_with(Limits::default()).await;
    let token = house.principal(PUBLISHER, "{sub}", ORIGIN).await;
    let (path, limit) = (DOORS[0].1, 1 << 20);
    let record = r#"{"HostName":"h"},"#;
    let mut body = format!("[{}", record.repeat((limit - 2) / record.len()));
    body.truncate(body.len() - 1);
    body.push(']');
    assert!(body.len() > limit - 40);
    let told = house.send(house.request("POST", path, &token, &[], body)).await;
    assert_eq!(told.status, 204);
}

#[tokio::test]
async fn names_of_any_length_and_kind_are_answered() {
    let house = house_with(Limits::default()).await;
    let token = house.admin_token().await;
    let long = "a/".repeat(5000);
    for path in [
        format!("/subscriptions/{long}?api-version=2024-01-01"),
        format!("/v1/workspaces/{}/query", "x".repeat(5000)),
        format!("/v1/rest/ingest/{}/x", "%00%ff%2e".repeat(500)),
        format!("/{}/oauth2/token", "x".repeat(5000)),
        format!("/dataCollectionRules/{}/streams/x?api-version=2024-01-01", "%2F".repeat(500)),
    ] {
        let told = house.call("POST", &path, &token, Value::Null).await;
        assert!((400..500).contains(&told.status), "{}: {}", &path[..40], told.status);
    }
}
