//! Creating, changing and deleting tables. These calls wait for the catalogue: not for threads that must not wait.

use std::sync::Arc;
use std::sync::mpsc::channel;

use model::{TableInfo, TableKind, TablesError};

use crate::core::{Core, Workspace};
use crate::schema::changed;
use crate::wal::Message;

fn workspace_of(core: &Core, id: &str) -> Result<Arc<Workspace>, TablesError> {
    core.workspace(id).ok_or_else(|| TablesError::UnknownWorkspace(id.to_owned()))
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
    let current = infos.get(&table.name).cloned().or_else(|| built_in.cloned());
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
    let table = core.table(&workspace, name)?;
    // No segment is made and no row written while the table goes.
    let _work = (table.merging.lock(), table.sealing.lock());
    let (done, result) = channel();
    let (shared, going) = (Arc::clone(core), Arc::clone(&table));
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
