//! What functions take and give: the tables in `signatures.txt`, read once.
//!
//! A line is one overload: `name(parameter: kind{min,max}, ...) -> result @naming`.
//! - kind: a type name, `string|dynamic`-like alternatives, or a class: `scalar` (any), `number`, `integer`, `summable`
//!   (number, timespan, datetime), `orderable`, `notDynamic`, `dynamicArray`, `dynamicBag`, `stringOrDynamic`, ...
//! - `!constant`, `!literal`, `!column`, `!starAllowed`: what the argument must be.
//! - `?` is `{0,1}`; `{2,}` has no upper bound. A repeated group of parameters repeats as a whole.
//! - result: a type name, `parameter0`, `widest`, `common`, `commonNonDynamic`, `parameterNLiteral` (a `typeof`), ...
//! - naming: the name of a result column nobody named: `@first` (the first argument's), `@name_first` (`strlen_x`),
//!   `@prefix_first:set` (`set_x`), `@prefix:p`, `@only`; none means `Column1`, `print_0`.

use std::collections::HashMap;
use std::sync::LazyLock;

use values::ScalarType;

/// What a parameter takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// One of these types.
    Types(Vec<ScalarType>),
    /// A `typeof(...)`.
    TypeLiteral,
    /// Any scalar.
    Scalar,
    /// int, long, real, decimal.
    Number,
    /// A number or bool.
    NumberOrBool,
    /// int, long.
    Integer,
    /// int, long or an array.
    IntegerOrArray,
    /// Numbers, timespan, datetime.
    Summable,
    /// All that `<` compares: not bool, not dynamic.
    Orderable,
    /// Anything but dynamic.
    NotDynamic,
    /// Neither real nor bool.
    NotRealOrBool,
    /// A dynamic array.
    DynamicArray,
    /// A dynamic property bag.
    DynamicBag,
    /// Text, or a dynamic that becomes text.
    StringOrDynamic,
    /// Text or array.
    StringOrArray,
    /// The same type as its equals in the call.
    Common,
    /// The same, or dynamic.
    CommonOrDynamic,
    /// A table.
    Tabular,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name, for named arguments and messages.
    pub name: String,
    /// What it takes.
    pub kind: ParameterKind,
    /// `constant`, `literal`, `column`, `starAllowed`, ... or empty.
    pub form: String,
    /// Fewest arguments.
    pub min: usize,
    /// Most arguments.
    pub max: usize,
}

/// How the result's type follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// Always this.
    Fixed(ScalarType),
    /// The type of the argument at this place.
    Argument(usize),
    /// As the argument, with int become long (sums).
    Promoted(usize),
    /// The widest of the numeric arguments.
    Widest,
    /// The common type of the arguments of `Common` kind; dynamic where they include it.
    Common,
    /// The common type, disregarding dynamic.
    CommonNonDynamic,
    /// The type named by the last `typeof` or type-name argument.
    TypeLiteral,
    /// Decided by the function's own rule in the binder.
    Custom(String),
}

/// How an unnamed result column is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `Column1`, `print_0`.
    None,
    /// The first argument's name.
    First,
    /// The function's name and the first argument's.
    NameAndFirst,
    /// This prefix and the first argument's name.
    PrefixAndFirst(String),
    /// This prefix alone.
    Prefix(String),
    /// The argument's name, where there is only one.
    Only,
    /// The text of the first argument, where it names a column.
    FirstValue,
}

/// One overload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Parameters, in order.
    pub parameters: Vec<Parameter>,
    /// The result's type.
    pub result: ResultKind,
}

/// All overloads of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatures {
    /// Overloads, in order of preference.
    pub overloads: Vec<Signature>,
    /// Column naming.
    pub naming: Naming,
    /// The present name of an old one.
    pub replaced_by: Option<String>,
}

type Table = HashMap<String, Signatures>;

static FUNCTIONS: LazyLock<Table> = LazyLock::new(|| parse(include_str!("signatures.txt")));

/// Signatures of the scalar function `name`.
pub fn signatures(name: &str) -> Option<&'static Signatures> {
    FUNCTIONS.get(name)
}

static AGGREGATES: LazyLock<Table> =
    LazyLock::new(|| parse(include_str!("../aggregates/signatures.txt")));
static PLUGINS: LazyLock<Table> =
    LazyLock::new(|| parse(include_str!("../plugins/signatures.txt")));

/// Signatures of the aggregate `name`.
pub fn aggregate_signatures(name: &str) -> Option<&'static Signatures> {
    AGGREGATES.get(name)
}

/// Names of all aggregates with a signature.
pub fn aggregate_names() -> impl Iterator<Item = &'static str> {
    AGGREGATES.keys().map(String::as_str)
}

/// Signatures of the plugin `name`.
pub fn plugin_signatures(name: &str) -> Option<&'static Signatures> {
    PLUGINS.get(name)
}

/// Names of all plugins with a signature.
pub fn plugin_names() -> impl Iterator<Item = &'static str> {
    PLUGINS.keys().map(String::as_str)
}

