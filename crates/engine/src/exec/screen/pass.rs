//! Many conditions over the rows of one table at once.

use std::sync::atomic::{AtomicBool, Ordering};

use ahash::AHashMap;
use aho_corasick::{AhoCorasick, MatchKind};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_buffer::BooleanBuffer;
use model::{Batch, rows::text};

use super::gates::Gate;
use super::marks::{Clause, Mark, clauses};
use crate::exec::ExecError;
use crate::exec::columns;
use crate::exec::compile::{Compiler, Need, columns_of};
use crate::exec::eval::Scalar;
use crate::exec::run::Run;
use crate::functions::EvalContext;
use crate::plan::{ColumnId, Expr};
use crate::source::{RowFilter, ScanColumn, SourceError};

/// Above this part of a batch's rows a condition is computed for all of them.
const FEW: usize = 4;

/// The conditions and their marks. As a filter it keeps no row: it only looks.
#[derive(Debug, Default)]
pub(super) struct Pass {
    conditions: Vec<Condition>,
    texts: Vec<Texts>,
    numbers: Vec<Numbers>,
    marks: usize,
    /// All columns, in order.
    columns: Vec<usize>,
}

#[derive(Debug)]
struct Condition {
    /// None where nothing is asked: any row meets it.
    predicate: Option<(Scalar, EvalContext)>,
    /// The columns that it looks at.
    columns: Vec<usize>,
    /// Numbers of marks; of each clause one must be there.
    clauses: Vec<Vec<usize>>,
    met: AtomicBool,
}

/// The marks of a text column.
#[derive(Debug)]
struct Texts {
    column: usize,
    automaton: AhoCorasick,
    /// For each pattern its mark.
    marks: Vec<usize>,
}

/// The marks of a column of numbers.
#[derive(Debug)]
struct Numbers {
    column: usize,
    marks: AHashMap<i64, usize>,
}

/// A pass under construction.
#[derive(Default)]
pub(super) struct Builder {
    conditions: Vec<Condition>,
    columns: Vec<ScanColumn>,
    texts: AHashMap<usize, AHashMap<Box<str>, usize>>,
    numbers: AHashMap<usize, AHashMap<i64, usize>>,
    marks: usize,
}

impl Builder {
    /// Adds the condition of a gate; without a run to compute it in, any row meets it.
    pub(super) fn add(&mut self, gate: &Gate<'_>, run: Option<&Run>) {
        let condition = run.and_then(|run| self.condition(gate, run));
        self.conditions.push(condition.unwrap_or_else(|| Condition {
            predicate: None,
            columns: Vec::new(),
            clauses: Vec::new(),
            met: AtomicBool::default(),
        }));
    }

    fn condition(&mut self, gate: &Gate<'_>, run: &Run) -> Option<Condition> {
        if gate.conjuncts.is_empty() {
            return None;
        }
        let predicate = Expr::And(gate.conjuncts.clone());
        let mut ids = Need::new();
        columns_of(&predicate, &mut ids);
        let read = gate.fields.iter().zip(&gate.scan.columns).filter(|(f, _)| ids.contains(&f.id));
        let (layout, columns): (Vec<ColumnId>, Vec<usize>) =
            read.map(|(field, column)| (field.id, self.column(column))).unzip();
        let place =
            |id: ColumnId| columns.get(layout.iter().position(|other| *other == id)?).copied();
        let clauses = clauses(&predicate);
        let clauses = clauses.iter().filter_map(|clause| self.clause(clause, place)).collect();
        let compiler = Compiler { run, group: None, depth: 0 };
        let scalar = compiler.expr(&predicate, &layout).ok()?;
        Some(Condition {
            predicate: Some((scalar, run.context().clone())),
            columns,
            clauses,
            met: AtomicBool::default(),
        })
    }

