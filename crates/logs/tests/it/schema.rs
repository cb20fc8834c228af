//! Tables come, change and go.

use std::sync::Arc;

use model::{
    DateTime, Retention, ScalarType, Schema, TableInfo, TableKind, Tables, TablesError, Value,
};

use crate::support::*;

fn custom(columns: &[(&str, ScalarType)]) -> TableInfo {
    TableInfo {
        name: Arc::from("App_CL"),
        kind: TableKind::Custom,
        schema: Arc::new(Schema::new(columns.iter().copied())),
        retention_days: 30,
        total_retention_days: 90,
    }
}

const A: (&str, ScalarType) = ("a", ScalarType::Long);
const B: (&str, ScalarType) = ("b", ScalarType::String);

fn values(columns: &[(&str, ScalarType)], row: &[Value]) -> model::Rows {
    model::Rows::from_values(Arc::new(Schema::new(columns.iter().copied())), [row.to_vec()])
}

#[tokio::test]
async fn new_columns_are_null_in_old_rows() {
    let mut house = House::new();
    let put = async |house: &House, columns: &[(&str, ScalarType)], merge| {
        house.store().put_table(WORKSPACE, custom(columns), merge).await
    };
    put(&house, &[A], false).await.unwrap();
    append(house.store(), "App_CL", values(&[A], &[Value::Long(1)]), noon(), None).await.unwrap();
    house.store().flush().unwrap();
    append(house.store(), "App_CL", values(&[A], &[Value::Long(2)]), noon(), None).await.unwrap();
    put(&house, &[B, ("TimeGenerated", ScalarType::DateTime)], true).await.unwrap();
    let both = values(&[A, B], &[Value::Long(3), Value::string("x")]);
    append(house.store(), "App_CL", both, noon(), None).await.unwrap();
    let want = [
        vec![Value::Long(1), Value::string(""), Value::DateTime(noon())],
        vec![Value::Long(2), Value::string(""), Value::DateTime(noon())],
        vec![Value::Long(3), Value::string("x"), Value::DateTime(noon())],
    ];
    for step in 0..4 {
        let mut rows =
            read(house.store(), "App_CL", &Ask::columns(&["a", "b", "TimeGenerated"])).unwrap();
        rows.sort_by_key(|r| long(&r[0]));
        assert_eq!(rows, want, "step {step}");
        match step {
            0 => house.store().flush().unwrap(),
            1 => drop(house.store().maintain().unwrap()),
            _ => house.open().unwrap(),
        }
    }
    let error = put(&house, &[("a", ScalarType::String)], true).await.unwrap_err();
    assert!(matches!(error, TablesError::Invalid(_)), "{error}");
    let info = house.store().table(WORKSPACE, "App_CL").unwrap();
    assert_eq!((info.schema.len(), info.total_retention_days), (3, 90));
}

#[tokio::test]
async fn a_column_dropped_and_made_again_with_another_type_starts_empty() {
    let house = House::new();
    let store = house.store();
    store.put_table(WORKSPACE, custom(&[A, B]), false).await.unwrap();
    let row = values(&[A, B], &[Value::Long(1), Value::string("x")]);
    append(store, "App_CL", row, noon(), None).await.unwrap();
    store.flush().unwrap();
    store.put_table(WORKSPACE, custom(&[A]), false).await.unwrap();
    store.put_table(WORKSPACE, custom(&[A, ("b", ScalarType::Long)]), false).await.unwrap();
    let rows = read(store, "App_CL", &Ask::columns(&["a", "b"])).unwrap();
    assert_eq!(rows, [vec![Value::Long(1), Value::Null]]);
}

/// Whether the table is among all of the workspace's.
fn listed(store: &logs::LogStore) -> bool {
    store.tables(WORKSPACE).iter().any(|table| &*table.name == "App_CL")
}

#[tokio::test]
async fn a_deleted_table_is_gone_for_good() {
    let mut house = House::new();
    for (step, flush) in [false, true].into_iter().enumerate() {
        house.store().put_table(WORKSPACE, custom(&[A]), false).await.unwrap();
        let count = house.store().row_count(WORKSPACE, "App_CL");
        assert_eq!(count, 0, "step {step}");
        assert!(listed(house.store()), "step {step}");
        append(house.store(), "App_CL", values(&[A], &[Value::Long(1)]), noon(), None)
            .await
            .unwrap();
        assert_eq!(house.store().row_count(WORKSPACE, "App_CL"), 1);
        if flush {
            house.store().flush().unwrap();
        }
        house.store().delete_table(WORKSPACE, "App_CL").await.unwrap();
        assert!(house.store().table(WORKSPACE, "App_CL").is_none());
        assert!(!listed(house.store()), "step {step}");
        assert!(house.files(".parquet").is_empty());
        house.open().unwrap();
        assert!(house.store().table(WORKSPACE, "App_CL").is_none());
        assert!(house.store().damage().is_empty());
    }
    house.store().put_table(WORKSPACE, custom(&[A]), false).await.unwrap();
    assert!(read(house.store(), "App_CL", &Ask::columns(&["a"])).unwrap().is_empty());
}

