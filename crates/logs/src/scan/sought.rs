//! Rows in memory have no index. What is sought is looked for in all texts of a column at once, where they lie one behind
//! another: a batch that does not hold it is left without a look at its rows.

use std::collections::HashMap;

use engine::source::{Hint, Piece};
use memchr::memmem::Finder;
use model::{Column, ScalarType, Schema};
use values::dynamic::in_bytes;
use values::text::FoldFinder;

use super::units::Stored;
use crate::memory::MemoryBatch;
use crate::segment::terms::terms_of;
use crate::synthetic::Synthetic;

/// Texts that are looked for in turn; of more, nothing is said.
const NEEDLES_MAX: usize = 8;

/// The sign for Kelvin is a k in lower case, the one sign beyond ASCII that becomes one within.
const KELVIN: &str = "\u{212a}";

/// What a scan's hints ask of rows in memory.
pub(super) struct Sought {
    needles: Vec<Needle>,
    tests: Vec<Test>,
    /// Columns (positions in the table) of which the condition asks nothing but that they hold these.
    lone: Vec<(usize, Vec<usize>)>,
}

struct Needle {
    /// In lower case.
    text: String,
    finder: FoldFinder,
    /// Where it may be looked for in a dynamic's bytes, by what.
    in_dynamics: Option<FoldFinder>,
    /// It has a k.
    kelvin: Option<Finder<'static>>,
    /// A whole term, or what is known of one.
    piece: Option<Piece>,
}

/// A condition on a batch that some row meets the hint.
enum Test {
    /// The column (position in the table; none for any) holds all of these.
    Holds(Option<usize>, Vec<usize>),
    Any(Vec<Test>),
    All(Vec<Test>),
}

impl Sought {
    /// By the hints of a scan; `lone` are the columns with the only terms that are asked of each.
    pub(super) fn new(hints: &[Hint], lone: &[(usize, &[String])]) -> Self {
        let mut made = Self { needles: Vec::new(), tests: Vec::new(), lone: Vec::new() };
        made.tests = hints.iter().filter_map(|hint| made.test(hint)).collect();
        for (column, terms) in lone {
            let needles = made.terms(terms);
            made.lone.push((*column, needles));
        }
        made.lone.retain(|(_, needles)| !needles.is_empty());
        made
    }

    fn test(&mut self, hint: &Hint) -> Option<Test> {
        match hint {
            Hint::Terms { column, terms } => {
                let needles = self.terms(terms);
                (!needles.is_empty()).then_some(Test::Holds(*column, needles))
            }
            Hint::Piece { column, piece } => {
                let needle = self.needle(piece.text(), Some(piece))?;
                Some(Test::Holds(Some(*column), vec![needle]))
            }
            Hint::Compare { .. } | Hint::In { .. } => None,
            Hint::Any(hints) => {
                Some(Test::Any(hints.iter().map(|hint| self.test(hint)).collect::<Option<_>>()?))
            }
            Hint::All(hints) => {
                let tests: Vec<Test> = hints.iter().filter_map(|hint| self.test(hint)).collect();
                (!tests.is_empty()).then_some(Test::All(tests))
            }
        }
    }

    fn terms(&mut self, terms: &[String]) -> Vec<usize> {
        terms.iter().filter_map(|term| self.needle(term, None)).collect()
    }

    fn needle(&mut self, text: &str, piece: Option<&Piece>) -> Option<usize> {
        let same = |needle: &Needle| needle.text == text && needle.piece.as_ref() == piece;
        if let Some(at) = self.needles.iter().position(same) {
            return Some(at);
        }
        // letters beyond ASCII have more forms than two
        if self.needles.len() >= NEEDLES_MAX || !text.is_ascii() {
            return None;
        }
        self.needles.push(Needle {
            finder: FoldFinder::new(text)?,
            in_dynamics: in_bytes(text).and_then(FoldFinder::new),
            kelvin: text.contains('k').then(|| Finder::new(KELVIN)),
            text: text.to_owned(),
            piece: piece.cloned(),
        });
        Some(self.needles.len() - 1)
    }

    /// What can be said of a batch.
    pub(super) fn of<'a>(
        &'a self,
        batch: &'a MemoryBatch,
        schema: &'a Schema,
        synthetic: &'a Synthetic,
    ) -> Look<'a> {
        Look { sought: self, batch, schema, synthetic, known: HashMap::new() }
    }
}

/// A look at one batch.
pub(super) struct Look<'a> {
    sought: &'a Sought,
    batch: &'a MemoryBatch,
    schema: &'a Schema,
    synthetic: &'a Synthetic,
    /// By needle and column.
    known: HashMap<(usize, usize), bool>,
}

impl Look<'_> {
    /// False when no row meets the hints.
    pub(super) fn may_hold(&mut self) -> bool {
        let sought = self.sought;
        sought.tests.iter().all(|test| self.meets(test))
    }

    /// The columns that lack what alone is asked of them: their values answer as empty ones do.
    pub(super) fn idle(&mut self) -> Vec<Stored> {
        let sought = self.sought;
        let lacking = sought.lone.iter().filter(|(column, needles)| {
            // in place of a column that the table makes, its own text would be read
            let stored =
                self.schema.columns.get(*column).is_some_and(|c| {
                    self.batch.named(c).is_some() && !Synthetic::makes(&c.name, c.ty)
                });
            stored && !self.holds(*column, needles)
        });
        lacking.map(|(column, _)| Stored::Column(*column)).collect()
    }

    fn meets(&mut self, test: &Test) -> bool {
        match test {
            Test::Holds(Some(column), needles) => self.holds(*column, needles),
            Test::Holds(None, needles) => {
                let columns = 0..self.schema.columns.len();
                needles.iter().all(|needle| columns.clone().any(|column| self.has(column, *needle)))
            }
            Test::Any(tests) => tests.iter().any(|test| self.meets(test)),
            Test::All(tests) => tests.iter().all(|test| self.meets(test)),
        }
    }

    fn holds(&mut self, column: usize, needles: &[usize]) -> bool {
        needles.iter().all(|needle| self.has(column, *needle))
    }

    fn has(&mut self, column: usize, needle: usize) -> bool {
        if let Some(known) = self.known.get(&(needle, column)) {
            return *known;
        }
        let has = match (self.schema.columns.get(column), self.sought.needles.get(needle)) {
            (Some(column), Some(needle)) => self.column_has(column, needle),
            _ => true,
        };
        self.known.insert((needle, column), has);
        has
    }

    fn column_has(&self, column: &Column, needle: &Needle) -> bool {
        let finder = match column.ty {
            ScalarType::String => Some(&needle.finder),
            ScalarType::Dynamic => needle.in_dynamics.as_ref(),
            _ => None,
        };
        let Some(finder) = finder else { return self.batch.named(column).is_some() };
        match self.batch.named(column) {
            Some(named) => named.bytes.as_ref().is_none_or(|bytes| {
                finder.is_in(bytes)
                    || needle.kelvin.as_ref().is_some_and(|kelvin| kelvin.find(bytes).is_some())
            }),
            None if Synthetic::makes(&column.name, column.ty) => match &needle.piece {
                Some(piece) => self.synthetic.may_hold_piece(&column.name, piece),
                None => {
                    terms_of(&needle.text).iter().all(|t| self.synthetic.may_hold(&column.name, t))
                }
            },
            None => false,
        }
    }
}
