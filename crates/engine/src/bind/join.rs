//! `join` and `lookup`.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{BinaryOperator, Expr as Ast, ExprKind, Ident, Join, JoinCondition, Selector};
use values::ScalarType;

use super::env::Env;
use super::error::{BindError, Result};
use super::naming::Names;
use super::types::{cast, comparable};
use super::{Binder, Context, Relation, project, word};
use crate::plan::{Expr, Field, JoinKind, Node, Output, Plan};

/// Spellings of the kinds.
const KINDS: &[(&str, JoinKind)] = &[
    ("innerunique", JoinKind::InnerUnique),
    ("inner", JoinKind::Inner),
    ("leftouter", JoinKind::LeftOuter),
    ("rightouter", JoinKind::RightOuter),
    ("fullouter", JoinKind::FullOuter),
    ("outer", JoinKind::FullOuter),
    ("leftsemi", JoinKind::LeftSemi),
    ("rightsemi", JoinKind::RightSemi),
    ("leftanti", JoinKind::LeftAnti),
    ("anti", JoinKind::LeftAnti),
    ("leftantisemi", JoinKind::LeftAnti),
    ("rightanti", JoinKind::RightAnti),
    ("rightantisemi", JoinKind::RightAnti),
];

/// Keys of both sides, and the right columns that a lookup drops.
struct Keys {
    left: Vec<Expr>,
    right: Vec<Expr>,
    right_columns: Vec<crate::plan::ColumnId>,
}

impl Binder<'_> {
    /// `join`.
    pub(super) fn join(
        &self,
        env: &Env,
        left: Relation,
        join: &Join,
        span: Span,
    ) -> Result<Relation> {
        let kind = match word(&join.parameters, "kind") {
            None => JoinKind::InnerUnique,
            Some(name) => self.join_kind(&name, join, span)?,
        };
        let right = self.tabular(env, &join.right)?;
        let keys = self.join_keys(env, &left, &right, &join.condition, "join", span)?;
        self.joined(kind, left, right, (keys.left, keys.right), &[], span)
    }

    /// `lookup`: the right keys are dropped, the left side is never multiplied by missing rows.
    pub(super) fn lookup(
        &self,
        env: &Env,
        left: Relation,
        join: &Join,
        span: Span,
    ) -> Result<Relation> {
        let kind = match word(&join.parameters, "kind").as_deref() {
            None | Some("leftouter") => JoinKind::LeftOuter,
            Some("inner") => JoinKind::Inner,
            Some(other) => {
                return Err(BindError::new(
                    "SEM0063",
                    span,
                    format!("'lookup' operator: kind '{other}' is unknown; use leftouter or inner"),
                ));
            }
        };
        let right = self.tabular(env, &join.right)?;
        let keys = self.join_keys(env, &left, &right, &join.condition, "lookup", span)?;
        self.joined(kind, left, right, (keys.left, keys.right), &keys.right_columns, span)
    }

    /// The node over both sides; columns that are `dropped` do not come out of it.
    fn joined(
        &self,
        kind: JoinKind,
        left: Relation,
        right: Relation,
        (left_keys, right_keys): (Vec<Expr>, Vec<Expr>),
        dropped: &[crate::plan::ColumnId],
        span: Span,
    ) -> Result<Relation> {
        let fields = joined_fields(kind, &left.plan.fields, &right.plan.fields);
        let (left_plan, right_plan) = (left.plan, right.plan);
        let node = Node::Join { kind, left: left_plan, right: right_plan, left_keys, right_keys };
        let plan = self.numbered(Plan { node: Arc::new(node), fields }, dropped);
        let mut result = Relation::new(plan);
        result.tables = left.tables.saturating_add(right.tables);
        self.unfolded(result.tables, "tables", span)?;
        self.unfolded(result.plan.fields.len(), "columns", span)?;
        result.open = left.open || right.open;
        result.source = left.source;
        Ok(result)
    }

    fn join_kind(&self, name: &str, join: &Join, span: Span) -> Result<JoinKind> {
        KINDS.iter().find(|(n, _)| *n == name).map(|(_, k)| *k).ok_or_else(|| {
            let at = join.parameters.get("kind").map_or(span, |p| p.value.span);
            let hint = kql::suggest(name, KINDS.iter().map(|(n, _)| *n))
                .map_or_else(String::new, |n| format!(" (did you mean '{n}'?)"));
            BindError::new(
                "SEM0063",
                at,
                format!("'join' operator: kind '{name}' is unknown{hint}"),
            )
        })
    }

    /// Drops columns and numbers names that stand twice: x, y, x1, y1.
    fn numbered(&self, plan: Plan, dropped: &[crate::plan::ColumnId]) -> Plan {
        let mut names = Names::aside(&plan.fields);
        let outputs: Vec<Output> = plan
            .fields
            .iter()
            .filter(|f| !dropped.contains(&f.id))
            .map(|f| {
                let name = names.unique(&f.name);
                let id = if name == f.name { f.id } else { self.id() };
                Output { field: Field { id, name, ty: f.ty }, expr: Expr::Column(f.id, f.ty) }
            })
            .collect();
        project(plan, outputs)
    }

    fn join_keys(
        &self,
        env: &Env,
        left: &Relation,
        right: &Relation,
        condition: &JoinCondition,
        operator: &'static str,
        span: Span,
    ) -> Result<Keys> {
        let mut keys = Keys { left: Vec::new(), right: Vec::new(), right_columns: Vec::new() };
        let conditions: Vec<&Ast> = match condition {
            JoinCondition::On(list) => list.iter().collect(),
            JoinCondition::Where(predicate) => vec![predicate],
            JoinCondition::None => {
                return Err(BindError::new(
                    "SEM0063",
                    span,
                    format!(
                        "'{operator}' operator: say which columns must be equal: on Column, or on $left.A == $right.B"
                    ),
                ));
            }
        };
        for ast in conditions {
            self.join_condition(env, left, right, ast, operator, &mut keys)?;
        }
        Ok(keys)
    }

    fn join_condition(
        &self,
        env: &Env,
        left: &Relation,
        right: &Relation,
        ast: &Ast,
        operator: &'static str,
        keys: &mut Keys,
    ) -> Result<()> {
        match &ast.kind {
            ExprKind::Parenthesised(inner) => {
                self.join_condition(env, left, right, inner, operator, keys)
            }
            ExprKind::Name(name) => {
                let l = self.side_column(left, name, operator, "left")?;
                let r = self.side_column(right, name, operator, "right")?;
                self.add_key(keys, l, r, ast.span)
            }
            ExprKind::Binary { operator: BinaryOperator::And, left: a, right: b, .. } => {
                self.join_condition(env, left, right, a, operator, keys)?;
                self.join_condition(env, left, right, b, operator, keys)
            }
            ExprKind::Binary { operator: BinaryOperator::Equal, left: a, right: b, .. } => {
                let (a_side, b_side) = (side(a), side(b));
                let (l, r) = match (a_side, b_side) {
                    (Some(Side::Right(_)), _) | (_, Some(Side::Left(_))) => (b, a),
                    _ => (a, b),
                };
                let l = self.key_side(env, left, l, operator, "left")?;
                let r = self.key_side(env, right, r, operator, "right")?;
                self.add_key(keys, l, r, ast.span)
            }
            _ => Err(BindError::new(
                "SEM0063",
                ast.span,
                format!(
                    "'{operator}' operator: only equality can be used to join: $left.A == $right.B"
                ),
            )),
        }
    }

    fn key_side(
        &self,
        env: &Env,
        rows: &Relation,
        ast: &Ast,
        operator: &'static str,
        which: &str,
    ) -> Result<Expr> {
        match side(ast) {
            Some(Side::Left(name) | Side::Right(name)) => {
                self.side_column(rows, name, operator, which)
            }
            None => {
                if let ExprKind::Name(name) = &ast.kind {
                    return self.side_column(rows, name, operator, which);
                }
                self.scalar(&Context::row(env, rows, operator), &strip_sides(ast))
            }
        }
    }

    fn side_column(
        &self,
        rows: &Relation,
        name: &Ident,
        operator: &'static str,
        which: &str,
    ) -> Result<Expr> {
        match super::scalar::find(&rows.plan.fields, &name.text) {
            Some(f) => Ok(Expr::Column(f.id, f.ty)),
            None if rows.open => Ok(Expr::Literal(values::Value::Null, ScalarType::Dynamic)),
            None => {
                let known = rows.plan.fields.iter().map(|f| &*f.name);
                let mut error =
                    BindError::unresolved("column", operator, &name.text, name.span, known);
                error.message = format!("{} on the {which} side", error.message);
                Err(error)
            }
        }
    }

    fn add_key(&self, keys: &mut Keys, left: Expr, right: Expr, span: Span) -> Result<()> {
        if let Expr::Column(id, _) = right {
            keys.right_columns.push(id);
        }
        // an order needs what a key needs: unlike '==' it reads no number out of a text
        let ty = match comparable("<", left.ty(), right.ty(), span) {
            Ok(ScalarType::Dynamic) => ScalarType::String,
            Ok(ty) => ty,
            Err(_) => {
                let text = format!(
                    "the keys of a join must be of one type, but left is {} and right is {}; convert one of them, such as with to{}()",
                    left.ty(),
                    right.ty(),
                    left.ty()
                );
                return Err(BindError::new("SEM0063", span, text));
            }
        };
        keys.left.push(cast(left, ty));
        keys.right.push(cast(right, ty));
        Ok(())
    }
}

