//! Cases as text: `function(literals) => literal`, in `tests/*.txt`. Each runs over constants, over columns with a null
//! between, and over a dictionary column; all three must agree.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod literal;
mod parts;

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringViewArray};
use literal::{Case, Term};
use model::ColumnBuilder;
use values::{DateTime, DynamicRef, Kind, ScalarType, Value};

use super::{
    Call, Columnar, EvalContext, EvalError, Parameter, ResultKind, Signature, evaluate, find,
    signatures,
};

macro_rules! families {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            run(stringify!($name), include_str!(concat!("tests/", stringify!($name), ".txt")));
        })+
    };
}

families!(
    operators,
    terms,
    strings,
    regexes,
    datetimes,
    conversions,
    parsing,
    numbers,
    dynamics,
    addresses,
    series,
    sketches,
    places
);

fn context() -> EvalContext {
    EvalContext::new(DateTime::parse("2024-02-29T12:34:56.7891234Z").unwrap(), None)
}

fn run(family: &str, text: &str) {
    let mut failures = Vec::new();
    let mut count = 0;
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        count += 1;
        if let Err(why) = literal::case(line).and_then(|case| check(&case)) {
            failures.push(format!("{family}:{} {line}\n    {why}", number + 1));
        }
    }
    assert!(count > 0);
    assert!(
        failures.is_empty(),
        "{} of {count} cases fail\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// How the arguments are handed over.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Constants,
    Columns,
    Dictionary,
}

fn check(case: &Case) -> Result<(), String> {
    for mode in [Mode::Constants, Mode::Columns, Mode::Dictionary] {
        if case.expected.is_none() && mode != Mode::Constants {
            continue;
        }
        let got = value_of(&case.call, mode);
        match (&case.expected, got) {
            (None, Err(_)) => {}
            (None, Ok((value, _))) => {
                return Err(format!("{mode:?}: {value:?} instead of an error"));
            }
            (Some(_), Err(error)) => return Err(format!("{mode:?}: {error}")),
            (Some((wanted, ty)), Ok((value, result))) => {
                if !alike(wanted, &value) {
                    return Err(format!("{mode:?}: {value} ({result}) instead of {wanted} ({ty})"));
                }
                if !value.is_null() && *ty != result {
                    return Err(format!("{mode:?}: type {result} instead of {ty}"));
                }
            }
        }
    }
    Ok(())
}

fn value_of(term: &Term, mode: Mode) -> Result<(Value, ScalarType), String> {
    let (name, terms) = match term {
        Term::Literal(value, ty) => return Ok((value.clone(), *ty)),
        Term::Call(name, terms) => (name, terms),
    };
    let function = find(name).ok_or_else(|| format!("no function {name}"))?;
    let args = terms.iter().map(|t| value_of(t, mode)).collect::<Result<Vec<_>, _>>()?;
    let given: Vec<ScalarType> = args.iter().map(|a| a.1).collect();
    let signature = signatures(name).and_then(|s| {
        let fitting = s.overloads.iter().filter_map(|o| Some((cost(o, &given)?, o)));
        fitting.min_by_key(|(cost, _)| *cost).map(|(_, o)| o)
    });
    let args: Vec<(Value, ScalarType)> = match signature {
        Some(s) => args.into_iter().enumerate().map(|(i, a)| as_bound(s, i, a)).collect(),
        None => args,
    };
    let types: Vec<ScalarType> = args.iter().map(|a| a.1).collect();
    let result = result_type(name, signature, &types);
    let first_text = types.iter().position(|t| *t == ScalarType::String);
    let columns: Vec<Columnar> = args
        .iter()
        .enumerate()
        .map(|(i, (value, ty))| {
            let fixed = signature.and_then(|s| slot(s, i)).is_some_and(|p| !p.form.is_empty());
            match mode {
                Mode::Columns if !fixed => Columnar::Array(column(value, *ty)),
                Mode::Dictionary if Some(i) == first_text && !fixed => {
                    Columnar::Array(dictionary(value))
                }
                _ => Columnar::Scalar(value.clone()),
            }
        })
        .collect();
    let context = context();
    let call = Call { args: &columns, types: &types, rows: 3, result, context: &context };
    let answer = evaluate(function, &call).map_err(|e: EvalError| e.to_string())?;
    let last = answer.value(result, 2);
    let first = answer.value(result, 0);
    if function.pure && !alike(&first, &last) {
        return Err(format!("{mode:?}: rows differ: {first} {last}"));
    }
    Ok((first, result))
}

