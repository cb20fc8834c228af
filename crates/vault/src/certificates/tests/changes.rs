//! What changing a policy, taking a name and moving a backup never do.

use super::*;
use crate::{Found, NewKey, NewSecret};

/// What an authority elsewhere makes of a pending request.
fn answered(vault: &Vault, name: &str) -> Vec<Certificate> {
    let pending = vault.pending(name).unwrap();
    let key = vault.pending_key(name, &pending).unwrap();
    let template = vault.certificate_policy(name).unwrap().template(NOW).unwrap();
    vec![pki::self_signed(&template, &key, &pki::new_serial().unwrap()).unwrap()]
}

fn merge(vault: &Vault, name: &str) -> Found {
    let (chain, change) = (answered(vault, name), AttributeChange::default());
    vault.merge_certificate(name, chain, change, None, NOW).unwrap()
}

fn key_props(exportable: bool) -> Value {
    json!({ "key_props": { "kty": "EC", "exportable": exportable, "reuse_key": true } })
}

fn holds_a_key(vault: &Vault, name: &str) -> bool {
    let file = STANDARD.decode(secret(vault, name)).unwrap();
    pkcs12::read(&file, "").unwrap().key.is_some()
}

#[test]
fn a_key_that_was_made_to_stay_never_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let point = |found: &Found| {
        let twin = vault.find(Kind::Key, "c", Some(&found.version.id)).unwrap();
        (twin.version.text("x").unwrap().to_owned(), twin.version.attributes.exportable.unwrap())
    };
    let first = make(&vault, "c", &policy("Self", key_props(false)), NOW);
    let again = make(&vault, "c", &Value::Null, NOW);
    assert_eq!(point(&first), point(&again), "the policy keeps the key");

    // a key is carried nowhere that a policy of later lets out
    vault.update_certificate_policy("c", &key_props(true), NOW).unwrap();
    let targets = json!({ "targets": [{ "name": "a", "type": "file", "path": "x" }] });
    vault.set_deployments("c", &targets).unwrap();
    let push = |vault: &Vault| vault.push_content(&vault.due_pushes(NOW)[0]);
    assert!(push(&vault).unwrap_err().message.contains("may not leave"));
    assert!(!holds_a_key(&vault, "c"));

    // and the next version gets another
    let open = make(&vault, "c", &Value::Null, NOW);
    assert_ne!(point(&open).0, point(&first).0);
    assert!(holds_a_key(&vault, "c") && push(&vault).unwrap().is_some());
    vault.update_certificate_policy("c", &key_props(false), NOW).unwrap();
    let closed = make(&vault, "c", &Value::Null, NOW);
    assert_eq!((&point(&closed).0, point(&closed).1), (&point(&open).0, false), "the other way");
    assert!(!holds_a_key(&vault, "c"));
}

#[test]
fn a_key_stays_what_it_was_while_its_request_is_out() {
    for (made, changed, holds) in [(false, true, false), (true, false, false), (true, true, true)] {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(&folder);
        let sent = policy("Unknown", key_props(made));
        vault.create_certificate("c", &sent, &Value::Null, None, false, NOW).unwrap();
        vault.update_certificate_policy("c", &key_props(changed), NOW).unwrap();
        let found = merge(&vault, "c");
        assert_eq!(holds_a_key(&vault, "c"), holds, "{made} {changed}");
        assert_eq!(vault.is_exportable(&found), holds);
    }
}

