//! Shortest paths: from each start outward, level by level, over pairs of a node and a place in the pattern.

use std::collections::HashMap;

use super::matches::{Search, allows};
use super::search::Neighbours;
use crate::exec::ExecError;

/// Most paths of the same length between two nodes.
const PATHS_MAX: usize = 100_000;

/// Stands between two states at the same node.
const NO_EDGE: u32 = u32::MAX;

/// A node, at a place of the pattern: so many edges into its edge.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    edge: usize,
    hops: usize,
    node: u32,
}

/// How far a state is from the start, and by which edges it is reached in that distance.
#[derive(Default)]
struct Reached {
    distance: usize,
    before: Vec<(State, u32)>,
}

/// Looks for the shortest paths between all pairs; `all` of the same length, or any one.
pub(super) fn run(search: &mut Search<'_>, all: bool) -> Result<(), ExecError> {
    let neighbours = Neighbours::new(search.graph);
    let count = u32::try_from(search.graph.nodes.rows).unwrap_or(u32::MAX);
    let first = search.pattern.edges.first().map_or(0, |e| e.left);
    for start in 0..count {
        if allows(search.allowed.nodes.get(first), start) {
            search.step()?;
            let (reached, ends) = spread(search, &neighbours, start)?;
            for paths in shortest(&ends, &reached, all)? {
                emit(search, start, &paths)?;
            }
        }
    }
    Ok(())
}

/// Everything that can be reached from a start, and the states that end the pattern, nearest first.
fn spread(
    search: &mut Search<'_>,
    neighbours: &Neighbours,
    start: u32,
) -> Result<(HashMap<State, Reached>, Vec<State>), ExecError> {
    let mut reached: HashMap<State, Reached> = HashMap::new();
    let mut ends = Vec::new();
    let mut level = Vec::new();
    let first = State { edge: 0, hops: 0, node: start };
    reached.insert(first, Reached::default());
    level.push(first);
    let mut distance = 0;
    while !level.is_empty() {
        distance += 1;
        let mut next = Vec::new();
        let mut open = level;
        let mut at = 0;
        while let Some(state) = open.get(at).copied() {
            at += 1;
            let Some(edge) = search.pattern.edges.get(state.edge) else { continue };
            let (least, most) = edge.hops.unwrap_or((1, 1));
            let (right, direction) = (edge.right, edge.direction);
            if state.hops >= least && allows(search.allowed.nodes.get(right), state.node) {
                if state.edge + 1 == search.pattern.edges.len() {
                    ends.push(state);
                } else {
                    // the next edge of the pattern starts here, at no cost
                    let on = State { edge: state.edge + 1, hops: 0, node: state.node };
                    let known = reached.entry(on).or_insert_with(|| {
                        open.push(on);
                        Reached { distance: distance - 1, before: Vec::new() }
                    });
                    if known.distance == distance - 1 {
                        known.before.push((state, NO_EDGE));
                    }
                }
            }
            let passes =
                state.hops == 0 || allows(search.allowed.inner.get(state.edge), state.node);
            if state.hops >= most || !passes {
                continue;
            }
            for (edge, node) in neighbours.of(search.graph, state.node, direction) {
                search.step()?;
                if !allows(search.allowed.edges.get(state.edge), edge) {
                    continue;
                }
                let on = State { edge: state.edge, hops: state.hops + 1, node };
                let known = reached.entry(on).or_insert_with(|| {
                    next.push(on);
                    Reached { distance, before: Vec::new() }
                });
                if known.distance == distance {
                    known.before.push((state, edge));
                }
            }
        }
        level = next;
    }
    Ok((reached, ends))
}

/// A path: the states it goes through and the edge into each of them.
type Path = Vec<(State, u32)>;

/// For each node that ends the pattern its shortest paths.
fn shortest(
    ends: &[State],
    reached: &HashMap<State, Reached>,
    all: bool,
) -> Result<Vec<Path>, ExecError> {
    let mut nearest: HashMap<u32, usize> = HashMap::new();
    let mut paths = Vec::new();
    for end in ends {
        let distance = reached.get(end).map_or(0, |r| r.distance);
        let known = nearest.get(&end.node).copied();
        if known.is_some_and(|known| !all || distance > known) {
            continue;
        }
        nearest.insert(end.node, distance);
        let before = paths.len();
        let mut open: Vec<(State, Path)> = vec![(*end, Path::new())];
        while let Some((state, path)) = open.pop() {
            let ways = reached.get(&state).map(|r| r.before.as_slice()).unwrap_or_default();
            if ways.is_empty() {
                paths.push(path.into_iter().rev().collect());
                if paths.len() - before > PATHS_MAX {
                    return Err(ExecError::ResourceLimit(format!(
                        "more than {PATHS_MAX} shortest paths between two nodes; use output=any"
                    )));
                }
                continue;
            }
            for (way, edge) in ways.iter().take(if all { usize::MAX } else { 1 }) {
                let mut longer = path.clone();
                longer.push((state, *edge));
                open.push((*way, longer));
            }
        }
    }
    Ok(paths)
}

/// A path as a match: its edges and nodes in their places of the pattern.
fn emit(search: &mut Search<'_>, start: u32, path: &[(State, u32)]) -> Result<(), ExecError> {
    let mut nodes = vec![None; search.pattern.nodes.len()];
    let mut edges = vec![(Vec::new(), Vec::new()); search.pattern.edges.len()];
    let mut here = start;
    let left = search.pattern.edges.first().map_or(0, |e| e.left);
    let mut consistent = true;
    let mut bind = |at: usize, node: u32, consistent: &mut bool| {
        if let Some(slot) = nodes.get_mut(at) {
            *consistent &= slot.is_none_or(|known| known == node);
            *slot = Some(node);
        }
    };
    bind(left, start, &mut consistent);
    for (state, edge) in path {
        if *edge == NO_EDGE {
            // one edge of the pattern ends and the next begins
            let right = state.edge.checked_sub(1).and_then(|at| search.pattern.edges.get(at));
            if let Some(right) = right {
                bind(right.right, here, &mut consistent);
            }
            continue;
        }
        if let Some((own, inner)) = edges.get_mut(state.edge) {
            if state.hops > 1 {
                inner.push(here);
            }
            own.push(*edge);
        }
        here = state.node;
    }
    if let Some(last) = search.pattern.edges.last() {
        bind(last.right, here, &mut consistent);
    }
    if consistent { search.emit(&nodes, &edges) } else { Ok(()) }
}
