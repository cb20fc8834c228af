//! `parse`, `parse-where`, `parse-kv`: columns out of text.

mod key_values;
mod literal;
mod regular;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringViewArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use model::{Batch, ColumnBuilder};
use values::{ScalarType, Value};

use super::project::pick;
use crate::exec::ExecError;
use crate::exec::columns::{self, coded, internal};
use crate::exec::eval::{Input, Scalar};
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;
use crate::plan::{ColumnId, ParseMode, ParsePart};
pub(crate) use key_values::KeyValues;
use literal::Literal;
use regular::Regular;

/// What a text is taken apart with.
pub(crate) enum Pattern {
    Literal(Literal),
    Regular(Regular),
    KeyValues(KeyValues),
}

impl Pattern {
    /// A `parse` pattern with captures of these types.
    pub(crate) fn new(
        parts: &[ParsePart],
        types: &[ScalarType],
        mode: ParseMode,
    ) -> Result<Self, ExecError> {
        Ok(match mode {
            ParseMode::Simple => Self::Literal(Literal::new(parts, types, true)),
            ParseMode::Relaxed => Self::Literal(Literal::new(parts, types, false)),
            ParseMode::Regex { .. } => Self::Regular(Regular::new(parts, types, mode)?),
        })
    }

    /// Fills one value per capture; false where the text does not match, whatever was filled in.
    fn read(&self, text: &str, out: &mut [Value]) -> bool {
        match self {
            Self::Literal(pattern) => pattern.read(text, out),
            Self::Regular(pattern) => pattern.read(text, out),
            Self::KeyValues(pattern) => pattern.read(text, out),
        }
    }
}

/// A capture's text as its type; none where it does not convert.
fn convert(text: &str, ty: ScalarType) -> Option<Value> {
    if ty == ScalarType::String {
        return Some(Value::from(text));
    }
    let value = Value::from(text).cast(ty);
    (!value.is_null()).then_some(value)
}

/// What is parsed, and into what.
pub(crate) struct Spec {
    pub(crate) text: Scalar,
    pub(crate) pattern: Pattern,
    pub(crate) types: Vec<ScalarType>,
    /// Rows that do not match vanish.
    pub(crate) only_matches: bool,
    /// Positions of the input's columns handed on.
    pub(crate) kept: Vec<usize>,
}

/// Rows with captures behind them.
pub(crate) struct Parse {
    input: Box<dyn Operator>,
    spec: Spec,
}

impl Parse {
    pub(crate) fn stage(input: Stage, spec: Spec, layout: Vec<ColumnId>) -> Stage {
        Stage { operator: Box::new(Self { input: input.operator, spec }), layout }
    }

    fn parse(&self, batch: &Batch, run: &Run) -> Result<Batch, ExecError> {
        let text = self.spec.text.eval(&Input::of(batch), run.context())?;
        let text = text.into_array(ScalarType::String, batch.rows);
        let (captures, matches) = self.columns(&text)?;
        let mut out = pick(batch, &self.spec.kept);
        out.columns.extend(captures);
        if self.spec.only_matches && matches.count_set_bits() < out.rows {
            return columns::filter(&out, &matches);
        }
        Ok(out)
    }

    /// The captures of a text column, and which rows match. Once per distinct value of a dictionary.
    fn columns(&self, text: &ArrayRef) -> Result<(Vec<ArrayRef>, BooleanBuffer), ExecError> {
        let dictionary = coded(text).filter(|d| d.values().len() <= d.len());
        let Some(dictionary) = dictionary else {
            let plain = columns::plain(text)?;
            return Ok(match plain.as_string_view_opt() {
                Some(view) => self.rows(view),
                None => self.rows(&StringViewArray::from(vec![""; text.len()])),
            });
        };
        let (values, matches) = self.columns(dictionary.values())?;
        let codes = dictionary.keys();
        let captures = values
            .into_iter()
            .zip(&self.spec.types)
            .map(|(values, ty)| {
                if *ty == ScalarType::String {
                    let coded: ArrayRef = Arc::new(dictionary.with_values(values));
                    return Ok(coded);
                }
                arrow_select::take::take(&values, codes, None).map_err(internal)
            })
            .collect::<Result<_, ExecError>>()?;
        let table: Vec<bool> = matches.iter().collect();
        let codes = codes.values();
        let matches = BooleanBuffer::collect_bool(codes.len(), |row| {
            codes.get(row).is_some_and(|c| table.get(*c as usize).copied().unwrap_or(false))
        });
        Ok((captures, matches))
    }

    fn rows(&self, texts: &StringViewArray) -> (Vec<ArrayRef>, BooleanBuffer) {
        let types = &self.spec.types;
        let mut builders: Vec<_> =
            types.iter().map(|ty| ColumnBuilder::new(*ty, texts.len())).collect();
        let mut matches = BooleanBufferBuilder::new(texts.len());
        let empty: Vec<Value> = types.iter().map(|ty| Value::null_of(*ty)).collect();
        let mut found = empty.clone();
        for row in 0..texts.len() {
            found.clone_from(&empty);
            let hit = self.spec.pattern.read(texts.value(row), &mut found);
            matches.append(hit);
            for (builder, value) in builders.iter_mut().zip(if hit { &found } else { &empty }) {
                builder.push(value);
            }
        }
        (builders.into_iter().map(ColumnBuilder::finish).collect(), matches.finish())
    }
}

impl Operator for Parse {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.input.prepare(run)
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        while let Some(batch) = self.input.next(run)? {
            let parsed = self.parse(&batch, run)?;
            if parsed.rows > 0 {
                return Ok(Some(parsed));
            }
            run.check()?;
        }
        Ok(None)
    }

    fn ordered(&self) -> bool {
        self.input.ordered()
    }

    fn estimate(&self) -> f64 {
        self.input.estimate()
    }
}
