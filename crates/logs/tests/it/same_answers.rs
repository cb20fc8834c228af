//! Indexes, statistics, late reading and parts stored apart save work and change no answer: every query answers as the
//! engine does over plain rows that know none of them, whether rows lie in memory, in segments, merged, or in both.

use std::sync::Arc;

use engine::Query;
use engine::source::{MemoryCatalog, MemoryTable};
use model::{DateTime, Dynamic, QueryRequest, Rows, ScalarType, Schema, Tables, Value};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::*;

const ROWS: usize = 600;

/// Texts with terms, addresses, parts of terms and signs between them.
fn message(rng: &mut StdRng) -> String {
    const WORDS: [&str; 13] = [
        "failed",
        "Failed",
        "logon",
        "for",
        "root-admin",
        "10.0.0.7",
        "10.0.0.70",
        "C:\\Windows\\cmd.exe",
        "größe",
        "x",
        "shadows /all",
        "mi\u{212a}atz",
        "--",
    ];
    let count = rng.random_range(0..6);
    let words: Vec<&str> = (0..count).map(|_| WORDS[rng.random_range(0..WORDS.len())]).collect();
    words.join([" ", "", ";"][rng.random_range(0..3)])
}

fn properties(rng: &mut StdRng) -> Value {
    let json = match rng.random_range(0..8) {
        0 => return Value::Null,
        1 => "{}".to_owned(),
        2 => format!("[{},\"two\",{{\"city\":\"Oslo\"}}]", rng.random_range(0..5)),
        _ => {
            let city =
                ["Oslo", "Lima", "", "10.0.0.7", "a\\nlost\\u0001fx"][rng.random_range(0..5)];
            let code = ["0", "50126", "\"50126\"", "1.5", "null"][rng.random_range(0..5)];
            let list =
                ["[]", "[{\"name\":\"a\",\"ok\":true}]", "[{\"name\":\"b\"},{\"name\":\"a\"}]"]
                    [rng.random_range(0..3)];
            format!(
                "{{\"city\":\"{city}\",\"code\":{code},\"n\":{},\"ok\":{},\"list\":{list},\"deep\":{{\"id\":\"{}\"}}}}",
                rng.random_range(-3..40),
                rng.random_bool(0.5),
                rng.random_range(0..2000)
            )
        }
    };
    Value::Dynamic(Dynamic::parse_json(&json).unwrap())
}

fn random(rng: &mut StdRng, first: usize) -> Rows {
    let schema = Schema::new([
        ("TimeGenerated", ScalarType::DateTime),
        ("Writer", ScalarType::String),
        ("Number", ScalarType::Long),
        ("Message", ScalarType::String),
        ("Properties", ScalarType::Dynamic),
    ]);
    let row = |at: usize| {
        let late = rng.random_range(-50_000 * SECOND..50_000 * SECOND); // no two alike: nothing hangs on ties
        let writer = ["ann", "Bob", "", "10.0.0.7"][rng.random_range(0..4)];
        let number = if rng.random_bool(0.1) {
            Value::Null
        } else {
            Value::Long(rng.random_range(-5..(first + at + 10) as i64))
        };
        vec![
            Value::DateTime(DateTime::from_ticks(noon().ticks() + late)),
            Value::string(writer),
            number,
            Value::string(message(rng)),
            properties(rng),
        ]
    };
    Rows::from_values(Arc::new(schema), (0..ROWS).map(row).collect::<Vec<_>>())
}

