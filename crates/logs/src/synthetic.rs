//! Columns that are made when rows are read: `Type` and `TenantId` are the same in every row of a table, and an
//! `_ItemId` follows from the row's number, so none of them needs room on disk.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::{ArrayRef, Int64Array};
use engine::source::Piece;
use model::ScalarType;
use uuid::Uuid;

use crate::columns::constant_text;
use crate::segment::terms::terms_of;

/// What a table's synthetic columns are made from.
#[derive(Clone, Debug)]
pub(crate) struct Synthetic {
    workspace: Arc<str>,
    table: Arc<str>,
    seed: u64,
}

impl Synthetic {
    /// For the rows of one table.
    pub(crate) fn new(workspace: &Arc<str>, table: &Arc<str>) -> Self {
        let name = format!("{workspace}/{table}");
        let (seed, _) = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).as_u64_pair();
        Self { workspace: Arc::clone(workspace), table: Arc::clone(table), seed }
    }

    /// True when rows without this column have a value in it all the same.
    pub(crate) fn makes(name: &str, ty: ScalarType) -> bool {
        ty == ScalarType::String && matches!(name, "Type" | "TenantId" | "_ItemId")
    }

    /// The text that every row has, where it is one and the same.
    pub(crate) fn constant(&self, name: &str) -> Option<&str> {
        match name {
            "Type" => Some(&self.table),
            "TenantId" => Some(&self.workspace),
            _ => None,
        }
    }

    /// True when the column can hold this (lower-case) term.
    pub(crate) fn may_hold(&self, name: &str, term: &[u8]) -> bool {
        match self.constant(name) {
            Some(text) => terms_of(text).iter().any(|t| t == term),
            // The groups of an id.
            None => matches!(term.len(), 4 | 8 | 12) && term.iter().all(u8::is_ascii_hexdigit),
        }
    }

    /// True when the column can hold a term like this.
    pub(crate) fn may_hold_piece(&self, name: &str, piece: &Piece) -> bool {
        match self.constant(name) {
            Some(text) => {
                let like = piece.test();
                terms_of(text).iter().any(|term| like(term))
            }
            None => {
                let text = piece.text().as_bytes();
                text.len() <= 12 && text.iter().all(u8::is_ascii_hexdigit)
            }
        }
    }

    /// The column, when it is one of these; `items` are the numbers of the rows, asked for only when needed.
    pub(crate) fn column<E>(
        &self,
        name: &str,
        ty: ScalarType,
        rows: usize,
        items: impl FnOnce() -> Result<Int64Array, E>,
    ) -> Result<Option<ArrayRef>, E> {
        if ty != ScalarType::String {
            return Ok(None);
        }
        Ok(match name {
            "Type" => Some(constant_text(&self.table, rows)),
            "TenantId" => Some(constant_text(&self.workspace, rows)),
            "_ItemId" => Some(self.item_ids(&items()?)),
            _ => None,
        })
    }

    fn item_ids(&self, items: &Int64Array) -> ArrayRef {
        let mut builder = StringViewBuilder::with_capacity(items.len());
        let mut text = Uuid::encode_buffer();
        for item in items.values() {
            let id = item_id(self.seed, *item as u64);
            builder.append_value(id.hyphenated().encode_lower(&mut text));
        }
        Arc::new(builder.finish())
    }
}

/// The id of the row with this number: the first half alone tells rows of one store apart, the second half stores.
fn item_id(seed: u64, number: u64) -> Uuid {
    Uuid::from_u64_pair(mix(number), mix(number.rotate_left(32) ^ seed))
}

/// A permutation of 64-bit numbers that scatters neighbours (splitmix64's last step).
fn mix(number: u64) -> u64 {
    let a = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    c ^ (c >> 31)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn item_ids_differ_by_row_and_table_and_stay() {
        let table = |name: &str| Synthetic::new(&Arc::from("w"), &Arc::from(name));
        let items = Int64Array::from_iter_values(0..10_000);
        let ids = |t: &str| table(t).item_ids(&items);
        let (first, again, other) = (ids("A"), ids("A"), ids("B"));
        let mut seen = HashSet::new();
        for row in 0..10_000 {
            let id = model::rows::text(&first, row);
            assert_eq!(id, model::rows::text(&again, row));
            assert_ne!(id, model::rows::text(&other, row));
            assert!(seen.insert(id.to_owned()) && Uuid::parse_str(id).is_ok());
        }
    }
}
