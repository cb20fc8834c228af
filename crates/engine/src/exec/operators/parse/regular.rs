//! `parse kind=regex`: the pieces are regular expressions, the captures groups between them.

use regex::{Regex, RegexBuilder};
use values::{ScalarType, Value};

use super::convert;
use crate::exec::ExecError;
use crate::plan::{ParseMode, ParsePart};

/// Bytes that a compiled expression may take.
const SIZE_MAX: usize = 10 << 20;

/// A pattern of regular expressions.
pub(crate) struct Regular {
    regex: Regex,
    /// For each capture: the number of its group.
    groups: Vec<(usize, ScalarType)>,
}

impl Regular {
    pub(super) fn new(
        parts: &[ParsePart],
        types: &[ScalarType],
        mode: ParseMode,
    ) -> Result<Self, ExecError> {
        let regex = build(&source(parts, types, true), mode)
            .or_else(|_| build(&source(parts, types, false), mode))
            .map_err(|error| {
                ExecError::Evaluation(format!(
                    "parse: the pattern is no valid regular expression: {error}"
                ))
            })?;
        let groups = types
            .iter()
            .enumerate()
            .map(|(at, ty)| {
                let name = group_name(at);
                let number = regex.capture_names().position(|n| n == Some(name.as_str()));
                (number.unwrap_or(0), *ty)
            })
            .collect();
        Ok(Self { regex, groups })
    }

    pub(super) fn read(&self, text: &str, out: &mut [Value]) -> bool {
        let Some(found) = self.regex.captures(text) else { return false };
        for ((group, ty), slot) in self.groups.iter().zip(out) {
            let text = found.get(*group).map_or("", |m| m.as_str());
            match convert(text, *ty) {
                Some(value) => *slot = value,
                None => return false,
            }
        }
        true
    }
}

fn build(source: &str, mode: ParseMode) -> Result<Regex, regex::Error> {
    let mut builder = RegexBuilder::new(source);
    builder.size_limit(SIZE_MAX);
    if let ParseMode::Regex { ignore_case, ungreedy, dot_all, multi_line } = mode {
        builder
            .case_insensitive(ignore_case)
            .swap_greed(ungreedy)
            .dot_matches_new_line(dot_all)
            .multi_line(multi_line);
    }
    builder.build()
}

fn group_name(at: usize) -> String {
    format!("capture{at}_")
}

/// The whole expression. `grouped`: each piece stands for itself, whatever alternatives it has.
fn source(parts: &[ParsePart], types: &[ScalarType], grouped: bool) -> String {
    let mut source = String::from("^");
    for part in parts {
        match part {
            ParsePart::Any => source.push_str(".*?"),
            ParsePart::Text(text) if grouped => source.extend(["(?:", text, ")"]),
            ParsePart::Text(text) => source.push_str(text),
            ParsePart::Capture(at) => {
                let inner = match types.get(*at) {
                    Some(ScalarType::Int | ScalarType::Long) => r"[+-]?\d+",
                    Some(ScalarType::Real | ScalarType::Decimal) => {
                        r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
                    }
                    _ => ".*",
                };
                source.extend(["(?P<", &group_name(*at), ">", inner, ")"]);
            }
        }
    }
    if matches!(parts.last(), Some(ParsePart::Capture(_))) {
        source.push('$');
    }
    source
}
