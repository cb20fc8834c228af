"""From a row to a closed incident with azure-mgmt-securityinsight, whichever version is first on the path. Run by
test_sentinel.py in a process of its own, because two versions do not fit into one. Prints what it saw as JSON."""

import datetime
import json
import os
import sys
import time
import uuid

if len(sys.argv) > 1 and sys.argv[1]:
    # The version to use goes before the installed one, inside of the namespace package that both belong to.
    import azure.mgmt
    azure.mgmt.__path__ = [os.path.join(sys.argv[1], "azure", "mgmt"), *azure.mgmt.__path__]

from azure.identity import EnvironmentCredential
import azure.mgmt.securityinsight as securityinsight
from azure.mgmt.securityinsight import _version, models
from azure.monitor.ingestion import LogsIngestionClient

E = os.environ
URL, GROUP, WORKSPACE = E["VEDETTE_URL"], E["VEDETTE_RESOURCE_GROUP"], E["VEDETTE_WORKSPACE_NAME"]
PREVIEW = not _version.VERSION.startswith("1.")
SEEN = {"version": _version.VERSION}


def wait_for(what, probe, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.5)
    raise SystemExit(f"no {what} after {seconds} s")


def client(credential):
    # 2.0.0 renamed the client.
    kind = getattr(securityinsight, "SecurityInsightsMgmtClient", None) or securityinsight.SecurityInsights
    return kind(credential, E["VEDETTE_SUBSCRIPTION_ID"], base_url=URL,
                credential_scopes=[URL + "/.default"])


def upload(credential, mark):
    now = datetime.datetime.now(datetime.timezone.utc)
    rows = [{"TimeGenerated": now.isoformat(), "EventID": 4625, "Computer": f"host-{mark}", "TargetUserName": "ann",
             "TargetDomainName": "CONTOSO", "IpAddress": "203.0.113.7", "Account": f"CONTOSO\\ann-{mark}"}] * 12
    ingestion = LogsIngestionClient(URL, credential, credential_scopes=[URL + "/.default"])
    ingestion.upload(E["VEDETTE_DCR_ID"], "Microsoft-SecurityEvent", rows)


def rule(mark):
    entity = {"Host": {"HostName": "Computer"}, "Account": {"Name": "TargetUserName", "NTDomain": "TargetDomainName"},
              "IP": {"Address": "IpAddress"}}
    mappings = [models.EntityMapping(entity_type=kind, field_mappings=[
        models.FieldMapping(identifier=i, column_name=c) for i, c in fields.items()]) for kind, fields in entity.items()]
    return models.ScheduledAlertRule(
        display_name=f"Many failures {mark}", severity="High", enabled=True,
        description="Tells of accounts whose logons fail.",
        query=f"SecurityEvent | where EventID == 4625 and Computer == 'host-{mark}' "
              "| summarize Failures = count() by Computer, TargetUserName, TargetDomainName, IpAddress",
        query_frequency=datetime.timedelta(minutes=5), query_period=datetime.timedelta(hours=1),
        trigger_operator="GreaterThan", trigger_threshold=0,
        suppression_enabled=False, suppression_duration=datetime.timedelta(hours=5),
        tactics=["CredentialAccess"], 
        **({"techniques": ["T1110"], "kind": "Scheduled"} if PREVIEW else {}),  # 2.0.0 does not fill in the kind
        entity_mappings=mappings, custom_details={"Failures": "Failures"},
        alert_details_override=models.AlertDetailsOverride(
            alert_display_name_format="{{Failures}} failures on {{Computer}}"),
        incident_configuration=models.IncidentConfiguration(
            create_incident=True, grouping_configuration=models.GroupingConfiguration(
                enabled=True, reopen_closed_incident=False, lookback_duration=datetime.timedelta(hours=5),
                matching_method="AllEntities")))