const CONDITIONS: [&str; 75] = [
    "true",
    "Message has 'failed'",
    "Message has_cs 'Failed'",
    "Message !has 'failed'",
    "not(Message has 'nowhere') and Number > 5",
    "Message has 'nowhere' or Writer has 'ann' or tostring(Properties) has '50126'",
    "Message has 'nowhere' or isempty(Message)",
    "* has 'lima' or Message == 'nowhere'",
    "* contains 'edlog'",
    "* contains 'led logon fo'",
    "* contains 'slo'",
    "* contains '.0.0.7'",
    "* contains 'nowherenear'",
    "* startswith 'fail'",
    "* startswith 'failed lo'",
    "* endswith 'exe'",
    "* hasprefix 'osl'",
    "* hassuffix 'ilure'",
    "* contains 'öss' or * contains 'RÖSS'",
    "Message hasprefix 'nowh'",
    "Message startswith 'größ'",
    "Properties hasprefix 'osl'",
    "Properties startswith '{\"cit'",
    "Message has '10.0.0.7'",
    "Message has '0.0'",
    "Message has_any ('root', 'größe')",
    "Message has_all ('failed', 'logon')",
    "Message hasprefix 'log'",
    "Message hassuffix 'ilure' or Message hassuffix 'gon'",
    "Message contains '0.0.70'",
    "Message contains 'failedlogon'",
    "Message !contains 'o'",
    "Message startswith 'failed logon'",
    "Message endswith '.exe'",
    "Message endswith ' x'",
    "Message =~ 'FAILED'",
    "Message == ''",
    "Message != 'failed'",
    "Message in ('failed', 'logon for', 'x')",
    "Message in~ ('FAILED', 'x')",
    "Message matches regex @'10\\.0\\.0\\.7\\d'",
    "Writer == '10.0.0.7'",
    "Writer in ('ann', 'nobody')",
    "Writer !in ('ann', '')",
    "isempty(Writer) or Number > 700",
    "Number == 12",
    "Number between (100 .. 140)",
    "Number !in (1, 2, 3)",
    "isnull(Number)",
    "Number > 2 and Message has 'logon' and Writer == 'ann'",
    "TimeGenerated > datetime(2026-06-10T13:00:00Z)",
    "TimeGenerated between (datetime(2026-06-10T11:00:00Z) .. 30m)",
    "tostring(Properties.city) == 'Oslo'",
    "tostring(Properties.city) in ('Lima', '10.0.0.7') and toint(Properties.n) < 5",
    "toint(Properties.code) == 50126",
    "tostring(Properties.code) == '50126' or tobool(Properties.ok)",
    "isempty(tostring(Properties.deep.id))",
    "tolong(Properties.deep.id) > 1000",
    "tostring(Properties.list[0].name) == 'a'",
    "Properties has 'oslo'",
    "Properties.n == 7",
    "Message has 'nowhere'",
    "toupper(Message) contains 'ÖSS' and toupper(Message) contains 'SSE'",
    "Message contains 'nowhere' or Writer endswith 'nobody' or Number == 99999",
    "Message has 'failed' and Writer in ('carl', 'dora')",
    "Message has 'größer'",
    "Message in~ ('mikatz', 'nowhere')",
    "Message has 'mikatz' or Message has_cs 'mi\u{212a}atz'",
    "Message has_any ('mikatz', 'größer')",
    "Message =~ 'mikatz' or tolower(Message) startswith 'mikatz'",
    "tolower(Writer) == 'nobody' and rand() < 2",
    "tostring(Properties.city) == 'Rome'",
    "Number in (99999, 100000) and Message has 'logon'",
    "Message has_all ('failed', 'nowhere')",
    "Message startswith 'logon' and not(Message has 'logon')",
];

