//! Lines of logs: CEF to CommonSecurityLog, other lines to Syslog; and plain lines to RawData.

use std::borrow::Cow;

use model::ScalarType;
use model::{DateTime, Schema};

use crate::cef::{self, CefRows};
use crate::cell::Scalar;
use crate::problem::Problems;
use crate::sink::Sink;
use crate::syslog::{self, SyslogRows};
use crate::{Collected, Columns, Part, text};

/// Circumstances under which lines arrived.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// When: `TimeGenerated` of rows, unless `event_time` is set.
    pub at: DateTime,
    /// Address of the sender, for `HostIP` and where a line names no host.
    pub peer: Option<&'a str>,
    /// This machine's name: `CollectorHostName`.
    pub collector: Option<&'a str>,
    /// Facility of syslog lines that name none, such as those of a log file.
    pub facility: Option<&'a str>,
    /// Take `TimeGenerated` from the event where it has a time: for files, which may be old.
    pub event_time: bool,
}

impl Received<'_> {
    /// Lines that arrive at this instant from nobody in particular.
    pub const fn at(at: DateTime) -> Self {
        Self { at, peer: None, collector: None, facility: None, event_time: false }
    }

    pub(crate) fn time_generated(&self, event: Option<DateTime>) -> DateTime {
        event.filter(|_| self.event_time).unwrap_or(self.at)
    }
}

/// Collects lines of any mixture of CEF and syslog.
pub struct LogLines<'a> {
    received: Received<'a>,
    cef: CefRows,
    syslog: SyslogRows,
    index: usize,
}

impl<'a> LogLines<'a> {
    /// No lines yet.
    pub fn new(received: Received<'a>) -> Self {
        Self { received, cef: CefRows::new(), syslog: SyslogRows::new(), index: 0 }
    }

    /// Takes a line, priority and header included. Every line becomes a row.
    pub fn push(&mut self, line: &str) {
        match cef::parse(line) {
            Some(event) => {
                self.cef.sink.index = self.index;
                self.cef.push(&event, &self.received);
            }
            None => {
                self.syslog.sink.index = self.index;
                self.syslog.push(&syslog::parse(line, self.received.at), &self.received);
            }
        }
        self.index += 1;
    }

    /// Takes a line whose encoding is unknown.
    pub fn push_bytes(&mut self, line: &[u8]) {
        let line: Cow<'_, str> = text::decode(line).text;
        self.push(&line);
    }

    /// Lines so far.
    pub fn len(&self) -> usize {
        self.index
    }

    /// True without lines.
    pub fn is_empty(&self) -> bool {
        self.index == 0
    }

    /// The rows by table; a table without rows is left out.
    pub fn finish(self) -> (Vec<Part>, Problems) {
        let tables = [(cef::TABLE, self.cef.finish()), (syslog::TABLE, self.syslog.finish())];
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

/// Each line that is not blank as a row of `RawData` and `TimeGenerated`.
pub(crate) fn raw(text: &str, at: DateTime) -> Collected {
    let columns = [("TimeGenerated", ScalarType::DateTime), ("RawData", ScalarType::String)];
    let mut sink = Sink::new(Schema::new(columns).into());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        sink.put(0, Scalar::Time(at));
        sink.text(1, line);
        sink.end_row();
    }
    sink.finish(Columns::All)
}
