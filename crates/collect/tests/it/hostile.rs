//! Files that are damaged, mislabelled, or made to do harm.

use std::io::Write;

use collect::{CollectError, Format, ProblemCode, ReadOptions, read_file};
use proptest::prelude::*;
use testkit::{shared_kit, time};

fn options(name: &str) -> ReadOptions<'_> {
    ReadOptions::new(name, time("2024-01-01"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn packed_files_are_unpacked_within_limits() {
    let packed = gzip(b"A,B\n1,2\n");
    let got = read_file(&packed, &options("x.csv.gz")).unwrap();
    assert_eq!((got.format, got.len(), got.parts[0].table.as_str()), (Format::Csv, 1, "x_CL"));
    let bomb = gzip(&vec![b' '; 1 << 20]);
    let tight = ReadOptions { bytes_max: 1 << 16, ..options("x.gz") };
    assert_eq!(read_file(&bomb, &tight).unwrap_err(), CollectError::TooLarge { limit: 1 << 16 });
    assert!(matches!(read_file(&packed[..packed.len() / 2], &tight), Err(CollectError::Gzip(_))));
}

#[test]
fn encodings_of_text_files() {
    let text = "Name,City\r\nann,Zürich\r\n";
    let utf16: Vec<u8> =
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    for bytes in [text.as_bytes().to_vec(), utf16, latin] {
        let got = read_file(&bytes, &options("x.csv")).unwrap();
        assert_eq!(got.parts[0].rows.get(0, "City"), Some(model::Value::string("Zürich")));
    }
    let broken = [b"\xEF\xBB\xBFName\nann\xFF\n".as_slice()].concat();
    let got = read_file(&broken, &options("x.csv")).unwrap();
    assert_eq!(got.problems.count(ProblemCode::Replaced), 1);
}

#[test]
fn empty_and_foreign_files() {
    let empty = read_file(b"", &options("x.txt")).unwrap();
    assert_eq!((empty.len(), empty.is_empty()), (0, true));
    assert!(read_file(b"", &options("x.csv")).is_err());
    assert!(read_file(b"PAR1....", &options("x.parquet")).is_err());
    let binary: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let got = read_file(&binary, &options("x.bin")).unwrap();
    assert_eq!(got.format, Format::Text);
}

#[test]
fn text_lines_become_raw_data() {
    let got = read_file(b"one\n\n two \r\nthree", &options("/tmp/app.out")).unwrap();
    assert_eq!((got.format, got.parts[0].table.as_str(), got.len()), (Format::Text, "app_CL", 3));
    assert_eq!(got.parts[0].rows.get(1, "RawData"), Some(model::Value::string(" two ")));
}

#[test]
fn log_files_name_their_facility() {
    let line = b"Dec 31 11:17:33 host sshd[1]: text\n";
    let got = read_file(line, &options("/var/log/auth.log.1")).unwrap();
    let rows = &got.parts[0].rows;
    assert_eq!(rows.get(0, "Facility"), Some(model::Value::string("auth")));
    assert_eq!(
        rows.get(0, "TimeGenerated"),
        Some(model::Value::DateTime(time("2023-12-31T11:17:33Z")))
    );
}

/// Each sample cut off and damaged in many places is read or refused.
#[test]
fn damaged_samples_are_read_or_refused() {
    let Some(folder) = shared_kit("samples") else { return };
    let mut state = 99_u64;
    let mut next = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for name in [
        "sentinel/Fortigate.json",
        "sentinel/CitrixADC.txt",
        "sentinel/OpenVPN.txt",
        "sentinel/RiskIQ_scenrio.json",
        "sentinel/NGINX_CL.json",
    ] {
        let whole = std::fs::read(folder.join(name)).unwrap();
        for _ in 0..40 {
            let mut bytes = whole[..=next(whole.len())].to_vec();
            for _ in 0..next(20) {
                let at = next(bytes.len());
                bytes[at] = next(256) as u8;
            }
            if let Ok(got) = read_file(&bytes, &options(name)) {
                for batch in got.parts.iter().flat_map(|p| &p.rows.batches) {
                    assert!(batch.columns.iter().all(|c| c.len() == batch.rows));
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_under_any_name_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ending in "(json|csv|txt|log|evtx|gz)?",
        start in proptest::sample::select(vec![&b""[..], b"ElfFile\0", b"\x1f\x8b\x08", b"[{", b"{\"", b"CEF:0|", b"<13>", b"\xff\xfe"]),
    ) {
        let bytes = [start, &bytes].concat();
        let _ = read_file(&bytes, &options(&format!("x.{ending}")));
    }
}
