//! The rules that may run and where each stands, kept in step with the store through its change feed.

use std::collections::HashMap;
use std::sync::Arc;

use model::{DateTime, ResourceId, TimeSpan};
use serde_json::Value;
use state::{Condition, Op, Store, StoreError};
use values::{TICKS_PER_DAY, TICKS_PER_HOUR};

use super::{RuleCost, Waiting};
use crate::checkpoint::Checkpoint;
use crate::grouping::Group;
use crate::rule::AnalyticsRule;
use crate::schedule::{self, PassReason, ScheduleOptions, Step, Timing};
use crate::stored::{CHECKPOINTS, GROUPS, RULES};
use crate::workspace::{Workspace, workspace_of};

/// Changes read at a time.
const PAGE: usize = 1_000;

/// A rule as it was stored last.
#[derive(Debug)]
pub(super) struct LoadedRule {
    pub(super) id: ResourceId,
    pub(super) key: String,
    etag: String,
    pub(super) rule: AnalyticsRule,
    pub(super) timing: Timing,
    pub(super) workspace: Workspace,
}

/// A checkpoint and the etag it was stored with.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) checkpoint: Checkpoint,
    pub(super) etag: Option<String>,
}

/// Windows that a rule passed over.
pub(super) struct Passed {
    pub(super) rule: Arc<LoadedRule>,
    pub(super) before: Standing,
    pub(super) after: Checkpoint,
    /// Set when they count as missed.
    pub(super) missed: Option<i64>,
}

/// Rules and checkpoints in memory.
#[derive(Default)]
pub(super) struct Follower {
    loaded: bool,
    sequence: u64,
    workspaces: Vec<Workspace>,
    rules: HashMap<String, Arc<LoadedRule>>,
    standings: HashMap<String, Standing>,
    cleaned: Option<DateTime>,
}

/// How often groups are looked through, and how long one is kept: longer than any time frame lasts.
const CLEANING: TimeSpan = TimeSpan::from_ticks(TICKS_PER_HOUR);
const GROUP_KEPT: TimeSpan = TimeSpan::from_ticks(8 * TICKS_PER_DAY);

impl Follower {
    /// Forgets groups whose time frame is over.
    pub(super) fn clean(&mut self, store: &dyn Store, now: DateTime) -> Result<(), StoreError> {
        let wait = self.cleaned.is_some_and(|at| now.ticks() - at.ticks() < CLEANING.ticks());
        if wait {
            return Ok(());
        }
        let over =
            |value: &Value| Group::from_json(value).is_none_or(|g| !g.is_current(GROUP_KEPT, now));
        let mut after: Option<String> = None;
        loop {
            let page = store.list(GROUPS, "", after.as_deref(), PAGE)?;
            after = page.last().map(|document| document.key.clone());
            let last = page.len() < PAGE;
            let gone = page.into_iter().filter(|d| over(&d.value)).map(|d| forget(GROUPS, &d.key));
            let gone: Vec<Op> = gone.collect();
            if !gone.is_empty() {
                store.apply(gone)?;
            }
            if last {
                break;
            }
        }
        self.cleaned = Some(now);
        Ok(())
    }

    /// Reads what changed since the last call.
    pub(super) fn follow(
        &mut self,
        store: &dyn Store,
        now: DateTime,
        options: &ScheduleOptions,
    ) -> Result<(), StoreError> {
        let mut stale = !self.loaded;
        loop {
            let changes = store.changes(self.sequence, PAGE)?;
            let concerns = |c: &str| c == RULES || Workspace::is_collection(c);
            stale |= changes.iter().any(|change| concerns(&change.collection));
            self.sequence = changes.last().map_or(self.sequence, |change| change.sequence);
            if changes.len() < PAGE {
                break;
            }
        }
        if stale {
            self.loaded = false; // stays so if reading fails half way
            self.reload(store)?;
            self.settle(store, now, options)?;
            self.loaded = true;
        }
        Ok(())
    }