    fn column(&mut self, wanted: &ScanColumn) -> usize {
        self.columns.iter().position(|column| column == wanted).unwrap_or_else(|| {
            self.columns.push(wanted.clone());
            self.columns.len() - 1
        })
    }

    fn clause(
        &mut self,
        clause: &Clause,
        place: impl Fn(ColumnId) -> Option<usize>,
    ) -> Option<Vec<usize>> {
        let mut next = self.marks;
        let mut new = || {
            next += 1;
            next - 1
        };
        let numbers = clause.iter().map(|mark| match mark {
            Mark::Text(id, text) => {
                let marks = self.texts.entry(place(*id)?).or_default();
                Some(*marks.entry(text.clone()).or_insert_with(&mut new))
            }
            Mark::Number(id, number) => {
                let marks = self.numbers.entry(place(*id)?).or_default();
                Some(*marks.entry(*number).or_insert_with(&mut new))
            }
        });
        let numbers = numbers.collect::<Option<Vec<usize>>>();
        self.marks = next;
        numbers
    }

    /// The pass, and the columns that it is to be given.
    pub(super) fn build(self) -> (Pass, Vec<ScanColumn>) {
        let Self { mut conditions, columns, texts, numbers, marks } = self;
        let mut built = Pass { columns: (0..columns.len()).collect(), marks, ..Pass::default() };
        for (column, marks) in texts {
            let (patterns, marks): (Vec<Box<str>>, Vec<usize>) = marks.into_iter().unzip();
            let automaton = AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::Standard)
                .build(patterns.iter().map(AsRef::as_ref).collect::<Vec<&str>>());
            match automaton {
                Ok(automaton) => built.texts.push(Texts { column, automaton, marks }),
                // too large for an automaton: its clauses are not looked at
                Err(_) => conditions.iter_mut().for_each(|condition| {
                    condition.clauses.retain(|clause| !clause.iter().any(|m| marks.contains(m)));
                }),
            }
        }
        let numbers = numbers.into_iter();
        built.numbers = numbers.map(|(column, marks)| Numbers { column, marks }).collect();
        built.conditions = conditions;
        (built, columns)
    }
}

impl Pass {
    /// For each condition, true where a row met it.
    pub(super) fn met(&self) -> Vec<bool> {
        self.conditions.iter().map(Condition::is_met).collect()
    }

    /// True once there is nothing left to find out.
    pub(super) fn all_met(&self) -> bool {
        self.conditions.iter().all(Condition::is_met)
    }

    /// Looks at rows: notes the conditions that one of them meets.
    pub(super) fn look(&self, batch: &Batch) -> Result<(), SourceError> {
        self.note(batch).map_err(|error| SourceError::Evaluation(error.to_string()))
    }