const SHAPES: [&str; 20] = [
    "project TimeGenerated, Writer, Number, Message, Properties",
    "count",
    "summarize n=count(), s=sum(Number), d=dcount(Message, 4) by Writer",
    "summarize n=count() by bin(TimeGenerated, 1h), City=tostring(Properties.city)",
    "summarize take=make_set(Writer), m=max(Number), t=min(TimeGenerated) | extend take=array_sort_asc(take)",
    "extend N=tolong(Properties.n), C=tostring(Properties.city) | where N > 3 | summarize sum(N), countif(Number > 10) by C",
    "extend Code=tostring(Properties.code) | extend Long=strcat(Code, '-', tostring(Properties.deep.id)) | project Long, Writer",
    "summarize arg_max(TimeGenerated, Message, City=tostring(Properties.city)) by Writer",
    "sort by Number desc, TimeGenerated asc | take 5 | project Number, Message, TimeGenerated",
    "sort by TimeGenerated asc, Message asc, Writer asc | extend before=prev(Message) | summarize countif(before == Message)",
    "top 3 by TimeGenerated desc | project TimeGenerated, Writer, Message",
    "top 4 by TimeGenerated asc | extend City=tostring(Properties.city) | project TimeGenerated, City",
    "extend n=Number | sort by n asc nulls first, TimeGenerated asc | take 2 | project n, Message, Properties",
    "distinct Writer, Kind=tostring(Properties.list[0].name)",
    "mv-expand item = Properties.list | summarize count() by name=tostring(item.name), ok=tobool(item.ok)",
    "join kind=inner (Other | project Writer, Right=Number, Town=tostring(Properties.city)) on Writer | summarize count(), sum(Right) by Writer, Town",
    "join kind=leftanti (Other | where Message has 'root' | project Number) on Number | count",
    "join kind=leftouter (Other | summarize Most=max(Number) by Message) on Message | summarize count(), sum(Most) by isnull(Most)",
    "parse Message with * 'logon' rest | summarize count() by rest",
    "summarize countif(Number > 9), dcountif(Writer, isnotempty(Message)), min(tolong(Properties.n)) by ok=tobool(Properties.ok)",
];

const WHOLE: [&str; 9] = [
    "search 'failed' | summarize count() by $table",
    "search in (Events) '10.0.0.7' | summarize count() by Writer",
    "union Events, Other | where * has 'größe' | summarize count(), sum(Number)",
    "union withsource=T Events, Other | summarize count() by T, tostring(Properties.city)",
    "union Events, Other | where Message has 'logon' | top 5 by TimeGenerated desc | project TimeGenerated, Number",
    "union Events, Other | sort by Number desc nulls last, TimeGenerated asc | take 70 | summarize sum(Number), max(TimeGenerated)",
    "Events | where Writer has 'nobody' or Number > 2 | join kind=inner (Other | where Writer == 'ann' | project Writer, Right=Number) on Writer | summarize count(), sum(Right)",
    "find in (Events, Other) where Message has 'root' project Number, Writer",
    "let ids = Events | where Message has 'root' | distinct Number; Other | where Number in (ids) | count",
];

fn queries() -> impl Iterator<Item = String> {
    let crossed = CONDITIONS.iter().enumerate().flat_map(|(at, condition)| {
        // each condition with each third shape, each shape with each third condition
        let shapes = SHAPES.iter().enumerate().filter(move |(shape, _)| (shape + at) % 3 == 0);
        shapes.map(move |(_, shape)| format!("Events | where {condition} | {shape}"))
    });
    crossed.chain(WHOLE.iter().map(|text| (*text).to_owned()))
}

fn sorted(rows: impl Iterator<Item = Vec<Value>>) -> Vec<String> {
    let mut texts: Vec<String> = rows.map(|row| format!("{row:?}")).collect();
    texts.sort();
    texts
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    Memory,
    Segments,
    Merged,
    Both,
}

async fn house(place: Where, tables: &[(&str, Vec<Rows>)]) -> House {
    let house = House::new();
    for (name, pieces) in tables {
        for (at, rows) in pieces.iter().enumerate() {
            append(house.store(), name, rows.clone(), noon(), None).await.unwrap();
            let seals = match place {
                Where::Memory => false,
                Where::Segments | Where::Merged => true,
                Where::Both => at + 1 < pieces.len(),
            };
            if seals {
                house.store().flush().unwrap();
            }
        }
    }
    if place == Where::Merged {
        house.store().maintain().unwrap();
    }
    house
}

