//! Scalar functions: one file a family, each a table of [`Function`]s; signatures stand apart in `signatures.txt`.
//!
//! A function sees whole columns. [`Call`] gives typed access to its arguments ([`Call::text`], [`Call::long`], ...) and
//! builds the result column ([`Call::texts`], [`Call::longs`], ...), so that most functions are one closure over a row.
//! Dictionary columns never reach a function: [`evaluate`] runs it once per distinct value and keeps the codes.

mod arithmetic;
mod arrays;
mod bags;
pub(crate) mod bins;
mod call;
mod captures;
mod compare;
mod convert;
mod datetime;
mod datetime_format;
mod distributions;
mod encode;
mod ends;
mod field;
pub(crate) mod geo;
pub(crate) mod hash;
pub(crate) mod ip;
mod ip_search;
mod jsonpath;
mod math;
mod parse;
mod per_value;
pub(crate) mod regex;
mod series;
mod sets;
mod signature;
mod sketches;
mod strings;
mod support;
pub(crate) mod terms;
#[cfg(test)]
mod tests;
mod units;
mod url;
mod user_agent;
mod xml;
mod zip;

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::LazyLock;

use values::Value;
use values::dynamic::PathPart;

pub use call::{Call, Columnar, EvalContext, EvalError, decode, repeat};
pub use ends::PartEval;
pub use signature::{
    Naming, Parameter, ParameterKind, ResultKind, Signature, Signatures, aggregate_names,
    aggregate_signatures, names, plugin_names, plugin_signatures, signatures,
};

/// How a function computes its column.
pub type Eval = fn(&Call<'_>) -> Result<Columnar, EvalError>;

/// A scalar function of KQL.
pub struct Function {
    /// Name, as queries write it.
    pub name: &'static str,
    /// The computation.
    pub eval: Eval,
    /// False when two calls with the same arguments may differ (`rand`, `new_guid`), so that nothing is folded.
    pub pure: bool,
    /// A short way to a part of the result, where there is one.
    pub part: Option<PartEval>,
    /// Places of the arguments that the computation reads as constants; over columns it runs once for each value.
    pub fixed: &'static [usize],
}

impl Function {
    /// A function whose result depends on its arguments alone.
    pub const fn new(name: &'static str, eval: Eval) -> Self {
        Self { name, eval, pure: true, part: None, fixed: &[] }
    }

    /// A function that gives another result on each call.
    pub const fn volatile(name: &'static str, eval: Eval) -> Self {
        Self { name, eval, pure: false, part: None, fixed: &[] }
    }

    /// The same function, which reads the arguments at these places as constants.
    pub const fn with_fixed(self, fixed: &'static [usize]) -> Self {
        Self { fixed, ..self }
    }

    /// The same function with a short way to parts of its result.
    pub const fn with_part(self, part: PartEval) -> Self {
        Self { part: Some(part), ..self }
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Every family's table. A new family is a line here.
const FAMILIES: &[&[Function]] = &[
    arithmetic::FUNCTIONS,
    arrays::FUNCTIONS,
    bags::FUNCTIONS,
    bins::FUNCTIONS,
    compare::FUNCTIONS,
    convert::FUNCTIONS,
    datetime::FUNCTIONS,
    datetime_format::FUNCTIONS,
    encode::FUNCTIONS,
    geo::combine::FUNCTIONS,
    geo::geohash::FUNCTIONS,
    geo::h3::FUNCTIONS,
    geo::measure::FUNCTIONS,
    geo::reshape::FUNCTIONS,
    geo::s2::FUNCTIONS,
    geo::wkt::FUNCTIONS,
    hash::FUNCTIONS,
    ip::FUNCTIONS,
    ip_search::FUNCTIONS,
    math::FUNCTIONS,
    parse::FUNCTIONS,
    regex::FUNCTIONS,
    series::arithmetic::FUNCTIONS,
    series::decompose::FUNCTIONS,
    series::fill::FUNCTIONS,
    series::filter::FUNCTIONS,
    series::fit::FUNCTIONS,
    series::fourier::FUNCTIONS,
    series::periods::FUNCTIONS,
    series::stats::FUNCTIONS,
    sets::FUNCTIONS,
    sketches::FUNCTIONS,
    strings::FUNCTIONS,
    terms::FUNCTIONS,
    units::FUNCTIONS,
    url::FUNCTIONS,
    user_agent::FUNCTIONS,
    xml::FUNCTIONS,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Function>> =
    LazyLock::new(|| FAMILIES.iter().flat_map(|f| f.iter()).map(|f| (f.name, f)).collect());

/// The function of exactly this name.
pub fn find(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name).copied()
}

/// All functions, for documentation and suggestions.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|f| f.iter())
}

/// Runs a function over its arguments: once where all are constants, once per distinct value where the only column is
/// dictionary-coded, row by row otherwise.
pub fn evaluate(function: &Function, call: &Call<'_>) -> Result<Columnar, EvalError> {
    call::evaluate(&|call: &Call<'_>| per_value::evaluate(function, call), function.pure, call)
}

/// What a fixed path leads to in a function's result, as a column of [`Call::result`]'s type; none where the whole
/// result must be made.
pub fn evaluate_part(
    function: &Function,
    path: &[PathPart<'_>],
    call: &Call<'_>,
) -> Result<Option<Columnar>, EvalError> {
    let Some(part) = function.part.filter(|_| !path.is_empty()) else { return Ok(None) };
    if !per_value::varying(function, call).is_empty() {
        return Ok(None);
    }
    let declined = Cell::new(false);
    let eval = |call: &Call<'_>| {
        Ok(part(call, path)?.unwrap_or_else(|| {
            declined.set(true);
            Columnar::Scalar(Value::Null)
        }))
    };
    let found = call::evaluate(&eval, function.pure, call)?;
    Ok((!declined.get()).then_some(found))
}
