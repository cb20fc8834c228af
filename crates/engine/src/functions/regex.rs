//! Everything with a regular expression. Patterns are compiled once and kept for the process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow_array::BooleanArray;
use arrow_buffer::BooleanBuffer;
use parking_lot::Mutex;
use regex_automata::Span;
use values::dynamic::PathPart;
use values::{DynamicBuilder, Value};

use super::Function;
use super::call::{Call, Columnar, EvalError};
use super::captures::{Groups, Pattern};
use super::strings::{Window, char_count, char_start};
use super::support::Answer;

/// Patterns kept; when full, all are dropped.
const KEPT_MAX: usize = 500;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("matches regex", matches_regex),
    Function::new("extract", extract),
    Function::new("extract_all", extract_all).with_part(match_part),
    Function::new("extractall", extract_all).with_part(match_part),
    Function::new("replace_regex", |c| replace(c, 0, 1, 2)),
    Function::new("replace", |c| replace(c, 2, 0, 1)),
    Function::new("indexof_regex", index_of_regex),
    Function::new("countof", count_of).with_fixed(&[2]),
    Function::new("trim", |c| trim(c, true, true)).with_fixed(&[0]),
    Function::new("trim_start", |c| trim(c, true, false)).with_fixed(&[0]),
    Function::new("trim_end", |c| trim(c, false, true)).with_fixed(&[0]),
    Function::new("regex_quote", regex_quote),
];

static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Pattern>>>> = LazyLock::new(Mutex::default);

/// The compiled pattern. What it cannot do (look-around, back-references) is said in the error. Shared, not copied: a copy
/// begins without the states that searching has worked out so far.
pub(crate) fn compile(pattern: &str) -> Result<Arc<Pattern>, EvalError> {
    if let Some(known) = COMPILED.lock().get(pattern) {
        return Ok(Arc::clone(known));
    }
    let compiled = Pattern::new(pattern).map_err(|error| {
        EvalError::new(format!("regular expression '{pattern}': {}", reason(&error)))
    })?;
    let compiled = Arc::new(compiled);
    let mut all = COMPILED.lock();
    if all.len() >= KEPT_MAX {
        all.clear();
    }
    all.insert(pattern.to_owned(), Arc::clone(&compiled));
    Ok(compiled)
}

/// The last line of the library's message says what is wrong.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// The pattern at an argument: the same for all rows, or one for each.
enum Patterns<'c> {
    One(Arc<Pattern>),
    Many(super::support::AnyText<'c>),
}

impl<'c> Patterns<'c> {
    fn of(call: &'c Call<'_>, index: usize) -> Result<Self, EvalError> {
        let texts = call.any_text(index)?;
        match texts.constant() {
            Some(pattern) => compile(&pattern).map(Self::One),
            None => Ok(Self::Many(texts)),
        }
    }

    /// The pattern of a row; none where it does not compile.
    fn get(&self, row: usize) -> Option<Arc<Pattern>> {
        match self {
            Self::One(regex) => Some(Arc::clone(regex)),
            Self::Many(texts) => compile(&texts.get(row)).ok(),
        }
    }
}

fn matches_regex(call: &Call<'_>) -> Answer {
    let (texts, patterns) = (call.any_text(0)?, Patterns::of(call, 1)?);
    let bits = match &patterns {
        Patterns::One(regex) => {
            BooleanBuffer::collect_bool(call.rows, |row| regex.is_match(&texts.get(row)))
        }
        Patterns::Many(_) => BooleanBuffer::collect_bool(call.rows, |row| {
            patterns.get(row).is_some_and(|regex| regex.is_match(&texts.get(row)))
        }),
    };
    Ok(Columnar::Array(Arc::new(BooleanArray::new(bits, None))))
}

/// `extract(regex, group, text)`: the text of the group in the first match.
fn extract(call: &Call<'_>) -> Answer {
    let (patterns, groups, texts) = (Patterns::of(call, 0)?, call.number(1)?, call.any_text(2)?);
    if let Patterns::One(regex) = &patterns
        && let Some(Columnar::Scalar(_)) = call.args.get(1)
        && let Some(group) = groups.long(0).and_then(|g| usize::try_from(g).ok())
        && group > 0
    {
        let mut groups = Groups::new(regex, group);
        return call.written(|row, out| {
            let text = texts.get(row);
            if groups.first(&text).is_some() {
                out.push_str(groups.text(&text, group));
            }
        });
    }
    call.written(|row, out| {
        let Some(group) = groups.long(row).and_then(|g| usize::try_from(g).ok()) else { return };
        let Some(regex) = patterns.get(row) else { return };
        let text = texts.get(row);
        let found = if group == 0 {
            regex.find(&text)
        } else {
            regex.captures(&text).and_then(|c| c.get(group))
        };
        out.push_str(found.map_or("", |m| m.as_str()));
    })
}

