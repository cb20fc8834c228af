use std::task::{Context, Poll, Waker};

use super::*;
use crate::{row, rows, schema, time};

const WORKSPACE: &str = "w";

/// The canned futures never wait.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("canned tables answer at once"),
    }
}

fn append(table: &str, batch_id: Option<&str>, data: Rows) -> AppendRequest {
    AppendRequest {
        workspace: WORKSPACE.into(),
        table: table.into(),
        schema: Arc::clone(&data.schema),
        batch: data.batches[0].clone(),
        batch_id: batch_id.map(Into::into),
        received: time("2024-01-01"),
    }
}

fn ask(tables: &CannedTables, text: &str) -> Result<QueryAnswer, QueryError> {
    ready(tables.query(QueryRequest::new(WORKSPACE, text, time("2024-01-01"))))
}

#[test]
fn appends_are_checked_kept_and_stored_once() {
    let tables = CannedTables::new().with_table(WORKSPACE, "T", "User:string, Count:long");
    let data = rows("User:string", [row!["ann"], row!["bob"]]);
    let first = ready(tables.append(append("T", Some("1"), data.clone()))).unwrap();
    let again = ready(tables.append(append("T", Some("1"), data.clone()))).unwrap();
    assert_eq!((first.rows, first.duplicate, again.rows, again.duplicate), (2, false, 0, true));
    assert_eq!(tables.row_count(WORKSPACE, "T"), 2);
    assert_eq!(tables.appended("T").len(), 1);
    let unknown = ready(tables.append(append("Nope", None, data)));
    assert!(matches!(unknown, Err(TablesError::UnknownTable(_))));
    let wrong = ready(tables.append(append("T", None, rows("Count:int", [row![1]]))));
    assert!(matches!(wrong, Err(TablesError::Invalid(_))));
    tables.refuse_next_append(TablesError::Unwritable("disk full".to_owned()));
    let refused = ready(tables.append(append("T", None, rows("Count:long", [row![1]]))));
    assert!(matches!(refused, Err(TablesError::Unwritable(_))));
    assert_eq!(tables.row_count(WORKSPACE, "T"), 2);
}

#[test]
fn the_last_matching_answer_wins() {
    let tables = CannedTables::new();
    assert!(ask(&tables, "T | count").is_err());
    tables.answer("", rows("N:long", [row![1]]));
    tables.answer("where", rows("N:long", [row![2]]));
    let number = |text: &str| ask(&tables, text).unwrap().tables[0].rows.get(0, "N").unwrap();
    assert_eq!(number("T | count"), model::Value::Long(1));
    assert_eq!(number("T | where x"), model::Value::Long(2));
    assert_eq!(tables.queries().len(), 3);
}

#[test]
fn tables_are_merged_and_deleted_as_the_seam_says() {
    let tables = CannedTables::new().with_table(WORKSPACE, "T", "A:string");
    let mut custom = (*tables.table(WORKSPACE, "T").unwrap()).clone();
    custom.name = "C_CL".into();
    custom.kind = TableKind::Custom;
    ready(tables.put_table(WORKSPACE, custom.clone(), false)).unwrap();
    custom.schema = schema("B:long");
    let merged = ready(tables.put_table(WORKSPACE, custom, true)).unwrap();
    assert_eq!(*merged.schema, *schema("A:string, B:long"));
    assert_eq!(tables.tables(WORKSPACE).len(), 2);
    assert!(tables.tables("other").is_empty());
    assert!(ready(tables.delete_table(WORKSPACE, "T")).is_err());
    ready(tables.delete_table(WORKSPACE, "C_CL")).unwrap();
    assert!(tables.table(WORKSPACE, "C_CL").is_none());
}