    fn reload(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        self.workspaces = Workspace::all(store)?;
        let by_key: HashMap<String, &Workspace> =
            self.workspaces.iter().map(|w| (w.id.key(), w)).collect();
        let mut rules = HashMap::new();
        for document in store.list_all(RULES, "")? {
            let known = self.rules.get(&document.key).filter(|r| r.etag == document.etag);
            let workspace = workspace_of(&ResourceId::new(&document.key));
            let Some(workspace) = workspace.and_then(|w| by_key.get(&w.key())) else { continue };
            let loaded = match known {
                Some(known) if known.workspace == **workspace => Arc::clone(known),
                _ => match load(&document.key, &document.etag, &document.value, workspace) {
                    Ok(loaded) => Arc::new(loaded),
                    Err(error) => {
                        tracing::error!(rule = document.key, %error, "a stored rule cannot be read and does not run");
                        continue;
                    }
                },
            };
            rules.insert(document.key, loaded);
        }
        self.rules = rules;
        if self.standings.is_empty() {
            for document in store.list_all(CHECKPOINTS, "")? {
                if let Some(checkpoint) = Checkpoint::from_json(&document.value) {
                    let standing = Standing { checkpoint, etag: Some(document.etag) };
                    self.standings.insert(document.key, standing);
                }
            }
        }
        Ok(())
    }

    /// Gives new rules a checkpoint, lets disabled ones rest, forgets deleted ones, follows changed frequencies.
    fn settle(
        &mut self,
        store: &dyn Store,
        now: DateTime,
        options: &ScheduleOptions,
    ) -> Result<(), StoreError> {
        let mut ops = Vec::new();
        let mut next: Vec<(String, Checkpoint)> = Vec::new();
        for (key, rule) in &self.rules {
            let standing = self.standings.get(key);
            let first = || schedule::first_end(now, options);
            let wanted = match (rule.rule.enabled, standing.map(|s| &s.checkpoint)) {
                (true, None) => Checkpoint::starting(first()),
                (true, Some(c)) if !c.active => c.clone().restarting(first()),
                (true, Some(c)) => schedule::rescheduled(&rule.timing, c),
                (false, None) => continue,
                (false, Some(c)) => Checkpoint { active: false, ..c.clone() },
            };
            if standing.is_none_or(|s| s.checkpoint != wanted) {
                ops.push(put(key, &wanted, standing.and_then(|s| s.etag.as_deref())));
                next.push((key.clone(), wanted));
            }
        }
        let gone: Vec<String> =
            self.standings.keys().filter(|key| !self.rules.contains_key(*key)).cloned().collect();
        let written = next.len();
        for key in &gone {
            ops.push(forget(CHECKPOINTS, key));
            for group in store.list_all(GROUPS, &format!("{key}/"))? {
                ops.push(forget(GROUPS, &group.key));
            }
        }
        if ops.is_empty() {
            return Ok(());
        }
        let documents = match store.apply(ops) {
            Ok(documents) => documents,
            Err(error) => {
                self.standings.clear(); // read again what is stored
                return Err(error);
            }
        };
        for ((key, checkpoint), document) in
            next.into_iter().zip(documents.into_iter().take(written))
        {
            self.standings.insert(key, Standing { checkpoint, etag: document.map(|d| d.etag) });
        }
        for key in gone {
            self.standings.remove(&key);
        }
        Ok(())
    }

    /// All rules that are enabled.
    pub(super) fn rules(&self) -> Vec<Arc<LoadedRule>> {
        self.rules.values().filter(|r| r.rule.enabled).cloned().collect()
    }

    /// Where a rule stands; none when it does not run any more.
    pub(super) fn standing(&self, key: &str) -> Option<&Standing> {
        self.standings.get(key).filter(|s| s.checkpoint.active)
    }

    /// Takes over what was stored.
    pub(super) fn stand(&mut self, key: &str, checkpoint: Checkpoint, etag: Option<String>) {
        self.standings.insert(key.to_owned(), Standing { checkpoint, etag });
    }

    /// Reads a checkpoint again, after somebody else wrote it.
    pub(super) fn refresh(&mut self, store: &dyn Store, key: &str) -> Result<(), StoreError> {
        let document = store.get(CHECKPOINTS, key)?;
        match document.and_then(|d| Some((Checkpoint::from_json(&d.value)?, d.etag))) {
            Some((checkpoint, etag)) => self.stand(key, checkpoint, Some(etag)),
            None => drop(self.standings.remove(key)),
        }
        Ok(())
    }