#[tokio::test]
async fn every_query_answers_the_same_wherever_rows_lie() {
    let seed: u64 = rand::rng().random();
    let mut rng = StdRng::seed_from_u64(seed);
    let tables = [
        ("Events", (0..3).map(|at| random(&mut rng, at * ROWS)).collect::<Vec<_>>()),
        ("Other", vec![random(&mut rng, 0)]),
    ];
    let mut catalog = MemoryCatalog::default();
    for (name, pieces) in &tables {
        let batches = pieces.iter().flat_map(|rows| rows.batches.clone()).collect();
        let rows = Rows { schema: Arc::clone(&pieces[0].schema), batches };
        catalog.insert(Arc::new(MemoryTable::new(name, rows)));
    }
    let catalog: Arc<dyn engine::source::Catalog> = Arc::new(catalog);
    let mut houses = Vec::new();
    for place in [Where::Memory, Where::Segments, Where::Merged, Where::Both] {
        houses.push((place, house(place, &tables).await));
    }
    let mut known = Vec::new();
    for text in queries() {
        let plain = engine::query(&Query::new(&text, Arc::clone(&catalog), noon()));
        let plain = plain.unwrap_or_else(|e| panic!("{e}\n{text}"));
        let plain = sorted(plain.tables[0].rows.values());
        for (place, house) in &houses {
            // asked twice: what was kept by the first time answers the second
            for turn in 0..2 {
                let request = QueryRequest::new(WORKSPACE, text.as_str(), noon());
                let answer = house.store().query(request).await;
                let answer = answer.unwrap_or_else(|e| panic!("{e}\n{text}"));
                let answer = sorted(answer.tables[0].rows.values());
                assert_eq!(answer, plain, "seed {seed}, {place:?}, turn {turn}\n{text}");
            }
        }
        known.push((text, plain));
    }
    for (place, house) in &houses {
        check_screening(house, &known, &format!("seed {seed}, {place:?}")).await;
    }
}

/// What is screened out has no rows; and of plain conditions, those that have none are all found.
async fn check_screening(house: &House, known: &[(String, Vec<String>)], what: &str) {
    let request = |(text, _): &(String, _)| QueryRequest::new(WORKSPACE, text.as_str(), noon());
    let requests: Vec<QueryRequest> = known.iter().map(request).collect();
    let screened = house.store().screen(&requests).await;
    assert_eq!(screened.len(), known.len());
    for (((text, rows), screened), request) in known.iter().zip(screened).zip(requests) {
        match screened {
            Some(answer) => {
                assert!(rows.is_empty(), "{what}\n{text}");
                let asked = house.store().query(request).await.unwrap();
                assert_eq!(answer.tables[0].rows.schema, asked.tables[0].rows.schema, "{text}");
                assert_eq!(answer.tables[0].name, asked.tables[0].name);
            }
            None => {
                let plain = text.ends_with(SHAPES[0]) && !text.contains("rand()");
                assert!(!plain || !rows.is_empty(), "{what}, not found to have no rows\n{text}");
            }
        }
    }
}

/// A text sought in a dynamic value is found as it is in the value's own text.
#[test]
fn texts_are_found_in_dynamic_values_as_in_their_json() {
    let seed: u64 = rand::rng().random();
    let mut rng = StdRng::seed_from_u64(seed);
    let rows = random(&mut rng, 0);
    let json: Vec<String> =
        rows.values().map(|row| row[4].cast(ScalarType::String).to_string()).collect();
    let mut catalog = MemoryCatalog::default();
    catalog.insert(Arc::new(MemoryTable::new("Events", rows)));
    let catalog: Arc<dyn engine::source::Catalog> = Arc::new(catalog);
    for turn in 0..400 {
        let text = &json[rng.random_range(0..json.len())];
        let from = rng.random_range(0..text.len().max(1));
        let needle =
            text.get(from..(from + rng.random_range(3..9)).min(text.len())).unwrap_or("oslo");
        let needle = needle.replace('\\', "\\\\").replace('"', "\\\"");
        let operator =
            ["contains", "has", "hasprefix", "hassuffix", "contains_cs", "startswith"][turn % 6];
        let count = |tested: &str| {
            let text = format!("Events | where {tested} {operator} \"{needle}\" | count");
            let answer = engine::query(&Query::new(&text, Arc::clone(&catalog), noon()));
            sorted(answer.unwrap().tables[0].rows.values())
        };
        let (short, long) = (count("Properties"), count("strcat(tostring(Properties), '')"));
        assert_eq!(short, long, "seed {seed}: {operator} {needle}");
    }
}
