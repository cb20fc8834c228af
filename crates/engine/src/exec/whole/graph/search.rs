//! All matches of a pattern: from the node with the fewest candidates along the pattern's edges, going back where it ends.

use super::build::Graph;
use super::matches::{Search, allows};
use super::{Cycles, Direction};
use crate::exec::ExecError;

/// Edges by the node they leave and by the node they reach.
pub(super) struct Neighbours {
    out: Lists,
    into: Lists,
}

/// For each node a range of edges.
struct Lists {
    starts: Vec<u32>,
    edges: Vec<u32>,
}

impl Lists {
    fn new(nodes: usize, ends: &[u32]) -> Self {
        let mut starts = vec![0_u32; nodes + 1];
        for node in ends {
            if let Some(count) = starts.get_mut(*node as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut edges = vec![0; ends.len()];
        for (edge, node) in (0..).zip(ends) {
            if let Some(place) = next.get_mut(*node as usize) {
                if let Some(slot) = edges.get_mut(*place as usize) {
                    *slot = edge;
                }
                *place += 1;
            }
        }
        Self { starts, edges }
    }

    fn of(&self, node: u32) -> &[u32] {
        let start = self.starts.get(node as usize).copied().unwrap_or(0) as usize;
        let end = self.starts.get(node as usize + 1).copied().unwrap_or(0) as usize;
        self.edges.get(start..end).unwrap_or_default()
    }
}

impl Neighbours {
    pub(super) fn new(graph: &Graph) -> Self {
        Self {
            out: Lists::new(graph.nodes.rows, &graph.from),
            into: Lists::new(graph.nodes.rows, &graph.to),
        }
    }

    /// Edges that go on from a node, and where to.
    pub(super) fn of(&self, graph: &Graph, node: u32, direction: Direction) -> Vec<(u32, u32)> {
        let direction = if graph.directed { direction } else { Direction::Any };
        let end = |ends: &[u32], edge: u32| ends.get(edge as usize).copied().unwrap_or(node);
        let mut found = Vec::new();
        if direction != Direction::Backward {
            found.extend(self.out.of(node).iter().map(|e| (*e, end(&graph.to, *e))));
        }
        if direction != Direction::Forward {
            let back = self.into.of(node).iter().map(|e| (*e, end(&graph.from, *e)));
            // an edge from a node to itself is met once
            found.extend(
                back.filter(|(_, other)| direction == Direction::Backward || *other != node),
            );
        }
        found
    }
}

/// The edges of the pattern in the order in which they are followed; true where from right to left.
type Order = Vec<(usize, bool)>;

/// Looks for all matches.
pub(super) fn run(search: &mut Search<'_>) -> Result<(), ExecError> {
    let (start, order) = order(search);
    let count = search.graph.nodes.rows;
    let mut walk = Walk {
        neighbours: Neighbours::new(search.graph),
        order,
        nodes: vec![None; search.pattern.nodes.len()],
        edges: vec![(Vec::new(), Vec::new()); search.pattern.edges.len()],
        used_edges: vec![false; search.graph.edges.rows],
        used_nodes: vec![0; count],
        search,
    };
    for node in 0..u32::try_from(count).unwrap_or(u32::MAX) {
        if allows(walk.search.allowed.nodes.get(start), node) {
            walk.search.step()?;
            walk.bind(start, node);
            walk.follow(0)?;
            walk.release(start, node);
        }
    }
    Ok(())
}

/// Where to begin, and how to go on from there.
fn order(search: &Search<'_>) -> (usize, Order) {
    let candidates = |at: &usize| match search.allowed.nodes.get(*at) {
        Some(Some(list)) => list.iter().filter(|allowed| **allowed).count(),
        _ => usize::MAX,
    };
    let start = (0..search.pattern.nodes.len()).min_by_key(candidates).unwrap_or(0);
    let mut bound = vec![start];
    let mut order = Order::new();
    loop {
        let open = |at: &usize| !order.iter().any(|(done, _)| done == at);
        let reached = search.pattern.edges.iter().enumerate().find(|(at, edge)| {
            open(at) && (bound.contains(&edge.left) || bound.contains(&edge.right))
        });
        let Some((at, edge)) = reached else { return (start, order) };
        let backwards = !bound.contains(&edge.left);
        order.push((at, backwards));
        bound.extend([edge.left, edge.right]);
    }
}

/// A match in the making.
struct Walk<'s, 'a> {
    search: &'s mut Search<'a>,
    neighbours: Neighbours,
    order: Order,
    nodes: Vec<Option<u32>>,
    edges: Vec<(Vec<u32>, Vec<u32>)>,
    used_edges: Vec<bool>,
    used_nodes: Vec<u32>,
}

/// An edge of the pattern being followed.
#[derive(Clone, Copy)]
struct Leg {
    /// Place in the order.
    place: usize,
    /// Which edge of the pattern.
    edge: usize,
    backwards: bool,
    direction: Direction,
    /// The pattern's node at the end.
    target: usize,
    least: usize,
    most: usize,
}

impl Walk<'_, '_> {
    fn bind(&mut self, at: usize, node: u32) {
        if let Some(slot) = self.nodes.get_mut(at) {
            *slot = Some(node);
        }
        self.enter(node);
    }

    fn release(&mut self, at: usize, node: u32) {
        if let Some(slot) = self.nodes.get_mut(at) {
            *slot = None;
        }
        self.leave(node);
    }

    fn enter(&mut self, node: u32) {
        if let Some(count) = self.used_nodes.get_mut(node as usize) {
            *count += 1;
        }
    }

    fn leave(&mut self, node: u32) {
        if let Some(count) = self.used_nodes.get_mut(node as usize) {
            *count = count.saturating_sub(1);
        }
    }

    /// Goes along the pattern's edges from this place of the order on.
    fn follow(&mut self, place: usize) -> Result<(), ExecError> {
        let Some((at, backwards)) = self.order.get(place).copied() else {
            return self.search.emit(&self.nodes, &self.edges);
        };
        let Some(edge) = self.search.pattern.edges.get(at) else { return Ok(()) };
        let (from, target) =
            if backwards { (edge.right, edge.left) } else { (edge.left, edge.right) };
        let direction = match (backwards, edge.direction) {
            (true, Direction::Forward) => Direction::Backward,
            (true, Direction::Backward) => Direction::Forward,
            (_, other) => other,
        };
        let (least, most) = edge.hops.unwrap_or((1, 1));
        let leg = Leg { place, edge: at, backwards, direction, target, least, most };
        match self.nodes.get(from).copied().flatten() {
            Some(node) => self.walk(leg, node, &mut Vec::new(), &mut Vec::new()),
            None => Ok(()),
        }
    }

    /// One edge of the graph further, or on to the next edge of the pattern.
    fn walk(
        &mut self,
        leg: Leg,
        node: u32,
        edges: &mut Vec<u32>,
        inner: &mut Vec<u32>,
    ) -> Result<(), ExecError> {
        if edges.len() >= leg.least {
            self.arrive(leg, node, edges, inner)?;
        }
        if edges.len() >= leg.most {
            return Ok(());
        }
        let is_inner = !edges.is_empty();
        if is_inner {
            if !allows(self.search.allowed.inner.get(leg.edge), node) || self.is_cycle(node) {
                return Ok(());
            }
            inner.push(node);
            self.enter(node);
        }
        for (edge, next) in self.neighbours.of(self.search.graph, node, leg.direction) {
            self.search.step()?;
            if !allows(self.search.allowed.edges.get(leg.edge), edge) || self.is_used(edge) {
                continue;
            }
            self.mark(edge, true);
            edges.push(edge);
            let result = self.walk(leg, next, edges, inner);
            edges.pop();
            self.mark(edge, false);
            result?;
        }
        if is_inner {
            self.leave(node);
            inner.pop();
        }
        Ok(())
    }

    /// The end of an edge of the pattern: its node is given already, or this becomes it.
    fn arrive(
        &mut self,
        leg: Leg,
        node: u32,
        edges: &[u32],
        inner: &[u32],
    ) -> Result<(), ExecError> {
        let target = self.nodes.get(leg.target).copied().flatten();
        let none = self.search.pattern.cycles == Cycles::None;
        match target {
            Some(bound) if bound != node || (none && !edges.is_empty()) => return Ok(()),
            None if !allows(self.search.allowed.nodes.get(leg.target), node) => return Ok(()),
            None if !edges.is_empty() && self.is_cycle(node) => return Ok(()),
            _ => {}
        }
        if let Some((own_edges, own_inner)) = self.edges.get_mut(leg.edge) {
            *own_edges = edges.to_vec();
            *own_inner = inner.to_vec();
            if leg.backwards {
                own_edges.reverse();
                own_inner.reverse();
            }
        }
        if target.is_some() {
            return self.follow(leg.place + 1);
        }
        self.bind(leg.target, node);
        let result = self.follow(leg.place + 1);
        self.release(leg.target, node);
        result
    }

    /// True where the node may not be met again.
    fn is_cycle(&self, node: u32) -> bool {
        self.search.pattern.cycles == Cycles::None
            && self.used_nodes.get(node as usize).is_some_and(|count| *count > 0)
    }

    fn is_used(&self, edge: u32) -> bool {
        self.search.pattern.cycles != Cycles::All
            && self.used_edges.get(edge as usize) == Some(&true)
    }

    fn mark(&mut self, edge: u32, used: bool) {
        if self.search.pattern.cycles != Cycles::All
            && let Some(slot) = self.used_edges.get_mut(edge as usize)
        {
            *slot = used;
        }
    }
}
