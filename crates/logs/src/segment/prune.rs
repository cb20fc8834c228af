//! Which blocks of a segment can hold wanted rows: the term dictionary and the row groups' statistics answer, no row
//! is read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::source::{Comparison, Hint, Piece};
use model::{Column, ScalarType, Schema, Value};
use parquet::file::statistics::Statistics;

use super::index::{Found, Index};
use super::reader::{Keeper, Reader};
use super::terms::{BlockSet, TERM_BYTES_MAX, is_address, terms_of};
use super::{BLOCK_ROWS, ROW_GROUP_ROWS};
use crate::error::Error;
use crate::synthetic::Synthetic;

/// Terms of one constant that are looked up; more would hardly narrow further.
const TERMS_MAX: usize = 8;

/// Terms of no more bytes are passed over beside an address.
const SHORT: usize = 3;

/// Values of a set that are looked up; larger sets leave nothing out.
const VALUES_MAX: usize = 256;

/// Whether looking up each value of large sets leaves out enough of a table to be worth it: what the first segments of a
/// scan show holds for the others.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    useless: AtomicBool,
}

impl Sets {
    /// Sets of so many values are always looked up.
    const SMALL: usize = 16;

    fn useless(&self) -> bool {
        self.useless.load(Ordering::Relaxed)
    }

    /// A set left so many blocks of those before.
    fn note(&self, before: usize, after: usize) {
        if after * 2 > before {
            self.useless.store(true, Ordering::Relaxed);
        }
    }
}

/// Judges the hints of one scan over one segment.
pub(crate) struct Pruner<'a> {
    index: &'a Index,
    /// None as long as the index alone is asked.
    reader: Option<&'a Reader>,
    schema: &'a Schema,
    synthetic: &'a Synthetic,
    /// Where pages of terms are kept.
    keeper: Option<Keeper>,
    known: HashMap<Vec<u8>, Option<Found>>,
    /// Where terms like these stand; none where they are too many to tell.
    pieces: HashMap<Piece, Option<Vec<Found>>>,
}

impl<'a> Pruner<'a> {
    /// For the segment of a table with this schema; only its index is asked.
    pub(crate) fn new(index: &'a Index, schema: &'a Schema, synthetic: &'a Synthetic) -> Self {
        Self {
            index,
            reader: None,
            schema,
            synthetic,
            keeper: None,
            known: HashMap::new(),
            pieces: HashMap::new(),
        }
    }

    /// Keeps pages of terms for later queries, and finds those that were kept.
    pub(crate) fn with_keeper(mut self, keeper: Keeper) -> Self {
        self.keeper = Some(keeper);
        self
    }

    /// Asks the statistics of the segment's rows, too.
    pub(crate) fn with_statistics(mut self, reader: &'a Reader) -> Self {
        self.reader = Some(reader);
        self
    }

    /// Number of blocks of the segment.
    pub(crate) fn block_count(&self) -> usize {
        self.index.blocks()
    }

    /// The blocks where all hints can hold. Sets are looked up while that leaves out enough.
    pub(crate) fn blocks(&mut self, hints: &[Hint], sets: &Sets) -> Result<BlockSet, Error> {
        let mut left = BlockSet::all(self.index.blocks());
        for hint in hints {
            let large = matches!(hint, Hint::In { values, .. } if values.len() > Sets::SMALL);
            if left.is_empty() {
                break;
            }
            if large && sets.useless() {
                continue;
            }
            if let Some(set) = self.hint(hint)? {
                let before = left.len();
                left.intersect(&set);
                if large {
                    sets.note(before, left.len());
                }
            }
        }
        Ok(left)
    }

    /// True when no value of the column (position in the table) in this segment holds all these terms.
    pub(crate) fn lacks(&mut self, column: usize, terms: &[String]) -> Result<bool, Error> {
        let Some(described) = self.schema.columns.get(column) else { return Ok(false) };
        // in place of a column that the table makes, its own text would be read
        let made = Synthetic::makes(&described.name, described.ty);
        if made || self.indexed(described).is_none() {
            return Ok(false);
        }
        Ok(self.terms(Some(column), terms)?.is_some_and(|blocks| blocks.is_empty()))
    }

    fn none(&self) -> BlockSet {
        BlockSet::none(self.index.blocks())
    }

    /// The blocks where the hint can hold; none when nothing can be said.
    fn hint(&mut self, hint: &Hint) -> Result<Option<BlockSet>, Error> {
        match hint {
            Hint::Terms { column, terms } => self.terms(*column, terms),
            Hint::Piece { column, piece } => self.piece(*column, piece),
            Hint::Compare { column, op, value } => self.compare(*column, *op, value),
            Hint::In { values, .. } if values.len() > VALUES_MAX => Ok(None),
            Hint::In { column, values } => {
                let mut any = self.none();
                for value in values {
                    match self.compare(*column, Comparison::Equal, value)? {
                        Some(set) => any.unite(&set),
                        None => return Ok(None),
                    }
                }
                Ok(Some(any))
            }
            Hint::Any(hints) => {
                if let Some(answer) = self.one_text(hints)? {
                    return Ok(answer);
                }
                let mut any = self.none();
                for hint in hints {
                    match self.hint(hint)? {
                        Some(set) => any.unite(&set),
                        None => return Ok(None),
                    }
                }
                Ok(Some(any))
            }
            Hint::All(hints) => {
                let mut all: Option<BlockSet> = None;
                for hint in hints {
                    let Some(set) = self.hint(hint)? else { continue };
                    match &mut all {
                        Some(all) => all.intersect(&set),
                        None => all = Some(set),
                    }
                }
                Ok(all)
            }
        }
    }

