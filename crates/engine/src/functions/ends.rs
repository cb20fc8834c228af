//! Parts of results, made without the results: what `parse_url(x).Host` asks for is the host alone.

use std::sync::Arc;

use arrow_array::builder::{BinaryViewBuilder, StringViewBuilder};
use arrow_array::{Array, ArrayRef};
use model::ColumnBuilder;
use values::dynamic::{JsonEnd, PathPart, write_string};
use values::{DynamicBuilder, DynamicRef, ScalarType, Value};

use super::call::{Call, Columnar, EvalError, Sizes};
use super::support::BLOCK;

/// What a fixed path leads to in the result of a call, as a column of the type that the call is asked for ([`Call::result`]):
/// exactly what following the path into the whole result would give. None where only that way is open.
pub type PartEval = fn(&Call<'_>, &[PathPart<'_>]) -> Result<Option<Columnar>, EvalError>;

/// A column of ends of paths under construction.
pub(super) struct Ends {
    column: Column,
    sizes: Sizes,
    failed: Option<EvalError>,
}

enum Column {
    Texts(StringViewBuilder, String),
    Dynamics(BinaryViewBuilder, Vec<u8>),
    Others(ColumnBuilder, ScalarType),
}

impl Ends {
    fn new(target: ScalarType, rows: usize) -> Self {
        let column = match target {
            ScalarType::String => Column::Texts(
                StringViewBuilder::with_capacity(rows).with_fixed_block_size(BLOCK),
                String::new(),
            ),
            ScalarType::Dynamic => Column::Dynamics(
                BinaryViewBuilder::with_capacity(rows).with_fixed_block_size(BLOCK),
                Vec::new(),
            ),
            target => Column::Others(ColumnBuilder::new(target, rows), target),
        };
        Self { column, sizes: Sizes::default(), failed: None }
    }

    fn fits(&mut self, bytes: usize) -> bool {
        match self.sizes.add(bytes) {
            Ok(()) => true,
            Err(error) => {
                self.failed = Some(error);
                false
            }
        }
    }

    /// The row's end is a text.
    pub(super) fn text(&mut self, text: &str) {
        if !self.fits(text.len()) {
            return;
        }
        match &mut self.column {
            Column::Texts(column, _) => column.append_value(text),
            Column::Dynamics(column, buffer) => {
                buffer.clear();
                write_string(text, buffer);
                column.append_value(buffer);
            }
            Column::Others(column, target) => column.push(&Value::from(text).cast(*target)),
        }
    }

    /// The row's end is a part of a dynamic.
    pub(super) fn part(&mut self, part: DynamicRef<'_>) {
        if part.is_null() {
            return self.none();
        }
        if let Some(text) = part.as_str() {
            return self.text(text);
        }
        if !self.fits(part.value().len()) {
            return;
        }
        match &mut self.column {
            Column::Texts(column, buffer) => {
                buffer.clear();
                part.write_text(buffer);
                column.append_value(buffer);
            }
            Column::Dynamics(column, buffer) => {
                buffer.clear();
                part.write_bytes(buffer);
                column.append_value(buffer);
            }
            Column::Others(column, _) if part.is_container() => column.push_null(),
            Column::Others(column, target) => column.push(&part.to_scalar().cast(*target)),
        }
    }

    /// The row's end is a part of JSON text.
    pub(super) fn json(&mut self, end: JsonEnd<'_>) {
        match end {
            JsonEnd::Text(text) => self.text(text),
            JsonEnd::Part(part) => self.part(part),
        }
    }

    /// The path leads nowhere.
    fn none(&mut self) {
        match &mut self.column {
            Column::Texts(column, _) => column.append_value(""),
            Column::Dynamics(column, _) => column.append_null(),
            Column::Others(column, _) => column.push_null(),
        }
    }
}

impl Call<'_> {
    /// A column of ends of paths. The writer gives one end, or none where the path leads nowhere.
    pub(super) fn ends(
        &self,
        mut f: impl FnMut(usize, &mut Ends) -> Option<()>,
    ) -> Result<Option<Columnar>, EvalError> {
        let mut ends = Ends::new(self.result, self.rows);
        for row in 0..self.rows {
            if f(row, &mut ends).is_none() {
                ends.none();
            }
            if let Some(error) = ends.failed.take() {
                return Err(error);
            }
        }
        let column: ArrayRef = match ends.column {
            Column::Texts(mut column, _) => Arc::new(column.finish()),
            Column::Dynamics(mut column, _) => Arc::new(column.finish()),
            Column::Others(column, _) => column.finish(),
        };
        Ok(Some(Columnar::Array(column)))
    }

    /// A column of ends of which there are none.
    pub(super) fn no_ends(&self) -> Result<Option<Columnar>, EvalError> {
        self.ends(|_, _| None)
    }

    /// Where the rest of a path leads in an argument that was put into an array or a bag as it is.
    pub(super) fn ends_of_argument(
        &self,
        index: usize,
        rest: &[PathPart<'_>],
    ) -> Result<Option<Columnar>, EvalError> {
        use ScalarType::{Bool, DateTime, Guid, Int, Long, Real, String, TimeSpan};
        let Some(ty) = self.types.get(index).copied() else { return self.no_ends() };
        if ty == ScalarType::Dynamic {
            let parts = self.dynamic(index)?;
            return self.ends(|row, ends| {
                ends.part(rest.iter().try_fold(parts.get(row)?, |at, step| match step {
                    PathPart::Key(key) => at.get(key),
                    PathPart::Index(position) => at.index(*position),
                })?);
                Some(())
            });
        }
        if !rest.is_empty() {
            return self.no_ends();
        }
        let same = ty == self.result
            && matches!(ty, Bool | DateTime | Guid | Int | Long | Real | String | TimeSpan);
        match self.args.get(index) {
            Some(Columnar::Array(column)) if same && (ty != String || column.null_count() == 0) => {
                return Ok(Some(Columnar::Array(Arc::clone(column))));
            }
            _ if ty == String => {
                let texts = self.text(index)?;
                return self.ends(|row, ends| {
                    ends.text(texts.get(row));
                    Some(())
                });
            }
            _ => {}
        }
        let mut builder = DynamicBuilder::new();
        let mut bytes = Vec::new();
        self.ends(|row, ends| {
            bytes.clear();
            builder.value(&self.value(index, row));
            builder.finish_into(&mut bytes);
            ends.part(DynamicRef::new(&bytes));
            Some(())
        })
    }
}
