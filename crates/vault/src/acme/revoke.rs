//! `revokeCert`: by the account that asked for the certificate, or by the certificate's own key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pki::Certificate;
use pki::acme::{Problem, ProblemKind};
use serde_json::Value;

use super::{AcmeAnswer, AcmeCall, Signed};
use crate::RevocationReason;

pub(super) fn revoke(call: &AcmeCall<'_>, signed: &Signed) -> Result<AcmeAnswer, Problem> {
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
    if !by_account && !by_key {
        let detail =
            "neither the account that asked for the certificate nor its own key signed this";
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
