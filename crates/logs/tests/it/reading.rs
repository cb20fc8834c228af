//! What was appended is read: from memory, from segments, from both, before and after a restart.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use engine::source::{Comparison, Hint};
use model::{ColumnBuilder, DateTime, Rows, ScalarType, Schema, Value};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::*;

const ALL: [&str; 6] = ["TimeGenerated", "Writer", "Number", "Message", "Properties", "_ItemId"];

fn sorted(mut rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    rows.sort_by_key(|r| long(&r[2]));
    rows
}

#[tokio::test]
async fn rows_are_the_same_in_memory_in_segments_and_after_restarts() {
    let mut house = House::new();
    let now = noon();
    for i in 0..20 {
        let count = [1, 7, 300, 2000][i % 4];
        let first = i as i64 * 10_000;
        append(house.store(), "Events", rows("w", first, count), now, None).await.unwrap();
    }
    let ask = Ask::columns(&ALL);
    let first = sorted(read(house.store(), "Events", &ask).unwrap());
    assert_eq!(first.len(), 5 * 2308);
    let want = rows("w", 30_000, 2000);
    let got: Vec<&Vec<Value>> =
        first.iter().filter(|r| (30_000..40_000).contains(&long(&r[2]))).collect();
    for (want, got) in want.values().zip(got) {
        assert_eq!(&want[..], &got[..5]);
    }
    let ids: HashSet<String> = first.iter().map(|r| text(&r[5])).collect();
    assert_eq!(ids.len(), first.len());

    house.open().unwrap();
    assert!(sorted(read(house.store(), "Events", &ask).unwrap()) == first, "from the log");
    house.store().flush().unwrap();
    assert!(!house.files(".parquet").is_empty());
    assert!(sorted(read(house.store(), "Events", &ask).unwrap()) == first, "from segments");
    house.open().unwrap();
    assert!(sorted(read(house.store(), "Events", &ask).unwrap()) == first, "from listed segments");
    append(house.store(), "Events", rows("w", 900_000, 3), now, None).await.unwrap();
    assert_eq!(read(house.store(), "Events", &ask).unwrap().len(), first.len() + 3, "from both");
}

#[tokio::test]
async fn system_columns_are_filled() {
    let mut house = House::new();
    let received = DateTime::from_ticks(noon().ticks() + 5);
    let bare = model::Rows::from_values(
        std::sync::Arc::new(model::Schema::new([("Number", ScalarType::Long)])),
        [vec![Value::Long(1)]],
    );
    append(house.store(), "Events", bare, received, None).await.unwrap();
    let ask = Ask::columns(&["Type", "TenantId", "TimeGenerated", "ingestion_time()", "Message"]);
    for step in 0..3 {
        let rows = read(house.store(), "Events", &ask).unwrap();
        let want = vec![
            Value::string("Events"),
            Value::string(WORKSPACE),
            Value::DateTime(received),
            Value::DateTime(received),
            Value::string(""),
        ];
        assert_eq!(rows, [want]);
        match step {
            0 => house.store().flush().unwrap(),
            _ => house.open().unwrap(),
        }
    }
}

