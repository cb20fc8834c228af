#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod changes;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::{KeyKind, KeyPair, SecretText};
use model::DateTime;
use pki::{Certificate, SigningRequest, pem, pkcs12};
use serde_json::{Value, json};
use state::MemoryStore;

use super::*;
use crate::{AttributeChange, KeyFiles, Kind, Settings, Vault, Vaults};

pub(crate) const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn places() -> AuthorityPlaces {
    AuthorityPlaces { origin: "https://localhost:8443".into() }
}

/// A vault of its own.
pub(crate) fn vault(folder: &tempfile::TempDir) -> Arc<Vault> {
    vaults(folder).vault("one").unwrap()
}

/// A house with the vault `one`.
fn vaults(folder: &tempfile::TempDir) -> Vaults {
    let store = Arc::new(MemoryStore::new());
    let files = KeyFiles { own: folder.path().join("vault.key"), credential: None, token: None };
    let vaults = Vaults::open(store, files, DateTime::from_unix_seconds(NOW).unwrap()).unwrap();
    let id = model::ResourceId::new(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/one",
    );
    let settings =
        Settings::from_document(&id, &json!({ "properties": { "sku": { "name": "premium" } } }));
    vaults.keyring().ensure_key("one").unwrap();
    vaults.admit(settings).unwrap();
    vaults
}

fn policy(issuer: &str, more: Value) -> Value {
    let mut policy = json!({
        "key_props": { "kty": "EC", "crv": "P-256", "exportable": true, "reuse_key": false },
        "secret_props": { "contentType": "application/x-pkcs12" },
        "x509_props": { "subject": "cn=MyCert", "sans": { "dns_names": ["a.example"] }, "validity_months": 12 },
        "issuer": { "name": issuer },
    });
    for (name, value) in more.as_object().unwrap() {
        policy[name] = value.clone();
    }
    policy
}

fn make(vault: &Vault, name: &str, policy: &Value, now: i64) -> crate::Found {
    vault.create_certificate(name, policy, &Value::Null, None, false, now).unwrap();
    let step = vault.advance_certificate(name, &places(), now).unwrap();
    assert!(matches!(&step, Step::Over(p) if p.status == PendingStatus::Completed), "{step:?}");
    vault.find(Kind::Certificate, name, None).unwrap()
}

fn secret(vault: &Vault, name: &str) -> String {
    let found = vault.find(Kind::Secret, name, None).unwrap();
    let value = vault.secret_value(&found).unwrap();
    String::from_utf8(value.expose().to_vec()).unwrap()
}

#[test]
fn self_signed_with_twins() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let pending = vault
        .create_certificate("c", &policy("Self", json!({})), &Value::Null, None, false, NOW)
        .unwrap();
    assert_eq!(pending.status, PendingStatus::InProgress);
    assert!(pending.details.unwrap().contains("is in progress. This may take some time"));
    assert_eq!(vault.certificate_policy("c").unwrap().issuer, "Self");
    assert!(vault.find(Kind::Certificate, "c", None).is_err());
    let again =
        vault.create_certificate("c", &policy("Self", json!({})), &Value::Null, None, false, NOW);
    assert_eq!(again.unwrap_err().status, 409);
    assert_eq!(vault.open_operations(), ["c"]);
    vault.advance_certificate("c", &places(), NOW).unwrap();
    assert!(vault.open_operations().is_empty());
    let found = vault.find(Kind::Certificate, "c", None).unwrap();
    let facts = CertificateFacts::of(&found.version).unwrap();
    let certificate = &facts.certificate;
    assert_eq!(certificate.subject().to_string(), "CN=MyCert");
    assert_eq!(certificate.names().dns, ["a.example"]);
    assert!(certificate.is_signed_by(certificate));
    assert_eq!(found.version.attributes.exp, Some(certificate.not_after()));
    assert_eq!(found.version.text("x5t").unwrap().len(), 27);

    let key = vault.find(Kind::Key, "c", None).unwrap();
    assert!(key.object.managed && key.version.id == found.version.id);
    assert_eq!((key.version.text("kty"), key.version.text("crv")), (Some("EC"), Some("P-256")));
    let twin = vault.find(Kind::Secret, "c", Some(&found.version.id)).unwrap();
    assert_eq!(twin.version.text("contentType"), Some("application/x-pkcs12"));
    let file = STANDARD.decode(secret(&vault, "c")).unwrap();
    let bundle = pkcs12::read(&file, "").unwrap();
    assert!(bundle.certificates[0].belongs_to(&bundle.key.unwrap()));

    assert!(vault.delete(Kind::Secret, "c", NOW).is_err(), "a twin is not deleted by itself");
    vault.delete_certificate("c", NOW).unwrap();
    for kind in Kind::ALL {
        assert!(vault.find(kind, "c", None).is_err());
    }
    let taken =
        vault.create_certificate("c", &policy("Self", json!({})), &Value::Null, None, false, NOW);
    assert_eq!(taken.unwrap_err().status, 409);
    vault.recover_certificate("c").unwrap();
    assert!(vault.find(Kind::Key, "c", None).is_ok());
    vault.delete_certificate("c", NOW).unwrap();
    vault.purge(Kind::Certificate, "c").unwrap();
    assert!(vault.deleted_certificate("c").is_err());
}