/// Groups named by number or name; all of the pattern's when none are.
fn group_numbers(regex: &Pattern, wanted: Option<&Value>) -> Vec<usize> {
    let Some(Value::Dynamic(list)) = wanted else {
        let groups = regex.captures_len();
        return if groups == 1 { vec![0] } else { (1..groups).collect() };
    };
    list.as_ref()
        .array()
        .filter_map(|item| match (item.as_i64(), item.as_str()) {
            (Some(number), _) => usize::try_from(number).ok(),
            (_, Some(name)) => regex.capture_names().position(|n| n == Some(name)),
            _ => None,
        })
        .filter(|number| *number < regex.captures_len())
        .collect()
}

/// `extract_all(regex, [groups,] text)`: an array of texts, or of arrays where there are several groups.
fn extract_all(call: &Call<'_>) -> Answer {
    let patterns = Patterns::of(call, 0)?;
    let texts = call.any_text(call.len().saturating_sub(1))?;
    if let (Patterns::One(regex), Some(numbers)) = (&patterns, fixed_groups(call, &patterns)) {
        let mut groups = Groups::new(regex, numbers.iter().copied().max().unwrap_or(0));
        return call.built(|row, out| {
            let text = texts.get(row);
            let mut any = false;
            out.begin_array();
            groups.each(&text, |groups, found| {
                any = true;
                write_groups(out, &numbers, |group| group_text(groups, found, &text, group));
                true
            });
            out.end_array();
            any.then_some(())
        });
    }
    let wanted = |row: usize| (call.len() > 2).then(|| call.value(1, row));
    call.built(|row, out| {
        let regex = patterns.get(row)?;
        let numbers = group_numbers(&regex, wanted(row).as_ref());
        let text = texts.get(row);
        let mut any = false;
        out.begin_array();
        for captures in regex.captures_iter(&text) {
            any = true;
            write_groups(out, &numbers, |group| captures.get(group).map_or("", |m| m.as_str()));
        }
        out.end_array();
        any.then_some(())
    })
}

/// The groups that `extract_all` gives, where they are the same for all rows.
fn fixed_groups(call: &Call<'_>, patterns: &Patterns<'_>) -> Option<Vec<usize>> {
    let Patterns::One(regex) = patterns else { return None };
    let wanted = if call.len() > 2 { Some(call.constant(1)?) } else { None };
    Some(group_numbers(regex, wanted))
}

/// A match at a place from the start, or one of its groups.
fn match_part(call: &Call<'_>, path: &[PathPart<'_>]) -> Result<Option<Columnar>, EvalError> {
    let patterns = Patterns::of(call, 0)?;
    let texts = call.any_text(call.len().saturating_sub(1))?;
    let (Patterns::One(regex), Some(numbers)) = (&patterns, fixed_groups(call, &patterns)) else {
        return Ok(None);
    };
    let (at, group) = match (path, numbers.as_slice()) {
        ([PathPart::Index(0..=i64::MAX)], [group]) => (path, *group),
        // an array of groups, and places from the end
        ([PathPart::Index(0..=i64::MAX), PathPart::Index(within)], several)
            if several.len() != 1 =>
        {
            let found = usize::try_from(*within).ok().and_then(|at| several.get(at));
            let Some(group) = found else { return Ok(None) };
            (path, *group)
        }
        _ => return Ok(None),
    };
    let [PathPart::Index(at), ..] = at else { return Ok(None) };
    let mut groups = Groups::new(regex, group);
    call.ends(|row, ends| {
        let text = texts.get(row);
        let mut left = *at;
        let mut end = None;
        groups.each(&text, |groups, found| {
            if left == 0 {
                ends.text(group_text(groups, found, &text, group));
                end = Some(());
            }
            left -= 1;
            end.is_none()
        });
        end
    })
}

fn group_text<'t>(groups: &Groups<'_>, found: Span, text: &'t str, group: usize) -> &'t str {
    if group == 0 {
        text.get(found.start..found.end).unwrap_or_default()
    } else {
        groups.text(text, group)
    }
}

/// One group as it is, several as an array.
fn write_groups<'t>(out: &mut DynamicBuilder, numbers: &[usize], text: impl Fn(usize) -> &'t str) {
    if let [group] = numbers {
        return out.string(text(*group));
    }
    out.begin_array();
    numbers.iter().for_each(|group| out.string(text(*group)));
    out.end_array();
}