#[test]
fn a_version_that_is_not_there_changes_no_policy() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let found = make(&vault, "c", &policy("Self", json!({})), NOW);
    let change = |policy: Value| CertificateChange {
        policy,
        enabled: Some(false),
        tags: Some(json!({ "a": "b" }).as_object().unwrap().clone()),
    };
    let before = vault.certificate_policy("c").unwrap();
    let none = "0".repeat(32);
    let update = |version: Option<&str>, change: &CertificateChange| {
        vault.update_certificate("c", version, change, NOW + 5)
    };
    let more = json!({ "key_props": { "reuse_key": true } });
    assert_eq!(update(Some(&none), &change(more.clone())).unwrap_err().status, 404);
    let bad = json!({ "key_props": { "kty": "DSA" } });
    assert_eq!(update(None, &change(bad)).unwrap_err().status, 400);
    assert_eq!(vault.certificate_policy("c").unwrap(), before);
    assert_eq!(vault.find(Kind::Certificate, "c", None).unwrap().version, found.version);
    update(Some(&found.version.id), &change(more)).unwrap();
    assert!(vault.certificate_policy("c").unwrap().reuse_key);
    for kind in Kind::ALL {
        let version = vault.find(kind, "c", None).unwrap().version;
        assert!(!version.attributes.enabled && version.tags.is_some(), "{kind:?}");
        assert_eq!(version.attributes.exp, found.version.attributes.exp);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_taken_from_the_request_on() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let plain = || NewSecret {
        value: SecretText::new("x".into()),
        content_type: None,
        attributes: AttributeChange::default(),
        tags: None,
    };
    let key = NewKey {
        kty: crate::KeyType::from_name("EC").unwrap(),
        size: None,
        curve: None,
        operations: None,
        attributes: AttributeChange::default(),
        tags: None,
    };
    vault.set_secret("c", &plain(), NOW).await.unwrap();
    vault.create_key("c", &key, NOW).unwrap();
    let backups: Vec<_> = [Kind::Secret, Kind::Key]
        .map(|kind| (kind, vault.backup(kind, "c").unwrap()))
        .into_iter()
        .collect();
    let sent = policy("Unknown", json!({}));
    let begin = || vault.create_certificate("c", &sent, &Value::Null, None, false, NOW);
    assert_eq!(begin().unwrap_err().status, 409);
    for kind in [Kind::Secret, Kind::Key] {
        vault.delete(kind, "c", NOW).unwrap();
        vault.purge(kind, "c").unwrap();
    }
    begin().unwrap();
    for deleted in [false, true] {
        assert_eq!(vault.set_secret("C", &plain(), NOW).await.unwrap_err().status, 409);
        assert_eq!(vault.create_key("c", &key, NOW).unwrap_err().status, 409);
        for (kind, blob) in &backups {
            assert_eq!(vault.restore(*kind, blob).unwrap_err().status, 409, "{kind:?}");
        }
        if !deleted {
            vault.delete_certificate("c", NOW).unwrap();
        }
    }
    vault.recover_certificate("c").unwrap();
    merge(&vault, "c");
    for name in ["contacts", "Issuers"] {
        let error =
            vault.create_certificate(name, &sent, &Value::Null, None, false, NOW).unwrap_err();
        assert_eq!((error.status, error.code), (400, "BadParameter"), "{name}");
        let (key, made) = outside();
        let file = pem::bundle(&key, &[made]).unwrap().expose().to_owned();
        assert_eq!(import(&vault, name, file, None, Value::Null).unwrap_err().status, 400);
        vault.set_secret(name, &plain(), NOW).await.unwrap();
    }
}

#[test]
fn a_backup_leaves_behind_what_belongs_to_its_vault() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let sent = policy("Unknown", json!({}));
    let begin = || vault.create_certificate("c", &sent, &Value::Null, None, false, NOW).unwrap();
    begin();
    assert_eq!(vault.backup(Kind::Certificate, "c").unwrap_err().status, 400, "nothing to keep");
    merge(&vault, "c");
    begin();
    let targets = json!({ "targets": [{ "name": "a", "type": "file", "path": "x" }] });
    vault.set_deployments("c", &targets).unwrap();
    let shown: Vec<Value> = vault.deployments("c").unwrap().iter().map(|t| t.shown()).collect();
    vault.set_deployments("c", &json!({ "targets": shown })).unwrap();
    for slip in [json!({ "bogus": 1 }), json!({ "reload": 5 }), json!({ "url": "https://a" })] {
        let mut target = targets["targets"][0].clone();
        for (name, value) in slip.as_object().unwrap() {
            target[name] = value.clone();
        }
        let error = vault.set_deployments("c", &json!({ "targets": [target] })).unwrap_err();
        assert_eq!((error.status, error.code), (400, "BadParameter"), "{slip}");
    }
    let blob = vault.backup(Kind::Certificate, "c").unwrap();
    vault.delete_certificate("c", NOW).unwrap();
    vault.purge(Kind::Certificate, "c").unwrap();
    vault.restore(Kind::Certificate, &blob).unwrap();
    assert_eq!(vault.pending("c").unwrap_err().status, 404);
    assert!(vault.deployments("c").unwrap().is_empty());
    begin();
    merge(&vault, "c");
}

