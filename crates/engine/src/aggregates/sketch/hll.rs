//! Distinct counts: the hashes themselves while they are few, then HyperLogLog registers.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hashbrown::HashTable;
use values::Dynamic;
use values::dynamic::{DynamicBuilder, DynamicRef, Kind};

/// Hashes that need no memory of their own.
const INLINE: usize = 3;
/// Hashes that are looked through one by one.
const FEW: usize = 12;
/// The number that Kusto's own form of a sketch begins with.
const MARK: i64 = 1024;

/// A set of hashes, exact while small.
#[derive(Clone, Debug)]
pub(crate) struct Hll {
    /// 2^precision registers.
    precision: u8,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// Most groups of a large summarize see a handful of values.
    Inline([u64; INLINE], u8),
    Few(Vec<u64>),
    Many(Box<HashTable<u64>>),
    Registers(Box<[u8]>),
}

impl Hll {
    /// An empty set. Accuracy 0 to 4 as `dcount` has it: errors of 1.6, 0.8, 0.4, 0.28 and 0.2 per cent.
    pub(crate) fn new(accuracy: Option<i64>) -> Self {
        let precision = match accuracy.unwrap_or(1) {
            i64::MIN..=0 => 12,
            1 => 14,
            2 => 16,
            3 => 17,
            _ => 18,
        };
        Self { precision, form: Form::Inline([0; INLINE], 0) }
    }

    /// Hashes that are kept before registers take over: they take as much memory then.
    fn exact_max(&self) -> usize {
        (1 << self.precision) / 8
    }

    /// Adds a hash; gives the bytes by which the set grew.
    #[inline]
    pub(crate) fn add(&mut self, hash: u64) -> usize {
        match &mut self.form {
            Form::Inline(hashes, count) => {
                let used = usize::from(*count);
                if hashes.iter().take(used).any(|h| *h == hash) {
                    return 0;
                }
                match hashes.get_mut(used) {
                    Some(slot) => {
                        *slot = hash;
                        *count += 1;
                        0
                    }
                    None => self.grow(hash),
                }
            }
            Form::Registers(registers) => {
                set(registers, self.precision, hash);
                0
            }
            _ => self.grow(hash),
        }
    }

    /// Adds a hash to a set that may change its form.
    fn grow(&mut self, hash: u64) -> usize {
        let exact_max = self.exact_max();
        match &mut self.form {
            Form::Inline(hashes, _) => {
                let mut few = Vec::with_capacity(FEW / 2);
                few.extend_from_slice(hashes.as_slice());
                few.push(hash);
                self.form = Form::Few(few);
                FEW / 2 * 8
            }
            Form::Few(hashes) => {
                if hashes.contains(&hash) {
                    return 0;
                }
                let before = hashes.capacity();
                hashes.push(hash);
                if hashes.len() <= FEW {
                    return (hashes.capacity() - before) * 8;
                }
                let mut table = HashTable::with_capacity(FEW * 2);
                hashes.iter().for_each(|h| insert(&mut table, *h));
                self.form = Form::Many(Box::new(table));
                FEW * 18
            }
            Form::Many(table) => {
                let before = table.capacity();
                insert(table, hash);
                let grown = (table.capacity() - before) * 9;
                if table.len() <= exact_max {
                    return grown;
                }
                self.use_registers();
                1 << self.precision
            }
            Form::Registers(_) => 0,
        }
    }

