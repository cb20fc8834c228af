//! What the log store's parts share: the tables, the log, the catalogue.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};
use std::time::Duration;

use engine::source::ExternalReader;
use model::{Clock, Feed, FunctionDefinition, TableInfo, TablesError};
use parking_lot::{Condvar, Mutex, RwLock};

use crate::batch_ids::BatchIds;
use crate::budget::Budget;
use crate::catalogue::Catalogue;
use crate::disk::Disk;
use crate::options::{Limits, Options};
use crate::segment::OpenSegments;
use crate::table::{Damage, Table};
use crate::wal::{Files, Message};

/// The shared parts.
pub(crate) struct Core {
    /// The file system.
    pub disk: Arc<dyn Disk>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How much of what.
    pub limits: Limits,
    /// Documents.
    pub catalogue: Catalogue,
    /// Log files.
    pub files: Arc<Files>,
    /// Memory for rows.
    pub budget: Arc<Budget>,
    /// Batches stored.
    pub ids: Arc<BatchIds>,
    /// Segments open for reading.
    pub open: Arc<OpenSegments>,
    /// Damage of which it is not known whose rows it took.
    pub stray_damage: Mutex<Vec<Damage>>,
    built_in: Arc<Infos>,
    /// Reads the addresses of `externaldata`.
    pub external: Option<Arc<dyn ExternalReader>>,
    /// Functions that every workspace has.
    pub functions: HashMap<Arc<str>, Arc<FunctionDefinition>>,
    tables_folder: PathBuf,
    /// Who puts rows into which table a moment late.
    feeds: RwLock<HashMap<&'static str, Weak<dyn Feed>>>,
    /// Where addresses are: the newest `geo/*.mmdb` of the data folder, when the store was opened.
    pub places: Option<Arc<engine::places::Places>>,
    workspaces: RwLock<HashMap<Arc<str>, Arc<Workspace>>>,
    /// Tables that have, or had, rows, by key.
    tables: RwLock<HashMap<Arc<str>, Arc<Table>>>,
    /// Up to which row deleted tables are gone, by key.
    graves: RwLock<HashMap<Arc<str>, u64>>,
    sender: Mutex<Option<Sender<Message>>>,
    stopping: AtomicBool,
    wake: (Mutex<bool>, Condvar),
}

/// The operator's location database, if a readable one lies there.
fn places(folder: &Path) -> Option<Arc<engine::places::Places>> {
    match engine::places::Places::in_folder(folder)? {
        Ok(places) => Some(Arc::new(places)),
        Err(why) => {
            tracing::warn!("{why}; geo_info_from_ip_address() gives null");
            None
        }
    }
}

/// Tables by name.
pub(crate) type Infos = HashMap<Arc<str>, Arc<TableInfo>>;

/// A workspace: its custom tables and saved functions.
pub(crate) struct Workspace {
    /// Customer id.
    pub id: Arc<str>,
    /// Custom tables, and built-in ones that were changed.
    pub infos: RwLock<Infos>,
    /// How long tables keep their rows unless they say otherwise.
    inherited: RwLock<Inherited>,
    /// All tables by name, as they were listed last; see [`Workspace::tables_changed`].
    listed: Mutex<Option<Arc<Vec<Arc<TableInfo>>>>>,
    /// Saved functions.
    pub functions: RwLock<Arc<HashMap<Arc<str>, Arc<FunctionDefinition>>>>,
}

/// What tables have from their workspace.
struct Inherited {
    /// None where nobody has told.
    days: Option<u32>,
    /// The built-in tables with these days.
    built_in: Arc<Infos>,
}

impl Workspace {
    /// Days that tables keep their rows unless they say otherwise; none where nobody has told.
    pub(crate) fn retention_days(&self) -> Option<u32> {
        self.inherited.read().days
    }

    /// A built-in table as the workspace has it, where it was not changed itself.
    pub(crate) fn inherited_table(&self, name: &str) -> Option<Arc<TableInfo>> {
        self.inherited.read().built_in.get(name).cloned()
    }

    /// Changes how long built-in tables keep their rows that were not changed themselves; see [`Core::kept_for`].
    pub(crate) fn inherit(&self, days: u32, built_in: Arc<Infos>) {
        *self.inherited.write() = Inherited { days: Some(days), built_in };
        self.tables_changed();
    }

    /// To be called whenever `infos` was changed.
    pub(crate) fn tables_changed(&self) {
        *self.listed.lock() = None;
    }
}

