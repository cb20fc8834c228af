//! Byte strings to dense numbers.

use hashbrown::HashTable;

use super::MISSING;

/// Byte strings seen, each once.
pub(crate) struct Interner {
    table: HashTable<(u64, u32)>,
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
        self.table.capacity() * 17 + self.bytes.capacity() + self.ends.capacity() * 8
    }

    /// The bytes under a number.
    pub(crate) fn get(&self, number: u32) -> &[u8] {
        slice(&self.bytes, &self.ends, number)
    }

    /// The number of some bytes, a new one where they are new.
    pub(crate) fn intern(&mut self, value: &[u8]) -> u32 {
        let hash = self.state.hash_one(value);
        let (bytes, ends) = (&mut self.bytes, &mut self.ends);
        let same = |e: &(u64, u32)| e.0 == hash && slice(bytes, ends, e.1) == value;
        if let Some(entry) = self.table.find(hash, same) {
            return entry.1;
        }
        let number = ends.len() as u32;
        bytes.extend_from_slice(value);
        ends.push(bytes.len());
        self.table.insert_unique(hash, (hash, number), |e| e.0);
        number
    }

    /// The number of some bytes, [`MISSING`] where they are new.
    pub(crate) fn find(&self, value: &[u8]) -> u32 {
        let hash = self.state.hash_one(value);
        self.table
            .find(hash, |e| e.0 == hash && slice(&self.bytes, &self.ends, e.1) == value)
            .map_or(MISSING, |e| e.1)
    }
}

fn slice<'b>(bytes: &'b [u8], ends: &[usize], number: u32) -> &'b [u8] {
    let at = number as usize;
    let start = if at == 0 { 0 } else { ends.get(at - 1).copied().unwrap_or(0) };
    let end = ends.get(at).copied().unwrap_or(start);
    bytes.get(start..end).unwrap_or_default()
}
