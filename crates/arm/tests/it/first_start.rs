//! The first start, and every one after it.

use arm::{BootstrapNames, Verb, bootstrap, data_collection_rule_by_immutable_id};
use serde_json::{Value, json};

use crate::house::{House, URL, now};

#[tokio::test]
async fn the_first_start_decides_and_later_ones_agree() {
    let house = House::new().await;
    let other = BootstrapNames { workspace: "renamed".into(), ..BootstrapNames::default() };
    let sequence = || house.arm.store().changes(0, 9999).unwrap().last().unwrap().sequence;
    let before = sequence();
    assert_eq!(bootstrap(&house.arm, &other, now()).await.unwrap(), house.installation);
    assert_eq!(sequence(), before, "nothing is written again");
    assert!(house.installation.workspace.as_str().ends_with(
        "/resourceGroups/Main/providers/Microsoft.OperationalInsights/workspaces/Logs-1"
    ));
    assert!(house.installation.data_collection_rule_immutable_id.starts_with("dcr-"));
    assert_eq!(house.installation.data_collection_rule_immutable_id.len(), 36);
    let endpoint = house.get(house.installation.data_collection_endpoint.as_str()).await;
    assert_eq!(endpoint["properties"]["logsIngestion"]["endpoint"], URL);
    let rule = house.get(house.installation.data_collection_rule.as_str()).await;
    assert_eq!(rule["properties"]["endpoints"]["logsIngestion"], URL);
}

#[tokio::test]
async fn what_was_changed_stays_and_what_was_deleted_returns() {
    let house = House::new().await;
    house.send(Verb::Patch, "@", json!({"properties": {"retentionInDays": 99}})).await.unwrap();
    let rule = house.installation.data_collection_rule.as_str();
    house.send(Verb::Delete, rule, Value::Null).await.unwrap();
    let again = bootstrap(&house.arm, &BootstrapNames::default(), now()).await.unwrap();
    assert_eq!(house.get("@").await["properties"]["retentionInDays"], 99);
    assert_eq!(again.customer_id, house.installation.customer_id);
    assert_ne!(
        again.data_collection_rule_immutable_id,
        house.installation.data_collection_rule_immutable_id
    );
}

#[tokio::test]
async fn the_default_rule_takes_every_table() {
    let house = House::new().await;
    let id = house.installation.data_collection_rule_immutable_id.to_uppercase();
    let rule = data_collection_rule_by_immutable_id(&house.arm, &id).unwrap().unwrap();
    let exists = |workspace: &str, table: &str| {
        workspace == house.installation.customer_id && ["Syslog", "Mine_CL"].contains(&table)
    };
    for (stream, table) in
        [("Microsoft-Syslog", "Syslog"), ("Custom-Mine_CL", "Mine_CL"), ("Custom-Mine", "Mine_CL")]
    {
        let targets = rule.targets(stream, &exists).unwrap();
        assert_eq!(targets.len(), 1);
        assert_eq!(
            (targets[0].table.as_str(), &targets[0].workspace),
            (table, &house.installation.customer_id)
        );
        assert_eq!((&targets[0].transform, &targets[0].columns), (&None, &None));
    }
    assert_eq!(rule.targets("Microsoft-None", &exists).unwrap_err().code, "InvalidOutputTable");
    assert_eq!(data_collection_rule_by_immutable_id(&house.arm, "dcr-none").unwrap(), None);
}

#[tokio::test]
async fn identity_decides_the_tenant() {
    let house = House::new().await;
    let given = "11111111-2222-3333-4444-555555555555";
    let names = BootstrapNames { tenant_id: Some(given.into()), ..BootstrapNames::default() };
    let told = bootstrap(&house.arm, &names, now()).await.unwrap();
    assert_eq!(told.tenant_id, given);
    assert_eq!(house.get("~").await["tenantId"], given);
    assert_eq!(arm::subscription_id(&**house.arm.store()).unwrap(), told.subscription_id);
    assert_eq!(told.subscription_id, house.installation.subscription_id);
}
