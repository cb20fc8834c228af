//! One event's XML taken apart.

use model::DateTime;
use roxmltree::{Document, Node};

use crate::cell::text_time;

/// The namespace of events, which the service writes on the EventData it keeps.
pub(super) const NAMESPACE: &str = "http://schemas.microsoft.com/win/2004/08/events/event";

/// An event: its header, and its data by name.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    pub(super) provider: &'a str,
    pub(super) event_id: &'a str,
    pub(super) version: &'a str,
    pub(super) level: &'a str,
    pub(super) task: &'a str,
    pub(super) opcode: &'a str,
    pub(super) keywords: &'a str,
    pub(super) time: Option<DateTime>,
    pub(super) record_id: &'a str,
    pub(super) activity_id: &'a str,
    pub(super) process_id: &'a str,
    pub(super) thread_id: &'a str,
    pub(super) channel: &'a str,
    pub(super) computer: &'a str,
    pub(super) user_sid: &'a str,
    /// (name, value) in order; values of classic events have no name.
    pub(super) data: Vec<(&'a str, &'a str)>,
    /// EventData or UserData as XML.
    pub(super) data_xml: String,
}

impl<'a> Record<'a> {
    pub(super) fn read(document: &'a Document<'a>) -> Self {
        let root = document.root_element();
        let mut record = Self::default();
        for part in root.children().filter(Node::is_element) {
            match part.tag_name().name() {
                "System" => record.system(part),
                "EventData" => {
                    record.event_data(part);
                    record.data_xml = data_xml(document, part);
                }
                "UserData" => {
                    record.user_data(part);
                    record.data_xml = data_xml(document, part);
                }
                _ => {}
            }
        }
        record
    }

    fn system(&mut self, system: Node<'a, 'a>) {
        for field in system.children().filter(Node::is_element) {
            let text = field.text().unwrap_or_default().trim();
            let attribute = |name: &str| field.attribute(name).unwrap_or_default();
            match field.tag_name().name() {
                "Provider" => {
                    self.provider = field
                        .attribute("Name")
                        .or(field.attribute("EventSourceName"))
                        .unwrap_or_default();
                }
                "EventID" => self.event_id = text,
                "Version" => self.version = text,
                "Level" => self.level = text,
                "Task" => self.task = text,
                "Opcode" => self.opcode = text,
                "Keywords" => self.keywords = text,
                "TimeCreated" => self.time = text_time(attribute("SystemTime")),
                "EventRecordID" => self.record_id = text,
                "Correlation" => self.activity_id = attribute("ActivityID"),
                "Execution" => {
                    self.process_id = attribute("ProcessID");
                    self.thread_id = attribute("ThreadID");
                }
                "Channel" => self.channel = text,
                "Computer" => self.computer = text,
                "Security" => self.user_sid = attribute("UserID"),
                _ => {}
            }
        }
    }

    /// `<Data Name="x">value</Data>`, and whatever else stands there.
    fn event_data(&mut self, node: Node<'a, 'a>) {
        for data in node.children().filter(Node::is_element) {
            let name = data.attribute("Name").unwrap_or(match data.tag_name().name() {
                "Data" => "",
                other => other,
            });
            self.data.push((name, data.text().unwrap_or_default()));
        }
    }

    /// The leaves of the provider's own element, by their names.
    fn user_data(&mut self, node: Node<'a, 'a>) {
        let leaves =
            node.descendants().filter(|n| n.is_element() && !n.children().any(|c| c.is_element()));
        self.data
            .extend(leaves.map(|leaf| (leaf.tag_name().name(), leaf.text().unwrap_or_default())));
    }

    /// The value of a name; none when absent or a mere dash.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.data.iter().find(|(n, _)| *n == name).map(|(_, value)| value.trim());
        found.filter(|value| !value.is_empty() && *value != "-")
    }
}

/// The element with its namespace, as the service keeps it.
fn data_xml(document: &Document<'_>, node: Node<'_, '_>) -> String {
    let text = document.input_text().get(node.range()).unwrap_or_default();
    let name = node.tag_name().name();
    match text.strip_prefix('<').and_then(|rest| rest.strip_prefix(name)) {
        Some(rest) if !rest.trim_start().starts_with("xmlns") => {
            format!("<{name} xmlns=\"{NAMESPACE}\"{rest}")
        }
        _ => text.to_owned(),
    }
}

/// Name of an event level.
pub(super) fn level_name(level: &str) -> &'static str {
    match level {
        "0" => "LogAlways",
        "1" => "Critical",
        "2" => "Error",
        "3" => "Warning",
        "4" => "Information",
        "5" => "Verbose",
        _ => "",
    }
}
