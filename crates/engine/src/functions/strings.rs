//! Texts: lengths, parts, joins, replacements that need no regular expression.

use std::borrow::Cow;

use values::dynamic::PathPart;
use values::{Kind, ScalarType, Value};

use super::Function;
use super::call::{Call, Columnar, EvalError};
use super::support::{Answer, AnyText};

/// Most repetitions of `strrep`.
const REPEAT_MAX: i64 = 1024;
/// Bytes after which `strrep` stops.
const TEXT_MAX: usize = 32 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("tolower", |c| folded(c, |t| t.to_lowercase(), str::make_ascii_lowercase)),
    Function::new("toupper", |c| folded(c, |t| t.to_uppercase(), str::make_ascii_uppercase)),
    Function::new("strlen", |c| {
        length(c, |t| if t.is_ascii() { t.len() } else { t.chars().count() })
    }),
    Function::new("string_size", |c| length(c, str::len)),
    Function::new("strcat", strcat),
    Function::new("strcat_delim", strcat_delim),
    Function::new("strcat_array", strcat_array),
    Function::new("array_strcat", strcat_array),
    Function::new("strcmp", strcmp),
    Function::new("strrep", strrep),
    Function::new("substring", substring),
    Function::new("indexof", index_of),
    Function::new("reverse", reverse),
    Function::new("split", split).with_part(split_part),
    Function::new("translate", translate),
    Function::new("replace_string", replace_string),
    Function::new("replace_strings", replace_strings),
    Function::new("has_any_index", has_any_index),
    Function::new("isascii", |c| check(c, str::is_ascii)),
    Function::new("isutf8", |c| check(c, |t| !t.contains(char::REPLACEMENT_CHARACTER))),
    Function::new("unicode_codepoints_from_string", code_points),
    Function::new("to_utf8", code_points),
    Function::new("unicode_codepoints_to_string", from_code_points),
    Function::new("make_string", from_code_points),
];

fn folded(call: &Call<'_>, any: fn(&str) -> String, ascii: fn(&mut str)) -> Answer {
    let texts = call.any_text(0)?;
    call.written(|row, out| {
        let text = texts.get(row);
        if text.is_ascii() {
            out.push_str(&text);
            ascii(out);
        } else {
            out.push_str(&any(&text));
        }
    })
}

fn length(call: &Call<'_>, f: fn(&str) -> usize) -> Answer {
    let texts = call.any_text(0)?;
    call.longs(|row| i64::try_from(f(&texts.get(row))).ok())
}

fn check(call: &Call<'_>, f: fn(&str) -> bool) -> Answer {
    let texts = call.any_text(0)?;
    call.bools(|row| Some(f(&texts.get(row))))
}

fn all_texts<'c>(call: &'c Call<'_>, from: usize) -> Result<Vec<AnyText<'c>>, EvalError> {
    (from..call.len()).map(|i| call.any_text(i)).collect()
}

fn strcat(call: &Call<'_>) -> Answer {
    let texts = all_texts(call, 0)?;
    call.written(|row, out| texts.iter().for_each(|t| out.push_str(&t.get(row))))
}

fn strcat_delim(call: &Call<'_>) -> Answer {
    let (delimiter, texts) = (call.any_text(0)?, all_texts(call, 1)?);
    call.written(|row, out| {
        let delimiter = delimiter.get(row);
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                out.push_str(&delimiter);
            }
            out.push_str(&text.get(row));
        }
    })
}

fn strcat_array(call: &Call<'_>) -> Answer {
    let (arrays, delimiter) = (call.dynamic(0)?, call.any_text(1)?);
    call.written(|row, out| {
        let Some(array) = arrays.array(row) else { return };
        let delimiter = delimiter.get(row);
        for (index, item) in array.array().enumerate() {
            if index > 0 {
                out.push_str(&delimiter);
            }
            item.write_text(out);
        }
    })
}

