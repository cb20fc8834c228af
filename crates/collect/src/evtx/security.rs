//! Events of the Security channel as rows of SecurityEvent.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use ahash::RandomState;
use model::{DateTime, Schema};

use super::record::{Record, level_name};
use super::titles;
use crate::cell::{self, Scalar};
use crate::sink::Sink;
use crate::{Collected, Columns, builtin};

pub(super) const TABLE: &str = "SecurityEvent";

/// Events whose account is the one that logs on, not the one that asks for it.
const LOGON_EVENTS: &[&str] = &[
    "4624", "4625", "4634", "4647", "4768", "4769", "4770", "4771", "4772", "4773", "4776", "4777",
    "4778", "4779",
];

/// Kinds of logon.
const LOGON_TYPES: &[(&str, &str)] = &[
    ("0", "0 - System"),
    ("2", "2 - Interactive"),
    ("3", "3 - Network"),
    ("4", "4 - Batch"),
    ("5", "5 - Service"),
    ("7", "7 - Unlock"),
    ("8", "8 - NetworkCleartext"),
    ("9", "9 - NewCredentials"),
    ("10", "10 - RemoteInteractive"),
    ("11", "11 - CachedInteractive"),
    ("12", "12 - CachedRemoteInteractive"),
    ("13", "13 - CachedUnlock"),
];

struct Places {
    schema: Arc<Schema>,
    by_name: HashMap<String, usize, RandomState>,
}

fn places() -> &'static Places {
    static PLACES: OnceLock<Places> = OnceLock::new();
    PLACES.get_or_init(|| {
        let schema = builtin::schema(TABLE).unwrap_or_default();
        let named = schema.columns.iter().enumerate().map(|(at, c)| (c.name.to_string(), at));
        Places { by_name: named.collect(), schema }
    })
}

/// Grows rows of SecurityEvent.
pub(super) struct SecurityRows {
    pub(super) sink: Sink,
    places: &'static Places,
}

impl SecurityRows {
    pub(super) fn new() -> Self {
        let places = places();
        Self { sink: Sink::new(Arc::clone(&places.schema)), places }
    }

    /// Sets a cell once, if the value fits; EventData holds every value as it is.
    fn text(&mut self, column: &str, text: &str) {
        let Some(at) = self.places.by_name.get(column).copied() else { return };
        let fits = !text.is_empty() && self.sink.ty(at).is_some_and(|ty| cell::fits(ty, text));
        if fits && !self.sink.is_set(at) {
            self.sink.text(at, text);
        }
    }

    fn time(&mut self, column: &str, time: DateTime) {
        if let Some(at) = self.places.by_name.get(column) {
            self.sink.put(*at, Scalar::Time(time));
        }
    }

    /// Adds an event.
    pub(super) fn push(&mut self, record: &Record<'_>, received: DateTime) {
        self.header(record, received);
        self.accounts(record);
        if let Some(logon_type) = record.get("LogonType") {
            let named = LOGON_TYPES.iter().find(|(n, _)| *n == logon_type).map(|(_, name)| *name);
            self.text("LogonTypeName", named.unwrap_or(logon_type));
        }
        if let Some(path) = record.get("NewProcessName").or(record.get("ProcessName")) {
            self.text("Process", path.rsplit('\\').next().unwrap_or(path));
        }
        for (name, value) in &record.data {
            let value = value.trim();
            let guid = name
                .ends_with("Guid")
                .then(|| value.strip_prefix('{')?.strip_suffix('}'))
                .flatten();
            self.text(name, guid.unwrap_or(value));
        }
        self.text("EventData", &record.data_xml);
        self.sink.end_row();
    }

    fn header(&mut self, record: &Record<'_>, received: DateTime) {
        self.time("TimeGenerated", record.time.unwrap_or(received));
        self.time("TimeCollected", received);
        self.text("Computer", record.computer);
        self.text("Channel", record.channel);
        self.text("EventSourceName", record.provider);
        self.text("EventID", record.event_id);
        self.text("Version", record.version);
        self.text("Level", record.level);
        self.text("EventLevelName", level_name(record.level));
        self.text("Task", record.task);
        self.text("Opcode", record.opcode);
        self.text("Keywords", record.keywords);
        self.text("EventRecordId", record.record_id);
        self.text("Correlation", record.activity_id);
        self.text("SystemProcessId", record.process_id);
        self.text("SystemThreadId", record.thread_id);
        self.text("SystemUserId", record.user_sid);
        let activity = match titles::security(record.event_id) {
            Some(title) => format!("{} - {title}", record.event_id),
            None => record.event_id.to_owned(),
        };
        self.text("Activity", &activity);
    }

    fn accounts(&mut self, record: &Record<'_>) {
        let subject = account(record.get("SubjectDomainName"), record.get("SubjectUserName"));
        let target = account(record.get("TargetDomainName"), record.get("TargetUserName"));
        self.text("SubjectAccount", subject.as_deref().unwrap_or_default());
        self.text("TargetAccount", target.as_deref().unwrap_or_default());
        let own = if LOGON_EVENTS.contains(&record.event_id) {
            target.or(subject)
        } else {
            subject.or(target)
        };
        if let Some(own) = own {
            self.text("Account", &own);
            self.text("AccountType", if own.ends_with('$') { "Machine" } else { "User" });
        }
    }

    pub(super) fn finish(self) -> Collected {
        self.sink.finish(Columns::Seen)
    }
}

/// `DOMAIN\user`, or the user alone.
fn account(domain: Option<&str>, user: Option<&str>) -> Option<String> {
    let user = user?;
    Some(domain.map_or_else(|| user.to_owned(), |domain| format!("{domain}\\{user}")))
}
