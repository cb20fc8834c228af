//! Rows grow here, column by column; a column that no record has takes no memory.

use std::sync::Arc;

use model::{Batch, ColumnBuilder, Rows, ScalarType, Schema};
use values::DynamicBuilder;

use crate::cell::{self, Scalar};
use crate::problem::{ProblemCode, Problems, quote};

/// Which columns of the schema the rows get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    /// Those that at least one record has; the schema of the rows is cut down to them. What an append wants.
    #[default]
    Seen,
    /// All of the schema.
    All,
}

/// What was read: rows, and what is wrong with them.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// The rows, in one batch.
    pub rows: Rows,
    /// What could not be kept as it came.
    pub problems: Problems,
}

impl Collected {
    /// The rows as one batch.
    pub fn batch(&self) -> Batch {
        self.rows.batches.first().cloned().unwrap_or_default()
    }
}

/// Grows rows of a known schema.
pub(crate) struct Sink {
    schema: Arc<Schema>,
    slots: Vec<Slot>,
    /// Columns with a builder.
    open: Vec<usize>,
    rows: usize,
    /// Position of the record in what is read; differs from `rows` once a record is left out.
    pub(crate) index: usize,
    pub(crate) problems: Problems,
    dynamic: DynamicBuilder,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Slot {
    builder: Option<ColumnBuilder>,
    /// Cells in the builder: one more than the sink's rows once the row at hand has its value.
    cells: usize,
}

impl Sink {
    pub(crate) fn new(schema: Arc<Schema>) -> Self {
        let slots = schema.columns.iter().map(|_| Slot::default()).collect();
        Self {
            schema,
            slots,
            open: Vec::new(),
            rows: 0,
            index: 0,
            problems: Problems::default(),
            dynamic: DynamicBuilder::new(),
            bytes: Vec::new(),
        }
    }

    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The type of a column.
    pub(crate) fn ty(&self, column: usize) -> Option<ScalarType> {
        self.schema.columns.get(column).map(|c| c.ty)
    }

    fn name(&self, column: usize) -> Option<Arc<str>> {
        self.schema.columns.get(column).map(|c| Arc::clone(&c.name))
    }

    /// True when the row at hand has a value for the column.
    pub(crate) fn is_set(&self, column: usize) -> bool {
        self.slots.get(column).is_some_and(|slot| slot.cells > self.rows)
    }

    /// The builder to append exactly one cell to; none when the row has its value, or for a column that is none.
    fn place(
        &mut self,
        column: usize,
    ) -> Option<(&mut ColumnBuilder, &mut DynamicBuilder, &mut Vec<u8>)> {
        let slot = self.slots.get_mut(column)?;
        if slot.cells > self.rows {
            return None;
        }
        if slot.builder.is_none() {
            let mut builder =
                ColumnBuilder::new(self.schema.columns.get(column)?.ty, self.rows + 1);
            (0..self.rows).for_each(|_| builder.push_null());
            slot.builder = Some(builder);
            self.open.push(column);
        }
        slot.cells = self.rows + 1;
        slot.builder.as_mut().map(|builder| (builder, &mut self.dynamic, &mut self.bytes))
    }

    /// Sets a cell; a value that does not fit, or a second one, is a problem.
    pub(crate) fn put(&mut self, column: usize, scalar: Scalar<'_>) {
        if matches!(scalar, Scalar::Null) {
            return;
        }
        let fits = match self.place(column) {
            None => return self.duplicate(column, scalar),
            Some((ColumnBuilder::Dynamic(builder), dynamic, bytes)) => {
                push_dynamic(dynamic, scalar);
                bytes.clear();
                dynamic.finish_into(bytes);
                builder.append_value(&bytes);
                true
            }
            Some((builder, ..)) => cell::push(builder, scalar),
        };
        if !fits {
            self.mismatch(column, &cell::as_text(scalar));
        }
    }

    /// Sets a cell from text; an empty one is null.
    pub(crate) fn text(&mut self, column: usize, text: &str) {
        if !text.is_empty() {
            self.put(column, Scalar::Text(text));
        }
    }

    /// Sets a cell of a dynamic column from pieces.
    pub(crate) fn build(&mut self, column: usize, pieces: impl FnOnce(&mut DynamicBuilder)) {
        if let Some((ColumnBuilder::Dynamic(builder), dynamic, bytes)) = self.place(column) {
            pieces(dynamic);
            bytes.clear();
            dynamic.finish_into(bytes);
            builder.append_value(&bytes);
        }
    }

    /// Sets a cell to null because its value, of which `value` is a text, cannot be of the column's type.
    pub(crate) fn put_mismatch(&mut self, column: usize, value: &str) {
        match self.place(column) {
            None => self.duplicate(column, Scalar::Text(value)),
            Some((builder, ..)) => {
                builder.push_null();
                self.mismatch(column, value);
            }
        }
    }

    /// Notes a value that is not of its column's type.
    fn mismatch(&mut self, column: usize, value: &str) {
        let (name, ty) = (self.name(column).unwrap_or_default(), self.ty(column));
        self.problems.add(self.index, Some(&name), ProblemCode::TypeMismatch, || {
            format!(
                "{} is no {}; the cell is null",
                quote(value),
                ty.map_or("value", ScalarType::name)
            )
        });
    }

