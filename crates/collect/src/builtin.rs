//! Schemas of the built-in tables.

use std::sync::Arc;

use content::ColumnType;
use model::{ScalarType, Schema};

/// The schema of a built-in table; none for any other name.
pub fn schema(table: &str) -> Option<Arc<Schema>> {
    let columns = content::tables().get(table)?.columns();
    Some(Arc::new(Schema::new(columns.into_iter().map(|c| (c.name, scalar_type(c.ty))))))
}

const fn scalar_type(ty: ColumnType) -> ScalarType {
    match ty {
        ColumnType::Bool => ScalarType::Bool,
        ColumnType::DateTime => ScalarType::DateTime,
        ColumnType::Dynamic => ScalarType::Dynamic,
        ColumnType::Guid => ScalarType::Guid,
        ColumnType::Int => ScalarType::Int,
        ColumnType::Long => ScalarType::Long,
        ColumnType::Real => ScalarType::Real,
        ColumnType::String => ScalarType::String,
    }
}
