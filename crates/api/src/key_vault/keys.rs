//! Keys: twenty-five operations.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use crypto::{Encrypted, SecretBytes, SecretText};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use vault::{
    AttributeChange, Found, ImportedKey, Jwk, KeyType, Kind, NewKey, RotationPolicy, VaultError,
    Wiped, check_operations, jwk_key, tags_from_json,
};
use zeroize::Zeroizing;

use super::life::{self, Shape};
use super::route::{GET, PATCH, POST, PUT, Place, REMOVE, Route, elsewhere, here, route};
use super::shape::{add_common, object_id, version_id};
use super::work::{Reply, Work, required};

const KIND: Kind = Kind::Key;

const READ: &str = "keys/read";

/// The operations.
#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route(GET, "keys", "KeyList", READ, "list", here, life::list::<Keys>),
    route(POST, "keys/restore", "KeyRestore", "keys/restore/action", "restore", elsewhere, life::restore::<Keys>),
    route(POST, "keys/{name}/create", "KeyCreate", "keys/create/action", "create", elsewhere, create),
    route(POST, "keys/{name}/rotate", "KeyRotate", "keys/rotate/action", "rotate", elsewhere, rotate),
    route(POST, "keys/{name}/backup", "KeyBackup", "keys/backup/action", "backup", elsewhere, life::backup::<Keys>),
    route(GET, "keys/{name}/versions", "KeyListVersions", READ, "list", here, life::versions::<Keys>),
    route(GET, "keys/{name}/rotationpolicy", "KeyRotationPolicyGet", "keyrotationpolicies/read", "getrotationpolicy", here, get_policy),
    route(PUT, "keys/{name}/rotationpolicy", "KeyRotationPolicySet", "keyrotationpolicies/write", "setrotationpolicy", elsewhere, set_policy),
    route(POST, "keys/{name}/{version?}/encrypt", "KeyEncrypt", "keys/encrypt/action", "encrypt", where_it_works, encrypt),
    route(POST, "keys/{name}/{version?}/decrypt", "KeyDecrypt", "keys/decrypt/action", "decrypt", where_it_works, decrypt),
    route(POST, "keys/{name}/{version?}/sign", "KeySign", "keys/sign/action", "sign", where_it_works, sign),
    route(POST, "keys/{name}/{version?}/verify", "KeyVerify", "keys/verify/action", "verify", where_it_works, verify),
    route(POST, "keys/{name}/{version?}/wrapkey", "KeyWrap", "keys/wrap/action", "wrapkey", where_it_works, wrap),
    route(POST, "keys/{name}/{version?}/unwrapkey", "KeyUnwrap", "keys/unwrap/action", "unwrapkey", where_it_works, unwrap),
    route(POST, "keys/{name}/{version?}/release", "KeyRelease", "keys/release/action", "release", here, release),
    route(GET, "keys/{name}/{version?}/attestation", "KeyGetAttestation", READ, "get", here, attestation),
    route(PUT, "keys/{name}", "KeyImport", "keys/import/action", "import", elsewhere, import),
    route(REMOVE, "keys/{name}", "KeyDelete", "keys/delete", "delete", elsewhere, life::delete::<Keys>),
    route(GET, "keys/{name}/{version?}", "KeyGet", READ, "get", here, get),
    route(PATCH, "keys/{name}/{version?}", "KeyUpdate", "keys/update/action", "update", elsewhere, update),
    route(GET, "deletedkeys", "KeyListDeleted", READ, "list", here, life::list_deleted::<Keys>),
    route(GET, "deletedkeys/{name}", "KeyGetDeleted", READ, "get", here, life::get_deleted::<Keys>),
    route(REMOVE, "deletedkeys/{name}", "KeyPurge", "keys/purge/action", "purge", elsewhere, life::purge::<Keys>),
    route(POST, "deletedkeys/{name}/recover", "KeyRecover", "keys/recover/action", "recover", elsewhere, life::recover::<Keys>),
    route(POST, "rng", "RandomBytesGet", "keys/rng/action", "get", here, random),
];

