//! Secrets: twelve operations.

use serde::Deserialize;
use serde_json::{Value, json};
use vault::{
    AttributeChange, ContentType, Found, Kind, NewSecret, VaultError, Wiped, check_content_type,
    tags_from_json,
};

use super::life::{self, Shape};
use super::route::{GET, PATCH, POST, PUT, Place, REMOVE, Route, elsewhere, here, route, task};
use super::shape::{add_common, object_id, version_id};
use super::version;
use super::work::{Reply, Work, required};

const KIND: Kind = Kind::Secret;

const METADATA: &str = "secrets/readMetadata/action";

/// The operations.
#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route(GET, "secrets", "SecretList", METADATA, "list", here, life::list::<Secrets>),
    route(POST, "secrets/restore", "SecretRestore", "secrets/restore/action", "restore", elsewhere, life::restore::<Secrets>),
    task(PUT, "secrets/{name}", "SecretSet", "secrets/setSecret/action", "set", |work| Box::pin(set(work))),
    route(REMOVE, "secrets/{name}", "SecretDelete", "secrets/delete", "delete", elsewhere, life::delete::<Secrets>),
    route(GET, "secrets/{name}/versions", "SecretListVersions", METADATA, "list", here, life::versions::<Secrets>),
    route(POST, "secrets/{name}/backup", "SecretBackup", "secrets/backup/action", "backup", elsewhere, life::backup::<Secrets>),
    route(GET, "secrets/{name}/{version?}", "SecretGet", "secrets/getSecret/action", "get", where_it_lies, get),
    route(PATCH, "secrets/{name}/{version?}", "SecretUpdate", "secrets/update/action", "set", elsewhere, update),
    route(GET, "deletedsecrets", "SecretListDeleted", METADATA, "list", here, life::list_deleted::<Secrets>),
    route(GET, "deletedsecrets/{name}", "SecretGetDeleted", METADATA, "get", here, life::get_deleted::<Secrets>),
    route(REMOVE, "deletedsecrets/{name}", "SecretPurge", "secrets/purge/action", "purge", elsewhere, life::purge::<Secrets>),
    route(POST, "deletedsecrets/{name}/recover", "SecretRecover", "secrets/recover/action", "recover", elsewhere, life::recover::<Secrets>),
];

/// The form in which the secret of a certificate is wanted.
const FORM: &str = "outContentType";

/// A secret that was read lately is answered at once; others wait for the disk elsewhere.
fn where_it_lies(work: &Work) -> Place {
    if work.parameter(FORM).is_some() {
        return Place::Blocking; // making a PKCS#12 file takes its time
    }
    match work.vault.find(KIND, &work.name, work.version()) {
        Ok(found) if !work.vault.shelf.is_at_hand(&found.object, &found.version) => Place::Blocking,
        _ => Place::Here,
    }
}

/// A secret without its value.
fn bundle(work: &Work, found: &Found, id: String) -> Value {
    let mut out = json!({ "id": id });
    if let Some(text) = found.version.text("contentType") {
        out["contentType"] = json!(text);
    }
    // the key behind a certificate's secret has the host by which the client came
    if let Some(path) = found.version.text("kid") {
        out["kid"] = json!(format!("{}{path}", work.origin));
    }
    add_common(work, found, &mut out);
    out
}

struct Secrets;

impl Shape for Secrets {
    const KIND: Kind = KIND;

    fn item(work: &Work, found: &Found) -> Value {
        bundle(work, found, object_id(work, KIND, &found.object.name))
    }

    fn whole(work: &Work, found: &Found) -> Value {
        bundle(work, found, version_id(work, found))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetBody {
    value: Option<Wiped>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    tags: Value,
}

async fn set(work: Work) -> Result<Reply, VaultError> {
    let body: SetBody = work.read()?;
    let new = NewSecret {
        value: required(body.value, "value")?.0,
        content_type: body.content_type,
        attributes: AttributeChange::from_json(&body.attributes)?,
        tags: tags_from_json(&body.tags)?,
    };
    let found = work.vault.set_secret(&work.name, &new, work.now).await?;
    Ok(Reply::with_secret(&Secrets::whole(&work, &found), "value", new.value.expose()))
}

fn get(work: &Work) -> Result<Reply, VaultError> {
    let found = work.vault.find(KIND, &work.name, work.version())?;
    let mut out = Secrets::whole(work, &found);
    let (plain, converted);
    let value = match work.parameter(FORM).filter(|form| !form.is_empty()) {
        None => {
            plain = work.vault.secret_value(&found)?;
            plain.expose()
        }
        Some(form) => {
            let form = ContentType::from_name(form).ok_or_else(|| {
                VaultError::bad_parameter(format!(
                    "The {FORM} is not supported; ask for {} or {}.",
                    ContentType::Pkcs12.name(),
                    ContentType::Pem.name()
                ))
            })?;
            converted = work.vault.secret_value_as(&found, form)?;
            out["contentType"] = json!(form.name());
            &converted
        }
    };
    let text = std::str::from_utf8(value).map_err(|_| {
        VaultError::new(500, "InternalServerError", "The value that is stored is no text.")
    })?;
    // the version of the previous certificate: plain secrets have none
    if found.object.managed
        && version::is_since(&work.api_version, 6)
        && let Some(previous) = work.vault.previous_version(&found)
    {
        out["previousVersion"] = json!(previous);
    }
    Ok(Reply::with_secret(&out, "value", text))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateBody {
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    tags: Value,
}

fn update(work: &Work) -> Result<Reply, VaultError> {
    let body: UpdateBody = work.read()?;
    let (change, tags) =
        (AttributeChange::from_json(&body.attributes)?, tags_from_json(&body.tags)?);
    let (name, version, now) = (&work.name, work.version(), work.now);
    if let Some(text) = &body.content_type {
        let found = work.vault.find(KIND, name, version)?;
        if found.object.managed && found.version.text("contentType") != Some(text) {
            return Err(VaultError::bad_parameter(
                "Property contentType of a certificate's secret says in which form its value stands; change secret_props.contentType of the certificate's policy, for versions to come.",
            ));
        }
    }
    let found = work.vault.update(KIND, name, version, change, tags, now, |version| {
        if let Some(text) = body.content_type {
            check_content_type(&text)?;
            version.facts.insert("contentType".into(), text.into());
        }
        Ok(())
    })?;
    Ok(Reply::json(&Secrets::whole(work, &found)))
}
