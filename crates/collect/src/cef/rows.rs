//! Events as rows of CommonSecurityLog, in the way of the Azure Monitor agent.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use ahash::RandomState;
use model::{DateTime, Schema};

use super::Event;
use super::keys::{ACTIONS, KEYS, NUMBERED};
use crate::cell::{self, Scalar, text_time};
use crate::lines::Received;
use crate::problem::ProblemCode;
use crate::sink::Sink;
use crate::{Collected, Columns, builtin, syslog};

pub(crate) const TABLE: &str = "CommonSecurityLog";

/// Columns by extension key, and those of the header.
pub(super) struct Places {
    pub(super) schema: Arc<Schema>,
    /// Some keys fill two columns.
    pub(super) by_key: HashMap<String, Vec<usize>, RandomState>,
    activity: usize,
    additional: usize,
    class_id: usize,
    collector: usize,
    computer: usize,
    device_version: usize,
    product: usize,
    severity: usize,
    simplified_action: usize,
    time_generated: usize,
    vendor: usize,
}

pub(super) fn places() -> &'static Places {
    static PLACES: OnceLock<Places> = OnceLock::new();
    PLACES.get_or_init(|| {
        let schema = builtin::schema(TABLE).unwrap_or_default();
        // A column that the table lacks takes no value.
        let at = |name: &str| schema.position(name).unwrap_or(usize::MAX);
        Places {
            by_key: by_key(&schema),
            activity: at("Activity"),
            additional: at("AdditionalExtensions"),
            class_id: at("DeviceEventClassID"),
            collector: at("CollectorHostName"),
            computer: at("Computer"),
            device_version: at("DeviceVersion"),
            product: at("DeviceProduct"),
            severity: at("LogSeverity"),
            simplified_action: at("SimplifiedDeviceAction"),
            time_generated: at("TimeGenerated"),
            vendor: at("DeviceVendor"),
            schema,
        }
    })
}

fn by_key(schema: &Schema) -> HashMap<String, Vec<usize>, RandomState> {
    let mut map: HashMap<String, Vec<usize>, RandomState> = HashMap::default();
    let mut add = |key: String, column: String| {
        if let Some(at) = schema.position(&column) {
            map.entry(key).or_default().push(at);
        }
    };
    for (key, column) in KEYS {
        add((*key).to_owned(), (*column).to_owned());
    }
    for (key, column, count) in NUMBERED {
        for number in 1..=*count {
            add(format!("{key}{number}"), format!("{column}{number}"));
            add(format!("{key}{number}Label"), format!("{column}{number}Label"));
        }
    }
    map
}

/// Grows rows of CommonSecurityLog.
pub(crate) struct CefRows {
    pub(crate) sink: Sink,
    places: &'static Places,
    /// Keys without a column: `key=value;key=value`.
    additional: String,
}

impl CefRows {
    pub(crate) fn new() -> Self {
        let places = places();
        Self { sink: Sink::new(Arc::clone(&places.schema)), places, additional: String::new() }
    }

    /// Adds an event. Whatever has no column, or does not fit its column's type, goes to AdditionalExtensions.
    pub(crate) fn push(&mut self, event: &Event<'_>, received: &Received<'_>) {
        let header = syslog::parse(event.prefix, received.at);
        self.header(event, &header, received);
        self.additional.clear();
        for (key, value) in &event.extension {
            let columns = self.places.by_key.get(*key).map_or(&[][..], Vec::as_slice);
            let mut kept = false;
            for column in columns {
                kept |= self.cell(*column, value);
            }
            if !kept {
                self.add(key, value);
            }
        }
        let value = |key: &str| event.extension.iter().find(|(k, _)| *k == key).map(|(_, v)| &**v);
        self.sink.text(self.places.additional, &self.additional);
        if let Some(action) = value("act") {
            self.sink.text(self.places.simplified_action, simplified(action));
        }
        let time = ["rt", "end", "start"]
            .into_iter()
            .find_map(|key| event_time(value(key)?))
            .or(header.time);
        self.sink.put(self.places.time_generated, Scalar::Time(received.time_generated(time)));
        if event.cut_off {
            self.sink.problem(None, ProblemCode::Truncated, || {
                "the CEF line ends within its header; what it has is kept".to_owned()
            });
        }
        self.sink.end_row();
    }

    fn header(&mut self, event: &Event<'_>, header: &syslog::Message<'_>, received: &Received<'_>) {
        let (sink, at) = (&mut self.sink, self.places);
        // A lone word in front of the event is the host.
        let lone = Some(header.text).filter(|t| !t.is_empty() && !t.contains(' '));
        sink.text(at.computer, header.host.or(lone).or(received.peer).unwrap_or_default());
        sink.text(at.collector, received.collector.unwrap_or_default());
        sink.text(at.vendor, &event.vendor);
        sink.text(at.product, &event.product);
        sink.text(at.device_version, &event.device_version);
        sink.text(at.class_id, &event.class_id);
        sink.text(at.activity, &event.name);
        sink.text(at.severity, &event.severity);
    }

    /// Stores a value in its column; false when it does not fit or the column has a value.
    fn cell(&mut self, column: usize, value: &str) -> bool {
        if value.is_empty() {
            return true;
        }
        let fits = self.sink.ty(column).is_some_and(|ty| cell::fits(ty, value));
        if !fits || self.sink.is_set(column) {
            return false;
        }
        self.sink.text(column, value);
        true
    }

    fn add(&mut self, key: &str, value: &str) {
        if !self.additional.is_empty() {
            self.additional.push(';');
        }
        if !key.is_empty() {
            self.additional.push_str(key);
            self.additional.push('=');
        }
        self.additional.push_str(value);
    }

    pub(crate) fn finish(self) -> Collected {
        self.sink.finish(Columns::Seen)
    }
}

fn event_time(value: &str) -> Option<DateTime> {
    cell::time(value).or_else(|| text_time(value.trim_matches('"')))
}

/// `Deny` or `Allow` for the many words for them, else the device's own.
fn simplified(action: &str) -> &str {
    ACTIONS
        .iter()
        .find(|(words, _)| words.iter().any(|w| w.eq_ignore_ascii_case(action)))
        .map_or(action, |(_, simple)| simple)
}
