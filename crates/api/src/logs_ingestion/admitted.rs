//! What rows from outside may say, at every door: columns that Azure fills itself are not theirs, and what happened in
//! this house is written by the server alone. Whoever may make the table may also restore what was exported from it.

use identity::Caller;
use model::rows::text;
use model::{Batch, Column, Rows, ScalarType, Schema, TablesError};

use super::tables_error;
use crate::Doors;
use crate::wire::error::ApiError;
use crate::wire::workspace::Workspace;

/// The right to make a table, and so to restore its rows.
pub(super) const RESTORE: &str = "Microsoft.OperationalInsights/workspaces/tables/write";

/// Columns that every row of a table has by itself.
const MADE: [&str; 3] = ["TenantId", "Type", "_ItemId"];

const TENANT: &[&str] = &["AADTenantId", "HomeTenantId", "ResourceTenantId"];
const RESOURCE: &[&str] =
    &["ResourceId", "_ResourceId", "SubscriptionId", "_SubscriptionId", "Hierarchy"];

/// Tables in which the server writes what happened here, and the columns that say where that was. Rows of other tenants
/// and subscriptions, Azure's say, are welcome beside them.
const EVIDENCE: &[(&str, &[&str])] = &[
    ("AADManagedIdentitySignInLogs", TENANT),
    ("AADNonInteractiveUserSignInLogs", TENANT),
    ("AADServicePrincipalSignInLogs", TENANT),
    ("AuditLogs", TENANT),
    (VAULT_CALLS, RESOURCE),
    ("AzureActivity", RESOURCE),
    (DIAGNOSTICS, RESOURCE),
    ("LAQueryLogs", &["_ResourceId", "RequestTarget", "AADTenantId"]),
    ("SecurityAlert", &["WorkspaceSubscriptionId"]),
    ("SecurityIncident", &["IncidentUrl"]),
    ("SentinelAudit", &["SentinelResourceId"]),
    ("SentinelHealth", &["SentinelResourceId"]),
    ("SigninLogs", TENANT),
    ("Usage", &["ResourceUri"]),
];

const DIAGNOSTICS: &str = "AzureDiagnostics";
const VAULT_CALLS: &str = "AZKVAuditLogs";

/// The rows of a caller as they may be stored.
pub(crate) fn admit(
    doors: &Doors,
    caller: &Caller,
    customer_id: &str,
    table: &str,
    rows: Rows,
) -> Result<Rows, ApiError> {
    if !concerns(table, &rows.schema) {
        return Ok(rows);
    }
    let scope = workspace(doors, customer_id)?.resource.join(&format!("tables/{table}"));
    match doors.identity.allows(caller, RESTORE, &scope, false) {
        true => Ok(rows),
        false => from_outside(doors, customer_id, table, rows),
    }
}

/// Rows as they may be stored, whoever sends them.
pub(super) fn from_outside(
    doors: &Doors,
    customer_id: &str,
    table: &str,
    rows: Rows,
) -> Result<Rows, ApiError> {
    if let Some((_, columns)) = EVIDENCE.iter().find(|(name, _)| *name == table) {
        let subscription = workspace(doors, customer_id)?.resource;
        let own = [subscription.subscription().unwrap_or_default(), &*doors.identity.tenant().id];
        let own = own.map(str::to_lowercase);
        let refused = columns
            .iter()
            .find_map(|column| Some((*column, claim(&rows, column, &own)?)))
            .map(|(column, row)| format!("'{column}' of element {row} names this installation"));
        let refused = refused.or_else(|| {
            let row = nowhere(table, &rows)?;
            Some(format!("element {row} does not say to which vault the call was made"))
        });
        if let Some(why) = refused {
            return Err(refusal(table, &why));
        }
    }
    Ok(with_columns(rows, |column| !MADE.contains(&&*column.name)))
}

fn concerns(table: &str, schema: &Schema) -> bool {
    EVIDENCE.iter().any(|(name, _)| *name == table)
        || MADE.iter().any(|name| schema.position(name).is_some())
}

fn workspace(doors: &Doors, customer_id: &str) -> Result<Workspace, ApiError> {
    let found = Workspace::by_customer_id(doors, customer_id)?;
    found.ok_or_else(|| tables_error(&TablesError::UnknownWorkspace(customer_id.to_owned())))
}

fn refusal(table: &str, why: &str) -> ApiError {
    let message = format!(
        "{why}: rows of '{table}' about this installation are written by the server alone; nothing was stored. To restore exported ones, the sender needs '{RESTORE}'."
    );
    ApiError::new(403, "AuthorizationFailed", message)
}

/// The texts of a column, row by row; none where there is no such column.
fn texts<'r>(rows: &'r Rows, column: &str) -> Option<impl Iterator<Item = &'r str>> {
    let at = rows.schema.position(column)?;
    let ty = rows.schema.columns.get(at)?.ty;
    let of = move |batch: &'r Batch| {
        let array = batch.columns.get(at).filter(|_| ty == ScalarType::String);
        (0..batch.rows).map(move |row| array.map_or("", |array| text(array, row)))
    };
    Some(rows.batches.iter().flat_map(of))
}

/// The first row whose column names one of these ids.
fn claim(rows: &Rows, column: &str, ids: &[String]) -> Option<usize> {
    let names = |cell: &str| {
        let cell = cell.to_ascii_lowercase();
        ids.iter().any(|id| !id.is_empty() && cell.contains(id.as_str()))
    };
    texts(rows, column)?.position(|cell| !cell.is_empty() && names(cell))
}

/// The first call to a vault that is not said: the server has such rows of its own, for vaults that do not exist.
fn nowhere(table: &str, rows: &Rows) -> Option<usize> {
    let every = || vec![""; rows.len()];
    let cells = |column| texts(rows, column).map_or_else(every, Iterator::collect);
    match table {
        VAULT_CALLS => cells("_ResourceId").iter().position(|id| id.is_empty()),
        DIAGNOSTICS => {
            let (ids, kinds) = (cells("ResourceId"), cells("Category"));
            let providers = cells("ResourceProvider");
            let is_call = |(kind, provider): (&&str, &&str)| {
                kind.eq_ignore_ascii_case("AuditEvent")
                    && provider.eq_ignore_ascii_case("MICROSOFT.KEYVAULT")
            };
            let mut calls = kinds.iter().zip(&providers).map(is_call);
            ids.iter().position(|id| calls.next() == Some(true) && id.is_empty())
        }
        _ => None,
    }
}

/// The rows with these of their columns.
pub(super) fn with_columns(rows: Rows, wanted: impl Fn(&Column) -> bool) -> Rows {
    let keep: Vec<bool> = rows.schema.columns.iter().map(&wanted).collect();
    if keep.iter().all(|keep| *keep) {
        return rows;
    }
    let kept = |batch: Batch| {
        let columns = batch.columns.into_iter().zip(&keep).filter(|(_, keep)| **keep);
        Batch { columns: columns.map(|(column, _)| column).collect(), rows: batch.rows }
    };
    let columns = rows.schema.columns.iter().filter(|c| wanted(c)).cloned().collect();
    Rows {
        schema: std::sync::Arc::new(Schema { columns }),
        batches: rows.batches.into_iter().map(kept).collect(),
    }
}
