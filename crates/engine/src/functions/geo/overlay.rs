//! Shapes laid over each other: union and intersection of areas and lines on the sphere.
//!
//! All edges are split where they meet, so that each piece lies wholly inside, outside or on the border of the other
//! shape. The pieces that the result wants are then linked into rings and lines again. A ring ends with the latest of
//! the edges it came from, which keeps the order of the shapes given.

use std::collections::HashMap;
use std::f64::consts::TAU;

use super::measure::closed;
use super::shape::{Chain, Geometry, Point, Polygon, vectors};
use super::sphere::{
    Meeting, Vector, add, angle, angle_to_arc, azimuth, crossing, ring_area, unit,
};

/// Points closer than this (in radians; a few micrometres) are one.
const SAME: f64 = 1e-12;
/// Most edges that are compared pair by pair.
const EDGES_MAX: usize = 5_000;

/// Areas that do not overlap.
pub(super) type Region = Vec<Polygon>;

/// Index of a point among all.
type Node = usize;

/// All points, near ones merged.
#[derive(Default)]
struct Nodes {
    points: Vec<Point>,
    /// Points by their place in a grid of twice the merging distance.
    grid: HashMap<[i64; 3], Vec<Node>>,
}

impl Nodes {
    fn cell(v: Vector) -> [i64; 3] {
        v.map(|x| (x / (4.0 * SAME)).floor() as i64)
    }

    fn add(&mut self, point: Point) -> Node {
        let cell = Self::cell(point.v);
        for offset in 0..27 {
            let near =
                [cell[0] + offset % 3 - 1, cell[1] + offset / 3 % 3 - 1, cell[2] + offset / 9 - 1];
            let known = self.grid.get(&near).into_iter().flatten();
            for node in known {
                if self.points.get(*node).is_some_and(|p| angle(p.v, point.v) <= SAME) {
                    return *node;
                }
            }
        }
        self.points.push(point);
        self.grid.entry(cell).or_default().push(self.points.len() - 1);
        self.points.len() - 1
    }

    fn v(&self, node: Node) -> Vector {
        self.points.get(node).map_or([0.0, 0.0, 1.0], |p| p.v)
    }
}

/// Edges of both shapes, split where they meet.
struct Overlay {
    nodes: Nodes,
    /// For each shape, its pieces in order.
    pieces: [Vec<(Node, Node)>; 2],
    /// For each piece, the number of the edge it is a part of, counted over both shapes.
    edges: [Vec<usize>; 2],
}

impl Overlay {
    /// None for shapes with too many edges.
    fn of(first: &[Chain], second: &[Chain]) -> Option<Self> {
        let mut nodes = Nodes::default();
        let mut edges: Vec<(usize, Node, Node)> = Vec::new();
        for (shape, chains) in [first, second].into_iter().enumerate() {
            for chain in chains {
                let ids: Vec<Node> = chain.iter().map(|p| nodes.add(*p)).collect();
                edges.extend(ids.windows(2).filter(|w| w[0] != w[1]).map(|w| (shape, w[0], w[1])));
            }
        }
        if edges.len() > EDGES_MAX {
            return None;
        }
        let mut cuts: Vec<Vec<Node>> = vec![Vec::new(); edges.len()];
        for i in 0..edges.len() {
            for j in i + 1..edges.len() {
                meet(&mut nodes, &edges, &mut cuts, i, j);
            }
        }
        let mut pieces = [Vec::new(), Vec::new()];
        let mut numbers = [Vec::new(), Vec::new()];
        for (number, ((shape, from, to), mut cut)) in edges.into_iter().zip(cuts).enumerate() {
            cut.sort_by(|a, b| {
                let start = nodes.v(from);
                angle(start, nodes.v(*a)).total_cmp(&angle(start, nodes.v(*b)))
            });
            cut.dedup();
            let chain: Vec<Node> = [from].into_iter().chain(cut).chain([to]).collect();
            if let Some(own) = pieces.get_mut(shape) {
                own.extend(chain.windows(2).filter(|w| w[0] != w[1]).map(|w| (w[0], w[1])));
                if let Some(numbers) = numbers.get_mut(shape) {
                    numbers.resize(own.len(), number);
                }
            }
        }
        Some(Self { nodes, pieces, edges: numbers })
    }

