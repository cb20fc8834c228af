//! A graph in memory: tables of nodes and edges, and which node each edge leaves and reaches.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, UInt32Array};
use model::{Batch, Rows};
use values::ScalarType;

use super::{GraphSource, GraphStep, components, rows_where};
use crate::exec::groups::{Grouper, MISSING};
use crate::exec::whole::whole;
use crate::exec::{ExecError, columns};
use crate::functions::EvalContext;
use crate::plan::ColumnId;

/// A graph.
pub(super) struct Graph {
    /// Properties, those of steps behind those of the inputs.
    pub(super) nodes: Batch,
    /// Identities of nodes.
    pub(super) keys: ArrayRef,
    pub(super) edges: Batch,
    /// For each edge the node it leaves.
    pub(super) from: Vec<u32>,
    /// For each edge the node it reaches.
    pub(super) to: Vec<u32>,
    pub(super) directed: bool,
}

/// The graph of some inputs, or one for each value of the column that divides them.
pub(super) fn graphs(source: &GraphSource, inputs: &[Rows]) -> Result<Vec<Graph>, ExecError> {
    let mut tables = inputs.iter().map(whole).collect::<Result<Vec<_>, _>>()?.into_iter();
    let Some(edges) = tables.next() else { return Ok(Vec::new()) };
    let tables: Vec<Batch> = tables.collect();
    let Some(at) = source.partition else {
        return Ok(vec![graph(source, edges, &tables)?]);
    };
    let ty = source.edges.get(at).map_or(ScalarType::String, |f| f.ty);
    let Some(key) = edges.columns.get(at).cloned() else { return Ok(Vec::new()) };
    let mut grouper = Grouper::new(&[ty]);
    let numbers = grouper.number(&[key], edges.rows)?;
    let count = grouper.count();
    let mut parts = Vec::with_capacity(tables.len());
    for (table, spec) in tables.iter().zip(&source.tables) {
        let column = spec.partition.and_then(|at| table.columns.get(at).cloned());
        parts.push(match column {
            Some(column) => Some(grouper.find(&[column], table.rows, &mut Vec::new())?),
            None => None,
        });
    }
    let mut all = Vec::with_capacity(count);
    for number in 0..u32::try_from(count).unwrap_or(u32::MAX) {
        let own_edges = columns::take(&edges, &rows_of(&numbers, number))?;
        let own = tables
            .iter()
            .zip(&parts)
            .map(|(table, part)| match part {
                Some(part) => columns::take(table, &rows_of(part, number)),
                None => Ok(table.clone()),
            })
            .collect::<Result<Vec<_>, _>>()?;
        all.push(graph(source, own_edges, &own)?);
    }
    Ok(all)
}

fn rows_of(numbers: &[u32], number: u32) -> UInt32Array {
    (0..).zip(numbers).filter(|(_, n)| **n == number).map(|(row, _)| row).collect()
}

fn graph(source: &GraphSource, edges: Batch, tables: &[Batch]) -> Result<Graph, ExecError> {
    let mut grouper = Grouper::new(&[source.key]);
    let mut numbered = Vec::with_capacity(tables.len());
    for (table, spec) in tables.iter().zip(&source.tables) {
        let key = column(table, spec.key, source.key);
        numbered.push(grouper.number(&[key], table.rows)?);
    }
    let named = grouper.count();
    // both ends of the edges in the order of the edges
    let from = column(&edges, source.from, source.key);
    let to = column(&edges, source.to, source.key);
    let from = grouper.number(&[from], edges.rows)?;
    let to = grouper.number(&[to], edges.rows)?;
    let count = grouper.count();
    let keys = match grouper.keys()?.pop() {
        Some(keys) => keys,
        None => columns::empty(source.key),
    };
    let rows = row_of_node(&numbered, count);
    let mut properties: Vec<ArrayRef> = Vec::with_capacity(source.nodes.len());
    for (at, field) in source.nodes.iter().take(source.properties).enumerate() {
        let merged = merged(source, tables, &rows, at, field.ty)?;
        let filled = match (source.identities.contains(&at), named < count) {
            (true, true) => with_identities(&merged, &keys, named, count)?,
            _ => merged,
        };
        properties.push(filled);
    }
    let nodes = Batch { columns: properties, rows: count };
    Ok(Graph { nodes, keys, edges, from, to, directed: source.directed })
}

fn column(batch: &Batch, at: usize, ty: ScalarType) -> ArrayRef {
    batch.columns.get(at).cloned().unwrap_or_else(|| columns::nulls(ty, batch.rows))
}

/// For each table: the row of each node, the first that has its identity.
fn row_of_node(numbered: &[Vec<u32>], count: usize) -> Vec<Vec<Option<u32>>> {
    numbered
        .iter()
        .map(|numbers| {
            let mut rows = vec![None; count];
            for (row, number) in (0..).zip(numbers) {
                if let Some(slot) = rows.get_mut(*number as usize) {
                    slot.get_or_insert(row);
                }
            }
            rows
        })
        .collect()
}

