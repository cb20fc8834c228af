//! Texts that hold something structured: JSON, CSV, versions, command lines, file paths.

use std::borrow::Cow;

use values::Decimal;
use values::dynamic::{JsonEnd, JsonFinder, PathPart};

use super::Function;
use super::call::{Call, Columnar, EvalError};
use super::jsonpath;
use super::support::{Answer, AnyText};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("parse_json", parse_json).with_part(json_part),
    Function::new("parsejson", parse_json).with_part(json_part),
    Function::new("todynamic", parse_json).with_part(json_part),
    Function::new("toobject", parse_json).with_part(json_part),
    Function::new("extract_json", extract_json).with_fixed(&[0]),
    Function::new("extractjson", extract_json).with_fixed(&[0]),
    Function::new("dynamic_to_json", dynamic_to_json),
    Function::new("parse_csv", parse_csv).with_part(csv_part),
    Function::new("parse_version", parse_version),
    Function::new("parse_command_line", parse_command_line)
        .with_fixed(&[1])
        .with_part(argument_part),
    Function::new("parse_path", parse_path).with_part(path_part),
];

/// JSON text as dynamic; what is not JSON stays a text, what is dynamic stays as it is.
fn parse_json(call: &Call<'_>) -> Answer {
    let texts = match call.any_text(0)? {
        AnyText::Text(texts) => texts,
        _ => {
            return Ok(call.args.first().cloned().unwrap_or(Columnar::Scalar(values::Value::Null)));
        }
    };
    call.built(|row, out| {
        let text = texts.get(row);
        if text.is_empty() {
            return None;
        }
        if out.json(text).is_none() {
            out.string(text);
        }
        Some(())
    })
}

/// What is not JSON is a text, which has no parts.
fn json_part(call: &Call<'_>, path: &[PathPart<'_>]) -> Result<Option<Columnar>, EvalError> {
    let AnyText::Text(texts) = call.any_text(0)? else { return Ok(None) };
    let mut finder = JsonFinder::default();
    call.ends(|row, ends| {
        ends.json(finder.find(texts.get(row), path)?);
        Some(())
    })
}

/// `extract_json(path, json)`: what stands there, as text.
fn extract_json(call: &Call<'_>) -> Answer {
    let paths = call.any_text(0)?;
    let path = paths.constant().ok_or_else(|| EvalError::new("the path must be a constant"))?;
    let steps = jsonpath::parse(&path).ok_or_else(|| {
        EvalError::new(format!("'{path}' is no JSON path; write $.a.b or $['a'][0]"))
    })?;
    let texts = call.any_text(1)?;
    let path: Vec<PathPart<'_>> = steps
        .iter()
        .map(|step| match step {
            jsonpath::Step::Key(key) => PathPart::Key(key),
            jsonpath::Step::Index(at) => PathPart::Index(*at),
        })
        .collect();
    let mut finder = JsonFinder::default();
    call.written(|row, out| match finder.find(&texts.get(row), &path) {
        Some(JsonEnd::Text(text)) => out.push_str(text),
        Some(JsonEnd::Part(part)) => part.write_text(out),
        None => {}
    })
}

/// JSON text with the slots of bags in the order of their keys.
fn dynamic_to_json(call: &Call<'_>) -> Answer {
    let AnyText::Dynamic(dynamics) = call.any_text(0)? else {
        let texts = call.any_text(0)?;
        return call.written(|row, out| out.push_str(&texts.get(row)));
    };
    call.written(|row, out| {
        if let Some(value) = dynamics.get(row) {
            write_sorted(value, out, 0);
        }
    })
}

fn write_sorted(value: values::DynamicRef<'_>, out: &mut String, depth: usize) {
    use values::Kind::{Array, Object};
    match value.kind() {
        Array | Object if depth >= values::dynamic::DEPTH_MAX => out.push_str("null"),
        Array => {
            out.push('[');
            for (index, item) in value.array().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_sorted(item, out, depth + 1);
            }
            out.push(']');
        }
        Object => {
            out.push('{');
            for (index, (key, item)) in value.object_by_key().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                values::dynamic::write_json_string(key, out);
                out.push(':');
                write_sorted(item, out, depth + 1);
            }
            out.push('}');
        }
        _ => value.write_json(out),
    }
}