#[test]
fn keys_kinds_forms_and_what_may_not_leave() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    for (name, kty, crv) in
        [("p384", "EC", "P-384"), ("p521", "EC-HSM", "P-521"), ("k", "EC", "P-256K")]
    {
        let key = json!({ "key_props": { "kty": kty, "crv": crv } });
        make(&vault, name, &policy("Self", key), NOW);
        let twin = vault.find(Kind::Key, name, None).unwrap();
        assert_eq!((twin.version.text("kty"), twin.version.text("crv")), (Some(kty), Some(crv)));
    }
    let pem_form = json!({ "secret_props": { "contentType": "application/x-pem-file" } });
    make(&vault, "pem", &policy("Self", pem_form.clone()), NOW);
    assert!(secret(&vault, "pem").starts_with("-----BEGIN PRIVATE KEY-----"));
    let mut kept = policy("Self", pem_form);
    kept["key_props"]["exportable"] = json!(false);
    make(&vault, "kept", &kept, NOW);
    assert!(secret(&vault, "kept").starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(!secret(&vault, "kept").contains("PRIVATE"));
    kept["secret_props"] = json!({ "contentType": "application/x-pkcs12" });
    make(&vault, "kept2", &kept, NOW);
    let bundle = pkcs12::read(&STANDARD.decode(secret(&vault, "kept2")).unwrap(), "").unwrap();
    assert!(bundle.key.is_none() && bundle.certificates.len() == 1);
}

#[test]
fn a_secret_comes_in_either_form() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    for (at, kept) in [ContentType::Pkcs12, ContentType::Pem].into_iter().enumerate() {
        let (name, form) = (format!("c{at}"), json!({ "contentType": kept.name() }));
        let made = make(&vault, &name, &policy("Self", json!({ "secret_props": form })), NOW);
        let certificate = CertificateFacts::of(&made.version).unwrap().certificate;
        let twin = vault.find(Kind::Secret, &name, None).unwrap();
        let read = |form| vault.secret_value_as(&twin, form).unwrap();
        let file = STANDARD.decode(&*read(ContentType::Pkcs12)).unwrap();
        let text = String::from_utf8(read(ContentType::Pem).to_vec()).unwrap();
        for bundle in [pkcs12::read(&file, "").unwrap(), pem::read(&text, "").unwrap()] {
            assert_eq!(bundle.certificates[0].der(), certificate.der());
            assert!(certificate.belongs_to(&bundle.key.unwrap()));
        }
        assert_eq!(read(kept).as_slice(), secret(&vault, &name).as_bytes());
        let key = vault.find(Kind::Key, &name, None).unwrap();
        assert!(vault.secret_value_as(&key, kept).is_err());
    }
}

#[test]
fn policies_that_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let bad = [
        json!({ "key_props": { "kty": "RSA", "key_size": 1024 } }),
        json!({ "key_props": { "kty": "oct" } }),
        json!({ "key_props": { "kty": "EC", "crv": "P-1" } }),
        json!({ "secret_props": { "contentType": "text/plain" } }),
        json!({ "x509_props": { "subject": "MyCert" } }),
        json!({ "x509_props": { "subject": "CN=a", "sans": { "dns_names": ["a b"] } } }),
        json!({ "x509_props": { "subject": "CN=a", "ekus": ["x"] } }),
        json!({ "x509_props": { "subject": "CN=a", "key_usage": ["fly"] } }),
        json!({ "x509_props": { "subject": "CN=a", "validity_months": 0 } }),
        json!({ "x509_props": {} }),
        json!({ "lifetime_actions": [{ "trigger": {}, "action": { "action_type": "AutoRenew" } }] }),
        json!({ "issuer": { "name": "nobody" } }),
        json!({ "issuer": 1 }),
    ];
    for more in bad {
        let sent = policy("Self", more.clone());
        let error =
            vault.create_certificate("c", &sent, &Value::Null, None, false, NOW).unwrap_err();
        assert_eq!((error.status, error.code), (400, "BadParameter"), "{more}");
    }
    let none = vault.create_certificate("c", &Value::Null, &Value::Null, None, false, NOW);
    assert_eq!(none.unwrap_err().status, 400);
    let secret = crate::NewSecret {
        value: SecretText::new("v".into()),
        content_type: None,
        attributes: AttributeChange::default(),
        tags: None,
    };
    pollster::block_on(vault.set_secret("s", &secret, NOW)).unwrap();
    let taken =
        vault.create_certificate("s", &policy("Self", json!({})), &Value::Null, None, false, NOW);
    assert_eq!(taken.unwrap_err().status, 409);
}