/// Values of every type, extremes among them.
#[tokio::test]
async fn every_type_keeps_its_values() {
    let mut house = House::new();
    let mut info = table("Types_CL", &[]);
    let names: Vec<String> = ScalarType::ALL.iter().map(|t| format!("c_{}", t.name())).collect();
    info.kind = model::TableKind::Custom;
    let columns: Vec<(&str, ScalarType)> =
        names.iter().map(String::as_str).zip(ScalarType::ALL).collect();
    info.schema = std::sync::Arc::new(model::Schema::new(columns));
    model::Tables::put_table(&**house.store(), WORKSPACE, info.clone(), false).await.unwrap();
    let extremes: HashMap<ScalarType, Vec<Value>> = [
        (ScalarType::Bool, vec![Value::Bool(true), Value::Bool(false)]),
        (ScalarType::Int, vec![Value::Int(i32::MIN), Value::Int(i32::MAX)]),
        (ScalarType::Long, vec![Value::Long(i64::MIN), Value::Long(i64::MAX)]),
        (
            ScalarType::Real,
            vec![Value::Real(f64::INFINITY), Value::Real(-0.0), Value::Real(1e-300)],
        ),
        (ScalarType::Decimal, vec![Value::Decimal(model::Decimal::from_bytes([7; 16]))]),
        (ScalarType::String, vec![Value::string("é\u{0}\n"), Value::string("x".repeat(100_000))]),
        (
            ScalarType::Guid,
            vec![Value::Guid(model::Guid([255; 16])), Value::Guid(model::Guid([0; 16]))],
        ),
        (
            ScalarType::DateTime,
            vec![
                Value::DateTime(DateTime::MIN),
                Value::DateTime(DateTime::MAX),
                Value::DateTime(DateTime::from_ticks(noon().ticks() + 1)),
            ],
        ),
        (ScalarType::TimeSpan, vec![Value::TimeSpan(model::TimeSpan::from_ticks(i64::MIN))]),
        (
            ScalarType::Dynamic,
            vec![Value::Dynamic(
                model::Dynamic::parse_json("{\"a\":[1,null,\"\\u0000\"]}").unwrap(),
            )],
        ),
    ]
    .into();
    let mut builders: Vec<ColumnBuilder> =
        ScalarType::ALL.iter().map(|t| ColumnBuilder::new(*t, 0)).collect();
    for row in 0..7 {
        for (builder, ty) in builders.iter_mut().zip(ScalarType::ALL) {
            builder.push(extremes[&ty].get(row).unwrap_or(&Value::Null));
        }
    }
    let batch = model::Batch::new(builders.into_iter().map(ColumnBuilder::finish).collect());
    let given = model::Rows::new(info.schema.clone(), batch);
    let want: Vec<Vec<Value>> = given.values().collect();
    append(house.store(), "Types_CL", given, noon(), None).await.unwrap();
    let names: Vec<&'static str> =
        names.into_iter().map(|n| &*Box::leak(n.into_boxed_str())).collect();
    for step in 0..3 {
        assert_eq!(read(house.store(), "Types_CL", &Ask::columns(&names)).unwrap(), want);
        match step {
            0 => house.store().flush().unwrap(),
            _ => house.open().unwrap(),
        }
    }
}

#[tokio::test]
async fn bounds_are_exact_everywhere() {
    let house = House::new();
    for i in 0..4_i64 {
        let received = DateTime::from_ticks(noon().ticks() + i * DAY / 10);
        append(house.store(), "Events", rows("w", i * 1500, 3000), received, None).await.unwrap();
        if i == 1 {
            house.store().flush().unwrap();
        }
    }
    let base = noon().ticks();
    let all = read(house.store(), "Events", &Ask::columns(&["TimeGenerated", "ingestion_time()"]))
        .unwrap();
    let ranges = [
        (i64::MIN, i64::MAX),
        (base, base),
        (base + 1, base + 1),
        (base + 100 * SECOND, base + 2000 * SECOND),
        (base + 2999 * SECOND, base + 3001 * SECOND + 1),
        (base + DAY / 10, base + DAY / 10),
        (base + DAY, base - DAY),
    ];
    for time in ranges {
        for ingested in ranges {
            let ask =
                Ask { time: Some(time), ingested: Some(ingested), ..Ask::columns(&["Number"]) };
            let inside = |v: &Value, r: (i64, i64)| (r.0..=r.1).contains(&long(v));
            let want =
                all.iter().filter(|r| inside(&r[0], time) && inside(&r[1], ingested)).count();
            assert_eq!(
                read(house.store(), "Events", &ask).unwrap().len(),
                want,
                "{time:?} {ingested:?}"
            );
            let count = Ask { columns: vec![], ..ask };
            assert_eq!(read(house.store(), "Events", &count).unwrap().len(), want);
        }
    }
}

#[tokio::test]
async fn a_limit_is_kept() {
    let house = House::new();
    append(house.store(), "Events", rows("w", 0, 5000), noon(), None).await.unwrap();
    house.store().flush().unwrap();
    append(house.store(), "Events", rows("w", 5000, 5000), noon(), None).await.unwrap();
    for limit in [0, 1, 4999, 5001, 20_000] {
        let ask = Ask { limit: Some(limit), ..Ask::columns(&["Number"]) };
        assert_eq!(read(house.store(), "Events", &ask).unwrap().len(), limit.min(10_000));
    }
}