/// The fields of the first record.
fn parse_csv(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.arrays(|row, out| {
        let text = texts.get(row);
        let mut rest: &str = &text;
        loop {
            let (field, tail, more) = csv_field(rest);
            out.string(&field);
            rest = tail;
            if !more {
                return Some(());
            }
        }
    })
}

/// The field at a place from the start.
fn csv_part(call: &Call<'_>, path: &[PathPart<'_>]) -> Result<Option<Columnar>, EvalError> {
    let wanted = match path {
        [PathPart::Index(..0), ..] => return Ok(None),
        [PathPart::Index(at)] => *at,
        _ => return call.no_ends(),
    };
    let texts = call.any_text(0)?;
    call.ends(|row, ends| {
        let text = texts.get(row);
        let mut rest: &str = &text;
        for _ in 0..wanted {
            let (_, tail, more) = csv_field(rest);
            more.then_some(())?;
            rest = tail;
        }
        ends.text(&csv_field(rest).0);
        Some(())
    })
}

/// One field, the text after it, and whether another field follows.
fn csv_field(text: &str) -> (Cow<'_, str>, &str, bool) {
    let end_of =
        |rest: &str| memchr::memchr3(b',', b'\n', b'\r', rest.as_bytes()).unwrap_or(rest.len());
    if !text.starts_with('"') {
        let (field, tail) = text.split_at_checked(end_of(text)).unwrap_or((text, ""));
        return match tail.strip_prefix(',') {
            Some(tail) => (Cow::Borrowed(field), tail, true),
            None => (Cow::Borrowed(field), "", false),
        };
    }
    let mut field = String::new();
    let mut rest = text;
    if let Some(mut quoted) = text.strip_prefix('"') {
        loop {
            let Some((part, tail)) = quoted.split_once('"') else {
                field.push_str(quoted);
                return (field.into(), "", false);
            };
            field.push_str(part);
            match tail.strip_prefix('"') {
                Some(tail) => {
                    field.push('"');
                    quoted = tail;
                }
                None => {
                    rest = tail;
                    break;
                }
            }
        }
    }
    let (plain, tail) = rest.split_at_checked(end_of(rest)).unwrap_or((rest, ""));
    field.push_str(plain);
    match tail.strip_prefix(',') {
        Some(tail) => (field.into(), tail, true),
        None => (field.into(), "", false),
    }
}

/// One to four numbers of up to eight digits; missing ones are 0.
fn parse_version(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.bytes16(|row| {
        let text = texts.get(row);
        let parts: Vec<&str> = text.trim().split('.').collect();
        if parts.len() > 4 {
            return None;
        }
        let mut value = 0_i128;
        for index in 0..4 {
            let part = parts.get(index).copied().unwrap_or("0");
            if part.is_empty() || part.len() > 8 || !part.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            value = value * 100_000_000 + part.parse::<i128>().ok()?;
        }
        rust_decimal::Decimal::try_from_i128_with_scale(value, 0)
            .ok()
            .map(|d| Decimal(d).to_bytes())
    })
}

/// Arguments as Windows splits them: quotes group, and backslashes escape only in front of quotes.
fn parse_command_line(call: &Call<'_>) -> Answer {
    let texts = command_lines(call)?;
    call.arrays(|row, out| {
        let text = texts.get(row);
        if text.trim().is_empty() {
            return None;
        }
        windows_arguments(&text, |argument| out.string(argument));
        Some(())
    })
}

/// The argument at a place from the start.
fn argument_part(call: &Call<'_>, path: &[PathPart<'_>]) -> Result<Option<Columnar>, EvalError> {
    let texts = command_lines(call)?;
    let wanted = match path {
        [PathPart::Index(..0), ..] => return Ok(None),
        [PathPart::Index(at)] => *at,
        _ => return call.no_ends(),
    };
    call.ends(|row, ends| {
        let text = texts.get(row);
        if text.trim().is_empty() {
            return None;
        }
        let mut left = wanted;
        let mut found = None;
        windows_arguments(&text, |argument| {
            if left == 0 {
                ends.text(argument);
                found = Some(());
            }
            left -= 1;
        });
        found
    })
}

fn command_lines<'c>(call: &'c Call<'_>) -> Result<AnyText<'c>, EvalError> {
    let (texts, kind) = (call.any_text(0)?, call.any_text(1)?);
    if let Some(kind) = kind.constant()
        && !kind.eq_ignore_ascii_case("windows")
    {
        return Err(EvalError::new(format!(
            "parse_command_line(): '{kind}' is no parser; use \"windows\""
        )));
    }
    Ok(texts)
}

