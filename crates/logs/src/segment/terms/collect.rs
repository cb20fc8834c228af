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
    scratch: Vec<u8>,
    json: String,
    complete: bool,
}

/// Each term once, by number. What is known of one lies together: there are many, and memory is slow.
struct Dictionary {
    hasher: RandomState,
    table: HashTable<Slot>,
    bytes: Vec<u8>,
    terms: Vec<Term>,
}

/// Where a term is found: with its hash, so that others are told apart, and the table grows, without a look at them.
struct Slot {
    hash: u32,
    number: u32,
}

impl Slot {
    /// As the table wants it, which looks at both ends.
    fn spread(hash: u32) -> u64 {
        u64::from(hash) << 32 | u64::from(hash)
    }
}

struct Term {
    start: u32,
    length: u32,
    /// A bit for each column that it stands in.
    columns: u64,
    posting: Posting,
}

impl Term {
    fn text<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        &bytes[start..start + self.length as usize]
    }
}

impl Dictionary {
    /// The term's number; a new one stands in the block. None when the dictionary is full.
    fn number(&mut self, term: &[u8], block: u16) -> Option<u32> {
        let Self { hasher, table, bytes, terms } = self;
        let hash = hasher.hash_one(term) as u32;
        let same =
            |slot: &Slot| slot.hash == hash && terms[slot.number as usize].text(bytes) == term;
        if let Some(slot) = table.find(Slot::spread(hash), same) {
            return Some(slot.number);
        }
        let number = u32::try_from(terms.len()).ok()?;
        let start = u32::try_from(bytes.len()).ok()?;
        u32::try_from(bytes.len() + term.len()).ok()?;
        bytes.extend_from_slice(term);
        let length = term.len() as u32;
        terms.push(Term { start, length, columns: 0, posting: Posting::One(block) });
        let slot = Slot { hash, number };
        table.insert_unique(Slot::spread(hash), slot, |slot| Slot::spread(slot.hash));
        Some(number)
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
                terms: Vec::new(),
            },
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
                        let term = &mut self.dictionary.terms[*number as usize];
                        term.posting.add(block, self.blocks);
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
        let Self { blocks, dictionary, scratch, complete, .. } = self;
        each_term(text, scratch, |term| {
            let Some(number) = dictionary.number(term, block) else {
                *complete = false;
                return;
            };
            let known = &mut dictionary.terms[number as usize];
            known.columns |= 1 << (column % 64);
            known.posting.add(block, *blocks);
            entered(number);
        });
    }

    /// False when there were too many terms to keep them all: what is not found may still be there.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Bytes of memory that the terms take, those included that putting them in order will.
    pub(crate) fn bytes(&self) -> u64 {
        let Dictionary { bytes, terms, table, .. } = &self.dictionary;
        let term = size_of::<Term>() + size_of::<(u64, u32)>();
        let behind: usize = terms.iter().map(|term| term.posting.bytes_behind()).sum();
        let slots = table.capacity() * (size_of::<Slot>() + 1);
        (bytes.capacity() + terms.capacity() * term + slots + behind) as u64
    }

    /// Number of blocks of the segment.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Calls `found` with each term in byte order, the columns (a bit each) and the blocks it stands in.
    pub(crate) fn drain(mut self, mut found: impl FnMut(&[u8], u64, Posting)) {
        let Dictionary { bytes, terms, .. } = &mut self.dictionary;
        let head = |term: &Term| values::text::head(term.text(bytes)).swap_bytes();
        let mut order: Vec<(u64, u32)> = terms.iter().map(head).zip(0..).collect();
        let text = |number: u32| terms[number as usize].text(bytes);
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| text(a.1).cmp(text(b.1))));
        for (_, number) in order {
            let term = &mut terms[number as usize];
            let posting = std::mem::replace(&mut term.posting, Posting::One(0));
            found(term.text(bytes), term.columns, posting);
        }
    }
}

fn block_of(row: usize) -> u16 {
    (row / BLOCK_ROWS) as u16
}
