//! How long parsing takes: `cargo bench -p kql`.
//!
//! The published queries come from the measuring kit (`VEDETTE_SHARED`); without it only the built-in ones run.

use std::{fs, path::PathBuf};

use divan::{Bencher, counter::BytesCount};

fn main() {
    divan::main();
}

const SHORT: &str =
    "SecurityEvent | where EventID == 4625 | summarize count() by Account | top 10 by count_";

/// The text at a percentile of the published queries by length.
fn published(percentile: usize) -> Option<String> {
    let folder = std::env::var_os("VEDETTE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let lines = fs::read_to_string(folder.join("kql/corpus-dev.jsonl")).ok()?;
    let mut texts: Vec<String> = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|line| line["query"].as_str().map(str::to_owned))
        .collect();
    texts.sort_by_key(String::len);
    let at = (texts.len() * percentile / 100).min(texts.len().checked_sub(1)?);
    Some(texts.swap_remove(at))
}

fn parse(bencher: Bencher<'_, '_>, text: &str) {
    bencher.counter(BytesCount::of_str(text)).bench(|| kql::parse(divan::black_box(text)));
}

#[divan::bench]
fn short(bencher: Bencher<'_, '_>) {
    parse(bencher, SHORT);
}

#[divan::bench(args = [50, 95, 99, 100])]
fn published_at_percentile(bencher: Bencher<'_, '_>, percentile: usize) {
    if let Some(text) = published(percentile) {
        parse(bencher, &text);
    }
}

#[divan::bench]
fn chain_of_a_thousand_or(bencher: Bencher<'_, '_>) {
    let text = format!("T | where a == 0{}", " or a == 'x'".repeat(1_000));
    parse(bencher, &text);
}
