//! Rows that the server itself writes into Azure's tables.

use std::sync::Arc;

use model::{AppendRequest, Column, Rows, ScalarType, Schema, Tables, Value};

use super::House;

/// A row: columns that have a value. Every row of one call names the same columns.
pub(super) type Row = Vec<(&'static str, Value)>;

/// Stores rows; under a batch id they are stored once, however often they come.
pub(super) async fn append(
    house: &House,
    workspace: &str,
    table: &'static str,
    rows: Vec<Row>,
    batch_id: Option<String>,
) -> anyhow::Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let built_in = collect::builtin_schema(table).unwrap_or_default();
    let ty = |name: &str| built_in.column(name).map_or(ScalarType::String, |c| c.ty);
    let columns = first.iter().map(|(name, _)| Column::new(name, ty(name))).collect();
    let schema = Arc::new(Schema { columns });
    let values = rows.into_iter().map(|row| row.into_iter().map(|(_, value)| value).collect());
    let rows = Rows::from_values(Arc::clone(&schema), values);
    for batch in rows.batches {
        let request = AppendRequest {
            workspace: workspace.into(),
            table: table.into(),
            schema: Arc::clone(&schema),
            batch,
            batch_id: batch_id.as_deref().map(Arc::from),
            received: house.clock.now(),
        };
        house.logs.append(request).await?;
    }
    Ok(())
}