fn strcmp(call: &Call<'_>) -> Answer {
    let (a, b) = (call.any_text(0)?, call.any_text(1)?);
    call.longs(|row| Some(a.get(row).cmp(&b.get(row)) as i64))
}

fn strrep(call: &Call<'_>) -> Answer {
    let (texts, counts) = (call.any_text(0)?, call.number(1)?);
    let delimiter = if call.len() > 2 { Some(call.any_text(2)?) } else { None };
    call.written(|row, out| {
        let count = counts.long(row).unwrap_or(0).clamp(0, REPEAT_MAX);
        let text = texts.get(row);
        let delimiter = delimiter.as_ref().map_or(Cow::Borrowed(""), |d| d.get(row));
        for index in 0..count {
            if out.len() > TEXT_MAX {
                break;
            }
            if index > 0 {
                out.push_str(&delimiter);
            }
            out.push_str(&text);
        }
    })
}

/// Where the character of this number starts; the text's length past its end.
pub(super) fn char_start(text: &str, index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

pub(super) fn char_count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// A start that counts from the end where it is negative.
pub(super) fn from_start(start: i64, length: usize) -> usize {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let start = if start < 0 { start.saturating_add(length).max(0) } else { start.min(length) };
    usize::try_from(start).unwrap_or(0)
}

fn substring(call: &Call<'_>) -> Answer {
    let (texts, starts) = (call.any_text(0)?, call.number(1)?);
    let lengths = if call.len() > 2 { Some(call.number(2)?) } else { None };
    call.written(|row, out| {
        let text = texts.get(row);
        let Some(start) = starts.long(row) else { return };
        let start = if start < 0 {
            from_start(start, char_count(&text))
        } else {
            from_start(start, usize::MAX)
        };
        let rest = text.get(char_start(&text, start)..).unwrap_or_default();
        let length = match &lengths {
            None => usize::MAX,
            Some(l) => match l.long(row) {
                Some(length) => usize::try_from(length).unwrap_or(0),
                None => return,
            },
        };
        out.push_str(rest.get(..char_start(rest, length)).unwrap_or(rest));
    })
}

/// The window of `indexof` and its kin: none where an argument makes no sense.
pub(super) struct Window {
    pub(super) start: usize,
    /// In characters.
    pub(super) length: usize,
    pub(super) occurrence: usize,
}

impl Window {
    /// From the arguments `start`, `length`, `occurrence` at `first` and after it.
    pub(super) fn of(call: &Call<'_>, first: usize, row: usize, size: usize) -> Option<Self> {
        let read = |i: usize, default: i64| {
            if i < call.len() {
                call.value(i, row).cast(ScalarType::Long).as_i64()
            } else {
                Some(default)
            }
        };
        let (start, length, occurrence) =
            (read(first, 0)?, read(first + 1, -1)?, read(first + 2, 1)?);
        if length < -1 || occurrence < 0 {
            return None;
        }
        Some(Self {
            start: from_start(start, size),
            length: usize::try_from(length).unwrap_or(usize::MAX),
            occurrence: usize::try_from(occurrence).ok()?.max(1),
        })
    }
}

fn index_of(call: &Call<'_>) -> Answer {
    let (texts, needles) = (call.any_text(0)?, call.any_text(1)?);
    call.longs(|row| {
        let (text, needle) = (texts.get(row), needles.get(row));
        let window = Window::of(call, 2, row, char_count(&text))?;
        let mut from = char_start(&text, window.start);
        // The length counts anew from each occurrence.
        for left in (0..window.occurrence).rev() {
            let rest = text.get(from..).unwrap_or_default();
            let part = rest.get(..char_start(rest, window.length)).unwrap_or(rest);
            let Some(hit) = part.find(&*needle) else { return Some(-1) };
            from += hit;
            if left > 0 {
                from = char_start_after(&text, from);
            }
        }
        text.get(..from).map(char_count).and_then(|n| i64::try_from(n).ok())
    })
}

/// The start of the character after the one at `at`.
fn char_start_after(text: &str, at: usize) -> usize {
    let step = text.get(at..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8);
    at + step
}

fn reverse(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.written(|row, out| out.extend(texts.get(row).chars().rev()))
}

/// Parts of a text, or the one at a position (none where there is none).
fn split(call: &Call<'_>) -> Answer {
    let (texts, delimiters) = (call.any_text(0)?, call.text(1)?);
    let wanted = if call.len() > 2 { Some(call.number(2)?) } else { None };
    if let (Some(delimiter), None) = (delimiters.constant(), &wanted)
        && !delimiter.is_empty()
    {
        let finder = memchr::memmem::Finder::new(delimiter.as_bytes());
        return call.arrays(|row, out| {
            let text = texts.get(row);
            let mut start = 0;
            for at in finder.find_iter(text.as_bytes()) {
                out.string(text.get(start..at).unwrap_or_default());
                start = at + delimiter.len();
            }
            out.string(text.get(start..).unwrap_or_default());
            Some(())
        });
    }
    call.built(|row, out| {
        let (text, delimiter) = (texts.get(row), delimiters.get(row));
        let parts: Vec<&str> =
            if delimiter.is_empty() { vec![&text] } else { text.split(delimiter).collect() };
        out.begin_array();
        match &wanted {
            None => parts.iter().for_each(|p| out.string(p)),
            Some(wanted) => {
                let at = wanted.long(row)?;
                let at =
                    if at < 0 { at.checked_add(i64::try_from(parts.len()).ok()?)? } else { at };
                if let Some(part) = usize::try_from(at).ok().and_then(|at| parts.get(at)) {
                    out.string(part);
                }
            }
        }
        out.end_array();
        Some(())
    })
}

/// The part at a place; what is wanted from the end, or of one part alone, comes from the whole.
fn split_part(call: &Call<'_>, path: &[PathPart<'_>]) -> Result<Option<Columnar>, EvalError> {
    let wanted = match path {
        _ if call.len() > 2 => return Ok(None),
        [PathPart::Index(..0), ..] => return Ok(None),
        [PathPart::Index(at)] => usize::try_from(*at).unwrap_or(usize::MAX),
        _ => return call.no_ends(),
    };
    let (texts, delimiters) = (call.any_text(0)?, call.text(1)?);
    let finder = delimiters.constant().map(|d| memchr::memmem::Finder::new(d.as_bytes()));
    call.ends(|row, ends| {
        let text = texts.get(row);
        let Some(finder) = &finder else {
            let delimiter = delimiters.get(row);
            let part = if delimiter.is_empty() {
                (wanted == 0).then_some(&*text)
            } else {
                text.split(delimiter).nth(wanted)
            };
            ends.text(part?);
            return Some(());
        };
        let mut rest: &str = &text;
        let width = finder.needle().len();
        for left in (0..=wanted).rev() {
            let at = if width == 0 { None } else { finder.find(rest.as_bytes()) };
            let (part, tail) = match at {
                Some(at) => (rest.get(..at)?, rest.get(at + width..)),
                None => (rest, None),
            };
            if left == 0 {
                ends.text(part);
                break;
            }
            rest = tail?;
        }
        Some(())
    })
}

