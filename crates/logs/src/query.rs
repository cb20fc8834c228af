//! The seam: `model::Tables` over the log store, and what names mean in its queries.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use engine::source::{Catalog, ExternalData, TableSource, external_refused};
use model::{
    AppendReceipt, AppendRequest, DateTime, FunctionDefinition, QueryAnswer, QueryError,
    QueryRequest, Retention, Rows, TableAccess, TableInfo, Tables, TablesError,
};
use parking_lot::Mutex;

use crate::core::{Core, Workspace};
use crate::manage::{delete_table, delete_workspace, put_table, put_workspace};
use crate::scan::Source;
use crate::segment::Asker;
use crate::store::LogStore;
use crate::table::{Table, query_cutoff};

#[async_trait]
impl Tables for LogStore {
    async fn append(&self, request: AppendRequest) -> Result<AppendReceipt, TablesError> {
        self.append_rows(request).await
    }

    async fn query(&self, request: QueryRequest) -> Result<QueryAnswer, QueryError> {
        let core = Arc::clone(&self.core);
        let spill = self.spill_folder();
        let mut abandoned = CancelOnDrop(Some(request.cancel.clone()));
        let run = move || run(&core, &request, spill);
        let answer = tokio::task::spawn_blocking(run).await;
        abandoned.0 = None;
        answer.unwrap_or_else(|_| Err(QueryError::Execution("the query ended badly".into())))
    }

    async fn screen(&self, requests: &[QueryRequest]) -> Vec<Option<QueryAnswer>> {
        let (core, spill, asked) = (Arc::clone(&self.core), self.spill_folder(), requests.to_vec());
        let screened = tokio::task::spawn_blocking(move || screen(&core, &asked, &spill)).await;
        screened.unwrap_or_else(|_| requests.iter().map(|_| None).collect())
    }

    async fn transform(&self, text: &str, rows: Rows, now: DateTime) -> Result<Rows, QueryError> {
        over_rows(engine::transform, text, rows, now).await
    }

    async fn query_rows(&self, text: &str, rows: Rows, now: DateTime) -> Result<Rows, QueryError> {
        over_rows(engine::query_rows, text, rows, now).await
    }

    fn tables(&self, workspace: &str) -> Vec<Arc<TableInfo>> {
        self.core.workspace(workspace).map_or_else(Vec::new, |w| self.core.infos(&w).to_vec())
    }

    fn table(&self, workspace: &str, name: &str) -> Option<Arc<TableInfo>> {
        self.core.info(&*self.core.workspace(workspace)?, name)
    }

    async fn put_table(
        &self,
        workspace: &str,
        table: TableInfo,
        merge: bool,
    ) -> Result<Arc<TableInfo>, TablesError> {
        let (core, workspace) = (Arc::clone(&self.core), workspace.to_owned());
        waiting(move || put_table(&core, &workspace, table, merge)).await
    }

    async fn delete_table(&self, workspace: &str, name: &str) -> Result<(), TablesError> {
        let (core, workspace) = (Arc::clone(&self.core), workspace.to_owned());
        let name = name.to_owned();
        waiting(move || delete_table(&core, &workspace, &name)).await
    }

    fn put_workspace(&self, workspace: &str, retention: &Retention) -> Result<(), TablesError> {
        put_workspace(&self.core, workspace, retention)
    }

    fn retention_days(&self, workspace: &str) -> Option<u32> {
        self.core.workspace(workspace)?.retention_days()
    }

    async fn delete_workspace(&self, workspace: &str) -> Result<(), TablesError> {
        let (core, workspace) = (Arc::clone(&self.core), workspace.to_owned());
        waiting(move || delete_workspace(&core, &workspace)).await
    }

    fn set_functions(&self, workspace: &str, functions: Vec<FunctionDefinition>) {
        self.replace_functions(workspace, functions);
    }

    fn row_count(&self, workspace: &str, table: &str) -> u64 {
        let table = self.core.existing(&format!("{workspace}/{table}"));
        table.map_or(0, |t| t.row_count(self.core.clock.now()))
    }
}

