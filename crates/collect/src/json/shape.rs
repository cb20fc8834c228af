//! Names and types of records without a schema.

use model::{ScalarType, Schema};
use simd_json::Tape;
use simd_json::tape::Node;

use super::fields::Fields;
use super::frame::records;
use super::{Visit, tape};
use crate::cell::Scalar;
use crate::infer::Kinds;
use crate::names;
use crate::problem::Problems;

/// What was seen of each field.
#[derive(Default)]
pub(super) struct Shape {
    fields: Fields,
    kinds: Vec<Kinds>,
    no_columns: Schema,
    records: usize,
}

impl Shape {
    /// The schema, and the fields settled on its columns.
    pub(super) fn into_schema(
        self,
        known: Option<&Schema>,
        problems: &mut Problems,
    ) -> (Schema, Fields) {
        let given: Vec<&str> = self.fields.iter().map(|f| &*f.name).collect();
        let mut columns: Vec<(String, ScalarType)> = Vec::with_capacity(given.len());
        let mut settled = Fields::default();
        // Fields of equal plain names (`A` and `A [UTC]`) stay apart here, by a number.
        for ((name, field), kinds) in
            names::clean(&given, problems).into_iter().zip(&given).zip(&self.kinds)
        {
            let fixed = known.and_then(|k| k.column(&name)).map(|c| c.ty);
            let ty = fixed.or_else(|| names::system_type(&name)).unwrap_or_else(|| kinds.ty());
            settled.settle((*field).into(), columns.len());
            columns.push((name, ty));
        }
        (Schema::new(columns), settled)
    }

    fn record(&mut self, nodes: &[Node<'_>], at: usize, len: usize) {
        self.fields.begin();
        let mut next = at + 1;
        for _ in 0..len {
            let Some(Node::String(key)) = nodes.get(next) else { break };
            let id = self.fields.find(key, &self.no_columns, self.records);
            if id >= self.kinds.len() {
                self.kinds.resize(id + 1, Kinds::NONE);
            }
            if let (Some(kinds), Some(node)) = (self.kinds.get_mut(id), nodes.get(next + 1)) {
                kinds.add(kind(node));
            }
            next = tape::after(nodes, next + 1);
        }
        self.records += 1;
    }
}

fn kind(node: &Node<'_>) -> Kinds {
    match tape::scalar(node) {
        None => Kinds::CONTAINER,
        Some(Scalar::Null) => Kinds::NONE,
        Some(Scalar::Bool(_)) => Kinds::BOOL,
        Some(Scalar::Long(_)) => Kinds::LONG,
        Some(Scalar::Text(text)) => Kinds::of_time(text),
        Some(_) => Kinds::REAL,
    }
}

impl Visit for Shape {
    fn document(&mut self, tape: &Tape<'_>, is_record: bool) {
        records(
            &tape.0,
            is_record,
            |_| false,
            |at| {
                if let Some(Node::Object { len, .. }) = tape.0.get(at) {
                    self.record(&tape.0, at, *len);
                }
            },
        );
    }

    fn broken(&mut self, _piece: &str, _error: &str) {}
}