impl Core {
    /// Without tables and rows.
    pub(crate) fn new(options: &Options) -> Self {
        let wal_folder = options.folder.join("wal");
        let built_in = options.built_in.iter().map(|t| (Arc::clone(&t.name), Arc::clone(t)));
        Self {
            disk: Arc::clone(&options.disk),
            clock: Arc::clone(&options.clock),
            limits: options.limits,
            catalogue: Catalogue::new(&options.store),
            files: Arc::new(Files::new(&options.disk, &wal_folder)),
            budget: Budget::new(options.limits.memory_bytes),
            ids: Arc::default(),
            open: Arc::new(OpenSegments::new(
                options.limits.open_segments,
                options.limits.column_bytes,
            )),
            stray_damage: Mutex::default(),
            built_in: Arc::new(built_in.collect()),
            external: options.external.clone(),
            functions: options
                .functions
                .iter()
                .map(|f| (Arc::clone(&f.name), Arc::clone(f)))
                .collect(),
            tables_folder: options.folder.join("tables"),
            feeds: RwLock::default(),
            places: places(&options.folder.join("geo")),
            workspaces: RwLock::default(),
            tables: RwLock::default(),
            graves: RwLock::default(),
            sender: Mutex::new(None),
            stopping: AtomicBool::new(false),
            wake: (Mutex::new(false), Condvar::new()),
        }
    }

    /// Where segments lie.
    pub(crate) fn tables_folder(&self) -> &Path {
        &self.tables_folder
    }

    /// Adds a workspace, or gives the one there is.
    pub(crate) fn add_workspace(&self, id: &str) -> Arc<Workspace> {
        let mut workspaces = self.workspaces.write();
        if let Some(workspace) = workspaces.get(id) {
            return Arc::clone(workspace);
        }
        let id: Arc<str> = Arc::from(id);
        let workspace = Arc::new(Workspace {
            id: Arc::clone(&id),
            infos: RwLock::default(),
            inherited: RwLock::new(Inherited { days: None, built_in: Arc::clone(&self.built_in) }),
            listed: Mutex::default(),
            functions: RwLock::default(),
        });
        workspaces.insert(id, Arc::clone(&workspace));
        workspace
    }

    /// Nothing is appended to the workspace and nobody queries it from now on.
    pub(crate) fn close_workspace(&self, id: &str) -> Option<Arc<Workspace>> {
        self.workspaces.write().remove(id)
    }

    /// Undoes [`Self::close_workspace`].
    pub(crate) fn open_workspace(&self, workspace: Arc<Workspace>) {
        self.workspaces.write().insert(Arc::clone(&workspace.id), workspace);
    }

    /// The workspace with this customer id.
    pub(crate) fn workspace(&self, id: &str) -> Option<Arc<Workspace>> {
        self.workspaces.read().get(id).cloned()
    }

    /// A table's definition.
    pub(crate) fn info(&self, workspace: &Workspace, name: &str) -> Option<Arc<TableInfo>> {
        let changed = workspace.infos.read().get(name).cloned();
        changed.or_else(|| workspace.inherited_table(name))
    }

    /// The built-in tables, their rows kept for so many days.
    pub(crate) fn kept_for(&self, days: u32) -> Arc<Infos> {
        let fits = |t: &Arc<TableInfo>| (t.retention_days, t.total_retention_days) == (days, days);
        if self.built_in.values().all(fits) {
            return Arc::clone(&self.built_in);
        }
        let kept = |t: &Arc<TableInfo>| {
            let (retention_days, total_retention_days) = (days, days);
            TableInfo { retention_days, total_retention_days, ..(**t).clone() }
        };
        Arc::new(self.built_in.iter().map(|(n, t)| (Arc::clone(n), Arc::new(kept(t)))).collect())
    }

    /// The built-in table of this name.
    pub(crate) fn built_in(&self, name: &str) -> Option<&Arc<TableInfo>> {
        self.built_in.get(name)
    }

    /// Lets a feed catch up before one of its tables is read.
    pub(crate) fn add_feed(&self, feed: &Arc<dyn Feed>) {
        let tables = feed.tables().iter().map(|table| (*table, Arc::downgrade(feed)));
        self.feeds.write().extend(tables);
    }

    /// True when a feed fills the table.
    pub(crate) fn is_fed(&self, table: &str) -> bool {
        self.feeds.read().contains_key(table)
    }