def main():
    credential = EnvironmentCredential(disable_instance_discovery=True)
    sentinel, mark = client(credential), uuid.uuid4().hex[:8]
    templates = list(sentinel.alert_rule_templates.list(GROUP, WORKSPACE))
    SEEN["templates"] = len(templates)
    upload(credential, mark)
    name = str(uuid.uuid4())
    stored = sentinel.alert_rules.create_or_update(GROUP, WORKSPACE, name, rule(mark))
    SEEN["rule"] = [stored.name == name, stored.kind, stored.display_name, str(stored.query_frequency), bool(stored.etag)]
    SEEN["rules"] = name in [r.name for r in sentinel.alert_rules.list(GROUP, WORKSPACE)]
    bad = rule(mark)
    bad.query = "SecurityEvent | wher EventID == 1"
    try:
        sentinel.alert_rules.create_or_update(GROUP, WORKSPACE, str(uuid.uuid4()), bad)
        SEEN["bad_rule"] = "accepted"
    except Exception as error:
        SEEN["bad_rule"] = [getattr(error, "status_code", None), str(error)[:300]]

    title = f"12 failures on host-{mark}"
    find = lambda: [i for i in sentinel.incidents.list(GROUP, WORKSPACE, orderby="properties/createdTimeUtc desc", top=50)
                    if i.title in (title, f"Many failures {mark}")]
    incident = wait_for("incident", find)[0]
    SEEN["incident"] = {"title": incident.title, "severity": incident.severity, "status": incident.status,
                        "number": incident.incident_number > 0, "alerts": incident.additional_data.alerts_count,
                        "tactics": list(incident.additional_data.tactics or []), "rules": len(incident.related_analytic_rule_ids)}
    entities = sentinel.incidents.list_entities(GROUP, WORKSPACE, incident.name)
    SEEN["entities"] = sorted(entity_text(e) for e in entities.entities)
    alerts = sentinel.incidents.list_alerts(GROUP, WORKSPACE, incident.name)
    SEEN["alerts"] = [[a.alert_display_name, a.severity, a.provider_alert_id is not None] for a in alerts.value]

    comment = sentinel.incident_comments.create_or_update(
        GROUP, WORKSPACE, incident.name, str(uuid.uuid4()), models.IncidentComment(message="It was **ann** herself."))
    SEEN["comment"] = [comment.message, comment.author is not None]
    SEEN["comments"] = len(list(sentinel.incident_comments.list(GROUP, WORKSPACE, incident.name)))

    stale = incident.etag
    incident = sentinel.incidents.get(GROUP, WORKSPACE, incident.name)
    incident.status, incident.classification = "Closed", "BenignPositive"
    incident.classification_reason, incident.classification_comment = "SuspiciousButExpected", "a drill"
    closed = sentinel.incidents.create_or_update(GROUP, WORKSPACE, incident.name, incident)
    SEEN["closed"] = [closed.status, closed.classification, closed.etag != stale]
    again = sentinel.incidents.get(GROUP, WORKSPACE, incident.name)
    SEEN["again"] = [again.status, again.classification_reason, again.additional_data.comments_count]
    incident.etag = stale
    incident.title = "an older view"
    try:
        sentinel.incidents.create_or_update(GROUP, WORKSPACE, incident.name, incident)
        SEEN["stale"] = "accepted"
    except Exception as error:
        SEEN["stale"] = getattr(error, "status_code", None)
    sentinel.alert_rules.delete(GROUP, WORKSPACE, name)
    try:
        sentinel.alert_rules.get(GROUP, WORKSPACE, name)
        SEEN["deleted"] = "still there"
    except Exception as error:
        SEEN["deleted"] = getattr(error, "status_code", None)
    SEEN["mark"], SEEN["number"] = mark, closed.incident_number
    print(json.dumps(SEEN, indent=1, default=str))


def entity_text(entity):
    names = {"Account": "account_name", "Host": "host_name", "Ip": "address", "IP": "address"}
    properties = getattr(entity, "properties", None) or entity
    value = getattr(properties, names.get(entity.kind, "friendly_name"), None) or getattr(entity, names.get(entity.kind, ""), None)
    return f"{entity.kind} {value}"


main()
