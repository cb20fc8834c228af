//! Byte strings to dense numbers.

use hashbrown::HashTable;

use super::MISSING;

/// Byte strings seen, each once.
pub(crate) struct Interner {
    /// Half a hash and the number: twice as many stay in the caches as with a whole one.
    table: HashTable<(u32, u32)>,
    state: ahash::RandomState,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Default for Interner {
    fn default() -> Self {
        Self {
            table: HashTable::new(),
            state: ahash::RandomState::new(),
            bytes: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl Interner {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn memory(&self) -> usize {
        self.table.capacity() * 9 + self.bytes.capacity() + self.ends.capacity() * 8
    }

    /// The bytes under a number.
    pub(crate) fn get(&self, number: u32) -> &[u8] {
        slice(&self.bytes, &self.ends, number)
    }

    /// The number of some bytes, a new one where they are new.
    pub(crate) fn intern(&mut self, value: &[u8]) -> u32 {
        let hash = self.state.hash_one(value) as u32;
        let (bytes, ends) = (&mut self.bytes, &mut self.ends);
        let same = |e: &(u32, u32)| e.0 == hash && slice(bytes, ends, e.1) == value;
        if let Some(entry) = self.table.find(spread(hash), same) {
            return entry.1;
        }
        let number = ends.len() as u32;
        bytes.extend_from_slice(value);
        ends.push(bytes.len());
        self.table.insert_unique(spread(hash), (hash, number), |e| spread(e.0));
        number
    }

    /// The number of some bytes, [`MISSING`] where they are new.
    pub(crate) fn find(&self, value: &[u8]) -> u32 {
        let hash = self.state.hash_one(value) as u32;
        self.table
            .find(spread(hash), |e| e.0 == hash && slice(&self.bytes, &self.ends, e.1) == value)
            .map_or(MISSING, |e| e.1)
    }
}

/// Half a hash over the bits that the table looks at: the lowest and the highest.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn slice<'b>(bytes: &'b [u8], ends: &[usize], number: u32) -> &'b [u8] {
    let at = number as usize;
    let start = if at == 0 { 0 } else { ends.get(at - 1).copied().unwrap_or(0) };
    let end = ends.get(at).copied().unwrap_or(start);
    bytes.get(start..end).unwrap_or_default()
}
