//! docs/kql.md: what of KQL is there, told by the engine itself. Operators and special forms are tried with a sample;
//! functions, aggregates and plugins are there when their tables hold them. `GOLDEN=1` writes the page.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use engine::functions::{self, ParameterKind, ResultKind, Signature, Signatures};
use engine::source::MemoryCatalog;
use engine::{Query, aggregates, plugins};
use model::DateTime;

/// Rows for the samples.
const SAMPLE: &str = "let T = datatable(a:long, b:string, c:dynamic, t:datetime) \
    [1, 'x=1', dynamic([1,2]), datetime(2024-01-01), 2, 'y=2', dynamic([3]), datetime(2024-01-02)];\n";

/// Statements: what each does, and a sample.
const STATEMENTS: &[(&str, &str, &str)] = &[
    (
        "let",
        "names a value, a table or a function",
        "let f = (n:long, m:long=2) { n * m }; print f(2)",
    ),
    ("set", "options of the request", "set notruncation; print 1"),
    (
        "declare query_parameters",
        "values that come beside the text",
        "declare query_parameters(n:long=1); print n",
    ),
    (
        "alias database",
        "another name of a database",
        "alias database d = database('default'); print 1",
    ),
    (
        "declare pattern",
        "names that stand for queries",
        "declare pattern p = (a:string) { ('x') = { print 1 } }; p('x')",
    ),
    (
        "restrict access",
        "narrows what a query may read",
        "let v = view() { print 1 }; restrict access to (v); v",
    ),
];

