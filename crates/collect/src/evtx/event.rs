//! Events as rows of the Event table.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use model::{DateTime, Schema};

use super::record::{Record, level_name};
use super::titles;
use crate::cell::Scalar;
use crate::sink::Sink;
use crate::{Collected, Columns, builtin};

pub(super) const TABLE: &str = "Event";

/// Accounts that every Windows has.
const KNOWN_SIDS: &[(&str, &str)] = &[
    ("S-1-5-18", "NT AUTHORITY\\SYSTEM"),
    ("S-1-5-19", "NT AUTHORITY\\LOCAL SERVICE"),
    ("S-1-5-20", "NT AUTHORITY\\NETWORK SERVICE"),
];

/// Grows rows of the Event table.
pub(super) struct EventRows {
    pub(super) sink: Sink,
    schema: Arc<Schema>,
}

fn schema() -> Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    Arc::clone(SCHEMA.get_or_init(|| builtin::schema(TABLE).unwrap_or_default()))
}

impl EventRows {
    pub(super) fn new() -> Self {
        let schema = schema();
        Self { sink: Sink::new(Arc::clone(&schema)), schema }
    }

    fn text(&mut self, column: &str, text: &str) {
        if let Some(at) = self.schema.position(column) {
            self.sink.text(at, text);
        }
    }

    fn time(&mut self, column: &str, time: DateTime) {
        if let Some(at) = self.schema.position(column) {
            self.sink.put(at, Scalar::Time(time));
        }
    }

    /// Adds an event.
    pub(super) fn push(&mut self, record: &Record<'_>, received: DateTime) {
        let time = record.time.unwrap_or(received);
        self.time("TimeGenerated", time);
        self.time("TimeCollected", received);
        self.text("Source", record.provider);
        self.text("EventLog", record.channel);
        self.text("EventID", record.event_id);
        self.text("EventLevel", record.level);
        self.text("EventLevelName", level_name(record.level));
        self.text("EventCategory", record.task);
        self.text("Computer", record.computer);
        let known =
            KNOWN_SIDS.iter().find(|(sid, _)| *sid == record.user_sid).map(|(_, name)| *name);
        self.text(
            "UserName",
            known.unwrap_or(if record.user_sid.is_empty() { "N/A" } else { record.user_sid }),
        );
        if !record.data_xml.is_empty() {
            // The envelope in which the service keeps the data, and for which content queries look.
            let data = format!(
                "<DataItem type=\"System.XmlData\" time=\"{time}\">{}</DataItem>",
                record.data_xml
            );
            self.text("EventData", &data);
        }
        self.text("ParameterXml", &parameters(record));
        self.text("RenderedDescription", &description(record));
        self.sink.end_row();
    }

    /// Adds an event whose XML does not parse.
    pub(super) fn push_unread(&mut self, xml: &str, received: DateTime) {
        self.time("TimeGenerated", received);
        self.text("EventData", xml);
        self.sink.end_row();
    }

    pub(super) fn finish(self) -> Collected {
        self.sink.finish(Columns::Seen)
    }
}

/// The values in order: `<Param>a</Param><Param>b</Param>`.
fn parameters(record: &Record<'_>) -> String {
    let mut out = String::new();
    for (_, value) in &record.data {
        out.push_str("<Param>");
        for c in value.chars() {
            match c {
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '&' => out.push_str("&amp;"),
                other => out.push(other),
            }
        }
        out.push_str("</Param>");
    }
    out
}

/// A log file does not hold the provider's message texts, so the description is made of what it does hold: the title
/// of well-known events, then `name: value` a line.
fn description(record: &Record<'_>) -> String {
    let title = match record.provider {
        "Microsoft-Windows-Sysmon" => {
            titles::sysmon(record.event_id).map(|title| format!("{title}:"))
        }
        "Microsoft-Windows-Eventlog" => titles::security(record.event_id).map(str::to_owned),
        _ => None,
    };
    let mut out = title.unwrap_or_default();
    for (name, value) in record.data.iter().filter(|(_, value)| !value.trim().is_empty()) {
        if !out.is_empty() {
            out.push('\n');
        }
        if !name.is_empty() {
            let _ = write!(out, "{name}: ");
        }
        out.push_str(value.trim());
    }
    out
}
