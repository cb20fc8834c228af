//! Dynamic values as text where a text is sought in them: what cannot hold it is not written out.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use values::dynamic::in_bytes;
use values::text::FoldFinder;
use values::{DynamicRef, ScalarType, Value};

use super::Scalar;
use crate::exec::ExecError;
use crate::exec::distinct::Distinct;
use crate::functions::{self, terms};

/// A dynamic column as text, empty where a value cannot hold the needle.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) inner: Box<Scalar>,
    needle: Box<FoldFinder>,
}

impl Holding {
    /// For an operator that is false of the empty text; none where the operator is another, or bytes say nothing about the
    /// needle.
    pub(super) fn new(operator: &str, needle: &Value, inner: Scalar) -> Result<Self, Scalar> {
        let sought = match needle {
            Value::String(needle) if terms::needs_the_text(operator) => in_bytes(needle),
            _ => None,
        };
        match sought.and_then(FoldFinder::new) {
            Some(needle) => Ok(Self { inner: Box::new(inner), needle: Box::new(needle) }),
            None => Err(inner),
        }
    }

    /// The texts of a dynamic column.
    pub(super) fn texts(&self, column: &ArrayRef) -> Result<ArrayRef, ExecError> {
        let Some(values) = column.as_binary_view_opt() else {
            return Ok(functions::repeat(&Value::Null, ScalarType::String, column.len()));
        };
        match Distinct::of(values) {
            None => Ok(self.write(values)),
            Some(distinct) => {
                let texts = self.write(&distinct.values);
                distinct.spread(texts, ScalarType::String)
            }
        }
    }

    fn write(&self, values: &BinaryViewArray) -> ArrayRef {
        let mut builder =
            StringViewBuilder::with_capacity(values.len()).with_fixed_block_size(256 * 1024);
        let mut buffer = String::new();
        for value in values {
            match value.filter(|bytes| self.needle.is_in(bytes)).map(DynamicRef::new) {
                None => builder.append_value(""),
                Some(value) => match value.as_str() {
                    Some(text) => builder.append_value(text),
                    None => {
                        buffer.clear();
                        value.write_text(&mut buffer);
                        builder.append_value(&buffer);
                    }
                },
            }
        }
        Arc::new(builder.finish())
    }
}
