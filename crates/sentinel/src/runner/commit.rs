//! Stores what runs came to: each run whole or not at all.

use std::collections::BTreeMap;

use model::{DateTime, ResourceId};
use state::{Condition, Op, Store, StoreError};

use super::finish::Finished;
use super::rules::{Follower, Passed, put};
use super::{RuleRunner, Tick};
use crate::alert::{Alert, Generated, RunContext};
use crate::grouping::{self, Existing, Group, Placement};
use crate::health::{self, Failure};
use crate::ids;
use crate::incident::{Incident, IncidentStatus};
use crate::journal::Entry;
use crate::records::{Record, Table};
use crate::stored::{self, ALERTS, CHECKPOINTS, GROUPS, Numbers};

/// How often a run with alerts is stored again when an incident changed meanwhile.
const ATTEMPTS: usize = 16;

impl RuleRunner {
    /// Stores finished runs: those without alerts together, the others one by one.
    pub(super) fn store_finished(
        &self,
        follower: &mut Follower,
        finished: Vec<Finished>,
        tick: &mut Tick,
    ) -> Result<(), StoreError> {
        let (quiet, loud): (Vec<_>, Vec<_>) = finished.into_iter().partition(Finished::is_quiet);
        match self.store_quiet(follower, &quiet) {
            Ok(()) => quiet.iter().for_each(|run| count(tick, run, 0)),
            Err(StoreError::Conflict { .. } | StoreError::NotFound) if quiet.len() > 1 => {
                for run in quiet {
                    self.store_one(follower, &run, tick)?;
                }
            }
            Err(StoreError::Conflict { .. } | StoreError::NotFound) => {
                for run in quiet {
                    follower.refresh(&*self.store, &run.rule.key)?;
                }
            }
            Err(other) => return Err(other),
        }
        for run in loud {
            self.store_one(follower, &run, tick)?;
        }
        Ok(())
    }

    fn store_quiet(&self, follower: &mut Follower, runs: &[Finished]) -> Result<(), StoreError> {
        let mut ops: Vec<Op> = runs.iter().map(checkpoint_op).collect();
        let mut entries: BTreeMap<&str, (Entry, DateTime)> = BTreeMap::new();
        for run in runs {
            let (entry, _) = entries
                .entry(&run.rule.workspace.customer_id)
                .or_insert_with(|| (Entry::default(), run.now));
            entry.add(Table::SentinelHealth, health_record(run, run.outcome.as_ref()));
        }
        let batch = batch_id(runs);
        ops.extend(
            entries
                .iter()
                .filter_map(|(workspace, (entry, now))| entry.op(workspace, &batch, *now)),
        );
        if ops.is_empty() {
            return Ok(());
        }
        let documents = self.store.apply(ops)?;
        for (run, document) in runs.iter().zip(documents) {
            follower.stand(&run.rule.key, run.after.clone(), document.map(|d| d.etag));
        }
        Ok(())
    }