/// Names of all scalar functions with a signature.
pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.keys().map(String::as_str)
}

/// Reads a signature table; lines that do not read are left out (a test holds that there are none).
pub(super) fn parse(text: &str) -> Table {
    let mut table = Table::new();
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let Some((name, signature, tags)) = parse_line(line) else { continue };
        let entry = table.entry(name.to_owned()).or_insert_with(|| Signatures {
            overloads: Vec::new(),
            naming: Naming::None,
            replaced_by: None,
        });
        entry.overloads.push(signature);
        for tag in tags.split_whitespace() {
            match tag.split_once(':').unwrap_or((tag, "")) {
                ("@first", _) => entry.naming = Naming::First,
                ("@name_first", _) => entry.naming = Naming::NameAndFirst,
                ("@prefix_first", p) => entry.naming = Naming::PrefixAndFirst(p.to_owned()),
                ("@prefix", p) => entry.naming = Naming::Prefix(p.to_owned()),
                ("@only", _) => entry.naming = Naming::Only,
                ("@first_value", _) => entry.naming = Naming::FirstValue,
                ("@old", new) => entry.replaced_by = Some(new.to_owned()),
                _ => {}
            }
        }
    }
    table
}

fn parse_line(line: &str) -> Option<(&str, Signature, &str)> {
    let (head, tail) = line.split_once(") -> ").or_else(|| line.split_once(") ->"))?;
    let (name, parameters) = head.split_once('(')?;
    let (result, tags) = tail.trim().split_once(' ').unwrap_or((tail.trim(), ""));
    let parameters = split_top(parameters).map(parse_parameter).collect::<Option<Vec<_>>>()?;
    Some((name, Signature { parameters, result: parse_result(result) }, tags))
}

/// Splits at commas outside braces.
fn split_top(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|p| !p.is_empty())
}

fn parse_parameter(text: &str) -> Option<Parameter> {
    let (name, rest) = text.split_once(':')?;
    let rest = rest.trim();
    let (rest, min, max) = if let Some(rest) = rest.strip_suffix('?') {
        (rest, 0, 1)
    } else if let Some((rest, range)) = rest.strip_suffix('}').and_then(|r| r.split_once('{')) {
        let (min, max) = range.split_once(',')?;
        (rest, min.parse().ok()?, max.parse().unwrap_or(usize::MAX))
    } else {
        (rest, 1, 1)
    };
    let (kind, form) = rest.split_once('!').unwrap_or((rest, ""));
    Some(Parameter {
        name: name.to_owned(),
        kind: parse_kind(kind)?,
        form: form.to_owned(),
        min,
        max,
    })
}

fn parse_kind(text: &str) -> Option<ParameterKind> {
    Some(match text {
        "type" => ParameterKind::TypeLiteral,
        "scalar" | "any" => ParameterKind::Scalar,
        "number" => ParameterKind::Number,
        "numberOrBool" => ParameterKind::NumberOrBool,
        "integer" => ParameterKind::Integer,
        "integerOrArray" => ParameterKind::IntegerOrArray,
        "summable" => ParameterKind::Summable,
        "orderable" => ParameterKind::Orderable,
        "notDynamic" => ParameterKind::NotDynamic,
        "notRealOrBool" => ParameterKind::NotRealOrBool,
        "dynamicArray" => ParameterKind::DynamicArray,
        "dynamicBag" => ParameterKind::DynamicBag,
        "stringOrDynamic" => ParameterKind::StringOrDynamic,
        "stringOrArray" => ParameterKind::StringOrArray,
        "commonScalar" | "commonOrderable" => ParameterKind::Common,
        "commonScalarOrDynamic" => ParameterKind::CommonOrDynamic,
        "tabular" => ParameterKind::Tabular,
        types => ParameterKind::Types(
            types.split('|').map(ScalarType::from_name).collect::<Option<Vec<_>>>()?,
        ),
    })
}

fn parse_result(text: &str) -> ResultKind {
    match text {
        "parameter0" => ResultKind::Argument(0),
        "parameter1" => ResultKind::Argument(1),
        "parameter0Promoted" => ResultKind::Promoted(0),
        "parameter0Array" => ResultKind::Fixed(ScalarType::Dynamic),
        "widest" => ResultKind::Widest,
        "common" => ResultKind::Common,
        "commonNonDynamic" => ResultKind::CommonNonDynamic,
        "parameterNLiteral" | "parameter1Literal" | "parameter0Literal" => ResultKind::TypeLiteral,
        other => ScalarType::from_name(other)
            .map_or_else(|| ResultKind::Custom(other.to_owned()), ResultKind::Fixed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_reads() {
        for (file, text) in [
            ("functions", include_str!("signatures.txt")),
            ("aggregates", include_str!("../aggregates/signatures.txt")),
            ("plugins", include_str!("../plugins/signatures.txt")),
        ] {
            for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
                assert!(parse_line(line).is_some(), "{file}: {line}");
            }
        }
    }
}
