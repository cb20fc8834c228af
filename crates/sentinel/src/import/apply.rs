//! Stores what was imported: functions first, then hunting queries, templates, and on request the rules themselves.
//! What is stored already and equal is left alone, so a second import of the same tree writes nothing.

use std::collections::HashMap;

use arm::{Answer, Arm, ArmError, Call};
use model::{DateTime, QueryRequest, ResourceId, Tables};
use serde_json::{Map, Value, json};

use super::{Import, ItemKind, Outcome, RuleTemplate, SavedSearch};
use crate::health::Failure;
use crate::rule::AnalyticsRule;
use crate::workspace::Workspace;

/// What became of an item that was to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What it is.
    pub kind: ItemKind,
    /// Its id.
    pub id: String,
    /// Imported (also when it was there already) or refused.
    pub outcome: Outcome,
    /// Why it was refused; for an imported item a remark, mostly empty.
    pub remark: String,
}

impl Applied {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({ "kind": self.kind.name(), "id": self.id, "status": self.outcome.name(), "reason": self.remark })
    }
}

/// Where and how to store.
pub struct Target<'a> {
    /// The house.
    pub arm: &'a Arm,
    /// To bind the rules' queries.
    pub tables: &'a dyn Tables,
    /// The workspace.
    pub workspace: &'a Workspace,
    /// Makes a rule of every template.
    pub enable: bool,
    /// Now.
    pub now: DateTime,
}

impl Import {
    /// Stores everything; one result for each item. A rule whose query does not bind is stored all the same and says so:
    /// its table or function may come later, until then its runs show the failure.
    pub async fn apply(&self, target: &Target<'_>) -> Result<Vec<Applied>, ArmError> {
        let mut results = Vec::new();
        // Functions first: rules call them.
        for searches in [&self.functions, &self.searches] {
            target.searches(searches, &mut results).await?;
        }
        let remarks = target.bind(&self.rules).await;
        target.rules(&self.rules, &remarks, &mut results).await?;
        Ok(results)
    }

    /// Enters what storing gave into the report.
    pub fn note(&mut self, results: &[Applied]) {
        for result in results {
            match result.outcome {
                Outcome::Refused => self.report.refuse(result.kind, &result.id, &result.remark),
                _ if !result.remark.is_empty() => {
                    self.report.remark(result.kind, &result.id, &result.remark)
                }
                _ => {}
            }
        }
    }
}

