"""What no official client would send: answered clearly, never with a 5xx."""

import base64
import gzip
import json
import os
import random
import time

import pytest

INGESTION = "/dataCollectionRules/{rule}/streams/{stream}?api-version=2023-01-01"


@pytest.fixture(scope="module")
def http(server):
    server.create_table("Bad_CL", {"TimeGenerated": "datetime", "Text": "string", "N": "long", "T": "datetime",
                                   "B": "boolean", "D": "dynamic"})
    return server.session()


def post(server, http, body, stream="Custom-Bad_CL", rule=None, **headers):
    url = server.url + INGESTION.format(rule=rule or server.env["VEDETTE_DCR_ID"], stream=stream)
    return http.post(url, data=body, headers={"Content-Type": "application/json", **headers}, timeout=30)


def error(answer):
    """Azure's envelope: a code and a message for people."""
    body = answer.json()["error"]
    assert body["code"] and body["message"], answer.text
    return body


def test_wrong_types_cost_the_cell_not_the_row(server, http):
    rows = [{"Text": "mixed", "N": "seven", "T": "yesterday", "B": 17, "D": "plain"}, {"Text": "mixed", "N": 8}]
    assert post(server, http, json.dumps(rows)).status_code == 204
    assert server.query("Bad_CL | where Text == 'mixed' | order by N asc nulls first | project N, T") == [[None, None], [8, None]]


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"[1,2,3]", b'"text"', b"[{]", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_body_that_is_no_records_is_refused(server, http, body):
    answer = post(server, http, body)
    assert answer.status_code == 400, answer.text
    error(answer)


def test_unknown_streams_tables_and_rules_are_named(server, http):
    for stream, rule, status in [("Custom-Nowhere_CL", None, (400, 404)), ("Microsoft-Nowhere", None, (400, 404)), ("x", None, (400, 404)),
                                 ("Custom-Bad_CL", "dcr-00000000000000000000000000000000", (404,))]:
        answer = post(server, http, b"[]", stream=stream, rule=rule)
        assert answer.status_code in status, answer.text
        error(answer)


