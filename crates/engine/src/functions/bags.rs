//! Property bags.

use std::borrow::Cow;
use std::collections::HashSet;

use values::dynamic::{Flat, PathPart};
use values::{DynamicBuilder, DynamicRef, Kind, ScalarType, Value};

use super::Function;
use super::call::{Call, Columnar, EvalError};
use super::jsonpath::{Step, follow, path_or_key};
use super::strings::text_of;
use super::support::{Answer, CellArg};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("bag_pack", |c| pack(c, false)).with_part(|c, p| pack_part(c, p, false)),
    Function::new("pack", |c| pack(c, false)).with_part(|c, p| pack_part(c, p, false)),
    Function::new("pack_dictionary", |c| pack(c, false)).with_part(|c, p| pack_part(c, p, false)),
    Function::new("pack_nonempty", |c| pack(c, true)).with_part(|c, p| pack_part(c, p, true)),
    Function::new("bag_keys", keys),
    Function::new("bag_has_key", has_key),
    Function::new("bag_merge", merge),
    Function::new("bag_remove_keys", remove_keys),
    Function::new("bag_set_key", set_key),
    Function::new("bag_zip", zip),
    Function::new("treepath", tree_path),
];

/// Keys and values in turn. `pack_nonempty` leaves out what is null or an empty text.
fn pack(call: &Call<'_>, skip_empty: bool) -> Answer {
    let keys =
        (0..call.len()).step_by(2).map(|i| call.any_text(i)).collect::<Result<Vec<_>, _>>()?;
    let cells = (0..call.len())
        .step_by(2)
        .map(|i| call.cell(i + 1))
        .collect::<Result<Vec<CellArg<'_>>, _>>()?;
    let fixed: Option<Vec<String>> =
        keys.iter().map(|key| key.constant().map(Cow::into_owned)).collect();
    if let Some(shape) = fixed.filter(|_| !skip_empty).and_then(Flat::bag) {
        return call.shaped(shape, |row, out| {
            cells.iter().for_each(|cell| cell.put(row, out));
            Some(())
        });
    }
    call.built(|row, out| {
        out.begin_object();
        for (key, cell) in keys.iter().zip(&cells) {
            if !(skip_empty && cell.is_empty(row)) {
                out.key(&key.get(row));
                cell.build(row, out);
            }
        }
        out.end_object();
        Some(())
    })
}

