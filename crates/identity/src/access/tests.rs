#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::fmt::Write;

use model::TableAccess;
use serde_json::json;
use testkit::check_golden;

use super::built_in::ROLES;
use super::*;
use crate::authorization::assignment_document;
use crate::testing::{SUBSCRIPTION, now};

const ME: &str = "aaaaaaaa-0000-0000-0000-000000000001";
const GROUP: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/soc";
const WORKSPACE: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/soc/providers/Microsoft.OperationalInsights/workspaces/main";

/// What the doors of this server ask for. `data:` marks data actions.
const ACTIONS: &[&str] = &[
    "Microsoft.Resources/subscriptions/read",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Resources/subscriptions/resourceGroups/write",
    "Microsoft.Resources/subscriptions/resourceGroups/delete",
    "Microsoft.Resources/deployments/write",
    "Microsoft.OperationalInsights/workspaces/read",
    "Microsoft.OperationalInsights/workspaces/write",
    "Microsoft.OperationalInsights/workspaces/delete",
    "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
    "Microsoft.OperationalInsights/workspaces/sharedKeys/read",
    "Microsoft.OperationalInsights/workspaces/query/read",
    "Microsoft.OperationalInsights/workspaces/query/SecurityEvent/read",
    "Microsoft.OperationalInsights/workspaces/query/ConfidentialWatchlist/read",
    "Microsoft.OperationalInsights/workspaces/tables/read",
    "Microsoft.OperationalInsights/workspaces/tables/write",
    "Microsoft.OperationalInsights/workspaces/tables/query/read",
    "data:Microsoft.OperationalInsights/workspaces/tables/data/read",
    "Microsoft.OperationalInsights/workspaces/savedSearches/read",
    "Microsoft.OperationalInsights/workspaces/savedSearches/write",
    "Microsoft.OperationalInsights/workspaces/purge/action",
    "Microsoft.Insights/dataCollectionRules/read",
    "Microsoft.Insights/dataCollectionRules/write",
    "Microsoft.Insights/diagnosticSettings/write",
    "Microsoft.Insights/workbooks/write",
    "data:Microsoft.Insights/Telemetry/Write",
    "data:Microsoft.Insights/Metrics/Write",
    "Microsoft.SecurityInsights/alertRules/read",
    "Microsoft.SecurityInsights/alertRules/write",
    "Microsoft.SecurityInsights/alertRules/delete",
    "Microsoft.SecurityInsights/incidents/read",
    "Microsoft.SecurityInsights/incidents/write",
    "Microsoft.SecurityInsights/incidents/delete",
    "Microsoft.SecurityInsights/incidents/comments/write",
    "Microsoft.SecurityInsights/incidents/comments/delete",
    "Microsoft.SecurityInsights/automationRules/write",
    "Microsoft.SecurityInsights/watchlists/write",
    "Microsoft.SecurityInsights/ConfidentialWatchlists/read",
    "Microsoft.SecurityInsights/onboardingStates/write",
    "Microsoft.Logic/workflows/triggers/listCallbackUrl/action",
    "Microsoft.Security/assessments/read",
    "Microsoft.Security/assessments/write",
    "Microsoft.Authorization/policyAssignments/write",
    "Microsoft.Authorization/roleAssignments/read",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleAssignments/delete",
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.KeyVault/vaults/read",
    "Microsoft.KeyVault/vaults/write",
    "Microsoft.KeyVault/locations/deletedVaults/purge/action",
    "data:Microsoft.KeyVault/vaults/secrets/getSecret/action",
    "data:Microsoft.KeyVault/vaults/secrets/setSecret/action",
    "data:Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    "data:Microsoft.KeyVault/vaults/secrets/delete",
    "data:Microsoft.KeyVault/vaults/keys/read",
    "data:Microsoft.KeyVault/vaults/keys/sign/action",
    "data:Microsoft.KeyVault/vaults/keys/create/action",
    "data:Microsoft.KeyVault/vaults/keys/release/action",
    "data:Microsoft.KeyVault/vaults/certificates/read",
    "data:Microsoft.KeyVault/vaults/certificates/create/action",
    "data:Microsoft.KeyVault/vaults/certificatecas/write",
    "data:Microsoft.KeyVault/vaults/certificatecontacts/write",
    "data:Microsoft.KeyVault/vaults/keyrotationpolicies/write",
    "data:Microsoft.KeyVault/vaults/secrets/purge/action",
];

fn assignment(role: &str, scope: &str) -> RoleAssignment {
    let name = uuid::Uuid::new_v4().to_string();
    let (_, document) = assignment_document(&ResourceId::new(scope), &name, role, ME, now());
    RoleAssignment::from_document(&document).unwrap()
}

fn access(role: &str, scope: &str) -> Access {
    Access::new(Vec::new(), vec![assignment(role, scope)])
}

fn role_id(name: &str) -> &'static str {
    ROLES.iter().find(|r| r.name == name).unwrap().id
}