/// Hints may leave rows out only if the hint does not hold for them: random hints over random rows.
#[tokio::test]
async fn hints_never_lose_a_row_that_meets_them() {
    let mut random = StdRng::seed_from_u64(42);
    let house = House::new();
    let words = ["alpha", "beta", "gamma", "Ünder", "x1", "10.0.0.7", "C:\\temp", "", "delta-99"];
    let schema = std::sync::Arc::new(model::Schema::new([
        ("Writer", ScalarType::String),
        ("Number", ScalarType::Long),
        ("Message", ScalarType::String),
        ("Properties", ScalarType::Dynamic),
    ]));
    for part in 0..6 {
        let row = |_| {
            let mut word = || words[random.random_range(0..words.len())];
            let message = format!("{} {}_{}", word(), word(), word());
            let json = format!(
                "{{\"{}\":\"{}\\n{}\"}}",
                word().replace('\\', "/"),
                "tab",
                word().replace('\\', "/")
            );
            vec![
                Value::string(word()),
                Value::Long(random.random_range(-5..5) * 1000 + part),
                Value::string(message),
                Value::Dynamic(model::Dynamic::parse_json(&json).unwrap()),
            ]
        };
        let rows = model::Rows::from_values(schema.clone(), (0..1500).map(row));
        append(house.store(), "Events", rows, noon(), None).await.unwrap();
        if part < 4 {
            house.store().flush().unwrap();
        }
    }
    let columns = ["Writer", "Number", "Message", "Properties"];
    let all = read(house.store(), "Events", &Ask::columns(&columns)).unwrap();
    let at = |name: &str| events().schema.position(name).unwrap();
    for _ in 0..60 {
        let word = words[random.random_range(0..words.len())];
        let number = random.random_range(-6000..6000);
        let column = ["Writer", "Message", "Properties"][random.random_range(0..3)];
        let place = columns.iter().position(|c| *c == column).unwrap();
        let terms: Vec<String> = word
            .split(|c: char| !c.is_alphanumeric())
            .filter(|t| !t.is_empty())
            .map(str::to_lowercase)
            .collect();
        let has = |r: &Vec<Value>| {
            let json;
            let hay = match &r[place] {
                Value::Dynamic(d) => {
                    json = d.to_json_text().replace("\\n", " ");
                    json.to_lowercase()
                }
                other => text(other).to_lowercase(),
            };
            terms.iter().all(|t| hay.split(|c: char| !c.is_alphanumeric()).any(|w| w == t))
        };
        let hint = Hint::Terms { column: Some(at(column)), terms: terms.clone() };
        let greater = Hint::Compare {
            column: at("Number"),
            op: Comparison::Greater,
            value: Value::Long(number),
        };
        let equal = Hint::In { column: at("Writer"), values: vec![Value::string(word)] };
        let is_greater = |r: &Vec<Value>| long(&r[1]) > number;
        let is_equal = |r: &Vec<Value>| text(&r[0]) == word;
        let cases: [(Hint, &dyn Fn(&Vec<Value>) -> bool); 5] = [
            (hint.clone(), &has),
            (greater.clone(), &is_greater),
            (equal.clone(), &is_equal),
            (Hint::All(vec![hint.clone(), greater.clone()]), &|r| has(r) && is_greater(r)),
            (Hint::Any(vec![hint, greater, equal]), &|r| has(r) || is_greater(r) || is_equal(r)),
        ];
        for (hint, meets) in cases {
            let ask = Ask { hints: vec![hint.clone()], ..Ask::columns(&columns) };
            let got = read(house.store(), "Events", &ask).unwrap();
            let count = |rows: &[Vec<Value>]| rows.iter().filter(|r| meets(r)).count();
            assert_eq!(count(&got), count(&all), "{hint:?}");
        }
    }
}

/// A row with values of its own in the columns that a table makes takes nothing from rows that have none.
#[tokio::test]
async fn made_columns_stay_beside_rows_that_bring_their_own() {
    let mut house = House::new();
    let schema = Schema::new(
        ["Writer", "Type", "TenantId", "_ItemId"].map(|name| (name, ScalarType::String)),
    );
    let own = ["odd", "Elsewhere", "another", "an-id"].map(Value::string).to_vec();
    let odd = Rows::from_values(Arc::new(schema), [own]);
    append(house.store(), "Events", odd, noon(), None).await.unwrap();
    for number in 0..40 {
        append(house.store(), "Events", rows("ann", number, 1), noon(), None).await.unwrap();
    }
    let ask = Ask::columns(&["Writer", "Number", "Type", "TenantId", "_ItemId"]);
    let mut before = None;
    for step in ["in memory", "from the log", "sealed"] {
        match step {
            "from the log" => house.open().unwrap(),
            "sealed" => house.store().flush().unwrap(),
            _ => {}
        }
        let mut found = read(house.store(), "Events", &ask).unwrap();
        found.sort_by_key(|row| row[1].as_i64());
        assert_eq!(found.len(), 41, "{step}");
        let mut ids = HashSet::new();
        for row in &found {
            let text = |at: usize| row[at].as_str().unwrap_or_default().to_owned();
            let (kind, tenant) =
                if text(0) == "odd" { ("Elsewhere", "another") } else { ("Events", WORKSPACE) };
            assert_eq!((&*text(2), &*text(3)), (kind, tenant), "{step}: {row:?}");
            assert!(!text(4).is_empty() && ids.insert(text(4)), "{step}: {row:?}");
        }
        assert!(before.replace(found.clone()).is_none_or(|before| before == found), "{step}");
    }
}