    fn middle(&self, piece: (Node, Node)) -> Vector {
        let (a, b) = (self.nodes.v(piece.0), self.nodes.v(piece.1));
        unit(add(a, b)).unwrap_or(a)
    }
}

/// Notes where two edges meet.
fn meet(
    nodes: &mut Nodes,
    edges: &[(usize, Node, Node)],
    cuts: &mut [Vec<Node>],
    i: usize,
    j: usize,
) {
    let (Some((_, a, b)), Some((_, c, d))) = (edges.get(i).copied(), edges.get(j).copied()) else {
        return;
    };
    let (va, vb, vc, vd) = (nodes.v(a), nodes.v(b), nodes.v(c), nodes.v(d));
    // Far apart: no need to look closer.
    if angle(va, vc) > angle(va, vb) + angle(vc, vd) + SAME {
        return;
    }
    let mut touched = false;
    for (end, v, start, stop, other, p, q) in [
        (c, vc, va, vb, i, a, b),
        (d, vd, va, vb, i, a, b),
        (a, va, vc, vd, j, c, d),
        (b, vb, vc, vd, j, c, d),
    ] {
        if end == p || end == q {
            touched = true;
        } else if angle_to_arc(v, start, stop) <= SAME {
            touched = true;
            cuts[other].push(end);
        }
    }
    if touched {
        return;
    }
    if let Meeting::Cross(point) = crossing(va, vb, vc, vd) {
        let node = nodes.add(Point::of(point));
        cuts[i].push(node);
        cuts[j].push(node);
    }
}

fn region_chains(region: &Region) -> Vec<Chain> {
    region.iter().flat_map(Polygon::rings).map(|ring| closed(ring)).collect()
}

fn holds(region: &Region, p: Vector) -> bool {
    region.iter().any(|polygon| polygon.contains(p))
}

/// How the pieces of two areas stand to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Inside,
    Outside,
}

/// A piece of a border, and the number of its edge.
type Piece = (Node, Node, usize);

/// Pieces of the border of the union or intersection, in the order of the shapes.
fn border(overlay: &Overlay, regions: [&Region; 2], wanted: Wanted) -> Vec<Piece> {
    let mut kept = Vec::new();
    for (shape, own) in overlay.pieces.iter().enumerate() {
        let other = 1 - shape;
        for (piece, edge) in own.iter().zip(&overlay.edges[shape]) {
            let reversed = (piece.1, piece.0);
            let theirs = &overlay.pieces[other];
            let keep = if theirs.contains(piece) {
                shape == 0
            } else if theirs.contains(&reversed) {
                false
            } else {
                holds(regions[other], overlay.middle(*piece)) == (wanted == Wanted::Inside)
            };
            if keep {
                kept.push((piece.0, piece.1, *edge));
            }
        }
    }
    kept
}

/// Pieces linked into rings. Where several lead on, the sharpest turn towards the inside is taken, so that rings that
/// only touch stay apart.
fn link_rings(nodes: &Nodes, pieces: &[Piece]) -> Vec<Vec<Node>> {
    let mut leaving: HashMap<Node, Vec<usize>> = HashMap::new();
    for (at, piece) in pieces.iter().enumerate() {
        leaving.entry(piece.0).or_default().push(at);
    }
    let mut used = vec![false; pieces.len()];
    let mut rings = Vec::new();
    for start in 0..pieces.len() {
        if used[start] {
            continue;
        }
        let mut ring = Vec::new();
        let mut at = start;
        let closed = loop {
            used[at] = true;
            let (from, to, edge) = pieces[at];
            ring.push((from, edge));
            if to == pieces[start].0 {
                break true;
            }
            let back = azimuth(nodes.v(to), nodes.v(from));
            let next =
                leaving.get(&to).into_iter().flatten().copied().filter(|n| !used[*n]).min_by(
                    |a, b| {
                        let turn = |n: &usize| {
                            (azimuth(nodes.v(to), nodes.v(pieces[*n].1)) - back).rem_euclid(TAU)
                        };
                        turn(a).total_cmp(&turn(b))
                    },
                );
            match next {
                Some(next) => at = next,
                None => break false,
            }
        };
        if closed && ring.len() > 2 {
            rings.push(from_earliest(ring));
        }
    }
    rings
}