#[test]
fn kinds_of_hardware_want_a_premium_vault() {
    let folder = tempfile::tempdir().unwrap();
    let vaults = vaults(&folder);
    let vault = vaults.vault("one").unwrap();
    let with_sku = |sku: &str| {
        let document = json!({ "properties": { "sku": { "name": sku } } });
        vaults.admit(Settings::from_document(&vault.settings().resource, &document)).unwrap();
    };
    with_sku("standard");
    let hsm = |kty: &str| json!({ "key_props": { "kty": kty } });
    let refused = |error: crate::VaultError, kty: &str| {
        assert_eq!((error.status, error.code), (400, "BadParameter"), "{kty}");
        let says = format!("{kty} keys want a vault with the sku premium; this one is standard.");
        assert_eq!(error.message, says);
    };
    let new = |kty: &str| crate::NewKey {
        kty: crate::KeyType::from_name(kty).unwrap(),
        size: None,
        curve: None,
        operations: None,
        attributes: AttributeChange::default(),
        tags: None,
    };
    let (key, made) = outside();
    let file = pem::bundle(&key, std::slice::from_ref(&made)).unwrap().expose().to_owned();
    make(&vault, "plain", &policy("Self", json!({})), NOW);
    for kty in ["EC-HSM", "RSA-HSM"] {
        let sent = policy("Self", hsm(kty));
        let error =
            vault.create_certificate("c", &sent, &Value::Null, None, false, NOW).unwrap_err();
        refused(error, kty);
        refused(vault.update_certificate_policy("plain", &hsm(kty), NOW).unwrap_err(), kty);
    }
    refused(vault.create_key("k", &new("EC-HSM"), NOW).unwrap_err(), "EC-HSM");
    refused(import(&vault, "i", file.clone(), None, hsm("EC-HSM")).unwrap_err(), "EC-HSM");

    with_sku("premium");
    make(&vault, "c", &policy("Self", hsm("EC-HSM")), NOW);
    import(&vault, "i", file.clone(), None, hsm("EC-HSM")).unwrap();
    for name in ["c", "i"] {
        let found = vault.find(Kind::Certificate, name, None).unwrap();
        assert!(!vault.is_exportable(&found), "keys of HSMs do not leave them");
        assert!(!vault.certificate_policy(name).unwrap().exportable);
    }
    let leaves = json!({ "key_props": { "kty": "EC-HSM", "exportable": true } });
    let sent = policy("Self", leaves.clone());
    for error in [
        vault.create_certificate("d", &sent, &Value::Null, None, false, NOW).unwrap_err(),
        vault.update_certificate_policy("plain", &leaves, NOW).unwrap_err(),
        import(&vault, "d", file.clone(), None, leaves).unwrap_err(),
    ] {
        assert_eq!(error.status, 400);
        assert!(error.message.contains("key_props.exportable"), "{}", error.message);
    }
    let other = json!({ "key_props": { "kty": "RSA" } });
    assert_eq!(import(&vault, "d", file, None, other).unwrap_err().status, 400, "an EC key");
    vault.create_key("k", &new("EC-HSM"), NOW).unwrap();
    let mut backups = Vec::new();
    for (kind, name) in [(Kind::Certificate, "c"), (Kind::Certificate, "i"), (Kind::Key, "k")] {
        backups.push((kind, vault.backup(kind, name).unwrap()));
        vault.delete(kind, name, NOW).unwrap();
        vault.purge(kind, name).unwrap();
    }
    with_sku("standard");
    for (kind, blob) in &backups {
        refused(vault.restore(*kind, blob).unwrap_err(), "EC-HSM");
    }
    with_sku("premium");
    for (kind, blob) in &backups {
        vault.restore(*kind, blob).unwrap();
    }
}

#[test]
fn a_policy_comes_back_as_it_was() {
    let sent = policy(
        "Self",
        json!({
            "x509_props": {
                "subject": "CN=a, O=\"Ex, Inc\"", "ekus": ["1.3.6.1.5.5.7.3.2"], "validity_months": 24,
                "key_usage": ["digitalSignature", "keyAgreement"],
                "sans": { "dns_names": ["a"], "emails": ["a@b"], "upns": ["u"], "uris": ["u:x"], "ipAddresses": ["::1"] },
            },
            "lifetime_actions": [
                { "trigger": { "days_before_expiry": 30 }, "action": { "action_type": "AutoRenew" } },
            ],
        }),
    );
    let policy = Policy::standard("", "Self", 5).changed(&sent, 6).unwrap();
    let again = Policy::from_json(&policy.to_json()).unwrap();
    assert_eq!(again, policy);
    assert_eq!(policy.to_json()["x509_props"]["sans"], sent["x509_props"]["sans"]);
    assert_eq!(policy.to_json()["lifetime_actions"], sent["lifetime_actions"]);
    let mut two = sent.clone();
    let tells = json!({ "trigger": { "lifetime_percentage": 50 }, "action": { "action_type": "EmailContacts" } });
    two["lifetime_actions"] = json!([tells, sent["lifetime_actions"][0]]);
    let refused = Policy::standard("", "Self", 5).changed(&two, 6).unwrap_err();
    assert!(refused.message.contains("At most one action"), "{}", refused.message);
    let mut size = sent.clone();
    size["key_props"] = json!({ "kty": "RSA", "key_size": "4096" });
    assert!(Policy::standard("", "Self", 5).changed(&size, 6).is_err(), "a size is a number");
}

#[test]
fn a_renewal_never_follows_at_once_on_the_one_before() {
    let trigger = |months: u32, trigger: Value| {
        json!({
            "x509_props": { "subject": "CN=a", "validity_months": months },
            "lifetime_actions": [{ "trigger": trigger, "action": { "action_type": "AutoRenew" } }],
        })
    };
    let changed = |sent: &Value| Policy::standard("", "Self", 5).changed(sent, 6);
    for (months, days, taken) in [(12, 324, true), (12, 325, false), (1, 27, true), (1, 28, false)]
    {
        let sent = trigger(months, json!({ "days_before_expiry": days }));
        let told = changed(&sent);
        assert_eq!(told.is_ok(), taken, "{months} months, {days} days");
        if let Err(error) = told {
            assert_eq!((error.status, error.code), (400, "BadParameter"));
            assert!(error.message.contains(&format!("{}", months * 27)), "{}", error.message);
        }
    }
    // what is asked for, how long the certificate lasts, when it is due: days from its beginning
    for (sent, lasts, due) in [
        (trigger(240, json!({ "days_before_expiry": 5000 })), 3650, 3650.0 / 3.0),
        (trigger(12, json!({ "days_before_expiry": 90 })), 90, 30.0),
        (trigger(12, json!({ "days_before_expiry": 60 })), 90, 30.0),
        (trigger(12, json!({ "days_before_expiry": 30 })), 90, 60.0),
        (trigger(12, json!({ "lifetime_percentage": 80 })), 100, 80.0),
    ] {
        let policy = changed(&sent).unwrap();
        let at = policy.actions[0].due(NOW, NOW + lasts * DAY) - NOW;
        assert!((at as f64 / DAY as f64 - due).abs() < 0.1, "{sent}: {at}");
    }
}

