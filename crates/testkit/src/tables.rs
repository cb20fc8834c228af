//! Tables without an engine: canned answers to queries, and a record of what was appended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use model::{
    AppendReceipt, AppendRequest, DateTime, FunctionDefinition, QueryAnswer, QueryError,
    QueryRequest, ResultTable, Retention, Rows, Schema, TableInfo, TableKind, Tables, TablesError,
};
use parking_lot::Mutex;

/// A [`Tables`] for tests. Answers are canned by a piece of the query's text; appended rows are kept and can be read.
/// Every workspace id is accepted, each with its own tables.
#[derive(Default)]
pub struct CannedTables(Mutex<State>);

#[derive(Default)]
struct State {
    answers: Vec<(String, Result<QueryAnswer, QueryError>)>,
    queries: Vec<QueryRequest>,
    /// The transforms asked for, each with the columns of its `source`.
    transforms: Vec<(String, Arc<Schema>)>,
    tables: BTreeMap<(String, String), Arc<TableInfo>>,
    appends: Vec<AppendRequest>,
    functions: BTreeMap<String, Vec<FunctionDefinition>>,
    refusals: VecDeque<TablesError>,
    /// What was told of workspaces.
    workspaces: BTreeMap<String, Retention>,
}

impl CannedTables {
    /// Without tables and answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a built-in table, its columns written as KQL writes them.
    #[must_use]
    pub fn with_table(self, workspace: &str, name: &str, columns: &str) -> Self {
        let info = TableInfo {
            name: name.into(),
            kind: TableKind::Microsoft,
            schema: crate::schema(columns),
            retention_days: 30,
            total_retention_days: 30,
        };
        self.0.lock().tables.insert(key(workspace, name), Arc::new(info));
        self
    }

    /// From now on a query that contains `text` gives these rows. The answer given last wins; `""` matches any query.
    pub fn answer(&self, text: &str, rows: Rows) {
        let table = ResultTable { name: "PrimaryResult".to_owned(), rows };
        self.answer_with(text, Ok(QueryAnswer { tables: vec![table], ..QueryAnswer::default() }));
    }

    /// From now on a query that contains `text` gives this answer or error.
    pub fn answer_with(&self, text: &str, answer: Result<QueryAnswer, QueryError>) {
        self.0.lock().answers.push((text.to_owned(), answer));
    }

    /// The next append fails like this, and stores nothing. Told twice, the next two do.
    pub fn refuse_next_append(&self, error: TablesError) {
        self.0.lock().refusals.push_back(error);
    }

    /// All queries so far.
    pub fn queries(&self) -> Vec<QueryRequest> {
        self.0.lock().queries.clone()
    }

    /// All transforms so far, each with the columns of its `source`.
    pub fn transforms(&self) -> Vec<(String, Arc<Schema>)> {
        self.0.lock().transforms.clone()
    }

    /// All appends so far, duplicates left out.
    pub fn appends(&self) -> Vec<AppendRequest> {
        self.0.lock().appends.clone()
    }

    /// The rows appended to a table of any workspace, one [`Rows`] per append.
    pub fn appended(&self, table: &str) -> Vec<Rows> {
        let appends = self.appends();
        let of_table = appends.into_iter().filter(|a| &*a.table == table);
        of_table.map(|a| Rows::new(a.schema, a.batch)).collect()
    }

    /// The functions that were set for a workspace.
    pub fn functions(&self, workspace: &str) -> Vec<FunctionDefinition> {
        self.0.lock().functions.get(workspace).cloned().unwrap_or_default()
    }
}

fn key(workspace: &str, name: &str) -> (String, String) {
    (workspace.to_owned(), name.to_owned())
}

impl State {
    /// The canned answer to a text.
    fn answer_to(&self, text: &str) -> Result<QueryAnswer, QueryError> {
        let found = self.answers.iter().rev().find(|(part, _)| text.contains(part.as_str()));
        found
            .map(|(_, answer)| answer.clone())
            .unwrap_or_else(|| Err(QueryError::Execution(format!("no canned answer for: {text}"))))
    }
}

/// What [`Tables::append`] promises to refuse.
fn check(state: &State, request: &AppendRequest) -> Result<(), TablesError> {
    let info = state
        .tables
        .get(&key(&request.workspace, &request.table))
        .ok_or_else(|| TablesError::UnknownTable(request.table.to_string()))?;
    for column in &request.schema.columns {
        let known = info.schema.column(&column.name);
        if known.is_none_or(|k| k.ty != column.ty) {
            let text =
                format!("column '{}' of type {} does not fit the table", column.name, column.ty);
            return Err(TablesError::Invalid(text));
        }
    }
    Ok(())
}