/// The parameter of an argument; a repeated group of parameters comes last.
fn slot(signature: &Signature, index: usize) -> Option<&Parameter> {
    let parameters = &signature.parameters;
    let first = parameters.iter().position(|p| p.max > 1).unwrap_or(parameters.len());
    if index < first {
        return parameters.get(index);
    }
    let group = parameters.len() - first;
    parameters.get(first + (index - first).checked_rem(group)?)
}

/// What it costs to give these types to an overload; none where they do not fit.
fn cost(signature: &Signature, given: &[ScalarType]) -> Option<usize> {
    use super::ParameterKind as P;
    let least: usize = signature.parameters.iter().map(|p| p.min).sum();
    let most = signature.parameters.iter().map(|p| p.max).fold(0, usize::saturating_add);
    if !(least..=most).contains(&given.len()) {
        return None;
    }
    let each = given.iter().enumerate().map(|(i, ty)| match &slot(signature, i)?.kind {
        P::Types(types) if types.contains(ty) => Some(0),
        P::Types(types) if types.iter().any(|t| t.is_numeric()) && ty.is_numeric() => Some(1),
        P::Types(_) => None,
        P::Integer => matches!(ty, ScalarType::Int | ScalarType::Long).then_some(0),
        P::Number | P::NumberOrBool => (ty.is_numeric() || *ty == ScalarType::Bool).then_some(0),
        P::DynamicArray | P::DynamicBag => (*ty == ScalarType::Dynamic).then_some(0),
        P::StringOrDynamic => matches!(ty, ScalarType::Dynamic | ScalarType::String).then_some(0),
        _ => Some(0),
    });
    each.sum()
}

/// Integers where the signature wants them long, as the binder does.
fn as_bound(
    signature: &Signature,
    index: usize,
    (value, ty): (Value, ScalarType),
) -> (Value, ScalarType) {
    use super::ParameterKind as P;
    let Some(parameter) = slot(signature, index) else { return (value, ty) };
    let wanted = match &parameter.kind {
        P::Integer if ty.is_numeric() => ScalarType::Long,
        P::Types(types) if !types.contains(&ty) => types[0],
        _ => return (value, ty),
    };
    (value.cast(wanted), wanted)
}

fn result_type(name: &str, signature: Option<&Signature>, types: &[ScalarType]) -> ScalarType {
    use ScalarType as T;
    let first = types.first().copied().unwrap_or(T::Dynamic);
    let second = types.get(1).copied().unwrap_or(T::Dynamic);
    match (name, signature.map(|s| &s.result)) {
        ("+" | "-" | "*" | "/" | "%", _) => match (name, first, second) {
            ("/", T::TimeSpan, T::TimeSpan) => T::Real,
            ("-", T::DateTime, T::DateTime) | ("%", T::DateTime, _) => T::TimeSpan,
            (_, T::DateTime, _) | (_, _, T::DateTime) => T::DateTime,
            (_, T::TimeSpan, _) | (_, _, T::TimeSpan) => T::TimeSpan,
            _ => first,
        },
        ("pack_nonempty", _) => T::Dynamic,
        (_, None) => T::Bool,
        (_, Some(ResultKind::Fixed(ty))) => *ty,
        (_, Some(ResultKind::Argument(i))) => types.get(*i).copied().unwrap_or(T::Dynamic),
        (_, Some(ResultKind::Widest | ResultKind::Common | ResultKind::CommonNonDynamic)) => first,
        (_, Some(ResultKind::TypeLiteral)) => T::String,
        _ => T::Dynamic,
    }
}

fn column(value: &Value, ty: ScalarType) -> ArrayRef {
    let mut builder = ColumnBuilder::new(ty, 3);
    builder.push(value);
    builder.push_null();
    builder.push(value);
    builder.finish()
}

fn dictionary(value: &Value) -> ArrayRef {
    let texts = StringViewArray::from_iter_values(["", value.as_str().unwrap_or_default()]);
    let keys = Int32Array::from(vec![1, 0, 1]);
    Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(texts)).unwrap())
}

