//! The story: a guessed password, a rare program, a cleared log, and the same person in two countries at once.

use model::{DateTime, TimeSpan};
use serde_json::{Map, Value, json};

/// An attack, told in rows.
pub(super) struct Story {
    /// Part of every name in it.
    pub(super) label: String,
    /// When it began.
    pub(super) begun: DateTime,
    /// What happened, in order.
    pub(super) chapters: Vec<Chapter>,
}

/// Rows of one table, and the shipped rule that should tell of them.
pub(super) struct Chapter {
    pub(super) title: &'static str,
    /// MITRE ATT&CK.
    pub(super) technique: &'static str,
    pub(super) table: &'static str,
    /// Id of the rule; empty where none is meant to fire.
    pub(super) rule: &'static str,
    /// What the title of the rule's incident has in it.
    pub(super) title_part: &'static str,
    pub(super) records: Vec<Value>,
}

/// Ids of shipped rules.
const LOGON_AFTER_FAILURES: &str = "3daff107-83d0-4cf0-93fa-489a73844fae";
const RARE_PROCESS: &str = "eb5d833a-237e-40b1-bc54-7038b67aaf61";
const LOG_CLEARED: &str = "70ce996b-6490-423b-94d0-20c5ec8e70c5";
const IMPOSSIBLE_TRAVEL: &str = "799284df-8d87-4c93-9216-35e0a595a921";

/// An address from the range kept for documentation.
const ATTACKER: &str = "203.0.113.66";

impl Story {
    /// The story as of now; `mark` keeps two of them apart.
    pub(super) fn new(mark: &str, now: DateTime) -> Self {
        let label = format!("drill-{mark}");
        let scene = Scene {
            host: format!("{label}-pc"),
            user: format!("{label}-ann"),
            now,
            label: label.clone(),
        };
        Self { chapters: scene.chapters(), label, begun: now }
    }
}

struct Scene {
    label: String,
    host: String,
    user: String,
    now: DateTime,
}

impl Scene {
    fn chapters(&self) -> Vec<Chapter> {
        vec![
            Chapter {
                title: "an ordinary working day, two days ago",
                technique: "no attack",
                table: "SecurityEvent",
                rule: "",
                title_part: "",
                records: self.ordinary_day(),
            },
            Chapter {
                title: "many failed logons, then a success",
                technique: "T1110",
                table: "SecurityEvent",
                rule: LOGON_AFTER_FAILURES,
                title_part: "failures from",
                records: self.guessed_password(),
            },
            Chapter {
                title: "a program that never ran before",
                technique: "T1204",
                table: "SecurityEvent",
                rule: RARE_PROCESS,
                title_part: "never seen before",
                records: vec![self.process(
                    seconds(90),
                    &format!("C:\\Users\\Public\\{}.exe", self.label),
                    "explorer.exe",
                )],
            },
            Chapter {
                title: "the security log is cleared",
                technique: "T1070.001",
                table: "SecurityEvent",
                rule: LOG_CLEARED,
                title_part: "log cleared on",
                records: vec![self.event(
                    seconds(5),
                    1102,
                    "The audit log was cleared",
                    &[("SubjectUserName", json!(self.user)), ("SubjectDomainName", json!("DRILL"))],
                )],
            },
            Chapter {
                title: "sign-ins from two countries within minutes",
                technique: "T1078",
                table: "SigninLogs",
                rule: IMPOSSIBLE_TRAVEL,
                title_part: "signed in from",
                records: vec![
                    self.sign_in(seconds(900), "198.51.100.7", "DE", "Berlin", 52.52, 13.405),
                    self.sign_in(seconds(240), ATTACKER, "BR", "São Paulo", -23.55, -46.63),
                ],
            },
        ]
    }

