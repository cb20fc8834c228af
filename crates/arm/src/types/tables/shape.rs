//! The wire form of a table.

use model::{Column, ResourceId, ScalarType, TableInfo};
use serde_json::{Value, json};

use super::columns::is_custom_log;
use super::{TABLE, TableSettings, is_system_column};

/// A table as clients see it: `standardColumns` come with the table, `columns` were added by the user.
pub(super) fn table(workspace: &ResourceId, table: &TableInfo, own: &TableSettings) -> Value {
    let is_custom = is_custom_log(table);
    let added = |c: &&Column| {
        if is_custom { !is_system_column(&c.name) } else { c.name.ends_with("_CF") }
    };
    let columns: Vec<Value> = table.schema.columns.iter().filter(added).map(column).collect();
    let standard = table.schema.columns.iter().filter(|c| !added(c)).map(column);
    let mut schema = json!({
        "name": &*table.name,
        "tableType": if is_custom { "CustomLog" } else { "Microsoft" },
        "tableSubType": if is_custom { "DataCollectionRuleBased" } else { "Any" },
        "columns": columns,
        "standardColumns": standard.collect::<Vec<_>>(),
        "solutions": [if is_custom { "Custom" } else { "LogManagement" }],
        "isTroubleshootingAllowed": true,
    });
    for (name, text) in [("displayName", &own.display_name), ("description", &own.description)] {
        if let Some(text) = text {
            schema[name] = json!(text);
        }
    }
    json!({
        "id": workspace.join(&format!("tables/{}", table.name)).as_str(),
        "name": &*table.name,
        "type": TABLE.name,
        "properties": {
            "retentionInDays": table.retention_days,
            "totalRetentionInDays": table.total_retention_days,
            "archiveRetentionInDays": table.total_retention_days.saturating_sub(table.retention_days),
            "retentionInDaysAsDefault": own.retention_days.is_none(),
            "totalRetentionInDaysAsDefault": own.total_retention_days.is_none(),
            "plan": "Analytics",
            "schema": schema,
            "provisioningState": "Succeeded",
        },
    })
}

fn column(column: &Column) -> Value {
    json!({
        "name": &*column.name,
        "type": type_name(column.ty),
        "isDefaultDisplay": !column.name.starts_with('_'),
        "isHidden": column.name.starts_with('_'),
    })
}

/// Resource Manager's spelling of the types.
fn type_name(ty: ScalarType) -> &'static str {
    match ty {
        ScalarType::Bool => "boolean",
        ScalarType::DateTime => "dateTime",
        other => other.name(),
    }
}
