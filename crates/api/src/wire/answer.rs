//! Answers made of text and rows. Small ones are written at once; large ones piece by piece as the client reads them,
//! so that an answer nobody reads takes no more memory than its columns.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::Frame;
use model::{Batch, Rows};

use super::cells::{Dialect, write_row_range};
use super::error::{bytes_response, json_headers};

/// Cells of an answer that is written at once.
const CELLS_AT_ONCE: usize = 20_000;
/// Bytes of one piece of a larger one.
const PIECE_BYTES: usize = 128 << 10;
/// Rows between two looks at the size of a piece.
const ROWS_PER_STEP: usize = 64;

/// A JSON body under construction.
#[derive(Default)]
pub(crate) struct Pieces {
    pieces: VecDeque<Piece>,
    /// What follows them.
    end: Vec<u8>,
}

enum Piece {
    Text(Vec<u8>),
    Rows(Cursor),
}

/// Rows on their way out: where the writing stands.
struct Cursor {
    rows: Rows,
    dialect: Dialect,
    batch: usize,
    row: usize,
    first: bool,
}

impl Pieces {
    /// Begins with text.
    pub(crate) fn new(text: &str) -> Self {
        Self { pieces: VecDeque::new(), end: text.as_bytes().to_vec() }
    }

    /// The text at the end, to be added to.
    pub(crate) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.end
    }

    /// Adds rows as `[[..],[..]]`.
    pub(crate) fn rows(&mut self, rows: &Rows, dialect: Dialect) {
        self.end.push(b'[');
        self.pieces.push_back(Piece::Text(std::mem::take(&mut self.end)));
        let cursor = Cursor { rows: rows.clone(), dialect, batch: 0, row: 0, first: true };
        self.pieces.push_back(Piece::Rows(cursor));
        self.end.push(b']');
    }

    /// Adds another body's pieces.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.pieces.push_back(Piece::Text(std::mem::take(&mut self.end)));
        self.pieces.append(&mut other.pieces);
        self.end = other.end;
    }

    /// The whole, written.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.fill(&mut out, usize::MAX) {}
        out
    }

    /// The answer with this body.
    pub(crate) fn into_response(self, status: u16) -> Response {
        let cells: usize = self
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(_) => 0,
                Piece::Rows(c) => c.rows.len().saturating_mul(c.rows.schema.len()),
            })
            .sum();
        if cells <= CELLS_AT_ONCE {
            return bytes_response(status, self.into_bytes());
        }
        let mut response = Response::new(Body::new(Streamed(self)));
        json_headers(&mut response, status);
        response
    }

    /// Writes until `out` holds about `size` bytes; false once there is nothing left.
    fn fill(&mut self, out: &mut Vec<u8>, size: usize) -> bool {
        while out.len() < size {
            match self.pieces.front_mut() {
                None if self.end.is_empty() => return false,
                None => out.append(&mut self.end),
                Some(Piece::Text(text)) => {
                    out.append(text);
                    self.pieces.pop_front();
                }
                Some(Piece::Rows(cursor)) => {
                    if !cursor.fill(out, size) {
                        self.pieces.pop_front();
                    }
                }
            }
        }
        true
    }
}

impl Cursor {
    /// Writes rows until `out` holds about `size` bytes; false once all are written.
    fn fill(&mut self, out: &mut Vec<u8>, size: usize) -> bool {
        while out.len() < size {
            let Some(batch) = self.rows.batches.get(self.batch) else { return false };
            let end = self.row.saturating_add(ROWS_PER_STEP).min(batch.rows);
            let types = &self.rows.schema;
            write_row_range(types, batch, self.row..end, self.dialect, &mut self.first, out);
            self.row = end;
            if end >= batch.rows {
                (self.batch, self.row) = (self.batch + 1, 0);
                if let Some(done) = self.rows.batches.get_mut(self.batch - 1) {
                    *done = Batch::default(); // its memory is free from now on
                }
            }
        }
        true
    }
}

struct Streamed(Pieces);

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut out = Vec::with_capacity(PIECE_BYTES + (PIECE_BYTES >> 3));
        self.0.fill(&mut out, PIECE_BYTES);
        Poll::Ready((!out.is_empty()).then(|| Ok(Frame::data(Bytes::from(out)))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::Arc;

    use http_body_util::BodyExt;
    use model::{ScalarType, Schema, Value};

    use super::*;

    #[tokio::test]
    async fn pieces_give_the_same_text_as_the_whole() {
        for count in [0, 1, 63, 64, 65, 40_000] {
            let schema =
                Arc::new(Schema::new([("n", ScalarType::Long), ("s", ScalarType::String)]));
            let values = (0..count).map(|n| vec![Value::Long(n), Value::string("x\"y")]);
            let mut rows = Rows::from_values(schema, values);
            let (half, length) = (rows.batches[0].rows / 2, rows.batches[0].rows);
            let whole = rows.batches.remove(0);
            rows.batches =
                vec![whole.slice(0, half), Batch::default(), whole.slice(half, length - half)];
            let mut pieces = Pieces::new("{\"rows\":");
            pieces.rows(&rows, Dialect::LogAnalytics);
            pieces.text().extend_from_slice(b",\"more\":");
            pieces.rows(&Rows::default(), Dialect::LogAnalytics);
            pieces.text().push(b'}');
            let response = pieces.into_response(200);
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let found = value["rows"].as_array().unwrap();
            assert_eq!(found.len(), usize::try_from(count).unwrap());
            assert!(found.iter().enumerate().all(|(i, row)| row[0] == i && row[1] == "x\"y"));
            assert_eq!(value["more"], serde_json::json!([]));
        }
    }
}