/// Small keys at hand work on the spot; RSA and keys still to be read work elsewhere.
fn where_it_works(work: &Work) -> Place {
    match work.vault.find(KIND, &work.name, work.version()) {
        Ok(found) if !work.vault.is_quick(&found) => Place::Blocking,
        _ => Place::Here,
    }
}

/// Base64url as clients send it, with or without padding.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn decoded(text: &str, name: &str) -> Result<Vec<u8>, VaultError> {
    BASE64URL
        .decode(text)
        .map_err(|_| VaultError::bad_parameter(format!("Property {name} is not base64url.")))
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The members of a JWK that are shown.
const SHOWN: [&str; 7] = ["kty", "key_ops", "n", "e", "crv", "x", "y"];

struct Keys;

impl Shape for Keys {
    const KIND: Kind = KIND;

    fn whole(work: &Work, found: &Found) -> Value {
        let mut key = Map::new();
        key.insert("kid".into(), json!(version_id(work, found)));
        for name in SHOWN {
            if let Some(value) = found.version.facts.get(name) {
                key.insert(name.into(), value.clone());
            }
        }
        let mut out = json!({ "key": key });
        add_common(work, found, &mut out);
        out
    }

    fn item(work: &Work, found: &Found) -> Value {
        let mut out = json!({ "kid": object_id(work, KIND, &found.object.name) });
        add_common(work, found, &mut out);
        out
    }

    fn version(work: &Work, found: &Found) -> Value {
        let mut out = json!({ "kid": version_id(work, found) });
        add_common(work, found, &mut out);
        out
    }

    fn answer(work: &Work, found: &Found) -> Reply {
        Reply { id: Some(version_id(work, found)), ..Reply::json(&Self::whole(work, found)) }
    }
}

fn refuse_release(policy: &Value, change: &AttributeChange) -> Result<(), VaultError> {
    if !policy.is_null() || change.exportable == Some(true) {
        return Err(VaultError::bad_parameter(
            "Keys never leave this vault: release policies and exportable keys are not supported.",
        ));
    }
    Ok(())
}

/// `key_ops` as sent, checked for a kind of key.
fn operations(
    sent: Option<&[String]>,
    kty: KeyType,
) -> Result<Option<Vec<&'static str>>, VaultError> {
    sent.map(|list| check_operations(list, kty.family)).transpose()
}

#[derive(Deserialize)]
struct CreateBody {
    kty: Option<String>,
    key_size: Option<u64>,
    crv: Option<String>,
    key_ops: Option<Vec<String>>,
    public_exponent: Option<u64>,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    release_policy: Value,
}

fn create(work: &Work) -> Result<Reply, VaultError> {
    let body: CreateBody = work.read()?;
    let kty = body.kty.as_deref().and_then(KeyType::from_name).ok_or_else(|| {
        VaultError::bad_parameter("Property kty is RSA, RSA-HSM, EC, EC-HSM, oct or oct-HSM.")
    })?;
    if body.public_exponent.is_some_and(|e| e != 65_537) {
        return Err(VaultError::bad_parameter("Property public_exponent is 65537; leave it out."));
    }
    let new = NewKey {
        kty,
        size: body.key_size,
        curve: body.crv,
        operations: operations(body.key_ops.as_deref(), kty)?,
        attributes: AttributeChange::from_json(&body.attributes)?,
        tags: tags_from_json(&body.tags)?,
    };
    refuse_release(&body.release_policy, &new.attributes)?;
    Ok(Keys::answer(work, &work.vault.create_key(&work.name, &new, work.now)?))
}

#[derive(Deserialize)]
struct ImportBody {
    key: Option<Jwk>,
    #[serde(default, alias = "Hsm")]
    hsm: Option<bool>,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    release_policy: Value,
}