/// Replaces matches; `\1` in the rewriting stands for a group, `\0` for the match.
fn replace(call: &Call<'_>, text: usize, pattern: usize, rewrite: usize) -> Answer {
    let (texts, patterns) = (call.any_text(text)?, Patterns::of(call, pattern)?);
    let rewrites = call.any_text(rewrite)?;
    let one = |groups: &mut Groups<'_>, text: &str, pieces: &[Piece], out: &mut String| {
        let mut end = 0;
        groups.each(text, |groups, found| {
            out.push_str(text.get(end..found.start).unwrap_or_default());
            for piece in pieces {
                match piece {
                    Piece::Text(piece) => out.push_str(piece),
                    Piece::Group(group) => out.push_str(group_text(groups, found, text, *group)),
                }
            }
            end = found.end;
            true
        });
        out.push_str(text.get(end..).unwrap_or_default());
    };
    if let (Patterns::One(regex), Some(rewrite)) = (&patterns, rewrites.constant()) {
        let pieces = pieces(&rewrite);
        let mut groups = Groups::new(regex, last_group(&pieces));
        return call.written(|row, out| one(&mut groups, &texts.get(row), &pieces, out));
    }
    call.written(|row, out| {
        let text = texts.get(row);
        let Some(regex) = patterns.get(row) else {
            out.push_str(&text);
            return;
        };
        let pieces = pieces(&rewrites.get(row));
        one(&mut Groups::new(&regex, last_group(&pieces)), &text, &pieces, out);
    })
}

/// A piece of a rewriting.
enum Piece {
    Text(String),
    Group(usize),
}

fn last_group(pieces: &[Piece]) -> usize {
    let group = |piece: &Piece| match piece {
        Piece::Group(group) => *group,
        Piece::Text(_) => 0,
    };
    pieces.iter().map(group).max().unwrap_or(0)
}

fn pieces(rewrite: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = rewrite.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                let group = digit.to_digit(10).unwrap_or(0) as usize;
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Group(group));
                chars.next();
            }
            ('\\', Some('\\')) => {
                text.push('\\');
                chars.next();
            }
            _ => text.push(c),
        }
    }
    pieces.push(Piece::Text(text));
    pieces
}

fn index_of_regex(call: &Call<'_>) -> Answer {
    let (texts, patterns) = (call.any_text(0)?, Patterns::of(call, 1)?);
    call.longs(|row| {
        let text = texts.get(row);
        // Unlike indexof(), a negative start is refused.
        if call.len() > 2 && call.value(2, row).cast(values::ScalarType::Long).as_i64()? < 0 {
            return None;
        }
        let window = Window::of(call, 2, row, char_count(&text))?;
        let regex = patterns.get(row)?;
        let rest = text.get(char_start(&text, window.start)..).unwrap_or_default();
        let part = rest.get(..char_start(rest, window.length)).unwrap_or(rest);
        let hit = regex.find_iter(part).nth(window.occurrence - 1);
        let before = hit.and_then(|m| part.get(..m.start())).map(char_count);
        Some(before.and_then(|n| i64::try_from(n + window.start).ok()).unwrap_or(-1))
    })
}

/// Plain needles may overlap, matches of a regular expression do not.
fn count_of(call: &Call<'_>) -> Answer {
    let (texts, needles) = (call.any_text(0)?, call.any_text(1)?);
    let kind = if call.len() > 2 { call.any_text(2)?.get(0).into_owned() } else { String::new() };
    match kind.as_str() {
        "regex" => {
            let patterns = Patterns::of(call, 1)?;
            call.longs(|row| {
                let count = patterns.get(row)?.find_iter(&texts.get(row)).count();
                i64::try_from(count).ok()
            })
        }
        "" | "normal" => call.longs(|row| {
            let (text, needle) = (texts.get(row), needles.get(row));
            if needle.is_empty() {
                return Some(0);
            }
            let (mut count, mut at) = (0, 0);
            while let Some(hit) = text.get(at..).and_then(|t| t.find(&*needle)) {
                count += 1;
                at += hit + needle.chars().next().map_or(1, char::len_utf8);
            }
            Some(count)
        }),
        other => {
            Err(EvalError::new(format!("countof(): '{other}' is no kind; use normal or regex")))
        }
    }
}

/// Cuts one match off each wanted end.
fn trim(call: &Call<'_>, start: bool, end: bool) -> Answer {
    let pattern = call.any_text(0)?;
    let pattern = pattern
        .constant()
        .ok_or_else(|| EvalError::new("the regular expression must be a constant"))?;
    compile(&pattern)?;
    let at_start = compile(&format!(r"\A(?:{pattern})"))?;
    let at_end = compile(&format!(r"(?:{pattern})\z"))?;
    let texts = call.any_text(1)?;
    call.written(|row, out| {
        let text = texts.get(row);
        let mut rest: &str = &text;
        if start && let Some(hit) = at_start.find(rest) {
            rest = rest.get(hit.end()..).unwrap_or_default();
        }
        if end && let Some(hit) = at_end.find(rest) {
            rest = rest.get(..hit.start()).unwrap_or_default();
        }
        out.push_str(rest);
    })
}

fn regex_quote(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.written(|row, out| out.push_str(&regex::escape(&texts.get(row))))
}