#[tokio::test]
async fn built_in_tables_stay_and_can_be_widened() {
    let mut house = House::new();
    let store = house.store();
    assert!(store.delete_table(WORKSPACE, "Events").await.is_err());
    let mut wider = events();
    wider.retention_days = 7;
    wider.schema = Arc::new(Schema::new([("Extra_CF", ScalarType::Long)]));
    let put = store.put_table(WORKSPACE, wider, false).await.unwrap();
    assert_eq!(put.kind, TableKind::Microsoft);
    assert_eq!(put.schema.len(), events().schema.len() + 1);
    house.open().unwrap();
    assert_eq!(house.store().table(WORKSPACE, "Events").unwrap().retention_days, 7);
    assert_eq!(house.store().tables(WORKSPACE).len(), 2);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let house = House::new();
    let mut nowhere = request("Events", rows("w", 0, 1), noon());
    nowhere.workspace = Arc::from("nowhere");
    let error = house.store().append(nowhere).await.unwrap_err();
    assert!(matches!(error, TablesError::UnknownWorkspace(_)));
    let error = append(house.store(), "Nothing", rows("w", 0, 1), noon(), None).await.unwrap_err();
    assert!(matches!(error, TablesError::UnknownTable(_)));
    assert!(house.store().tables("nowhere").is_empty());
    assert!(house.store().create_workspace("../evil").is_err());
}

#[tokio::test]
async fn workspaces_do_not_see_each_other() {
    let mut house = House::new();
    let other = "99999999-2222-3333-4444-555555555555";
    house.store().create_workspace(other).unwrap();
    let mut there = request("Events", rows("w", 0, 5), noon());
    there.workspace = Arc::from(other);
    house.store().append(there).await.unwrap();
    for _ in 0..2 {
        assert_eq!(house.store().row_count(other, "Events"), 5);
        assert_eq!(house.store().row_count(WORKSPACE, "Events"), 0);
        assert!(numbers(house.store(), "Events").is_empty());
        house.open().unwrap();
    }
}

fn days(house: &House, workspace: &str, table: &str) -> Option<(u32, u32)> {
    house.store().table(workspace, table).map(|t| (t.retention_days, t.total_retention_days))
}

#[tokio::test]
async fn tables_keep_rows_as_long_as_their_workspace_says() {
    let mut house = House::new();
    let kept = days(&house, WORKSPACE, "Events").unwrap();
    assert_eq!(house.store().retention_days(WORKSPACE), None);
    append(house.store(), "Events", rows("w", 0, 5), noon(), None).await.unwrap();
    let mine = TableInfo { name: "Mine_CL".into(), kind: TableKind::Custom, ..events() };
    house.store().put_table(WORKSPACE, mine, true).await.unwrap();
    house.store().put_workspace(WORKSPACE, &Retention::of_all(kept.0)).unwrap();
    assert_eq!(days(&house, WORKSPACE, "Events"), Some(kept));
    let own = [("other".to_owned(), (7, 40))].into();
    house.store().put_workspace(WORKSPACE, &Retention { days: 60, own }).unwrap();
    for _ in 0..2 {
        assert_eq!(house.store().retention_days(WORKSPACE), Some(60));
        assert_eq!(days(&house, WORKSPACE, "Events"), Some((60, 60)));
        assert_eq!(days(&house, WORKSPACE, "Mine_CL"), Some((60, 60)));
        assert_eq!(days(&house, WORKSPACE, "Other"), Some((7, 40)));
        assert_eq!(numbers(house.store(), "Events").len(), 5);
        house.open().unwrap();
    }
    // the rows follow: after 50 days they are there, after 61 they are gone
    for (passed, rows) in [(50, 5), (61, 0)] {
        house.clock.set(DateTime::from_ticks(noon().ticks() + passed * DAY));
        assert_eq!(numbers(house.store(), "Events").len(), rows, "after {passed} days");
    }
    let wrong = house.store().put_workspace(WORKSPACE, &Retention::of_all(0));
    assert!(matches!(wrong, Err(TablesError::Invalid(_))));
    assert!(house.store().put_workspace("../evil", &Retention::of_all(30)).is_err());
}

#[tokio::test]
async fn a_workspace_goes_with_its_rows() {
    let mut house = House::new();
    let other = "99999999-2222-3333-4444-555555555555";
    house.store().put_workspace(other, &Retention::of_all(31)).unwrap();
    assert_eq!(days(&house, other, "Events"), Some((31, 31)));
    for workspace in [other, WORKSPACE] {
        let mut there = request("Events", rows("w", 0, 5), noon());
        there.workspace = Arc::from(workspace);
        house.store().append(there).await.unwrap();
    }
    house.store().flush().unwrap();
    house.store().delete_workspace(other).await.unwrap();
    house.store().delete_workspace(other).await.unwrap();
    for _ in 0..2 {
        assert!(house.store().tables(other).is_empty());
        assert_eq!(house.store().retention_days(other), None);
        assert_eq!(house.store().row_count(other, "Events"), 0);
        assert_eq!(house.store().row_count(WORKSPACE, "Events"), 5);
        house.open().unwrap();
    }
    // made again it is empty, and takes rows
    house.store().put_workspace(other, &Retention::of_all(30)).unwrap();
    assert_eq!(house.store().row_count(other, "Events"), 0);
    let mut there = request("Events", rows("w", 0, 3), noon());
    there.workspace = Arc::from(other);
    house.store().append(there).await.unwrap();
    house.open().unwrap();
    assert_eq!(house.store().row_count(other, "Events"), 3);
}
