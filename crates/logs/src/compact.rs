//! Merging small segments and dropping expired ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::DateTime;
use values::{TICKS_PER_DAY, TICKS_PER_HOUR};

use crate::catalogue::Change;
use crate::core::Core;
use crate::error::Error;
use crate::rewrite::{Part, Plan, rewrite};
use crate::seal::{list, open};
use crate::segment::Segment;
use crate::table::{Table, drop_cutoff};

/// As many segments of like size are merged.
const LIKE_SEGMENTS: usize = 8;
/// Most segments merged at once.
const MERGED_MAX: usize = 64;
/// A day that took no rows for so long is merged even when it has few segments.
const QUIET_TICKS: i64 = 2 * TICKS_PER_HOUR;

/// How large a merge may be.
#[derive(Clone, Copy)]
struct Most {
    rows: u64,
    /// Bytes of memory.
    bytes: u64,
}

/// Drops segments all of whose rows have expired; gives their number.
pub(crate) fn drop_expired(core: &Core, table: &Table) -> Result<usize, Error> {
    let _work = table.merging.lock();
    let oldest = drop_cutoff(&table.info(), core.clock.now());
    let expired: Vec<Arc<Segment>> =
        table.segments().into_iter().filter(|s| s.facts.ingested_max < oldest).collect();
    if expired.is_empty() || table.is_dropped() {
        return Ok(0);
    }
    let removed = expired.iter().map(|s| s.facts.clone()).collect();
    list(core, table, &Change { removed, ..Change::default() })?;
    table.replace_segments(&expired, Vec::new());
    Ok(expired.len())
}

/// True when [`compact`] has something to do.
pub(crate) fn is_due(core: &Core, table: &Table) -> bool {
    next(core, table, core.clock.now()).is_some()
}

fn next(core: &Core, table: &Table, now: DateTime) -> Option<Vec<Arc<Segment>>> {
    let most = Most { rows: core.limits.segment_rows as u64, bytes: core.limits.merge_bytes };
    choose(&table.segments(), most, now)
}

/// Merges one group of small segments, if there is one; gives how many were merged.
pub(crate) fn compact(core: &Core, table: &Table) -> Result<usize, Error> {
    let _work = table.merging.lock();
    if table.is_dropped() {
        return Ok(0);
    }
    let now = core.clock.now();
    let Some(old) = next(core, table, now) else { return Ok(0) };
    let parts: Vec<&dyn Part> = old.iter().map(|s| s as &dyn Part).collect();
    let plan = Plan {
        table,
        disk: &*core.disk,
        segment_rows_max: core.limits.segment_rows,
        drop_before: drop_cutoff(&table.info(), now),
        batches: &[],
    };
    let added = rewrite(&parts, &plan)?;
    let removed = old.iter().map(|s| s.facts.clone()).collect();
    let change = Change { added, removed, sealed: None };
    list(core, table, &change)?;
    table.replace_segments(&old, open(core, table, &change));
    Ok(old.len())
}

/// Segments of one day worth merging: many of like size, so that a row is rewritten a few times at most, or the rest of
/// a day that has come to an end.
fn choose(segments: &[Arc<Segment>], most: Most, now: DateTime) -> Option<Vec<Arc<Segment>>> {
    let mut days: BTreeMap<i64, Vec<&Arc<Segment>>> = BTreeMap::new();
    let small =
        |s: &Segment| s.facts.rows < most.rows / 2 && s.facts.merging_bytes() < most.bytes / 2;
    for segment in segments.iter().filter(|s| small(s)) {
        days.entry(segment.facts.time_min.div_euclid(TICKS_PER_DAY)).or_default().push(segment);
    }
    for mut day in days.into_values() {
        day.sort_by_key(|s| s.facts.rows);
        let mut sizes: BTreeMap<u32, Vec<&Arc<Segment>>> = BTreeMap::new();
        for segment in &day {
            sizes.entry(segment.facts.rows.max(1).ilog2() / 3).or_default().push(segment);
        }
        let like = sizes.into_values().find(|like| like.len() >= LIKE_SEGMENTS);
        let quiet = day.iter().all(|s| s.facts.ingested_max < now.ticks() - QUIET_TICKS);
        let chosen = like.or((quiet && day.len() > 1).then_some(day)).unwrap_or_default();
        let (mut rows, mut bytes) = (0, 0);
        let fitting: Vec<Arc<Segment>> = chosen
            .into_iter()
            .take(MERGED_MAX)
            .take_while(|s| {
                rows += s.facts.rows;
                bytes += s.facts.merging_bytes();
                rows <= most.rows && bytes <= most.bytes
            })
            .cloned()
            .collect();
        if fitting.len() > 1 {
            return Some(fitting);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::disk::{Disk, SystemDisk};
    use crate::segment::{Facts, OpenSegments};

    /// Making it took a byte a row.
    fn segment(day: i64, rows: u64, ingested: i64) -> Arc<Segment> {
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        let facts = Facts {
            format: 1,
            path: String::new(),
            rows,
            bytes: 0,
            crc: 0,
            index_bytes: 0,
            time_min: day * TICKS_PER_DAY,
            time_max: day * TICKS_PER_DAY,
            ingested_min: ingested,
            ingested_max: ingested,
            making_bytes: rows,
        };
        Segment::new(facts, Path::new("/nowhere"), &disk, &Arc::new(OpenSegments::new(1, 0)))
    }

    #[test]
    fn like_sizes_are_merged_and_quiet_days_finished() {
        let now = DateTime::from_ticks(100 * TICKS_PER_DAY);
        let recent = now.ticks() - TICKS_PER_HOUR;
        let max = 1 << 20;
        let cases: [(Vec<Arc<Segment>>, Option<usize>); 7] = [
            (Vec::new(), None),
            ((0..8).map(|_| segment(1, 100, recent)).collect(), Some(8)),
            ((0..7).map(|_| segment(1, 100, recent)).collect(), None),
            ((0..8).map(|day| segment(day, 100, recent)).collect(), None),
            (vec![segment(1, 100, 0), segment(1, 90_000, 0)], Some(2)),
            ((0..8).map(|_| segment(1, max, recent)).collect(), None),
            ((0..9).map(|_| segment(1, max / 3, recent)).collect(), Some(3)),
        ];
        let all = Most { rows: max, bytes: u64::MAX };
        for (i, (segments, want)) in cases.into_iter().enumerate() {
            assert_eq!(choose(&segments, all, now).map(|c| c.len()), want, "case {i}");
        }
        let chosen = |bytes, segments: &[Arc<Segment>]| {
            choose(segments, Most { rows: max, bytes }, now).map(|c| c.len())
        };
        let eight: Vec<_> = (0..8).map(|_| segment(1, 100, recent)).collect();
        assert_eq!(chosen(450, &eight), Some(4), "no more than fit into memory");
        assert_eq!(chosen(200, &eight), None, "segments of half of it stay as they are");
        let old = [segment(1, 100, 0), segment(1, 50, 0), segment(1, 60, 0)];
        assert_eq!(chosen(200, &old), Some(2), "and do not keep others from being merged");
    }
}