#[test]
fn requests_are_merged_with_what_an_authority_made() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let sent = policy("Unknown", json!({}));
    let pending = vault.create_certificate("m", &sent, &Value::Null, None, false, NOW).unwrap();
    assert!(matches!(vault.advance_certificate("m", &places(), NOW).unwrap(), Step::Waits(_)));
    let request = SigningRequest::from_der(&pending.csr).unwrap();
    assert_eq!(request.names().dns, ["a.example"]);

    let root_key = KeyPair::generate(KeyKind::P256).unwrap();
    let template = pki::Template {
        subject: pki::Name::common("Outside"),
        not_before: NOW - 100,
        not_after: NOW + 1000 * DAY,
        authority: Some(pki::Authority { path_length: None }),
        usage: pki::KeyUsage::AUTHORITY,
        ..pki::Template::default()
    };
    let root = pki::self_signed(&template, &root_key, &[9]).unwrap();
    let root = pki::Issuer::new(root, root_key).unwrap();
    let leaf = pki::Template {
        subject: request.subject().clone(),
        authority: None,
        not_after: NOW + 90 * DAY,
        ..template
    };
    let made = root.issue(&leaf, request.public_key(), &[7]).unwrap();
    let wrong = vault.merge_certificate(
        "m",
        vec![root.certificate().clone()],
        AttributeChange::default(),
        None,
        NOW,
    );
    assert_eq!(wrong.unwrap_err().status, 400);

    let once = STANDARD.encode(made.der());
    let encodings = [
        once.clone(),
        STANDARD.encode(&once),
        STANDARD.encode(pem::certificates(std::slice::from_ref(&made))),
        once.replace('+', "-").replace('/', "_"),
    ];
    for encoding in encodings {
        let read = merged_certificates(&json!([encoding])).unwrap();
        assert_eq!(read, std::slice::from_ref(&made));
    }
    for bad in [json!([]), json!(["x"]), json!([1]), Value::Null, json!(["AAAA"])] {
        assert!(merged_certificates(&bad).is_err(), "{bad}");
    }
    let chain = vec![root.certificate().clone(), made.clone()];
    let found = vault.merge_certificate("m", chain, AttributeChange::default(), None, NOW).unwrap();
    let facts = CertificateFacts::of(&found.version).unwrap();
    assert_eq!((facts.certificate, facts.chain.len()), (made, 1));
    assert_eq!(vault.pending("m").unwrap().status, PendingStatus::Completed);
    let twice = vault.merge_certificate("m", vec![], AttributeChange::default(), None, NOW);
    assert_eq!(twice.unwrap_err().code, "PendingCertificateNotFound");
}

#[test]
fn operations_are_cancelled_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    assert!(vault.pending("p").unwrap_err().message.contains("not found"));
    vault
        .create_certificate("p", &policy("Unknown", json!({})), &Value::Null, None, false, NOW)
        .unwrap();
    let stopped = vault.cancel_pending("p").unwrap();
    assert!(stopped.cancellation_requested && stopped.status == PendingStatus::Cancelled);
    assert!(vault.cancel_pending("p").is_err());
    assert_eq!(vault.certificate_policy("p").unwrap().issuer, "Unknown");
    vault.delete_pending("p").unwrap();
    assert!(vault.pending("p").is_err() && vault.delete_pending("p").is_err());
    assert_eq!(vault.list_certificates(false, true, "", 25).0.len(), 1);
    assert!(vault.list_certificates(false, false, "", 25).0.is_empty());
    vault.delete_certificate("p", NOW).unwrap();
    assert!(vault.deleted_certificate("p").is_ok());
    vault.recover_certificate("p").unwrap();
    vault.delete_certificate("p", NOW).unwrap();
    vault.purge(Kind::Certificate, "p").unwrap();
    assert!(vault.deleted_certificate("p").is_err());
}

fn import(
    vault: &Vault,
    name: &str,
    value: String,
    password: Option<&str>,
    policy: Value,
) -> Result<crate::Found, crate::VaultError> {
    let import = NewImport {
        value: SecretText::new(value),
        password: password.map(|p| SecretText::new(p.into())),
        policy,
        attributes: AttributeChange::default(),
        tags: None,
        keeps_order: false,
    };
    vault.import_certificate(name, import, NOW)
}

/// A key and its certificate, made elsewhere.
fn outside() -> (KeyPair, Certificate) {
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let template = pki::Template {
        subject: pki::Name::common("imported.example"),
        not_before: NOW - 80 * DAY,
        not_after: NOW + 10 * DAY,
        ..pki::Template::default()
    };
    let made = pki::self_signed(&template, &key, &[3]).unwrap();
    (key, made)
}

