//! Percentiles of many numbers at the cost of a counter each: counts per bucket of 0.2 per cent width.

/// Mantissa bits that tell buckets apart: integers up to 1023 have one of their own.
const BITS: u32 = 9;
const SHIFT: u32 = f64::MANTISSA_DIGITS - 1 - BITS;
/// Most buckets of one sign; smaller values share the lowest.
const WIDTH_MAX: usize = 1 << 16;

/// Counts of numbers by size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    negative: Side,
    zero: u64,
    positive: Side,
    least: f64,
    most: f64,
    total: u64,
}

/// Buckets of the magnitudes of one sign.
#[derive(Clone, Debug, Default)]
struct Side {
    /// Number of the first bucket.
    first: u64,
    counts: Vec<u64>,
}

impl Side {
    fn add(&mut self, magnitude: f64, weight: u64) {
        let bucket = magnitude.to_bits() >> SHIFT;
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let missing = usize::try_from(self.first - bucket).unwrap_or(usize::MAX);
            let room = WIDTH_MAX.saturating_sub(self.counts.len()).min(missing);
            self.counts.splice(0..0, std::iter::repeat_n(0, room));
            self.first -= room as u64;
        }
        let at = usize::try_from(bucket.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if at >= self.counts.len() {
            self.widen(at);
        }
        let at = usize::try_from(bucket.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if let Some(count) = self.counts.get_mut(at) {
            *count += weight;
        }
    }

    /// Makes room for a bucket above; where that is too much the lowest ones fall together.
    fn widen(&mut self, at: usize) {
        if at >= WIDTH_MAX {
            let drop = at + 1 - WIDTH_MAX;
            let lost = drop.min(self.counts.len());
            let sum: u64 = self.counts.drain(..lost).sum();
            self.first += drop as u64;
            if self.counts.is_empty() {
                self.counts.push(0);
            }
            if let Some(lowest) = self.counts.first_mut() {
                *lowest += sum;
            }
            self.counts.resize(WIDTH_MAX, 0);
        } else {
            self.counts.resize((at + 1).max(self.counts.len() * 2).min(WIDTH_MAX), 0);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (bucket, count) in (other.first..).zip(&other.counts).filter(|(_, c)| **c > 0) {
            self.add(f64::from_bits(bucket << SHIFT), *count);
        }
    }

    /// (magnitude, count) of the buckets in use, from the smallest.
    fn buckets(&self) -> impl DoubleEndedIterator<Item = (f64, u64)> + '_ {
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(at, count)| {
            let bucket = self.first + at as u64;
            let (low, high) =
                (f64::from_bits(bucket << SHIFT), f64::from_bits((bucket + 1) << SHIFT));
            // integers have their own bucket up to here
            (if high <= 1024.0 && low >= 1.0 { low } else { low + (high - low) / 2.0 }, *count)
        })
    }
}

impl Histogram {
    /// Adds a number; NaN is passed over.
    #[inline]
    pub(crate) fn add(&mut self, value: f64, weight: u64) {
        if value.is_nan() {
            return;
        }
        if self.total == 0 {
            (self.least, self.most) = (value, value);
        }
        (self.least, self.most) = (self.least.min(value), self.most.max(value));
        self.total += weight;
        if value == 0.0 {
            self.zero += weight;
        } else if value > 0.0 {
            self.positive.add(value, weight);
        } else {
            self.negative.add(-value, weight);
        }
    }

    /// Adds all of another histogram.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.total == 0 {
            return;
        }
        if self.total == 0 {
            *self = other.clone();
            return;
        }
        (self.least, self.most) = (self.least.min(other.least), self.most.max(other.most));
        self.total += other.total;
        self.zero += other.zero;
        self.positive.merge(&other.positive);
        self.negative.merge(&other.negative);
    }

    /// The number that `percent` per cent do not exceed, to half a bucket.
    pub(crate) fn percentile(&self, percent: f64) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        let rank = ((percent / 100.0).clamp(0.0, 1.0) * self.total as f64).ceil().max(1.0) as u64;
        let negative = self.negative.buckets().rev().map(|(magnitude, count)| (-magnitude, count));
        let all = negative.chain([(0.0, self.zero)]).chain(self.positive.buckets());
        let mut seen = 0;
        for (value, count) in all {
            seen += count;
            if seen >= rank {
                return Some(value.clamp(self.least, self.most));
            }
        }
        Some(self.most)
    }

    /// Memory held.
    pub(crate) fn bytes(&self) -> usize {
        (self.negative.counts.capacity() + self.positive.counts.capacity()) * 8
    }
}
