//! Expressions, scalar and tabular.

use super::{FunctionParameter, Ident, Literal, Operator, Parameters, Schema, Span, TypeName};

/// An expression and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Which.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A value written in the text.
    Literal(Literal),
    /// A column, table, variable or function without parentheses.
    Name(Ident),
    /// `Sec*`: a name with stars in it, where tables or columns are listed.
    Wildcard(Ident),
    /// `*`
    Star,
    /// `f(a, b)`
    Call(Call),
    /// `a.b`, `a.["b"]`, `database("d").T`, `workspace("w").f(1)`
    Path {
        /// Left of the dot.
        base: Box<Expr>,
        /// Right of the dot.
        selector: Selector,
    },
    /// `a[0]`, `a["b"]`
    Index {
        /// What is indexed.
        base: Box<Expr>,
        /// Position or key.
        index: Box<Expr>,
    },
    /// `-a`, `+a`
    Unary {
        /// Which.
        operator: UnaryOperator,
        /// Of what.
        operand: Box<Expr>,
    },
    /// `a + b`, `a has b`; the right side of `in`-like operators is a [`ExprKind::List`], of `between` a [`ExprKind::Range`].
    Binary {
        /// Which.
        operator: BinaryOperator,
        /// Where the operator stands.
        operator_span: Span,
        /// Left side.
        left: Box<Expr>,
        /// Right side.
        right: Box<Expr>,
    },
    /// `(a, b, c)` to the right of `in`, `has_any` and their like; a single element may be a table or a dynamic array.
    List(Vec<Expr>),
    /// `a .. b`
    Range {
        /// Lower bound.
        start: Box<Expr>,
        /// Upper bound.
        end: Box<Expr>,
    },
    /// `name = expr`
    Named {
        /// The name given.
        name: Ident,
        /// To what.
        value: Box<Expr>,
    },
    /// `(a, b) = expr`
    NamedTuple {
        /// The names given.
        names: Vec<Ident>,
        /// To the columns of what.
        value: Box<Expr>,
    },
    /// `(expr)`
    Parenthesised(Box<Expr>),
    /// `T | where x | count`. Without a source the first operator makes the rows (`print`, `range`, `union`, `search`,
    /// `find`, `evaluate`) or, in a subquery of `mv-apply`, `partition`, `fork`, `facet` and the like, takes the outer ones.
    Pipe {
        /// Where the rows come from.
        source: Option<Box<Expr>>,
        /// What is done with them, at least one.
        operators: Vec<Operator>,
    },
    /// `datatable(a: long)[1, 2]`
    DataTable(Box<DataTable>),
    /// `externaldata(a: long)["https://..."] with (format="csv")`
    ExternalData(Box<ExternalData>),
    /// `inline_external_table(a: long) kind=storage dataformat=csv ("https://...")`
    InlineExternalTable(Box<InlineExternalTable>),
    /// `typeof(long)`, `typeof(a: long, b: string)`
    TypeOf(TypeOf),
    /// `toscalar(T | count)`, `materialize(T)`, `totable(T)`
    Subquery(Subquery),
    /// `entity_group [cluster("c").database("d"), ...]`
    EntityGroup(Vec<Expr>),
    /// Nothing could be read here; a diagnostic says why.
    Missing,
}

impl Expr {
    /// From its parts.
    pub fn new(kind: ExprKind, span: Span) -> Self {
        Self { kind, span }
    }

    /// A placeholder at a place where an expression is missing.
    pub fn missing(span: Span) -> Self {
        Self::new(ExprKind::Missing, span)
    }

    /// The expression without the parentheses around it.
    pub fn unparenthesised(&self) -> &Self {
        let mut inner = self;
        while let ExprKind::Parenthesised(next) = &inner.kind {
            inner = next;
        }
        inner
    }

    /// The bare name or text of the expression, if it is one.
    pub fn as_word(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(ident) | ExprKind::Wildcard(ident) => Some(&ident.text),
            ExprKind::Literal(Literal::String(text)) => Some(&text.value),
            _ => None,
        }
    }

    /// The name of a bare name.
    pub fn as_name(&self) -> Option<&Ident> {
        match &self.kind {
            ExprKind::Name(ident) => Some(ident),
            _ => None,
        }
    }

    /// The literal, if it is one.
    pub fn as_literal(&self) -> Option<&Literal> {
        match &self.kind {
            ExprKind::Literal(literal) => Some(literal),
            _ => None,
        }
    }
}

/// `name(arguments)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function.
    pub name: Ident,
    /// In order; a named one is a [`ExprKind::Named`], `*` a [`ExprKind::Star`], a table may be a [`ExprKind::Pipe`].
    pub arguments: Vec<Expr>,
    /// Where, parentheses included.
    pub span: Span,
}

