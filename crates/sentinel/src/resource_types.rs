//! The resource types of Microsoft.SecurityInsights, as entries of Resource Manager's one life cycle. Rules, templates and
//! onboarding are plain documents; incidents and what hangs below them have providers, because one change of an incident
//! is several writes in one transaction.

mod alert_rules;
mod comments;
mod incident_actions;
mod incidents;
mod relations;
mod templates;
mod workspace_hook;

use std::sync::Arc;

use arm::{
    ArmBuilder, ArmError, Call, DeleteAnswer, Etag, Field, Kind, NameRule, PutContext,
    ResourceType, Scope, Verb,
};
use model::{Clock, Tables};
use state::Store;

use crate::fields::Invalid;
use crate::import::content_action::ImportContent;
use crate::journal::Journal;

const WORKSPACE: &str = "Microsoft.OperationalInsights/workspaces";
const ON_WORKSPACE: &[Scope] = &[Scope::On(WORKSPACE)];

/// Versions that clients ask for: the official SDK's stable and preview ones, and what other tools use.
const API_VERSIONS: &[&str] = &[
    "2025-10-01-preview",
    "2025-09-01",
    "2025-06-01",
    "2025-03-01",
    "2024-09-01",
    "2024-03-01",
    "2023-11-01",
    "2023-02-01",
    "2022-11-01",
    "2021-10-01",
];

const fn kind(name: &'static str) -> ResourceType {
    ResourceType::new(name)
        .scopes(ON_WORKSPACE)
        .api_versions(API_VERSIONS)
        .invalid_code("BadRequest")
}

const ALERT_RULES: &str = "Microsoft.SecurityInsights/alertRules";
const INCIDENTS: &str = "Microsoft.SecurityInsights/incidents";
const COMMENTS: &str = "Microsoft.SecurityInsights/incidents/comments";
const RELATIONS: &str = "Microsoft.SecurityInsights/incidents/relations";

/// All types of this crate.
pub const TYPES: &[ResourceType] = &[
    kind("Microsoft.SecurityInsights/onboardingStates")
        .etag(Etag::Shown)
        .whole_lists()
        .check(check_onboarding),
    kind(ALERT_RULES).etag(Etag::Checked).check(alert_rules::check),
    // Nothing runs playbooks yet: the list is empty, and an action that would never run is refused.
    kind("Microsoft.SecurityInsights/alertRules/actions").read_only(),
    kind("Microsoft.SecurityInsights/alertRuleTemplates").check(templates::check),
    kind(INCIDENTS).etag(Etag::Checked).names(NameRule::ANY),
    kind(COMMENTS).etag(Etag::Checked),
    kind(RELATIONS).etag(Etag::Shown).delete(DeleteAnswer::Refused),
];

fn check_onboarding(state: &mut PutContext<'_>) -> Result<(), ArmError> {
    if !state.id.name().eq_ignore_ascii_case("default") {
        return Err(state.invalid("name", "the onboarding state of a workspace is named 'default'"));
    }
    state
        .check_fields(&[Field::new("customerManagedKey", Kind::Bool).or(arm::Default::Bool(false))])
}

/// What the types work with.
#[derive(Clone)]
pub struct Services {
    /// Documents.
    pub store: Arc<dyn Store>,
    /// Tables: rules are bound against them.
    pub tables: Arc<dyn Tables>,
    /// Rows on their way; shared with the rule runner.
    pub journal: Arc<Journal>,
    /// The time of changes that come without a call.
    pub clock: Arc<dyn Clock>,
    /// Where people look at incidents; without a slash at the end.
    pub portal_url: String,
}

/// Adds the types with all that follows them to a house.
pub fn register(builder: ArmBuilder, services: &Services) -> ArmBuilder {
    let incidents = Arc::new(incidents::Incidents { services: services.clone() });
    let rules = Arc::new(alert_rules::RuleHook { services: services.clone() });
    let on_incident = |answer: incident_actions::Answering| {
        Arc::new(incident_actions::OnIncident { services: services.clone(), answer })
    };
    builder
        .types(TYPES)
        .hook(ALERT_RULES, rules)
        .hook(WORKSPACE, Arc::new(workspace_hook::ForgetWorkspace))
        .provider(INCIDENTS, incidents)
        .provider(COMMENTS, Arc::new(comments::Comments { services: services.clone() }))
        .provider(RELATIONS, Arc::new(relations::Relations { services: services.clone() }))
        .action(INCIDENTS, Verb::Post, "alerts", on_incident(incident_actions::alerts))
        .action(INCIDENTS, Verb::Post, "entities", on_incident(incident_actions::entities))
        .action(INCIDENTS, Verb::Post, "bookmarks", on_incident(incident_actions::bookmarks))
        .action(ALERT_RULES, Verb::Get, "status", Arc::new(alert_rules::RuleStatus))
        .action(
            "Microsoft.SecurityInsights",
            Verb::Post,
            "importContent",
            Arc::new(ImportContent { tables: Arc::clone(&services.tables) }),
        )
}

/// A refused field in Azure's words.
fn bad_request(invalid: &Invalid) -> ArmError {
    ArmError::bad_request("BadRequest", invalid.to_string()).target(invalid.field.clone())
}

/// Judges If-Match, If-None-Match and the etag inside a body against what is stored.
fn check_etag(call: &Call, stored: Option<&str>) -> Result<(), ArmError> {
    let bare = |etag: &str| etag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    let holds = |condition: &str, etag: &str| {
        condition.split(',').map(bare).any(|wanted| wanted == "*" || wanted == etag)
    };
    let matches =
        call.if_match.as_deref().is_none_or(|c| stored.is_some_and(|etag| holds(c, etag)));
    let is_new =
        call.if_none_match.as_deref().is_none_or(|c| !stored.is_some_and(|etag| holds(c, etag)));
    if !matches || !is_new {
        return Err(ArmError::precondition_failed(&call.id));
    }
    let sent =
        call.body.get("etag").or_else(|| call.body.get("eTag")).and_then(serde_json::Value::as_str);
    match (sent.map(bare), stored) {
        (Some(sent), Some(stored)) if !sent.is_empty() && sent != "*" && sent != stored => {
            let message = "a newer version of the resource exists; read it again and send its etag, or '*' to overwrite";
            Err(ArmError::conflict(message))
        }
        _ => Ok(()),
    }
}

/// True when the caller would rather fail than overwrite what changed meanwhile.
fn is_conditional(call: &Call) -> bool {
    let sent = call.body.get("etag").and_then(serde_json::Value::as_str).unwrap_or("");
    call.if_match.is_some() || call.if_none_match.is_some() || !matches!(sent, "" | "*" | "\"*\"")
}

/// How often a change of an incident is tried again when somebody else was first.
const ATTEMPTS: usize = 16;

fn busy() -> ArmError {
    ArmError::conflict("many writers change this incident at once; try again later")
}