#[test]
fn imports_in_every_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let (key, made) = outside();
    let chain = std::slice::from_ref(&made);
    let text = pem::bundle(&key, chain).unwrap().expose().to_owned();
    let open = pkcs12::write(&key, chain, "", pkcs12::Strength::Modern).unwrap();
    let closed = pkcs12::write(&key, chain, "pw", pkcs12::Strength::Old).unwrap();
    let pem_policy = json!({ "secret_props": { "contentType": "application/x-pem-file" } });
    let cases = [
        ("pfx", STANDARD.encode(&*open), None, Value::Null, "application/x-pkcs12"),
        ("pfx-pw", STANDARD.encode(&*closed), Some("pw"), Value::Null, "application/x-pkcs12"),
        ("pem", text.clone(), None, pem_policy.clone(), "application/x-pem-file"),
        ("pem64", STANDARD.encode(&text), None, pem_policy, "application/x-pem-file"),
    ];
    for (name, value, password, policy, form) in cases {
        let found = import(&vault, name, value, password, policy).unwrap();
        assert_eq!(CertificateFacts::of(&found.version).unwrap().certificate, made);
        let policy = vault.certificate_policy(name).unwrap();
        assert_eq!((policy.issuer.as_str(), policy.content_type.name()), ("Unknown", form));
        let twin = vault.find(Kind::Secret, name, None).unwrap();
        assert_eq!(twin.version.text("contentType"), Some(form));
        assert!(vault.renew_due(NOW).iter().all(|r| matches!(r, Renewal::Told(..))), "{name}");
    }
    assert!(vault.renew_due(NOW + 9 * DAY).is_empty(), "told once");
    let wrong = import(&vault, "w", STANDARD.encode(&*closed), Some("no"), Value::Null);
    assert_eq!(wrong.unwrap_err().status, 400);
    let no_key = import(&vault, "w", pem::certificates(chain), None, Value::Null);
    assert!(no_key.unwrap_err().message.contains("no private key"));
    // keys that are none of Key Vault's say why
    let rsa = |bytes: usize| {
        let mut inside = vec![0x02, 1, 0, 0x02, 0x82, (bytes >> 8) as u8, bytes as u8];
        inside.extend(vec![0xc1; bytes]);
        let mut der = vec![0x30, 0x82, (inside.len() >> 8) as u8, inside.len() as u8];
        der.extend(inside);
        der
    };
    let pkcs8 = |key: Vec<u8>| {
        let mut inside = vec![0x02, 1, 0, 0x30, 13, 6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 1, 5, 0];
        inside.extend([0x04, 0x82, (key.len() >> 8) as u8, key.len() as u8]);
        inside.extend(key);
        let mut der = vec![0x30, 0x82, (inside.len() >> 8) as u8, inside.len() as u8];
        der.extend(inside);
        der
    };
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let size = "RSA keys have 2048, 3072 or 4096 bits";
    for (text, says) in [
        (pem::block("RSA PRIVATE KEY", &rsa(128)), size),
        (pem::block("PRIVATE KEY", &pkcs8(rsa(128))), size),
        (pem::block("PRIVATE KEY", &pkcs8(rsa(1024))), size),
        (pem::block("PRIVATE KEY", &pkcs8(rsa(256))), "no private key of a kind"),
        (pem::block("PRIVATE KEY", &pkcs8(vec![0x30, 0])), "no private key of a kind"),
        (pem::block("PRIVATE KEY", &[0x30, 0x84, 255, 255, 255, 255]), "no private key of a kind"),
        (old.to_owned(), "must be PKCS#8 (BEGIN ENCRYPTED PRIVATE KEY) or come in a PFX"),
    ] {
        for value in [text.clone(), STANDARD.encode(&text)] {
            let error = import(&vault, "w", value, Some("pw"), Value::Null).unwrap_err();
            assert_eq!((error.status, error.code), (400, "BadParameter"), "{text}");
            assert!(error.message.contains(says), "{}", error.message);
        }
    }
    for bad in ["", "x", "AAAA", "-----BEGIN X-----"] {
        assert_eq!(import(&vault, "w", bad.into(), None, Value::Null).unwrap_err().status, 400);
    }
}

#[test]
fn an_imported_certificate_is_never_replaced_by_one_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let (key, made) = outside();
    let text = pem::bundle(&key, std::slice::from_ref(&made)).unwrap().expose().to_owned();
    let renews = json!({ "lifetime_actions": [
        { "trigger": { "lifetime_percentage": 50 }, "action": { "action_type": "AutoRenew" } },
    ] });
    let found = import(&vault, "i", text, None, renews).unwrap();
    for later in [NOW, NOW + 20 * DAY, NOW + 400 * DAY] {
        let done = vault.renew_due(later);
        assert!(done.iter().all(|r| matches!(r, Renewal::Told(..))), "{done:?}");
        assert!(vault.open_operations().is_empty());
    }
    assert_eq!(vault.find(Kind::Certificate, "i", None).unwrap().version.id, found.version.id);
}

#[test]
fn renewal_when_its_day_has_come() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    for (name, reuse) in [("new-key", false), ("same-key", true)] {
        let mut sent = policy("Self", json!({}));
        sent["key_props"]["reuse_key"] = json!(reuse);
        let first = make(&vault, name, &sent, NOW);
        assert!(vault.renew_due(NOW + 200 * DAY).is_empty());
        assert_eq!(vault.renew_due(NOW + 300 * DAY), [Renewal::Begun(name.into())]);
        assert!(vault.renew_due(NOW + 300 * DAY).is_empty(), "it is on its way");
        vault.advance_certificate(name, &places(), NOW + 300 * DAY).unwrap();
        let second = vault.find(Kind::Certificate, name, None).unwrap();
        assert_ne!(first.version.id, second.version.id);
        let key = |found: &crate::Found| {
            CertificateFacts::of(&found.version).unwrap().certificate.public_key().clone()
        };
        assert_eq!(key(&first) == key(&second), reuse);
        assert!(vault.renew_due(NOW + 300 * DAY).is_empty());
        vault.delete_certificate(name, NOW).unwrap();
    }
}