    fn duplicate(&mut self, column: usize, scalar: Scalar<'_>) {
        let Some(name) = self.name(column) else { return };
        self.problems.add(self.index, Some(&name), ProblemCode::DuplicateField, || {
            format!(
                "a second value {} for the column; the first stays",
                quote(&cell::as_text(scalar))
            )
        });
    }

    /// Notes a problem of the record at hand.
    pub(crate) fn problem(
        &mut self,
        column: Option<&str>,
        code: ProblemCode,
        message: impl FnOnce() -> String,
    ) {
        self.problems.add(self.index, column, code, message);
    }

    /// The row is complete: columns without a value are null.
    pub(crate) fn end_row(&mut self) {
        for column in &self.open {
            let Some(slot) = self.slots.get_mut(*column) else { continue };
            if slot.cells == self.rows {
                if let Some(builder) = &mut slot.builder {
                    builder.push_null();
                }
                slot.cells += 1;
            }
        }
        self.rows += 1;
        self.index += 1;
    }

    /// The record is no row.
    pub(crate) fn skip(&mut self, code: ProblemCode, message: impl FnOnce() -> String) {
        self.problem(None, code, message);
        self.index += 1;
    }

    pub(crate) fn finish(mut self, columns: Columns) -> Collected {
        let all = columns == Columns::All;
        let (mut kept, mut arrays) = (Vec::new(), Vec::new());
        for (column, slot) in self.schema.columns.iter().zip(&mut self.slots) {
            let builder = match slot.builder.take() {
                Some(builder) => builder,
                None if all => {
                    let mut builder = ColumnBuilder::new(column.ty, self.rows);
                    (0..self.rows).for_each(|_| builder.push_null());
                    builder
                }
                None => continue,
            };
            kept.push(column.clone());
            arrays.push(builder.finish());
        }
        let schema = if all { self.schema } else { Arc::new(Schema { columns: kept }) };
        let batch = Batch { columns: arrays, rows: self.rows };
        Collected { rows: Rows::new(schema, batch), problems: self.problems }
    }
}

/// A scalar as a dynamic value; the text of a JSON array or object becomes what it says.
fn push_dynamic(builder: &mut DynamicBuilder, scalar: Scalar<'_>) {
    match scalar {
        Scalar::Null => builder.null(),
        Scalar::Bool(v) => builder.bool(v),
        Scalar::Long(v) => builder.long(v),
        Scalar::ULong(v) => builder.real(v as f64),
        Scalar::Real(v) => builder.real(v),
        Scalar::Time(v) => builder.datetime(v),
        Scalar::Text(text) => match container(text) {
            Some(value) => builder.dynamic(value.as_ref()),
            None => builder.string(text),
        },
    }
}

/// The value of a text that is a JSON array or object.
pub(crate) fn container(text: &str) -> Option<values::Dynamic> {
    let trimmed = text.trim_ascii();
    let framed = matches!(trimmed.as_bytes(), [b'{', .., b'}'] | [b'[', .., b']']);
    framed.then(|| values::Dynamic::parse_json(trimmed)).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use model::Value;

    use super::*;

    fn sink() -> Sink {
        Sink::new(testkit::schema("A:string, B:long, C:dynamic, D:datetime"))
    }

    #[test]
    fn late_columns_are_filled_backwards_and_missing_cells_forwards() {
        let mut sink = sink();
        sink.text(0, "x");
        sink.end_row();
        sink.put(1, Scalar::Long(5));
        sink.end_row();
        let seen = sink.finish(Columns::Seen);
        assert_eq!(testkit::rows_text(&seen.rows), "A:string | B:long\n\"x\" | null\n\"\" | 5\n");
        assert_eq!(seen.batch().rows, 2);
    }

    #[test]
    fn all_columns_when_asked_for() {
        let mut sink = sink();
        sink.end_row();
        let all = sink.finish(Columns::All);
        assert_eq!(testkit::rows_text(&all.rows).lines().nth(1), Some("\"\" | null | null | null"));
    }

    #[test]
    fn second_values_and_wrong_types_are_told() {
        let mut sink = sink();
        sink.text(1, "7");
        sink.text(1, "8");
        sink.text(3, "soon");
        sink.end_row();
        sink.skip(ProblemCode::Unreadable, || "gone".to_owned());
        sink.text(1, "x");
        sink.end_row();
        let got = sink.finish(Columns::Seen);
        assert_eq!(got.rows.get(0, "B"), Some(Value::Long(7)));
        let told: Vec<_> = got.problems.iter().map(|p| (p.index, p.code)).collect();
        use ProblemCode::{DuplicateField, TypeMismatch, Unreadable};
        assert_eq!(
            told,
            [(0, DuplicateField), (0, TypeMismatch), (1, Unreadable), (2, TypeMismatch)]
        );
    }

    #[test]
    fn json_text_becomes_dynamic() {
        let mut sink = sink();
        for text in [r#" {"a":[1,2]} "#, "[1", "plain", "7"] {
            sink.text(2, text);
            sink.end_row();
        }
        let got = sink.finish(Columns::Seen);
        let texts: Vec<_> = got.rows.values().map(|r| r[0].to_string()).collect();
        assert_eq!(texts[0], r#"{"a":[1,2]}"#);
        assert!(texts[1].contains("[1") && texts[2].contains("plain"));
        assert!(got.problems.is_empty());
    }
}
