//! From a pattern's conditions to what may match, and from matches to rows.

use std::collections::HashSet;

use arrow_array::{ArrayRef, UInt32Array};
use model::Batch;

use super::build::Graph;
use super::{CollectedKind, Pattern, collect, mask, rows_where, search, shortest};
use crate::exec::eval::project;
use crate::exec::whole::compile;
use crate::exec::{ExecError, columns};
use crate::functions::EvalContext;
use crate::plan::{ColumnId, Expr, visit};

/// Matches that become rows together.
const CHUNK: usize = 8192;

/// Most edges that a search goes along.
const STEPS_MAX: u64 = 200_000_000;

/// Most matches.
const MATCHES_MAX: u64 = 20_000_000;

/// Most bytes of the rows that matches become.
const BYTES_MAX: usize = 1 << 30;

/// Matches in columns: for each node and edge of the pattern what it is in each match.
#[derive(Default)]
pub(super) struct Found {
    pub(super) count: usize,
    /// For each node of the pattern.
    pub(super) nodes: Vec<Vec<u32>>,
    /// For each edge of the pattern.
    pub(super) edges: Vec<Segments>,
}

/// The elements of one edge of the pattern in each match.
#[derive(Default, Clone)]
pub(super) struct Segments {
    /// The edges of all matches, one after the other.
    pub(super) edges: Vec<u32>,
    /// How many edges each match has.
    pub(super) lengths: Vec<u32>,
    /// The nodes between the edges.
    pub(super) inner: Vec<u32>,
    /// How many nodes each match has.
    pub(super) inner_lengths: Vec<u32>,
}

/// What each part of the pattern may be; none where everything is allowed.
#[derive(Default)]
pub(super) struct Allowed {
    pub(super) nodes: Vec<Option<Vec<bool>>>,
    pub(super) edges: Vec<Option<Vec<bool>>>,
    pub(super) inner: Vec<Option<Vec<bool>>>,
}

/// True where an element is allowed.
pub(super) fn allows(allowed: Option<&Option<Vec<bool>>>, at: u32) -> bool {
    match allowed {
        Some(Some(list)) => list.get(at as usize).copied().unwrap_or(false),
        _ => true,
    }
}

/// A pattern being looked for.
pub(super) struct Search<'a> {
    pub(super) graph: &'a Graph,
    pub(super) pattern: &'a Pattern,
    pub(super) allowed: Allowed,
    /// Properties, identity and degrees.
    pub(super) nodes: Batch,
    context: &'a EvalContext,
    conditions: Vec<&'a Expr>,
    found: Found,
    steps: u64,
    matches: u64,
    bytes: usize,
    bytes_max: usize,
    out: &'a mut Vec<Batch>,
}

/// Looks for the pattern; its rows go to `out`.
pub(super) fn run(
    graph: &Graph,
    pattern: &Pattern,
    context: &EvalContext,
    memory: usize,
    out: &mut Vec<Batch>,
) -> Result<(), ExecError> {
    let mut search = Search {
        graph,
        pattern,
        allowed: Allowed {
            nodes: vec![None; pattern.nodes.len()],
            edges: vec![None; pattern.edges.len()],
            inner: vec![None; pattern.edges.len()],
        },
        nodes: graph.node_table()?,
        context,
        conditions: Vec::new(),
        found: Found::default(),
        steps: 0,
        matches: 0,
        bytes: out.iter().map(columns::weight).sum(),
        bytes_max: memory.min(BYTES_MAX),
        out,
    };
    for condition in &pattern.conditions {
        if !search.narrow(condition)? {
            search.conditions.push(condition);
        }
    }
    search.clear();
    match pattern.shortest {
        Some(all) => shortest::run(&mut search, all)?,
        None => search::run(&mut search)?,
    }
    search.flush()
}

fn ids_of(expr: &Expr) -> HashSet<ColumnId> {
    let mut ids = HashSet::new();
    visit(expr, &mut |e| {
        if let Expr::Column(id, _) = e {
            ids.insert(*id);
        }
    });
    ids
}

fn narrowed(slot: Option<&mut Option<Vec<bool>>>, keep: impl Iterator<Item = bool>) {
    if let Some(slot) = slot {
        *slot = Some(match slot.take() {
            None => keep.collect(),
            Some(before) => before.into_iter().zip(keep).map(|(a, b)| a && b).collect(),
        });
    }
}