/// Tabular operators: what each does, and a sample.
const OPERATORS: &[(&str, &str, &str)] = &[
    ("as", "names the rows so far", "T | as X | take 1"),
    (
        "assert-schema",
        "fails unless the columns are these",
        "T | project a | assert-schema (a:long)",
    ),
    ("consume", "reads all, gives nothing", "T | consume"),
    ("count", "number of rows", "T | count"),
    ("datatable", "rows written in the query", "datatable(a:long)[1]"),
    ("distinct", "different combinations of columns", "T | distinct a"),
    ("evaluate", "runs a plugin", "T | project c=bag_pack('k', a) | evaluate bag_unpack(c)"),
    ("extend", "adds columns", "T | extend d = a + 1"),
    (
        "externaldata",
        "rows of an address outside",
        "externaldata(a:string) ['https://example.org/x.csv']",
    ),
    ("facet", "one table per column, with counts", "T | facet by a"),
    ("filter", "another name of where", "T | filter a > 1"),
    ("find", "rows of several tables that match", "find in (T) where a == 1"),
    ("fork", "several pipelines over the same rows", "T | fork (count) (take 1)"),
    ("getschema", "columns and types as rows", "T | getschema"),
    (
        "graph-mark-components",
        "connected parts of a graph",
        "T | make-graph a --> a | graph-mark-components kind=weak | graph-to-table nodes",
    ),
    (
        "graph-match",
        "patterns in a graph",
        "T | make-graph a --> a | graph-match (m)-[e]->(n) project e.a",
    ),
    (
        "graph-shortest-paths",
        "shortest ways in a graph",
        "T | make-graph a --> a | graph-shortest-paths (m)-[e*1..2]->(n) project e.a",
    ),
    (
        "graph-to-table",
        "a graph's nodes and edges as rows",
        "T | make-graph a --> a | graph-to-table edges",
    ),
    (
        "graph-where-edges",
        "a graph's edges, filtered",
        "T | make-graph a --> a | graph-where-edges a > 1 | graph-to-table edges",
    ),
    (
        "graph-where-nodes",
        "a graph's nodes, filtered",
        "T | make-graph a --> a | graph-where-nodes node_degree_in() > 1 | graph-to-table edges",
    ),
    ("invoke", "calls a function on the rows", "let f = (R:(*)) { R | count }; T | invoke f()"),
    (
        "join",
        "rows of two tables that match; nine kinds, innerunique by default",
        "T | join (T) on a",
    ),
    ("limit", "another name of take", "T | limit 1"),
    ("lookup", "adds columns of a smaller table", "T | lookup (T | project a, d=b) on a"),
    (
        "macro-expand",
        "one query over several databases",
        "macro-expand entity_group [database('default')] as X ( T )",
    ),
    ("make-graph", "rows as edges of a graph", "T | make-graph a --> a | graph-to-table edges"),
    (
        "make-series",
        "aggregates per step of an axis, as arrays",
        "T | make-series n=count() on t from datetime(2024-01-01) to datetime(2024-01-03) step 1d",
    ),
    (
        "mv-apply",
        "a pipeline per row over its array's elements",
        "T | mv-apply c to typeof(long) on (summarize s=sum(c))",
    ),
    ("mv-expand", "one row per element of an array", "T | mv-expand c"),
    ("order", "another name of sort", "T | order by a asc"),
    ("parse", "columns out of text, by a pattern", "T | parse b with k '=' v"),
    (
        "parse-kv",
        "columns out of pairs in text",
        "T | parse-kv b as (x:long) with (pair_delimiter=',', kv_delimiter='=')",
    ),
    ("parse-where", "parse, and only rows that match", "T | parse-where b with k '=' v"),
    ("partition", "a pipeline per value of a column", "T | partition by a (take 1)"),
    ("print", "one row of values", "print x=1"),
    ("project", "chooses and computes columns", "T | project a, d=a*2"),
    ("project-away", "drops columns", "T | project-away a"),
    ("project-by-names", "chooses columns by names in values", "T | project-by-names 'a'"),
    ("project-keep", "keeps columns in their order", "T | project-keep a*"),
    ("project-rename", "renames columns", "T | project-rename z=a"),
    ("project-reorder", "puts columns first", "T | project-reorder t"),
    ("range", "rows from one value to another", "range n from 1 to 3 step 1"),
    ("reduce", "groups texts by likeness", "T | reduce by b"),
    ("render", "how a client shall draw the result", "T | project t, a | render timechart"),
    ("sample", "some rows by chance", "T | sample 1"),
    ("sample-distinct", "some different values by chance", "T | sample-distinct 1 of a"),
    ("scan", "sequences of rows, step by step", "T | sort by t asc | scan with (step s: true;)"),
    ("search", "a text anywhere in the rows", "T | search 'x'"),
    ("serialize", "fixes the order of rows", "T | serialize n=row_number()"),
    ("sort", "orders rows", "T | sort by a desc"),
    ("summarize", "groups and aggregates", "T | summarize sum(a) by b"),
    ("take", "some rows", "T | take 1"),
    ("top", "the first rows of an order", "T | top 1 by a"),
    ("top-hitters", "the most frequent values", "T | top-hitters 1 of a"),
    ("top-nested", "the most important values, level by level", "T | top-nested 1 of a by count()"),
    ("union", "rows of several tables", "union T, T"),
    ("where", "rows that fulfil a condition", "T | where a > 1"),
];

/// Spellings that are understood and not worth a line.
const OLD_OPERATORS: &[&str] = &["__partitionby", "execute_and_cache", "mvapply", "mvexpand"];

/// Comparisons of text and values.
const COMPARISONS: &[(&str, &str)] = &[
    ("== != < <= > >=", "T | where a == 1 and a != 2 and a < 2 and a <= 1 and a > 0 and a >= 1"),
    ("=~ !~", "T | where b =~ 'X' or b !~ 'x'"),
    (
        "has !has has_cs !has_cs",
        "T | where b has 'x' or b !has 'x' or b has_cs 'x' or b !has_cs 'x'",
    ),
    ("has_any has_all", "T | where b has_any ('x', 'y') and b has_all ('x')"),
    (
        "hasprefix hassuffix, their ! and _cs forms",
        "T | where b hasprefix 'x' or b !hassuffix_cs '1'",
    ),
    (
        "contains startswith endswith, their ! and _cs forms",
        "T | where b contains 'x' or b !startswith_cs 'y' or b endswith '1'",
    ),
    ("in !in in~ !in~", "T | where a in (1, 2) or a !in (3) or b in~ ('X') or b !in~ ('y')"),
    ("matches regex", "T | where b matches regex '^x'"),
    ("between !between", "T | where a between (1 .. 2) or a !between (1 .. 2)"),
    ("and or not()", "T | where a == 1 and not(a == 2) or a == 2"),
    ("+ - * / %", "T | extend d = a + 1 - 2 * 3 / 4 % 5"),
];

