//! KQL over the store.

use std::collections::HashSet;
use std::sync::Arc;

use model::{
    DateTime, FunctionDefinition, QueryError, QueryRequest, Rows, ScalarType, Schema, TableAccess,
    Tables, TimeRange, Value,
};

use crate::support::*;

async fn ask(house: &House, text: &str) -> Result<Vec<Vec<Value>>, QueryError> {
    ask_with(house, QueryRequest::new(WORKSPACE, text, noon())).await
}

async fn ask_with(house: &House, request: QueryRequest) -> Result<Vec<Vec<Value>>, QueryError> {
    let answer = house.store().query(request).await?;
    Ok(answer.tables[0].rows.values().collect())
}

#[tokio::test]
async fn acknowledged_rows_answer_queries() {
    let house = House::new();
    append(house.store(), "Events", rows("ann", 0, 1000), noon(), None).await.unwrap();
    house.store().flush().unwrap();
    append(house.store(), "Events", rows("bob", 1000, 500), noon(), None).await.unwrap();
    let cases = [
        ("Events | count", vec![Value::Long(1500)]),
        ("Events | where Message has 't700x' | project Number", vec![Value::Long(700)]),
        ("Events | where Message has 't1400x' | project Number", vec![Value::Long(1400)]),
        ("Events | where Writer == 'bob' | count", vec![Value::Long(500)]),
        ("Events | where toint(Properties.n) >= 1490 | count", vec![Value::Long(10)]),
        ("Events | summarize min(Number), max(Number)", vec![Value::Long(0), Value::Long(1499)]),
        ("Events | where Type == 'Events' | distinct _ItemId | count", vec![Value::Long(1500)]),
        ("Events | where ingestion_time() == now() | count", vec![Value::Long(1500)]),
        ("Other | count", vec![Value::Long(0)]),
        ("search 't1234x' | count", vec![Value::Long(1)]),
    ];
    for (text, want) in cases {
        assert_eq!(ask(&house, text).await.unwrap(), [want], "{text}");
    }
    let request = QueryRequest::new(WORKSPACE, "Events | where Message has 'nothing'", noon());
    let answer = house.store().query(request).await.unwrap();
    assert_eq!(*answer.tables_read, [Arc::from("Events")]);
}

/// However a needle is asked for, the index tells that it is nowhere.
#[tokio::test]
async fn needles_are_sought_in_the_index() {
    let house = House::new();
    append(house.store(), "Events", rows("ann", 0, 1000), noon(), None).await.unwrap();
    append(house.store(), "Other", rows("bob", 0, 1000), noon(), None).await.unwrap();
    house.store().flush().unwrap();
    for (text, segments) in [
        ("Events | where Message has 'nothing'", 1),
        ("Events | where Message has_any ('nothing', 'nowhere')", 1),
        ("Events | where * has 'nothing'", 1),
        ("search 'nothing'", 2),
        ("search in (Events) Message has 'nothing'", 1),
        ("union Events, Other | where * has 'nothing'", 2),
        ("union withsource=T Events, Other | where * has 'nothing'", 2),
        ("union * | where * has 'nothing'", 2),
        ("union Events, (Other | project-away Writer) | where * has 'nothing'", 2),
        ("union Events, (Other | extend Kind = 'x') | where Kind has 'nothing'", 0),
        ("find where * has 'nothing'", 2),
    ] {
        let request = QueryRequest::new(WORKSPACE, text, noon());
        let answer = house.store().query(request).await.unwrap();
        assert_eq!(answer.tables[0].rows.len(), 0, "{text}");
        let read = answer.statistics.segments - answer.statistics.segments_pruned;
        assert_eq!((answer.statistics.segments, read), (segments, 0), "{text}");
    }
}

/// What a row says in place of a column that the table makes is what it answers with.
#[tokio::test]
async fn a_given_type_is_not_the_tables_own() {
    let house = House::new();
    let schema = Schema::new([("Type", ScalarType::String), ("Message", ScalarType::String)]);
    let row = |message| vec![Value::string("Elsewhere"), Value::string(message)];
    let rows = Rows::from_values(Arc::new(schema), ["hello", "good day"].map(row));
    append(house.store(), "Events", rows, noon(), None).await.unwrap();
    for _ in 0..2 {
        for (condition, count) in [
            ("Type has 'Events'", 0),
            ("Type has 'Events' or Message has 'nothing'", 0),
            ("Type has 'Events' or Message has 'hello'", 1),
            ("Type has 'Elsewhere' or Message has 'nothing'", 2),
            ("Type == 'Elsewhere'", 2),
            ("Type has 'nowhere' or Message has 'hello'", 1),
        ] {
            let answer = ask(&house, &format!("Events | where {condition} | count")).await;
            assert_eq!(answer.unwrap(), [[Value::Long(count)]], "{condition}");
        }
        house.store().flush().unwrap();
    }
}