#[test]
fn issuers_and_contacts() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    assert!(vault.issuer("x").unwrap_err().message.contains("not found"));
    assert!(vault.contacts().unwrap_err().message.contains("not found"));
    let sent = json!({ "provider": "Test", "credentials": { "account_id": "me", "pwd": "canary-pwd" },
        "org_details": { "admin_details": [{ "email": "a@b.c" }] } });
    let made = vault.set_issuer("X1", &sent, true, NOW).unwrap();
    assert_eq!((made.account_id.as_deref(), made.emails().len()), (Some("me"), 1));
    assert!(!format!("{made:?}").contains("canary"));
    assert_eq!(vault.issuer_password(&made).unwrap().unwrap().expose(), b"canary-pwd");
    let changed = json!({ "attributes": { "enabled": false } });
    let off = vault.set_issuer("x1", &changed, false, NOW + 1).unwrap();
    assert!(!off.enabled && off.name == "X1" && off.account_id.is_some());
    assert!(
        vault
            .create_certificate("c", &policy("x1", json!({})), &Value::Null, None, false, NOW)
            .is_err()
    );
    assert!(vault.set_issuer("y", &changed, false, NOW).is_err());
    for bad in [json!({}), json!({ "provider": "ACME" }), json!({ "provider": 1 })] {
        assert_eq!(vault.set_issuer("z", &bad, true, NOW).unwrap_err().status, 400, "{bad}");
    }
    vault.delete_issuer("x1").unwrap();
    assert!(vault.issuers().is_empty());

    vault.set_contacts(&json!({ "contacts": [{ "email": "a@b.c", "name": "A" }] })).unwrap();
    assert_eq!(vault.contacts().unwrap()[0]["name"], "A");
    assert!(vault.set_contacts(&json!({ "contacts": [{}] })).is_err());
    vault.delete_contacts().unwrap();
    assert!(vault.contacts().is_err() && vault.delete_contacts().is_err());
    assert!(
        vault.list_certificates(false, true, "", 25).0.is_empty(),
        "own settings are no certificate"
    );
}

#[test]
fn the_private_authority_issues_revokes_and_tells() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let issuer = json!({ "provider": "PrivateCA", "org_details": { "id": "Example, Inc." } });
    vault.set_issuer("house", &issuer, true, NOW).unwrap();
    let authority = vault.authority_chain("house").unwrap();
    assert!(authority[0].is_signed_by(&authority[1]) && authority[1].is_signed_by(&authority[1]));
    assert_eq!(authority[1].subject().to_string(), "CN=house root, O=\"Example, Inc.\"");
    vault.set_issuer("house", &issuer, true, NOW + 5).unwrap();
    assert_eq!(vault.authority_chain("house").unwrap(), authority, "made once");

    let found = make(&vault, "leaf", &policy("house", json!({})), NOW);
    let facts = CertificateFacts::of(&found.version).unwrap();
    assert!(facts.certificate.is_signed_by(&authority[0]));
    let issuing = vault.authority_chain("house").unwrap().swap_remove(0);
    assert_eq!(facts.chain, [issuing], "the authority's key, with places from now on");
    let ask = || {
        let request = pki::ocsp::Request::create(&facts.certificate, &authority[0], &[1; 8]);
        vault.ocsp("house", &request, NOW + 9).unwrap()
    };
    let whole = || {
        let der = vault.revocation_list("house", NOW + 9).unwrap();
        pki::crl::RevocationList::read(&der, &authority[0]).unwrap()
    };
    let (list, first) = (|| whole().revoked, whole().number);
    let good = ask();
    assert!(list().is_empty());
    let reason = RevocationReason::from_json(&json!("keyCompromise")).unwrap();
    vault.revoke_certificate("leaf", None, reason, NOW + 3).unwrap();
    assert_eq!(
        list(),
        [pki::crl::Revoked { serial: facts.certificate.serial().to_vec(), at: NOW + 3, reason: 1 }]
    );
    assert!(whole().number > first, "another list of the same second has a number of its own");
    assert_ne!(ask().len(), good.len());
    assert_eq!(vault.revoke_certificate("leaf", None, reason, NOW).unwrap_err().status, 409);
    assert_eq!(
        vault.ocsp("house", b"x", NOW).unwrap(),
        pki::ocsp::failure(pki::ocsp::Failure::Malformed)
    );
    let foreign = pki::ocsp::Request::create(&facts.certificate, &authority[1], &[1; 8]);
    assert_eq!(
        vault.ocsp("house", &foreign, NOW).unwrap(),
        pki::ocsp::failure(pki::ocsp::Failure::Unauthorized)
    );
    assert!(vault.ocsp("other", b"x", NOW).is_err());

    vault.delete_issuer("house").unwrap();
    assert_eq!(vault.authorities(), ["house"], "it still answers for what it signed");
    assert_eq!(list().len(), 1);
}

#[test]
fn backups_take_the_twins_along() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let found = make(&vault, "b", &policy("Self", json!({})), NOW);
    let before = secret(&vault, "b");
    let blob = vault.backup(Kind::Certificate, "b").unwrap();
    assert!(vault.restore(Kind::Certificate, &blob).is_err());
    vault.delete_certificate("b", NOW).unwrap();
    vault.purge(Kind::Certificate, "b").unwrap();
    let back = vault.restore(Kind::Certificate, &blob).unwrap();
    assert_eq!(back.version.id, found.version.id);
    assert_eq!(secret(&vault, "b"), before);
    assert_eq!(vault.certificate_policy("b").unwrap().issuer, "Self");
}

