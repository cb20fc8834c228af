//! Renewal by itself: certificates whose policy says so, near their end. What was made elsewhere is never replaced by
//! something made here.

use serde_json::Value;

use super::bundle::policy_of;
use super::create::Cause;
use super::{CertificateFacts, LifetimeAction, Policy};
use crate::{Kind, Object, Pending, Vault, VaultError};

/// What a look at a vault's certificates led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// A new version is on its way.
    Begun(String),
    /// It could not be begun; why.
    Failed(String, String),
    /// It nears its end, and somebody is to be told.
    Told(String, i64),
}

impl Vault {
    /// Begins what is due. Called now and then; what is on its way already is left alone, and what failed is tried again
    /// an hour later.
    pub fn renew_due(&self, now: i64) -> Vec<Renewal> {
        const RETRY_AFTER: i64 = 60 * 60;
        let mut due = Vec::new();
        self.shelf.walk(Kind::Certificate, "", |object| {
            if object.deleted.is_none() {
                due.extend(due_action(object, now).map(|renews| (object.name.clone(), renews)));
            }
            true
        });
        let mut done = Vec::new();
        for (name, (policy, renews, ends)) in due {
            let pending = self.pending(&name).ok();
            let is_busy = pending.as_ref().is_some_and(|p| {
                p.is_open() || (p.error.is_some() && p.created + RETRY_AFTER > now)
            });
            if is_busy {
                continue;
            }
            if !renews {
                done.extend(self.tell_once(&name, ends));
                continue;
            }
            let tags =
                self.find(Kind::Certificate, &name, None).ok().and_then(|f| f.version.tags.clone());
            let begun = self.begin(&name, policy, &Value::Null, tags, Cause::Renewal, now);
            done.push(match begun {
                Ok(_) => Renewal::Begun(name),
                Err(error) => Renewal::Failed(name, error.message),
            });
        }
        done
    }

    /// Notes that somebody was told of the end of the current version; nothing the second time.
    fn tell_once(&self, name: &str, ends: i64) -> Option<Renewal> {
        let tell = || -> Result<bool, VaultError> {
            let mut writing = self.shelf.change();
            let Some(mut object) = writing.object(Kind::Certificate, name) else {
                return Ok(false);
            };
            if object.settings.get("told").and_then(Value::as_i64) == Some(ends) {
                return Ok(false);
            }
            object.settings.insert("told".into(), ends.into());
            writing.put(object);
            writing.commit()?;
            Ok(true)
        };
        matches!(tell(), Ok(true)).then(|| Renewal::Told(name.to_owned(), ends))
    }
}

/// The policy, whether to renew or to tell, and when the certificate ends; none when nothing is due.
fn due_action(object: &Object, now: i64) -> Option<(Policy, bool, i64)> {
    let version = object.current()?;
    if !version.attributes.enabled {
        return None;
    }
    let policy = policy_of(object).filter(|p| p.enabled)?;
    let certificate = CertificateFacts::of(version)?.certificate;
    let (start, end) = (certificate.not_before(), certificate.not_after());
    let due =
        |renews: bool| move |a: &&LifetimeAction| a.renews == renews && a.due(start, end) <= now;
    let renewal = policy.actions.iter().find(due(true));
    let action = renewal.or_else(|| policy.actions.iter().find(due(false)))?;
    let renews = action.renews && !policy.is_issued_elsewhere();
    let stands = object.settings.get("pending").and_then(Pending::from_json);
    if renews && stands.is_some_and(|p| p.is_open()) {
        return None;
    }
    Some((policy, renews, end))
}
