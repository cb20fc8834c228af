//! A file of any kind to rows.

use model::Rows;

/// Rows of one file that belong to one table.
#[derive(Clone, Debug)]
pub struct Part {
    /// The table that fits, by name, columns or format.
    pub table: String,
    /// The rows.
    pub rows: Rows,
}
