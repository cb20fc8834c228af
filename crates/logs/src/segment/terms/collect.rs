//! Gathers the terms of a segment, column after column.

use ahash::RandomState;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use hashbrown::HashTable;
use model::DynamicRef;
use values::dynamic::DEPTH_MAX;

use super::{Posting, each_term};
use crate::segment::BLOCK_ROWS;

/// All terms met so far, with the columns and blocks they stand in.
pub(crate) struct Collector {
    blocks: usize,
    dictionary: Dictionary,
    columns: Vec<u64>,
    postings: Vec<Posting>,
    scratch: Vec<u8>,
    json: String,
    complete: bool,
}

/// Each term once, by number.
struct Dictionary {
    hasher: RandomState,
    table: HashTable<u32>,
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Dictionary {
    fn term<'a>(bytes: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
        let at = number as usize;
        let start = if at == 0 { 0 } else { ends[at - 1] as usize };
        &bytes[start..ends[at] as usize]
    }

    /// The term's number, and whether it is new. None when the dictionary is full.
    fn number(&mut self, term: &[u8]) -> Option<(u32, bool)> {
        let Self { hasher, table, bytes, ends } = self;
        let hash = hasher.hash_one(term);
        if let Some(number) = table.find(hash, |n| Self::term(bytes, ends, *n) == term) {
            return Some((*number, false));
        }
        let number = u32::try_from(ends.len()).ok()?;
        let end = u32::try_from(bytes.len() + term.len()).ok()?;
        bytes.extend_from_slice(term);
        ends.push(end);
        table.insert_unique(hash, number, |n| hasher.hash_one(Self::term(bytes, ends, *n)));
        Some((number, true))
    }
}