    fn note(&self, batch: &Batch) -> Result<(), ExecError> {
        let mut found = Found { rows: vec![Vec::new(); self.marks] };
        for texts in &self.texts {
            if let Some(column) = batch.columns.get(texts.column) {
                texts.find(column, &mut found);
            }
        }
        for numbers in &self.numbers {
            if let Some(column) = batch.columns.get(numbers.column) {
                numbers.find(column, &mut found);
            }
        }
        for condition in self.conditions.iter().filter(|c| !c.is_met()) {
            if condition.meets(batch, &found)? {
                condition.met.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

impl RowFilter for Pass {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn keep(&self, batch: &Batch) -> Result<BooleanBuffer, SourceError> {
        if !self.all_met() {
            self.look(batch)?;
        }
        Ok(BooleanBuffer::new_unset(batch.rows))
    }
}

impl Condition {
    fn is_met(&self) -> bool {
        self.met.load(Ordering::Relaxed)
    }

    fn meets(&self, batch: &Batch, found: &Found) -> Result<bool, ExecError> {
        let Some((predicate, context)) = &self.predicate else { return Ok(batch.rows > 0) };
        let rarest = self.clauses.iter().min_by_key(|clause| found.count(clause));
        let rows = match rarest {
            Some(clause) if found.count(clause) == 0 => return Ok(false),
            Some(clause) if found.count(clause) * FEW < batch.rows => Some(found.rows(clause)),
            _ => None,
        };
        let mut looked_at = columns::pick(batch, &self.columns);
        if let Some(rows) = rows {
            looked_at = columns::take(&looked_at, &UInt32Array::from(rows))?;
        }
        Ok(predicate.truth(&looked_at, context)?.count_set_bits() > 0)
    }
}

/// The rows of a batch where each mark stands.
struct Found {
    rows: Vec<Vec<u32>>,
}

impl Found {
    fn add(&mut self, mark: usize, row: usize) {
        let Ok(row) = u32::try_from(row) else { return };
        if let Some(rows) = self.rows.get_mut(mark)
            && rows.last() != Some(&row)
        {
            rows.push(row);
        }
    }

    /// Rows in which a mark of the clause stands, those with several counted several times.
    fn count(&self, clause: &[usize]) -> usize {
        clause.iter().filter_map(|mark| self.rows.get(*mark)).map(Vec::len).sum()
    }

    fn rows(&self, clause: &[usize]) -> Vec<u32> {
        let rows = clause.iter().filter_map(|mark| self.rows.get(*mark)).flatten();
        let mut rows: Vec<u32> = rows.copied().collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

impl Texts {
    fn find(&self, column: &ArrayRef, found: &mut Found) {
        let rows = column.len();
        let mut marks = Vec::new();
        let Some(coded) = columns::coded(column).filter(|coded| coded.values().len() <= rows)
        else {
            for row in 0..rows {
                self.marks_of(text(column, row), &mut marks);
                marks.iter().for_each(|mark| found.add(*mark, row));
            }
            return;
        };
        let values = coded.values();
        let mut of_values: Vec<Box<[usize]>> = Vec::with_capacity(values.len());
        for value in 0..values.len() {
            self.marks_of(text(values, value), &mut marks);
            of_values.push(marks.as_slice().into());
        }
        if of_values.iter().all(|marks| marks.is_empty()) {
            return;
        }
        for row in 0..rows {
            let marks = coded.key(row).and_then(|value| of_values.get(value));
            marks.into_iter().flatten().for_each(|mark| found.add(*mark, row));
        }
    }

    /// The marks that stand in a text.
    fn marks_of(&self, text: &str, marks: &mut Vec<usize>) {
        marks.clear();
        self.find_in(text, marks);
        if !text.is_ascii() {
            // letters beyond ASCII that change into ASCII: the Kelvin sign in lower case, a sharp s in upper case
            self.find_in(&text.to_lowercase(), marks);
            self.find_in(&text.to_uppercase(), marks);
        }
        marks.sort_unstable();
        marks.dedup();
    }

    fn find_in(&self, text: &str, marks: &mut Vec<usize>) {
        let hits = self.automaton.find_overlapping_iter(text);
        marks.extend(hits.filter_map(|hit| self.marks.get(hit.pattern().as_usize())));
    }
}

impl Numbers {
    fn find(&self, column: &ArrayRef, found: &mut Found) {
        let rows = 0..column.len();
        let valid = |row: &usize| column.is_valid(*row);
        let mut note = |row: usize, number: i64| {
            self.marks.get(&number).into_iter().for_each(|mark| found.add(*mark, row));
        };
        if let Some(longs) = column.as_primitive_opt::<Int64Type>() {
            rows.filter(valid).for_each(|row| note(row, longs.value(row)));
        } else if let Some(ints) = column.as_primitive_opt::<Int32Type>() {
            rows.filter(valid).for_each(|row| note(row, i64::from(ints.value(row))));
        } else {
            // a form unknown here: each mark may stand in any row
            rows.for_each(|row| self.marks.values().for_each(|mark| found.add(*mark, row)));
        }
    }
}
