//! How many segments are open at a time: each holds two files and what was read of their heads.

use std::collections::VecDeque;
use std::sync::Weak;

use parking_lot::Mutex;

use super::{ColumnCache, Segment};

/// Segments that are open. What is known of the rows of a segment with many columns takes ten times the memory of what is
/// known of its index, and nearly all of those that a needle is sought in are done with after a look into the index.
pub(crate) struct OpenSegments {
    /// Columns that were read before.
    pub(crate) columns: ColumnCache,
    /// Those whose index is open.
    pub(super) indexes: Opened,
    /// Those whose rows are open, too.
    pub(super) readers: Opened,
}

/// So many indexes are open for each file of rows.
const INDEXES_TO_ROWS: usize = 8;

impl OpenSegments {
    /// Keeps so many open, the indexes of more, and so many bytes of their columns.
    pub(crate) fn new(most: usize, column_bytes: usize) -> Self {
        let most = most.max(1);
        Self {
            columns: ColumnCache::new(column_bytes),
            indexes: Opened::new(most.saturating_mul(INDEXES_TO_ROWS)),
            readers: Opened::new(most),
        }
    }
}

/// What was opened, in that order; beyond a number the oldest are closed. Whoever reads one keeps it until he is done.
pub(super) struct Opened {
    most: usize,
    order: Mutex<VecDeque<Weak<Segment>>>,
}

impl Opened {
    fn new(most: usize) -> Self {
        Self { most, order: Mutex::default() }
    }

    /// A segment was opened; `close` is done to those that are too many.
    pub(super) fn opened(&self, segment: &Weak<Segment>, close: impl Fn(&Segment)) {
        let mut order = self.order.lock();
        order.push_back(Weak::clone(segment));
        let mut closing = Vec::new();
        while order.len() > self.most {
            closing.extend(order.pop_front().and_then(|oldest| oldest.upgrade()));
        }
        drop(order);
        closing.iter().for_each(|oldest| close(oldest));
    }
}
