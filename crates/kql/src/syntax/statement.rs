//! Statements: what stands between the semicolons of a query.

use super::{ColumnDeclaration, Expr, Ident, Parameters, Schema, Span, TypeName};

/// A whole text: statements in order. The last tabular one is the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// In the order written.
    pub statements: Vec<Statement>,
    /// The whole text.
    pub span: Span,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Which.
    pub kind: StatementKind,
    /// Where, without the semicolon.
    pub span: Span,
}

/// The kinds of statement.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `let x = ...`
    Let(Let),
    /// `set notruncation`, `set querytrace = 1`
    Set(SetOption),
    /// `declare query_parameters(a: long = 1)`
    DeclareQueryParameters(Vec<FunctionParameter>),
    /// `declare pattern ...`
    DeclarePattern(DeclarePattern),
    /// `restrict access to (...)`
    RestrictAccess(RestrictAccess),
    /// `alias database d = cluster("c").database("d")`
    Alias(Alias),
    /// A query or a scalar expression.
    Expression(Expr),
}

/// `let name = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Let {
    /// The new name.
    pub name: Ident,
    /// What it stands for.
    pub value: LetValue,
}

/// The right side of a `let`.
#[derive(Clone, Debug, PartialEq)]
pub enum LetValue {
    /// A scalar or tabular expression.
    Expr(Expr),
    /// `view () { ... }`, `(a: long) { ... }`
    Function(FunctionDeclaration),
}

/// A function of the query.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionDeclaration {
    /// True if `view` stands before it: wildcards and `search` see it.
    pub view: bool,
    /// In order; tabular ones first, those with defaults last.
    pub parameters: Vec<FunctionParameter>,
    /// Between the braces.
    pub body: Block,
    /// Where.
    pub span: Span,
}

/// `{ let ...; expression }`: statements of which the last is the result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// In the order written.
    pub statements: Vec<Statement>,
    /// Where, braces included.
    pub span: Span,
}

/// `name: type = default` or `name: (schema)`.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionParameter {
    /// The name inside of the function.
    pub name: Ident,
    /// Scalar or tabular.
    pub parameter_type: ParameterType,
    /// `= expression`
    pub default: Option<Expr>,
    /// Where.
    pub span: Span,
}

/// The type of a function's parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterType {
    /// `long`
    Scalar(TypeName),
    /// `(*)`, `(a: long)`
    Table(Schema),
}

/// `set name`, `set name = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct SetOption {
    /// The request property.
    pub name: Ident,
    /// A literal or a bare word.
    pub value: Option<Expr>,
}

/// `restrict access to (T, database("d").*) with (...)`.
#[derive(Clone, Debug, PartialEq)]
pub struct RestrictAccess {
    /// Names, wildcards and paths.
    pub entities: Vec<Expr>,
    /// `with (...)`
    pub properties: Parameters,
}

/// `alias database name = expression`.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// The new name.
    pub name: Ident,
    /// `cluster("c").database("d")`
    pub database: Expr,
}

/// `declare pattern app = (id: string)[scope: string] { ("a").["b"] = { T }; }`; without a definition only its name.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclarePattern {
    /// The pattern's name.
    pub name: Ident,
    /// Absent in `declare pattern app;`.
    pub definition: Option<PatternDefinition>,
}

/// The right side of a `declare pattern`.
#[derive(Clone, Debug, PartialEq)]
pub struct PatternDefinition {
    /// `(id: string)`
    pub parameters: Vec<ColumnDeclaration>,
    /// `[scope: string]`
    pub path: Option<ColumnDeclaration>,
    /// The rows of the pattern.
    pub cases: Vec<PatternCase>,
}

/// `("a").["b"] = { body }`.
#[derive(Clone, Debug, PartialEq)]
pub struct PatternCase {
    /// Literals, one for each parameter.
    pub arguments: Vec<Expr>,
    /// A literal for the path.
    pub path: Option<Expr>,
    /// What is meant.
    pub body: Block,
    /// Where.
    pub span: Span,
}
