//! Windows event logs (EVTX): the Security channel to SecurityEvent, all others to Event.

mod event;
mod record;
mod security;
#[cfg(test)]
mod tests;
mod titles;

use ::evtx::{EvtxParser, ParserSettings};
use model::DateTime;

use crate::problem::{ProblemCode, Problems, quote};
use crate::{CollectError, Part};
use event::EventRows;
use record::Record;
use security::SecurityRows;

/// The first bytes of an event log.
pub(crate) const MAGIC: &[u8] = b"ElfFile\0";

/// Reads all records of an event log. Rows carry the events' own times; `received` is when they were collected.
pub fn read(bytes: Vec<u8>, received: DateTime) -> Result<(Vec<Part>, Problems), CollectError> {
    let parser =
        EvtxParser::from_buffer(bytes).map_err(|error| CollectError::Evtx(error.to_string()))?;
    let mut parser = parser.with_configuration(ParserSettings::new().indent(false));
    let mut rows = Rows::new(received);
    for (index, record) in parser.records().enumerate() {
        rows.at(index);
        match record {
            Ok(record) => rows.record(&record.data),
            Err(error) => rows.broken(&error.to_string()),
        }
    }
    Ok(rows.finish())
}

/// Reads one event in the XML form that Windows renders.
pub fn read_xml(xml: &str, received: DateTime) -> (Vec<Part>, Problems) {
    let mut rows = Rows::new(received);
    rows.record(xml);
    rows.finish()
}

struct Rows {
    events: EventRows,
    security: SecurityRows,
    received: DateTime,
}

impl Rows {
    fn new(received: DateTime) -> Self {
        Self { events: EventRows::new(), security: SecurityRows::new(), received }
    }

    fn at(&mut self, index: usize) {
        self.events.sink.index = index;
        self.security.sink.index = index;
    }

    fn record(&mut self, xml: &str) {
        // Text of events may hold control characters that XML does not allow.
        let cleaned;
        let xml = if xml.bytes().any(is_control) {
            cleaned = xml.replace(|c: char| u8::try_from(c).is_ok_and(is_control), "\u{FFFD}");
            &*cleaned
        } else {
            xml
        };
        match roxmltree::Document::parse(xml) {
            Ok(document) => {
                let record = Record::read(&document);
                if record.channel.eq_ignore_ascii_case("Security") {
                    self.security.push(&record, self.received);
                } else {
                    self.events.push(&record, self.received);
                }
            }
            Err(error) => {
                self.events.push_unread(xml, self.received);
                self.events.sink.index = self.events.sink.index.saturating_sub(1);
                self.events.sink.problem(Some("EventData"), ProblemCode::Truncated, || {
                    format!(
                        "the event's XML does not parse ({error}); it is kept whole in EventData"
                    )
                });
            }
        }
    }

    fn broken(&mut self, error: &str) {
        self.events
            .sink
            .problem(None, ProblemCode::Unreadable, || format!("damaged record: {}", quote(error)));
    }

    fn finish(self) -> (Vec<Part>, Problems) {
        let tables =
            [(security::TABLE, self.security.finish()), (event::TABLE, self.events.finish())];
        let (mut parts, mut problems) = (Vec::new(), Problems::default());
        for (table, collected) in tables {
            problems.absorb(collected.problems, 0);
            if !collected.rows.is_empty() {
                parts.push(Part { table: table.to_owned(), rows: collected.rows });
            }
        }
        (parts, problems)
    }
}

const fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}
