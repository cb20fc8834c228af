//! Any text as a query over small tables: parsed, bound and run within limits; rows that fit their schema, or an error.
#![no_main]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engine::Query;
use engine::source::{Catalog, MemoryCatalog, MemoryTable};
use libfuzzer_sys::fuzz_target;
use model::{DateTime, FunctionDefinition, QueryAnswer, QueryError, Rows};

/// Tables with every type, with nulls, and with names that security content uses.
const TABLES: [(&str, &str); 4] = [
    (
        "T",
        "datatable(b:bool, i:int, l:long, r:real, m:decimal, t:datetime, d:timespan, g:guid, s:string, y:dynamic)[
            true, 1, 2, 3.5, decimal(4.5), datetime(2024-05-01T10:00:00.1234567Z), timespan(1.02:03:04.5), guid(74be27de-1e4e-49d9-b579-fe0b331d3642), 'alpha beta', dynamic({'a': [1, 2, {'b': 'c'}], 'k': null}),
            false, -1, -2, real(nan), decimal(-0.1), datetime(1601-01-01), -1s, guid(null), '', dynamic([3, 'x', 2.5]),
            bool(null), int(null), long(null), real(null), decimal(null), datetime(null), timespan(null), guid(null), 'Ünï 10.1.2.3 a=1;b=2', dynamic(null)]",
    ),
    (
        "SecurityEvent",
        "datatable(TimeGenerated:datetime, EventID:int, Account:string, Computer:string, CommandLine:string, EventData:string, Type:string)[
            datetime(2024-05-31T10:00:00Z), 4624, 'CONTOSO\\\\ann', 'dc1', 'cmd.exe /c whoami', '<Data Name=\"x\">1</Data>', 'SecurityEvent',
            datetime(2024-06-01T11:00:00Z), 4625, 'CONTOSO\\\\bob', 'ws7', 'powershell -enc AAAA', '', 'SecurityEvent']",
    ),
    (
        "SigninLogs",
        "datatable(TimeGenerated:datetime, UserPrincipalName:string, IPAddress:string, ResultType:string, LocationDetails:dynamic, Latency:long)[
            datetime(2024-06-01T09:00:00Z), 'ann@contoso.com', '203.0.113.7', '0', dynamic({'city': 'Bern', 'geo': {'lat': 46.9}}), 12,
            datetime(2024-06-01T09:05:00Z), 'bob@contoso.com', '2001:db8::1', '50126', dynamic(null), long(null)]",
    ),
    ("Empty", "datatable(TimeGenerated:datetime, Name:string, Value:long, Bag:dynamic)[]"),
];

fn now() -> DateTime {
    DateTime::parse("2024-06-01T12:00:00Z").expect("a date")
}

fn catalog() -> Arc<dyn Catalog> {
    static CATALOG: OnceLock<Arc<MemoryCatalog>> = OnceLock::new();
    Arc::clone(CATALOG.get_or_init(|| {
        let mut catalog = MemoryCatalog::default();
        for (name, text) in TABLES {
            let asked = Query::new(text, Arc::new(MemoryCatalog::default()), now());
            let rows: Rows = engine::query(&asked).expect("a table").tables.pop().expect("rows").rows;
            catalog.insert(Arc::new(MemoryTable::new(name, rows)));
        }
        for (name, parameters, body) in [
            ("Saved", "", "T | where l > 0"),
            ("Since", "from:datetime = datetime(null), what:dynamic = dynamic([])", "SecurityEvent | where isnull(from) or TimeGenerated > from"),
            ("Through", "rows:(TimeGenerated:datetime), n:long = 1", "rows | take n"),
            ("Again", "n:long", "union (print n), (Again(n + 1))"),
        ] {
            catalog.insert_function(FunctionDefinition { name: name.into(), parameters: parameters.into(), body: body.into() });
        }
        Arc::new(catalog)
    })) as Arc<dyn Catalog>
}

fn ask(text: &str, threads: usize) -> Result<QueryAnswer, QueryError> {
    let mut query = Query::new(text, catalog(), now());
    query.limits.rows_max = 10_000;
    query.limits.bytes_max = 8 << 20;
    query.limits.memory_max = 32 << 20;
    query.limits.time_max = Duration::from_secs(1);
    query.threads = threads;
    engine::query(&query)
}

fuzz_target!(|text: &str| {
    let parsed = kql::parse(text);
    for found in &parsed.diagnostics {
        assert!(found.span.end as usize <= text.len());
        assert!(text.is_char_boundary(found.span.start as usize));
    }
    let _ = parsed.query.dump();
    let Ok(answer) = ask(text, 1) else { return };
    for table in &answer.tables {
        let rows = &table.rows;
        for batch in &rows.batches {
            assert_eq!(batch.columns.len(), rows.schema.len());
            assert!(batch.columns.iter().all(|column| column.len() == batch.rows));
        }
        for row in rows.values().take(50) {
            assert_eq!(row.len(), rows.schema.len());
            for (value, column) in row.iter().zip(&rows.schema.columns) {
                assert!(value.scalar_type().is_none_or(|ty| ty == column.ty), "{value:?} in {}", column.ty);
                let _ = value.to_string();
            }
        }
    }
});