enum Side<'a> {
    Left(&'a Ident),
    Right(&'a Ident),
}

/// `$left.a`, `$right.b`.
fn side(ast: &Ast) -> Option<Side<'_>> {
    let ExprKind::Path { base, selector: Selector::Name(name) } = &ast.unparenthesised().kind
    else {
        return None;
    };
    match &base.kind {
        ExprKind::Name(b) if &*b.text == "$left" => Some(Side::Left(name)),
        ExprKind::Name(b) if &*b.text == "$right" => Some(Side::Right(name)),
        _ => None,
    }
}

/// The expression with `$left.` and `$right.` taken off: each side sees its own columns only.
fn strip_sides(ast: &Ast) -> Ast {
    if let Some(Side::Left(name) | Side::Right(name)) = side(ast) {
        return Ast::new(ExprKind::Name(name.clone()), ast.span);
    }
    let mut copy = ast.clone();
    match &mut copy.kind {
        ExprKind::Call(call) => call.arguments.iter_mut().for_each(|a| *a = strip_sides(a)),
        ExprKind::Parenthesised(inner) | ExprKind::Unary { operand: inner, .. } => {
            **inner = strip_sides(inner);
        }
        ExprKind::Binary { left, right, .. } => {
            **left = strip_sides(left);
            **right = strip_sides(right);
        }
        ExprKind::Path { base, .. } | ExprKind::Index { base, .. } => **base = strip_sides(base),
        _ => {}
    }
    copy
}

fn joined_fields(kind: JoinKind, left: &[Field], right: &[Field]) -> Vec<Field> {
    match kind {
        JoinKind::LeftSemi | JoinKind::LeftAnti => left.to_vec(),
        JoinKind::RightSemi | JoinKind::RightAnti => right.to_vec(),
        _ => left.iter().chain(right).cloned().collect(),
    }
}