fn import(work: &Work) -> Result<Reply, VaultError> {
    let body: ImportBody = work.read()?;
    let jwk = required(body.key, "key")?;
    let (mut kty, key) = jwk_key(&jwk)?;
    kty.hsm |= body.hsm == Some(true);
    let new = ImportedKey {
        kty,
        key,
        operations: operations(jwk.key_ops.as_deref(), kty)?,
        attributes: AttributeChange::from_json(&body.attributes)?,
        tags: tags_from_json(&body.tags)?,
    };
    refuse_release(&body.release_policy, &new.attributes)?;
    Ok(Keys::answer(work, &work.vault.import_key(&work.name, &new, work.now)?))
}

fn rotate(work: &Work) -> Result<Reply, VaultError> {
    Ok(Keys::answer(work, &work.vault.rotate_key(&work.name, work.now)?))
}

fn get(work: &Work) -> Result<Reply, VaultError> {
    Ok(Keys::answer(work, &work.vault.find(KIND, &work.name, work.version())?))
}

#[derive(Deserialize)]
struct UpdateBody {
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    release_policy: Value,
}

fn update(work: &Work) -> Result<Reply, VaultError> {
    let body: UpdateBody = work.read()?;
    let (change, tags) =
        (AttributeChange::from_json(&body.attributes)?, tags_from_json(&body.tags)?);
    refuse_release(&body.release_policy, &change)?;
    let (name, version, now) = (&work.name, work.version(), work.now);
    let sent = body.key_ops;
    let found = work.vault.update(KIND, name, version, change, tags, now, |version| {
        let kty = version.text("kty").and_then(KeyType::from_name);
        if let Some(operations) = kty.map_or(Ok(None), |kty| operations(sent.as_deref(), kty))? {
            version.facts.insert("key_ops".into(), json!(operations));
        }
        Ok(())
    })?;
    Ok(Keys::answer(work, &found))
}

#[derive(Deserialize)]
struct OperationBody {
    alg: Option<String>,
    value: Option<Wiped>,
    digest: Option<String>,
    iv: Option<String>,
    aad: Option<String>,
    tag: Option<String>,
}

/// A request for a key to work, read.
struct Asked {
    found: Found,
    algorithm: String,
    value: SecretBytes,
    iv: Option<Vec<u8>>,
    aad: Vec<u8>,
    tag: Option<Vec<u8>>,
    digest: Option<String>,
}

fn asked(work: &Work) -> Result<Asked, VaultError> {
    let body: OperationBody = work.read()?;
    let found = work.vault.find(KIND, &work.name, work.version())?;
    let algorithm = required(body.alg, "alg")?;
    let value = required(body.value, "value")?;
    let optional = |text: Option<String>, name: &str| text.map(|t| decoded(&t, name)).transpose();
    Ok(Asked {
        found,
        algorithm,
        value: SecretBytes::new(decoded(value.0.expose(), "value")?),
        iv: optional(body.iv, "iv")?,
        aad: optional(body.aad, "aad")?.unwrap_or_default(),
        tag: optional(body.tag, "tag")?,
        digest: body.digest,
    })
}

/// `{"kid":...,"value":...}` and what else there is.
fn result(work: &Work, found: &Found, value: &[u8], more: &[(&str, &Option<Vec<u8>>)]) -> Reply {
    let mut out = json!({ "kid": version_id(work, found), "value": encoded(value) });
    for (name, bytes) in more {
        if let Some(bytes) = bytes {
            out[*name] = json!(encoded(bytes));
        }
    }
    Reply::json(&out)
}

/// The same with a value that is secret.
fn secret_result(work: &Work, found: &Found, value: &SecretBytes) -> Reply {
    let text = SecretText::new(encoded(value.expose()));
    Reply::with_secret(&json!({ "kid": version_id(work, found) }), "value", text.expose())
}