/// Equality with room for the last digits of reals.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Real(a), Value::Real(b)) => near(*a, *b),
        (Value::Dynamic(a), Value::Dynamic(b)) => alike_dynamics(a.as_ref(), b.as_ref()),
        _ => a == b,
    }
}

fn near(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3)
}

fn alike_dynamics(a: DynamicRef<'_>, b: DynamicRef<'_>) -> bool {
    match (a.kind(), b.kind()) {
        (Kind::Array, Kind::Array) => {
            a.len() == b.len() && a.array().zip(b.array()).all(|(a, b)| alike_dynamics(a, b))
        }
        (Kind::Object, Kind::Object) => {
            a.len() == b.len()
                && a.object().all(|(k, v)| b.get(k).is_some_and(|w| alike_dynamics(v, w)))
        }
        (Kind::Real, _) | (_, Kind::Real) => match (a.to_f64(), b.to_f64()) {
            (Some(a), Some(b)) => near(a, b),
            _ => false,
        },
        _ => a == b || a.to_string() == b.to_string(),
    }
}

/// The documented series of two weeks' traffic: a period of 14 with a score of 0.84, and none of 10.
#[test]
fn periods_of_the_documented_series() {
    let traffic = "[80,139,87,110,68,54,50,51,53,133,86,141,97,156,94,149,95,140,77,61,50,54,47,133,72,152,94,148,105,\
        162,101,160,87,63,53,55,54,151,103,189,108,183,113,175,113,178,90,71,62,62,65,165,109,181,115,182,121,178,114,170]";
    let parts = |call: &str| {
        let case = literal::case(&format!("{call} => 0")).unwrap();
        let (value, _) = value_of(&case.call, Mode::Constants).unwrap();
        let Value::Dynamic(d) = value else { panic!("{call}") };
        let list = |i: i64| super::series::numbers(d.as_ref().index(i).unwrap()).unwrap();
        (list(0), list(1))
    };
    let (periods, scores) =
        parts(&format!("series_periods_detect(dynamic({traffic}), 0.0, 50.0, 2)"));
    assert_eq!(periods, [14.0, 0.0]);
    assert!((scores[0] - 0.84).abs() < 0.005 && scores[1] == 0.0, "{scores:?}");
    let (periods, scores) =
        parts(&format!("series_periods_validate(dynamic({traffic}), 14.0, 10.0)"));
    assert_eq!(periods, [14.0, 10.0]);
    assert!((scores[0] - 0.84).abs() < 0.005 && scores[1] == 0.0, "{scores:?}");
}

/// Five weeks of hours with a daily and a weekly season and six outliers, which are found, and nothing else.
#[test]
fn anomalies_in_a_weekly_season() {
    let mut noise = 1_u64;
    let outliers = [150, 200, 300, 400, 600, 780];
    let series: Vec<String> = (1..=840)
        .map(|t: i32| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let random = (noise >> 40) as f64 / (1_u64 << 24) as f64;
            let week = if t / 24 % 7 >= 5 { 10.0 } else { 15.0 };
            let day = f64::from(t % 24 / 10 * (t % 24 / 10));
            let jump = if outliers.contains(&t) { 8.0 } else { 0.0 };
            format!("{}", 2.0 * random + week - day + jump)
        })
        .collect();
    let call = format!("series_decompose_anomalies(dynamic([{}]), 2.5) => 0", series.join(","));
    let (value, _) = value_of(&literal::case(&call).unwrap().call, Mode::Constants).unwrap();
    let Value::Dynamic(d) = value else { panic!("no result") };
    let flags = super::series::numbers(d.as_ref().index(0).unwrap()).unwrap();
    let found: Vec<i32> = (1..).zip(flags).filter(|(_, f)| *f != 0.0).map(|(t, _)| t).collect();
    assert_eq!(found, outliers);
}

#[test]
fn no_function_twice() {
    let mut names: Vec<&str> = super::all().map(|f| f.name).collect();
    names.sort_unstable();
    let repeated: Vec<&[&str]> = names.windows(2).filter(|w| w[0] == w[1]).collect();
    assert!(repeated.is_empty(), "{repeated:?}");
}

