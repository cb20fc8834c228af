//! Rotation policies: when a key gets a new version by itself, and how long versions last.

use serde_json::{Map, Value, json};

use super::span::Span;
use crate::object::Object;
use crate::{Kind, Vault, VaultError};

const SETTING: &str = "rotationPolicy";
const DAY: i64 = 24 * 60 * 60;

/// What is done when the time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// A new version.
    Rotate,
    /// Somebody is told: kept and shown, but nobody is told here yet.
    Notify,
}

/// A policy, in the form in which it was given: durations are ISO 8601.
#[derive(Clone, Debug, PartialEq)]
pub struct RotationPolicy {
    /// What is done when: `timeAfterCreate` or `timeBeforeExpiry`.
    pub actions: Vec<(Rotation, &'static str, String)>,
    /// How long a version made by rotation lasts.
    pub expiry: Option<String>,
    /// Seconds since 1970; none for the policy that every key has.
    pub created: Option<i64>,
    /// Seconds since 1970.
    pub updated: Option<i64>,
}

/// Fewest days between a version's making and its rotation, and between that and its end.
const APART: i64 = 7;
/// Days before the end when somebody is told, where a policy does not say.
const TOLD: i64 = 30;

/// A duration of the wire, at least this many days; `place` names it in the refusal.
fn span(place: &str, text: &str, days_min: i64) -> Result<Span, VaultError> {
    let bad = |what: &str| VaultError::bad_parameter(format!("Property {place} {what}."));
    let span = Span::parse(text).map_err(|unfit| bad(unfit.says()))?;
    if span.length() < days_min * DAY {
        return Err(bad(&format!("is a duration of at least P{days_min}D")));
    }
    Ok(span)
}

fn bad(what: &str) -> VaultError {
    VaultError::bad_parameter(what.to_owned())
}

/// The members of an object, which may have those alone that are known; none where it is absent or null.
fn members<'v>(
    value: Option<&'v Value>,
    place: &str,
    known: &[&str],
) -> Result<Option<&'v Map<String, Value>>, VaultError> {
    let object = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(object)) => object,
        Some(_) => return Err(bad(&format!("Property {place} is an object."))),
    };
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(Some(object)),
        Some(other) => Err(bad(&format!(
            "Property {place} has an unknown member '{other}'; it may have {}.",
            known.join(", ")
        ))),
    }
}

/// A text of an object; none where it is absent, null or empty.
fn text<'v>(
    object: Option<&'v Map<String, Value>>,
    place: &str,
    name: &str,
) -> Result<Option<&'v str>, VaultError> {
    match object.and_then(|object| object.get(name)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(bad(&format!("Property {place}.{name} is a text."))),
    }
}

/// An action of the wire; `lasts` is how long versions last.
fn action_of(
    value: &Value,
    lasts: Option<Span>,
) -> Result<(Rotation, &'static str, String), VaultError> {
    const AFTER: &str = "timeAfterCreate";
    const BEFORE: &str = "timeBeforeExpiry";
    const TRIGGER: &str = "lifetimeActions.trigger";
    const ACTION: &str = "lifetimeActions.action";
    let sent = members(Some(value), "lifetimeActions", &["trigger", "action"])?;
    let part = |name: &str| sent.and_then(|sent| sent.get(name));
    let kind = text(members(part("action"), ACTION, &["type"])?, ACTION, "type")?;
    let kind = kind.unwrap_or_default();
    let kind = match kind.to_ascii_lowercase().as_str() {
        "rotate" => Rotation::Rotate,
        "notify" => Rotation::Notify,
        _ => return Err(bad("Property lifetimeActions.action.type is Rotate or Notify.")),
    };
    let trigger = members(part("trigger"), TRIGGER, &[AFTER, BEFORE])?;
    let (name, text) = match (text(trigger, TRIGGER, AFTER)?, text(trigger, TRIGGER, BEFORE)?) {
        (Some(text), None) => (AFTER, text),
        (None, Some(text)) => (BEFORE, text),
        _ => {
            return Err(bad(
                "Property lifetimeActions.trigger has either timeAfterCreate or timeBeforeExpiry.",
            ));
        }
    };
    let span = span(&format!("{TRIGGER}.{name}"), text, APART)?;
    if kind == Rotation::Notify && name == AFTER {
        return Err(bad("Notify goes by timeBeforeExpiry."));
    }
    if kind == Rotation::Rotate && name == BEFORE && lasts.is_none() {
        return Err(bad("Rotation before the expiry wants attributes.expiryTime."));
    }
    if lasts.is_some_and(|lasts| span.length() >= lasts.length()) {
        return Err(bad("A trigger must come before the version's end."));
    }
    Ok((kind, name, text.to_owned()))
}

impl RotationPolicy {
    /// The policy of keys that were given none: somebody is told 30 days before the end.
    fn usual() -> Self {
        let actions = vec![(Rotation::Notify, "timeBeforeExpiry", "P30D".to_owned())];
        Self { actions, expiry: None, created: None, updated: None }
    }

    /// When a version ends that rotation makes then.
    pub fn expiry_of(&self, made: i64) -> Option<i64> {
        let lasts = Span::parse(self.expiry.as_deref()?).ok()?;
        Some(lasts.after(made))
    }

