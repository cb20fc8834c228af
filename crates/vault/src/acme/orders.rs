//! Orders: made, followed, finalized; and the chains that come of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pki::acme::{Authorization, Identifier, Order, OrderStatus, Problem, ProblemKind};
use pki::time::{parse_rfc3339, rfc3339};
use pki::{AlternativeNames, KeyUsage, Name, Template, pem};
use serde_json::{Value, json};

use super::store::Ledger;
use super::validate;
use super::{AcmeAnswer, AcmeCall, AcmeSettings, Reach, Signed, reach};

const DAY: i64 = 24 * 60 * 60;
/// How long an order can be completed.
const ORDER_LASTS: i64 = 7 * DAY;
/// Certificates begin this long before they are made: clocks of others may be behind.
const BACKDATED: i64 = 10 * 60;
/// Orders on one page of a list.
const PAGE: usize = 100;
/// Behind it in the address of a page stands the last order of the page before.
const CURSOR: &str = "?cursor=";

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
    check_names(call, &identifiers)?;
    let time = |name: &str| match sent.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str().and_then(parse_rfc3339) {
            Some(time) => Ok(Some(time)),
            None => Err(Problem::malformed(format!("'{name}' is no time"))),
        },
    };
    let (not_before, not_after) = (time("notBefore")?, time("notAfter")?);
    check_times(call, not_before, not_after)?;
    let mut order = Order {
        id: format!("{}-{}", account.id, crate::new_version_id()?),
        account: account.id.clone(),
        status: OrderStatus::Pending,
        expires: call.now + ORDER_LASTS,
        identifiers,
        authorizations: Vec::new(),
        not_before,
        not_after,
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
    ledger.open(call, &order, &authorizations)?;
    Ok(answer(call, 201, &order))
}

/// Refuses times that the certificate could not have.
fn check_times(
    call: &AcmeCall<'_>,
    not_before: Option<i64>,
    not_after: Option<i64>,
) -> Result<(), Problem> {
    let first = call.now - BACKDATED;
    let last = call.now + AcmeSettings::of(call.vault, call.authority).validity_days * DAY;
    let (from, until) = (not_before.unwrap_or(first), not_after.unwrap_or(last));
    if first <= from && from < until && call.now < until && until <= last {
        return Ok(());
    }
    Err(Problem::malformed(format!(
        "'notBefore' and 'notAfter' lie between {} and {} here",
        rfc3339(first),
        rfc3339(last)
    )))
}

/// Refuses names that the authority has no certificates for, and names that only this machine could answer for where the
/// caller is none of it.
fn check_names(call: &AcmeCall<'_>, identifiers: &[Identifier]) -> Result<(), Problem> {
    let settings = AcmeSettings::of(call.vault, call.authority);
    if let Some(refused) = identifiers.iter().find(|i| !settings.admits(i.base())) {
        let detail = format!("this authority has no certificates for '{}'", refused.value);
        return Err(Problem::new(ProblemKind::RejectedIdentifier, detail));
    }
    let is_here = |i: &&Identifier| reach::is_special(i);
    match identifiers.iter().find(is_here) {
        Some(refused) if settings.reach(call.is_local) == Reach::Elsewhere => {
            Err(validate::leads_here(&refused.value))
        }
        _ => Ok(()),
    }
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
    if !order.is_open() {
        return Ok(order);
    }
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
    let after = call.url.split_once(CURSOR).map(|(_, id)| id);
    let orders = ledger.orders_of(account, after, PAGE)?;
    let open = orders.iter().filter(|o| o.status != OrderStatus::Invalid);
    let urls: Vec<String> = open.map(|o| url(call, &o.id)).collect();
    let mut answer = AcmeAnswer::json(200, &json!({ "orders": urls }));
    if let Some(last) = orders.last().filter(|_| orders.len() == PAGE) {
        let next = format!("{}/account/{account}/orders{CURSOR}{}", call.base, last.id);
        answer.links.push(format!("<{next}>;rel=\"next\""));
    }
    Ok(answer)
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
        not_before: order.not_before.unwrap_or(call.now - BACKDATED),
        not_after: order.not_after.unwrap_or(end),
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
