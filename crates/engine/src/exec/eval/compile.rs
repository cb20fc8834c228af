//! Plan expressions to compiled ones: columns become positions, subqueries their results.

use std::sync::Arc;

use values::{ScalarType, Value};

use super::coded::PerValue;
use super::holding::Holding;
use super::path::{Path, PathStep};
use super::sets::{InSet, flatten};
use super::{Node, Scalar, case};
use crate::exec::ExecError;
use crate::plan::{ColumnId, Expr, Plan, Set, Step, children};

/// Gives the first column of a plan's rows; `true` where one row is enough.
pub(crate) type Subqueries<'a> =
    dyn Fn(&Arc<Plan>, bool) -> Result<Arc<Vec<Value>>, ExecError> + 'a;

/// Deepest nesting of an expression.
const DEPTH_MAX: usize = 1000;

/// Compiles the expressions of one step.
pub(crate) struct ExprCompiler<'a> {
    /// The input's columns, by position.
    pub(crate) layout: &'a [ColumnId],
    /// Runs subqueries.
    pub(crate) subqueries: &'a Subqueries<'a>,
}

impl ExprCompiler<'_> {
    /// One expression.
    pub(crate) fn compile(&self, expr: &Expr) -> Result<Scalar, ExecError> {
        self.build(expr, true, 0)
    }

    fn build(&self, expr: &Expr, wrap: bool, depth: usize) -> Result<Scalar, ExecError> {
        if depth > DEPTH_MAX {
            return Err(ExecError::ResourceLimit(
                "an expression nests too deeply; split it with extend".to_owned(),
            ));
        }
        let leaf = matches!(expr, Expr::Column(..) | Expr::Literal(..) | Expr::Subquery(..));
        if let Some(id) = (wrap && !leaf).then(|| only_text_column(expr)).flatten() {
            let column = self.position(id)?;
            let inner = self.build(expr, false, depth)?;
            return Ok(Scalar {
                ty: expr.ty(),
                node: Node::PerValue(PerValue::new(column, inner)),
            });
        }
        let node = self.node(expr, wrap, depth + 1)?;
        Ok(Scalar { node, ty: expr.ty() })
    }

    fn node(&self, expr: &Expr, wrap: bool, depth: usize) -> Result<Node, ExecError> {
        let one = |e: &Expr| self.build(e, wrap, depth);
        let many = |es: &[Expr]| es.iter().map(one).collect::<Result<Vec<_>, _>>();
        Ok(match expr {
            Expr::Column(id, _) => Node::Column(self.position(*id)?),
            Expr::Literal(value, _) => Node::Literal(value.clone()),
            Expr::Call { function, args, .. } => Node::Call {
                function,
                types: args.iter().map(Expr::ty).collect(),
                args: match args.as_slice() {
                    [Expr::Cast(inner, ScalarType::String), literal @ Expr::Literal(sought, _)]
                        if inner.ty() == ScalarType::Dynamic
                            && !matches!(&**inner, Expr::Path { .. }) =>
                    {
                        let tested = match Holding::new(function.name, sought, one(inner)?) {
                            Ok(holding) => Node::Holding(holding),
                            Err(inner) => Node::Cast(Box::new(inner)),
                        };
                        let tested = Scalar { node: tested, ty: ScalarType::String };
                        vec![tested, one(literal)?]
                    }
                    args => many(args)?,
                },
            },
            Expr::Cast(inner, ty) => self.cast(inner, *ty, wrap, depth)?,
            Expr::And(parts) => Node::And(plain_first(many(parts)?)),
            Expr::Or(parts) => Node::Or(plain_first(many(parts)?)),
            Expr::Not(inner) => Node::Not(Box::new(one(inner)?)),
            Expr::Case { branches, otherwise, .. } => Node::Case(case::Case {
                branches: branches.iter().map(|(c, r)| Ok((one(c)?, one(r)?))).collect::<Result<
                    _,
                    ExecError,
                >>(
                )?,
                otherwise: Box::new(one(otherwise)?),
            }),
            Expr::InSet { value, set, matching, negated } => {
                let value = one(value)?;
                Node::InSet(match set {
                    Set::Values(values) => InSet::of_values(value, values, *matching, *negated)?,
                    Set::Plan(plan) => {
                        let found = match (self.subqueries)(plan, false) {
                            Err(error) if error.is_refusal() => return Ok(Node::Refused(error)),
                            found => found?,
                        };
                        let ty = value.ty;
                        let members: Vec<Value> =
                            flatten(found.iter().cloned()).iter().map(|v| v.cast(ty)).collect();
                        InSet::of_values(value, &members, *matching, *negated)?
                    }
                    Set::Exprs(exprs) => InSet::of_rows(value, many(exprs)?, *matching, *negated),
                })
            }
            Expr::Path { base, steps } => {
                Node::Path(self.path(base, steps, ScalarType::Dynamic, wrap, depth)?)
            }
            Expr::Subquery(plan, ty) => {
                let found = match (self.subqueries)(plan, true) {
                    Err(error) if error.is_refusal() => return Ok(Node::Refused(error)),
                    found => found?,
                };
                Node::Literal(found.first().cloned().unwrap_or_else(|| Value::null_of(*ty)))
            }
            Expr::Window(_) => {
                return Err(ExecError::Evaluation(
                    "a window function stands outside of a serialized step".to_owned(),
                ));
            }
        })
    }

    /// A conversion; at the end of a path the path itself gives the wanted type.
    fn cast(
        &self,
        inner: &Expr,
        ty: ScalarType,
        wrap: bool,
        depth: usize,
    ) -> Result<Node, ExecError> {
        if let Expr::Path { base, steps } = inner {
            return Ok(Node::Path(self.path(base, steps, ty, wrap, depth)?));
        }
        Ok(Node::Cast(Box::new(self.build(inner, wrap, depth)?)))
    }

    fn path(
        &self,
        base: &Expr,
        steps: &[Step],
        target: ScalarType,
        wrap: bool,
        depth: usize,
    ) -> Result<Path, ExecError> {
        let steps = steps
            .iter()
            .map(|step| {
                Ok(match step {
                    Step::Key(key) => PathStep::Key(Arc::clone(key)),
                    Step::Index(at) => PathStep::Index(*at),
                    Step::Computed(expr) => PathStep::Computed(self.build(expr, wrap, depth)?),
                })
            })
            .collect::<Result<_, ExecError>>()?;
        Ok(Path { base: Box::new(self.build(base, wrap, depth)?), steps, target })
    }

    fn position(&self, id: ColumnId) -> Result<usize, ExecError> {
        self.layout
            .iter()
            .position(|c| *c == id)
            .ok_or_else(|| ExecError::Evaluation(format!("a step does not get column {id}")))
    }
}

/// The column, where an expression depends on one text column alone and always gives the same for the same text.
fn only_text_column(expr: &Expr) -> Option<ColumnId> {
    let mut found = None;
    (pure_over(expr, &mut found)).then_some(found).flatten()
}

fn pure_over(expr: &Expr, found: &mut Option<ColumnId>) -> bool {
    match expr {
        Expr::Column(id, ScalarType::String) => *found.get_or_insert(*id) == *id,
        Expr::Column(..) | Expr::Window(_) => false,
        Expr::Call { function, .. } if !function.pure => false,
        _ => children(expr).into_iter().all(|child| pure_over(child, found)),
    }
}

/// Comparisons of numbers come first: rows that they decide cost the others nothing.
fn plain_first(mut parts: Vec<Scalar>) -> Vec<Scalar> {
    parts.sort_by_key(|part| !part.is_plain());
    parts
}
