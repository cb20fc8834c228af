//! How many segments are open at a time: each holds two files and what was read of their heads.

use std::collections::VecDeque;
use std::sync::Weak;

use parking_lot::Mutex;

use super::{ColumnCache, Segment};

/// Segments that are open, in the order in which they were opened; beyond a number the oldest are closed. Whoever reads
/// one keeps it until he is done.
pub(crate) struct OpenSegments {
    /// Columns that were read before.
    pub(crate) columns: ColumnCache,
    most: usize,
    order: Mutex<VecDeque<Weak<Segment>>>,
}

impl OpenSegments {
    /// Keeps so many open, and so many bytes of their columns.
    pub(crate) fn new(most: usize, column_bytes: usize) -> Self {
        Self { columns: ColumnCache::new(column_bytes), most: most.max(1), order: Mutex::default() }
    }

    /// A segment was opened.
    pub(super) fn opened(&self, segment: Weak<Segment>) {
        let mut order = self.order.lock();
        order.push_back(segment);
        let mut closing = Vec::new();
        while order.len() > self.most {
            closing.extend(order.pop_front().and_then(|oldest| oldest.upgrade()));
        }
        drop(order);
        closing.iter().for_each(|oldest| oldest.close());
    }
}