#[async_trait]
impl Tables for CannedTables {
    async fn append(&self, request: AppendRequest) -> Result<AppendReceipt, TablesError> {
        let mut state = self.0.lock();
        if let Some(error) = state.refusals.pop_front() {
            return Err(error);
        }
        check(&state, &request)?;
        let same = |a: &AppendRequest| {
            a.batch_id.is_some()
                && a.batch_id == request.batch_id
                && a.table == request.table
                && a.workspace == request.workspace
        };
        if state.appends.iter().any(same) {
            return Ok(AppendReceipt { rows: 0, duplicate: true });
        }
        let rows = request.batch.rows;
        state.appends.push(request);
        Ok(AppendReceipt { rows, duplicate: false })
    }

    async fn query(&self, request: QueryRequest) -> Result<QueryAnswer, QueryError> {
        let mut state = self.0.lock();
        let answer = state.answer_to(&request.text);
        state.queries.push(request);
        answer
    }

    async fn transform(&self, text: &str, rows: Rows, _: DateTime) -> Result<Rows, QueryError> {
        let mut state = self.0.lock();
        state.transforms.push((text.to_owned(), rows.schema));
        let answer = state.answer_to(text)?;
        Ok(answer.tables.into_iter().next().map(|t| t.rows).unwrap_or_default())
    }

    fn tables(&self, workspace: &str) -> Vec<Arc<TableInfo>> {
        let state = self.0.lock();
        let own = state.tables.iter().filter(|((w, _), _)| w == workspace);
        own.map(|(_, info)| Arc::clone(info)).collect()
    }

    fn table(&self, workspace: &str, name: &str) -> Option<Arc<TableInfo>> {
        self.0.lock().tables.get(&key(workspace, name)).cloned()
    }

    async fn put_table(
        &self,
        workspace: &str,
        table: TableInfo,
        merge: bool,
    ) -> Result<Arc<TableInfo>, TablesError> {
        let mut state = self.0.lock();
        let at = key(workspace, &table.name);
        let mut table = table;
        if let Some(old) = state.tables.get(&at).filter(|_| merge) {
            let mut merged = (*old.schema).clone();
            let new = table.schema.columns.iter().filter(|c| old.schema.column(&c.name).is_none());
            merged.columns.extend(new.cloned());
            table.schema = Arc::new(merged);
        }
        let table = Arc::new(table);
        state.tables.insert(at, Arc::clone(&table));
        Ok(table)
    }

    async fn delete_table(&self, workspace: &str, name: &str) -> Result<(), TablesError> {
        let mut state = self.0.lock();
        let at = key(workspace, name);
        match state.tables.get(&at).map(|t| t.kind) {
            None => Err(TablesError::UnknownTable(name.to_owned())),
            Some(TableKind::Microsoft) => {
                Err(TablesError::Invalid(format!("table '{name}' is built in and stays")))
            }
            Some(TableKind::Custom) => {
                state.tables.remove(&at);
                state.appends.retain(|a| (&*a.workspace, &*a.table) != (workspace, name));
                Ok(())
            }
        }
    }

    fn put_workspace(&self, workspace: &str, retention: &Retention) -> Result<(), TablesError> {
        let mut state = self.0.lock();
        for ((_, name), table) in state.tables.iter_mut().filter(|((w, _), _)| w == workspace) {
            let (retention_days, total_retention_days) = retention.of(name);
            let info = TableInfo { retention_days, total_retention_days, ..(**table).clone() };
            *table = Arc::new(info);
        }
        state.workspaces.insert(workspace.to_owned(), retention.clone());
        Ok(())
    }

    fn retention_days(&self, workspace: &str) -> Option<u32> {
        self.0.lock().workspaces.get(workspace).map(|retention| retention.days)
    }

    async fn delete_workspace(&self, workspace: &str) -> Result<(), TablesError> {
        let mut state = self.0.lock();
        state.tables.retain(|(w, _), _| w != workspace);
        state.appends.retain(|a| &*a.workspace != workspace);
        state.functions.remove(workspace);
        state.workspaces.remove(workspace);
        Ok(())
    }

    fn set_functions(&self, workspace: &str, functions: Vec<FunctionDefinition>) {
        self.0.lock().functions.insert(workspace.to_owned(), functions);
    }

    fn row_count(&self, workspace: &str, table: &str) -> u64 {
        let state = self.0.lock();
        let own = state.appends.iter().filter(|a| (&*a.workspace, &*a.table) == (workspace, table));
        own.map(|a| a.batch.rows as u64).sum()
    }
}

#[cfg(test)]
mod tests;
