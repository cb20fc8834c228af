"""From rows to a closed incident, with both generations of azure-mgmt-securityinsight; and the rows that tell of it."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).with_name("sentinel_journey.py")


@pytest.mark.parametrize("version, folder", [("1.0.0", ""), ("2.0.0b4", os.environ.get("SECURITYINSIGHT_PREVIEW"))])
def test_a_rule_makes_an_incident_that_is_commented_and_closed(server, version, folder):
    assert folder is not None, "set SECURITYINSIGHT_PREVIEW to a folder with the preview client; run.sh does"
    done = subprocess.run([sys.executable, str(SCRIPT), folder], capture_output=True, text=True,
                          env={**os.environ, **server.env}, timeout=180)
    assert done.returncode == 0, done.stderr[-4000:] + server.tail()
    seen = json.loads(done.stdout)
    mark = seen["mark"]
    assert seen["version"] == version
    assert seen["templates"] >= 10
    assert seen["rule"] == [True, "Scheduled", f"Many failures {mark}", "0:05:00", True]
    assert seen["rules"] is True
    assert seen["bad_rule"][0] == 400 and "did you mean 'where'" in seen["bad_rule"][1]
    assert seen["incident"] == {"title": f"12 failures on host-{mark}", "severity": "High", "status": "New",
                                "number": True, "alerts": 1, "tactics": ["CredentialAccess"], "rules": 1}
    assert seen["entities"] == ["Account ann", f"Host host-{mark}", "Ip 203.0.113.7"]
    assert seen["alerts"] == [[f"12 failures on host-{mark}", "High", True]]
    assert seen["comment"] == ["It was **ann** herself.", True] and seen["comments"] == 1
    assert seen["closed"] == ["Closed", "BenignPositive", True]
    assert seen["again"] == ["Closed", "SuspiciousButExpected", 1]
    assert seen["stale"] in (409, 412)
    assert seen["deleted"] == 404

    # The same in rows, as KQL sees it.
    last = server.query(f"SecurityIncident | where IncidentNumber == {seen['number']} "
                        "| summarize arg_max(TimeGenerated, Status, Classification) | project Status, Classification")
    assert last == [["Closed", "BenignPositive"]]
    alert = server.query(f"SecurityAlert | where DisplayName == '12 failures on host-{mark}' "
                         "| project AlertSeverity, Tactics, n = array_length(todynamic(Entities))")
    assert alert == [["High", "CredentialAccess", 3]]
    health = server.query(f"SentinelHealth | where SentinelResourceName == 'Many failures {mark}' | summarize by Status")
    assert health == [["Success"]]
