//! Reading the parser's tape: a flat list in which a container is followed by all it holds.

use simd_json::StaticNode;
use simd_json::tape::Node;
use values::DynamicBuilder;
use values::dynamic::DEPTH_MAX;

use crate::cell::Scalar;

/// Where the value after the one at `at` begins.
pub(super) fn after(nodes: &[Node<'_>], at: usize) -> usize {
    match nodes.get(at) {
        Some(Node::Object { count, .. } | Node::Array { count, .. }) => at + count + 1,
        _ => at + 1,
    }
}

/// The node as a scalar; none for a container.
pub(super) fn scalar<'a>(node: &Node<'a>) -> Option<Scalar<'a>> {
    Some(match node {
        Node::String(text) => Scalar::Text(text),
        Node::Static(StaticNode::Null) => Scalar::Null,
        Node::Static(StaticNode::Bool(v)) => Scalar::Bool(*v),
        Node::Static(StaticNode::I64(v)) => Scalar::Long(*v),
        Node::Static(StaticNode::U64(v)) => {
            i64::try_from(*v).map_or(Scalar::ULong(*v), Scalar::Long)
        }
        Node::Static(StaticNode::F64(v)) => Scalar::Real(*v),
        Node::Array { .. } | Node::Object { .. } => return None,
    })
}

/// Adds the value at `at` to a dynamic one; false when parts were too deep to keep.
pub(super) fn build(nodes: &[Node<'_>], at: usize, builder: &mut DynamicBuilder) -> bool {
    build_at(nodes, at, builder, 0)
}

fn build_at(nodes: &[Node<'_>], at: usize, builder: &mut DynamicBuilder, depth: usize) -> bool {
    let Some(node) = nodes.get(at) else { return true };
    let is_container = matches!(node, Node::Array { .. } | Node::Object { .. });
    if is_container && depth >= DEPTH_MAX {
        builder.null();
        return false;
    }
    let mut whole = true;
    match node {
        Node::Object { len, .. } => {
            builder.begin_object();
            let mut next = at + 1;
            for _ in 0..*len {
                if let Some(Node::String(key)) = nodes.get(next) {
                    builder.key(key);
                }
                whole &= build_at(nodes, next + 1, builder, depth + 1);
                next = after(nodes, next + 1);
            }
            builder.end_object();
        }
        Node::Array { len, .. } => {
            builder.begin_array();
            let mut next = at + 1;
            for _ in 0..*len {
                whole &= build_at(nodes, next, builder, depth + 1);
                next = after(nodes, next);
            }
            builder.end_array();
        }
        Node::String(text) => builder.string(text),
        Node::Static(StaticNode::Null) => builder.null(),
        Node::Static(StaticNode::Bool(v)) => builder.bool(*v),
        Node::Static(StaticNode::I64(v)) => builder.long(*v),
        Node::Static(StaticNode::U64(v)) => match i64::try_from(*v) {
            Ok(v) => builder.long(v),
            Err(_) => builder.real(*v as f64),
        },
        Node::Static(StaticNode::F64(v)) => builder.real(*v),
    }
    whole
}

/// The value at `at` as compact JSON text. The parser's depth limit (1024) bounds the recursion.
pub(super) fn text(nodes: &[Node<'_>], at: usize, out: &mut Vec<u8>) {
    let Some(node) = nodes.get(at) else { return };
    match node {
        Node::Object { len, .. } => {
            out.push(b'{');
            let mut next = at + 1;
            for position in 0..*len {
                if position > 0 {
                    out.push(b',');
                }
                text(nodes, next, out);
                out.push(b':');
                text(nodes, next + 1, out);
                next = after(nodes, next + 1);
            }
            out.push(b'}');
        }
        Node::Array { len, .. } => {
            out.push(b'[');
            let mut next = at + 1;
            for position in 0..*len {
                if position > 0 {
                    out.push(b',');
                }
                text(nodes, next, out);
                next = after(nodes, next);
            }
            out.push(b']');
        }
        Node::String(value) => write(value, out),
        Node::Static(StaticNode::Null) => out.extend_from_slice(b"null"),
        Node::Static(StaticNode::Bool(v)) => write(v, out),
        Node::Static(StaticNode::I64(v)) => write(v, out),
        Node::Static(StaticNode::U64(v)) => write(v, out),
        Node::Static(StaticNode::F64(v)) => write(v, out),
    }
}

fn write(value: &(impl serde::Serialize + ?Sized), out: &mut Vec<u8>) {
    // Writing a scalar into memory does not fail.
    let _ = serde_json::to_writer(out, value);
}