#[test]
fn permissions_as_a_picture() {
    let mut picture = String::from(
        "# What each built-in role may do, asked of the workspace it is assigned at through the subscription.\n\
         # x allowed, . not. GOLDEN=1 rewrites this file; read every changed mark before committing it.\n\n",
    );
    let columns: Vec<char> = ('A'..='Z').chain('a'..='z').collect();
    for (column, role) in columns.iter().zip(ROLES) {
        writeln!(picture, "{column} {}", role.name).unwrap();
    }
    let width = ACTIONS.iter().map(|a| a.len()).max().unwrap();
    let header: String = columns.iter().take(ROLES.len()).collect();
    write!(picture, "\n{:width$}  {header}\n", "").unwrap();
    for written in ACTIONS {
        let (data, action) = written.strip_prefix("data:").map_or((false, *written), |a| (true, a));
        let marks: String = ROLES
            .iter()
            .map(|role| {
                access(role.id, SUBSCRIPTION).allows(ME, action, &ResourceId::new(WORKSPACE), data)
            })
            .map(|allowed| if allowed { 'x' } else { '.' })
            .collect();
        writeln!(picture, "{written:width$}  {marks}").unwrap();
    }
    picture += "\n# Where a Reader reads: assigned at (rows), asked at (columns). r root, s subscription, g group,\n\
                # w workspace, t its table T, u its table U, o another group, z another subscription.\n\n";
    let table = format!("{WORKSPACE}/tables/T");
    let root_group = "/providers/Microsoft.Management/managementGroups/root";
    let places = [
        ('r', "/".to_owned()),
        ('s', SUBSCRIPTION.to_owned()),
        ('g', GROUP.to_owned()),
        ('w', WORKSPACE.to_owned()),
        ('t', table.clone()),
        ('u', format!("{WORKSPACE}/tables/U")),
        ('o', format!("{GROUP}-other")),
        ('z', "/subscriptions/99999999-2222-3333-4444-555555555555".to_owned()),
    ];
    let letters: String = places.iter().map(|(letter, _)| *letter).collect();
    writeln!(picture, "{:17}  {letters}", "").unwrap();
    let rows = [
        ("root", "/"),
        ("management group", root_group),
        ("subscription", SUBSCRIPTION),
        ("group", GROUP),
        ("workspace", WORKSPACE),
        ("table", &table),
    ];
    for (name, at) in rows {
        let access = access(role_id("Reader"), at);
        let reads = |place: &str| {
            access.allows(ME, "Microsoft.Any/thing/read", &ResourceId::new(place), false)
        };
        let marks: String = places.iter().map(|(_, p)| if reads(p) { 'x' } else { '.' }).collect();
        writeln!(picture, "{name:17}  {marks}").unwrap();
    }
    check_golden("cases/roles.txt", &picture);
}

#[test]
fn nobody_without_an_assignment_may_anything() {
    let access = access(role_id("Owner"), "/");
    for action in ACTIONS {
        assert!(!access.allows(
            "aaaaaaaa-0000-0000-0000-000000000002",
            action,
            &ResourceId::new(WORKSPACE),
            false
        ));
        assert!(!access.allows("", action, &ResourceId::new("/"), false));
    }
    assert!(!access.reaches("aaaaaaaa-0000-0000-0000-000000000002", &ResourceId::new("/")));
}

#[test]
fn neither_scopes_nor_actions_nor_ids_care_about_case() {
    let access = Access::new(
        Vec::new(),
        vec![{
            let (_, mut document) =
                assignment_document(&ResourceId::new(GROUP), ME, role_id("Reader"), ME, now());
            document["properties"]["principalId"] = json!(ME.to_uppercase());
            document["properties"]["roleDefinitionId"] = json!(format!(
                "/PROVIDERS/microsoft.authorization/ROLEDEFINITIONS/{}",
                role_id("Reader").to_uppercase()
            ));
            RoleAssignment::from_document(&document).unwrap()
        }],
    );
    let scope = ResourceId::new(&WORKSPACE.to_uppercase());
    assert!(access.allows(ME, "MICROSOFT.OperationalInsights/Workspaces/READ", &scope, false));
}

#[test]
fn an_assignment_whose_role_is_gone_grants_nothing() {
    let access = access("99999999-0000-0000-0000-000000000000", "/");
    assert!(!access.allows(ME, "a/read", &ResourceId::new("/"), false));
}

#[test]
fn roles_add_up_and_exceptions_bind_their_own_role_alone() {
    let both = Access::new(
        Vec::new(),
        vec![
            assignment(role_id("Contributor"), SUBSCRIPTION),
            assignment(role_id("User Access Administrator"), SUBSCRIPTION),
        ],
    );
    let scope = ResourceId::new(SUBSCRIPTION);
    assert!(both.allows(ME, "Microsoft.Authorization/roleAssignments/write", &scope, false));
    assert!(!access(role_id("Contributor"), SUBSCRIPTION).allows(
        ME,
        "Microsoft.Authorization/roleAssignments/write",
        &scope,
        false
    ));
}

#[test]
fn a_subscription_is_reached_from_below() {
    let access = access(role_id("Reader"), &format!("{WORKSPACE}/tables/T"));
    assert!(access.reaches(ME, &ResourceId::new(SUBSCRIPTION)));
    assert!(access.reaches(ME, &ResourceId::new("/")));
    assert!(
        !access
            .reaches(ME, &ResourceId::new("/subscriptions/99999999-2222-3333-4444-555555555555"))
    );
    assert!(!access.reaches(ME, &ResourceId::new(&format!("{GROUP}-other"))));
}

