//! `/vault/...`: the seal, for its keepers. Azure has none; this door is the house's own. It is open while the vault is
//! sealed, and its callers are known as Resource Manager's are.

use std::sync::Arc;

use axum::response::Response;
use crypto::SecretText;
use crypto::pkcs11::TokenKey;
use http::Method;
use identity::Audiences;
use model::ResourceId;
use serde::Deserialize;
use serde_json::{Value, json};
use vault::{NewSeal, SealKind, SealStatus, UnsealWith, VaultError, Wiped};
use zeroize::Zeroizing;

use super::{Call, error};
use crate::wire::blocking::blocking;
use crate::wire::body;
use crate::wire::caller::authenticate;
use crate::wire::error::{ApiError, json_response};
use crate::{Doors, Incoming};

/// Method, path, action at the subscription, name in audit rows.
const DOORS: &[(Method, &str, &str, &str)] = &[
    (Method::GET, "status", "Vedette.Vault/seal/status/action", "VaultSealStatus"),
    (Method::POST, "seal", "Vedette.Vault/seal/close/action", "VaultSeal"),
    (Method::POST, "unseal", "Vedette.Vault/seal/open/action", "VaultUnseal"),
    (Method::POST, "rekey", "Vedette.Vault/seal/rekey/action", "VaultRekey"),
    (Method::POST, "rotate-root", "Vedette.Vault/seal/rotateRoot/action", "VaultRotateRoot"),
    (Method::POST, "verify-audit", "Vedette.Vault/audit/verify/action", "VaultVerifyAudit"),
];

/// Wanted at every door beside its own action: who may write resources is not for that reason a keeper of the keys, nor
/// who may give roles away. Owners have both.
const OWNERS: &str = "Microsoft.Authorization/roleAssignments/write";

#[derive(Deserialize)]
struct UnsealBody {
    passphrase: Option<Wiped>,
    share: Option<Wiped>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SealBody {
    kind: String,
    passphrase: Option<Wiped>,
    threshold: Option<u8>,
    count: Option<u8>,
    uri: Option<String>,
    make_key: Option<bool>,
}

#[derive(Deserialize)]
struct RekeyBody {
    seals: Vec<SealBody>,
}

pub(crate) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
) -> Result<Response, ApiError> {
    let caller = authenticate(doors, &incoming, Audiences::RESOURCE_MANAGER)?;
    let word = incoming.segment(1);
    let known = DOORS.iter().find(|(_, path, ..)| *path == word && incoming.segments.len() == 2);
    let Some((method, _, action, operation)) = known else {
        return Err(ApiError::not_found(&incoming));
    };
    if incoming.method != *method {
        return Err(ApiError::method(
            &incoming,
            if *method == Method::GET { "GET" } else { "POST" },
        ));
    }
    let subscription = arm::subscription_id(doors.arm.store().as_ref())?;
    let scope = ResourceId::new(&format!("/subscriptions/{subscription}"));
    for action in [action, OWNERS] {
        doors.identity.require(&caller, action, &scope, false)?;
    }
    let mut call = Call::begin(doors, &incoming, None);
    call.record.operation = (*operation).into();
    call.record.resource = scope.as_str().into();
    call.record.object_id = Arc::clone(&caller.object_id);
    call.record.app_id = Arc::clone(&caller.app_id);
    let body = Zeroizing::new(body::read(doors, &mut incoming, doors.limits.body_bytes).await?);
    let under_way = match word.as_str() {
        "seal" | "unseal" | "rekey" | "rotate-root" => {
            Some(doors.vault_audit.begin(call.so_far()).await.map_err(error::answer)?)
        }
        _ => None,
    };
    let done = match word.as_str() {
        "verify-audit" => verify(doors).await,
        _ => {
            let (own, who) = (Arc::clone(doors), caller.object_id.to_string());
            blocking(move || keyring(&own, &word, &body, &who)).await?
        }
    };
    let (status, why) = match &done {
        Ok(_) => (200, String::new()),
        Err(error) => (error.status, error.to_string()),
    };
    let record = call.end(status, &why, None);
    let recorded = match under_way {
        Some(under_way) => doors.vault_audit.end(under_way, record).await,
        None if incoming.method == Method::GET => Ok(()),
        None => doors.vault_audit.write(record).await,
    };
    recorded.map_err(error::answer)?;
    done.map(|value| json_response(200, &value)).map_err(error::answer)
}

