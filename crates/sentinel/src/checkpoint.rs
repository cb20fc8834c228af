//! Where a rule stands: which window is next, whether it pauses, how its last run went and what its runs cost.

use model::DateTime;
use serde_json::{Map, Value, json};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// When it ran.
    pub at: DateTime,
    /// End of its window.
    pub window_end: DateTime,
    /// `Success` or `Failure`.
    pub succeeded: bool,
    /// For a failure what is wrong; else what came of it.
    pub description: String,
    /// Code of a failure, `SEM0100`; empty else.
    pub reason: String,
}

/// What all runs of a rule cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Runs.
    pub runs: u64,
    /// Of them failed.
    pub failures: u64,
    /// Alerts made.
    pub alerts: u64,
    /// Wall time of the queries, microseconds.
    pub elapsed_us: u64,
    /// CPU time of the queries, microseconds.
    pub cpu_us: u64,
    /// Rows read.
    pub rows_read: u64,
    /// Windows passed over because too many were missed.
    pub windows_missed: u64,
}

/// A rule's place in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// False while the rule is disabled: when it runs again, it starts afresh instead of catching up.
    pub active: bool,
    /// End of the next window.
    pub next_end: DateTime,
    /// End of the last window that was run or passed over.
    pub last_end: Option<DateTime>,
    /// No window that ends before this is run.
    pub suppressed_until: Option<DateTime>,
    /// Failed attempts at the next window.
    pub attempts: u32,
    /// Not before this.
    pub retry_at: Option<DateTime>,
    /// How the last run went.
    pub last_run: Option<LastRun>,
    /// Cost so far.
    pub cost: Cost,
}

impl Checkpoint {
    /// A rule that runs for the first time.
    pub fn starting(next_end: DateTime) -> Self {
        Self {
            active: true,
            next_end,
            last_end: None,
            suppressed_until: None,
            attempts: 0,
            retry_at: None,
            last_run: None,
            cost: Cost::default(),
        }
    }

    /// A rule that runs again after it was disabled.
    #[must_use]
    pub fn restarting(self, next_end: DateTime) -> Self {
        Self { last_run: self.last_run, cost: self.cost, ..Self::starting(next_end) }
    }

    /// As stored.
    pub fn to_json(&self) -> Value {
        let cost = self.cost;
        json!({
            "active": self.active,
            "nextEnd": self.next_end.to_string(),
            "lastEnd": text(self.last_end),
            "suppressedUntil": text(self.suppressed_until),
            "attempts": self.attempts,
            "retryAt": text(self.retry_at),
            "lastRun": self.last_run.as_ref().map(LastRun::to_json),
            "cost": {
                "runs": cost.runs,
                "failures": cost.failures,
                "alerts": cost.alerts,
                "elapsedMicroseconds": cost.elapsed_us,
                "cpuMicroseconds": cost.cpu_us,
                "rowsRead": cost.rows_read,
                "windowsMissed": cost.windows_missed,
            },
        })
    }

    /// Reads what is stored.
    pub fn from_json(value: &Value) -> Option<Self> {
        let cost = value.get("cost")?;
        let count = |name: &str| cost.get(name).and_then(Value::as_u64).unwrap_or(0);
        let attempts = value.get("attempts").and_then(Value::as_u64).unwrap_or(0);
        Some(Self {
            active: value.get("active")?.as_bool()?,
            next_end: time(value, "nextEnd")?,
            last_end: time(value, "lastEnd"),
            suppressed_until: time(value, "suppressedUntil"),
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            retry_at: time(value, "retryAt"),
            last_run: value.get("lastRun").and_then(Value::as_object).and_then(LastRun::from_json),
            cost: Cost {
                runs: count("runs"),
                failures: count("failures"),
                alerts: count("alerts"),
                elapsed_us: count("elapsedMicroseconds"),
                cpu_us: count("cpuMicroseconds"),
                rows_read: count("rowsRead"),
                windows_missed: count("windowsMissed"),
            },
        })
    }
}

impl LastRun {
    /// As stored and as the rule's status shows it.
    pub fn to_json(&self) -> Value {
        json!({
            "timeUtc": self.at.to_string(),
            "windowEndUtc": self.window_end.to_string(),
            "status": if self.succeeded { "Success" } else { "Failure" },
            "reason": self.reason,
            "description": self.description,
        })
    }

    fn from_json(map: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| map.get(name).and_then(Value::as_str);
        Some(Self {
            at: DateTime::parse(text("timeUtc")?)?,
            window_end: DateTime::parse(text("windowEndUtc")?)?,
            succeeded: text("status")? == "Success",
            description: text("description").unwrap_or("").to_owned(),
            reason: text("reason").unwrap_or("").to_owned(),
        })
    }
}

fn text(at: Option<DateTime>) -> Option<String> {
    at.map(|at| at.to_string())
}

fn time(value: &Value, name: &str) -> Option<DateTime> {
    value.get(name)?.as_str().and_then(DateTime::parse)
}