/// Characters of the first list become those of the second, the last of which serves all beyond it.
fn translate(call: &Call<'_>) -> Answer {
    let (from, to, texts) = (call.text(0)?, call.text(1)?, call.text(2)?);
    call.written(|row, out| {
        let from: Vec<char> = from.get(row).chars().collect();
        let to: Vec<char> = to.get(row).chars().collect();
        for c in texts.get(row).chars() {
            match from.iter().position(|f| *f == c) {
                Some(at) => out.extend(to.get(at).or(to.last())),
                None => out.push(c),
            }
        }
    })
}

fn replace_string(call: &Call<'_>) -> Answer {
    let (texts, needles, by) = (call.text(0)?, call.text(1)?, call.text(2)?);
    call.written(|row, out| {
        let (text, needle) = (texts.get(row), needles.get(row));
        if needle.is_empty() {
            out.push_str(text);
            return;
        }
        for (index, part) in text.split(needle).enumerate() {
            if index > 0 {
                out.push_str(by.get(row));
            }
            out.push_str(part);
        }
    })
}

/// Needle after needle, each in what those before it have left over.
fn replace_strings(call: &Call<'_>) -> Answer {
    let (texts, needles, by) = (call.text(0)?, call.dynamic(1)?, call.dynamic(2)?);
    call.written(|row, out| {
        let mut pieces = vec![Piece { text: Cow::Borrowed(texts.get(row)), done: false }];
        if let (Some(needles), Some(by)) = (needles.array(row), by.array(row)) {
            for (needle, rewrite) in needles.array().zip(by.array()) {
                let needle = text_of(needle);
                if !needle.is_empty() {
                    let rewrite = rewrite.as_str().unwrap_or(&needle);
                    pieces = pieces.into_iter().flat_map(|p| p.replace(&needle, rewrite)).collect();
                }
            }
        }
        pieces.iter().for_each(|p| out.push_str(&p.text));
    })
}

