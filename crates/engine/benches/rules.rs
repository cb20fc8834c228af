//! Hundreds of rules over new rows: events a second through 400 Sigma-like conditions, screened together and one by one.
//! `cargo bench -p engine --bench rules`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, LazyLock};

use divan::Bencher;
use divan::counter::ItemsCount;
use engine::Query;
use engine::source::{Catalog, MemoryCatalog, MemoryTable};
use model::{DateTime, Rows, ScalarType, Schema, Value};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn main() {
    divan::main();
}

const RULES: usize = 400;
const EVENTS: usize = 50_000;
/// Rows that arrive together.
const BATCH: usize = 5_000;

const IMAGES: [&str; 16] = [
    "powershell.exe",
    "cmd.exe",
    "rundll32.exe",
    "regsvr32.exe",
    "mshta.exe",
    "wscript.exe",
    "certutil.exe",
    "bitsadmin.exe",
    "svchost.exe",
    "chrome.exe",
    "outlook.exe",
    "explorer.exe",
    "msbuild.exe",
    "schtasks.exe",
    "wmic.exe",
    "conhost.exe",
];
const WORDS: [&str; 20] = [
    "-NoProfile",
    "-ExecutionPolicy",
    "Bypass",
    "/c",
    "start",
    "--type=renderer",
    "--field-trial-handle=1718",
    "C:\\Windows\\System32\\",
    "C:\\Users\\Public\\",
    "-k",
    "netsvcs",
    "-p",
    "/create",
    "/tn",
    "Update",
    "process",
    "call",
    "http://update.example.org/a",
    "-File",
    "\"C:\\Program Files\\Vendor\\agent.ps1\"",
];
/// What the conditions look for: rare in the events, as attacks are.
const SIGNS: [&str; 20] = [
    " -enc ",
    "vssadmin delete",
    "mimikatz",
    "sekurlsa::",
    "DownloadString(",
    "urlcache -split",
    "\\comsvcs.dll,MiniDump",
    "javascript:eval",
    "scrobj.dll",
    "FromBase64String",
    "net group \"domain admins\"",
    "whoami /priv",
    "-hidden -nop",
    "bypass -windowstyle",
    "reg save hklm\\sam",
    "ntds.dit",
    "procdump -ma lsass",
    "bitsadmin /transfer",
    "wbadmin delete",
    "fsutil usn deletejournal",
];

struct Kit {
    catalog: Arc<dyn Catalog>,
    rules: Vec<String>,
}

static KIT: LazyLock<Kit> = LazyLock::new(|| {
    let mut rng = StdRng::seed_from_u64(7);
    let schema = Arc::new(Schema::new([
        ("TimeGenerated", ScalarType::DateTime),
        ("DeviceName", ScalarType::String),
        ("FolderPath", ScalarType::String),
        ("ProcessCommandLine", ScalarType::String),
        ("InitiatingProcessFolderPath", ScalarType::String),
        ("InitiatingProcessCommandLine", ScalarType::String),
    ]));
    let mut batches = Vec::new();
    for from in (0..EVENTS).step_by(BATCH) {
        let rows = (from..from + BATCH).map(|at| event(&mut rng, at)).collect::<Vec<_>>();
        batches.extend(Rows::from_values(Arc::clone(&schema), rows).batches);
    }
    let mut catalog = MemoryCatalog::default();
    catalog.insert(Arc::new(MemoryTable::new("DeviceProcessEvents", Rows { schema, batches })));
    Kit { catalog: Arc::new(catalog), rules: (0..RULES).map(rule).collect() }
});

fn path(rng: &mut StdRng) -> String {
    format!("C:\\Windows\\System32\\{}", IMAGES[rng.random_range(0..IMAGES.len())])
}

fn command_line(rng: &mut StdRng) -> String {
    let mut line = path(rng);
    for _ in 0..rng.random_range(3..14) {
        line.push(' ');
        line.push_str(WORDS[rng.random_range(0..WORDS.len())]);
    }
    line + &format!(" {:x}", rng.random::<u64>())
}

fn event(rng: &mut StdRng, at: usize) -> Vec<Value> {
    let mut line = command_line(rng);
    if rng.random_ratio(1, 2_000) {
        line.push_str(SIGNS[rng.random_range(0..SIGNS.len())]);
    }
    vec![
        Value::DateTime(DateTime::from_ticks(638_000_000_000_000_000 + at as i64)),
        Value::string(format!("host{}", rng.random_range(0..300))),
        Value::string(path(rng)),
        Value::string(line),
        Value::string(path(rng)),
        Value::string(command_line(rng)),
    ]
}

/// As converters write Sigma rules: an image by its end, command lines by what they contain, exceptions.
fn rule(at: usize) -> String {
    let (image, sign) = (IMAGES[at % IMAGES.len()], SIGNS[at % SIGNS.len()]);
    let (parent, other) = (IMAGES[(at / 3) % IMAGES.len()], SIGNS[(at / 7) % SIGNS.len()]);
    let quoted = |text: &str| format!("@'{text}'");
    let (image, parent) = (quoted(&format!("\\{image}")), quoted(&format!("\\{parent}")));
    let (sign, other) = (quoted(&format!("{sign}{}", at / 40)), quoted(other));
    let condition = match at % 5 {
        0 => format!("FolderPath endswith {image} and ProcessCommandLine contains {sign}"),
        1 => format!(
            "(FolderPath endswith {image} or ProcessCommandLine contains {image}) and ProcessCommandLine contains {sign} and not(InitiatingProcessFolderPath endswith {parent})"
        ),
        2 => format!(
            "InitiatingProcessFolderPath endswith {parent} and (ProcessCommandLine contains {sign} or ProcessCommandLine contains {other}) and FolderPath endswith {image}"
        ),
        3 => format!("ProcessCommandLine contains {sign} and ProcessCommandLine contains {other}"),
        _ => format!(
            "InitiatingProcessCommandLine contains {sign} or ProcessCommandLine has_any ({other}, 'lazagne{at}')"
        ),
    };
    format!(
        "DeviceProcessEvents | where {condition} | project TimeGenerated, DeviceName, ProcessCommandLine"
    )
}

fn queries(kit: &Kit) -> Vec<Query<'_>> {
    let now = DateTime::from_ticks(638_100_000_000_000_000);
    kit.rules
        .iter()
        .map(|text| {
            let mut query = Query::new(text, Arc::clone(&kit.catalog), now);
            query.threads = 1;
            query
        })
        .collect()
}

/// All rules to their end: screened together, and those that may have rows run.
#[divan::bench]
fn together(bencher: Bencher<'_, '_>) {
    let kit = &*KIT;
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        let queries = queries(kit);
        let screened = engine::screen(&queries);
        let open = queries.iter().zip(&screened).filter(|(_, answer)| answer.is_none());
        open.map(|(query, _)| engine::query(query).unwrap().tables[0].rows.len()).sum::<usize>()
    });
}

/// The reading alone.
#[divan::bench]
fn screening(bencher: Bencher<'_, '_>) {
    let kit = &*KIT;
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| engine::screen(&queries(kit)));
}

#[divan::bench]
fn one_by_one(bencher: Bencher<'_, '_>) {
    let kit = &*KIT;
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        queries(kit)
            .iter()
            .map(|query| engine::query(query).unwrap().tables[0].rows.len())
            .sum::<usize>()
    });
}