#[test]
fn chains_stay_as_they_come_where_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let authority = |name: &str, above: Option<&pki::Issuer>| {
        let key = KeyPair::generate(KeyKind::P256).unwrap();
        let template = pki::Template {
            subject: pki::Name::common(name),
            not_before: NOW - 100,
            not_after: NOW + 1000 * DAY,
            authority: Some(pki::Authority { path_length: None }),
            usage: pki::KeyUsage::AUTHORITY,
            ..pki::Template::default()
        };
        let made = match above {
            Some(above) => {
                let csr = SigningRequest::create(&template, &key).unwrap();
                let request = SigningRequest::from_der(&csr).unwrap();
                above.issue(&template, request.public_key(), &[8]).unwrap()
            }
            None => pki::self_signed(&template, &key, &[9]).unwrap(),
        };
        pki::Issuer::new(made, key).unwrap()
    };
    let root = authority("Root", None);
    let middle = authority("Middle", Some(&root));
    for keeps_order in [true, false] {
        let name = format!("m-{keeps_order}");
        let sent = policy("Unknown", json!({}));
        let pending =
            vault.create_certificate(&name, &sent, &Value::Null, None, keeps_order, NOW).unwrap();
        assert_eq!(pending.keeps_order, keeps_order);
        assert_eq!(vault.pending(&name).unwrap().keeps_order, keeps_order);
        let request = SigningRequest::from_der(&pending.csr).unwrap();
        let leaf = pki::Template {
            subject: request.subject().clone(),
            not_before: NOW - 100,
            not_after: NOW + 90 * DAY,
            ..pki::Template::default()
        };
        let made = middle.issue(&leaf, request.public_key(), &[7]).unwrap();
        let sent = [&made, root.certificate(), middle.certificate()].map(Clone::clone);
        let merged = vault
            .merge_certificate(&name, sent.to_vec(), AttributeChange::default(), None, NOW)
            .unwrap();
        let mut wanted = sent;
        if !keeps_order {
            wanted.swap(1, 2);
        }
        assert_eq!(CertificateFacts::of(&merged.version).unwrap().whole(), wanted);
        assert_eq!(merged.version.keeps_chain_order(), keeps_order);
        let secret = vault.find(Kind::Secret, &name, None).unwrap();
        let secret = vault.shelf.open(&secret.object, &secret.version).unwrap();
        let again = NewImport {
            value: SecretText::new(String::from_utf8(secret.expose().to_vec()).unwrap()),
            password: None,
            policy: Value::Null,
            attributes: AttributeChange::default(),
            tags: None,
            keeps_order,
        };
        let imported = vault.import_certificate(&format!("i-{keeps_order}"), again, NOW).unwrap();
        assert_eq!(imported.version.keeps_chain_order(), keeps_order);
    }
}

#[test]
fn several_may_take_an_operation_further() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    for round in 0..30 {
        let (name, policy) = (format!("c{round}"), policy("Self", json!({})));
        vault.create_certificate(&name, &policy, &Value::Null, None, false, NOW).unwrap();
        let steps: Vec<Step> = std::thread::scope(|scope| {
            let work = || vault.advance_certificate(&name, &places(), NOW);
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap().unwrap()).collect()
        });
        let made = steps.iter().filter(|step| matches!(step, Step::Over(_))).count();
        assert_eq!(made, 1, "{steps:?}");
        for step in steps {
            let (Step::Over(pending) | Step::Ended(pending)) = step else { panic!("{step:?}") };
            assert_eq!(pending.status, PendingStatus::Completed);
        }
    }
}

#[test]
fn an_import_is_described_by_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let template = pki::Template {
        subject: pki::Name::parse("O=Widgits, S=Some-State, C=AU").unwrap(),
        usage: pki::KeyUsage::default(),
        not_before: NOW,
        not_after: NOW + 3000 * DAY,
        ..pki::Template::default()
    };
    let made = pki::self_signed(&template, &key, &[3]).unwrap();
    let text = pem::bundle(&key, &[made]).unwrap().expose().to_owned();
    let sent = json!({
        "issuer": { "name": "Self" },
        "x509_props": { "subject": "CN=DefaultPolicy", "validity_months": 12, "sans": { "dns_names": ["b.example"] },
            "key_usage": ["keyAgreement"] },
        "lifetime_actions": [{ "trigger": { "lifetime_percentage": 70 }, "action": { "action_type": "AutoRenew" } }],
    });
    import(&vault, "i", text, None, sent).unwrap();
    let kept = vault.certificate_policy("i").unwrap().to_json();
    let x509 = &kept["x509_props"];
    assert_eq!(x509["subject"], "O=Widgits, S=Some-State, C=AU");
    assert_eq!((&x509["validity_months"], x509.get("sans")), (&json!(100), None));
    assert_eq!((&x509["ekus"], &x509["key_usage"]), (&json!([]), &json!([])));
    assert_eq!(kept["issuer"]["name"], "Self");
    assert_eq!(kept["lifetime_actions"][0]["trigger"]["lifetime_percentage"], 70);
}