/// Scalar forms that the binder resolves itself.
const FORMS: &[(&str, &str)] = &[
    ("ago(timespan)", "print ago(1d)"),
    ("bag_pack_columns(column, ...)", "T | extend d = bag_pack_columns(a, b)"),
    ("bin_auto(value)", "set query_bin_auto_size=10; T | summarize count() by bin_auto(a)"),
    ("case(condition, value, ..., default)", "T | extend d = case(a == 1, 'x', 'y')"),
    (
        "cluster(name).database(name)",
        "union isfuzzy=true T, cluster('c').database('default').Nowhere",
    ),
    ("column_ifexists(name, default)", "T | extend d = column_ifexists('z', 1)"),
    ("column_names_of(table)", "print column_names_of(T)"),
    ("columnifexists(name, default)", "T | extend d = columnifexists('z', 1)"),
    ("current_database()", "print current_database()"),
    ("database(name)", "union isfuzzy=true T, database('default').Nowhere"),
    ("iff(condition, then, else)", "T | extend d = iff(a == 1, 1, 2)"),
    ("iif(condition, then, else)", "T | extend d = iif(a == 1, 1, 2)"),
    ("ingestion_time()", "T | extend d = ingestion_time()"),
    ("iscolumnexists(name)", "T | extend d = iscolumnexists('z')"),
    ("materialize(table)", "let M = materialize(T | take 1); M"),
    ("next(column, [offset], [default])", "T | serialize d = next(a)"),
    ("not(condition)", "T | where not(a == 1)"),
    ("now([offset])", "print now(1d)"),
    ("pack_all([ignore_empty])", "T | extend d = pack_all()"),
    ("prev(column, [offset], [default])", "T | serialize d = prev(a)"),
    ("row_cumsum(term, [restart])", "T | serialize d = row_cumsum(a)"),
    ("row_number([start], [restart])", "T | serialize d = row_number()"),
    ("row_rank_dense(term, [restart])", "T | sort by a asc | extend d = row_rank_dense(a)"),
    ("row_rank_min(term, [restart])", "T | sort by a asc | extend d = row_rank_min(a)"),
    (
        "row_window_session(time, max_from_first, max_between, [restart])",
        "T | sort by t asc | extend d = row_window_session(t, 1d, 1h)",
    ),
    ("table(name)", "T | union isfuzzy=true table('nowhere')"),
    ("tobool(value)", "print tobool('true')"),
    ("toboolean(value)", "print toboolean('true')"),
    ("todatetime(value)", "print todatetime('2024-01-01')"),
    ("todecimal(value)", "print todecimal('1')"),
    ("todouble(value)", "print todouble('1')"),
    ("toguid(value)", "print toguid('x')"),
    ("toint(value)", "print toint('1')"),
    ("tolong(value)", "print tolong('1')"),
    ("toreal(value)", "print toreal('1')"),
    ("toscalar(table)", "print toscalar(T | count)"),
    ("tostring(value)", "print tostring(1)"),
    ("totable(table)", "T | union (totable(T))"),
    ("totime(value)", "print totime('1d')"),
    ("totimespan(value)", "print totimespan('1d')"),
];

/// Why the engine does not run a text, or nothing.
fn refusal(text: &str) -> Option<String> {
    let now = DateTime::parse("2024-06-01T12:00:00Z").unwrap();
    let text = format!("{SAMPLE}{text}");
    let query = Query::new(&text, Arc::new(MemoryCatalog::default()), now);
    engine::query(&query).err().map(|e| e.to_string())
}

/// The reason without its code; nothing where the version alone is the reason.
fn reason(refusal: &str) -> String {
    let text = refusal.strip_prefix("Semantic error: ").unwrap_or(refusal);
    let text = text.split_once(": ").map_or(text, |(_, rest)| rest);
    if text.contains("by this version") || text.contains("needs rows") {
        "not yet".to_owned()
    } else {
        format!("no: {text}")
    }
}

