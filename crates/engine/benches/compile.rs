//! What a query costs before its first row: parse, bind and optimize, over published queries and a large unifying
//! parser. `cargo bench -p engine --bench compile`; the queries come from the measuring kit, and without it only what
//! stands here is measured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use divan::Bencher;
use engine::Query;
use engine::source::{Catalog, MemoryCatalog, MemoryTable};
use model::{DateTime, FunctionDefinition, Rows, ScalarType, Schema};
use serde_json::Value as Json;

fn main() {
    report();
    divan::main();
}

/// Vendors' parsers of the large unifying parser, as many as ASIM's largest has, and more.
const SOURCES: usize = 120;
/// A query of the corpus and its result columns' count stay together by this many warm runs.
const RUNS: usize = 3;

struct Kit {
    catalog: Arc<dyn Catalog>,
    queries: Vec<String>,
}

static KIT: LazyLock<Kit> = LazyLock::new(kit);

/// `../shared` beside the repository, or where VEDETTE_SHARED says.
fn shared() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    std::env::var_os("VEDETTE_SHARED").map_or(beside, PathBuf::from).join("kql")
}

fn lines(name: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(shared().join(name)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn kit() -> Kit {
    let mut catalog = MemoryCatalog::default();
    let schemas = std::fs::read(shared().join("schemas.json")).unwrap_or_default();
    let schemas: Json = serde_json::from_slice(&schemas).unwrap_or_default();
    for (table, columns) in schemas["tables"].as_object().into_iter().flatten() {
        let columns: Vec<(&str, ScalarType)> = columns
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, ty)| (name.as_str(), ScalarType::from_name(ty.as_str().unwrap()).unwrap()))
            .collect();
        let rows = Rows { schema: Arc::new(Schema::new(columns)), batches: Vec::new() };
        catalog.insert(Arc::new(MemoryTable::new(table, rows)));
    }
    shipped().into_iter().chain(unifying()).for_each(|f| catalog.insert_function(f));
    if !schemas["tables"].is_object() {
        println!("the measuring kit is not there: its queries are left out");
    }
    let queries = lines("corpus-dev.jsonl").iter().map(text).collect();
    Kit { catalog: Arc::new(catalog), queries }
}

/// A query as it stands; parsers with parameters are called with their defaults.
fn text(item: &Json) -> String {
    let query = item["query"].as_str().unwrap_or_default();
    match item["params"].as_str() {
        Some(parameters) => format!("let __p = {parameters} {{\n{query}\n}};\n__p()"),
        None => query.to_owned(),
    }
}

/// The functions of `content/functions`.
fn shipped() -> Vec<FunctionDefinition> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/functions");
    let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
    let texts = files.filter(|f| f.extension().is_some_and(|e| e == "kql"));
    let mut functions = Vec::new();
    for text in texts.map(|f| std::fs::read_to_string(f).unwrap()) {
        for part in text.split("\n};") {
            let Some((head, body)) = part.split_once(") {\n") else { continue };
            let Some((name, parameters)) =
                head.rsplit_once("let ").and_then(|(_, l)| l.split_once(" = ("))
            else {
                continue;
            };
            functions.push(FunctionDefinition {
                name: name.into(),
                parameters: parameters.into(),
                body: body.into(),
            });
        }
    }
    functions
}

/// A parser over as many sources as there may be, each with lets, filters, a lookup and forty columns.
fn unifying() -> Vec<FunctionDefinition> {
    let mut functions = Vec::new();
    for source in 0..SOURCES {
        let mut columns = String::new();
        for column in 0..40 {
            write!(columns, ", Column{column} = tostring(split(CommandLine, ' ')[{column}])")
                .unwrap();
        }
        let body = format!(
            "let codes = datatable(EventID:int, Name:string)[{source}, 'a', 4624, 'b'];\n\
             SecurityEvent\n\
             | where not(disabled) and (isnull(starttime) or TimeGenerated >= starttime)\n\
             | where array_length(names) == 0 or Computer has_any (names)\n\
             | extend Kind = case(EventID == {source}, 'x', EventID in (1, 2, 3), 'y', 'z')\n\
             | lookup codes on EventID\n\
             | project TimeGenerated, Computer, Kind, Name{columns}\n\
             | extend Dvc = Computer, User = Column1"
        );
        functions.push(FunctionDefinition {
            name: format!("vimLarge{source}").into(),
            parameters:
                "starttime:datetime=datetime(null), names:dynamic=dynamic([]), disabled:bool=false"
                    .into(),
            body: body.into(),
        });
    }
    let legs: Vec<String> =
        (0..SOURCES).map(|source| format!("vimLarge{source}(starttime, names)")).collect();
    functions.push(FunctionDefinition {
        name: "imLarge".into(),
        parameters: "starttime:datetime=datetime(null), names:dynamic=dynamic([])".into(),
        body: format!("union isfuzzy=true {}", legs.join(", ")).into(),
    });
    functions
}

/// Compiles; true where the query means something here.
fn compile(kit: &Kit, text: &str) -> bool {
    let now = DateTime::from_ticks(639_158_688_000_000_000);
    let mut query = Query::new(text, Arc::clone(&kit.catalog), now);
    query.bind_only = true;
    engine::query(&query).is_ok()
}

/// Percentiles over the corpus, functions warm.
fn report() {
    let kit = &*KIT;
    let mut times: Vec<(Duration, usize)> = Vec::with_capacity(kit.queries.len());
    for (at, text) in kit.queries.iter().enumerate() {
        let best = (0..RUNS).map(|_| {
            let started = Instant::now();
            divan::black_box(compile(kit, text));
            started.elapsed()
        });
        times.push((best.min().unwrap_or_default(), at));
    }
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last());
    let shown = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("most", 1.0)];
    for (name, share) in shown {
        if let Some((time, _)) = at(share) {
            println!("{name} {time:?}");
        }
    }
    for (time, at) in times.iter().rev().take(5) {
        println!("  {time:?} for query {at}, {} characters", kit.queries[*at].len());
    }
}

#[divan::bench]
fn corpus(bencher: Bencher<'_, '_>) {
    let kit = &*KIT;
    bencher
        .counter(divan::counter::ItemsCount::new(kit.queries.len()))
        .bench_local(|| kit.queries.iter().filter(|text| compile(kit, text)).count());
}

#[divan::bench]
fn large_unifying_parser(bencher: Bencher<'_, '_>) {
    let kit = &*KIT;
    let text = "imLarge(starttime=ago(1d), names=dynamic(['srv1'])) | where Kind == 'x' | summarize count() by Dvc, User";
    assert!(compile(kit, text));
    bencher.bench_local(|| compile(kit, text));
}

#[divan::bench]
fn shipped_unifying_parser(bencher: Bencher<'_, '_>) {
    let kit = &*KIT;
    let text = "union _Im_ProcessEvent, _Im_Authentication, _Im_NetworkSession, _Im_Dns | where User has 'x' | take 10";
    bencher.bench_local(|| compile(kit, text));
}