/// A query over rows given by hand, beside the caller's thread.
async fn over_rows(
    run: fn(&str, Rows, DateTime) -> Result<Rows, QueryError>,
    text: &str,
    rows: Rows,
    now: DateTime,
) -> Result<Rows, QueryError> {
    let text = text.to_owned();
    let made = tokio::task::spawn_blocking(move || run(&text, rows, now)).await;
    made.unwrap_or_else(|_| Err(QueryError::Execution("the query ended badly".into())))
}

/// Work that waits for the disk, beside the caller's thread.
async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TablesError> + Send + 'static,
) -> Result<T, TablesError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(TablesError::Unwritable("the change ended badly".into())))
}

/// A caller that goes away takes its query with it.
struct CancelOnDrop(Option<model::Cancel>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(cancel) = &self.0 {
            cancel.cancel();
        }
    }
}

fn run(
    core: &Arc<Core>,
    request: &QueryRequest,
    spill: PathBuf,
) -> Result<QueryAnswer, QueryError> {
    let catalog = WorkspaceCatalog::new(core, request)
        .ok_or_else(|| QueryError::UnknownWorkspace(request.workspace.to_string()))?;
    engine::query(&engine_query(request, Arc::new(catalog), spill))
}

/// Screens queries, those that mean the same by names in one go.
fn screen(core: &Arc<Core>, requests: &[QueryRequest], spill: &Path) -> Vec<Option<QueryAnswer>> {
    let alike = |a: &QueryRequest, b: &QueryRequest| {
        a.workspace == b.workspace
            && a.access == b.access
            && a.other_workspaces == b.other_workspaces
    };
    // those that see the same tables, wherever they stand
    let mut groups: Vec<Vec<(usize, &QueryRequest)>> = Vec::new();
    for (at, request) in requests.iter().enumerate() {
        let known = groups.iter_mut().find(|g| g.first().is_some_and(|(_, r)| alike(r, request)));
        match known {
            Some(group) => group.push((at, request)),
            None => groups.push(vec![(at, request)]),
        }
    }
    let mut answers: Vec<Option<QueryAnswer>> = requests.iter().map(|_| None).collect();
    for group in groups {
        // the earliest: what has not expired for one of them is there for all
        let first = group.iter().map(|(_, request)| *request).min_by_key(|request| request.now);
        let Some(catalog) = first.and_then(|r| WorkspaceCatalog::new(core, r)) else { continue };
        let catalog: Arc<dyn Catalog> = Arc::new(catalog);
        let query = |r| engine_query(r, Arc::clone(&catalog), spill.to_owned());
        let queries: Vec<_> = group.iter().map(|(_, request)| query(request)).collect();
        let found = engine::screen(&queries);
        for ((at, _), found) in group.iter().zip(found) {
            if let Some(answer) = answers.get_mut(*at) {
                *answer = found;
            }
        }
    }
    answers
}

fn engine_query(
    request: &QueryRequest,
    catalog: Arc<dyn Catalog>,
    spill: PathBuf,
) -> engine::Query<'_> {
    let mut query = engine::Query::new(&request.text, catalog, request.now);
    query.time_range = request.time_range;
    query.ingestion_range = request.ingestion_range;
    query.parameters = &request.parameters;
    query.limits = request.limits;
    query.cancel = request.cancel.clone();
    query.bind_only = request.bind_only;
    query.principal = request.principal.as_ref();
    query.spill = Some(spill);
    query
}

/// What names mean in the queries of one workspace.
struct WorkspaceCatalog {
    core: Arc<Core>,
    workspace: Arc<Workspace>,
    functions: Arc<HashMap<Arc<str>, Arc<FunctionDefinition>>>,
    access: TableAccess,
    others: Vec<(String, Arc<str>)>,
    now: DateTime,
    /// Tables that were asked for: each as it was when it was asked for first.
    sources: Mutex<HashMap<String, Arc<Source>>>,
    /// The query.
    asker: Asker,
}

