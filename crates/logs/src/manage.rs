//! Creating, changing and deleting workspaces and tables. These calls wait for the catalogue: not for threads that must not wait.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::channel;

use model::{Retention, TableInfo, TableKind, TablesError};

use crate::core::{Core, Infos, Workspace};
use crate::schema::{changed, check_days};
use crate::wal::Message;

fn workspace_of(core: &Core, id: &str) -> Result<Arc<Workspace>, TablesError> {
    core.workspace(id).ok_or_else(|| TablesError::UnknownWorkspace(id.to_owned()))
}

/// The workspace, made where it is missing.
pub(crate) fn create_workspace(
    core: &Core,
    id: &str,
    days: Option<u32>,
) -> Result<Arc<Workspace>, TablesError> {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if id.is_empty() || id.len() > 64 || !id.chars().all(valid) {
        return Err(TablesError::Invalid(format!("'{id}' is not a workspace id; use a guid")));
    }
    if let Some(workspace) = core.workspace(id) {
        return Ok(workspace);
    }
    core.catalogue.put_workspace(id, days, &[])?;
    let workspace = core.add_workspace(id);
    if let Some(days) = days {
        workspace.inherit(days, core.kept_for(days));
    }
    Ok(workspace)
}

/// Creates a workspace, or changes how long its tables keep their rows, in one transaction.
pub(crate) fn put_workspace(
    core: &Core,
    id: &str,
    retention: &Retention,
) -> Result<(), TablesError> {
    check_days("*", (retention.days, retention.days))?;
    retention.own.iter().try_for_each(|(table, days)| check_days(table, *days))?;
    let workspace = create_workspace(core, id, Some(retention.days))?;
    let mut infos = workspace.infos.write();
    let built_in = core.kept_for(retention.days);
    let changed = rekept(&infos, &built_in, retention);
    if changed.is_empty() && workspace.retention_days() == Some(retention.days) {
        return Ok(());
    }
    core.catalogue.put_workspace(id, Some(retention.days), &changed)?;
    infos.extend(changed.into_iter().map(|table| (Arc::clone(&table.name), table)));
    drop(infos);
    workspace.inherit(retention.days, built_in);
    for table in core.all_tables().iter().filter(|t| t.workspace == workspace.id) {
        if let Some(info) = core.info(&workspace, &table.name) {
            table.set_info(info);
        }
    }
    Ok(())
}

/// The tables whose definitions are, or have to be, stored, as far as they keep their rows for another time than wanted.
fn rekept(infos: &Infos, built_in: &Infos, retention: &Retention) -> Vec<Arc<TableInfo>> {
    let own = |table: &&Arc<TableInfo>| {
        let own = !retention.own.is_empty() && !infos.contains_key(&table.name);
        own && retention.own.contains_key(&table.name.to_lowercase())
    };
    let stored = infos.values().chain(built_in.values().filter(own));
    let changed = stored.filter_map(|table| {
        let (retention_days, total_retention_days) = retention.of(&table.name);
        let kept = (table.retention_days, table.total_retention_days);
        (kept != (retention_days, total_retention_days)).then(|| {
            Arc::new(TableInfo { retention_days, total_retention_days, ..(**table).clone() })
        })
    });
    changed.collect()
}

/// Removes a workspace with all its tables and rows.
pub(crate) fn delete_workspace(core: &Arc<Core>, id: &str) -> Result<(), TablesError> {
    let Some(workspace) = core.close_workspace(id) else { return Ok(()) };
    let with_rows = core.all_tables().into_iter().filter(|table| table.workspace == workspace.id);
    let mut names: BTreeSet<Arc<str>> = with_rows.map(|table| Arc::clone(&table.name)).collect();
    names.extend(workspace.infos.read().keys().cloned());
    let deleted = names
        .iter()
        .try_for_each(|name| drop_table(core, &workspace, name))
        .and_then(|()| Ok(core.catalogue.delete_workspace(id)?));
    if deleted.is_err() {
        core.open_workspace(workspace);
    }
    deleted
}

/// Creates a table or changes one.
pub(crate) fn put_table(
    core: &Core,
    workspace: &str,
    table: TableInfo,
    merge: bool,
) -> Result<Arc<TableInfo>, TablesError> {
    let workspace = workspace_of(core, workspace)?;
    let mut infos = workspace.infos.write();
    let built_in = core.built_in(&table.name);
    let current = infos.get(&table.name).cloned();
    let current = current.or_else(|| workspace.inherited_table(&table.name));
    let info = Arc::new(changed(current.as_deref(), built_in.map(|b| &**b), table, merge)?);
    if current.as_deref() == Some(&*info) {
        return Ok(info);
    }
    let key = format!("{}/{}", workspace.id, info.name);
    core.catalogue.put_table(&key, &info)?;
    infos.insert(Arc::clone(&info.name), Arc::clone(&info));
    drop(infos);
    workspace.tables_changed();
    if let Some(table) = core.existing(&key) {
        table.set_info(Arc::clone(&info));
    }
    Ok(info)
}

/// Deletes a custom table with its rows.
pub(crate) fn delete_table(
    core: &Arc<Core>,
    workspace: &str,
    name: &str,
) -> Result<(), TablesError> {
    let workspace = workspace_of(core, workspace)?;
    let info = core.info(&workspace, name);
    let info = info.ok_or_else(|| TablesError::UnknownTable(name.to_owned()))?;
    if info.kind == TableKind::Microsoft {
        return Err(TablesError::Invalid(format!(
            "table '{name}' is built in and cannot be deleted"
        )));
    }
    drop_table(core, &workspace, name)
}

/// Takes a table's rows and its own definition away.
fn drop_table(core: &Arc<Core>, workspace: &Arc<Workspace>, name: &str) -> Result<(), TablesError> {
    let table = core.table(workspace, name)?;
    // No segment is made and no row written while the table goes.
    let _work = (table.merging.lock(), table.sealing.lock());
    let (done, result) = channel();
    let (shared, going, workspace) = (Arc::clone(core), Arc::clone(&table), Arc::clone(workspace));
    let work = move |next_row: u64| {
        let segments = going.segments();
        let facts: Vec<_> = segments.iter().map(|s| &s.facts).collect();
        let deleted = shared.catalogue.delete_table(&going.key, &facts, next_row - 1);
        drop(segments);
        if deleted.is_ok() {
            workspace.infos.write().remove(&going.name);
            workspace.tables_changed();
            going.drop_rows();
            shared.bury(&going.key, next_row - 1);
        }
        let _ = done.send(deleted); // whoever asked is waiting below
    };
    let ended = || TablesError::Unwritable("the log store has ended".into());
    if !core.send(Message::Run(Box::new(work))) {
        return Err(ended());
    }
    result.recv().map_err(|_| ended())??;
    core.release_log();
    Ok(())
}