/// A query that needs more memory than it may have goes on in files of the store's folder.
#[tokio::test]
async fn large_queries_spill_beside_the_tables() {
    let house = House::new();
    append(house.store(), "Events", rows("ann", 0, 20_000), noon(), None).await.unwrap();
    for text in [
        "Events | summarize n = count() by _ItemId, Message, Number | count",
        "Events | distinct _ItemId, Message | count",
        "Events | order by Message desc | summarize n = count()",
        "Events | join kind=inner Events on _ItemId | count",
    ] {
        let mut request = QueryRequest::new(WORKSPACE, text, noon());
        request.limits.memory_max = 1 << 20;
        let rows = ask_with(&house, request).await.unwrap();
        assert_eq!(rows, [vec![Value::Long(20_000)]], "{text}");
    }
    let folder = house.options().folder.join("spill");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "the files have no name");
}

#[tokio::test]
async fn ranges_functions_access_and_errors() {
    let house = House::new();
    append(house.store(), "Events", rows("ann", 0, 100), noon(), None).await.unwrap();
    let base = noon().ticks();
    let mut bounded = QueryRequest::new(WORKSPACE, "Events | count", noon());
    bounded.time_range = Some(TimeRange {
        start: Some(DateTime::from_ticks(base + 10 * SECOND)),
        end: Some(DateTime::from_ticks(base + 19 * SECOND)),
    });
    assert_eq!(ask_with(&house, bounded).await.unwrap(), [vec![Value::Long(10)]]);

    let mut new = QueryRequest::new(WORKSPACE, "Events | count", noon());
    new.ingestion_range = Some(TimeRange { start: Some(noon()), end: None });
    assert_eq!(
        ask_with(&house, new).await.unwrap(),
        [vec![Value::Long(0)]],
        "the start is excluded"
    );

    let function = FunctionDefinition {
        name: Arc::from("Late"),
        parameters: Arc::from("n:long"),
        body: Arc::from("Events | where Number >= n"),
    };
    house.store().set_functions(WORKSPACE, vec![function]);
    assert_eq!(ask(&house, "Late(90) | count").await.unwrap(), [vec![Value::Long(10)]]);

    let mut narrow = QueryRequest::new(WORKSPACE, "Events | count", noon());
    narrow.access = TableAccess::Only(Arc::new(HashSet::from(["Other".to_owned()])));
    assert!(matches!(ask_with(&house, narrow).await, Err(QueryError::Semantic { .. })));

    let nowhere = QueryRequest::new("nowhere", "print 1", noon());
    assert!(matches!(ask_with(&house, nowhere).await, Err(QueryError::UnknownWorkspace(_))));
    assert!(matches!(ask(&house, "Nothing").await, Err(QueryError::Semantic { .. })));
    assert!(matches!(ask(&house, "Events | where (").await, Err(QueryError::Syntax { .. })));

    let mut bind = QueryRequest::new(WORKSPACE, "Events | project Number", noon());
    bind.bind_only = true;
    let answer = house.store().query(bind).await.unwrap();
    assert_eq!(answer.tables[0].rows.schema.len(), 1);
    assert_eq!(answer.statistics.rows_read, 0);

    let cancelled = QueryRequest::new(WORKSPACE, "Events | count", noon());
    cancelled.cancel.cancel();
    assert!(matches!(ask_with(&house, cancelled).await, Err(QueryError::Cancelled)));
}

#[tokio::test]
async fn other_workspaces_are_read_when_named() {
    let house = House::new();
    let other = "99999999-2222-3333-4444-555555555555";
    house.store().create_workspace(other).unwrap();
    let mut there = request("Events", rows("w", 0, 5), noon());
    there.workspace = Arc::from(other);
    house.store().append(there).await.unwrap();
    let mut request = QueryRequest::new(WORKSPACE, "workspace('second').Events | count", noon());
    assert!(ask_with(&house, request.clone()).await.is_err());
    request.other_workspaces = vec![("second".into(), Arc::from(other))];
    assert_eq!(ask_with(&house, request).await.unwrap(), [vec![Value::Long(5)]]);
}
