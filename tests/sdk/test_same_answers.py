"""The same queries over files and over the server that took the same files in: the same rows."""

import json

import pytest

# sample, table, queries; rows are compared without order unless the query sorts
CASES = [
    ("sentinel/Okta_CL.json", "OktaSame_CL", [
        "{t} | count",
        "{t} | summarize n = count() by actor_displayName_s, outcome_result_s | sort by n desc, actor_displayName_s asc, outcome_result_s asc",
        "{t} | where actor_alternateId_s has 'com' | distinct actor_alternateId_s",
        "{t} | where displayMessage_s contains 'user' | project displayMessage_s, eventType_s, published_t",
        "{t} | extend day = bin(published_t, 1d) | summarize dcount(eventType_s), make_set(outcome_result_s) by day",
        "{t} | sort by published_t desc, eventType_s asc | take 5 | project published_t, eventType_s",
        "{t} | join kind=inner ({t} | summarize latest = max(published_t) by actor_id_s) on actor_id_s | where published_t == latest | summarize count() by eventType_s",
        "{t} | where eventType_s in (toscalar({t} | summarize make_set(eventType_s, 3))) | summarize count()",
        "{t} | extend p = split(eventType_s, '.') | mv-expand part = p to typeof(string) | summarize count() by part",
        "{t} | parse eventType_s with first '.' rest | summarize count() by first",
        "{t} | make-series n = count() on published_t from datetime(2019-01-01) to datetime(2022-01-01) step 90d | project n",
        "search in ({t}) 'FAILURE' | count",
    ]),
    ("sentinel/SonicWallFirewall_Query_Data.csv", "SonicSame_CL", [
        "{t} | count",
        "{t} | getschema | where ColumnName !in ('TimeGenerated', 'Type', 'TenantId', '_ItemId', '_ResourceId', '_SubscriptionId', '_BilledSize', '_IsBillable', 'SourceSystem', 'MG', 'ManagementGroupName', 'Computer', 'RawData') | project ColumnName, ColumnType",
        "{t} | where SourceIP startswith '1' | summarize n = count() by SourceIP | sort by n desc, SourceIP asc",
        "{t} | summarize count() by tostring(SourcePort), DeviceAction",
        "union {t}, ({t} | take 0) | summarize count() by DeviceVendor",
    ]),
    ("sentinel/Cloudflare_CL.json", "CloudflareSame_CL", [
        "{t} | count",
        "{t} | summarize n = count() by ClientIP, ClientRequestMethod | sort by n desc, ClientIP asc",
        "{t} | where ClientRequestPath matches regex @'^.' | distinct ClientRequestPath | sort by ClientRequestPath asc | take 20",
        "{t} | summarize percentiles(EdgeResponseBytes, 50, 95), avg(EdgeResponseBytes), stdev(EdgeResponseBytes)",
    ]),
]


def rows(done):
    return [t["rows"] for t in json.loads(done.stdout)["tables"]]


def unordered(tables):
    return [sorted(json.dumps(row) for row in table) for table in tables]


@pytest.mark.parametrize("sample,table,queries", CASES, ids=[c[1] for c in CASES])
def test_files_and_the_server_give_the_same_rows(server, samples, sample, table, queries):
    path = samples / sample
    server.run("ingest", "--table", table, str(path))
    for query in queries:
        text = query.replace("{t}", table)
        local = rows(server.run("query", "--format", "json", "--table", f"{table}={path}", text))
        remote = rows(server.run("query", "--format", "json", "--server", text))
        if "sort by" in query or "top " in query:
            assert local == remote, text
        else:
            assert unordered(local) == unordered(remote), text
        assert local and local[0], f"nothing to compare: {text}"


def test_the_server_explains_as_files_do(server, samples):
    path = samples / "sentinel/Okta_CL.json"
    server.run("ingest", "--table", "OktaPlan_CL", str(path))
    text = "OktaPlan_CL | where isnotempty(eventType_s) | summarize count() by eventType_s"
    local = rows(server.run("query", "--explain", "--format", "json", "--table", f"OktaPlan_CL={path}", text))
    remote = rows(server.run("query", "--explain", "--format", "json", "--server", text))
    assert [row[0] for row in local[0]] == [row[0] for row in remote[0]]
    steps = [row[0].strip() for row in remote[0]]
    assert steps[:4] == ["parse", "bind", "optimize", "run"] and "summarize" in steps and steps[-1] == "scan"
    assert any(row[3] for row in remote[0]), "no step says how many rows it read"