impl WorkspaceCatalog {
    fn new(core: &Arc<Core>, request: &QueryRequest) -> Option<Self> {
        let workspace = core.workspace(&request.workspace)?;
        let functions = Arc::clone(&workspace.functions.read());
        Some(Self {
            core: Arc::clone(core),
            workspace,
            functions,
            access: request.access.clone(),
            others: request.other_workspaces.clone(),
            sources: Mutex::default(),
            asker: Asker::next(),
            now: request.now,
        })
    }

    fn may_read(&self, name: &str) -> bool {
        match &self.access {
            TableAccess::All => true,
            TableAccess::Only(names) => names.contains(name),
        }
    }
}

impl Catalog for WorkspaceCatalog {
    fn table(&self, name: &str) -> Option<Arc<dyn TableSource>> {
        if !self.may_read(name) {
            return None;
        }
        if let Some(source) = self.sources.lock().get(name) {
            return Some(Arc::clone(source) as _);
        }
        let info = self.core.info(&self.workspace, name)?;
        self.core.catch_up(name);
        let key = format!("{}/{name}", self.workspace.id);
        let table = match self.core.existing(&key) {
            Some(table) => table,
            // Without rows there is nothing to keep: the table is made for this query alone.
            None => Arc::new(Table::new(&self.workspace.id, info, self.core.tables_folder())),
        };
        let snapshot = table.snapshot();
        let oldest = query_cutoff(&snapshot.info, self.now);
        let source = Arc::new(Source::new(snapshot, oldest, self.asker));
        self.sources.lock().insert(name.to_owned(), Arc::clone(&source));
        Some(source)
    }

    fn table_names(&self) -> Vec<Arc<str>> {
        let all = self.core.infos(&self.workspace);
        all.iter().map(|t| &t.name).filter(|name| self.may_read(name)).cloned().collect()
    }

    fn is_empty(&self, name: &str) -> bool {
        self.core.catch_up(name);
        let made = self.core.existing(&format!("{}/{name}", self.workspace.id)).is_some();
        !made || self.table(name).is_some_and(|table| table.row_count() == Some(0))
    }

    fn function(&self, name: &str) -> Option<Arc<FunctionDefinition>> {
        let built_in = || {
            let function = self.core.functions.get(name)?;
            self.core.info(&self.workspace, name).is_none().then_some(function)
        };
        self.functions.get(name).or_else(built_in).cloned()
    }

    fn function_names(&self) -> Vec<Arc<str>> {
        let all = self.functions.keys().chain(self.core.functions.keys());
        let mut names: Vec<Arc<str>> = all.cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    fn workspace(&self, name: &str) -> Option<Arc<dyn Catalog>> {
        let own = *self.workspace.id == *name;
        let named = self.others.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        let (id, access) = match (own, named) {
            (true, _) => (Arc::clone(&self.workspace.id), self.access.clone()),
            (false, Some((_, id))) if *id == self.workspace.id => {
                (Arc::clone(id), self.access.clone())
            }
            (false, Some((_, id))) => (Arc::clone(id), TableAccess::All),
            (false, None) => return None,
        };
        let workspace = self.core.workspace(&id)?;
        let functions = Arc::clone(&workspace.functions.read());
        Some(Arc::new(Self {
            core: Arc::clone(&self.core),
            workspace,
            functions,
            access,
            others: self.others.clone(),
            now: self.now,
            sources: Mutex::default(),
            asker: self.asker,
        }))
    }

    fn places(&self) -> Option<Arc<engine::places::Places>> {
        self.core.places.clone()
    }

    fn watchlist(&self, _alias: &str) -> Option<Rows> {
        None
    }

    fn external_data(&self, request: &ExternalData) -> Result<Rows, String> {
        match &self.core.external {
            Some(external) => external.read(request),
            None => Err(external_refused(&request.address)),
        }
    }

    fn external_allowed(&self, address: &str) -> bool {
        self.core.external.as_ref().is_some_and(|external| external.allowed(address))
    }
}
