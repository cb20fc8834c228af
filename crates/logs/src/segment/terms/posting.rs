//! Sets of blocks: where a term stands, and what is left to read.

use crate::codec::{Reader, Truncated, put_varint};

/// A set of the blocks of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockSet {
    words: Vec<u64>,
    blocks: usize,
}

impl BlockSet {
    /// No block of so many.
    pub(crate) fn none(blocks: usize) -> Self {
        Self { words: vec![0; blocks.div_ceil(64)], blocks }
    }

    /// Every block of so many.
    pub(crate) fn all(blocks: usize) -> Self {
        let mut set = Self::none(blocks);
        set.insert_range(0, blocks);
        set
    }

    /// Adds a block; one outside is ignored.
    pub(crate) fn insert(&mut self, block: usize) {
        if block < self.blocks
            && let Some(word) = self.words.get_mut(block / 64)
        {
            *word |= 1 << (block % 64);
        }
    }

    /// Adds the blocks from `start` up to, not including, `end`.
    pub(crate) fn insert_range(&mut self, start: usize, end: usize) {
        (start..end.min(self.blocks)).for_each(|block| self.insert(block));
    }

    /// Takes a range of blocks out.
    pub(crate) fn remove_range(&mut self, start: usize, end: usize) {
        for block in start..end.min(self.blocks) {
            if let Some(word) = self.words.get_mut(block / 64) {
                *word &= !(1 << (block % 64));
            }
        }
    }

    /// True when the block is in it.
    pub(crate) fn contains(&self, block: usize) -> bool {
        self.words.get(block / 64).is_some_and(|word| word >> (block % 64) & 1 == 1)
    }

    /// Keeps what is in both.
    pub(crate) fn intersect(&mut self, other: &Self) {
        for (word, o) in self.words.iter_mut().zip(&other.words) {
            *word &= o;
        }
    }

    /// Adds what is in the other.
    pub(crate) fn unite(&mut self, other: &Self) {
        for (word, o) in self.words.iter_mut().zip(&other.words) {
            *word |= o;
        }
    }

    /// True without any block.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Number of blocks in it.
    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// Blocks of one term while the index grows. Most terms stand in one block alone.
#[derive(Clone, Debug)]
pub(crate) enum Posting {
    /// One block.
    One(u16),
    /// Some blocks, in the order in which they came.
    Some(Vec<u16>),
    /// Many blocks, a bit each.
    Many(Box<[u64]>),
}

/// Beyond so many entries a list is sorted, and becomes bits if it stays long.
const LIST_MAX: usize = 64;

impl Posting {
    /// Bytes of memory that it takes beside itself.
    pub(crate) fn bytes_behind(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Some(blocks) => blocks.capacity() * size_of::<u16>(),
            Self::Many(words) => size_of_val(&**words),
        }
    }

    /// Adds a block; `blocks` is how many the segment has.
    pub(crate) fn add(&mut self, block: u16, blocks: usize) {
        match self {
            Self::One(one) if *one == block => {}
            Self::One(one) => *self = Self::Some(vec![*one, block]),
            Self::Some(list) => {
                if list.last() == Some(&block) {
                    return;
                }
                list.push(block);
                if list.len() > LIST_MAX {
                    list.sort_unstable();
                    list.dedup();
                    if list.len() > LIST_MAX / 2 {
                        *self = Self::Many(bits(list, blocks));
                    }
                }
            }
            Self::Many(words) => {
                if let Some(word) = words.get_mut(usize::from(block) / 64) {
                    *word |= 1 << (block % 64);
                }
            }
        }
    }