/// One property of all nodes: of the first table that has the node and the property.
fn merged(
    source: &GraphSource,
    tables: &[Batch],
    rows: &[Vec<Option<u32>>],
    at: usize,
    ty: ScalarType,
) -> Result<ArrayRef, ExecError> {
    let count = rows.first().map_or(0, Vec::len);
    let mut pieces: Vec<ArrayRef> = Vec::new();
    let mut picks: Vec<Option<u32>> = vec![None; count];
    let mut offset: u32 = 0;
    for ((table, spec), rows) in tables.iter().zip(&source.tables).zip(rows) {
        let Some(column) =
            spec.columns.get(at).copied().flatten().and_then(|at| table.columns.get(at))
        else {
            continue;
        };
        for (pick, row) in picks.iter_mut().zip(rows) {
            if pick.is_none() {
                *pick = row.map(|row| row + offset);
            }
        }
        offset += u32::try_from(table.rows).unwrap_or(u32::MAX);
        pieces.push(Arc::clone(column));
    }
    if pieces.is_empty() {
        return Ok(columns::nulls(ty, count));
    }
    let all = columns::concat_column(&pieces.iter().collect::<Vec<_>>())?;
    let taken = columns::take_column(&all, &UInt32Array::from(picks))?;
    if ty == ScalarType::String { columns::fill_text(taken) } else { Ok(taken) }
}

/// The column with the identities of the nodes behind `named`.
fn with_identities(
    column: &ArrayRef,
    keys: &ArrayRef,
    named: usize,
    count: usize,
) -> Result<ArrayRef, ExecError> {
    let offset = u32::try_from(column.len()).unwrap_or(u32::MAX);
    let all = columns::concat_column(&[column, keys])?;
    let picks: UInt32Array = (0..u32::try_from(count).unwrap_or(u32::MAX))
        .map(|row| if (row as usize) < named { row } else { row + offset })
        .collect();
    columns::take_column(&all, &picks)
}

impl Graph {
    /// Properties, identity and degrees of all nodes.
    pub(super) fn node_table(&self) -> Result<Batch, ExecError> {
        let mut reached = vec![0_i64; self.nodes.rows];
        let mut left = vec![0_i64; self.nodes.rows];
        for (ends, degrees) in [(&self.to, &mut reached), (&self.from, &mut left)] {
            for node in ends {
                if let Some(degree) = degrees.get_mut(*node as usize) {
                    *degree += 1;
                }
            }
        }
        let mut table = self.nodes.clone();
        table.columns.push(Arc::clone(&self.keys));
        table.columns.push(Arc::new(Int64Array::from(reached)));
        table.columns.push(Arc::new(Int64Array::from(left)));
        Ok(table)
    }

    /// Changes the graph.
    pub(super) fn step(
        &mut self,
        source: &GraphSource,
        step: &GraphStep,
        context: &EvalContext,
    ) -> Result<(), ExecError> {
        match step {
            GraphStep::Nodes(condition) => {
                let layout = self.node_layout(source);
                let keep = rows_where(condition, &self.node_table()?, &layout, context)?;
                self.keep_nodes(&(0..keep.len()).map(|i| keep.value(i)).collect::<Vec<_>>())
            }
            GraphStep::Edges(condition) => {
                let layout: Vec<ColumnId> = source.edges.iter().map(|f| f.id).collect();
                let keep = rows_where(condition, &self.edges, &layout, context)?;
                self.keep_edges(&(0..keep.len()).map(|i| keep.value(i)).collect::<Vec<_>>())
            }
            GraphStep::Components { strong } => {
                let marks = components::marks(self.nodes.rows, &self.from, &self.to, *strong);
                self.nodes.columns.push(Arc::new(Int64Array::from(marks)));
                Ok(())
            }
        }
    }

    /// Ids of the columns of [`Self::node_table`] so far.
    fn node_layout(&self, source: &GraphSource) -> Vec<ColumnId> {
        let own = source.nodes.iter().take(self.nodes.columns.len());
        let extras = source.nodes.iter().skip(source.nodes.len().saturating_sub(3));
        own.chain(extras).map(|f| f.id).collect()
    }

    fn keep_edges(&mut self, keep: &[bool]) -> Result<(), ExecError> {
        let rows: Vec<u32> = (0..).zip(keep).filter(|(_, k)| **k).map(|(row, _)| row).collect();
        let pick = |ends: &[u32]| -> Vec<u32> {
            rows.iter().filter_map(|row| ends.get(*row as usize).copied()).collect()
        };
        self.from = pick(&self.from);
        self.to = pick(&self.to);
        self.edges = columns::take(&self.edges, &UInt32Array::from(rows))?;
        Ok(())
    }

    fn keep_nodes(&mut self, keep: &[bool]) -> Result<(), ExecError> {
        let kept = |node: &u32| keep.get(*node as usize).copied().unwrap_or(false);
        let edges: Vec<bool> =
            self.from.iter().zip(&self.to).map(|(f, t)| kept(f) && kept(t)).collect();
        self.keep_edges(&edges)?;
        let mut numbers = vec![MISSING; keep.len()];
        let mut rows: Vec<u32> = Vec::new();
        for (node, slot) in (0_u32..).zip(&mut numbers) {
            if kept(&node) {
                *slot = u32::try_from(rows.len()).unwrap_or(MISSING);
                rows.push(node);
            }
        }
        for end in self.from.iter_mut().chain(&mut self.to) {
            *end = numbers.get(*end as usize).copied().unwrap_or(MISSING);
        }
        let rows = UInt32Array::from(rows);
        self.keys = columns::take_column(&self.keys, &rows)?;
        self.nodes = columns::take(&self.nodes, &rows)?;
        Ok(())
    }
}