/// The ring turned so that it ends with the last piece in a row of its latest edge.
fn from_earliest(mut ring: Vec<(Node, usize)>) -> Vec<Node> {
    let latest = ring.iter().map(|p| p.1).max().unwrap_or(0);
    let count = ring.len();
    let edge = |at: usize| ring.get(at % count).map_or(0, |p| p.1);
    let end =
        (0..count).find(|at| edge(*at) == latest && edge(at + 1) != latest).unwrap_or(count - 1);
    ring.rotate_left((end + 1) % count);
    ring.into_iter().map(|p| p.0).collect()
}

/// Rings as areas: counterclockwise ones are shells, the others holes of the shell around them.
fn areas(nodes: &Nodes, rings: Vec<Vec<Node>>) -> Region {
    let chains: Vec<Chain> = rings
        .into_iter()
        .map(|ring| ring.into_iter().filter_map(|n| nodes.points.get(n).copied()).collect())
        .collect();
    let is_shell = |ring: &Chain| ring_area(&vectors(ring)) > 0.0;
    let (shells, holes): (Vec<Chain>, Vec<Chain>) = chains.into_iter().partition(is_shell);
    let mut region: Region =
        shells.into_iter().map(|shell| Polygon { shell, holes: Vec::new() }).collect();
    for hole in holes {
        let inner = hole.first().zip(hole.get(1)).and_then(|(a, b)| unit(add(a.v, b.v)));
        let owner = region.iter_mut().filter(|p| {
            let shell = Polygon { shell: p.shell.clone(), holes: Vec::new() };
            inner.is_some_and(|v| shell.contains(v))
        });
        let smallest = owner
            .min_by(|a, b| ring_area(&vectors(&a.shell)).total_cmp(&ring_area(&vectors(&b.shell))));
        if let Some(owner) = smallest {
            owner.holes.push(hole);
        }
    }
    region
}

fn union_two(a: &Region, b: &Region) -> Option<Region> {
    let overlay = Overlay::of(&region_chains(a), &region_chains(b))?;
    let pieces = border(&overlay, [a, b], Wanted::Outside);
    Some(areas(&overlay.nodes, link_rings(&overlay.nodes, &pieces)))
}

/// Polygons as areas that do not overlap; none where they are too many. Those with the fewest points are joined first; what
/// is joined counts as many points as its parts had.
pub(super) fn union(polygons: &[Polygon]) -> Option<Region> {
    let mut queue: Vec<(usize, Region)> = polygons
        .iter()
        .map(|polygon| (polygon.rings().map(Vec::len).sum(), vec![polygon.clone()]))
        .collect();
    queue.sort_by_key(|(points, _)| *points);
    while queue.len() > 1 {
        let ((a, first), (b, second)) = (queue.remove(0), queue.remove(0));
        let place = queue.partition_point(|(points, _)| *points <= a + b);
        queue.insert(place, (a + b, union_two(&first, &second)?));
    }
    queue.pop().map(|(_, region)| region)
}

/// What two areas share: areas, and where they only touch, lines and points.
pub(super) fn intersect_regions(a: &Region, b: &Region) -> Option<Vec<Geometry>> {
    let overlay = Overlay::of(&region_chains(a), &region_chains(b))?;
    let pieces = border(&overlay, [a, b], Wanted::Inside);
    let rings = link_rings(&overlay.nodes, &pieces);
    let mut covered: Vec<Node> = rings.iter().flatten().copied().collect();
    // Edges that both have in opposite directions: the areas lie on different sides of them.
    let [first, second] = &overlay.pieces;
    let shared: Vec<(Node, Node)> =
        first.iter().filter(|p| second.contains(&(p.1, p.0))).copied().collect();
    covered.extend(shared.iter().flat_map(|p| [p.0, p.1]));
    let mut all = touching(&overlay, &covered);
    all.extend(link_lines(&overlay.nodes, &shared).into_iter().map(Geometry::Line));
    all.extend(areas(&overlay.nodes, rings).into_iter().map(Geometry::Area));
    Some(all)
}