/// True where the engine says that something will not be, rather than that it is not there yet.
fn on_purpose(call: &str) -> bool {
    refusal(call)
        .is_some_and(|r| r.contains("is not available") || r.contains("is not supported: "))
}

fn types(kind: &ParameterKind) -> String {
    match kind {
        ParameterKind::Types(types) => {
            types.iter().map(|t| t.name()).collect::<Vec<_>>().join(" or ")
        }
        ParameterKind::Tabular => "table".to_owned(),
        _ => String::new(),
    }
}

/// `name(a, [b], c...)`: parameters that may be left out in brackets, those that may be repeated with dots.
fn form(name: &str, signature: &Signature, typed: bool) -> String {
    let shown = signature.parameters.iter().map(|p| {
        let dots = if p.max > 1 { ", ..." } else { "" };
        let kind = types(&p.kind);
        let kind = if kind.is_empty() || !typed { String::new() } else { format!(": {kind}") };
        match p.min {
            0 => format!("[{}{kind}{dots}]", p.name),
            _ => format!("{}{kind}{dots}", p.name),
        }
    });
    format!("{name}({})", shown.collect::<Vec<_>>().join(", "))
}

fn result(signature: &Signature) -> String {
    match &signature.result {
        ResultKind::Fixed(ty) => ty.name().to_owned(),
        ResultKind::Argument(n) | ResultKind::Promoted(n) => format!("as argument {}", n + 1),
        ResultKind::Widest => "the widest number".to_owned(),
        ResultKind::Common | ResultKind::CommonNonDynamic => "the common type".to_owned(),
        ResultKind::TypeLiteral => "as asked".to_owned(),
        ResultKind::Custom(_) => "by its arguments".to_owned(),
    }
}

/// One row for all overloads of a name: its longest form and every result.
fn overloads(page: &mut String, name: &str, signatures: &Signatures) {
    let longest = signatures.overloads.iter().max_by_key(|s| s.parameters.len()).unwrap();
    let mut results: Vec<String> = Vec::new();
    for one in signatures.overloads.iter().map(result) {
        if !results.contains(&one) {
            results.push(one);
        }
    }
    writeln!(
        page,
        "| `{}` | {} |",
        form(name, longest, signatures.overloads.len() == 1),
        results.join(", ")
    )
    .unwrap();
}

/// Splits names into a table of those that are there and a list of those that are not.
fn family<'n>(
    page: &mut String,
    head: &str,
    names: impl Iterator<Item = &'n str>,
    signatures: fn(&str) -> Option<&'static Signatures>,
    there: impl Fn(&str) -> bool,
    call: fn(&str) -> String,
) {
    let all: BTreeMap<&str, &Signatures> =
        names.filter(|n| !n.starts_with("__")).filter_map(|n| Some((n, signatures(n)?))).collect();
    let old = |s: &Signatures| s.replaced_by.is_some();
    writeln!(page, "| {head} | gives |\n|---|---|").unwrap();
    for (name, signatures) in all.iter().filter(|(n, s)| there(n) && !old(s)) {
        overloads(page, name, signatures);
    }
    let list = |wanted: &dyn Fn(&str, &Signatures) -> bool| -> Vec<String> {
        all.iter().filter(|(n, s)| wanted(n, s)).map(|(n, _)| format!("`{n}`")).collect()
    };
    let renamed = list(&|n, s| there(n) && old(s));
    if !renamed.is_empty() {
        writeln!(page, "\nAlso under older names: {}.", renamed.join(" ")).unwrap();
    }
    let never = list(&|n, _| !there(n) && on_purpose(&call(n)));
    if !never.is_empty() {
        writeln!(page, "\nRefused on purpose, with the reason in the error: {}.", never.join(" "))
            .unwrap();
    }
    let missing = list(&|n, s| !there(n) && !old(s) && !on_purpose(&call(n)));
    if !missing.is_empty() {
        writeln!(
            page,
            "\nKnown by name and types, not computed yet ({}): {}.",
            missing.len(),
            missing.join(" ")
        )
        .unwrap();
    }
}

