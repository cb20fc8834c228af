#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::sync::Arc;

use state::MemoryStore;

use super::*;
use crate::testing::{SUBSCRIPTION, house, later, now, open};
use crate::{Audiences, testing};

#[test]
fn the_administrator_of_the_first_start_may_do_everything() {
    let house = house();
    let token = testing::access_token(&house.ask(&[]));
    let caller = house.identity.authenticate(&token, Audiences::RESOURCE_MANAGER, now()).unwrap();
    assert_eq!(*caller.object_id, *house.admin.object_id);
    let scope = ResourceId::new(SUBSCRIPTION);
    for (action, data) in [
        ("Microsoft.Authorization/roleAssignments/write", false),
        ("Microsoft.OperationalInsights/workspaces/query/read", false),
        ("Microsoft.Insights/Telemetry/Write", true),
        ("Microsoft.KeyVault/vaults/secrets/getSecret/action", true),
    ] {
        assert!(house.identity.allows(&caller, action, &scope, data), "{action}");
    }
    assert!(house.identity.require_graph(&caller, crate::GraphArea::Roles, true, false).is_ok());
}

#[test]
fn the_second_start_changes_nothing() {
    let house = house();
    let before = house.store.changes(0, 1000).unwrap();
    let (again, first) = open(house.store.clone(), house.folder.path(), later(60));
    assert!(!first);
    assert_eq!(again.tenant(), house.identity.tenant());
    assert_eq!(house.store.changes(0, 1000).unwrap(), before);
}

#[test]
fn a_start_killed_before_the_store_was_written_goes_on_with_its_file() {
    let house = house();
    let fresh = Arc::new(MemoryStore::new());
    let (again, first) = open(fresh, house.folder.path(), now());
    assert!(first);
    assert_eq!(again.tenant().id, house.admin.tenant_id);
    let kept = AdminCredentials::load(house.folder.path()).unwrap().unwrap();
    assert_eq!(kept.client_secret.expose(), house.admin.client_secret.expose());
}

#[test]
fn the_file_may_be_put_away_after_the_first_start() {
    let house = house();
    std::fs::remove_file(AdminCredentials::path(house.folder.path())).unwrap();
    let (_, first) = open(house.store.clone(), house.folder.path(), now());
    assert!(!first);
    assert!(AdminCredentials::load(house.folder.path()).unwrap().is_none());
    assert_eq!(house.ask(&[]).status, 200);
}

#[cfg(unix)]
#[test]
fn the_file_is_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let house = house();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&AdminCredentials::path(house.folder.path())), 0o600);
    assert_eq!(mode(house.folder.path()), 0o700);
}

#[test]
fn a_secret_written_by_hand_is_refused() {
    let (store, home) = (MemoryStore::new(), tempfile::tempdir().unwrap());
    let text = r#"{"tenantId":"a","clientId":"b","objectId":"c","clientSecret":"hunter2"}"#;
    write_private(&AdminCredentials::path(home.path()), text.as_bytes()).unwrap();
    let error =
        tenant(&store, home.path(), &ResourceId::new(SUBSCRIPTION), now()).unwrap_err().to_string();
    assert!(error.contains("too short") && !error.contains("hunter2"), "{error}");
    assert!(store.changes(0, 10).unwrap().is_empty());
}