/// Points that both shapes have and the result has not yet.
fn touching(overlay: &Overlay, covered: &[Node]) -> Vec<Geometry> {
    let [first, second] = &overlay.pieces;
    let has = |pieces: &[(Node, Node)], n: Node| pieces.iter().any(|p| p.0 == n || p.1 == n);
    (0..overlay.nodes.points.len())
        .filter(|n| !covered.contains(n) && has(first, *n) && has(second, *n))
        .filter_map(|n| overlay.nodes.points.get(n).copied().map(Geometry::Point))
        .collect()
}

/// Pieces as lines, each as long as it goes, in the order of the first pieces.
fn link_lines(nodes: &Nodes, pieces: &[(Node, Node)]) -> Vec<Chain> {
    let mut unique: Vec<(Node, Node)> = Vec::new();
    for piece in pieces {
        if !unique.contains(piece) && !unique.contains(&(piece.1, piece.0)) {
            unique.push(*piece);
        }
    }
    let mut used = vec![false; unique.len()];
    let mut lines = Vec::new();
    for start in 0..unique.len() {
        if used[start] {
            continue;
        }
        used[start] = true;
        let mut chain = vec![unique[start].0, unique[start].1];
        while let Some(last) = chain.last().copied() {
            let next = (0..unique.len()).find(|i| !used[*i] && unique[*i].0 == last);
            let Some(next) = next else { break };
            used[next] = true;
            chain.push(unique[next].1);
        }
        while let Some(first) = chain.first().copied() {
            let before = (0..unique.len()).find(|i| !used[*i] && unique[*i].1 == first);
            let Some(before) = before else { break };
            used[before] = true;
            chain.insert(0, unique[before].0);
        }
        lines.push(chain.into_iter().filter_map(|n| nodes.points.get(n).copied()).collect());
    }
    lines
}

/// Lines without what they have twice.
pub(super) fn union_lines(lines: &[Chain]) -> Option<Vec<Chain>> {
    if let [only] = lines {
        return Some(vec![only.clone()]);
    }
    let overlay = Overlay::of(lines, &[])?;
    Some(link_lines(&overlay.nodes, &overlay.pieces[0]))
}

/// What two lines share.
pub(super) fn intersect_lines(a: &[Chain], b: &[Chain]) -> Option<Vec<Geometry>> {
    let overlay = Overlay::of(a, b)?;
    let [first, second] = &overlay.pieces;
    let shared: Vec<(Node, Node)> = first
        .iter()
        .filter(|p| second.contains(p) || second.contains(&(p.1, p.0)))
        .copied()
        .collect();
    let covered: Vec<Node> = shared.iter().flat_map(|p| [p.0, p.1]).collect();
    let mut all = touching(&overlay, &covered);
    all.extend(link_lines(&overlay.nodes, &shared).into_iter().map(Geometry::Line));
    Some(all)
}

/// The parts of lines inside of an area.
pub(super) fn intersect_line_region(lines: &[Chain], region: &Region) -> Option<Vec<Geometry>> {
    let overlay = Overlay::of(lines, &region_chains(region))?;
    let [own, border] = &overlay.pieces;
    let inside: Vec<(Node, Node)> = own
        .iter()
        .filter(|p| {
            border.contains(p) || border.contains(&(p.1, p.0)) || holds(region, overlay.middle(**p))
        })
        .copied()
        .collect();
    let covered: Vec<Node> = inside.iter().flat_map(|p| [p.0, p.1]).collect();
    let mut all = touching(&overlay, &covered);
    all.extend(link_lines(&overlay.nodes, &inside).into_iter().map(Geometry::Line));
    Some(all)
}
