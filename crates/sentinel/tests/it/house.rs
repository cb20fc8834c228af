//! A small house for tests: a store, canned tables, a workspace, rules, and a runner.

use std::sync::Arc;

use model::{DateTime, Rows};
use sentinel::journal::Journal;
use sentinel::runner::{RuleRunner, RunnerOptions, Tick};
use serde_json::{Value, json};
use state::{Condition, MemoryStore, Store};
use testkit::{CannedTables, time};

pub(crate) const WORKSPACE: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w";
pub(crate) const CUSTOMER_ID: &str = "00000000-0000-0000-0000-00000000000a";

pub(crate) struct House {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tables: Arc<CannedTables>,
    pub(crate) runner: RuleRunner,
}

/// Tables with all that this crate writes.
pub(crate) fn tables() -> Arc<CannedTables> {
    let columns = |table: sentinel::records::Table| {
        let text: Vec<String> =
            table.columns().iter().map(|(name, ty)| format!("{name}:{ty}")).collect();
        text.join(", ")
    };
    let all = sentinel::records::Table::ALL.into_iter();
    Arc::new(all.fold(CannedTables::new(), |tables, t| {
        tables.with_table(CUSTOMER_ID, t.name(), &columns(t))
    }))
}

/// A store that holds the workspace.
pub(crate) fn store() -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let value = json!({"id": WORKSPACE, "name": "w", "properties": {"customerId": CUSTOMER_ID}});
    store
        .put(
            "microsoft.operationalinsights/workspaces",
            &WORKSPACE.to_lowercase(),
            value,
            Condition::Any,
        )
        .unwrap();
    store
}

impl House {
    pub(crate) fn new() -> Self {
        Self::over(store(), tables())
    }

    /// The house after a restart: nothing but what is stored.
    pub(crate) fn over(store: Arc<dyn Store>, tables: Arc<CannedTables>) -> Self {
        let journal = Arc::new(Journal::new(store.clone(), tables.clone()));
        let options = RunnerOptions {
            portal_url: "https://localhost:8443".into(),
            ..RunnerOptions::default()
        };
        let runner = RuleRunner::new(store.clone(), tables.clone(), journal, options);
        Self { store, tables, runner }
    }

    /// Stores a rule as its resource would be stored; `more` goes over its properties.
    pub(crate) fn rule(&self, name: &str, kind: &str, more: Value) {
        put_rule(&*self.store, name, kind, more);
    }

    pub(crate) async fn tick(&self, clock: &str) -> Tick {
        self.runner.tick(at(clock)).await.unwrap()
    }

    /// The values of a column of all rows appended to a table.
    pub(crate) fn column(&self, table: &str, column: &str) -> Vec<String> {
        let rows = self.tables.appended(table);
        rows.iter()
            .flat_map(|r| (0..r.len()).map(|i| r.get(i, column).unwrap().to_string()))
            .collect()
    }

    pub(crate) fn incidents(&self) -> Vec<Value> {
        let documents = self.store.list_all("microsoft.securityinsights/incidents", "").unwrap();
        let mut values: Vec<Value> = documents.into_iter().map(|d| d.value).collect();
        values.sort_by_key(|v| v["properties"]["incidentNumber"].as_i64());
        values
    }

    pub(crate) fn checkpoint(&self, name: &str) -> Value {
        let key = rule_id(name).to_lowercase();
        self.store.get("sentinel.checkpoints", &key).unwrap().unwrap().value
    }
}

pub(crate) fn rule_id(name: &str) -> String {
    format!("{WORKSPACE}/providers/Microsoft.SecurityInsights/alertRules/{name}")
}

pub(crate) fn put_rule(store: &dyn Store, name: &str, kind: &str, more: Value) {
    let mut properties = json!({
        "displayName": name, "enabled": true, "severity": "Medium", "query": format!("{name} | take 1"),
        "queryFrequency": "PT5M", "queryPeriod": "PT5M", "triggerOperator": "GreaterThan", "triggerThreshold": 0,
        "entityMappings": [{"entityType": "Account", "fieldMappings": [{"identifier": "Name", "columnName": "User"}]}],
    });
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let id = rule_id(name);
    let value = json!({"id": id, "name": name, "kind": kind, "properties": properties});
    store
        .put("microsoft.securityinsights/alertrules", &id.to_lowercase(), value, Condition::Any)
        .unwrap();
}

/// A time of one day.
pub(crate) fn at(clock: &str) -> DateTime {
    time(&format!("2024-01-01T{clock}Z"))
}

/// A result with one row for each user.
pub(crate) fn users(names: &[&str]) -> Rows {
    testkit::rows("User:string", names.iter().map(|n| testkit::row![*n]))
}

/// Grouping that collects alerts for five hours.
pub(crate) fn grouped(method: &str, reopen: bool) -> Value {
    json!({"createIncident": true, "groupingConfiguration": {"enabled": true, "reopenClosedIncident": reopen,
        "lookbackDuration": "PT5H", "matchingMethod": method}})
}