    fn terms(
        &mut self,
        column: Option<usize>,
        terms: &[String],
    ) -> Result<Option<BlockSet>, Error> {
        let mut all: Option<BlockSet> = None;
        for term in self.sought(terms) {
            let set = match column {
                Some(at) => self.term_in(at, &term)?,
                None => self.term_anywhere(&term)?,
            };
            let Some(set) = set else { continue };
            match &mut all {
                Some(all) => all.intersect(&set),
                None => all = Some(set),
            }
        }
        Ok(all)
    }

    /// The same text in one of many columns, as `search` asks: each term is looked up once. None for other hints.
    fn one_text(&mut self, hints: &[Hint]) -> Result<Option<Option<BlockSet>>, Error> {
        let [Hint::Terms { terms, .. }, _, ..] = hints else { return Ok(None) };
        let sought = self.sought(terms);
        let mut stored = 0_u64;
        for hint in hints {
            let Hint::Terms { column: Some(at), terms: same } = hint else { return Ok(None) };
            let Some(column) = self.schema.columns.get(*at) else { return Ok(None) };
            if same != terms || !matches!(column.ty, ScalarType::String | ScalarType::Dynamic) {
                return Ok(None);
            }
            match self.indexed(column) {
                Some(place) => stored |= 1 << (place % 64),
                // a column made by the table itself, which the index does not know
                None if Synthetic::makes(&column.name, column.ty) => {
                    let may_hold = |term: &Vec<u8>| self.synthetic.may_hold(&column.name, term);
                    if sought.iter().all(may_hold) {
                        return Ok(None);
                    }
                }
                None => {}
            }
        }
        let mut blocks: Option<BlockSet> = None;
        for term in sought {
            // a column must hold all of them
            stored &= self.columns_with(&term)?;
            let Some(set) = self.look_up(&term, stored)? else { continue };
            match &mut blocks {
                Some(blocks) => blocks.intersect(&set),
                None => blocks = Some(set),
            }
        }
        Ok(Some(blocks))
    }

    /// Bits of the columns that hold the term in some row; all where that is not known.
    fn columns_with(&mut self, term: &[u8]) -> Result<u64, Error> {
        self.look_up(term, u64::MAX)?;
        Ok(match self.known.get(term) {
            Some(Some(found)) => found.columns,
            _ if self.index.complete => 0,
            _ => u64::MAX,
        })
    }

    /// The terms to look up for those of a hint. Where there are addresses, these say more than their numbers.
    fn sought(&self, terms: &[String]) -> Vec<Vec<u8>> {
        let mut sought: Vec<Vec<u8>> = terms.iter().flat_map(|term| terms_of(term)).collect();
        sought.sort_unstable();
        sought.dedup();
        if !self.index.addresses {
            sought.retain(|term| !is_address(term));
        } else if sought.iter().any(|term| is_address(term)) {
            sought.retain(|term| is_address(term) || term.len() > SHORT);
        }
        // long terms stand in few rows
        sought.sort_by_key(|term| std::cmp::Reverse(term.len()));
        sought.truncate(TERMS_MAX);
        sought
    }

    fn term_in(&mut self, column: usize, term: &[u8]) -> Result<Option<BlockSet>, Error> {
        let Some(column) = self.schema.columns.get(column) else { return Ok(None) };
        if !matches!(column.ty, ScalarType::String | ScalarType::Dynamic) {
            return Ok(None);
        }
        let Some(place) = self.indexed(column) else {
            let made = Synthetic::makes(&column.name, column.ty);
            let may_hold = made && self.synthetic.may_hold(&column.name, term);
            return Ok((!may_hold).then(|| self.none()));
        };
        self.look_up(term, 1 << (place % 64))
    }

    /// Blocks where a term of the column may be like this.
    fn piece(&mut self, column: usize, piece: &Piece) -> Result<Option<BlockSet>, Error> {
        let Some(column) = self.schema.columns.get(column) else { return Ok(None) };
        if !matches!(column.ty, ScalarType::String | ScalarType::Dynamic)
            || !self.index.complete
            || piece.text().len() > TERM_BYTES_MAX
        {
            return Ok(None);
        }
        let Some(place) = self.indexed(column) else {
            let made = Synthetic::makes(&column.name, column.ty);
            let may_hold = made && self.synthetic.may_hold_piece(&column.name, piece);
            return Ok((!may_hold).then(|| self.none()));
        };
        if !self.pieces.contains_key(piece) {
            let found = self.index.matching(piece)?;
            self.pieces.insert(piece.clone(), found);
        }
        let Some(Some(found)) = self.pieces.get(piece) else { return Ok(None) };
        let mut blocks = self.none();
        for found in found.iter().filter(|found| found.columns >> (place % 64) & 1 == 1) {
            blocks.unite(&found.blocks);
        }
        Ok(Some(blocks))
    }

