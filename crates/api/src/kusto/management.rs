//! Management commands: `.show`, `.create`, `.create-merge`, `.alter-merge`, `.drop`, `.clear`, `.ingest inline`,
//! functions.
//!
//! A command is a row of [`COMMANDS`]: the words it begins with, the right it needs, what carries it out. What stands
//! behind `|` of a `.show` is a query over the command's rows.

mod functions;
mod show;
mod syntax;
mod tables;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::Response;
use identity::Caller;
use model::{QueryError, Rows, ScalarType, Schema, TableInfo, TablesError, Value};

use super::database;
use super::error::{kusto_error, query_failure};
use super::frames::v1_single;
use super::request::Request;
use crate::logs_ingestion::tables_error;
use crate::wire::blocking::blocking_future;
use crate::wire::error::ApiError;
use crate::wire::workspace::Workspace;
use crate::{Doors, Incoming};

/// One command under way.
struct Command {
    doors: Arc<Doors>,
    caller: Caller,
    database: Workspace,
    /// What follows the words.
    rest: String,
    origin: String,
}

type Running = Pin<Box<dyn Future<Output = Result<Rows, ApiError>> + Send>>;

/// The words, the action that the caller must be allowed at the database, and the work.
struct Entry {
    words: &'static [&'static str],
    action: &'static str,
    run: fn(Command) -> Running,
}

const READ: &str = "Microsoft.OperationalInsights/workspaces/read";
const WRITE_TABLE: &str = "Microsoft.OperationalInsights/workspaces/tables/write";
const DELETE_TABLE: &str = "Microsoft.OperationalInsights/workspaces/tables/delete";
const READ_FUNCTION: &str = "Microsoft.OperationalInsights/workspaces/savedSearches/read";
const WRITE_FUNCTION: &str = "Microsoft.OperationalInsights/workspaces/savedSearches/write";
const DELETE_FUNCTION: &str = "Microsoft.OperationalInsights/workspaces/savedSearches/delete";

macro_rules! commands {
    ($($($word:literal)+ => $action:ident $work:path;)*) => {
        &[$(Entry { words: &[$($word),+], action: $action, run: |c| Box::pin($work(c)) }),*]
    };
}

const COMMANDS: &[Entry] = commands! {
    ".show" "version" => READ show::version;
    ".show" "cluster" => READ show::cluster;
    ".show" "databases" => READ show::databases;
    ".show" "database" => READ show::database_schema;
    ".show" "schema" => READ show::database_schema;
    ".show" "tables" => READ show::tables;
    ".show" "table" => READ show::table;
    ".show" "functions" => READ_FUNCTION functions::show_all;
    ".show" "function" => READ_FUNCTION functions::show;
    ".create-merge" "table" => WRITE_TABLE tables::widen;
    ".create-merge" "tables" => WRITE_TABLE tables::widen;
    ".create" "table" => WRITE_TABLE tables::create;
    ".create" "tables" => WRITE_TABLE tables::create;
    ".alter-merge" "table" => WRITE_TABLE tables::alter;
    ".drop" "table" => DELETE_TABLE tables::drop;
    ".drop" "tables" => DELETE_TABLE tables::drop_several;
    ".clear" "table" => DELETE_TABLE tables::clear;
    ".ingest" "inline" "into" "table" => READ tables::ingest_inline;
    ".create-or-alter" "function" => WRITE_FUNCTION functions::put;
    ".create" "function" => WRITE_FUNCTION functions::put;
    ".alter" "function" => WRITE_FUNCTION functions::put;
    ".drop" "function" => DELETE_FUNCTION functions::drop;
};

/// `POST /v1/rest/mgmt`
pub(super) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
    caller: &Caller,
) -> Result<Response, ApiError> {
    let request = Request::read(doors, &mut incoming).await?;
    let text = syntax::without_comments(&request.text);
    let database = database(doors, caller, &request.database)?;
    let found = COMMANDS.iter().find_map(|e| Some((e, syntax::after_words(&text, e.words)?)));
    let Some((entry, rest)) = found else {
        // whoever may not read here is not told what could be done
        require(doors, caller, READ, &database)?;
        return Err(unsupported(&text));
    };
    require(doors, caller, entry.action, &database)?;
    let shows = entry.words.first() == Some(&".show");
    let (rest, pipe) = if shows { syntax::split_pipe(rest) } else { (rest, None) };
    let command = Command {
        doors: Arc::clone(doors),
        caller: caller.clone(),
        database,
        rest: rest.to_owned(),
        origin: incoming.origin.clone(),
    };
    // commands wait for the disk
    let rows = blocking_future((entry.run)(command)).await??;
    let rows = match pipe {
        None => rows,
        Some(pipe) => doors
            .tables
            .query_rows(&format!("source | {pipe}"), rows, doors.clock.now())
            .await
            .map_err(|error: QueryError| query_failure(&error))?,
    };
    Ok(v1_single(&rows).into_response(200))
}

/// Whoever may read some table of a database may ask what is in it.
fn require(
    doors: &Doors,
    caller: &Caller,
    action: &str,
    database: &Workspace,
) -> Result<(), ApiError> {
    if action == READ && database.access(doors, caller).is_ok() {
        return Ok(());
    }
    Ok(doors.identity.require(caller, action, &database.resource, false)?)
}

fn unsupported(text: &str) -> ApiError {
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    let words: String = words.join(" ").chars().take(100).collect();
    let known: Vec<String> = COMMANDS.iter().map(|c| c.words.join(" ")).collect();
    let known = known.join(", ");
    let message = format!("The command '{words}' is not supported; supported are: {known}.");
    kusto_error(400, "BadRequest_UnsupportedCommand", message)
}

impl Command {
    /// Tables that the caller may read.
    fn readable(&self) -> Vec<Arc<TableInfo>> {
        readable(&self.doors, &self.caller, &self.database)
    }

    /// A table that the caller may read.
    fn table(&self, name: &str) -> Result<Arc<TableInfo>, ApiError> {
        let found = self.readable().into_iter().find(|t| *t.name == *name);
        found.ok_or_else(|| unknown_table(name))
    }
}

/// Tables of a database that the caller may read.
fn readable(doors: &Doors, caller: &Caller, database: &Workspace) -> Vec<Arc<TableInfo>> {
    let all = doors.tables.tables(&database.customer_id);
    match database.access(doors, caller) {
        Ok(model::TableAccess::All) => all,
        Ok(model::TableAccess::Only(names)) => {
            all.into_iter().filter(|t| names.contains(&*t.name)).collect()
        }
        Err(_) => Vec::new(),
    }
}

fn rows(columns: &[(&str, ScalarType)], values: Vec<Vec<Value>>) -> Rows {
    Rows::from_values(Arc::new(Schema::new(columns.iter().copied())), values)
}

fn text(value: impl AsRef<str>) -> Value {
    Value::string(value)
}

fn count(value: u64) -> Value {
    Value::Long(i64::try_from(value).unwrap_or(i64::MAX))
}

fn bad(message: &str) -> ApiError {
    kusto_error(400, "General_BadRequest", format!("Syntax error: {message}."))
}

fn unknown_table(name: &str) -> ApiError {
    let message = format!("Entity ID '{name}' of kind 'Table' was not found.");
    kusto_error(400, "BadRequest_EntityNotFound", message)
}

fn table_failure(error: &TablesError) -> ApiError {
    match error {
        TablesError::UnknownTable(name) => unknown_table(name),
        TablesError::Invalid(message) => kusto_error(400, "General_BadRequest", message),
        other => tables_error(other),
    }
}
