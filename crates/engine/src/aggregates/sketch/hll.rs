//! Distinct counts: the hashes themselves while they are few, then HyperLogLog registers.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hashbrown::HashTable;
use values::Dynamic;
use values::dynamic::{DynamicBuilder, DynamicRef, Kind};

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
    Few(Vec<u64>),
    Many(HashTable<u64>),
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
        Self { precision, form: Form::Few(Vec::new()) }
    }

    /// Hashes that are kept before registers take over: they take as much memory then.
    fn exact_max(&self) -> usize {
        (1 << self.precision) / 8
    }

    /// Adds a hash; gives the bytes by which the set grew.
    pub(crate) fn add(&mut self, hash: u64) -> usize {
        match &mut self.form {
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
                self.form = Form::Many(table);
                FEW * 18
            }
            Form::Many(table) => {
                let before = table.capacity();
                insert(table, hash);
                let grown = (table.capacity() - before) * 9;
                if table.len() <= self.exact_max() {
                    return grown;
                }
                self.use_registers();
                1 << self.precision
            }
            Form::Registers(registers) => {
                set(registers, self.precision, hash);
                0
            }
        }
    }

    fn use_registers(&mut self) {
        let mut registers = vec![0; 1 << self.precision].into_boxed_slice();
        match &self.form {
            Form::Few(hashes) => {
                hashes.iter().for_each(|h| set(&mut registers, self.precision, *h))
            }
            Form::Many(table) => table.iter().for_each(|h| set(&mut registers, self.precision, *h)),
            Form::Registers(_) => return,
        }
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
        match (&mut self.form, other.form) {
            (_, Form::Few(hashes)) => grown + hashes.iter().map(|h| self.add(*h)).sum::<usize>(),
            (_, Form::Many(table)) => grown + table.iter().map(|h| self.add(*h)).sum::<usize>(),
            (Form::Registers(mine), Form::Registers(theirs)) => {
                for (mine, theirs) in mine.iter_mut().zip(theirs) {
                    *mine = (*mine).max(theirs);
                }
                grown
            }
            (_, Form::Registers(_)) => grown,
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
            Form::Few(hashes) => hashes.len() as i64,
            Form::Many(table) => table.len() as i64,
            Form::Registers(registers) => estimate(registers, self.precision).round() as i64,
        }
    }

    /// Hashes that all sets have, where all still know their hashes.
    pub(crate) fn common(sets: &[Self]) -> Option<i64> {
        let hashes = |set: &Self| -> Option<HashSet<u64>> {
            match &set.form {
                Form::Few(hashes) => Some(hashes.iter().copied().collect()),
                Form::Many(table) => Some(table.iter().copied().collect()),
                Form::Registers(_) => None,
            }
        };
        let all = sets.iter().map(hashes).collect::<Option<Vec<_>>>()?;
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
        match &self.form {
            Form::Few(hashes) => hashes.iter().for_each(|h| builder.long(*h as i64)),
            Form::Many(table) => {
                let mut sorted: Vec<u64> = table.iter().copied().collect();
                sorted.sort_unstable();
                sorted.iter().for_each(|h| builder.long(*h as i64));
            }
            Form::Registers(_) => {}
        }
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
        let mut hll = Self { precision, form: Form::Few(Vec::new()) };
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