/// A custom role with these actions, exceptions and data actions.
fn custom(actions: &[&str], not_actions: &[&str], data_actions: &[&str]) -> RoleDefinition {
    let permission =
        json!({ "actions": actions, "notActions": not_actions, "dataActions": data_actions });
    let properties = json!({ "roleName": "custom", "permissions": [permission], "assignableScopes": [SUBSCRIPTION] });
    RoleDefinition::from_properties("cccccccc-0000-0000-0000-000000000000", &properties).unwrap()
}

#[test]
fn tables_that_a_principal_reads() {
    let custom_at = |role: RoleDefinition, at: &str| {
        let id = role.id.clone();
        (vec![role], vec![assignment(&id, at)])
    };
    let (a, c) = (format!("{WORKSPACE}/tables/A"), "Microsoft.OperationalInsights/workspaces");
    let run = format!("{c}/query/read");
    let built_in = |name: &str, at: &str| (Vec::new(), vec![assignment(role_id(name), at)]);
    let cases = [
        ("reader of the subscription", built_in("Reader", SUBSCRIPTION), "all"),
        (
            "log analytics reader of the workspace",
            built_in("Log Analytics Reader", WORKSPACE),
            "all",
        ),
        ("log analytics contributor", built_in("Log Analytics Contributor", GROUP), "all"),
        (
            "sentinel reader: all but the confidential one",
            built_in("Microsoft Sentinel Reader", WORKSPACE),
            "ABb",
        ),
        ("data reader of the workspace", built_in("Log Analytics Data Reader", WORKSPACE), "all"),
        ("data reader of one table", built_in("Log Analytics Data Reader", &a), "A"),
        ("reader of one table", built_in("Reader", &a), "A"),
        (
            "reader of a table of another workspace",
            built_in("Reader", &a.replace("main", "other")),
            "",
        ),
        ("metrics publisher", built_in("Monitoring Metrics Publisher", SUBSCRIPTION), ""),
        ("vault administrator", built_in("Key Vault Administrator", SUBSCRIPTION), ""),
        ("owner", built_in("Owner", "/"), "all"),
        ("the right to run queries alone", custom_at(custom(&[&run], &[], &[]), WORKSPACE), ""),
        (
            "one table by name",
            custom_at(custom(&[&run, &format!("{c}/query/B/read")], &[], &[]), WORKSPACE),
            "Bb",
        ),
        (
            "all tables by name",
            custom_at(custom(&[&run, &format!("{c}/query/*/read")], &[], &[]), WORKSPACE),
            "all",
        ),
        (
            "all by name but one",
            custom_at(
                custom(&[&format!("{c}/query/*/read")], &[&format!("{c}/query/A/read")], &[]),
                WORKSPACE,
            ),
            "BbCONFIDENTIALWATCHLIST",
        ),
        (
            "everything but one table by name",
            custom_at(custom(&["*/read"], &[&format!("{c}/query/A/read")], &[]), SUBSCRIPTION),
            "BbCONFIDENTIALWATCHLIST",
        ),
        (
            "everything but tables",
            custom_at(custom(&["*/read"], &[&format!("{c}/tables/query/read")], &[]), SUBSCRIPTION),
            "",
        ),
        (
            "data of every table",
            custom_at(custom(&[], &[], &[&format!("{c}/tables/data/read")]), WORKSPACE),
            "all",
        ),
    ];
    let tables = ["A", "B", "b", "CONFIDENTIALWATCHLIST"];
    for (what, (definitions, assignments), expected) in cases {
        let access = Access::new(definitions, assignments);
        let read = access.tables_readable(
            &[ME.to_owned()],
            &ResourceId::new(WORKSPACE),
            tables.into_iter(),
        );
        let read = match read {
            TableAccess::All => "all".to_owned(),
            TableAccess::Only(names) => tables.into_iter().filter(|t| names.contains(*t)).collect(),
        };
        assert_eq!(read, expected, "{what}");
    }
}

#[test]
fn documents_that_cannot_be_read_grant_nothing_and_stop_nothing() {
    let store = state::MemoryStore::new();
    let put = |collection: &str, key: &str, value: Value| {
        store.put(collection, key, value, state::Condition::Any).unwrap();
    };
    put(ASSIGNMENTS, "bad", json!({ "properties": { "scope": 1 } }));
    put(
        DEFINITIONS,
        "bad",
        json!({ "name": "x", "properties": { "permissions": [{ "actions": "*" }] } }),
    );
    let (id, good) = assignment_document(&ResourceId::new("/"), ME, role_id("Owner"), ME, now());
    put(ASSIGNMENTS, &id.key(), good);
    let access = Access::load(&store).unwrap();
    assert_eq!(access.assignments().len(), 1);
    assert_eq!(access.definitions().len(), ROLES.len());
    assert!(access.allows(ME, "a/write", &ResourceId::new("/"), false));
}