/// A part of a text under replacement; one that is done has come from a rewriting.
struct Piece<'t> {
    text: Cow<'t, str>,
    done: bool,
}

impl<'t> Piece<'t> {
    fn replace(self, needle: &str, by: &str) -> Vec<Self> {
        if self.done || !self.text.contains(needle) {
            return vec![self];
        }
        let mut pieces = Vec::new();
        for (index, part) in self.text.split(needle).enumerate() {
            if index > 0 {
                pieces.push(Piece { text: Cow::Owned(by.to_owned()), done: true });
            }
            pieces.push(Piece { text: Cow::Owned(part.to_owned()), done: false });
        }
        pieces
    }
}

pub(super) fn text_of(part: values::DynamicRef<'_>) -> Cow<'_, str> {
    match part.as_str() {
        Some(text) => Cow::Borrowed(text),
        None => {
            let mut out = String::new();
            part.write_text(&mut out);
            Cow::Owned(out)
        }
    }
}

/// Position of the first of the values that stands in the text as a term.
fn has_any_index(call: &Call<'_>) -> Answer {
    let (texts, lists) = (call.any_text(0)?, call.dynamic(1)?);
    if let super::call::DynamicArg::Scalar(Some(_)) = &lists
        && let Some(list) = lists.array(0)
    {
        let words: Vec<_> = list.array().map(text_of).collect();
        let needles: Vec<_> = words
            .iter()
            .map(|w| super::terms::Needle::new(w, super::terms::Where::Term, false))
            .collect();
        return call.longs(|row| {
            let text = texts.get(row);
            let at = needles.iter().position(|needle| needle.is_in(&text));
            Some(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
        });
    }
    call.longs(|row| {
        let text = texts.get(row);
        let Some(list) = lists.array(row) else { return Some(-1) };
        let at = list.array().position(|needle| {
            let needle = text_of(needle);
            super::terms::Needle::new(&needle, super::terms::Where::Term, false).is_in(&text)
        });
        Some(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
    })
}

fn code_points(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.arrays(|row, out| {
        texts.get(row).chars().for_each(|c| out.long(i64::from(u32::from(c))));
        Some(())
    })
}

fn from_code_points(call: &Call<'_>) -> Answer {
    call.written(|row, out| {
        let point = |n: i64| u32::try_from(n).ok().and_then(char::from_u32);
        for index in 0..call.len() {
            match call.value(index, row) {
                Value::Dynamic(d) if d.as_ref().kind() == Kind::Array => {
                    out.extend(d.as_ref().array().filter_map(|n| n.as_i64().and_then(point)));
                }
                value => out.extend(value.cast(ScalarType::Long).as_i64().and_then(point)),
            }
        }
    })
}