    /// From the wire. What is not understood is refused: it would leave the key without a policy.
    pub fn from_json(value: &Value) -> Result<Self, VaultError> {
        let sent = members(Some(value), "policy", &["id", "lifetimeActions", "attributes"])?;
        let sent = sent.ok_or_else(|| bad("The policy is an object."))?;
        let attributes = sent.get("attributes");
        let attributes = members(attributes, "attributes", &["expiryTime", "created", "updated"])?;
        let expiry = text(attributes, "attributes", "expiryTime")?.map(str::to_owned);
        let lasts = match &expiry {
            None => None,
            Some(text) => Some(span("attributes.expiryTime", text, 28)?),
        };
        let list = match sent.get("lifetimeActions") {
            None | Some(Value::Null) => &[][..],
            Some(Value::Array(list)) => list,
            Some(_) => return Err(bad("Property lifetimeActions is a list of actions.")),
        };
        let mut actions: Vec<(Rotation, &'static str, String)> = Vec::new();
        for action in list {
            let action = action_of(action, lasts)?;
            if actions.iter().any(|(kind, ..)| *kind == action.0) {
                return Err(bad("Property lifetimeActions has one action of a type at most."));
            }
            actions.push(action);
        }
        let is_told = actions.iter().any(|(kind, ..)| *kind == Rotation::Notify);
        if !is_told && lasts.is_none_or(|lasts| lasts.length() > TOLD * DAY) {
            actions.extend(Self::usual().actions); // as Azure does
        }
        Ok(Self { actions, expiry, created: None, updated: None })
    }

    /// Refuses a rotation that comes too soon after a version's making, or too late before its end.
    fn check_distances(&self) -> Result<(), VaultError> {
        let Some(lasts) = self.expiry.as_deref().and_then(|text| Span::parse(text).ok()) else {
            return Ok(());
        };
        let rotates = self.actions.iter().filter(|(kind, ..)| *kind == Rotation::Rotate);
        let mut spans = rotates.filter_map(|(_, _, text)| Span::parse(text).ok());
        match spans.any(|span| lasts.length() - span.length() < APART * DAY) {
            true => Err(bad(&format!(
                "Property lifetimeActions.trigger: a rotation is at least {APART} days from the making of a version and {APART} from its end."
            ))),
            false => Ok(()),
        }
    }

    /// As the wire has it, without an id.
    pub fn to_json(&self) -> Value {
        let action = |(kind, name, text): &(Rotation, &'static str, String)| {
            let kind = match kind {
                Rotation::Rotate => "Rotate",
                Rotation::Notify => "Notify",
            };
            json!({ "trigger": { *name: text }, "action": { "type": kind } })
        };
        let mut attributes = json!({});
        for (name, value) in [
            ("expiryTime", self.expiry.as_ref().map(|t| json!(t))),
            ("created", self.created.map(|t| json!(t))),
            ("updated", self.updated.map(|t| json!(t))),
        ] {
            if let Some(value) = value {
                attributes[name] = value;
            }
        }
        let actions: Vec<Value> = self.actions.iter().map(action).collect();
        json!({ "lifetimeActions": actions, "attributes": attributes })
    }

    /// True when a version made and ending then is to be followed by a new one.
    fn is_due(&self, created: i64, exp: Option<i64>, now: i64) -> bool {
        self.actions.iter().any(|(kind, name, text)| {
            let (Rotation::Rotate, Ok(span)) = (kind, Span::parse(text)) else {
                return false;
            };
            match *name {
                "timeAfterCreate" => span.after(created) <= now,
                _ => exp.is_some_and(|exp| span.before(exp) <= now),
            }
        })
    }
}

impl Vault {
    /// The rotation policy of a key.
    pub fn rotation_policy(&self, object: &Object) -> RotationPolicy {
        let stored = object.settings.get(SETTING);
        let policy = stored.and_then(|value| {
            let mut policy = RotationPolicy::from_json(value).ok()?;
            policy.created = value.pointer("/attributes/created").and_then(Value::as_i64);
            policy.updated = value.pointer("/attributes/updated").and_then(Value::as_i64);
            Some(policy)
        });
        policy.unwrap_or_else(RotationPolicy::usual)
    }

    /// Gives a key a rotation policy.
    pub fn set_rotation_policy(
        &self,
        name: &str,
        mut policy: RotationPolicy,
        now: i64,
    ) -> Result<RotationPolicy, VaultError> {
        policy.check_distances()?;
        let mut writing = self.shelf.change_of(name);
        let mut object = writing.live(Kind::Key, name)?;
        self.require_free(Kind::Key, name, Some(&object))?;
        policy.created = Some(self.rotation_policy(&object).created.unwrap_or(now));
        policy.updated = Some(now);
        object.settings.insert(SETTING.into(), policy.to_json());
        writing.put(object);
        writing.commit()?;
        Ok(policy)
    }

    /// Rotates the keys whose time has come. Called now and then; gives their names, and why one was not rotated.
    pub fn rotate_due(&self, now: i64) -> Vec<(String, Option<VaultError>)> {
        let mut due = Vec::new();
        self.shelf.walk(Kind::Key, "", |object| {
            let wanted = object.deleted.is_none() && !object.managed;
            if let (true, Some(version)) =
                (wanted && object.settings.contains_key(SETTING), object.current())
            {
                let (created, exp) = (version.attributes.created, version.attributes.exp);
                if version.attributes.enabled
                    && self.rotation_policy(object).is_due(created, exp, now)
                {
                    due.push(object.name.clone());
                }
            }
            true
        });
        let rotate = |name: String| {
            let failure = self.rotate_key(&name, now).err();
            (name, failure)
        };
        due.into_iter().map(rotate).collect()
    }
}