def test_a_body_over_the_limit_is_413(server, http):
    row = json.dumps({"Text": "x" * 1000})
    answer = post(server, http, "[" + ",".join([row] * 4000) + "]")
    assert answer.status_code == 413
    error(answer)
    packed = gzip.compress(("[" + ",".join([row] * 400_000) + "]").encode())  # 400 MB in 1 MB
    answer = post(server, http, packed, **{"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    answer = post(server, http, b"no gzip", **{"Content-Encoding": "gzip"})
    assert answer.status_code == 400


def test_the_same_request_twice_is_stored_once(server, http):
    body = json.dumps([{"Text": "once"}])
    for _ in range(3):
        assert post(server, http, body, **{"x-ms-client-request-id": "9d1f1c0e-once"}).status_code == 204
    assert server.query("Bad_CL | where Text == 'once' | count") == [[1]]


def without_signature(token):
    head, body, _ = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{none}.{body}."


def changed(token):
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims["exp"] += 10_000_000
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


DOORS = [("POST", "/v1/workspaces/{ws}/query", {"query": "print 1"}),
         ("POST", "/v2/rest/query", {"db": "vedette", "csl": "print 1"}),
         ("POST", "/v1/rest/mgmt", {"db": "vedette", "csl": ".show tables"}),
         ("POST", "/dataCollectionRules/{rule}/streams/Custom-Bad_CL?api-version=2023-01-01", []),
         ("GET", "{workspace}?api-version=2025-07-01", None),
         ("GET", "{workspace}/providers/Microsoft.SecurityInsights/incidents?api-version=2024-03-01", None),
         ("GET", "/subscriptions?api-version=2022-12-01", None)]


@pytest.mark.parametrize("method, path, body", DOORS)
def test_only_a_good_token_opens_a_door(server, http, method, path, body):
    path = path.format(ws=server.env["VEDETTE_WORKSPACE_ID"], rule=server.env["VEDETTE_DCR_ID"], workspace=server.workspace)
    good = server.token()
    bad = {"none": None, "empty": "", "rubbish": "a.b.c", "unsigned": without_signature(good), "changed": changed(good),
           "another audience": server.token("https://vault.azure.net")}
    status = lambda token: http.request(method, server.url + path, json=body, headers={
        "Authorization": f"Bearer {token}" if token is not None else None}).status_code
    assert status(good) in (200, 204)
    for name, token in bad.items():
        assert status(token) == 401, name


def test_an_expired_token_is_refused(server, http):
    """A token of a server whose clock ran behind is as good as expired; here the claims tell what the door looks at."""
    head, body, _ = server.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert 60 * 60 <= claims["exp"] - claims["iat"] <= 90 * 60
    assert claims["tid"] == server.env["AZURE_TENANT_ID"] and claims["idtyp"] == "app"


def test_a_wrong_secret_and_an_unknown_tenant_get_entras_errors(server, http):
    from azure.core.exceptions import ClientAuthenticationError
    with pytest.raises(ClientAuthenticationError) as caught:
        server.credential(AZURE_CLIENT_SECRET="wrong").get_token(server.url + "/.default")
    assert "AADSTS7000215" in str(caught.value)
    answer = http.post(f"{server.url}/00000000-0000-4000-8000-000000000000/oauth2/v2.0/token",
                       data={"grant_type": "client_credentials", "client_id": "x", "client_secret": "y", "scope": "z/.default"})
    assert answer.status_code == 400 and "AADSTS90002" in answer.json()["error_description"]


def test_rules_that_cannot_run_are_refused(server, http):
    url = f"{server.url}{server.workspace}/providers/Microsoft.SecurityInsights/alertRules/bad?api-version=2024-03-01"
    good = {"displayName": "x", "severity": "High", "enabled": True, "query": "Heartbeat | take 1", "queryFrequency": "PT1H",
            "queryPeriod": "PT1H", "triggerOperator": "GreaterThan", "triggerThreshold": 0, "suppressionEnabled": False,
            "suppressionDuration": "PT5H"}
    for change, word in [({"query": "Heartbeat | wher 1"}, "wher"), ({"query": "Nowhere | take 1"}, "Nowhere"), ({"query": ""}, "query"),
                         ({"severity": "Terrible"}, "severity"), ({"queryFrequency": "soon"}, "queryFrequency"),
                         ({"queryFrequency": "PT1S"}, "queryFrequency"), ({"triggerThreshold": -1}, "triggerThreshold")]:
        answer = http.put(url, json={"kind": "Scheduled", "properties": {**good, **change}})
        assert answer.status_code == 400, (change, answer.text)
        assert word in error(answer)["message"], answer.text
    answer = http.put(url, data=b'{"kind": ', headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert http.get(url).status_code == 404


def test_mutated_bodies_never_break_the_server(server, http):
    """Random damage to good bodies, over every kind of endpoint: no 5xx, and the server still stands."""
    generator = random.Random(int(os.environ.get("VEDETTE_SEED", "7")))
    rounds = int(os.environ.get("VEDETTE_MUTATIONS", "400"))
    seeds = [
        (INGESTION.format(rule=server.env["VEDETTE_DCR_ID"], stream="Custom-Bad_CL"),
         b'[{"Text":"a","N":1,"T":"2024-01-01T00:00:00Z","D":{"a":[1,2,{"b":null}]}}]'),
        (f"/v1/workspaces/{server.env['VEDETTE_WORKSPACE_ID']}/query",
         b'{"query":"Bad_CL | where Text has \'a\' | summarize count() by bin(T, 1h), tostring(D.a[0])","timespan":"P1D"}'),
        ("/v2/rest/query", b'{"db":"vedette","csl":"print a=dynamic([1,2]) | mv-expand a | extend b=a*2","properties":{"Options":{}}}'),
        ("/v1/rest/mgmt", b'{"db":"vedette","csl":".create-merge table Z (a:string, b:long)"}'),
        ("/v1/$batch", b'{"requests":[{"id":"1","body":{"query":"print 1"},"workspace":"x","method":"POST","path":"/query"}]}'),
        (f"/v1/rest/ingest/vedette/Bad_CL?streamFormat=Csv", b'2024-01-01,"a",1,2024-01-01,true,{}\n'),
    ]
    bad = []
    for n in range(rounds):
        path, body = seeds[n % len(seeds)]
        body = bytearray(body)
        for _ in range(generator.randint(1, 6)):
            at = generator.randrange(len(body))
            kind = generator.randrange(4)
            if kind == 0:
                body[at] = generator.randrange(256)
            elif kind == 1:
                del body[at:at + generator.randint(1, 8)]
            elif kind == 2:
                body[at:at] = generator.choice([b'"', b"\\", b"{", b"[", b"|", b"(", b"\x00", b"\xf0\x9f", b"9" * 40, b"let "])
            else:
                body[at:at] = body[at:at + generator.randint(1, 20)] * generator.randint(1, 30)
            body = body or bytearray(b"x")
        answer = http.post(server.url + path, data=bytes(body), headers={"Content-Type": "application/json"}, timeout=60)
        if answer.status_code >= 500:
            bad.append((path, bytes(body), answer.status_code, answer.text[:200]))
    assert not bad, bad[:3]
    assert http.get(server.url + "/readyz").status_code == 200


def test_slow_and_silent_clients_do_not_stop_the_others(server, http):
    import socket
    silent = []
    for n in range(200):
        s = socket.create_connection(("127.0.0.1", server.port))
        if n % 2:
            s.send(b"\x16\x03\x01")  # a TLS record that never goes on
        silent.append(s)
    began = time.monotonic()
    assert server.query("print 1") == [[1]]
    assert time.monotonic() - began < 5
    for s in silent:
        s.close()