    fn ordinary_day(&self) -> Vec<Value> {
        let programs = ["explorer.exe", "outlook.exe", "teams.exe", "winword.exe", "svchost.exe"];
        let start = |(at, name): (usize, &&str)| {
            let ago = seconds(2 * 86_400 + at as i64 * 600);
            self.process(ago, &format!("C:\\Windows\\{name}"), "userinit.exe")
        };
        programs.iter().enumerate().map(start).collect()
    }

    fn guessed_password(&self) -> Vec<Value> {
        let logon = |ago: i64, id: i64, activity: &str| {
            self.event(
                seconds(ago),
                id,
                activity,
                &[
                    ("TargetUserName", json!(self.user)),
                    ("TargetDomainName", json!("DRILL")),
                    ("TargetAccount", json!(format!("DRILL\\{}", self.user))),
                    ("IpAddress", json!(ATTACKER)),
                    ("LogonType", json!(3)),
                ],
            )
        };
        let failures =
            (0..15).map(|n| logon(600 - n * 20, 4625, "4625 - An account failed to log on."));
        failures
            .chain([logon(240, 4624, "4624 - An account was successfully logged on.")])
            .collect()
    }

    fn process(&self, ago: TimeSpan, path: &str, parent: &str) -> Value {
        self.event(
            ago,
            4688,
            "4688 - A new process has been created.",
            &[
                ("NewProcessName", json!(path)),
                ("CommandLine", json!(path)),
                ("ParentProcessName", json!(format!("C:\\Windows\\{parent}"))),
                ("SubjectUserName", json!(self.user)),
                ("SubjectDomainName", json!("DRILL")),
            ],
        )
    }

    fn event(&self, ago: TimeSpan, id: i64, activity: &str, more: &[(&str, Value)]) -> Value {
        let mut record = Map::new();
        record.insert("TimeGenerated".into(), self.at(ago).into());
        record.insert("Computer".into(), self.host.as_str().into());
        record.insert("EventID".into(), id.into());
        record.insert("Activity".into(), activity.into());
        record.insert("EventSourceName".into(), "Microsoft-Windows-Security-Auditing".into());
        record.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        record.into()
    }

    fn sign_in(
        &self,
        ago: TimeSpan,
        address: &str,
        country: &str,
        city: &str,
        latitude: f64,
        longitude: f64,
    ) -> Value {
        json!({
            "TimeGenerated": self.at(ago),
            "UserPrincipalName": format!("{}@contoso.example", self.user),
            "UserDisplayName": format!("Ann ({})", self.label),
            "IPAddress": address,
            "Location": country,
            "LocationDetails": {
                "countryOrRegion": country,
                "city": city,
                "geoCoordinates": { "latitude": latitude, "longitude": longitude },
            },
            "ResultType": "0",
            "AppDisplayName": "Office 365",
        })
    }

    fn at(&self, ago: TimeSpan) -> String {
        self.now.checked_sub(ago).unwrap_or(self.now).to_string()
    }
}

const fn seconds(n: i64) -> TimeSpan {
    TimeSpan::from_ticks(n * 10_000_000)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_chapter_is_labelled_and_names_a_rule_that_ships() {
        let now = DateTime::parse("2026-03-01T12:00:00Z").unwrap();
        let story = Story::new("abc123", now);
        for chapter in &story.chapters {
            assert!(!chapter.records.is_empty(), "{}", chapter.title);
            assert!(
                chapter.records.iter().all(|r| r.to_string().contains("drill-abc123")),
                "{}",
                chapter.title
            );
            let schema = collect::builtin_schema(chapter.table).unwrap();
            for record in &chapter.records {
                let unknown: Vec<_> = record
                    .as_object()
                    .unwrap()
                    .keys()
                    .filter(|k| schema.column(k).is_none())
                    .collect();
                assert!(unknown.is_empty(), "{}: {unknown:?}", chapter.title);
            }
            if !chapter.rule.is_empty() {
                let ships =
                    |(_, text): &(&str, &str)| text.contains(&format!("id: {}", chapter.rule));
                assert!(content::files("analytics-rules").iter().any(ships), "{}", chapter.rule);
            }
        }
    }
}