fn keyring(doors: &Doors, word: &str, body: &[u8], who: &str) -> Result<Value, VaultError> {
    let keyring = doors.vaults.keyring();
    if word != "status" {
        tracing::warn!(caller = who, "vault: {word}");
    }
    match word {
        "seal" => doors.vaults.seal(),
        "unseal" => {
            let sent: UnsealBody = read(body)?;
            let with = match (sent.passphrase, sent.share) {
                (Some(Wiped(text)), None) => UnsealWith::Passphrase(text),
                (None, Some(Wiped(text))) => UnsealWith::Share(text),
                (None, None) => UnsealWith::AtHand,
                _ => {
                    return Err(VaultError::bad_parameter(
                        "give a passphrase or a share, not both",
                    ));
                }
            };
            keyring.unseal(&with)?;
        }
        "rekey" => {
            let sent: RekeyBody = read(body)?;
            let seals: Vec<NewSeal> =
                sent.seals.into_iter().map(new_seal).collect::<Result<_, _>>()?;
            let shares = keyring.rekey(&seals, doors.clock.now())?;
            let shares: Vec<&str> = shares.iter().map(SecretText::expose).collect();
            let mut told = status(&keyring.status()?);
            told["shares"] = json!(shares);
            return Ok(told);
        }
        "rotate-root" => drop(keyring.rotate_root()?),
        _ => {}
    }
    Ok(status(&keyring.status()?))
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, VaultError> {
    let body = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|e| {
        let (line, column) = (e.line(), e.column());
        VaultError::bad_parameter(format!(
            "The request body is not as it should be (line {line}, column {column})."
        ))
    })
}

fn new_seal(sent: SealBody) -> Result<NewSeal, VaultError> {
    let lacks = |what: &str| VaultError::bad_parameter(format!("a seal of this kind needs {what}"));
    match sent.kind.as_str() {
        "keyFile" => Ok(NewSeal::KeyFile),
        "passphrase" => {
            Ok(NewSeal::Passphrase(sent.passphrase.ok_or_else(|| lacks("a passphrase"))?.0))
        }
        "shamir" => Ok(NewSeal::Shamir {
            threshold: sent.threshold.ok_or_else(|| lacks("a threshold"))?,
            count: sent.count.ok_or_else(|| lacks("a count"))?,
        }),
        "pkcs11" => Ok(NewSeal::Pkcs11 {
            key: TokenKey::parse(&sent.uri.ok_or_else(|| lacks("a uri"))?)?,
            make: sent.make_key.unwrap_or(false),
        }),
        other => Err(VaultError::bad_parameter(format!(
            "'{other}' is no kind of seal; there are keyFile, passphrase, shamir and pkcs11"
        ))),
    }
}

fn status(status: &SealStatus) -> Value {
    let seals: Vec<Value> = status
        .seals
        .iter()
        .map(|seal| match seal {
            SealKind::Shamir { threshold, count } => {
                json!({ "kind": seal.word(), "threshold": threshold, "count": count })
            }
            SealKind::Pkcs11 { key, mechanism } => {
                json!({ "kind": seal.word(), "uri": key.to_string(), "mechanism": mechanism.word() })
            }
            _ => json!({ "kind": seal.word() }),
        })
        .collect();
    json!({
        "sealed": status.sealed, "seals": seals, "sharesGiven": status.shares_given,
        "rootGeneration": status.root_generation,
    })
}

async fn verify(doors: &Doors) -> Result<Value, VaultError> {
    let report = doors.vault_audit.verify().await?;
    Ok(json!({
        "rows": report.rows, "first": report.first, "last": report.last, "proven": report.proven,
        "unproven": report.unproven, "wrong": report.wrong, "findings": report.findings,
    }))
}