#[test]
fn new_versions_are_carried_to_their_targets() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    make(&vault, "d", &policy("Self", json!({})), NOW);
    let targets = json!({ "targets": [
        { "name": "web", "type": "file", "path": "a/b.pem", "mode": "0640", "reload": "nginx" },
        { "name": "k8s", "type": "kubernetes", "path": "t.yaml", "namespace": "n" },
        { "name": "hook", "type": "webhook", "url": "https://a/b" },
    ] });
    let stored = vault.set_deployments("d", &targets).unwrap();
    assert_eq!(stored[0].kind, TargetKind::File { path: "a/b.pem".into(), mode: 0o640 });
    let due = vault.due_pushes(NOW);
    assert_eq!(due.len(), 3);
    let content = |push: &DuePush| {
        vault.push_content(push).unwrap().map(|c| String::from_utf8(c.to_vec()).unwrap())
    };
    assert!(content(&due[0]).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(content(&due[1]).unwrap().contains("name: k8s\n  namespace: n\n"));
    assert!(content(&due[2]).is_none());
    assert!(due[2].notice("one")["x5t"].is_string());
    vault.record_push(&due[0], &Ok(Some("deployed/one/d/a/b.pem".into())), NOW).unwrap();
    vault.record_push(&due[1], &Err("disk full".into()), NOW).unwrap();
    vault.record_push(&due[2], &Ok(None), NOW).unwrap();
    let shown = vault.deployments("d").unwrap()[0].to_json();
    assert_eq!(shown["status"]["place"], "deployed/one/d/a/b.pem");
    assert!(vault.due_pushes(NOW + 10).is_empty());
    let again = vault.due_pushes(NOW + 600);
    assert_eq!(again.iter().map(|p| p.target.name.as_str()).collect::<Vec<_>>(), ["k8s"]);
    let states: Vec<_> = vault
        .deployments("d")
        .unwrap()
        .iter()
        .map(|t| t.to_json()["status"]["state"].clone())
        .collect();
    assert_eq!(states, ["Succeeded", "Failed", "Succeeded"]);
    vault.set_deployments("d", &targets).unwrap();
    assert!(vault.due_pushes(NOW + 10).is_empty(), "what came of a target stays with it");
    make(&vault, "d", &policy("Self", json!({})), NOW + 20);
    assert_eq!(vault.due_pushes(NOW + 20).len(), 3);
    for bad in [
        json!({}),
        json!({ "targets": [{ "name": "a", "type": "file", "path": "../x" }] }),
        json!({ "targets": [{ "name": "a", "type": "file", "path": "x", "mode": "9" }] }),
        json!({ "targets": [{ "name": "a", "type": "ftp", "path": "x" }] }),
        json!({ "targets": [{ "name": "a/b", "type": "file", "path": "x" }] }),
        json!({ "targets": [{ "name": "a", "type": "file", "path": "x", "reload": "../sh" }] }),
        json!({ "targets": [{ "name": "a", "type": "webhook", "url": "file:///etc/passwd" }] }),
        json!({ "targets": [{ "name": "a", "type": "kubernetes", "path": "x", "namespace": "a\nb" }] }),
        json!({ "targets": [{ "name": "a", "type": "kubernetes", "path": "x", "secret": "Site_tls" }] }),
        json!({ "targets": [{ "name": "a", "type": "file", "path": "x", "mode": 420 }] }),
        json!({ "targets": [{ "name": "--flag", "type": "file", "path": "x" }] }),
        json!({ "targets": [{ "name": "a", "type": "file", "path": "x", "reload": "-x" }] }),
        json!({ "targets": [{ "name": "a", "type": "file", "path": "x", "mode": "0777" }] }),
        json!({ "targets": [{ "name": "a", "type": "file", "path": "x", "mode": "0644" }] }),
        json!({ "targets": [{ "name": "a", "type": "file", "path": "x", "mode": "0700" }] }),
        json!({ "targets": [{ "name": "a", "type": "file", "path": "x/" }] }),
        json!({ "targets": [{ "name": "a", "type": "file", "path": "/x/.vedette-deploy" }] }),
        json!({ "targets": [{ "name": "a", "type": "file", "path": "x" }, { "name": "a", "type": "file", "path": "y" }] }),
    ] {
        assert_eq!(vault.set_deployments("d", &bad).unwrap_err().status, 400, "{bad}");
    }
    let mut kept = policy("Self", json!({}));
    kept["key_props"]["exportable"] = json!(false);
    make(&vault, "kept", &kept, NOW);
    vault
        .set_deployments(
            "kept",
            &json!({ "targets": [{ "name": "a", "type": "file", "path": "x" }] }),
        )
        .unwrap();
    let due = vault.due_pushes(NOW).into_iter().find(|p| p.found.object.name == "kept").unwrap();
    assert!(vault.push_content(&due).unwrap_err().message.contains("may not leave"));
}