    /// A term in any text or dynamic column, those that are made while reading included.
    fn term_anywhere(&mut self, term: &[u8]) -> Result<Option<BlockSet>, Error> {
        for column in &self.schema.columns {
            let made = Synthetic::makes(&column.name, column.ty) && self.indexed(column).is_none();
            if made && self.synthetic.may_hold(&column.name, term) {
                return Ok(None);
            }
        }
        self.look_up(term, u64::MAX)
    }

    fn look_up(&mut self, term: &[u8], columns: u64) -> Result<Option<BlockSet>, Error> {
        if !self.known.contains_key(term) {
            let found = self.index.find(term, self.keeper.as_ref())?;
            self.known.insert(term.to_vec(), found);
        }
        Ok(match self.known.get(term) {
            Some(Some(found)) if found.columns & columns != 0 => Some(found.blocks.clone()),
            _ if self.index.complete => Some(self.none()),
            _ => None,
        })
    }

    /// The column's place in the index.
    fn indexed(&self, column: &Column) -> Option<usize> {
        self.index.place(&column.name)
    }

    fn compare(
        &mut self,
        column: usize,
        op: Comparison,
        value: &Value,
    ) -> Result<Option<BlockSet>, Error> {
        let at = column;
        let Some(column) = self.schema.columns.get(column) else { return Ok(None) };
        if let Value::String(text) = value {
            return match op {
                Comparison::Equal if column.ty == ScalarType::String => self.equals(at, text),
                _ => Ok(None),
            };
        }
        let Some(reader) = self.reader else { return Ok(None) };
        let filled = &*column.name == crate::columns::TIME_GENERATED;
        let Some(stored) = reader.position(column) else {
            // Nothing compares with null; a time that is not stored is the time of receipt.
            let decided = !filled && column.ty != ScalarType::String && *value != Value::Null;
            return Ok(decided.then(|| self.none()));
        };
        let mut left = BlockSet::all(self.index.blocks());
        for group in 0..reader.groups() {
            if !reader.may_hold(group, stored, op, value) {
                let first = group * (ROW_GROUP_ROWS / BLOCK_ROWS);
                left.remove_range(first, first + ROW_GROUP_ROWS / BLOCK_ROWS);
            }
        }
        Ok(Some(left))
    }

    /// A text column equals a text: then it holds all terms of it.
    fn equals(&mut self, column: usize, text: &str) -> Result<Option<BlockSet>, Error> {
        let Some(described) = self.schema.columns.get(column) else { return Ok(None) };
        let made = Synthetic::makes(&described.name, described.ty);
        if made && self.indexed(described).is_none() {
            let constant = self.synthetic.constant(&described.name);
            return Ok(constant.is_some_and(|c| c != text).then(|| self.none()));
        }
        self.terms(Some(column), &[text.to_owned()])
    }
}

/// False when the statistics of a row group exclude the comparison.
pub(super) fn may_hold(
    statistics: Option<&Statistics>,
    stored: impl Fn(i64) -> i64,
    op: Comparison,
    value: &Value,
) -> bool {
    let Some(statistics) = statistics else { return true };
    match (statistics, value) {
        (Statistics::Int32(s), Value::Int(v)) => bounds(s.min_opt(), s.max_opt(), op, v),
        (Statistics::Int32(s), Value::Long(v)) => bounds(
            s.min_opt().map(|m| i64::from(*m)).as_ref(),
            s.max_opt().map(|m| i64::from(*m)).as_ref(),
            op,
            v,
        ),
        (Statistics::Double(s), Value::Real(v)) => bounds(s.min_opt(), s.max_opt(), op, v),
        (Statistics::Int64(s), value) => {
            let wanted = match value {
                Value::Long(v) => *v,
                Value::Int(v) => i64::from(*v),
                Value::DateTime(v) => v.ticks(),
                Value::TimeSpan(v) => v.ticks(),
                _ => return true,
            };
            let (min, max) = (s.min_opt().map(|m| stored(*m)), s.max_opt().map(|m| stored(*m)));
            bounds(min.as_ref(), max.as_ref(), op, &wanted)
        }
        _ => true,
    }
}

fn bounds<T: PartialOrd>(min: Option<&T>, max: Option<&T>, op: Comparison, value: &T) -> bool {
    let low = |test: fn(&T, &T) -> bool| min.is_none_or(|min| test(min, value));
    let high = |test: fn(&T, &T) -> bool| max.is_none_or(|max| test(max, value));
    match op {
        Comparison::Equal => low(T::le) && high(T::ge),
        Comparison::Less => low(T::lt),
        Comparison::LessOrEqual => low(T::le),
        Comparison::Greater => high(T::gt),
        Comparison::GreaterOrEqual => high(T::ge),
    }
}
