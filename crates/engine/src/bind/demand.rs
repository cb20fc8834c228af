//! Which columns of a table anybody asks for: saved functions that have once been bound in full are bound again only as
//! far as they are read.
//!
//! A unifying parser reads a hundred tables of two hundred columns, and the query behind it asks for five of them. What is
//! asked for follows from the text of the operators, from the last to the first. Where an operator may look at any column
//! (`search`, `*`, plugins), all are asked for. Slips in what nobody reads are found when the function is bound in full:
//! the first time, and again after its text or the columns of its tables have changed.

use std::rc::Rc;
use std::sync::Arc;

use ahash::AHashSet;
use kql::syntax::{
    Call, Expr as Ast, ExprKind, JoinCondition, Literal, Operator, OperatorKind as Op, Selector,
};
use model::Schema;
use parking_lot::Mutex;
use values::ScalarType;

use crate::source::Catalog;

/// What those behind a table ask of it.
#[derive(Clone)]
pub(super) enum Demand {
    /// Any column.
    All,
    /// These at most.
    Names {
        /// Their names, and those of columns that joins and unions number or tell apart by type.
        names: Rc<AHashSet<Arc<str>>>,
        /// Inside a function that is known to mean something: what is not asked for need not be bound.
        lazy: bool,
    },
}

/// Whether columns that nobody asks for may be left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// Never: what is wrong shall be said.
    Forbidden,
    /// In functions that are known to mean something.
    Allowed,
    /// So it was.
    Done,
}

/// The tables that a saved function was bound over in full, and their columns then.
pub(super) type Proof = Mutex<Option<Vec<(Arc<str>, Arc<Schema>)>>>;

/// True where the function meant something over the tables as they are.
pub(super) fn holds(proof: &Proof, catalog: &dyn Catalog) -> bool {
    let tables = proof.lock().clone();
    tables.is_some_and(|tables| {
        tables.iter().all(|(name, schema)| {
            catalog.table(name).is_some_and(|table| {
                let now = table.schema();
                Arc::ptr_eq(&now, schema) || now == *schema
            })
        })
    })
}

/// Each table once.
pub(super) fn once_each(tables: Vec<(Arc<str>, Arc<Schema>)>) -> Vec<(Arc<str>, Arc<Schema>)> {
    let mut seen = AHashSet::new();
    tables.into_iter().filter(|(name, _)| seen.insert(Arc::clone(name))).collect()
}

impl Demand {
    /// True for columns that have to be bound.
    pub(super) fn wants(&self, name: &str) -> bool {
        match self {
            Self::Names { names, lazy: true } => names.contains(name),
            _ => true,
        }
    }

    /// True for columns of `extend` and `project` that have to be bound.
    pub(super) fn wants_output(&self, ast: &Ast) -> bool {
        match &ast.kind {
            ExprKind::Named { name, .. } | ExprKind::Name(name) => self.wants(&name.text),
            ExprKind::NamedTuple { names, .. } => names.iter().any(|n| self.wants(&n.text)),
            _ => true,
        }
    }

    /// True where columns may be left out.
    pub(super) fn is_lazy(&self) -> bool {
        matches!(self, Self::Names { lazy: true, .. })
    }

    /// The same names, asked of a saved function that is known to mean something.
    pub(super) fn lazily(&self) -> Self {
        match self {
            Self::Names { names, .. } => Self::Names { names: Rc::clone(names), lazy: true },
            Self::All => Self::All,
        }
    }

    /// What is asked of the rows before each of the operators, when this is asked of the rows behind the last; and last,
    /// this itself.
    pub(super) fn along(self, operators: &[Operator], lazy: bool) -> Vec<Self> {
        let mut all = vec![self];
        for operator in operators.iter().rev() {
            let before = match all.last() {
                Some(after) => after.before(operator, lazy),
                None => Self::All,
            };
            all.push(before);
        }
        all.reverse();
        all
    }