#[test]
fn a_place_outside_belongs_to_one_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let vaults = vaults(&folder);
    let one = vaults.vault("one").unwrap();
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/two";
    vaults.keyring().ensure_key("two").unwrap();
    vaults.admit(crate::Settings::from_document(&model::ResourceId::new(id), &json!({}))).unwrap();
    let two = vaults.vault("two").unwrap();
    let target = |path: &str| json!({ "targets": [{ "name": "a", "type": "file", "path": path }] });
    let due = |vault: &Vault, name: &str, targets: &Value| {
        vault.set_deployments(name, targets).unwrap();
        let found = vault.due_pushes(NOW).into_iter().find(|p| p.found.object.name == name);
        found.unwrap()
    };
    for (vault, name) in [(&one, "site"), (&one, "other"), (&two, "site")] {
        make(vault, name, &policy("Self", json!({})), NOW);
    }
    let victim = due(&one, "site", &target("/etc/web/site.pem"));
    vaults.take_place(&one, &victim, "/etc/web/site.pem").unwrap();
    vaults.take_place(&one, &victim, "/etc/web/site.pem").unwrap();
    for (vault, name) in [(&two, "site"), (&one, "other")] {
        let thief = due(vault, name, &target("/etc/web/./site.pem"));
        let refused = vaults.take_place(vault, &thief, "/etc/web/site.pem").unwrap_err();
        assert!(refused.message.contains("belongs to another"), "{}", refused.message);
    }
    // a deleted certificate can come back; one that goes elsewhere leaves its place
    one.set_deployments("site", &target("/etc/web/new.pem")).unwrap();
    let next = due(&two, "site", &target("/etc/web/site.pem"));
    vaults.take_place(&two, &next, "/etc/web/site.pem").unwrap();
    let back = due(&one, "site", &target("/etc/web/site.pem"));
    assert!(vaults.take_place(&one, &back, "/etc/web/site.pem").is_err());
}

#[test]
fn targets_of_before_are_checked_and_carried_again() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    make(&vault, "d", &policy("Self", json!({})), NOW);
    let targets = json!({ "targets": [{ "name": "a", "type": "file", "path": "x" }] });
    vault.set_deployments("d", &targets).unwrap();
    let due = vault.due_pushes(NOW);
    vault.record_push(&due[0], &Ok(None), NOW).unwrap();
    assert_eq!(vault.due_pushes(NOW).len(), 1, "it has no place yet");
    vault.record_push(&due[0], &Ok(Some("deployed/one/d/x".into())), NOW).unwrap();
    assert!(vault.due_pushes(NOW).is_empty());
    let mut stored = vault.deployments("d").unwrap();
    stored[0].kind = TargetKind::File { path: "x".into(), mode: 0o777 };
    assert!(stored[0].check().unwrap_err().message.contains("mode"));
}

#[test]
fn an_operation_that_took_the_place_of_another_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let begin = || {
        let sent = policy("Unknown", json!({}));
        vault.create_certificate("c", &sent, &Value::Null, None, false, NOW).unwrap()
    };
    let first = begin();
    vault.cancel_pending("c").unwrap();
    vault.fail_pending("c", &first.version, "AcmeFailed", "late").unwrap();
    assert_eq!(vault.pending("c").unwrap().status, PendingStatus::Cancelled);
    let second = begin();
    vault.fail_pending("c", &first.version, "AcmeFailed", "late").unwrap();
    assert_eq!(vault.pending("c").unwrap(), second);
    vault.fail_pending("c", &second.version, "AcmeFailed", "now").unwrap();
    assert_eq!(vault.pending("c").unwrap().status, PendingStatus::Failed);
    vault.fail_pending("nothing", "v", "AcmeFailed", "gone").unwrap();
}

#[test]
fn the_whole_path_can_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    vault.set_issuer("house", &json!({ "provider": "PrivateCA" }), true, NOW).unwrap();
    let before = vault.authority_chain("house").unwrap();
    make(&vault, "c", &policy("house", json!({})), NOW);
    let [issuing, root] =
        <[Certificate; 2]>::try_from(vault.authority_chain("house").unwrap()).unwrap();
    assert_ne!(issuing, before[0], "signed anew");
    assert!(issuing.is_signed_by(&root) && root == before[1]);
    assert_eq!(issuing.public_key(), before[0].public_key());
    assert_eq!(issuing.not_after(), before[0].not_after());
    let place = b"https://localhost:8443/pki/one/house/root-crl";
    assert!(issuing.der().windows(place.len()).any(|w| w == place));
    let list = vault.root_list("house", NOW).unwrap();
    assert!(pki::crl::RevocationList::read(&list, &root).unwrap().revoked.is_empty());
    make(&vault, "d", &policy("house", json!({})), NOW);
    assert_eq!(vault.authority_chain("house").unwrap()[0], issuing, "once");
}

#[test]
fn secrets_in_addresses_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    make(&vault, "d", &policy("Self", json!({})), NOW);
    let hook = |url: &str| json!({ "targets": [{ "name": "a", "type": "webhook", "url": url }] });
    let whole = "https://me:word@hooks.example:8443/a/b?sig=canary#x";
    let shown = vault.set_deployments("d", &hook(whole)).unwrap()[0].shown();
    assert_eq!(shown["url"], "https://hooks.example:8443/a/b");
    let kind = TargetKind::Webhook { url: whole.into() };
    let sent_back = hook(shown["url"].as_str().unwrap());
    assert_eq!(vault.set_deployments("d", &sent_back).unwrap()[0].kind, kind);
    let due = vault.due_pushes(NOW);
    assert_eq!(due[0].target.kind, kind);
    // what was changed while it was pushed is another
    vault.set_deployments("d", &hook("https://other.example/")).unwrap();
    vault.record_push(&due[0], &Ok(None), NOW).unwrap();
    assert_eq!(vault.deployments("d").unwrap()[0].to_json()["status"]["state"], "Pending");
    assert_eq!(without_secrets("https://h?x"), "https://h");
}
