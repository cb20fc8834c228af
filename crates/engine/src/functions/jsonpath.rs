//! Paths such as `$.a['b c'][0]`, as `extract_json` and the bag functions take them.

use values::DynamicRef;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(i64),
}

/// The steps of a path that starts with `$`; none where it does not read.
pub(super) fn parse(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.trim().strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            if after.starts_with('[') {
                rest = after;
                continue;
            }
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (key, tail) = after.split_at_checked(end)?;
            (!key.is_empty()).then(|| steps.push(Step::Key(key.to_owned())))?;
            rest = tail;
            continue;
        }
        let inner = rest.strip_prefix('[')?;
        let quote = inner.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let (step, tail) = match quote {
            Some(quote) => {
                let (key, tail) = inner.get(1..)?.split_once(quote)?;
                (Step::Key(key.to_owned()), tail.strip_prefix(']')?)
            }
            None => {
                let (number, tail) = inner.split_once(']')?;
                (Step::Index(number.trim().parse().ok()?), tail)
            }
        };
        steps.push(step);
        rest = tail;
    }
    Some(steps)
}

/// A path where the text is one, else the text as the only key.
pub(super) fn path_or_key(text: &str) -> Vec<Step> {
    let looks_like_path = text.starts_with("$.") || text.starts_with("$[");
    let parsed = if looks_like_path { parse(text) } else { None };
    parsed.unwrap_or_else(|| vec![Step::Key(text.to_owned())])
}

/// Where the steps lead.
pub(super) fn follow<'d>(value: DynamicRef<'d>, steps: &[Step]) -> Option<DynamicRef<'d>> {
    steps.iter().try_fold(value, |at, step| match step {
        Step::Key(key) => at.get(key),
        Step::Index(index) => at.index(*index),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read() {
        let key = |k: &str| Step::Key(k.to_owned());
        let cases = [
            ("$", Some(vec![])),
            ("$.a", Some(vec![key("a")])),
            ("$.a.b c", Some(vec![key("a"), key("b c")])),
            ("$['a.b'][0].c", Some(vec![key("a.b"), Step::Index(0), key("c")])),
            ("$.['x'][-1]", Some(vec![key("x"), Step::Index(-1)])),
            ("$[\"q\"]", Some(vec![key("q")])),
            ("a", None),
            ("$..a", None),
            ("$[x]", None),
            ("$['a", None),
            ("$a", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