/// Every function over every kind of argument, in wild numbers: an answer or an error, never a panic.
#[test]
fn hostile_arguments() {
    let wild = |json: &str| Value::from(values::Dynamic::parse_json(json).unwrap());
    let pool: Vec<(Value, ScalarType)> = [
        Value::Long(i64::MIN),
        Value::Long(i64::MAX),
        Value::Long(-1),
        Value::Long(3),
        Value::Int(i32::MIN),
        Value::Real(f64::NAN),
        Value::Real(-1e308),
        Value::Real(0.5),
        Value::Bool(true),
        Value::from("((\\u{fffd}é-//[]%%x%e9@:?&=:://1.2.3.4/33 <a><b/>"),
        Value::from("P0D\0\n,\",;=~^$"),
        Value::from("2020-13-41"),
        Value::DateTime(DateTime::MIN),
        Value::DateTime(DateTime::MAX),
        Value::DateTime(DateTime::from_ticks(i64::MIN)),
        Value::TimeSpan(values::TimeSpan::from_ticks(i64::MIN)),
        Value::TimeSpan(values::TimeSpan::from_ticks(1)),
        Value::Decimal(values::Decimal::parse("-79228162514264337593543950335").unwrap()),
        Value::Guid(values::Guid([0xFF; 16])),
        wild("[1,-2.5,null,\"x\",[],{\"a\":[1]},1e300,true]"),
        wild("{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,null],[\"x\"]]],\"\":null}"),
        wild("[]"),
        wild("[1,2,3,4,5,6,7,8,9,10,2,3]"),
        wild("[0,0,0]"),
    ]
    .into_iter()
    .map(|v| (v.clone(), v.scalar_type().unwrap()))
    .chain(ScalarType::ALL.map(|t| (Value::null_of(t), t)))
    .collect();
    let context = context();
    let mut seed = 7_u64;
    let mut next = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    for function in super::all() {
        for round in 0..60 {
            let args: Vec<(Value, ScalarType)> =
                (0..round % 7).map(|_| pool[next(pool.len())].clone()).collect();
            let columns: Vec<Columnar> = args
                .iter()
                .map(|(v, t)| match next(2) {
                    0 => Columnar::Scalar(v.clone()),
                    _ => Columnar::Array(column(v, *t)),
                })
                .collect();
            let types: Vec<ScalarType> = args.iter().map(|a| a.1).collect();
            let result = ScalarType::ALL[next(10)];
            let _ = evaluate(
                function,
                &Call { args: &columns, types: &types, rows: 3, result, context: &context },
            );
        }
    }
}

/// Arrays end at their largest length. Once, since a million elements take their time three times over.
#[test]
fn ranges_end() {
    let columns = [Columnar::Scalar(Value::Long(1)), Columnar::Scalar(Value::Long(i64::MAX))];
    let (types, context) = ([ScalarType::Long; 2], context());
    let result = ScalarType::Dynamic;
    let call = Call { args: &columns, types: &types, rows: 1, result, context: &context };
    let Value::Dynamic(all) = evaluate(find("range").unwrap(), &call).unwrap().value(result, 0)
    else {
        panic!("not an array");
    };
    assert_eq!(all.as_ref().len(), 1_048_576);
}

#[test]
fn every_registered_name_is_known_to_the_binder() {
    let operators = ["__", "pack_nonempty"];
    let strangers: Vec<&str> = super::all()
        .map(|f| f.name)
        .filter(|n| n.starts_with(|c: char| c.is_ascii_alphabetic()) && signatures(n).is_none())
        .filter(|n| {
            !operators.iter().any(|o| n.starts_with(o))
                && !super::terms::FUNCTIONS.iter().any(|t| t.name == *n)
        })
        .filter(|n| *n != "matches regex")
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

#[test]
fn rounding_is_that_of_the_digits() {
    let slow = |value: f64, digits: u32| {
        let strategy = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
        let exact = values::Decimal::from_f64(value).unwrap();
        values::Decimal(exact.0.round_dp_with_strategy(digits, strategy)).to_f64()
    };
    let mut state = 1_u64;
    for step in 0..200_000_u64 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = match step % 4 {
            0 => (state >> 40) as f64 / 8.0,
            1 => (state >> 44) as f64 / 1000.0,
            2 => (state >> 11) as f64 / (1_u64 << 53) as f64,
            _ => (state >> 34) as f64 / 3.0,
        };
        let digits = (state >> 5) as u32 % 10;
        let got = super::math::round_at(value, i64::from(digits));
        assert_eq!(got.to_bits(), slow(value, digits).to_bits(), "{value} {digits}");
    }
}
