//! Steps into dynamic values, without a copy of what lies on the way.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use values::dynamic::PathPart;
use values::{DynamicRef, ScalarType, Value};

use super::{Input, Node, Scalar};
use crate::exec::{ExecError, parts};
use crate::functions::{Call, Columnar, EvalContext, evaluate, evaluate_part};

/// A path into a dynamic, and the type that its end is wanted in.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) base: Box<Scalar>,
    pub(super) steps: Vec<PathStep>,
    pub(super) target: ScalarType,
}

#[derive(Debug)]
pub(super) enum PathStep {
    Key(Arc<str>),
    Index(i64),
    Computed(Scalar),
}

/// A step with its per-row value at hand.
enum Ready<'a> {
    Key(&'a str),
    Index(i64),
    Column(Columnar, ScalarType),
}

impl Path {
    pub(super) fn eval(
        &self,
        input: &Input<'_>,
        context: &EvalContext,
    ) -> Result<Columnar, ExecError> {
        if let Some(short) = self.short_way(input, context)? {
            return Ok(short);
        }
        self.follow_from(self.base.eval(input, context)?, input, context)
    }

    fn follow_from(
        &self,
        base: Columnar,
        input: &Input<'_>,
        context: &EvalContext,
    ) -> Result<Columnar, ExecError> {
        let steps = self
            .steps
            .iter()
            .map(|step| {
                Ok(match step {
                    PathStep::Key(key) => Ready::Key(key),
                    PathStep::Index(at) => Ready::Index(*at),
                    PathStep::Computed(expr) => Ready::Column(expr.eval(input, context)?, expr.ty),
                })
            })
            .collect::<Result<Vec<_>, ExecError>>()?;
        let fixed = steps.iter().all(|s| match s {
            Ready::Column(c, _) => matches!(c, Columnar::Scalar(_)),
            _ => true,
        });
        let constant = matches!(base, Columnar::Scalar(_));
        if constant && fixed {
            let one = base.into_array(ScalarType::Dynamic, 1);
            let found = self.follow(&one, &steps, 1)?;
            return Ok(Columnar::Scalar(model::rows::cell(&found, self.target, 0)));
        }
        let base = base.into_array(ScalarType::Dynamic, input.rows());
        Ok(Columnar::Array(self.follow(&base, &steps, input.rows())?))
    }

    /// A fixed path into the result of a call that can give the end without the rest.
    fn short_way(
        &self,
        input: &Input<'_>,
        context: &EvalContext,
    ) -> Result<Option<Columnar>, ExecError> {
        let Node::Call { function, args, types } = &self.base.node else { return Ok(None) };
        let Some(path) = function.part.and_then(|_| self.fixed()) else { return Ok(None) };
        let args =
            args.iter().map(|arg| arg.eval(input, context)).collect::<Result<Vec<_>, _>>()?;
        let call = Call { args: &args, types, rows: input.rows(), result: self.target, context };
        if let Some(found) = evaluate_part(function, &path, &call)? {
            return Ok(Some(found));
        }
        let whole = evaluate(function, &Call { result: self.base.ty, ..call })?;
        self.follow_from(whole, input, context).map(Some)
    }

    fn follow(
        &self,
        base: &ArrayRef,
        steps: &[Ready<'_>],
        rows: usize,
    ) -> Result<ArrayRef, ExecError> {
        let Some(base) = base.as_binary_view_opt() else {
            return Ok(crate::exec::columns::nulls(self.target, rows));
        };
        let Some(fixed) = self.fixed() else {
            return Ok(parts::ends(rows, self.target, |row| {
                let start = base.is_valid(row).then(|| DynamicRef::new(base.value(row)))?;
                let end = steps.iter().try_fold(start, |at, step| step.take(at, row))?;
                (!end.is_null()).then_some(end)
            }));
        };
        parts::follow(base, &fixed, self.target)
    }

    /// The steps, where none is computed.
    fn fixed(&self) -> Option<Vec<PathPart<'_>>> {
        self.steps
            .iter()
            .map(|step| match step {
                PathStep::Key(key) => Some(PathPart::Key(key)),
                PathStep::Index(at) => Some(PathPart::Index(*at)),
                PathStep::Computed(_) => None,
            })
            .collect()
    }
}

impl Ready<'_> {
    fn take<'d>(&self, at: DynamicRef<'d>, row: usize) -> Option<DynamicRef<'d>> {
        match self {
            Self::Key(key) => at.get(key),
            Self::Index(position) => at.index(*position),
            Self::Column(column, ty) => match column.value(*ty, row) {
                Value::String(key) => at.get(&key),
                Value::Dynamic(d) => match d.as_ref().to_scalar() {
                    Value::String(key) => at.get(&key),
                    other => at.index(other.as_i64()?),
                },
                other => at.index(other.as_i64()?),
            },
        }
    }
}
