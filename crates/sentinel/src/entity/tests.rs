#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use model::{ResourceId, Rows, Value};
use serde_json::json;
use testkit::{row, rows};

use super::*;
use crate::rule::AnalyticsRule;

fn entity(ty: &str, pairs: &[(&str, &str)]) -> Option<Entity> {
    let ty = EntityType::from_name(ty).unwrap();
    Entity::build(ty, pairs.iter().map(|(n, v)| (ty.identifier(n).unwrap(), (*v).to_owned())))
}

#[test]
fn entities_as_alerts_carry_them() {
    let cases: &[(&str, &[(&str, &str)], &str)] = &[
        (
            "Account",
            &[("FullName", "CONTOSO\\ann")],
            r#"{"Name":"ann","NTDomain":"CONTOSO","Type":"account"}"#,
        ),
        (
            "Account",
            &[("FullName", "ann@contoso.com")],
            r#"{"Name":"ann","UPNSuffix":"contoso.com","Type":"account"}"#,
        ),
        ("Account", &[("FullName", "ann")], r#"{"Name":"ann","Type":"account"}"#),
        (
            "Account",
            &[("FullName", "NT AUTHORITY\\SYSTEM"), ("Sid", "S-1-5-18")],
            r#"{"Name":"SYSTEM","NTDomain":"NT AUTHORITY","Sid":"S-1-5-18","Type":"account"}"#,
        ),
        (
            "Account",
            &[("FullName", "a@b.c"), ("Name", "own")],
            r#"{"Name":"own","UPNSuffix":"b.c","Type":"account"}"#,
        ),
        (
            "Account",
            &[("AadUserId", "u"), ("IsDomainJoined", "True")],
            r#"{"AadUserId":"u","IsDomainJoined":true,"Type":"account"}"#,
        ),
        (
            "Host",
            &[("FullName", "web1.contoso.com")],
            r#"{"HostName":"web1","DnsDomain":"contoso.com","Type":"host"}"#,
        ),
        ("Host", &[("FullName", "web1")], r#"{"HostName":"web1","Type":"host"}"#),
        ("Host", &[("FullName", "10.0.0.1")], r#"{"HostName":"10.0.0.1","Type":"host"}"#),
        (
            "Host",
            &[("HostName", "web1"), ("NetBiosName", "WEB1"), ("DnsDomain", "c.com")],
            r#"{"HostName":"web1","NetBiosName":"WEB1","DnsDomain":"c.com","Type":"host"}"#,
        ),
        ("IP", &[("Address", " 10.0.0.1 ")], r#"{"Address":"10.0.0.1","Type":"ip"}"#),
        ("IP", &[("Address", "10.0.0.1:443")], r#"{"Address":"10.0.0.1","Type":"ip"}"#),
        ("IP", &[("Address", "[2001:DB8::1]:443")], r#"{"Address":"2001:db8::1","Type":"ip"}"#),
        ("IP", &[("Address", "::ffff:10.0.0.1")], r#"{"Address":"10.0.0.1","Type":"ip"}"#),
        ("URL", &[("Url", "https://x/y")], r#"{"Url":"https://x/y","Type":"url"}"#),
        (
            "FileHash",
            &[("Value", "d41d8cd98f00b204e9800998ecf8427e")],
            r#"{"Algorithm":"MD5","Value":"d41d8cd98f00b204e9800998ecf8427e","Type":"filehash"}"#,
        ),
        (
            "FileHash",
            &[("Algorithm", "SHA256"), ("Value", "ab")],
            r#"{"Algorithm":"SHA256","Value":"ab","Type":"filehash"}"#,
        ),
        (
            "File",
            &[("Directory", "C:\\t"), ("Name", "a.exe")],
            r#"{"Name":"a.exe","Directory":"C:\\t","Type":"file"}"#,
        ),
        (
            "Process",
            &[("ProcessId", "4"), ("CommandLine", "cmd /c"), ("CreationTimeUtc", "2024-01-02")],
            r#"{"ProcessId":"4","CommandLine":"cmd /c","CreationTimeUtc":"2024-01-02T00:00:00.0000000Z","Type":"process"}"#,
        ),
        ("DNS", &[("DomainName", "x.y")], r#"{"DomainName":"x.y","Type":"dns"}"#),
        (
            "AzureResource",
            &[("ResourceId", "/subscriptions/s/x")],
            r#"{"ResourceId":"/subscriptions/s/x","SubscriptionId":"s","Type":"azure-resource"}"#,
        ),
        (
            "Mailbox",
            &[("MailboxPrimaryAddress", "a@b.c")],
            r#"{"MailboxPrimaryAddress":"a@b.c","Type":"mailbox"}"#,
        ),
        (
            "CloudApplication",
            &[("Name", "App"), ("AppId", "11")],
            r#"{"Name":"App","AppId":11,"Type":"cloud-application"}"#,
        ),
        (
            "Malware",
            &[("Name", "M"), ("Category", "Trojan")],
            r#"{"Name":"M","Category":"Trojan","Type":"malware"}"#,
        ),
        (
            "RegistryKey",
            &[("Hive", "HKEY_USERS"), ("Key", "k")],
            r#"{"Hive":"HKEY_USERS","Key":"k","Type":"registry-key"}"#,
        ),
        (
            "RegistryValue",
            &[("Name", "n"), ("Value", "v")],
            r#"{"Name":"n","Value":"v","Type":"registry-value"}"#,
        ),
        ("SecurityGroup", &[("SID", "S-1")], r#"{"SID":"S-1","Type":"security-group"}"#),
        (
            "MailMessage",
            &[("Recipient", "r"), ("Urls", "[\"u\"]")],
            r#"{"Recipient":"r","Urls":["u"],"Type":"mail-message"}"#,
        ),
    ];
    for (ty, pairs, want) in cases {
        let entity = entity(ty, pairs).unwrap_or_else(|| panic!("{ty} {pairs:?}"));
        let text = Entity::list_text(std::slice::from_ref(&entity));
        assert_eq!(
            text,
            format!("[{}]", want.replacen('{', "{\"$id\":\"2\",", 1)),
            "{ty} {pairs:?}"
        );
        assert_eq!(Entity::parse_list(&text), [entity], "{text}");
    }
}

#[test]
fn what_identifies_nothing_is_no_entity() {
    for (ty, pairs) in [
        ("Account", &[("FullName", " ")][..]),
        ("Account", &[("Name", "-")]),
        ("IP", &[("Address", "unknown")]),
        ("IP", &[("AddressScope", "lan")]),
        ("Process", &[("CreationTimeUtc", "soon")]),
        ("Host", &[]),
    ] {
        assert_eq!(entity(ty, pairs), None, "{ty} {pairs:?}");
    }
}

#[test]
fn case_does_not_part_entities() {
    assert_eq!(
        entity("Host", &[("HostName", "WEB")]).unwrap().key(),
        entity("Host", &[("FullName", "web")]).unwrap().key()
    );
    assert_ne!(
        entity("Host", &[("HostName", "a")]).unwrap().key(),
        entity("Account", &[("Name", "a")]).unwrap().key()
    );
}

#[test]
fn entities_as_the_api_answers_them() {
    let workspace = ResourceId::new(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w",
    );
    let value = entity("Account", &[("FullName", "CONTOSO\\ann")]).unwrap().resource(&workspace);
    assert_eq!(value["kind"], "Account");
    assert_eq!(value["type"], "Microsoft.SecurityInsights/Entities");
    assert_eq!(
        value["properties"],
        json!({"friendlyName": "ann", "accountName": "ann", "ntDomain": "CONTOSO"})
    );
    assert!(value["id"].as_str().unwrap().ends_with(value["name"].as_str().unwrap()));
    let dns = entity("DNS", &[("DomainName", "x.y")]).unwrap().resource(&workspace);
    assert_eq!(dns["kind"], "DnsResolution");
}

fn rule(mappings: serde_json::Value, lists: serde_json::Value) -> AnalyticsRule {
    let properties = json!({"displayName": "r", "enabled": true, "severity": "Low", "query": "T", "entityMappings": mappings,
        "sentinelEntitiesMappings": lists});
    AnalyticsRule::read(Some("NRT"), &properties).unwrap()
}

fn mapped(rule: &AnalyticsRule, result: &Rows) -> (Vec<String>, usize, Vec<String>) {
    let mapper = Mapper::new(rule, &result.schema);
    let row: Vec<Value> = result.values().next().unwrap();
    let found = mapper.row(&row);
    (
        found.entities.iter().map(|e| e.key().replace('\u{1f}', " ")).collect(),
        found.dropped,
        mapper.missing,
    )
}

#[test]
fn rows_become_entities() {
    let mappings = json!([
        {"entityType": "Account", "fieldMappings": [{"identifier": "Name", "columnName": "User"}, {"identifier": "NTDomain", "columnName": "Domain"}]},
        {"entityType": "IP", "fieldMappings": [{"identifier": "Address", "columnName": "Ips"}]},
        {"entityType": "IP", "fieldMappings": [{"identifier": "Address", "columnName": "Bad"}]},
        {"entityType": "Host", "fieldMappings": [{"identifier": "HostName", "columnName": "Nowhere"}]},
        {"entityType": "Host", "fieldMappings": [{"identifier": "HostName", "columnName": "Empty"}]},
    ]);
    let result = rows(
        "User:string, Domain:string, Ips:dynamic, Bad:string, Empty:string",
        [row!["ann", "C", r#"["10.0.0.1","10.0.0.2"]"#, "nonsense", ""]],
    );
    let (keys, dropped, missing) = mapped(&rule(mappings, json!(null)), &result);
    assert_eq!(keys, ["account Name=ann NTDomain=c", "ip Address=10.0.0.1", "ip Address=10.0.0.2"]);
    assert_eq!((dropped, missing), (1, vec!["Nowhere".to_owned()]));
}

#[test]
fn legacy_columns_count_unless_the_type_is_mapped() {
    let result = rows(
        "AccountCustomEntity:string, HostCustomEntity:string, IPCustomEntity:string, UrlCustomEntity:string",
        [row!["C\\ann", "web.c.com", "10.0.0.1", "http://x"]],
    );
    let (keys, ..) = mapped(&rule(json!(null), json!(null)), &result);
    assert_eq!(
        keys,
        [
            "account Name=ann NTDomain=c",
            "host HostName=web DnsDomain=c.com",
            "ip Address=10.0.0.1",
            "url Url=http://x"
        ]
    );
    let mappings = json!([{"entityType": "IP", "fieldMappings": [{"identifier": "Address", "columnName": "HostCustomEntity"}]}]);
    let (keys, dropped, _) = mapped(&rule(mappings, json!(null)), &result);
    assert_eq!((keys.len(), dropped), (3, 1));
}

#[test]
fn whole_lists_are_taken_over() {
    let list = r#"[{"$id":"3","HostName":"h","Type":"host"},{"$id":"4","Name":"a","Host":{"$ref":"3"},"Type":"account"},{"Type":"cat"},7]"#;
    let result = rows("Entities:string", [row![list]]);
    let (keys, ..) = mapped(&rule(json!(null), json!([{"columnName": "Entities"}])), &result);
    assert_eq!(keys, ["host HostName=h", "account Name=a"]);
}