/// What stands to the right of a dot.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// `.name`, `.["a name"]`
    Name(Ident),
    /// `.Sec*`
    Wildcard(Ident),
    /// `.f(1)`
    Call(Call),
}

/// Operators before their operand. (`not` is a function.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOperator {
    /// `-`
    Minus,
    /// `+`
    Plus,
}

macro_rules! binary_operators {
    ($($name:ident $text:literal),* $(,)?) => {
        /// Operators between their operands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum BinaryOperator {
            $(#[doc = concat!("`", $text, "`")] $name,)*
        }

        impl BinaryOperator {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// As written in a query.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

binary_operators! {
    Or "or", And "and",
    Add "+", Subtract "-", Multiply "*", Divide "/", Modulo "%",
    Equal "==", NotEqual "!=", Less "<", LessOrEqual "<=", Greater ">", GreaterOrEqual ">=",
    EqualTilde "=~", NotEqualTilde "!~",
    Has "has", NotHas "!has", HasCs "has_cs", NotHasCs "!has_cs",
    HasPrefix "hasprefix", NotHasPrefix "!hasprefix", HasPrefixCs "hasprefix_cs", NotHasPrefixCs "!hasprefix_cs",
    HasSuffix "hassuffix", NotHasSuffix "!hassuffix", HasSuffixCs "hassuffix_cs", NotHasSuffixCs "!hassuffix_cs",
    Contains "contains", NotContains "!contains", ContainsCs "contains_cs", NotContainsCs "!contains_cs",
    StartsWith "startswith", NotStartsWith "!startswith", StartsWithCs "startswith_cs", NotStartsWithCs "!startswith_cs",
    EndsWith "endswith", NotEndsWith "!endswith", EndsWithCs "endswith_cs", NotEndsWithCs "!endswith_cs",
    Like "like", NotLike "!like", LikeCs "like_cs", NotLikeCs "!like_cs",
    MatchesRegex "matches regex",
    Search ":",
    In "in", NotIn "!in", InTilde "in~", NotInTilde "!in~",
    HasAny "has_any", HasAll "has_all",
    Between "between", NotBetween "!between",
}

impl BinaryOperator {
    /// True if the right side is a [`ExprKind::List`].
    pub const fn takes_list(self) -> bool {
        matches!(
            self,
            Self::In | Self::NotIn | Self::InTilde | Self::NotInTilde | Self::HasAny | Self::HasAll
        )
    }

    /// True if the right side is a [`ExprKind::Range`].
    pub const fn takes_range(self) -> bool {
        matches!(self, Self::Between | Self::NotBetween)
    }
}

impl std::fmt::Display for BinaryOperator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

/// `datatable(schema)[values]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DataTable {
    /// The columns.
    pub schema: Schema,
    /// Row by row, literals and constant expressions.
    pub values: Vec<Expr>,
    /// `with (...)`-like options between the word and the schema.
    pub parameters: Parameters,
}

/// `externaldata(schema)[uris] with (properties)`.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalData {
    /// The columns.
    pub schema: Schema,
    /// Where the files are: string literals, `h"..."` too.
    pub uris: Vec<Expr>,
    /// `with (format="csv", ignoreFirstRecord=true)`
    pub properties: Parameters,
    /// Options between the word and the schema.
    pub parameters: Parameters,
}

/// `inline_external_table(schema) kind=storage partition by (...) pathformat=(...) dataformat=csv (uris) with (...)`.
#[derive(Clone, Debug, PartialEq)]
pub struct InlineExternalTable {
    /// The columns; none for `kind=delta`, which brings its own.
    pub schema: Option<Schema>,
    /// `kind=`, `dataformat=`
    pub parameters: Parameters,
    /// `partition by (day: datetime = startofday(t))`
    pub partitions: Vec<FunctionParameter>,
    /// `pathformat=("day=" datetime_pattern("yyyy/MM/dd", day) "/r=" r)`: texts, names and calls in a row.
    pub path_format: Vec<Expr>,
    /// Where the files are.
    pub uris: Vec<Expr>,
    /// `with (...)`
    pub properties: Parameters,
}

/// `typeof(...)`.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeOf {
    /// `typeof(long)`
    Scalar(TypeName),
    /// `typeof(a: long, b: string)`, `typeof(*)`
    Table(Schema),
}

/// A query used where a value or a table is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    /// Which function makes it.
    pub function: SubqueryFunction,
    /// `toscalar kind=nooptimization (...)`
    pub parameters: Parameters,
    /// The query.
    pub query: Box<Expr>,
}

/// The functions that take a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubqueryFunction {
    /// `toscalar`
    ToScalar,
    /// `totable`
    ToTable,
    /// `materialize`
    Materialize,
}

impl SubqueryFunction {
    /// As written in a query.
    pub const fn text(self) -> &'static str {
        match self {
            Self::ToScalar => "toscalar",
            Self::ToTable => "totable",
            Self::Materialize => "materialize",
        }
    }
}
