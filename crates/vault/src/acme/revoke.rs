//! `revokeCert`: by the account that asked for the certificate, by one that showed control of all its names, or by the
//! certificate's own key.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pki::Certificate;
use pki::acme::{AuthorizationStatus, Identifier, Problem, ProblemKind};
use serde_json::Value;

use super::store::Ledger;
use super::{AcmeAnswer, AcmeCall, Signed};
use crate::RevocationReason;

/// Orders looked at together.
const ORDERS: usize = 100;

pub(super) fn revoke(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
) -> Result<AcmeAnswer, Problem> {
    let sent = signed.object()?;
    let bad = || Problem::malformed("'certificate' is no certificate in base64url");
    let text = sent.get("certificate").and_then(Value::as_str).ok_or_else(bad)?;
    let der = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| bad())?;
    let certificate = Certificate::from_der(&der).map_err(|_| bad())?;
    let reason = sent.get("reason").cloned().unwrap_or_default();
    let reason = RevocationReason::from_json(&reason).ok_or_else(|| {
        Problem::new(ProblemKind::BadRevocationReason, "the reason is none that can be given")
    })?;
    let serial = certificate.serial_hex();
    let record = call.vault.issued(call.authority, &serial)?;
    let record = record.filter(|r| r.certificate == certificate);
    let record = record.ok_or_else(|| Problem::not_found("certificate"))?;
    let by_account = signed.account.as_ref().is_some_and(|a| a.id == record.account);
    let by_key = signed.key.is(certificate.public_key());
    if !by_account && !by_key && !holds_names(call, ledger, signed, &certificate)? {
        let detail = "neither the account that asked for the certificate, nor one that showed control of all its names, nor its own key signed this";
        return Err(Problem::new(ProblemKind::Unauthorized, detail));
    }
    if record.revoked.is_some() {
        return Err(Problem::new(
            ProblemKind::AlreadyRevoked,
            "the certificate is revoked already",
        ));
    }
    call.vault.revoke(call.authority, &serial, reason, call.now)?;
    Ok(AcmeAnswer { status: 200, ..AcmeAnswer::default() })
}

/// True where the account has valid authorizations for every name of a certificate. What proves a name with a star proves
/// no other.
fn holds_names(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
    certificate: &Certificate,
) -> Result<bool, Problem> {
    let Some(account) = &signed.account else { return Ok(false) };
    let named = certificate.names();
    let identifier = |kind: &str, value: String| Identifier { kind: kind.to_owned(), value };
    let dns = named.dns.iter().map(|name| identifier("dns", name.to_ascii_lowercase()));
    let ip = named.addresses.iter().map(|address| identifier("ip", address.to_string()));
    let mut missing: BTreeSet<Identifier> = dns.chain(ip).collect();
    if missing.is_empty() {
        return Ok(false);
    }
    let mut after = None;
    loop {
        let orders = ledger.orders_of(&account.id, after.as_deref(), ORDERS)?;
        for id in orders.iter().flat_map(|order| &order.authorizations) {
            let Some(mut shown) = ledger.authorization(id)? else { continue };
            shown.refresh(call.now);
            if shown.status == AuthorizationStatus::Valid {
                let star = if shown.wildcard { "*." } else { "" };
                let Identifier { kind, value } = shown.identifier;
                missing.remove(&Identifier { kind, value: format!("{star}{value}") });
            }
        }
        match orders.last() {
            _ if missing.is_empty() => return Ok(true),
            Some(last) if orders.len() == ORDERS => after = Some(last.id.clone()),
            _ => return Ok(false),
        }
    }
}