    /// Waits for rows of the table that are durable elsewhere and about to come.
    pub(crate) fn catch_up(&self, table: &str) {
        let feed = self.feeds.read().get(table).and_then(Weak::upgrade);
        if let Some(feed) = feed {
            feed.catch_up();
        }
    }

    /// All tables of a workspace, by name.
    pub(crate) fn infos(&self, workspace: &Workspace) -> Arc<Vec<Arc<TableInfo>>> {
        let list = || {
            let changed = workspace.infos.read();
            let built_in = Arc::clone(&workspace.inherited.read().built_in);
            let built_in = built_in.values().filter(|t| !changed.contains_key(&t.name));
            let mut all: Vec<_> = built_in.chain(changed.values()).cloned().collect();
            all.sort_by(|a, b| a.name.cmp(&b.name));
            Arc::new(all)
        };
        Arc::clone(workspace.listed.lock().get_or_insert_with(list))
    }

    /// The table with this key, if it has or had rows.
    pub(crate) fn existing(&self, key: &str) -> Option<Arc<Table>> {
        self.tables.read().get(key).cloned()
    }

    /// The table, made when it has no rows yet.
    pub(crate) fn table(
        &self,
        workspace: &Workspace,
        name: &str,
    ) -> Result<Arc<Table>, TablesError> {
        let key = format!("{}/{name}", workspace.id);
        if let Some(table) = self.existing(&key) {
            return Ok(table);
        }
        let info = self.info(workspace, name);
        let info = info.ok_or_else(|| TablesError::UnknownTable(name.to_owned()))?;
        let mut tables = self.tables.write();
        if let Some(table) = tables.get(key.as_str()) {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(Table::new(&workspace.id, info, &self.tables_folder));
        if let Some(gone) = self.graves.read().get(key.as_str()) {
            table.restore(Vec::new(), *gone);
        }
        tables.insert(Arc::clone(&table.key), Arc::clone(&table));
        Ok(table)
    }

    /// All tables that have or had rows.
    pub(crate) fn all_tables(&self) -> Vec<Arc<Table>> {
        let mut tables: Vec<_> = self.tables.read().values().cloned().collect();
        tables.sort_by(|a, b| a.key.cmp(&b.key));
        tables
    }

    /// A table is no more; its rows up to this number are gone.
    pub(crate) fn bury(&self, key: &str, last_row: u64) {
        self.graves.write().insert(Arc::from(key), last_row);
        self.tables.write().remove(key);
    }

    /// Up to which row segments (or a deletion) make the log unnecessary for a table; none when it never had rows.
    pub(crate) fn sealed(&self, key: &str) -> Option<u64> {
        match self.existing(key) {
            Some(table) => Some(table.sealed()),
            None => self.graves.read().get(key).copied(),
        }
    }

    /// Removes log files that are no longer needed.
    pub(crate) fn release_log(&self) {
        self.files.release(|key| self.sealed(key).unwrap_or(u64::MAX));
    }

    /// Gives the log file under writing up when all of its rows are in segments: the room is wanted back, and the next
    /// start has less to read.
    pub(crate) fn rotate_used_log(self: &Arc<Self>) {
        if self.files.is_used_up(|key| self.sealed(key).unwrap_or(u64::MAX)) {
            let core = Arc::clone(self);
            self.send(Message::Rotate);
            self.send(Message::Run(Box::new(move |_| core.release_log())));
        }
    }

    /// Connects the log's writer.
    pub(crate) fn connect(&self, sender: Sender<Message>) {
        *self.sender.lock() = Some(sender);
    }

    /// Hands a message to the log's writer; false when it has stopped.
    pub(crate) fn send(&self, message: Message) -> bool {
        self.sender.lock().as_ref().is_some_and(|sender| sender.send(message).is_ok())
    }

    /// Asks everything to end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.send(Message::Stop);
        *self.sender.lock() = None;
        self.wake();
    }

    /// True once asked to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Tells the background that there may be work.
    pub(crate) fn wake(&self) {
        *self.wake.0.lock() = true;
        self.wake.1.notify_all();
    }

    /// Waits to be woken, or for the given time.
    pub(crate) fn wait(&self, at_most: Duration) {
        let mut woken = self.wake.0.lock();
        if !*woken && !self.is_stopping() {
            self.wake.1.wait_for(&mut woken, at_most);
        }
        *woken = false;
    }
}