fn encrypt(work: &Work) -> Result<Reply, VaultError> {
    let Asked { found, algorithm, value, iv, aad, .. } = asked(work)?;
    let iv = iv.as_deref();
    let done = work.vault.encrypt(&found, &algorithm, value.expose(), iv, &aad, work.now)?;
    let aad = Some(aad).filter(|aad| !aad.is_empty());
    Ok(result(work, &found, &done.bytes, &[("iv", &done.iv), ("tag", &done.tag), ("aad", &aad)]))
}

fn decrypt(work: &Work) -> Result<Reply, VaultError> {
    let Asked { found, algorithm, value, iv, aad, tag, .. } = asked(work)?;
    let text = Encrypted { bytes: value.expose().to_vec(), iv, tag };
    let plain = work.vault.decrypt(&found, &algorithm, &text, &aad, work.now)?;
    Ok(secret_result(work, &found, &plain))
}

fn sign(work: &Work) -> Result<Reply, VaultError> {
    let Asked { found, algorithm, value, .. } = asked(work)?;
    let signature = work.vault.sign(&found, &algorithm, value.expose(), work.now)?;
    Ok(result(work, &found, &signature, &[]))
}

fn verify(work: &Work) -> Result<Reply, VaultError> {
    let Asked { found, algorithm, value, digest, .. } = asked(work)?;
    let digest = decoded(&required(digest, "digest")?, "digest")?;
    let good = work.vault.verify(&found, &algorithm, &digest, value.expose(), work.now)?;
    Ok(Reply { id: Some(version_id(work, &found)), ..Reply::json(&json!({ "value": good })) })
}

fn wrap(work: &Work) -> Result<Reply, VaultError> {
    let Asked { found, algorithm, value, .. } = asked(work)?;
    let wrapped = work.vault.wrap_key(&found, &algorithm, value.expose(), work.now)?;
    Ok(result(work, &found, &wrapped, &[]))
}

fn unwrap(work: &Work) -> Result<Reply, VaultError> {
    let Asked { found, algorithm, value, .. } = asked(work)?;
    let key = work.vault.unwrap_key(&found, &algorithm, value.expose(), work.now)?;
    Ok(secret_result(work, &found, &key))
}

fn release(work: &Work) -> Result<Reply, VaultError> {
    work.vault.find(KIND, &work.name, work.version())?;
    Err(VaultError::bad_parameter(
        "Key release is not supported: keys never leave this vault, and no attestation is trusted here.",
    ))
}

fn attestation(work: &Work) -> Result<Reply, VaultError> {
    work.vault.find(KIND, &work.name, work.version())?;
    Err(VaultError::bad_parameter(
        "There is no attestation: the keys of this vault live in software, sealed on disk.",
    ))
}

fn policy(work: &Work, policy: &RotationPolicy) -> Reply {
    let mut out = policy.to_json();
    out["id"] = json!(format!("{}/rotationpolicy", object_id(work, KIND, &work.name)));
    Reply::json(&out)
}

fn get_policy(work: &Work) -> Result<Reply, VaultError> {
    let object = work.vault.live(KIND, &work.name)?;
    Ok(policy(work, &work.vault.rotation_policy(&object)))
}

fn set_policy(work: &Work) -> Result<Reply, VaultError> {
    let sent = RotationPolicy::from_json(&work.read::<Value>()?)?;
    let stored = work.vault.set_rotation_policy(&work.name, sent, work.now)?;
    Ok(policy(work, &stored))
}

#[derive(Deserialize)]
struct RandomBody {
    count: u64,
}

fn random(work: &Work) -> Result<Reply, VaultError> {
    const MOST: usize = 128;
    let body: RandomBody = work.read()?;
    let count = usize::try_from(body.count).ok().filter(|n| (1..=MOST).contains(n));
    let count = count.ok_or_else(|| {
        VaultError::bad_parameter(format!("Property count is a number from 1 to {MOST}."))
    })?;
    let bytes = Zeroizing::new(crypto::random_bytes::<MOST>()?);
    let text = Zeroizing::new(encoded(bytes.get(..count).unwrap_or_default()));
    Ok(Reply::json(&json!({ "value": text.as_str() })))
}
