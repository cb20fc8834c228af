//! Expressions over batches: compiled once per step, evaluated column by column.
//!
//! Three things make it fast. Conditions narrow the rows that later conditions see ([`logic`]). A subexpression over one
//! dictionary-coded text runs once per distinct value and remembers the answer for the dictionary ([`coded`]). And a
//! selection is a list of row numbers: columns are gathered when somebody asks for them.

mod case;
mod cast;
mod coded;
mod compile;
mod holding;
mod input;
mod logic;
mod path;
mod sets;

use arrow_buffer::BooleanBuffer;
use model::Batch;
use values::{ScalarType, Value};

pub(crate) use compile::ExprCompiler;
pub(crate) use input::Input;

use super::ExecError;
use super::columns;
use crate::functions::{Call, Columnar, EvalContext, EvalError, Function, evaluate};

impl From<EvalError> for ExecError {
    fn from(error: EvalError) -> Self {
        if error.limit { Self::ResourceLimit(error.text) } else { Self::Evaluation(error.text) }
    }
}

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Scalar {
    node: Node,
    ty: ScalarType,
}

#[derive(Debug)]
enum Node {
    /// The input's column at this position.
    Column(usize),
    Literal(Value),
    Call {
        function: &'static Function,
        args: Vec<Scalar>,
        types: Vec<ScalarType>,
    },
    Cast(Box<Scalar>),
    /// As [`Node::Cast`] of a dynamic to text, for the sake of a text sought in it.
    Holding(holding::Holding),
    And(Vec<Scalar>),
    Or(Vec<Scalar>),
    Not(Box<Scalar>),
    Case(case::Case),
    InSet(sets::InSet),
    Path(path::Path),
    /// Depends on one text column alone.
    PerValue(coded::PerValue),
    /// A subquery whose rows may not be read: an error once a row asks for it, and none while no row does.
    Refused(ExecError),
}

impl Scalar {
    /// The input's column at a position.
    pub(crate) const fn of_column(at: usize, ty: ScalarType) -> Self {
        Self { node: Node::Column(at), ty }
    }

    /// The type of the value.
    pub(crate) const fn ty(&self) -> ScalarType {
        self.ty
    }

    /// The position, where this is but a column of the input.
    pub(crate) const fn column(&self) -> Option<usize> {
        match self.node {
            Node::Column(at) => Some(at),
            _ => None,
        }
    }

    /// The value, where this is a constant.
    pub(crate) const fn literal(&self) -> Option<&Value> {
        match &self.node {
            Node::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The column or value over some rows.
    pub(crate) fn eval(
        &self,
        input: &Input<'_>,
        context: &EvalContext,
    ) -> Result<Columnar, ExecError> {
        match &self.node {
            Node::Column(at) => Ok(Columnar::Array(input.column(*at)?)),
            Node::Literal(value) => Ok(Columnar::Scalar(value.clone())),
            Node::Call { function, args, types } => {
                let args = args
                    .iter()
                    .map(|arg| arg.eval(input, context))
                    .collect::<Result<Vec<_>, _>>()?;
                let call =
                    Call { args: &args, types, rows: input.rows(), result: self.ty, context };
                Ok(evaluate(function, &call)?)
            }
            Node::Cast(inner) => {
                cast::cast(inner.eval(input, context)?, inner.ty, self.ty, input.rows())
            }
            Node::Holding(holding) => {
                let column = holding.inner.eval(input, context)?;
                let column = column.into_array(ScalarType::Dynamic, input.rows());
                holding.texts(&column).map(Columnar::Array)
            }
            Node::And(_) | Node::Or(_) | Node::Not(_) => {
                Ok(self.tri(input, context, false)?.into_column(input.rows()))
            }
            Node::Case(case) => case.eval(input, context, self.ty),
            Node::InSet(set) => set.eval(input, context),
            Node::Path(path) => path.eval(input, context),
            Node::PerValue(inner) => inner.eval(input, context, self.ty),
            Node::Refused(_) if input.rows() == 0 => Ok(Columnar::Scalar(Value::null_of(self.ty))),
            Node::Refused(error) => Err(error.clone()),
        }
    }

    /// The rows for which a condition is true.
    pub(crate) fn truth(
        &self,
        batch: &Batch,
        context: &EvalContext,
    ) -> Result<BooleanBuffer, ExecError> {
        let input = Input::of(batch);
        Ok(self.tri(&input, context, true)?.yes)
    }

    /// The value of an expression without columns.
    pub(crate) fn constant(&self, context: &EvalContext) -> Result<Value, ExecError> {
        self.value(&Batch { columns: Vec::new(), rows: 1 }, context)
    }

    /// The value for the first row.
    pub(crate) fn value(&self, batch: &Batch, context: &EvalContext) -> Result<Value, ExecError> {
        Ok(self.eval(&Input::of(batch), context)?.value(self.ty, 0))
    }

    /// True of comparisons of numbers: they cost next to nothing and never fail.
    fn is_plain(&self) -> bool {
        match &self.node {
            Node::Column(_) | Node::Literal(_) => {
                !matches!(self.ty, ScalarType::String | ScalarType::Dynamic)
            }
            Node::Call { function, args, .. } => {
                let compares = matches!(function.name, "==" | "!=" | "<" | "<=" | ">" | ">=");
                compares && args.iter().all(Self::is_plain)
            }
            Node::Not(inner) => inner.is_plain(),
            Node::InSet(set) => set.is_plain(),
            _ => false,
        }
    }

    /// Roughly what one row of the input costs; decides whether rows are picked before or after.
    fn cost(&self, input: &Input<'_>) -> usize {
        let each = |parts: &[Self]| parts.iter().map(|part| part.cost(input)).sum::<usize>();
        match &self.node {
            Node::Column(_) | Node::Literal(_) => 0,
            Node::Call { args, .. } => {
                let text = args.iter().any(|a| {
                    matches!(a.ty, ScalarType::String | ScalarType::Dynamic)
                        && a.literal().is_none()
                });
                usize::from(text) * 10 + 1 + each(args)
            }
            Node::Cast(inner) => 5 + inner.cost(input),
            Node::Holding(holding) => 5 + holding.inner.cost(input),
            Node::Not(inner) => inner.cost(input),
            Node::And(parts) | Node::Or(parts) => each(parts),
            Node::PerValue(value) => value.cost(input),
            Node::InSet(set) => set.cost(input),
            Node::Case(_) | Node::Path(_) => 20,
            Node::Refused(_) => 1_000_000,
        }
    }
}

/// Several expressions as the columns of a new batch.
pub(crate) fn project(
    exprs: &[Scalar],
    batch: &Batch,
    context: &EvalContext,
) -> Result<Batch, ExecError> {
    let input = Input::of(batch);
    let columns = exprs
        .iter()
        .map(|e| Ok(e.eval(&input, context)?.into_array(e.ty, batch.rows)))
        .collect::<Result<Vec<_>, ExecError>>()?;
    Ok(Batch { columns, rows: batch.rows })
}