    /// What an operator asks of the rows before it, when this is asked of those behind it.
    fn before(&self, operator: &Operator, lazy: bool) -> Self {
        let mut own = AHashSet::new();
        let (told, replaces) = match &operator.kind {
            Op::Where(w) => (names(&w.predicate, &mut own), false),
            Op::Extend(columns) => (self.outputs(columns, &mut own), false),
            Op::Serialize(serialize) => (self.outputs(&serialize.columns, &mut own), false),
            Op::Project(columns) => (self.outputs(columns, &mut own), true),
            Op::ProjectKeep(columns) => (all(columns, &mut own), true),
            Op::Distinct(distinct) => (all(&distinct.columns, &mut own), true),
            Op::Summarize(s) => {
                let parts = s.aggregates.iter().chain(&s.by).chain(s.bin.as_deref());
                (all(parts, &mut own), true)
            }
            Op::Count(_) => (true, true),
            Op::ProjectAway(columns) => (all(columns, &mut own), false),
            Op::ProjectRename(columns) => {
                own.extend(columns.iter().filter_map(|c| match &c.kind {
                    ExprKind::Named { name, .. } => Some(Arc::clone(&name.text)),
                    _ => None,
                }));
                (all(columns, &mut own), false)
            }
            Op::ProjectReorder(columns) => {
                (all(columns.iter().map(|c| &c.column), &mut own), false)
            }
            Op::Sort(sort) => (all(sort.by.iter().map(|k| &k.value), &mut own), false),
            Op::Top(top) => (names(&top.by.value, &mut own), false),
            Op::Join(join) | Op::Lookup(join) => match &join.condition {
                JoinCondition::None => (false, false),
                JoinCondition::On(parts) => (all(parts, &mut own), false),
                JoinCondition::Where(predicate) => (names(predicate, &mut own), false),
            },
            Op::Parse(parse) | Op::ParseWhere(parse) => (names(&parse.input, &mut own), false),
            Op::ParseKv(parse) => (names(&parse.input, &mut own), false),
            Op::MvExpand(expand) => (all(expand.items.iter().map(|i| &i.value), &mut own), false),
            Op::Take(_) | Op::Sample(_) | Op::Render(_) | Op::Union(_) => (true, false),
            _ => (false, false),
        };
        if !told {
            return Self::All;
        }
        match self {
            Self::All if !replaces => return Self::All,
            Self::Names { names, .. } if !replaces => own.extend(names.iter().cloned()),
            _ => {}
        }
        let stems: Vec<Arc<str>> = own.iter().flat_map(|name| stems(name)).collect();
        own.extend(stems);
        Self::Names { names: Rc::new(own), lazy }
    }

    /// Names that the columns of `extend` and `project` stand on.
    fn outputs(&self, columns: &[Ast], out: &mut AHashSet<Arc<str>>) -> bool {
        all(columns.iter().filter(|ast| self.wants_output(ast)), out)
    }
}

/// Names that a numbered one, or one told apart by its type, may have been made of: `x` for `x1`, `x_long` and `x_long1`.
fn stems(name: &str) -> Vec<Arc<str>> {
    let mut stems = Vec::new();
    let unnumbered = |name: &str| -> Vec<usize> {
        let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
        (1..=digits).map(|n| name.len() - n).collect()
    };
    let ends = unnumbered(name);
    for end in std::iter::once(name.len()).chain(ends) {
        let Some(stem) = name.get(..end) else { continue };
        if stem.len() < name.len() {
            stems.push(Arc::from(stem));
        }
        if let Some((plain, ty)) = stem.rsplit_once('_')
            && ScalarType::from_name(ty).is_some()
        {
            stems.push(Arc::from(plain));
        }
    }
    stems
}

/// Adds the names of all expressions; false where they may look at any column.
fn all<'a>(asts: impl IntoIterator<Item = &'a Ast>, out: &mut AHashSet<Arc<str>>) -> bool {
    asts.into_iter().all(|ast| names(ast, out))
}

/// Adds the names that an expression may read; false where it may look at any column.
fn names(ast: &Ast, out: &mut AHashSet<Arc<str>>) -> bool {
    match &ast.kind {
        ExprKind::Name(name) => {
            out.insert(Arc::clone(&name.text));
            true
        }
        ExprKind::Wildcard(_) | ExprKind::Star => false,
        ExprKind::Call(call) => call_names(call, out),
        ExprKind::Path { base, selector } => {
            let selected = match selector {
                Selector::Name(name) => {
                    out.insert(Arc::clone(&name.text));
                    true
                }
                Selector::Wildcard(_) => false,
                Selector::Call(call) => call_names(call, out),
            };
            selected && names(base, out)
        }
        ExprKind::Index { base: left, index: right }
        | ExprKind::Binary { left, right, .. }
        | ExprKind::Range { start: left, end: right } => names(left, out) && names(right, out),
        ExprKind::Unary { operand: inner, .. }
        | ExprKind::Named { value: inner, .. }
        | ExprKind::NamedTuple { value: inner, .. }
        | ExprKind::Parenthesised(inner) => names(inner, out),
        ExprKind::List(items) => all(items, out),
        // tables of their own
        ExprKind::Literal(_)
        | ExprKind::Pipe { .. }
        | ExprKind::DataTable(_)
        | ExprKind::ExternalData(_)
        | ExprKind::InlineExternalTable(_)
        | ExprKind::TypeOf(_)
        | ExprKind::Subquery(_)
        | ExprKind::EntityGroup(_)
        | ExprKind::Missing => true,
    }
}

fn call_names(call: &Call, out: &mut AHashSet<Arc<str>>) -> bool {
    match &*call.name.text {
        "pack_all" | "bag_pack_columns" | "column_names_of" => false,
        // the column is named by a text
        "column_ifexists" | "columnifexists" | "iscolumnexists" => {
            let Some((first, rest)) = call.arguments.split_first() else { return false };
            match &first.kind {
                ExprKind::Literal(Literal::String(text)) => {
                    out.insert(Arc::clone(&text.value));
                    all(rest, out)
                }
                _ => false,
            }
        }
        _ => all(&call.arguments, out),
    }
}