    /// The hashes themselves, where they are all known.
    fn hashes(&self) -> Option<Box<dyn Iterator<Item = u64> + '_>> {
        match &self.form {
            Form::Inline(hashes, count) => {
                Some(Box::new(hashes.iter().take(usize::from(*count)).copied()))
            }
            Form::Few(hashes) => Some(Box::new(hashes.iter().copied())),
            Form::Many(table) => Some(Box::new(table.iter().copied())),
            Form::Registers(_) => None,
        }
    }

    fn use_registers(&mut self) {
        let mut registers = vec![0; 1 << self.precision].into_boxed_slice();
        let Some(hashes) = self.hashes() else { return };
        hashes.for_each(|hash| set(&mut registers, self.precision, hash));
        self.form = Form::Registers(registers);
    }

    /// Adds all of another set; the coarser of the two precisions stays. Gives the bytes by which it grew.
    pub(crate) fn merge(&mut self, mut other: Self) -> usize {
        if other.precision != self.precision {
            let coarse = self.precision.min(other.precision);
            self.coarsen(coarse);
            other.coarsen(coarse);
        }
        let mut grown = 0;
        if matches!(other.form, Form::Registers(_)) && !matches!(self.form, Form::Registers(_)) {
            self.use_registers();
            grown = 1 << self.precision;
        }
        match (&mut self.form, &other.form) {
            (Form::Registers(mine), Form::Registers(theirs)) => {
                for (mine, theirs) in mine.iter_mut().zip(theirs) {
                    *mine = (*mine).max(*theirs);
                }
                grown
            }
            _ => grown + other.hashes().map_or(0, |hashes| hashes.map(|h| self.add(h)).sum()),
        }
    }

    /// Fewer registers. Each is the largest of the registers that fall together, with the lost index bits counted.
    fn coarsen(&mut self, precision: u8) {
        if let Form::Registers(registers) = &self.form {
            let lost = u32::from(self.precision.saturating_sub(precision));
            let mut coarse = vec![0_u8; 1 << precision].into_boxed_slice();
            for (index, rank) in registers.iter().enumerate().filter(|(_, rank)| **rank > 0) {
                let low = index & ((1 << lost) - 1);
                let new_rank = if low == 0 {
                    rank.saturating_add(lost as u8)
                } else {
                    (low.leading_zeros() - (usize::BITS - lost)) as u8 + 1
                };
                if let Some(slot) = coarse.get_mut(index >> lost) {
                    *slot = (*slot).max(new_rank);
                }
            }
            self.form = Form::Registers(coarse);
        }
        self.precision = precision;
    }

    /// Number of distinct hashes.
    pub(crate) fn count(&self) -> i64 {
        match &self.form {
            Form::Inline(_, count) => i64::from(*count),
            Form::Few(hashes) => hashes.len() as i64,
            Form::Many(table) => table.len() as i64,
            Form::Registers(registers) => estimate(registers, self.precision).round() as i64,
        }
    }

    /// Hashes that all sets have, where all still know their hashes.
    pub(crate) fn common(sets: &[Self]) -> Option<i64> {
        let all = sets
            .iter()
            .map(|set| set.hashes().map(Iterator::collect))
            .collect::<Option<Vec<HashSet<u64>>>>()?;
        let (first, rest) = all.split_first()?;
        Some(first.iter().filter(|h| rest.iter().all(|set| set.contains(h))).count() as i64)
    }

    /// As a dynamic value: `[[1024,14],[hashes],"registers"]`.
    pub(crate) fn to_dynamic(&self) -> Dynamic {
        let mut builder = DynamicBuilder::new();
        builder.begin_array();
        builder.begin_array();
        builder.long(MARK);
        builder.long(i64::from(self.precision));
        builder.end_array();
        builder.begin_array();
        let mut hashes: Vec<u64> = self.hashes().map_or_else(Vec::new, Iterator::collect);
        hashes.sort_unstable();
        hashes.iter().for_each(|hash| builder.long(*hash as i64));
        builder.end_array();
        match &self.form {
            Form::Registers(registers) => builder.string(&STANDARD.encode(registers)),
            _ => {
                builder.begin_array();
                builder.end_array();
            }
        }
        builder.end_array();
        builder.finish()
    }

    /// From its dynamic form; none for anything else.
    pub(crate) fn from_dynamic(value: DynamicRef<'_>) -> Option<Self> {
        if value.kind() != Kind::Array {
            return None;
        }
        let head = value.index(0)?;
        let precision =
            u8::try_from(head.index(1)?.as_i64()?).ok().filter(|p| (4..=18).contains(p))?;
        if head.index(0)?.as_i64()? != MARK {
            return None;
        }
        let mut hll = Self { precision, form: Form::Inline([0; INLINE], 0) };
        let rest = value.index(2)?;
        if let Some(text) = rest.as_str() {
            let registers = STANDARD.decode(text).ok()?;
            if registers.len() != 1 << precision {
                return None;
            }
            hll.form = Form::Registers(registers.into_boxed_slice());
        }
        for hash in value.index(1)?.array() {
            hll.add(hash.as_i64()? as u64);
        }
        Some(hll)
    }
}

fn insert(table: &mut HashTable<u64>, hash: u64) {
    table.entry(hash, |known| *known == hash, |known| *known).or_insert(hash);
}

/// Raises the hash's register to the number of leading zeros behind the index bits, plus one.
#[inline]
fn set(registers: &mut [u8], precision: u8, hash: u64) {
    let index = (hash >> (64 - precision)) as usize;
    let rank = ((hash << precision) | (1 << (precision - 1))).leading_zeros() as u8 + 1;
    if let Some(slot) = registers.get_mut(index) {
        *slot = (*slot).max(rank);
    }
}

/// Ertl's estimator: unbiased over the whole range, without tables.
fn estimate(registers: &[u8], precision: u8) -> f64 {
    let most = usize::from(64 - precision) + 1;
    let mut histogram = vec![0_u32; most + 1];
    for rank in registers {
        if let Some(n) = histogram.get_mut(usize::from(*rank).min(most)) {
            *n += 1;
        }
    }
    let m = registers.len() as f64;
    let of = |rank: usize| f64::from(histogram.get(rank).copied().unwrap_or(0));
    let mut z = m * tau(1.0 - of(most) / m);
    for rank in (1..most).rev() {
        z = 0.5 * (z + of(rank));
    }
    z += m * sigma(of(0) / m);
    m * m / (2.0 * std::f64::consts::LN_2) / z
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}