    /// Stores one run; a run whose rule somebody else moved on is dropped.
    fn store_one(
        &self,
        follower: &mut Follower,
        run: &Finished,
        tick: &mut Tick,
    ) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let mut transaction = Transaction::new(&*self.store, run, &self.options.portal_url);
            transaction.build()?;
            let opened = transaction.opened;
            match self.store.apply(transaction.into_ops()?) {
                Ok(documents) => {
                    let etag = documents.into_iter().next().flatten().map(|d| d.etag);
                    follower.stand(&run.rule.key, run.after.clone(), etag);
                    count(tick, run, opened);
                    return Ok(());
                }
                Err(StoreError::Conflict { collection, .. }) if collection == CHECKPOINTS => {
                    return follower.refresh(&*self.store, &run.rule.key);
                }
                Err(StoreError::Conflict { .. } | StoreError::NotFound) => {}
                Err(other) => return Err(other),
            }
        }
        tracing::warn!(
            rule = run.rule.key,
            "incidents change faster than alerts can join them; the window is tried again"
        );
        follower.refresh(&*self.store, &run.rule.key)
    }

    /// Stores where rules stand that passed windows over.
    pub(super) fn store_passed(
        &self,
        follower: &mut Follower,
        passed: Vec<Passed>,
        now: DateTime,
    ) -> Result<(), StoreError> {
        for passed in passed {
            let Passed { rule, before, after, missed } = passed;
            let mut ops = vec![put(&rule.key, &after, before.etag.as_deref())];
            let mut entry = Entry::default();
            if let Some(windows) = missed {
                let end = after.next_end;
                let window = crate::alert::Window { start: after.last_end.unwrap_or(end), end };
                let context =
                    RunContext { rule_id: &rule.id, workspace: &rule.workspace, window, now };
                entry.add(
                    Table::SentinelHealth,
                    health::missed_record(&rule.rule, &context, windows),
                );
            }
            let batch = ids::guid(&[
                "missed",
                &rule.key,
                &after.next_end.ticks().to_string(),
                &now.to_string(),
            ]);
            ops.extend(entry.op(&rule.workspace.customer_id, &batch, now));
            match self.store.apply(ops) {
                Ok(documents) => {
                    let etag = documents.into_iter().next().flatten().map(|d| d.etag);
                    follower.stand(&rule.key, after, etag);
                }
                Err(StoreError::Conflict { .. }) => follower.refresh(&*self.store, &rule.key)?,
                Err(other) => {
                    follower.stand(&rule.key, before.checkpoint, before.etag);
                    return Err(other);
                }
            }
        }
        Ok(())
    }
}

fn count(tick: &mut Tick, run: &Finished, opened: usize) {
    tick.runs += 1;
    tick.incidents += opened;
    match &run.outcome {
        Ok(generated) => tick.alerts += generated.alerts.len(),
        Err(_) => tick.failures += 1,
    }
}

fn checkpoint_op(run: &Finished) -> Op {
    put(&run.rule.key, &run.after, run.before.etag.as_deref())
}

fn health_record(run: &Finished, outcome: Result<&Generated, &Failure>) -> Record {
    let attempt = run.before.checkpoint.attempts;
    health::record(&run.rule.rule, &run.context(), outcome, &run.statistics, attempt)
}

