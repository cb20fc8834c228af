//! Records of a tape into the columns of a known schema.

use std::sync::Arc;

use model::{ScalarType, Schema};
use simd_json::Tape;
use simd_json::tape::Node;

use super::fields::Fields;
use super::frame::records;
use super::{Visit, note_broken, tape};
use crate::problem::{ProblemCode, quote};
use crate::sink::Sink;
use crate::{Collected, Columns};

pub(super) struct Reader {
    pub(super) sink: Sink,
    schema: Arc<Schema>,
    fields: Fields,
    text: Vec<u8>,
}

impl Reader {
    pub(super) fn new(sink: Sink, fields: Fields) -> Self {
        let schema = Arc::clone(sink.schema());
        Self { sink, schema, fields, text: Vec::new() }
    }

    fn record(&mut self, nodes: &[Node<'_>], at: usize, len: usize) {
        self.fields.begin();
        let mut next = at + 1;
        for _ in 0..len {
            let Some(Node::String(key)) = nodes.get(next) else { break };
            let id = self.fields.find(key, &self.schema, self.sink.index);
            let column = self.fields.get_mut(id).and_then(|field| {
                field.records += 1;
                field.column
            });
            if let Some(column) = column {
                self.cell(nodes, next + 1, column);
            }
            next = tape::after(nodes, next + 1);
        }
        self.sink.end_row();
    }

    fn cell(&mut self, nodes: &[Node<'_>], at: usize, column: usize) {
        let Some(node) = nodes.get(at) else { return };
        if let Some(scalar) = tape::scalar(node) {
            return self.sink.put(column, scalar);
        }
        match self.sink.ty(column) {
            Some(ScalarType::Dynamic) if !self.sink.is_set(column) => {
                let mut whole = true;
                self.sink.build(column, |builder| whole = tape::build(nodes, at, builder));
                if !whole {
                    let name = self.schema.columns.get(column).map(|c| &*c.name);
                    self.sink.problem(name, ProblemCode::Truncated, || {
                        "the value is nested deeper than 128 levels; the deeper parts are null"
                            .to_owned()
                    });
                }
            }
            Some(ty) => {
                self.text.clear();
                tape::text(nodes, at, &mut self.text);
                let text = String::from_utf8_lossy(&self.text);
                if ty == ScalarType::String || ty == ScalarType::Dynamic {
                    self.sink.text(column, &text);
                } else {
                    self.sink.put_mismatch(column, &text);
                }
            }
            None => {}
        }
    }

    pub(super) fn finish(mut self, columns: Columns) -> Collected {
        for field in self.fields.iter().filter(|f| f.column.is_none()) {
            self.sink.index = field.first;
            self.sink.problem(Some(&field.name), ProblemCode::UnknownField, || {
                let name = quote(&field.name);
                format!("the table has no column {name}; left out of {} records", field.records)
            });
        }
        self.sink.finish(columns)
    }
}

impl Visit for Reader {
    fn document(&mut self, tape: &Tape<'_>, is_record: bool) {
        let schema = Arc::clone(&self.schema);
        records(
            &tape.0,
            is_record,
            |name| schema.position(name).is_some(),
            |at| match tape.0.get(at) {
                Some(Node::Object { len, .. }) => self.record(&tape.0, at, *len),
                _ => self.sink.skip(ProblemCode::NotARecord, || {
                    let mut text = Vec::new();
                    tape::text(&tape.0, at, &mut text);
                    format!("{} is no object", quote(&String::from_utf8_lossy(&text)))
                }),
            },
        );
    }

    fn broken(&mut self, piece: &str, error: &str) {
        note_broken(&mut self.sink, piece, error);
    }
}
