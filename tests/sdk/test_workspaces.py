"""Workspaces over Resource Manager: how long they keep rows, more than one of them, deleted ones that come back."""

import datetime

import pytest

VERSION = {"api-version": "2023-09-01"}
SENTINEL = {"api-version": "2025-09-01"}
INSIGHTS = {"api-version": "2023-03-11"}


class Manager:
    """Resource Manager over plain HTTP: clients differ in what they send along."""

    def __init__(self, server):
        self.server, self.session = server, server.session()
        self.group = server.workspace.split("/providers/")[0]

    def call(self, method, path, body=None, status=(200, 201), params=VERSION):
        answer = self.session.request(method, f"{self.server.url}{path}", params=params, json=body)
        assert answer.status_code in status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def days(self, workspace):
        tables = self.call("GET", f"{workspace}/tables")["value"]
        return {t["name"]: (t["properties"]["retentionInDays"], t["properties"]["totalRetentionInDays"]) for t in tables}

    def place(self, name):
        return f"{self.group}/providers/Microsoft.OperationalInsights/workspaces/{name}"

    def query(self, customer_id, text, status=(200,)):
        answer = self.call("POST", f"/v1/workspaces/{customer_id}/query", {"query": text}, status, {})
        return answer["tables"][0]["rows"] if "tables" in answer else answer


@pytest.fixture
def manager(own_server):
    return Manager(own_server.start())


def fill(manager, workspace, customer_id, table):
    """A table, a rule that leads to it, and a row."""
    columns = [{"name": "TimeGenerated", "type": "dateTime"}, {"name": "User", "type": "string"}]
    manager.call("PUT", f"{workspace}/tables/{table}", {"properties": {"schema": {"name": table, "columns": columns}}})
    rule = manager.call("PUT", f"{manager.group}/providers/Microsoft.Insights/dataCollectionRules/to-{table}", {
        "location": "local",
        "properties": {
            "streamDeclarations": {f"Custom-{table}": {"columns": [{**c, "type": c["type"].lower()} for c in columns]}},
            "destinations": {"logAnalytics": [{"name": "w", "workspaceResourceId": workspace}]},
            "dataFlows": [{"streams": [f"Custom-{table}"], "destinations": ["w"], "outputStream": f"Custom-{table}"}],
        }}, params=INSIGHTS)
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    stream = f"/dataCollectionRules/{rule['properties']['immutableId']}/streams/Custom-{table}"
    manager.call("POST", stream, [{"TimeGenerated": now, "User": "ann"}], (204,), {"api-version": "2023-01-01"})
    assert manager.query(customer_id, f"{table} | project User") == [["ann"]]


def test_tags_leave_every_table_as_it_is(manager):
    workspace = manager.server.workspace
    before = manager.days(workspace)
    assert len(before) > 1000 and set(before.values()) == {(90, 90)}
    assert manager.call("PATCH", workspace, {"tags": {"a": "b"}})["properties"]["retentionInDays"] == 90
    assert manager.days(workspace) == before
    manager.call("PATCH", workspace, {"properties": {"retentionInDays": 60}})
    assert set(manager.days(workspace).values()) == {(60, 60)}
    odd = next(name for name in before if "(" in name)
    manager.call("PATCH", f"{workspace}/tables/{odd}", {"properties": {"retentionInDays": 7}})
    assert manager.days(workspace)[odd] == (7, 7)
    manager.server.stop()
    manager.server.start()
    manager.session = manager.server.session()
    assert manager.days(workspace) == {**dict.fromkeys(before, (60, 60)), odd: (7, 7)}


def test_a_second_workspace_is_whole(manager):
    second = manager.place("second")
    made = manager.call("PUT", second, {"location": "local"})
    customer_id = made["properties"]["customerId"]
    assert set(manager.days(second).values()) == {(30, 30)}
    fill(manager, second, customer_id, "Second_CL")
    # functions that every workspace has, and its own
    assert manager.query(customer_id, "_Im_Dns() | count") == [[0]]
    search = {"properties": {"category": "c", "displayName": "d", "query": "Second_CL", "functionAlias": "Mine"}}
    manager.call("PUT", f"{second}/savedSearches/mine", search)
    assert manager.query(customer_id, "Mine() | count") == [[1]]
    assert manager.query(manager.server.env["VEDETTE_WORKSPACE_ID"], "workspace('second').Second_CL | count") == [[1]]
    rule = {"kind": "NRT", "properties": {
        "displayName": "second", "enabled": True, "severity": "High", "query": "Second_CL", "suppressionEnabled": False,
        "suppressionDuration": "PT5H",
        "entityMappings": [{"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": "User"}]}]}}
    path = f"{second}/providers/Microsoft.SecurityInsights"
    wrong = {**rule, "properties": {**rule["properties"], "query": "Second_CL | project TimeGenerated"}}
    refused = manager.call("PUT", f"{path}/alertRules/r", wrong, (400,), SENTINEL)
    assert "The given column 'User' does not exist." in refused["error"]["message"]
    manager.call("PUT", f"{path}/alertRules/r", rule, params=SENTINEL)
    assert manager.call("GET", f"{manager.server.workspace}/providers/Microsoft.SecurityInsights/onboardingStates",
                        params=SENTINEL)["value"][0]["name"] == "default"
    manager.server.stop()
    manager.server.start()
    manager.session = manager.server.session()
    assert manager.query(customer_id, "Mine() | count") == [[1]]


def test_a_deleted_workspace_comes_back(manager):
    workspace, own = manager.server.workspace, manager.server.env["VEDETTE_WORKSPACE_ID"]
    fill(manager, workspace, own, "Kept_CL")
    for restarted in (False, True):
        manager.call("DELETE", workspace)
        manager.call("GET", workspace, status=(404,))
        manager.query(own, "Kept_CL | count", (404,))
        listed = manager.call("GET", f"{manager.group}/providers/Microsoft.OperationalInsights/deletedWorkspaces")
        assert [w["name"] for w in listed["value"]] == ["vedette"]
        if restarted:
            manager.server.stop()
            manager.server.start()
            manager.session = manager.server.session()
        else:
            manager.call("PUT", workspace, {"location": "local", "properties": {"retentionInDays": 30}})
        back = manager.call("GET", workspace)["properties"]
        assert (back["customerId"], back["retentionInDays"]) == (own, 90)
        assert manager.query(own, "Kept_CL | count") == [[1]]


def test_force_deletes_for_good(manager):
    workspace, own = manager.server.workspace, manager.server.env["VEDETTE_WORKSPACE_ID"]
    fill(manager, workspace, own, "Gone_CL")
    manager.call("DELETE", workspace, params={**VERSION, "force": "true"})
    manager.call("PUT", workspace, {"location": "local"})
    assert "Gone_CL" not in manager.days(workspace)
    manager.call("DELETE", f"{manager.group}/providers/Microsoft.Insights/dataCollectionRules/to-Gone_CL", params=INSIGHTS)
    fill(manager, workspace, own, "New_CL")
    for _ in range(2):
        assert manager.query(own, "New_CL | count") == [[1]]
        manager.query(own, "Gone_CL | count", (400,))
        manager.server.stop()
        manager.server.start()
        manager.session = manager.server.session()