    /// Appends the blocks: their number and the gaps between them, or 0 and a bit per block where that is shorter.
    pub(crate) fn write(&mut self, blocks: usize, out: &mut Vec<u8>) {
        let list: Vec<u16> = match self {
            // most terms: nothing is allocated for them
            Self::One(one) => {
                put_varint(out, 1);
                return put_varint(out, u64::from(*one));
            }
            Self::Some(list) => {
                list.sort_unstable();
                list.dedup();
                std::mem::take(list)
            }
            Self::Many(words) => ones(words),
        };
        if list.len() > blocks.div_ceil(8) {
            out.push(0);
            let words = bits(&list, blocks);
            let bytes = words.iter().flat_map(|w| w.to_le_bytes()).take(blocks.div_ceil(8));
            out.extend(bytes);
            return;
        }
        put_varint(out, list.len() as u64);
        let mut last = 0;
        for block in list {
            put_varint(out, u64::from(block - last));
            last = block;
        }
    }
}

/// Reads what [`Posting::write`] wrote.
pub(crate) fn read_posting(reader: &mut Reader<'_>, blocks: usize) -> Result<BlockSet, Truncated> {
    let mut set = BlockSet::none(blocks);
    let count = reader.varint()?;
    if count == 0 {
        for (i, byte) in reader.take(blocks.div_ceil(8))?.iter().enumerate() {
            (0..8).filter(|bit| byte >> bit & 1 == 1).for_each(|bit| set.insert(i * 8 + bit));
        }
        return Ok(set);
    }
    let mut block = 0_u64;
    for _ in 0..count {
        block = block.checked_add(reader.varint()?).ok_or(Truncated)?;
        set.insert(usize::try_from(block).map_err(|_| Truncated)?);
    }
    Ok(set)
}

/// Passes over what [`Posting::write`] wrote.
pub(crate) fn skip_posting(reader: &mut Reader<'_>, blocks: usize) -> Result<(), Truncated> {
    let count = reader.varint()?;
    if count == 0 {
        reader.take(blocks.div_ceil(8))?;
    }
    for _ in 0..count {
        reader.varint()?;
    }
    Ok(())
}

fn bits(list: &[u16], blocks: usize) -> Box<[u64]> {
    let mut words = vec![0_u64; blocks.div_ceil(64)];
    for block in list {
        if let Some(word) = words.get_mut(usize::from(*block) / 64) {
            *word |= 1 << (block % 64);
        }
    }
    words.into_boxed_slice()
}

fn ones(words: &[u64]) -> Vec<u16> {
    let set = |block: &u16| {
        words.get(usize::from(*block) / 64).is_some_and(|w| w >> (block % 64) & 1 == 1)
    };
    (0..(words.len() * 64).min(65_536)).map(|b| b as u16).filter(set).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn postings_come_back() {
        let cases: Vec<(usize, Vec<u16>)> = vec![
            (1, vec![0]),
            (10, vec![9, 3, 3, 9]),
            (1000, (0..1000).rev().collect()),
            (1000, (0..1000).step_by(7).chain(0..20).collect()),
            (65_535, vec![0, 65_534, 12, 7]),
            (500, (0..200).map(|i| i % 3).collect()),
        ];
        for (blocks, list) in cases {
            let mut posting = Posting::One(list[0]);
            list.iter().for_each(|b| posting.add(*b, blocks));
            let mut bytes = Vec::new();
            posting.write(blocks, &mut bytes);
            let mut reader = Reader::new(&bytes);
            let set = read_posting(&mut reader, blocks).unwrap();
            assert!(reader.is_empty());
            let want: BTreeSet<u16> = list.into_iter().collect();
            let got: BTreeSet<u16> =
                (0..blocks).filter(|b| set.contains(*b)).map(|b| b as u16).collect();
            assert_eq!(got, want);
            assert_eq!(set.len(), want.len());
            let mut skipped = Reader::new(&bytes);
            skip_posting(&mut skipped, blocks).unwrap();
            assert!(skipped.is_empty());
        }
    }

    #[test]
    fn sets_combine() {
        let mut left = BlockSet::none(130);
        left.insert_range(10, 129);
        let mut right = BlockSet::all(130);
        right.remove_range(0, 100);
        let mut both = left.clone();
        both.intersect(&right);
        assert_eq!((both.len(), both.contains(100), both.contains(129)), (29, true, false));
        left.unite(&right);
        assert_eq!((left.len(), left.contains(129), left.is_empty()), (120, true, false));
    }
}
