//! Syslog: RFC 5424, RFC 3164 and what devices make of them, to the columns of the Syslog table.

mod frame;
mod header;
mod rows;
#[cfg(test)]
mod tests;

use model::DateTime;

pub use frame::{Frame, next_frame};
pub(crate) use rows::{SyslogRows, TABLE};

/// Facilities by number, as the Azure Monitor agent names them.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];
/// Severities by number, as the Azure Monitor agent names them.
const SEVERITIES: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// One syslog message taken apart. Any text is one: what does not parse is all message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// Facility number, 0 to 23; none without a priority.
    pub facility: Option<u8>,
    /// Severity number, 0 to 7; none without a priority.
    pub severity: Option<u8>,
    /// When it happened, as the sender says. A time without a zone is taken as UTC.
    pub time: Option<DateTime>,
    /// Host, as the sender says.
    pub host: Option<&'a str>,
    /// Program: APP-NAME or the tag.
    pub process: Option<&'a str>,
    /// Process id: PROCID or what stands in brackets behind the tag.
    pub process_id: Option<&'a str>,
    /// MSGID of RFC 5424.
    pub message_id: Option<&'a str>,
    /// Structured data of RFC 5424, brackets included.
    pub structured_data: Option<&'a str>,
    /// The message itself.
    pub text: &'a str,
}

/// Takes a message apart. `received` gives the year that RFC 3164 leaves out.
pub fn parse(line: &str, received: DateTime) -> Message<'_> {
    header::parse(line, received)
}

/// Name of a facility number.
pub fn facility_name(number: u8) -> Option<&'static str> {
    FACILITIES.get(usize::from(number)).copied()
}

/// Name of a severity number.
pub fn severity_name(number: u8) -> Option<&'static str> {
    SEVERITIES.get(usize::from(number)).copied()
}
