//! Orders: made, followed, finalized; and the chains that come of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pki::acme::{Authorization, Order, OrderStatus, Problem, ProblemKind};
use pki::time::{parse_rfc3339, rfc3339};
use pki::{AlternativeNames, KeyUsage, Name, Template, pem};
use serde_json::{Value, json};

use super::store::Ledger;
use super::{AcmeAnswer, AcmeCall, AcmeSettings, Signed};

const DAY: i64 = 24 * 60 * 60;
/// How long an order can be completed.
const ORDER_LASTS: i64 = 7 * DAY;
/// Orders on one page of a list.
const PAGE: usize = 100;

fn url(call: &AcmeCall<'_>, id: &str) -> String {
    format!("{}/order/{id}", call.base)
}

fn shown(call: &AcmeCall<'_>, order: &Order) -> Value {
    let authorization = |id: &String| format!("{}/authorization/{id}", call.base);
    let mut out = json!({
        "status": order.status,
        "expires": rfc3339(order.expires),
        "identifiers": order.identifiers,
        "authorizations": order.authorizations.iter().map(authorization).collect::<Vec<_>>(),
        "finalize": format!("{}/finalize", url(call, &order.id)),
    });
    for (name, time) in [("notBefore", order.not_before), ("notAfter", order.not_after)] {
        if let Some(time) = time {
            out[name] = json!(rfc3339(time));
        }
    }
    if order.certificate.is_some() {
        out["certificate"] = json!(format!("{}/certificate/{}", call.base, order.id));
    }
    if let Some(error) = &order.error {
        out["error"] = error.body();
    }
    out
}

fn answer(call: &AcmeCall<'_>, status: u16, order: &Order) -> AcmeAnswer {
    AcmeAnswer::json(status, &shown(call, order)).at(url(call, &order.id))
}

/// `newOrder`.
pub(super) fn create(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
) -> Result<AcmeAnswer, Problem> {
    let account = signed.account()?;
    let sent = signed.object()?;
    let identifiers = Order::identifiers(sent.get("identifiers"))?;
    let settings = AcmeSettings::of(call.vault, call.authority);
    if let Some(refused) = identifiers.iter().find(|i| !settings.admits(i.base())) {
        let detail = format!("this authority has no certificates for '{}'", refused.value);
        return Err(Problem::new(ProblemKind::RejectedIdentifier, detail));
    }
    let time = |name: &str| match sent.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str().and_then(parse_rfc3339) {
            Some(time) => Ok(Some(time)),
            None => Err(Problem::malformed(format!("'{name}' is no time"))),
        },
    };
    let mut order = Order {
        id: format!("{}-{}", account.id, crate::new_version_id()?),
        account: account.id.clone(),
        status: OrderStatus::Pending,
        expires: call.now + ORDER_LASTS,
        identifiers,
        authorizations: Vec::new(),
        not_before: time("notBefore")?,
        not_after: time("notAfter")?,
        certificate: None,
        error: None,
    };
    let mut authorizations = Vec::new();
    for identifier in &order.identifiers {
        let id = crate::new_version_id()?;
        let made = Authorization::new(id, &order, identifier, order.expires);
        authorizations.push(made.map_err(crate::VaultError::from)?);
    }
    order.authorizations = authorizations.iter().map(|a| a.id.clone()).collect();
    ledger.put_all(&[&order], &authorizations)?;
    Ok(answer(call, 201, &order))
}

/// An order of the account as it is now.
pub(super) fn current(
    ledger: &Ledger<'_>,
    signed: &Signed,
    id: &str,
    now: i64,
) -> Result<Order, Problem> {
    let order = ledger.order(id)?.ok_or_else(|| Problem::not_found("order"))?;
    if order.account != signed.account()?.id {
        return Err(Problem::not_found("order"));
    }
    refreshed(ledger, order, now)
}

pub(super) fn refreshed(ledger: &Ledger<'_>, mut order: Order, now: i64) -> Result<Order, Problem> {
    let mut authorizations = Vec::new();
    for id in &order.authorizations {
        let mut found =
            ledger.authorization(id)?.ok_or_else(|| Problem::not_found("authorization"))?;
        found.refresh(now);
        authorizations.push(found);
    }
    let before = order.status;
    order.refresh(&authorizations, now);
    if order.status != before {
        ledger.put_all(&[&order], &[])?;
    }
    Ok(order)
}

