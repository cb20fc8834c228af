//! The functions that ship: names, parameters and bodies, taken apart but not parsed.
//!
//! The texts are scanned once (well below a millisecond); whoever calls a function parses its body.

use std::collections::HashMap;
use std::sync::OnceLock;

/// A function that every workspace has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Name, with case.
    pub name: &'static str,
    /// Parameters as KQL writes them, without the outer parentheses.
    pub parameters: &'static str,
    /// KQL text of the body.
    pub body: &'static str,
}

/// All functions by name; read on the first call. Format: `content/functions/README.md`.
pub fn functions() -> &'static HashMap<&'static str, Function> {
    static FUNCTIONS: OnceLock<HashMap<&'static str, Function>> = OnceLock::new();
    FUNCTIONS.get_or_init(|| {
        let texts = crate::files("functions").iter().map(|(_, text)| *text);
        texts.flat_map(read).map(|f| (f.name, f)).collect()
    })
}

/// The functions of one file, in order.
fn read(text: &'static str) -> impl Iterator<Item = Function> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (line, after) = rest.split_once('\n')?;
            rest = after;
            if let Some((name, parameters)) = head(line) {
                let (body, after) = rest.split_once("\n};")?;
                rest = after;
                return Some(Function { name, parameters, body });
            }
        }
    })
}

/// `let Name = (parameters) {`
fn head(line: &'static str) -> Option<(&'static str, &'static str)> {
    let (name, rest) = line.strip_prefix("let ")?.split_once(" = (")?;
    Some((name, rest.trim_end().strip_suffix(") {")?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_definition_is_found_once() {
        let texts = crate::files("functions");
        let all: Vec<Function> = texts.iter().flat_map(|(_, text)| read(text)).collect();
        let lets: usize =
            texts.iter().flat_map(|(_, t)| t.lines()).filter(|l| l.starts_with("let ")).count();
        let inner: usize =
            all.iter().flat_map(|f| f.body.lines()).filter(|l| l.starts_with("let ")).count();
        assert_eq!(all.len(), lets - inner);
        assert_eq!(functions().len(), all.len(), "a function stands twice");
        assert!(all.len() > 80);
    }

    #[test]
    fn parts_of_a_definition() {
        let dns = functions()["_ASim_Dns"];
        assert_eq!((dns.parameters, dns.body), ("pack:bool=false", "ASimDns(pack)"));
        assert_eq!(functions()["vimDnsEmpty"].parameters, "");
        assert_eq!(functions().get("imdns"), None);
    }
}
