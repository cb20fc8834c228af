//! Connected parts of a graph, numbered in the order in which their first node comes.

/// The component of each node.
pub(super) fn marks(nodes: usize, from: &[u32], to: &[u32], strong: bool) -> Vec<i64> {
    let roots = if strong { strong_roots(nodes, from, to) } else { weak_roots(nodes, from, to) };
    let mut numbers: Vec<Option<i64>> = vec![None; nodes];
    let mut next = 0;
    roots
        .into_iter()
        .map(|root| match numbers.get_mut(root) {
            Some(slot) => *slot.get_or_insert_with(|| {
                next += 1;
                next - 1
            }),
            None => 0,
        })
        .collect()
}

/// A node that stands for the component, directions left aside.
fn weak_roots(nodes: usize, from: &[u32], to: &[u32]) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..nodes).collect();
    fn root(parent: &mut [usize], mut node: usize) -> usize {
        while let Some(&up) = parent.get(node) {
            if up == node {
                break;
            }
            let above = parent.get(up).copied().unwrap_or(up);
            if let Some(slot) = parent.get_mut(node) {
                *slot = above;
            }
            node = above;
        }
        node
    }
    for (a, b) in from.iter().zip(to) {
        let (a, b) = (root(&mut parent, *a as usize), root(&mut parent, *b as usize));
        if let Some(slot) = parent.get_mut(a.max(b)) {
            *slot = a.min(b);
        }
    }
    (0..nodes).map(|node| root(&mut parent, node)).collect()
}

/// A node that stands for the component of nodes that reach each other (Tarjan, without recursion).
fn strong_roots(nodes: usize, from: &[u32], to: &[u32]) -> Vec<usize> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for (a, b) in from.iter().zip(to) {
        if let Some(list) = out.get_mut(*a as usize) {
            list.push(*b as usize);
        }
    }
    let mut state = Tarjan {
        index: vec![usize::MAX; nodes],
        low: vec![0; nodes],
        on_stack: vec![false; nodes],
        root: (0..nodes).collect(),
        ..Tarjan::default()
    };
    for start in 0..nodes {
        if state.index.get(start) == Some(&usize::MAX) {
            state.visit(start, &out);
        }
    }
    state.root
}

#[derive(Default)]
struct Tarjan {
    index: Vec<usize>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    root: Vec<usize>,
    stack: Vec<usize>,
    next: usize,
}

impl Tarjan {
    fn enter(&mut self, node: usize) {
        if let (Some(index), Some(low), Some(on)) =
            (self.index.get_mut(node), self.low.get_mut(node), self.on_stack.get_mut(node))
        {
            (*index, *low, *on) = (self.next, self.next, true);
        }
        self.next += 1;
        self.stack.push(node);
    }

    fn lower(&mut self, node: usize, to: usize) {
        if let Some(low) = self.low.get_mut(node) {
            *low = (*low).min(to);
        }
    }

    fn visit(&mut self, start: usize, out: &[Vec<usize>]) {
        let mut calls: Vec<(usize, usize)> = vec![(start, 0)];
        self.enter(start);
        while let Some((node, at)) = calls.pop() {
            match out.get(node).and_then(|list| list.get(at)).copied() {
                Some(next) => {
                    calls.push((node, at + 1));
                    if self.index.get(next) == Some(&usize::MAX) {
                        self.enter(next);
                        calls.push((next, 0));
                    } else if self.on_stack.get(next) == Some(&true) {
                        let index = self.index.get(next).copied().unwrap_or(0);
                        self.lower(node, index);
                    }
                }
                None => self.leave(node, calls.last().map(|(above, _)| *above)),
            }
        }
    }

    fn leave(&mut self, node: usize, above: Option<usize>) {
        let low = self.low.get(node).copied().unwrap_or(0);
        if let Some(above) = above {
            self.lower(above, low);
        }
        if self.index.get(node) != Some(&low) {
            return;
        }
        while let Some(member) = self.stack.pop() {
            if let (Some(root), Some(on)) =
                (self.root.get_mut(member), self.on_stack.get_mut(member))
            {
                (*root, *on) = (node, false);
            }
            if member == node {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::marks;

    #[test]
    fn weak_and_strong() {
        // 0 -> 1 -> 2 -> 0, 2 -> 3, 4 alone
        let (from, to) = ([0, 1, 2, 2], [1, 2, 0, 3]);
        assert_eq!(marks(5, &from, &to, false), [0, 0, 0, 0, 1]);
        assert_eq!(marks(5, &from, &to, true), [0, 0, 0, 1, 2]);
        assert!(marks(0, &[], &[], true).is_empty());
    }

    #[test]
    fn long_chains_need_no_stack() {
        let from: Vec<u32> = (0..100_000).collect();
        let to: Vec<u32> = (1..=100_000).collect();
        let strong = marks(100_001, &from, &to, true);
        assert_eq!(strong.last(), Some(&100_000));
        assert!(marks(100_001, &from, &to, false).iter().all(|m| *m == 0));
    }
}
