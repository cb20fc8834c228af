//! Stream names to tables, as data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::*;

fn rule(from_tables: bool) -> DataCollectionRule {
    let value = json!({
        "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Insights/dataCollectionRules/r",
        "properties": {
            "immutableId": "dcr-1",
            "streamsFromTables": from_tables,
            "streamDeclarations": {
                "Custom-raw": {"columns": [{"name": "a", "type": "string"}, {"name": "t", "type": "datetime"}]},
            },
            "destinations": {"logAnalytics": [
                {"name": "one", "workspaceId": "w1"}, {"name": "two", "workspaceId": "w2"},
            ]},
            "dataFlows": [
                {"streams": ["Microsoft-Syslog"], "destinations": ["one", "two"], "transformKql": " source "},
                {"streams": ["Custom-raw"], "destinations": ["one"], "transformKql": "source | where a != ''", "outputStream": "Custom-My_CL"},
                {"streams": ["Custom-raw"], "destinations": ["two"], "outputStream": "Microsoft-Event"},
            ],
        },
    });
    DataCollectionRule::read(&value, "e".into())
}

fn told(rule: &DataCollectionRule, stream: &str) -> Result<Vec<String>, String> {
    let exists = |_: &str, table: &str| {
        ["Syslog", "Event", "My_CL", "LAQueryLogs", "Plain"].contains(&table)
    };
    let show = |t: StreamTarget| {
        let columns = t.columns.map_or(0, |c| c.len());
        format!("{}/{} {} {columns}", t.workspace, t.table, t.transform.as_deref().unwrap_or("-"))
    };
    rule.targets(stream, &exists)
        .map(|targets| targets.into_iter().map(show).collect())
        .map_err(|e| e.code.to_string())
}

#[test]
fn streams_lead_to_tables() {
    let cases: [(bool, &str, Result<&[&str], &str>); 10] = [
        (false, "Microsoft-Syslog", Ok(&["w1/Syslog - 0", "w2/Syslog - 0"])),
        (false, "Custom-raw", Ok(&["w1/My_CL source | where a != '' 2", "w2/Event - 2"])),
        (false, "Microsoft-Event", Err("InvalidStream")),
        (false, "microsoft-syslog", Err("InvalidStream")),
        (true, "Microsoft-Event", Ok(&["w1/Event - 0"])),
        (true, "Microsoft-Table-LAQueryLogs", Ok(&["w1/LAQueryLogs - 0"])),
        (true, "Custom-My_CL", Ok(&["w1/My_CL - 0"])),
        (true, "Custom-My", Ok(&["w1/My_CL - 0"])),
        (true, "Custom-Plain", Ok(&["w1/Plain - 0"])),
        (true, "Custom-Absent_CL", Err("InvalidOutputTable")),
    ];
    for (from_tables, stream, wanted) in cases {
        let wanted = wanted
            .map(|list| list.iter().map(|t| (*t).to_owned()).collect())
            .map_err(str::to_owned);
        assert_eq!(told(&rule(from_tables), stream), wanted, "{stream}");
    }
    assert_eq!(told(&rule(true), "Other-Event"), Err("InvalidOutputTable".into()));
}
