//! `ipv4_lookup`, `ipv6_lookup`: the row of a table of networks that an address belongs to.

use std::collections::HashMap;
use std::sync::Arc;

use model::rows::text;
use model::{Batch, Column, Rows, ScalarType, Schema, Value};

use super::support::{take, whole};
use super::{PluginCall, PluginValue};
use crate::functions::ip::{Network, parse4, parse6};

type Read = fn(&str) -> Option<Network>;

pub(super) fn ipv4(call: &PluginCall<'_>) -> Result<Rows, String> {
    lookup(call, parse4, 32)
}

pub(super) fn ipv6(call: &PluginCall<'_>) -> Result<Rows, String> {
    lookup(call, parse6, 128)
}

/// Networks by their prefix length, the longest first; rows by network and extra keys.
struct Networks {
    lengths: Vec<(u8, HashMap<(u128, Vec<String>), Vec<u32>>)>,
    bits: u8,
}

impl Networks {
    fn mask(&self, address: u128, length: u8) -> u128 {
        let dropped = u32::from(self.bits - length.min(self.bits));
        address.checked_shr(dropped).and_then(|kept| kept.checked_shl(dropped)).unwrap_or(0)
    }

    fn insert(&mut self, network: Network, extra: Vec<String>, row: u32) {
        let address = self.mask(network.address, network.prefix);
        let at = match self.lengths.iter().position(|(length, _)| *length <= network.prefix) {
            Some(at) if self.lengths[at].0 == network.prefix => at,
            Some(at) => {
                self.lengths.insert(at, (network.prefix, HashMap::new()));
                at
            }
            None => {
                self.lengths.push((network.prefix, HashMap::new()));
                self.lengths.len() - 1
            }
        };
        self.lengths[at].1.entry((address, extra)).or_default().push(row);
    }

    /// The rows of the narrowest network that holds an address.
    fn find(&self, address: u128, extra: &[String]) -> &[u32] {
        let mut key = (0, extra.to_vec());
        for (length, rows) in &self.lengths {
            key.0 = self.mask(address, *length);
            if let Some(rows) = rows.get(&key) {
                return rows;
            }
        }
        &[]
    }
}

fn lookup(call: &PluginCall<'_>, read: Read, bits: u8) -> Result<Rows, String> {
    let Some(PluginValue::Table(table)) = call.argument(0, "LookupTable") else {
        return Err("argument 1 (LookupTable) must be a table".to_owned());
    };
    let source = call.column(1, "SourceKey")?;
    let name_of = |at: usize| match call.args.get(at).map(|a| &a.value) {
        Some(PluginValue::Name(name)) => Some(Arc::clone(name)),
        Some(PluginValue::Column(at)) => {
            call.rows.schema.columns.get(*at).map(|c| Arc::clone(&c.name))
        }
        _ => None,
    };
    let network = name_of(2)
        .and_then(|name| table.schema.position(&name))
        .ok_or("argument 3 must be a column of the lookup table")?;
    let extra: Vec<Arc<str>> = (3..call.args.len())
        .filter(|at| call.args.get(*at).is_some_and(|a| a.name.is_none()))
        .filter_map(name_of)
        .collect();
    let unmatched =
        matches!(call.constant(usize::MAX, "return_unmatched"), Some(Value::Bool(true)))
            || call.args.iter().skip(3).any(|a| {
                a.name.is_none() && matches!(a.value, PluginValue::Constant(Value::Bool(true), _))
            });
    let keys_of = |schema: &Schema| {
        extra
            .iter()
            .map(|name| schema.position(name).ok_or(format!("no column '{name}' on both sides")))
            .collect::<Result<Vec<usize>, String>>()
    };
    let (own_keys, table_keys) = (keys_of(&call.rows.schema)?, keys_of(&table.schema)?);
    let lookup = whole(table)?;
    let networks = networks(&lookup, &table.schema, (network, &table_keys), read, bits);
    // keys that both sides have are not repeated
    let given: Vec<usize> = (0..table.schema.len()).filter(|at| !table_keys.contains(at)).collect();
    let schema = Arc::new(joined(&call.rows.schema, call.width, &table.schema, &given));
    let given = Batch {
        columns: given.iter().filter_map(|at| lookup.columns.get(*at).cloned()).collect(),
        rows: lookup.rows,
    };
    let batches = call
        .rows
        .batches
        .iter()
        .map(|batch| {
            let keys = (source, own_keys.as_slice());
            matched(
                batch,
                &call.rows.schema,
                keys,
                call.width,
                &networks,
                &given,
                (read, unmatched),
            )
        })
        .collect::<Result<_, String>>()?;
    Ok(Rows { schema, batches })
}

fn cells(batch: &Batch, schema: &Schema, columns: &[usize], row: usize) -> Vec<String> {
    let cell = |at: &usize| {
        let (array, column) = (batch.columns.get(*at)?, schema.columns.get(*at)?);
        Some(model::rows::cell(array, column.ty, row).to_string())
    };
    columns.iter().filter_map(cell).collect()
}

fn networks(
    lookup: &Batch,
    schema: &Schema,
    (network, extra): (usize, &[usize]),
    read: Read,
    bits: u8,
) -> Networks {
    let mut networks = Networks { lengths: Vec::new(), bits };
    let Some(column) = lookup.columns.get(network) else { return networks };
    for row in 0..lookup.rows {
        if let Some(network) = read(text(column, row)) {
            networks.insert(network, cells(lookup, schema, extra, row), row as u32);
        }
    }
    networks
}

/// The rows of a batch with the lookup's beside them.
fn matched(
    batch: &Batch,
    schema: &Schema,
    (source, extra): (usize, &[usize]),
    width: usize,
    networks: &Networks,
    given: &Batch,
    (read, unmatched): (Read, bool),
) -> Result<Batch, String> {
    let Some(column) = batch.columns.get(source) else { return Ok(Batch::default()) };
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for row in 0..batch.rows {
        let address = read(text(column, row)).map(|n| n.address);
        let keys = if extra.is_empty() { Vec::new() } else { cells(batch, schema, extra, row) };
        let hits = address.map_or(&[][..], |a| networks.find(a, &keys));
        for hit in hits {
            left.push(Some(row as u32));
            right.push(Some(*hit));
        }
        if hits.is_empty() && unmatched {
            left.push(Some(row as u32));
            right.push(None);
        }
    }
    let own =
        Batch { columns: batch.columns.iter().take(width).cloned().collect(), rows: batch.rows };
    let mut out = take(&own, left)?;
    out.columns.extend(take(given, right)?.columns);
    Ok(out)
}

/// The input's columns and the lookup's; names that clash get a number.
pub(super) fn joined(own: &Schema, width: usize, table: &Schema, given: &[usize]) -> Schema {
    let mut columns: Vec<Column> = own.columns.iter().take(width).cloned().collect();
    for column in given.iter().filter_map(|at| table.columns.get(*at)) {
        let taken = |name: &str| columns.iter().any(|c| &*c.name == name);
        let mut name = column.name.to_string();
        let mut number = 1;
        while taken(&name) {
            name = format!("{}{number}", column.name);
            number += 1;
        }
        let ty: ScalarType = column.ty;
        columns.push(Column::new(name, ty));
    }
    Schema { columns }
}
