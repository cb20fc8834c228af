//! Accounts: made, bound to ones outside, changed, given up; their keys exchanged.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use pki::acme::{Account, AccountStatus, Jws, KeyReference, Problem, ProblemKind};
use serde_json::{Value, json};

use super::limit::Newcomers;
use super::store::Ledger;
use super::{AcmeAnswer, AcmeCall, AcmeSettings, Signed, no_account};
use crate::Kind;

/// Tag of a secret that lets accounts be bound: its value is the authority, the secret's name the key id, the secret's
/// value the key in base64url.
const TAG: &str = "acme";

fn url(call: &AcmeCall<'_>, id: &str) -> String {
    format!("{}/account/{id}", call.base)
}

fn shown(call: &AcmeCall<'_>, account: &Account) -> Value {
    json!({
        "status": account.status,
        "contact": account.contact,
        "orders": format!("{}/orders", url(call, &account.id)),
        "key": account.key,
    })
}

fn answer(call: &AcmeCall<'_>, status: u16, account: &Account) -> AcmeAnswer {
    let mut answer = AcmeAnswer::json(status, &shown(call, account)).at(url(call, &account.id));
    answer.account.clone_from(&account.id);
    answer
}

/// `newAccount`: a new one, or the one that the key has.
pub(super) fn create(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
    newcomers: &Mutex<Newcomers>,
) -> Result<AcmeAnswer, Problem> {
    let sent = signed.object()?;
    if let Some(account) = &signed.account {
        if account.status != AccountStatus::Valid {
            return Err(Problem::new(ProblemKind::Unauthorized, "the account is no longer in use"));
        }
        return Ok(answer(call, 200, account));
    }
    if sent.get("onlyReturnExisting").and_then(Value::as_bool) == Some(true) {
        return Err(no_account());
    }
    let contact = Account::contacts(sent.get("contact"))?;
    let binding = sent.get("externalAccountBinding").filter(|b| !b.is_null());
    let external = match binding {
        Some(binding) => Some(Jws::check_binding(binding, &signed.key, &call.url, |kid| {
            external_key(call, kid)
        })?),
        None if AcmeSettings::of(call.vault, call.authority).requires_external_account => {
            let detail = "this authority needs an external account binding; ask its operator for a key id and key";
            return Err(Problem::new(ProblemKind::ExternalAccountRequired, detail));
        }
        None => None,
    };
    newcomers.lock().admit(call.source, call.now)?;
    let account = Account {
        id: crate::new_version_id()?,
        key: signed.key.to_json(),
        contact,
        status: AccountStatus::Valid,
        external,
    };
    ledger.put_account(&account, None)?;
    Ok(answer(call, 201, &account))
}

/// The key that was handed out under a key id: a secret of the vault that is tagged for the authority.
fn external_key(call: &AcmeCall<'_>, kid: &str) -> Option<Vec<u8>> {
    let found = call.vault.find(Kind::Secret, kid, None).ok()?;
    let tag = found.version.tags.as_ref()?.get(TAG)?.as_str()?;
    let attributes = &found.version.attributes;
    let holds = attributes.nbf.is_none_or(|from| from <= call.now)
        && attributes.exp.is_none_or(|until| call.now < until);
    if !tag.eq_ignore_ascii_case(call.authority) || !holds {
        return None;
    }
    let value = call.vault.secret_value(&found).ok()?;
    let text = std::str::from_utf8(value.expose()).ok()?.trim_end_matches('=');
    URL_SAFE_NO_PAD
        .decode(text)
        .or_else(|_| STANDARD.decode(value.expose()))
        .ok()
        .filter(|k| k.len() >= 16)
}

/// Changes contacts, or gives the account up.
pub(super) fn update(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
    id: &str,
) -> Result<AcmeAnswer, Problem> {
    let mut account = signed.account()?.clone();
    if account.id != id {
        return Err(Problem::new(ProblemKind::Unauthorized, "this is another account"));
    }
    if !signed.is_get() {
        let sent = signed.object()?;
        if sent.get("contact").is_some() {
            account.contact = Account::contacts(sent.get("contact"))?;
        }
        match sent.get("status").and_then(Value::as_str) {
            None | Some("valid") => {}
            Some("deactivated") => account.status = AccountStatus::Deactivated,
            Some(_) => {
                return Err(Problem::malformed("'status' can be set to 'deactivated' alone"));
            }
        }
        ledger.put_account(&account, None)?;
    }
    Ok(answer(call, 200, &account))
}

/// `keyChange`: the old key signs what the new one signed.
pub(super) fn change_key(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
) -> Result<AcmeAnswer, Problem> {
    let mut account = signed.account()?.clone();
    let inner = Jws::from_json(&signed.object()?)?;
    let KeyReference::Key(new) = &inner.key else {
        return Err(Problem::malformed("the inner message must be signed by the new key ('jwk')"));
    };
    let payload: Value = serde_json::from_slice(inner.verify(new)?)
        .map_err(|_| Problem::malformed("the inner payload is no JSON"))?;
    let names_account =
        payload.get("account").and_then(Value::as_str) == Some(&url(call, &account.id));
    let old = payload.get("oldKey").and_then(pki::acme::Jwk::from_json);
    if inner.url != call.url
        || inner.nonce.is_some()
        || !names_account
        || old.as_ref() != Some(&signed.key)
    {
        return Err(Problem::malformed(
            "the inner message must name this address, the account and its old key",
        ));
    }
    if let Some(taken) = ledger.account_of(new)? {
        let mut conflict = Problem::malformed("the new key belongs to an account already");
        conflict.status = 409;
        tracing::debug!(account = taken.id, "a key was offered twice");
        return Err(conflict);
    }
    account.key = new.to_json();
    ledger.put_account(&account, Some(&signed.key))?;
    Ok(answer(call, 200, &account))
}