impl Search<'_> {
    /// Takes a condition over one part of the pattern into account ahead of the search.
    fn narrow(&mut self, condition: &Expr) -> Result<bool, ExecError> {
        let ids = ids_of(condition);
        let within = |columns: &[ColumnId]| ids.iter().all(|id| columns.contains(id));
        if ids.is_empty() {
            return Ok(false);
        }
        for (at, columns) in self.pattern.nodes.iter().enumerate() {
            if within(columns) {
                let keep = rows_where(condition, &self.nodes, columns, self.context)?;
                narrowed(self.allowed.nodes.get_mut(at), keep.iter());
                return Ok(true);
            }
        }
        for (at, edge) in self.pattern.edges.iter().enumerate() {
            if edge.hops.is_none() && within(&edge.columns) {
                let keep = rows_where(condition, &self.graph.edges, &edge.columns, self.context)?;
                narrowed(self.allowed.edges.get_mut(at), keep.iter());
                return Ok(true);
            }
        }
        let Expr::Column(id, _) = condition else { return Ok(false) };
        let Some(all) = self.pattern.collected.iter().find(|c| c.field.id == *id) else {
            return Ok(false);
        };
        let own = ids_of(&all.expr).iter().all(|id| all.columns.contains(id));
        if all.kind != CollectedKind::All || !own {
            return Ok(false);
        }
        let table = if all.inner { &self.nodes } else { &self.graph.edges };
        let keep = rows_where(&all.expr, table, &all.columns, self.context)?;
        let slot = if all.inner { &mut self.allowed.inner } else { &mut self.allowed.edges };
        narrowed(slot.get_mut(all.edge), keep.iter());
        Ok(true)
    }

    /// Counts a step of the search.
    pub(super) fn step(&mut self) -> Result<(), ExecError> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(ExecError::ResourceLimit(format!(
                "the graph pattern was followed along more than {STEPS_MAX} edges; narrow the graph or the pattern"
            )));
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.found = Found {
            count: 0,
            nodes: vec![Vec::new(); self.pattern.nodes.len()],
            edges: vec![Segments::default(); self.pattern.edges.len()],
        };
    }

    /// Notes a match: a node for each node of the pattern, edges and inner nodes for each of its edges.
    pub(super) fn emit(
        &mut self,
        nodes: &[Option<u32>],
        edges: &[(Vec<u32>, Vec<u32>)],
    ) -> Result<(), ExecError> {
        self.matches += 1;
        if self.matches > MATCHES_MAX {
            return Err(ExecError::ResourceLimit(format!(
                "the graph pattern matches more than {MATCHES_MAX} times; narrow the pattern"
            )));
        }
        for (list, node) in self.found.nodes.iter_mut().zip(nodes) {
            list.push(node.unwrap_or_default());
        }
        for (segments, (edges, inner)) in self.found.edges.iter_mut().zip(edges) {
            segments.edges.extend(edges);
            segments.lengths.push(u32::try_from(edges.len()).unwrap_or(u32::MAX));
            segments.inner.extend(inner);
            segments.inner_lengths.push(u32::try_from(inner.len()).unwrap_or(u32::MAX));
        }
        self.found.count += 1;
        if self.found.count >= CHUNK {
            self.flush()?;
        }
        Ok(())
    }

    /// The matches so far become rows.
    fn flush(&mut self) -> Result<(), ExecError> {
        if self.found.count == 0 && !self.out.is_empty() {
            return Ok(());
        }
        let mut used = HashSet::new();
        let exprs = self.conditions.iter().copied().chain(&self.pattern.outputs);
        exprs.chain(self.pattern.collected.iter().map(|c| &c.expr)).for_each(|e| {
            used.extend(ids_of(e));
        });
        let (mut layout, mut arrays) = self.plain_columns(&used)?;
        for collected in &self.pattern.collected {
            if used.contains(&collected.field.id) {
                let batch = Batch { columns: arrays.clone(), rows: self.found.count };
                let column = collect::column(self, &self.found, collected, &batch, &layout)?;
                layout.push(collected.field.id);
                arrays.push(column);
            }
        }
        let mut batch = Batch { columns: arrays, rows: self.found.count };
        for condition in &self.conditions {
            let keep = rows_where(condition, &batch, &layout, self.context)?;
            batch = columns::filter(&batch, mask(keep).values())?;
        }
        let outputs = self
            .pattern
            .outputs
            .iter()
            .map(|e| compile(e, &layout))
            .collect::<Result<Vec<_>, _>>()?;
        let rows = project(&outputs, &batch, self.context)?;
        self.bytes = self.bytes.saturating_add(columns::weight(&rows));
        if self.bytes > self.bytes_max {
            return Err(ExecError::ResourceLimit(format!(
                "the matches of the graph pattern take more than {} MB of memory; narrow the pattern or project less",
                self.bytes_max >> 20
            )));
        }
        self.out.push(rows);
        self.clear();
        Ok(())
    }

    /// The columns of nodes and single edges that expressions read.
    fn plain_columns(
        &self,
        used: &HashSet<ColumnId>,
    ) -> Result<(Vec<ColumnId>, Vec<ArrayRef>), ExecError> {
        let mut layout = Vec::new();
        let mut arrays = Vec::new();
        let mut take = |ids: &[ColumnId], table: &Batch, rows: &[u32]| -> Result<(), ExecError> {
            for (id, column) in ids.iter().zip(&table.columns) {
                if used.contains(id) {
                    layout.push(*id);
                    let rows = UInt32Array::from(rows.to_vec());
                    arrays.push(columns::take_column(column, &rows)?);
                }
            }
            Ok(())
        };
        for (ids, rows) in self.pattern.nodes.iter().zip(&self.found.nodes) {
            take(ids, &self.nodes, rows)?;
        }
        for (edge, segments) in self.pattern.edges.iter().zip(&self.found.edges) {
            if edge.hops.is_none() {
                take(&edge.columns, &self.graph.edges, &segments.edges)?;
            }
        }
        Ok((layout, arrays))
    }

    /// The query's surroundings.
    pub(super) const fn context(&self) -> &EvalContext {
        self.context
    }
}
