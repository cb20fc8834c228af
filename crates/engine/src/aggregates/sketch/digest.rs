//! Percentiles of any numbers: a t-digest. Exact while the values are few.

use values::Dynamic;
use values::dynamic::{DynamicBuilder, DynamicRef, Kind};

/// Weight that the middle centroid may hold is 1 / (this / 4) of all.
const COMPRESSION: f64 = 200.0;
/// Entries that wait before they are merged in; up to this many distinct values stay as they are.
const BUFFER: usize = 2048;
/// What Kusto's own form of a digest begins with.
const MARK: i64 = 7;

/// Values and their weights, near ones merged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digest {
    /// (mean, weight), by mean but for the tail that waits.
    entries: Vec<(f64, f64)>,
    sorted: usize,
    /// Different values were merged: percentiles are interpolated.
    merged: bool,
}

impl Digest {
    /// Adds a value; NaN is passed over. Gives the bytes by which the digest grew.
    pub(crate) fn add(&mut self, value: f64, weight: f64) -> usize {
        if value.is_nan() || weight.is_nan() || weight <= 0.0 {
            return 0;
        }
        let before = self.entries.capacity();
        self.entries.push((value, weight));
        if self.entries.len() >= self.sorted + BUFFER {
            self.compress();
        }
        self.entries.capacity().saturating_sub(before) * 16
    }

    /// True as long as no value was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds all of another digest.
    pub(crate) fn merge(&mut self, other: &Self) -> usize {
        self.merged |= other.merged;
        other.entries.iter().map(|(mean, weight)| self.add(*mean, *weight)).sum()
    }

    /// Sorts, joins equal values, and near ones where there are too many.
    fn compress(&mut self) {
        self.entries.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        self.entries.dedup_by(|next, kept| {
            let equal = next.0 == kept.0;
            if equal {
                kept.1 += next.1;
            }
            equal
        });
        if self.entries.len() >= BUFFER {
            self.merge_neighbours();
        }
        self.sorted = self.entries.len();
    }

    fn merge_neighbours(&mut self) {
        let total: f64 = self.entries.iter().map(|e| e.1).sum();
        let mut out: Vec<(f64, f64)> = Vec::with_capacity(BUFFER / 2);
        let mut before = 0.0;
        for (mean, weight) in &self.entries {
            if let Some(last) = out.last_mut() {
                let joint = last.1 + weight;
                let middle = (before + joint / 2.0) / total;
                if joint <= 4.0 * total * middle * (1.0 - middle) / COMPRESSION {
                    last.0 += (mean - last.0) * weight / joint;
                    last.1 = joint;
                    self.merged = true;
                    continue;
                }
                before += last.1;
            }
            out.push((*mean, *weight));
        }
        self.entries = out;
    }

    /// The value that `percent` per cent of the weight do not exceed.
    pub(crate) fn percentile(&mut self, percent: f64) -> Option<f64> {
        self.compress();
        let total: f64 = self.entries.iter().map(|e| e.1).sum();
        let target = (percent / 100.0).clamp(0.0, 1.0) * total;
        let mut before = 0.0;
        let mut last: Option<(f64, f64)> = None; // middle, mean
        for (mean, weight) in &self.entries {
            let middle = before + weight / 2.0;
            if self.merged && target <= middle {
                return Some(match last {
                    Some((at, low)) if middle > at => {
                        low + (mean - low) * ((target - at) / (middle - at)).clamp(0.0, 1.0)
                    }
                    _ => *mean,
                });
            }
            before += weight;
            if !self.merged && before >= target * (1.0 - 1e-12) {
                return Some(*mean);
            }
            last = Some((middle, *mean));
        }
        last.map(|(_, mean)| mean)
    }

    /// The weight of the values below a value, about.
    pub(crate) fn rank(&mut self, value: f64) -> f64 {
        self.compress();
        self.entries.iter().take_while(|(mean, _)| *mean < value).map(|e| e.1).sum()
    }

    /// As a dynamic value: `[[7],[means],[weights]]`.
    pub(crate) fn to_dynamic(&self) -> Dynamic {
        let mut digest = self.clone();
        digest.compress();
        let mut builder = DynamicBuilder::new();
        builder.begin_array();
        builder.begin_array();
        builder.long(MARK);
        if digest.merged {
            builder.long(1);
        }
        builder.end_array();
        for part in [|e: &(f64, f64)| e.0, |e: &(f64, f64)| e.1] {
            builder.begin_array();
            for entry in &digest.entries {
                let value = part(entry);
                if value.fract() == 0.0 && value.abs() < 9e15 {
                    builder.long(value as i64);
                } else {
                    builder.real(value);
                }
            }
            builder.end_array();
        }
        builder.end_array();
        builder.finish()
    }

    /// From its dynamic form; none for anything else.
    pub(crate) fn from_dynamic(value: DynamicRef<'_>) -> Option<Self> {
        let head = value.index(0)?;
        let (means, weights) = (value.index(1)?, value.index(2)?);
        let form = head.index(0)?.as_i64()? == MARK && means.kind() == Kind::Array;
        if !form || means.len() != weights.len() {
            return None;
        }
        let mut digest = Self { merged: head.index(1).is_some(), ..Self::default() };
        for (mean, weight) in means.array().zip(weights.array()) {
            digest.add(mean.to_f64()?, weight.to_f64()?);
        }
        Some(digest)
    }
}
