//! Group keys to dense numbers, in order of first appearance. Serves `summarize` and `join`.
//!
//! Each key column turns a row into 64 bits: numbers by their bits, texts and 16-byte values by the number under which
//! they are interned (for dictionary columns once per distinct value). The first column's number then combines with the
//! second's bits to the number of the pair, and so on: one hash look-up per row and column.

mod column;
mod intern;
mod pairs;

pub(crate) use intern::Interner;

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use values::ScalarType;

use super::ExecError;
pub(crate) use column::Scratch;
use column::{Parts, Side};
use pairs::Pairs;

/// The number of a row whose key is not known.
pub(crate) const MISSING: u32 = u32::MAX;

/// A hash of each row's key, the same for equal keys of any batch; another one for another seed.
pub(crate) fn hash_rows(
    keys: &[ArrayRef],
    types: &[ScalarType],
    rows: usize,
    seed: u64,
) -> Result<Vec<u64>, ExecError> {
    let state = ahash::RandomState::with_seeds(seed, 0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e);
    let mut hashes = vec![seed; rows];
    for (key, ty) in keys.iter().zip(types) {
        column::hash(key, *ty, &state, &mut hashes)?;
    }
    Ok(hashes)
}

/// Numbers keys.
pub(crate) struct Grouper {
    sides: Vec<Side>,
    /// `pairs[i]` numbers the combinations of columns `0..=i`; the first is idle where its column's values are numbered
    /// already.
    pairs: Vec<Pairs>,
    count: usize,
    scratch: Vec<Scratch>,
}

impl Grouper {
    /// For keys of these types. Without keys all rows are one group.
    pub(crate) fn new(types: &[ScalarType]) -> Self {
        Self {
            sides: types.iter().map(|ty| Side::new(*ty)).collect(),
            pairs: types.iter().map(|_| Pairs::default()).collect(),
            count: usize::from(types.is_empty()),
            scratch: types.iter().map(|_| Scratch::default()).collect(),
        }
    }

    /// Groups so far.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// The group of each row; new keys get the next number.
    pub(crate) fn number(&mut self, keys: &[ArrayRef], rows: usize) -> Result<Vec<u32>, ExecError> {
        let mut numbers = vec![0; rows];
        let single = self.sides.len() == 1;
        let mut parts = Parts::default();
        let steps = self.sides.iter_mut().zip(&mut self.pairs).zip(&mut self.scratch).zip(keys);
        for (at, (((side, pairs), scratch), key)) in steps.enumerate() {
            if single && side.dense() {
                side.numbers(key, scratch, &mut numbers)?;
                self.count = side.count();
                return Ok(numbers);
            }
            if at == 0 && side.dense() {
                side.numbers(key, scratch, &mut numbers)?;
                continue;
            }
            side.parts(key, scratch, &mut parts)?;
            pairs.number(&mut numbers, &parts, at == 0);
            self.count = pairs.len();
        }
        if self.count >= MISSING as usize / 2 {
            return Err(ExecError::ResourceLimit(
                "more than two billion groups; group by fewer columns".to_owned(),
            ));
        }
        Ok(numbers)
    }

    /// The group of each row, [`MISSING`] where the key is not known.
    pub(crate) fn find(
        &self,
        keys: &[ArrayRef],
        rows: usize,
        scratch: &mut Vec<Scratch>,
    ) -> Result<Vec<u32>, ExecError> {
        scratch.resize_with(self.sides.len(), Scratch::default);
        let mut numbers = vec![0; rows];
        let single = self.sides.len() == 1;
        let mut parts = Parts::default();
        let steps = self.sides.iter().zip(&self.pairs).zip(scratch).zip(keys);
        for (at, (((side, pairs), scratch), key)) in steps.enumerate() {
            if single && side.dense() {
                side.find_numbers(key, scratch, &mut numbers)?;
                return Ok(numbers);
            }
            if at == 0 && side.dense() {
                side.find_numbers(key, scratch, &mut numbers)?;
                continue;
            }
            side.find_parts(key, scratch, &mut parts)?;
            pairs.find(&mut numbers, &parts, at == 0);
        }
        Ok(numbers)
    }

    /// The keys of all groups, one array a column.
    pub(crate) fn keys(&self) -> Result<Vec<ArrayRef>, ExecError> {
        if let ([side], true) = (self.sides.as_slice(), self.sides.first().is_some_and(Side::dense))
        {
            return Ok(vec![side.dense_column()?]);
        }
        let mut columns = Vec::with_capacity(self.sides.len());
        // the combinations in `ids` belong to columns 0..=at
        let mut ids: Vec<u32> = (0..u32::try_from(self.count).unwrap_or(MISSING)).collect();
        for (at, (side, pairs)) in self.sides.iter().zip(&self.pairs).enumerate().rev() {
            if at == 0 && side.dense() {
                let parts: Vec<u64> = ids.iter().map(|id| u64::from(*id)).collect();
                columns.push(side.column(&parts, None)?);
                break;
            }
            let (parts, valid, before) = pairs.parts_of(&ids);
            let valid = valid.map(NullBuffer::from);
            columns.push(side.column(&parts, valid)?);
            ids = before;
        }
        columns.reverse();
        Ok(columns)
    }

    /// Memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.sides.iter().map(Side::bytes).sum::<usize>()
            + self.pairs.iter().map(Pairs::bytes).sum::<usize>()
    }
}
