//! What changing a policy, taking a name and moving a backup never do.

use super::*;
use crate::Found;

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
        vault.create_certificate("c", &sent, &Value::Null, None, NOW).unwrap();
        vault.update_certificate_policy("c", &key_props(changed), NOW).unwrap();
        let found = merge(&vault, "c");
        assert_eq!(holds_a_key(&vault, "c"), holds, "{made} {changed}");
        assert_eq!(vault.is_exportable(&found), holds);
    }
}