impl Collector {
    /// For a segment of so many rows.
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            blocks: rows.div_ceil(BLOCK_ROWS),
            dictionary: Dictionary {
                hasher: RandomState::new(),
                table: HashTable::new(),
                bytes: Vec::new(),
                ends: Vec::new(),
            },
            columns: Vec::new(),
            postings: Vec::new(),
            scratch: Vec::new(),
            json: String::new(),
            complete: true,
        }
    }

    /// Enters a text column; `column` is its place among the indexed ones.
    pub(crate) fn add_texts(&mut self, column: usize, array: &ArrayRef) {
        if let Some(views) = array.as_string_view_opt() {
            for row in 0..views.len() {
                self.enter(column, views.value(row), block_of(row), &mut |_| {});
            }
        } else if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>()
            && let Some(values) = dictionary.values().as_string_view_opt()
        {
            self.add_coded(
                dictionary.keys().values(),
                values.len(),
                |this, key, block, entered| {
                    this.enter(column, values.value(key), block, entered);
                },
            );
        }
    }

    /// Enters a column of dynamics: keys, texts and numbers as their JSON text shows them.
    pub(crate) fn add_dynamics(&mut self, column: usize, array: &BinaryViewArray) {
        for row in 0..array.len() {
            if !array.is_null(row) {
                self.add_dynamic(column, array.value(row), block_of(row), &mut |_| {});
            }
        }
    }

    /// The same for a column of few distinct values.
    pub(crate) fn add_coded_dynamics(
        &mut self,
        column: usize,
        values: &BinaryViewArray,
        keys: &[i32],
    ) {
        self.add_coded(keys, values.len(), |this, key, block, entered| {
            this.add_dynamic(column, values.value(key), block, entered);
        });
    }

    fn add_dynamic(
        &mut self,
        column: usize,
        bytes: &[u8],
        block: u16,
        entered: &mut dyn FnMut(u32),
    ) {
        if bytes.is_empty() {
            return;
        }
        let value = DynamicRef::new(bytes);
        let mut json = std::mem::take(&mut self.json);
        json.clear();
        value.write_json(&mut json);
        self.enter(column, &json, block, entered);
        if json.contains('\\') {
            self.add_unescaped(column, value, block, 0, entered);
        }
        self.json = json;
    }

    /// Escapes in JSON hide what the texts inside say: enter these as well.
    fn add_unescaped(
        &mut self,
        column: usize,
        value: DynamicRef<'_>,
        block: u16,
        depth: usize,
        entered: &mut dyn FnMut(u32),
    ) {
        if depth > DEPTH_MAX {
            return;
        }
        if let Some(text) = value.as_str() {
            self.enter(column, text, block, entered);
        }
        for item in value.array() {
            self.add_unescaped(column, item, block, depth + 1, entered);
        }
        for (key, item) in value.object() {
            self.enter(column, key, block, entered);
            self.add_unescaped(column, item, block, depth + 1, entered);
        }
    }

    /// Enters each value once, with the terms it has, and these terms again in each block where the value stands.
    fn add_coded(
        &mut self,
        keys: &[i32],
        values: usize,
        mut enter: impl FnMut(&mut Self, usize, u16, &mut dyn FnMut(u32)),
    ) {
        let mut terms: Vec<u32> = Vec::new();
        let mut spans: Vec<Option<(usize, usize)>> = vec![None; values];
        let mut seen: Vec<u32> = vec![0; values];
        for (row, key) in keys.iter().enumerate() {
            let (key, block) = (*key as usize, block_of(row));
            let Some(last) = seen.get_mut(key) else { continue };
            if std::mem::replace(last, u32::from(block) + 1) == u32::from(block) + 1 {
                continue;
            }
            match spans[key] {
                Some((start, end)) => {
                    for number in &terms[start..end] {
                        self.postings[*number as usize].add(block, self.blocks);
                    }
                }
                None => {
                    let start = terms.len();
                    enter(self, key, block, &mut |number| terms.push(number));
                    spans[key] = Some((start, terms.len()));
                }
            }
        }
    }

    fn enter(&mut self, column: usize, text: &str, block: u16, entered: &mut dyn FnMut(u32)) {
        let Self { blocks, dictionary, columns, postings, scratch, complete, .. } = self;
        each_term(text, scratch, |term| {
            let Some((number, new)) = dictionary.number(term) else {
                *complete = false;
                return;
            };
            if new {
                columns.push(0);
                postings.push(Posting::One(block));
            }
            let at = number as usize;
            columns[at] |= 1 << (column % 64);
            postings[at].add(block, *blocks);
            entered(number);
        });
    }

    /// False when there were too many terms to keep them all: what is not found may still be there.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Bytes of memory that the terms take, those included that putting them in order will.
    pub(crate) fn bytes(&self) -> u64 {
        let Dictionary { bytes, ends, table, .. } = &self.dictionary;
        let term = 2 * size_of::<u32>() + size_of::<(u64, u64, u32)>() + size_of::<Posting>();
        let behind: usize = self.postings.iter().map(Posting::bytes_behind).sum();
        (bytes.capacity() + ends.capacity() * term + table.capacity() * 5 + behind) as u64
    }

    /// Number of blocks of the segment.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Calls `found` with each term in byte order, the columns (a bit each) and the blocks it stands in.
    pub(crate) fn drain(mut self, mut found: impl FnMut(&[u8], u64, Posting)) {
        let Dictionary { bytes, ends, .. } = &self.dictionary;
        let term = |number: u32| Dictionary::term(bytes, ends, number);
        let head = |number: u32| values::text::head(term(number)).swap_bytes();
        let mut order: Vec<(u64, u32)> = (0..ends.len() as u32).map(|n| (head(n), n)).collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| term(a.1).cmp(term(b.1))));
        for (_, number) in order {
            let at = number as usize;
            let posting = std::mem::replace(&mut self.postings[at], Posting::One(0));
            found(term(number), self.columns[at], posting);
        }
    }
}

fn block_of(row: usize) -> u16 {
    (row / BLOCK_ROWS) as u16
}
