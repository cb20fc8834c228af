//! JSON to rows: arrays, single objects, wrapped arrays, NDJSON and objects one after another.
//!
//! The parser's tape goes straight into columns; no record is ever built. With a schema one pass suffices; without one
//! a first pass over all records finds names and types.

mod fields;
mod frame;
mod mend;
mod reader;
mod shape;
mod tape;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::Schema;
use simd_json::{Buffers, Tape};

use crate::problem::{ProblemCode, Problems};
use crate::sink::Sink;
use crate::{CollectError, Collected, Columns};
use fields::Fields;
use frame::Frames;
use reader::Reader;
use shape::Shape;

/// The parser's positions are 32 bits wide.
const DOCUMENT_MAX: usize = u32::MAX as usize;
/// Largest document that is mended and read again where it is no JSON: as much as a door takes.
const AGAIN_MAX: usize = 16 << 20;
/// Bytes of a broken document that a problem shows.
const SHOWN_BYTES: usize = 80;

/// How records meet a schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Which columns the rows get.
    pub columns: Columns,
    /// Also match `TimeGenerated [UTC]` to `TimeGenerated`, and names that differ only in case. For files; the
    /// ingestion APIs match exactly.
    pub lenient_names: bool,
}

/// Reads records of a known schema. The body is used as the parser's workspace and holds nothing useful afterwards.
///
/// Fields without a column are left out and told once each; values that do not fit their column are null and told.
/// Numbers and booleans written as text, datetimes of any form that `todatetime()` takes or as time since 1970, and
/// JSON text for dynamic columns are understood.
pub fn read(
    body: &mut [u8],
    schema: &Arc<Schema>,
    options: &Options,
) -> Result<Collected, CollectError> {
    let mut reader =
        Reader::new(Sink::new(Arc::clone(schema)), Fields::matching(options.lenient_names));
    each_document(body, &mut reader)?;
    Ok(reader.finish(options.columns))
}

/// Reads records without a schema: columns in the order in which fields first occur, each of the narrowest type that
/// holds all of its values, string where they are of different kinds.
///
/// `known` gives types that are settled beforehand, by name: those of a built-in table, say.
pub fn infer(body: &mut [u8], known: Option<&Schema>) -> Result<Collected, CollectError> {
    let mut shape = Shape::default();
    let mut copy = body.to_vec();
    each_document(&mut copy, &mut shape)?;
    drop(copy);
    let mut problems = Problems::default();
    let (schema, fields) = shape.into_schema(known, &mut problems);
    let mut reader = Reader::new(Sink::new(Arc::new(schema)), fields);
    reader.sink.problems = problems;
    each_document(body, &mut reader)?;
    Ok(reader.finish(Columns::All))
}

/// Takes the documents of a body one after another.
trait Visit {
    /// A document, as its tape. It may hold several records, unless it is known to be one.
    fn document(&mut self, tape: &Tape<'_>, is_record: bool);
    /// A piece of the body that is no JSON.
    fn broken(&mut self, piece: &str, error: &str);
}

/// Cuts the body into documents and shows each one's tape to the visitor. Broken ones among several are passed by; a
/// body that is broken as a whole is an error.
fn each_document(body: &mut [u8], visit: &mut impl Visit) -> Result<(), CollectError> {
    let frames = Frames::of(body)?;
    let mut buffers = Buffers::default();
    let mut tape = Tape(Vec::new());
    let (mut beginning, mut again) = (Vec::new(), Vec::new());
    let (whole, are_records) = (frames.is_whole(), frames.are_records());
    frames.each(body, |document, offset| {
        if document.len() > DOCUMENT_MAX {
            return Err(CollectError::TooLarge { limit: DOCUMENT_MAX });
        }
        let mut own = std::mem::replace(&mut tape, Tape(Vec::new())).reset();
        // What is shown of a broken document; the parser writes into the document itself.
        let shown = if whole { 0 } else { document.len().min(SHOWN_BYTES) };
        beginning.clear();
        beginning.extend_from_slice(document.get(..shown).unwrap_or_default());
        // the parser writes into what it reads: large files have no second try
        let is_small = document.len() <= AGAIN_MAX;
        again.clear();
        again.extend_from_slice(if is_small { document } else { &[] });
        let error = match simd_json::fill_tape(document, &mut buffers, &mut own) {
            Ok(()) => {
                visit.document(&own, are_records);
                tape = own.reset();
                return Ok(());
            }
            Err(error) => error,
        };
        let mut own = own.reset();
        if let Some(mut mended) = mend::mended(&again)
            && simd_json::fill_tape(&mut mended, &mut buffers, &mut own).is_ok()
        {
            visit.document(&own, are_records);
        } else if whole {
            return Err(json_error(&error, offset));
        } else {
            visit.broken(&String::from_utf8_lossy(&beginning), &error.to_string());
        }
        Ok(())
    })
}

fn json_error(error: &simd_json::Error, offset: usize) -> CollectError {
    CollectError::Json { offset: offset + error.index(), message: format!("{:?}", error.error()) }
}

/// Notes a piece that is no JSON.
fn note_broken(sink: &mut Sink, piece: &str, error: &str) {
    sink.skip(ProblemCode::Unreadable, || {
        format!("not valid JSON ({error}): {}", crate::problem::quote(piece))
    });
}
