//! Messages as rows of the Syslog table, in the way of the Azure Monitor agent.

use std::sync::{Arc, OnceLock};

use model::Schema;

use super::{Message, facility_name, severity_name};
use crate::cell::Scalar;
use crate::lines::Received;
use crate::sink::Sink;
use crate::{Collected, Columns, builtin};

pub(crate) const TABLE: &str = "Syslog";

/// Columns that messages fill.
struct Places {
    schema: Arc<Schema>,
    collector: usize,
    computer: usize,
    event_time: usize,
    facility: usize,
    host_ip: usize,
    host_name: usize,
    process_id: usize,
    process_name: usize,
    severity: usize,
    source_system: usize,
    text: usize,
    time_generated: usize,
}

fn places() -> &'static Places {
    static PLACES: OnceLock<Places> = OnceLock::new();
    PLACES.get_or_init(|| {
        let schema = builtin::schema(TABLE).unwrap_or_default();
        // A column that the table lacks takes no value.
        let at = |name: &str| schema.position(name).unwrap_or(usize::MAX);
        Places {
            collector: at("CollectorHostName"),
            computer: at("Computer"),
            event_time: at("EventTime"),
            facility: at("Facility"),
            host_ip: at("HostIP"),
            host_name: at("HostName"),
            process_id: at("ProcessID"),
            process_name: at("ProcessName"),
            severity: at("SeverityLevel"),
            source_system: at("SourceSystem"),
            text: at("SyslogMessage"),
            time_generated: at("TimeGenerated"),
            schema,
        }
    })
}

/// Grows rows of the Syslog table.
pub(crate) struct SyslogRows {
    pub(crate) sink: Sink,
    places: &'static Places,
}

impl SyslogRows {
    pub(crate) fn new() -> Self {
        let places = places();
        Self { sink: Sink::new(Arc::clone(&places.schema)), places }
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, message: &Message<'_>, received: &Received<'_>) {
        let (sink, at) = (&mut self.sink, self.places);
        let host = message.host.or(received.peer).unwrap_or_default();
        sink.text(at.computer, host);
        sink.text(at.host_name, host);
        sink.text(at.host_ip, received.peer.unwrap_or_default());
        sink.text(at.collector, received.collector.unwrap_or_default());
        sink.text(at.source_system, "Linux");
        // RFC 3164: a message without a priority is of user.notice.
        let facility = message.facility.and_then(facility_name);
        sink.text(at.facility, facility.or(received.facility).unwrap_or("user"));
        sink.text(at.severity, message.severity.and_then(severity_name).unwrap_or("notice"));
        sink.text(at.process_name, message.process.unwrap_or_default());
        if let Some(id) = message.process_id {
            sink.put(at.process_id, Scalar::Text(id));
        }
        if let Some(time) = message.time {
            sink.put(at.event_time, Scalar::Time(time));
        }
        sink.put(at.time_generated, Scalar::Time(received.time_generated(message.time)));
        match message.structured_data.filter(|data| has_private_data(data)) {
            Some(data) => sink.text(at.text, format!("{data} {}", message.text).trim_end()),
            None => sink.text(at.text, message.text),
        }
        sink.end_row();
    }

    pub(crate) fn finish(self) -> Collected {
        self.sink.finish(Columns::Seen)
    }
}

/// Registered elements (`timeQuality`, `origin`, `meta`) tell of the transport; only a vendor's own, named with an
/// enterprise number, are part of what is said.
fn has_private_data(data: &str) -> bool {
    data.split(['[', ']']).any(|element| {
        element
            .split_ascii_whitespace()
            .next()
            .is_some_and(|id| id.contains('@') && !id.contains('"'))
    })
}
