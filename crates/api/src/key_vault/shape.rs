//! Pieces that answers of all kinds share: ids, attributes, tags, what is said of deleted objects.

use serde_json::{Map, Value, json};
use vault::{Deleted, Found, Kind};

use super::version;
use super::work::Work;

/// `https://host/secrets/name`
pub(super) fn object_id(work: &Work, kind: Kind, name: &str) -> String {
    format!("{}/{}/{name}", work.origin, kind.collection())
}

/// `https://host/secrets/name/version`
pub(super) fn version_id(work: &Work, found: &Found) -> String {
    let id = object_id(work, found.object.kind, &found.object.name);
    format!("{id}/{}", found.version.id)
}

/// The attributes of a version. Which platform holds a key is said since 7.5, and it is software for all kinds here;
/// whether it may leave since 7.3.
fn attributes(work: &Work, found: &Found) -> Value {
    let settings = work.vault.settings();
    let is_since = |minor| version::is_since(&work.api_version, minor);
    let a = &found.version.attributes;
    let mut shown = Map::new();
    shown.insert("enabled".into(), a.enabled.into());
    for (name, time) in [("nbf", a.nbf), ("exp", a.exp)] {
        if let Some(time) = time {
            shown.insert(name.into(), time.into());
        }
    }
    shown.insert("created".into(), a.created.into());
    shown.insert("updated".into(), a.updated.into());
    shown.insert("recoveryLevel".into(), settings.recovery_level().into());
    shown.insert("recoverableDays".into(), settings.retention_days.into());
    if let Some(exportable) = a.exportable.filter(|_| is_since(3)) {
        shown.insert("exportable".into(), exportable.into());
    }
    if found.object.kind == Kind::Key && is_since(5) {
        shown.insert("hsmPlatform".into(), "0".into());
    }
    Value::Object(shown)
}

/// Adds attributes, tags and `managed` to an answer.
pub(super) fn add_common(work: &Work, found: &Found, out: &mut Value) {
    out["attributes"] = attributes(work, found);
    if let Some(tags) = &found.version.tags {
        out["tags"] = Value::Object(tags.clone());
    }
    if found.object.managed {
        out["managed"] = json!(true);
    }
}

/// Adds what is said of a deleted object.
pub(super) fn add_deleted(work: &Work, found: &Found, out: &mut Value) {
    let Some(Deleted { at, purge_at }) = found.object.deleted else { return };
    let (kind, name) = (found.object.kind, &found.object.name);
    out["recoveryId"] = json!(format!("{}/{}/{name}", work.origin, kind.deleted_collection()));
    out["deletedDate"] = json!(at);
    out["scheduledPurgeDate"] = json!(purge_at);
}
