//! `parse_xml`: elements become slots, attributes `@name`, text beside other content `#text`.

use roxmltree::{Document, Node, ParsingOptions};
use values::DynamicBuilder;

use super::Function;
use super::call::Call;
use super::support::Answer;

/// Longest text that is parsed; a longer one gives null.
const LENGTH_MAX: usize = 1 << 20;

pub(super) const FUNCTIONS: &[Function] = &[Function::new("parse_xml", parse_xml)];

fn parse_xml(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.built(|row, out| {
        let text = texts.get(row);
        if text.len() > LENGTH_MAX {
            return None;
        }
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: 1 << 18, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text.trim_start(), options).ok()?;
        let root = document.root_element();
        out.begin_object();
        out.key(name(root, &document));
        element(root, &document, out, 0);
        out.end_object();
        Some(())
    })
}

/// The name as written, with its prefix.
fn name<'x>(node: Node<'x, 'x>, document: &'x Document<'x>) -> &'x str {
    let start = document.input_text().get(node.range().start + 1..).unwrap_or_default();
    let end =
        start.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(start.len());
    start
        .get(..end)
        .filter(|n| n.ends_with(node.tag_name().name()))
        .unwrap_or(node.tag_name().name())
}

fn element<'x>(
    node: Node<'x, 'x>,
    document: &'x Document<'x>,
    out: &mut DynamicBuilder,
    depth: usize,
) {
    let text: String = node.children().filter(Node::is_text).filter_map(|n| n.text()).collect();
    let text = text.trim();
    let mut children: Vec<(&str, Vec<Node<'x, 'x>>)> = Vec::new();
    for child in node.children().filter(Node::is_element) {
        let name = name(child, document);
        match children.iter_mut().find(|(n, _)| *n == name) {
            Some((_, same)) => same.push(child),
            None => children.push((name, vec![child])),
        }
    }
    let attributes = attributes(node, document);
    if attributes.is_empty() && children.is_empty() {
        return if text.is_empty() { out.null() } else { scalar(text, out) };
    }
    if depth >= values::dynamic::DEPTH_MAX {
        return out.null();
    }
    out.begin_object();
    for (name, value) in attributes {
        out.key(&format!("@{name}"));
        scalar(value, out);
    }
    if !text.is_empty() {
        out.key("#text");
        scalar(text, out);
    }
    for (name, same) in children {
        out.key(name);
        if let [only] = same.as_slice() {
            element(*only, document, out, depth + 1);
        } else {
            out.begin_array();
            same.into_iter().for_each(|child| element(child, document, out, depth + 2));
            out.end_array();
        }
    }
    out.end_object();
}

/// Attributes in order, declarations of namespaces among them.
fn attributes<'x>(node: Node<'x, 'x>, document: &'x Document<'x>) -> Vec<(String, &'x str)> {
    let mut all = Vec::new();
    let outer =
        |uri: &str| node.parent_element().is_some_and(|p| p.namespaces().any(|n| n.uri() == uri));
    for namespace in node.namespaces().filter(|n| n.name() != Some("xml") && !outer(n.uri())) {
        let name = namespace.name().map_or("xmlns".to_owned(), |n| format!("xmlns:{n}"));
        all.push((name, namespace.uri()));
    }
    for attribute in node.attributes() {
        let written = document.input_text().get(attribute.range()).unwrap_or_default();
        let written = written.split(['=', ' ', '\t', '\n']).next().unwrap_or_default();
        let name = if written.ends_with(attribute.name()) { written } else { attribute.name() };
        all.push((name.to_owned(), attribute.value()));
    }
    all
}

/// Text; a number where its text would be printed exactly so again.
fn scalar(text: &str, out: &mut DynamicBuilder) {
    let numeric =
        text.len() < 25 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    if numeric {
        if let Some(value) = text.parse::<i64>().ok().filter(|v| v.to_string() == text) {
            return out.long(value);
        }
        if let Some(value) =
            text.parse::<f64>().ok().filter(|v| values::text::real_to_string(*v) == text)
        {
            return out.real(value);
        }
    }
    out.string(text);
}