/// An order.
pub(super) fn show(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
    id: &str,
) -> Result<AcmeAnswer, Problem> {
    Ok(answer(call, 200, &current(ledger, signed, id, call.now)?))
}

/// Orders of an account.
pub(super) fn list(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
    account: &str,
) -> Result<AcmeAnswer, Problem> {
    if signed.account()?.id != account {
        return Err(Problem::new(ProblemKind::Unauthorized, "this is another account"));
    }
    let orders = ledger.orders_of(account, None, PAGE)?;
    let open = orders.iter().filter(|o| o.status != OrderStatus::Invalid);
    let urls: Vec<String> = open.map(|o| url(call, &o.id)).collect();
    Ok(AcmeAnswer::json(200, &json!({ "orders": urls })))
}

/// `finalize`: the signing request becomes a certificate.
pub(super) fn finalize(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
    id: &str,
) -> Result<AcmeAnswer, Problem> {
    let mut order = current(ledger, signed, id, call.now)?;
    let sent = signed.object()?;
    let bad = || Problem::new(ProblemKind::BadCsr, "'csr' is no signing request in base64url");
    let csr = sent.get("csr").and_then(Value::as_str).ok_or_else(bad)?;
    let csr = URL_SAFE_NO_PAD.decode(csr.trim_end_matches('=')).map_err(|_| bad())?;
    let request = order.check_finalize(&csr, &signed.key)?;
    let settings = AcmeSettings::of(call.vault, call.authority);
    let end = call.now + settings.validity_days * DAY;
    let mut names = AlternativeNames::default();
    for identifier in &order.identifiers {
        match identifier.value.parse() {
            Ok(address) if identifier.kind == "ip" => names.addresses.push(address),
            _ => names.dns.push(identifier.value.clone()),
        }
    }
    let is_rsa = matches!(request.public_key().kind(), Some(crypto::KeyKind::Rsa(_)));
    let first = order.identifiers.iter().find(|i| i.value.len() <= 64);
    let mut template = Template {
        subject: first.map(|i| Name::common(&i.value)).unwrap_or_default(),
        names,
        usage: if is_rsa { KeyUsage::SIGNATURE_AND_ENCIPHERMENT } else { KeyUsage::SIGNATURE },
        extended_usage: [pki::oids::SERVER_AUTH, pki::oids::CLIENT_AUTH]
            .map(str::to_owned)
            .to_vec(),
        not_before: order.not_before.unwrap_or(call.now - 600).max(call.now - 600),
        not_after: order.not_after.unwrap_or(end).min(end),
        ..Template::default()
    };
    let key = request.public_key();
    let (authority, account) = (call.authority, &order.account);
    let chain =
        call.vault.issue_for(authority, account, &mut template, key, &call.places, call.now)?;
    let serial = chain.first().map(pki::Certificate::serial_hex);
    order.certificate = serial;
    order.status = OrderStatus::Valid;
    ledger.put_all(&[&order], &[])?;
    Ok(answer(call, 200, &order))
}

/// The chain of a finished order in PEM: the certificate, then the issuing authority's.
pub(super) fn chain(
    call: &AcmeCall<'_>,
    ledger: &Ledger<'_>,
    signed: &Signed,
    id: &str,
) -> Result<AcmeAnswer, Problem> {
    let order = current(ledger, signed, id, call.now)?;
    let serial = order.certificate.ok_or_else(|| Problem::not_found("certificate"))?;
    let record = call.vault.issued(call.authority, &serial)?;
    let record = record.ok_or_else(|| Problem::not_found("certificate"))?;
    let above = call.vault.authority_chain(call.authority)?;
    let mut chain = vec![record.certificate];
    chain.extend(above.into_iter().take(1));
    let body = pem::certificates(&chain).into_bytes();
    Ok(AcmeAnswer { status: 200, body, is_chain: true, ..AcmeAnswer::default() })
}