/// Of equal keys the last counts.
fn pack_part(
    call: &Call<'_>,
    path: &[PathPart<'_>],
    skip_empty: bool,
) -> Result<Option<Columnar>, EvalError> {
    let Some((PathPart::Key(wanted), rest)) = path.split_first() else { return call.no_ends() };
    let texts = |value: usize| {
        let all = [Some(&call.result), call.types.get(value)];
        rest.is_empty() && all.iter().all(|ty| *ty == Some(&ScalarType::String))
    };
    let mut found = None;
    for at in (0..call.len()).step_by(2) {
        // keys that differ from row to row, and values left out from row to row, take the long way
        let Some(key) = call.any_text(at)?.constant() else { return Ok(None) };
        if key == *wanted && found.replace(at + 1).is_some() && skip_empty {
            return Ok(None);
        }
    }
    match found {
        Some(value) if skip_empty && !texts(value) => Ok(None),
        Some(value) => call.ends_of_argument(value, rest),
        None => call.no_ends(),
    }
}

fn keys(call: &Call<'_>) -> Answer {
    let bags = call.dynamic(0)?;
    call.arrays(|row, out| {
        bags.bag(row)?.keys().for_each(|key| out.string(key));
        Some(())
    })
}

fn has_key(call: &Call<'_>) -> Answer {
    let (bags, names) = (call.dynamic(0)?, call.text(1)?);
    let fixed = names.constant().map(path_or_key);
    call.bools(|row| {
        let bag = bags.bag(row)?;
        Some(match &fixed {
            Some(path) => follow(bag, path).is_some(),
            None => follow(bag, &path_or_key(names.get(row))).is_some(),
        })
    })
}

/// All slots; of equal keys the leftmost argument's wins.
fn merge(call: &Call<'_>) -> Answer {
    let bags = (0..call.len()).map(|i| call.dynamic(i)).collect::<Result<Vec<_>, _>>()?;
    call.built(|row, out| {
        // of a bag so far, the bags before it are asked which keys they have
        let mut any = false;
        out.begin_object();
        for (at, bag) in bags.iter().enumerate() {
            let Some(bag) = bag.bag(row) else { continue };
            any = true;
            for (key, value) in bag.object() {
                let mut before = bags.iter().take(at).filter_map(|b| b.bag(row));
                if !before.any(|b| b.get(key).is_some()) {
                    out.key(key);
                    out.dynamic(value);
                }
            }
        }
        out.end_object();
        any.then_some(())
    })
}

fn remove_keys(call: &Call<'_>) -> Answer {
    let (bags, lists) = (call.dynamic(0)?, call.dynamic(1)?);
    call.built(|row, out| {
        let paths: Vec<Vec<Step>> =
            lists.array(row)?.array().map(|key| path_or_key(&text_of(key))).collect();
        let paths: Vec<&[Step]> = paths.iter().map(Vec::as_slice).collect();
        copy_without(bags.bag(row)?, &paths, out);
        Some(())
    })
}

fn copy_without(value: DynamicRef<'_>, paths: &[&[Step]], out: &mut DynamicBuilder) {
    if value.kind() != Kind::Object || paths.is_empty() {
        return out.dynamic(value);
    }
    out.begin_object();
    for (key, item) in value.object() {
        let below: Vec<&[Step]> = paths
            .iter()
            .filter_map(|path| match path.split_first() {
                Some((Step::Key(step), rest)) if step == key => Some(rest),
                _ => None,
            })
            .collect();
        if !below.iter().any(|rest| rest.is_empty()) {
            out.key(key);
            copy_without(item, &below, out);
        }
    }
    out.end_object();
}

fn set_key(call: &Call<'_>) -> Answer {
    let (bags, names) = (call.dynamic(0)?, call.text(1)?);
    call.built(|row, out| {
        let path = path_or_key(names.get(row));
        copy_with(Some(bags.bag(row)?), &path, &call.value(2, row), out);
        Some(())
    })
}

fn copy_with(value: Option<DynamicRef<'_>>, path: &[Step], new: &Value, out: &mut DynamicBuilder) {
    let Some((Step::Key(wanted), rest)) = path.split_first() else { return out.value(new) };
    out.begin_object();
    let mut found = false;
    for (key, item) in value.iter().flat_map(|v| v.object()) {
        out.key(key);
        if key == wanted {
            found = true;
            copy_with(Some(item), rest, new, out);
        } else {
            out.dynamic(item);
        }
    }
    if !found {
        out.key(wanted);
        copy_with(None, rest, new, out);
    }
    out.end_object();
}

/// Keys from one array, values from the other; missing values are null.
fn zip(call: &Call<'_>) -> Answer {
    let (keys, items) = (call.dynamic(0)?, call.dynamic(1)?);
    call.built(|row, out| {
        let keys = keys.array(row)?.array();
        let mut items = items.array(row).into_iter().flat_map(|items| items.array());
        out.begin_object();
        for key in keys {
            let item = items.next();
            let Some(key) = key.as_str() else { continue };
            out.key(key);
            match item {
                Some(item) => out.dynamic(item),
                None => out.null(),
            }
        }
        out.end_object();
        Some(())
    })
}

/// Paths of all values; all elements of an array share the path of the first.
fn tree_path(call: &Call<'_>) -> Answer {
    let values = call.dynamic(0)?;
    call.arrays(|row, out| {
        let value = values.get(row).filter(|v| v.is_container())?;
        let mut seen = HashSet::default();
        walk(value, &mut String::new(), out, &mut seen, 0);
        Some(())
    })
}

fn walk(
    value: DynamicRef<'_>,
    path: &mut String,
    out: &mut Flat,
    seen: &mut HashSet<String, ahash::RandomState>,
    depth: usize,
) {
    if depth > values::dynamic::DEPTH_MAX {
        return;
    }
    let length = path.len();
    let mut visit = |step: [&str; 3], item: DynamicRef<'_>, path: &mut String| {
        path.extend(step);
        if !seen.contains(path.as_str()) {
            seen.insert(path.clone());
            out.string(path);
        }
        walk(item, path, out, seen, depth + 1);
        path.truncate(length);
    };
    for (key, item) in value.object() {
        visit(["['", key, "']"], item, path);
    }
    for item in value.array() {
        visit(["[0]", "", ""], item, path);
    }
}
