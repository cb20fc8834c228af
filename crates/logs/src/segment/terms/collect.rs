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
            let (mut before, mut its_block) = ("", 0);
            for row in 0..views.len() {
                let (block, text) = (block_of(row), views.value(row));
                if std::mem::replace(&mut its_block, block) != block {
                    before = "";
                }
                self.enter(column, unlike(before, text), block, &mut |_| {});
                before = text;
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
        let (mut before, mut its_block) = (String::new(), 0);
        for row in (0..array.len()).filter(|row| !array.is_null(*row)) {
            let block = block_of(row);
            if std::mem::replace(&mut its_block, block) != block {
                before.clear();
            }
            self.add_dynamic(column, array.value(row), block, &before, &mut |_| {});
            std::mem::swap(&mut before, &mut self.json);
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
            this.add_dynamic(column, values.value(key), block, "", entered);
        });
    }

    /// Enters a value, and leaves its JSON in `self.json`. The terms of `before` are known in this block.
    fn add_dynamic(
        &mut self,
        column: usize,
        bytes: &[u8],
        block: u16,
        before: &str,
        entered: &mut dyn FnMut(u32),
    ) {
        let mut json = std::mem::take(&mut self.json);
        json.clear();
        if !bytes.is_empty() {
            let value = DynamicRef::new(bytes);
            value.write_json(&mut json);
            self.enter(column, unlike(before, &json), block, entered);
            if json.contains('\\') {
                self.add_unescaped(column, value, block, 0, entered);
            }
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

/// What of a text is left without the terms at its beginning and at its end that stand there in `before` as well: columns
/// of ids, addresses or messages say much the same from row to row. Cut where no term goes on, whatever comes behind.
fn unlike<'t>(before: &str, text: &'t str) -> &'t str {
    let parts = |byte: u8| byte.is_ascii() && !byte.is_ascii_alphanumeric() && byte != b'.';
    let (old, new) = (before.as_bytes(), text.as_bytes());
    let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    if same == old.len() && same == new.len() {
        return "";
    }
    let start = new[..same].iter().rposition(|byte| parts(*byte)).map_or(0, |at| at + 1);
    let (old, new) = (&old[start..], &new[start..]);
    let same = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let tail = new.len() - same;
    let end = new[tail..].iter().position(|byte| parts(*byte)).map_or(new.len(), |at| tail + at);
    text.get(start..start + end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow_array::StringViewArray;
    use values::DynamicBuilder;

    use super::*;

    #[test]
    fn terms_known_from_the_row_before_are_not_looked_at_again() {
        let cases = [
            ("", "a-b", "a-b"),
            ("a-b", "a-b", ""),
            ("6f1c-0a-01", "6f1c-0a-02", "02"),
            ("01-6f1c-0a", "02-6f1c-0a", "02"),
            ("a-01-b", "a-02-b", "02"),
            ("a-b-b", "a-b", "b"),
            ("abc", "abd", "abd"),
            ("GET /a/b", "GET /a", "a"),
            // numbers of an address go together
            ("at 10.0.0.1 x", "at 10.0.0.2 x", "10.0.0.2"),
            ("1.10.0.0.1", "2.10.0.0.1", "2.10.0.0.1"),
            // what is not ASCII may go on as a term
            ("a-\u{e9}-b", "a-\u{e8}-b", "\u{e8}"),
            ("x\u{2013}1", "x\u{2013}2", "x\u{2013}2"),
        ];
        for (before, text, left) in cases {
            assert_eq!(unlike(before, text), left, "{before} | {text}");
        }
    }

    type Found = BTreeMap<Vec<u8>, (u64, Vec<u16>)>;

    fn found(collector: Collector) -> Found {
        let (blocks, mut found) = (collector.blocks(), Found::new());
        collector.drain(|term, columns, mut posting| {
            let mut bytes = Vec::new();
            posting.write(blocks, &mut bytes);
            let set = super::super::read_posting(&mut crate::codec::Reader::new(&bytes), blocks);
            let set = set.unwrap_or_else(|_| panic!("unreadable"));
            let blocks = (0..blocks).filter(|b| set.contains(*b)).map(|b| b as u16).collect();
            found.insert(term.to_vec(), (columns, blocks));
        });
        found
    }

    /// Texts made of few pieces, so that rows share much with the row before.
    fn texts(rows: usize) -> Vec<String> {
        const PIECES: [&str; 12] =
            ["a", "B", "10", ".", "-", " ", "1", "é", "–", "ΟΔΟΣ", "\\", "\""];
        let mut state = 7_u64;
        let mut next = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut text: Vec<&str> = vec!["a"; 9];
        (0..rows)
            .map(|_| {
                let at = next(text.len());
                text[at] = PIECES[next(PIECES.len())];
                text.concat()
            })
            .collect()
    }

    #[test]
    fn columns_give_all_terms_of_all_rows() {
        let rows = 3 * BLOCK_ROWS + 5;
        let texts = texts(rows);
        let dynamics: Vec<Vec<u8>> = texts
            .iter()
            .map(|text| {
                let mut value = DynamicBuilder::new();
                value.string(text);
                value.finish().as_bytes().to_vec()
            })
            .collect();
        let mut each = Collector::new(rows);
        for (row, (text, value)) in texts.iter().zip(&dynamics).enumerate() {
            each.enter(0, text, block_of(row), &mut |_| {});
            each.add_dynamic(1, value, block_of(row), "", &mut |_| {});
        }
        let mut columns = Collector::new(rows);
        let views: ArrayRef = Arc::new(texts.iter().map(Some).collect::<StringViewArray>());
        columns.add_texts(0, &views);
        columns.add_dynamics(1, &dynamics.iter().map(Some).collect::<BinaryViewArray>());
        assert_eq!(found(columns), found(each));
    }
}