fn windows_arguments(text: &str, mut each: impl FnMut(&str)) {
    let mut chars = text.trim_start().chars().peekable();
    // The program's name knows no escapes.
    let mut name = String::new();
    let mut quoted = false;
    while let Some(c) = chars.next_if(|c| quoted || !c.is_ascii_whitespace()) {
        if c == '"' { quoted = !quoted } else { name.push(c) }
    }
    each(&name);
    loop {
        while chars.next_if(char::is_ascii_whitespace).is_some() {}
        if chars.peek().is_none() {
            return;
        }
        let (mut argument, mut quoted) = (String::new(), false);
        while let Some(c) = chars.next_if(|c| quoted || !c.is_ascii_whitespace()) {
            match c {
                '\\' => {
                    let mut count = 1;
                    while chars.next_if_eq(&'\\').is_some() {
                        count += 1;
                    }
                    let before_quote = chars.peek() == Some(&'"');
                    let kept = if before_quote { count / 2 } else { count };
                    argument.extend(std::iter::repeat_n('\\', kept));
                    if before_quote && count % 2 == 1 {
                        chars.next();
                        argument.push('"');
                    }
                }
                '"' if quoted && chars.next_if_eq(&'"').is_some() => argument.push('"'),
                '"' => quoted = !quoted,
                c => argument.push(c),
            }
        }
        each(&argument);
    }
}

/// Scheme, root, directory, file, extension and alternate data stream of a path of any system.
fn parse_path(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.built(|row, out| {
        let text = texts.get(row);
        let path = PathParts::of(&text);
        out.begin_object();
        for key in PATH_KEYS {
            out.key(key);
            out.string(path.get(key).unwrap_or_default());
        }
        out.end_object();
        Some(())
    })
}

fn path_part(call: &Call<'_>, path: &[PathPart<'_>]) -> Result<Option<Columnar>, EvalError> {
    let [PathPart::Key(wanted)] = path else { return call.no_ends() };
    let texts = call.any_text(0)?;
    call.ends(|row, ends| {
        ends.text(PathParts::of(&texts.get(row)).get(wanted)?);
        Some(())
    })
}

const PATH_KEYS: [&str; 7] = [
    "Scheme",
    "RootPath",
    "DirectoryPath",
    "DirectoryName",
    "Filename",
    "Extension",
    "AlternateDataStreamName",
];

struct PathParts<'p> {
    scheme: &'p str,
    root: &'p str,
    directory: &'p str,
    directory_name: &'p str,
    file: &'p str,
    extension: &'p str,
    stream: &'p str,
}

impl<'p> PathParts<'p> {
    /// The text under a key.
    fn get(&self, key: &str) -> Option<&'p str> {
        Some(match key {
            "Scheme" => self.scheme,
            "RootPath" => self.root,
            "DirectoryPath" => self.directory,
            "DirectoryName" => self.directory_name,
            "Filename" => self.file,
            "Extension" => self.extension,
            "AlternateDataStreamName" => self.stream,
            _ => return None,
        })
    }

    fn of(text: &'p str) -> Self {
        let slash = |c: char| matches!(c, '/' | '\\');
        let (scheme, path) = match memchr::memmem::find(text.as_bytes(), b"://") {
            Some(at) => {
                (text.get(..at).unwrap_or_default(), text.get(at + 3..).unwrap_or_default())
            }
            None => ("", text),
        };
        let root = match path.as_bytes() {
            [letter, b':', ..] if letter.is_ascii_alphabetic() => path.get(..2).unwrap_or_default(),
            _ => "",
        };
        let (directory, name) = match path.rfind(slash) {
            Some(at) => {
                (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default())
            }
            None => ("", path.get(root.len()..).unwrap_or_default()),
        };
        let (file, stream) = name.split_once(':').unwrap_or((name, ""));
        let directory_name = directory.rsplit(slash).next().unwrap_or_default();
        let directory_name = if directory_name == root { "" } else { directory_name };
        let extension = file.rsplit_once('.').map_or("", |(_, e)| e);
        Self { scheme, root, directory, directory_name, file, extension, stream }
    }
}