/// A table of samples: what runs, and why the rest does not.
fn tried(page: &mut String, head: &str, samples: &[(&str, &str, &str)]) {
    writeln!(page, "| {head} | does | today |\n|---|---|---|").unwrap();
    for (name, what, sample) in samples {
        let today = refusal(sample).map_or_else(|| "yes".to_owned(), |r| reason(&r));
        writeln!(page, "| `{name}` | {what} | {today} |").unwrap();
    }
}

fn functions_here(name: &str) -> bool {
    let renamed = functions::signatures(name).and_then(|s| s.replaced_by.as_deref());
    functions::find(name).or_else(|| renamed.and_then(functions::find)).is_some()
}

fn aggregates_here(name: &str) -> bool {
    let renamed = functions::aggregate_signatures(name).and_then(|s| s.replaced_by.as_deref());
    aggregates::find(name).or_else(|| renamed.and_then(aggregates::find)).is_some()
}

/// What a reader of Kusto's pages would not expect.
const DIFFERENCES: &str = "\
\n## Where it differs\n\n\
- `hash_combine` and `hash_many` give other numbers than Kusto: how it combines hashes is not documented. `hash` and its \
kin agree.\n\
- `has`, `contains` and their kin also take numbers, which they read as text; `distinct` also takes dynamic columns.\n\
- Formats, patterns, precisions and periods may change from row to row where Kusto wants constants.\n";

fn page() -> String {
    let mut page = String::from(
        "# KQL in vedette\n\n\
         Written by the engine's own tests (`make golden`), so it says what is there and nothing else. In forms, `[...]` may\n\
         be left out and `...` may be repeated. Names, types and results follow the Kusto documentation.\n\n## Statements\n\n",
    );
    tried(&mut page, "statement", STATEMENTS);
    page.push_str("\n## Tabular operators and sources\n\n");
    tried(&mut page, "operator", OPERATORS);
    page.push_str("\n## Comparisons and arithmetic\n\n");
    for (names, _) in COMPARISONS {
        writeln!(page, "- `{names}`").unwrap();
    }
    page.push_str("\n## Forms that see more than values\n\n");
    for (form, _) in FORMS {
        writeln!(page, "- `{form}`").unwrap();
    }
    page.push_str("\n## Scalar functions\n\n");
    let form_names: Vec<&str> = FORMS.iter().map(|(f, _)| f.split('(').next().unwrap()).collect();
    let plain = functions::names().filter(|n| !form_names.contains(n));
    family(&mut page, "function", plain, functions::signatures, functions_here, |n| {
        format!("print {n}()")
    });
    page.push_str("\n## Aggregates\n\n");
    family(
        &mut page,
        "aggregate",
        functions::aggregate_names(),
        functions::aggregate_signatures,
        aggregates_here,
        |n| format!("T | summarize {n}()"),
    );
    page.push_str("\n## Plugins of `evaluate`\n\n");
    let here = |name: &str| name == "pivot" || plugins::find(name).is_some();
    family(
        &mut page,
        "plugin",
        functions::plugin_names(),
        functions::plugin_signatures,
        here,
        |n| format!("T | evaluate {n}()"),
    );
    page.push_str(DIFFERENCES);
    page
}

#[test]
fn every_operator_has_a_sample() {
    for name in kql::operator_names().iter().filter(|n| !OLD_OPERATORS.contains(n)) {
        assert!(
            OPERATORS.iter().any(|(known, _, _)| known == name),
            "{name} is missing in OPERATORS"
        );
    }
    assert!(
        OPERATORS.is_sorted_by_key(|o| o.0) && FORMS.is_sorted_by_key(|f| f.0),
        "sorted by name"
    );
}

#[test]
fn what_the_page_names_without_trying_runs() {
    for (name, sample) in COMPARISONS.iter().chain(FORMS) {
        assert_eq!(refusal(sample), None, "{name}: {sample}");
    }
}

#[test]
fn the_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kql.md");
    let page = page();
    if std::env::var_os("GOLDEN").is_some_and(|v| v == "1") {
        std::fs::write(&path, page).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(page.lines()).find(|(old, new)| old != new);
    assert!(written == page, "docs/kql.md is not current ({differs:?}); `make golden` writes it");
}