/// Names the rows of these runs: the same for the same runs at the same time.
fn batch_id(runs: &[Finished]) -> String {
    let mut parts = vec!["rows".to_owned()];
    for run in runs {
        parts.extend([
            run.rule.key.clone(),
            run.window.end.ticks().to_string(),
            run.now.ticks().to_string(),
        ]);
    }
    ids::guid(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// An incident touched by a run, and the etag it was read with.
struct Touched {
    incident: Incident,
    etag: Option<String>,
    changed: bool,
}

/// The writes of one run.
struct Transaction<'a> {
    store: &'a dyn Store,
    run: &'a Finished,
    portal_url: &'a str,
    alerts: Vec<Op>,
    /// In the order in which they were touched.
    incidents: Vec<Touched>,
    groups: BTreeMap<String, Group>,
    numbers: Option<Numbers>,
    entry: Entry,
    opened: usize,
}

impl<'a> Transaction<'a> {
    fn new(store: &'a dyn Store, run: &'a Finished, portal_url: &'a str) -> Self {
        Self {
            store,
            run,
            portal_url,
            alerts: Vec::new(),
            incidents: Vec::new(),
            groups: BTreeMap::new(),
            numbers: None,
            entry: Entry::default(),
            opened: 0,
        }
    }

    fn build(&mut self) -> Result<(), StoreError> {
        let run = self.run;
        let mut made = Vec::new();
        if let Ok(generated) = &run.outcome {
            for alert in &generated.alerts {
                // A window that is run again (the clock was set back) makes the same alerts again.
                let key = stored::alert_key(&run.rule.workspace.id, &alert.system_alert_id);
                if self.store.get(ALERTS, &key)?.is_none() {
                    self.add_alert(alert, key)?;
                    made.push(alert.clone());
                }
            }
        }
        let told = run.outcome.as_ref().map(|all| Generated { alerts: made, ..all.clone() });
        self.entry.add(
            Table::SentinelHealth,
            health_record(run, told.as_ref().map_err(|failure| *failure)),
        );
        Ok(())
    }

    fn add_alert(&mut self, alert: &Alert, key: String) -> Result<(), StoreError> {
        let record = alert.record(&self.run.rule.rule, &self.run.context());
        self.entry.add(Table::SecurityAlert, record.clone());
        self.alerts.push(Op::Put {
            collection: ALERTS.to_owned(),
            key,
            value: record.into(),
            condition: Condition::Absent,
        });
        if self.run.rule.rule.incident.create_incident { self.join_incident(alert) } else { Ok(()) }
    }

    fn join_incident(&mut self, alert: &Alert) -> Result<(), StoreError> {
        let (rule, now) = (&self.run.rule, self.run.now);
        let grouping = &rule.rule.incident.grouping;
        let Some(group_key) =
            grouping::key(grouping, alert).map(|g| stored::group_key(&rule.id, &g))
        else {
            return self.open(alert).map(drop);
        };
        let group = match self.groups.get(&group_key) {
            Some(group) => Some(group.clone()),
            None => {
                let document = self.store.get(GROUPS, &group_key)?;
                document.and_then(|d| Group::from_json(&d.value))
            }
        };
        let at = match &group {
            Some(group) => self.touched(&group.incident)?,
            None => None,
        };
        let existing = at.and_then(|at| self.incidents.get(at)).map(|t| Existing {
            closed: t.incident.status == IncidentStatus::Closed,
            alerts: t.incident.alert_ids.len(),
        });
        match (grouping::place(grouping, group.as_ref(), existing, now), at) {
            (Placement::Join | Placement::Reopen, Some(at)) => {
                if let Some(touched) = self.incidents.get_mut(at) {
                    touched.incident.add_alert(alert, &rule.id, now);
                    touched.changed = true;
                }
            }
            _ => {
                let incident = self.open(alert)?;
                self.groups.insert(group_key, Group { incident, since: now });
            }
        }
        Ok(())
    }

    /// Where an incident stands among those touched; it is read when it is not there yet.
    fn touched(&mut self, name: &str) -> Result<Option<usize>, StoreError> {
        let id = self.incident_id(name);
        if let Some(at) = self.incidents.iter().position(|t| t.incident.id == id) {
            return Ok(Some(at));
        }
        Ok(stored::incident(self.store, &id)?.map(|(incident, etag)| {
            self.incidents.push(Touched { incident, etag: Some(etag), changed: false });
            self.incidents.len() - 1
        }))
    }

    fn incident_id(&self, name: &str) -> ResourceId {
        self.run.rule.workspace.resource("Incidents", name)
    }

    /// Opens an incident of one alert; gives its name.
    fn open(&mut self, alert: &Alert) -> Result<String, StoreError> {
        let rule = &self.run.rule;
        if self.numbers.is_none() {
            self.numbers = Some(Numbers::load(self.store, &rule.workspace)?);
        }
        let number = self.numbers.as_mut().map_or(1, Numbers::next);
        let name = ids::guid(&["incident", &rule.workspace.id.key(), &alert.system_alert_id]);
        let id = self.incident_id(&name);
        let url = stored::incident_url(self.portal_url, &id);
        let incident = Incident::of_alert(id, number, url, alert, &rule.id, self.run.now);
        self.incidents.push(Touched { incident, etag: None, changed: true });
        self.opened += 1;
        Ok(name)
    }

    /// The checkpoint first, then all else.
    fn into_ops(mut self) -> Result<Vec<Op>, StoreError> {
        let mut ops = vec![checkpoint_op(self.run)];
        for touched in self.incidents.iter().filter(|t| t.changed) {
            let comments = stored::comments(self.store, &touched.incident)?;
            self.entry.add(Table::SecurityIncident, touched.incident.record(&comments));
            ops.push(stored::put_incident(&touched.incident, touched.etag.as_deref()));
        }
        ops.append(&mut self.alerts);
        ops.extend(self.numbers.iter().map(Numbers::op));
        ops.extend(self.groups.into_iter().map(|(key, group)| Op::Put {
            collection: GROUPS.to_owned(),
            key,
            value: group.to_json(),
            condition: Condition::Any,
        }));
        let batch = batch_id(std::slice::from_ref(self.run));
        ops.extend(self.entry.op(&self.run.rule.workspace.customer_id, &batch, self.run.now));
        Ok(ops)
    }
}