impl Target<'_> {
    fn search_id(&self, name: &str) -> ResourceId {
        self.workspace.id.join(&format!("savedSearches/{name}"))
    }

    /// The stored document's properties.
    fn stored(&self, id: &ResourceId) -> Result<Option<Value>, ArmError> {
        Ok(self.arm.document(id)?.map(|d| d.value))
    }

    /// The call that stores a resource; none when it is stored like this already.
    fn call(
        &self,
        id: &ResourceId,
        kind: Option<&str>,
        properties: Map<String, Value>,
    ) -> Result<Option<Call>, ArmError> {
        let stored = self.stored(id)?;
        let same = |stored: &Value| {
            let have = stored.get("properties").and_then(Value::as_object);
            have.is_some_and(|have| {
                properties.iter().all(|(name, value)| have.get(name) == Some(value))
            })
        };
        if stored.as_ref().is_some_and(same) {
            return Ok(None);
        }
        let mut body = json!({ "properties": properties });
        if let Some(kind) = kind {
            body["kind"] = kind.into();
        }
        Ok(Some(Call::system(id.clone(), body, self.now)))
    }

    async fn searches(
        &self,
        searches: &[SavedSearch],
        results: &mut Vec<Applied>,
    ) -> Result<(), ArmError> {
        let (mut calls, mut waiting) = (Vec::new(), Vec::new());
        for search in searches {
            let kind = super::Item::Search(Box::new(search.clone())).kind();
            let applied = Applied {
                kind,
                id: search.id.clone(),
                outcome: Outcome::Imported,
                remark: String::new(),
            };
            match self.call(&self.search_id(&search.id), None, search.properties())? {
                Some(call) => {
                    calls.push(call);
                    waiting.push(applied);
                }
                None => results.push(applied),
            }
        }
        let answers = self.arm.put_all(&calls).await;
        results.extend(
            waiting.into_iter().zip(answers).map(|(applied, answer)| finished(applied, answer)),
        );
        Ok(())
    }

    /// What is wrong with each rule's query, by rule.
    async fn bind(&self, rules: &[RuleTemplate]) -> HashMap<String, String> {
        let mut remarks = HashMap::new();
        for rule in rules {
            let mut request =
                QueryRequest::new(&*self.workspace.customer_id, &*rule.rule.query, self.now);
            request.bind_only = true;
            let remark = match self.tables.query(request).await {
                Ok(bound) => rule.rule.missing_column(&bound).map(|missing| missing.to_string()),
                Err(error) => {
                    Some(format!("its query does not run yet: {}", Failure::from(&error).message()))
                }
            };
            remarks.extend(remark.map(|remark| (rule.id.clone(), remark)));
        }
        remarks
    }

    async fn rules(
        &self,
        rules: &[RuleTemplate],
        remarks: &HashMap<String, String>,
        results: &mut Vec<Applied>,
    ) -> Result<(), ArmError> {
        let mut applied: Vec<Applied> = Vec::new();
        let (mut calls, mut owners) = (Vec::new(), Vec::new());
        let mut enabling = Vec::new();
        for (owner, rule) in rules.iter().enumerate() {
            let remark = remarks.get(&rule.id).cloned().unwrap_or_default();
            let (kind, outcome) = (ItemKind::AnalyticsRule, Outcome::Imported);
            applied.push(Applied { kind, id: rule.id.clone(), outcome, remark });
            if self.enable {
                // Before the template changes: it tells whether the rule was changed by hand.
                enabling.push((owner, self.enabling(rule)?));
            }
            let id = self.workspace.resource("alertRuleTemplates", &rule.id);
            if let Some(call) =
                self.call(&id, Some(rule.rule.kind.name()), rule.template_properties())?
            {
                calls.push(call);
                owners.push(owner);
            }
        }
        for (owner, wish) in enabling {
            match wish {
                Enabling::Put(call) => {
                    calls.push(*call);
                    owners.push(owner);
                }
                Enabling::Keep(remark) => {
                    applied.get_mut(owner).into_iter().for_each(|a| a.add(&remark))
                }
            }
        }
        for (owner, answer) in owners.into_iter().zip(self.arm.put_all(&calls).await) {
            if let (Some(applied), Err(error)) = (applied.get_mut(owner), answer) {
                applied.outcome = Outcome::Refused;
                applied.add(&error.message);
            }
        }
        results.append(&mut applied);
        Ok(())
    }

    /// How the rule of a template comes to be. A rule that somebody changed stays as it is.
    fn enabling(&self, template: &RuleTemplate) -> Result<Enabling, ArmError> {
        let id = self.workspace.resource("alertRules", &template.id);
        let put = |rule: &AnalyticsRule| -> Result<Enabling, ArmError> {
            let kept = || Enabling::Keep(String::new());
            let call = self.call(&id, Some(rule.kind.name()), rule.properties())?;
            Ok(call.map_or_else(kept, |call| Enabling::Put(Box::new(call))))
        };
        let wanted = template.enabled_rule();
        let Some(existing) = self.stored(&id)?.as_ref().and_then(read) else { return put(&wanted) };
        let old_template =
            self.stored(&self.workspace.resource("alertRuleTemplates", &template.id))?;
        let untouched = old_template
            .as_ref()
            .and_then(read_template)
            .is_some_and(|t| t.detection() == existing.detection());
        if untouched || existing.detection() == wanted.detection() {
            return put(&AnalyticsRule { enabled: existing.enabled, ..wanted });
        }
        Ok(Enabling::Keep(
            "a rule of this id exists with changes of its own and is left as it is".to_owned(),
        ))
    }
}

/// How the rule of a template comes to be.
enum Enabling {
    Put(Box<Call>),
    Keep(String),
}

impl Applied {
    fn add(&mut self, remark: &str) {
        if !self.remark.is_empty() && !remark.is_empty() {
            self.remark.push_str("; ");
        }
        self.remark.push_str(remark);
    }
}

fn finished(mut applied: Applied, answer: Result<Answer, ArmError>) -> Applied {
    if let Err(error) = answer {
        applied.outcome = Outcome::Refused;
        applied.add(&error.message);
    }
    applied
}

fn read(document: &Value) -> Option<AnalyticsRule> {
    AnalyticsRule::read(document.get("kind").and_then(Value::as_str), document.get("properties")?)
        .ok()
}

fn read_template(document: &Value) -> Option<AnalyticsRule> {
    let mut document = document.clone();
    document.get_mut("properties")?.as_object_mut()?.insert("enabled".to_owned(), true.into());
    read(&document)
}