    /// The rule's next window, if one is due; windows passed over on the way are told in `passed`.
    pub(super) fn next_window(
        &mut self,
        rule: &Arc<LoadedRule>,
        now: DateTime,
        options: &ScheduleOptions,
        passed: &mut Vec<Passed>,
    ) -> Option<Waiting> {
        let standing = self.standing(&rule.key)?;
        if schedule::next_step(&rule.timing, &standing.checkpoint, now, options) == Step::Wait {
            return None;
        }
        let before = standing.clone();
        let (mut checkpoint, mut missed) = (before.checkpoint.clone(), 0);
        let window = loop {
            let step = schedule::next_step(&rule.timing, &checkpoint, now, options);
            match step {
                Step::Run(window) => break Some(window),
                Step::Wait => break None,
                Step::Pass { windows, reason: PassReason::TooManyMissed, .. } => missed += windows,
                Step::Pass { reason, .. } => {
                    tracing::debug!(rule = rule.key, ?reason, "windows are passed over");
                }
            }
            checkpoint = schedule::advanced(&rule.timing, &checkpoint, &step);
        };
        if checkpoint != before.checkpoint {
            let after = checkpoint.clone();
            self.stand(&rule.key, checkpoint, before.etag.clone());
            let missed = (missed > 0).then_some(missed);
            passed.push(Passed { rule: Arc::clone(rule), before, after, missed });
        }
        window.map(|window| Waiting { rule: Arc::clone(rule), window })
    }

    /// When the next window of any rule is due.
    pub(super) fn next_due(&self, options: &ScheduleOptions) -> Option<DateTime> {
        let rules = self.rules.values().filter(|r| r.rule.enabled);
        let due = |rule: &Arc<LoadedRule>| {
            let checkpoint = &self.standing(&rule.key)?.checkpoint;
            let due = schedule::due_at(&rule.timing, checkpoint, options);
            Some(checkpoint.retry_at.map_or(due, |retry| retry.max(due)))
        };
        rules.filter_map(due).min()
    }

    /// Names and customer ids by which a query may reach other workspaces.
    pub(super) fn workspace_names(&self) -> Vec<(String, Arc<str>)> {
        let names = |w: &Workspace| {
            [w.id.name().to_owned(), w.customer_id.to_string(), w.id.to_string()]
                .map(|name| (name, Arc::clone(&w.customer_id)))
        };
        self.workspaces.iter().flat_map(names).collect()
    }

    /// What each rule cost.
    pub(super) fn costs(&self) -> impl Iterator<Item = RuleCost> {
        self.rules.iter().filter_map(|(key, rule)| {
            let cost = self.standings.get(key)?.checkpoint.cost;
            Some(RuleCost {
                rule: rule.id.to_string(),
                display_name: rule.rule.display_name.clone(),
                cost,
            })
        })
    }
}

fn load(
    key: &str,
    etag: &str,
    value: &Value,
    workspace: &Workspace,
) -> Result<LoadedRule, crate::fields::Invalid> {
    let kind = value.get("kind").and_then(Value::as_str);
    let rule = AnalyticsRule::read(kind, value.get("properties").unwrap_or(&Value::Null))?;
    let id = value.get("id").and_then(Value::as_str).unwrap_or(key);
    Ok(LoadedRule {
        id: ResourceId::new(id),
        key: key.to_owned(),
        etag: etag.to_owned(),
        timing: Timing::of(&rule),
        rule,
        workspace: workspace.clone(),
    })
}

fn forget(collection: &str, key: &str) -> Op {
    Op::Delete { collection: collection.to_owned(), key: key.to_owned(), condition: Condition::Any }
}

/// The write of a checkpoint that was read with this etag.
pub(super) fn put(key: &str, checkpoint: &Checkpoint, etag: Option<&str>) -> Op {
    Op::Put {
        collection: CHECKPOINTS.to_owned(),
        key: key.to_owned(),
        value: checkpoint.to_json(),
        condition: etag.map_or(Condition::Absent, |etag| Condition::Match(etag.to_owned())),
    }
}
