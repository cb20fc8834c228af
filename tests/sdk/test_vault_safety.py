"""What the vault promises beyond its API: nothing acknowledged is lost, nothing readable lies on disk, every call is
recorded, and sealed means sealed."""

import base64
import os
import pathlib
import shutil
import subprocess
import threading
import time
import uuid

import pytest
import requests

from vault_clients import secrets, vault_session

ROUNDS = int(os.environ.get("VEDETTE_KILL_ROUNDS", "5"))
V = "api-version=7.4"


def test_nothing_acknowledged_is_lost(own_server):
    """kill -9 while four writers write: every acknowledged version is there, whole."""
    server, acknowledged, lock = own_server, {}, threading.Lock()
    server.start()
    for _ in range(ROUNDS):
        session, stop = vault_session(server), threading.Event()

        def write(writer):
            mine = requests.Session()
            mine.verify, mine.trust_env, mine.headers = session.verify, False, dict(session.headers)
            at = 0
            while not stop.is_set():
                at += 1
                name, value = f"w{writer}-{at % 7}", f"value {writer} {at} {uuid.uuid4()}"
                try:
                    answer = mine.put(f"{server.url}/secrets/{name}?{V}", json={"value": value}, timeout=5)
                except requests.RequestException:
                    return
                if answer.status_code == 200:
                    version = answer.json()["id"].rsplit("/", 1)[1]
                    with lock:
                        acknowledged[(name, version)] = value

        writers = [threading.Thread(target=write, args=(i,)) for i in range(4)]
        for writer in writers:
            writer.start()
        threading.Event().wait(0.5)
        server.kill()
        stop.set()
        for writer in writers:
            writer.join()
        server.start()
        assert server.start_seconds < 5
    session = vault_session(server)
    assert len(acknowledged) > 4 * ROUNDS
    for (name, version), value in acknowledged.items():
        answer = session.get(f"{server.url}/secrets/{name}/{version}?{V}")
        assert answer.status_code == 200 and answer.json()["value"] == value, (name, version, answer.text)
    for name in {n for n, _ in acknowledged}:  # what was not acknowledged is there whole or not at all
        link = f"{server.url}/secrets/{name}/versions?{V}"
        while link:
            page = session.get(link).json()
            for item in page["value"]:
                assert session.get(f"{item['id']}?{V}").status_code == 200
            link = page["nextLink"]
    assert "nothing is missing" in server.run("vault", "verify-audit").stdout


def test_a_marker_is_found_nowhere(own_server):
    server = own_server.start()
    marker = f"canary{uuid.uuid4().hex}"
    client, session = secrets(server), vault_session(server)
    client.set_secret("canary", marker)
    client.set_secret("canary", marker + "2")
    assert client.get_secret("canary").value == marker + "2"
    key = marker[:32].encode()
    imported = session.put(f"{server.url}/keys/canary?{V}", json={"key": {"kty": "oct", "k": b64(key)}})
    assert imported.status_code == 200
    sealed = session.post(f"{server.url}/keys/canary/encrypt?{V}", json={"alg": "A256GCM", "value": b64(marker.encode())}).json()
    session.post(f"{server.url}/keys/canary/decrypt?{V}", json={**sealed, "alg": "A256GCM"})
    bad = session.put(f"{server.url}/secrets/bad?{V}", data=f'{{"value": ["{marker}"]}}', headers={"Content-Type": "application/json"})
    assert bad.status_code == 400 and marker not in bad.text
    blob = session.post(f"{server.url}/keys/canary/backup?{V}").json()["value"]
    blobs = [client.backup_secret("canary"), base64.urlsafe_b64decode(blob + "=" * (-len(blob) % 4))]
    assert all(blob.startswith(b"vedette") for blob in blobs)
    client.begin_delete_secret("canary").wait()
    server.stop()
    needles = [marker.encode(), key, marker.encode().hex().encode(), b64(marker.encode()).encode()[:-3]]
    places = [p for p in pathlib.Path(server.folder).rglob("*") if p.is_file()] + [pathlib.Path(f"{server.folder}.log")]
    assert len(places) > 5
    for place in places:
        content = place.read_bytes()
        assert not any(n in content for n in needles), place
    assert not any(n in blob for blob in blobs for n in needles)


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_every_call_is_a_row(server):
    name = f"audit-{uuid.uuid4().hex[:8]}"
    client, session = secrets(server), vault_session(server)
    client.set_secret(name, "a value that no row may hold")
    client.get_secret(name)
    assert session.get(f"{server.url}/secrets/{name}-none?{V}").status_code == 404
    assert requests.get(f"{server.url}/secrets/{name}?{V}", verify=server.ca).status_code == 401
    columns = "OperationName, ResultSignature, CallerIPAddress, identity_claim_oid_g, isnotempty(AdditionalFields.sequence)"
    rows = server.query(f"AzureDiagnostics | where Category == 'AuditEvent' and requestUri_s has '{name}' | project {columns}")
    admin = server.run("env", "--format", "json")  # the administrator's object id stands in every row of theirs
    assert admin.returncode == 0
    told = sorted((r[0], r[1]) for r in rows if r[0] != "Authentication")
    assert told == [("SecretGet", "Not Found"), ("SecretGet", "OK"), ("SecretSet", "OK")], rows
    assert all(r[2] == "127.0.0.1" and len(r[3]) == 36 and r[4] for r in rows if r[0] != "Authentication")
    more = server.query(f"AZKVAuditLogs | where RequestUri has '{name}' | summarize count() by OperationName, HttpStatusCode")
    assert ["SecretSet", 200, 1] in more and ["SecretGet", 404, 1] in more
    assert not server.query("search in (AzureDiagnostics, AZKVAuditLogs) 'a value that no row may hold' | take 1")


def test_missing_rows_show(own_server):
    server = own_server.start()
    for i in range(5):
        secrets(server).set_secret(f"s{i}", "v")
    good = server.run("vault", "verify-audit")
    assert "nothing is missing" in good.stdout
    server.stop()
    for folder in ("wal", "tables"):  # somebody removes what is recorded
        shutil.rmtree(pathlib.Path(server.folder) / folder, ignore_errors=True)
    try:
        server.start()
    except RuntimeError:
        return  # the store itself misses what its catalogue names, and refuses: as good
    bad = server.run("vault", "verify-audit", check=False)
    assert bad.returncode == 1 and "all rows are gone" in bad.stdout, bad.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk wants root")
def test_rows_that_others_put_there_hide_none(own_server):
    """Rows with a place far behind the chain: a start still puts back what the tables lack, and they are found."""
    server = own_server.start()
    session = vault_session(server)
    secrets(server).set_secret("s", "v")
    vault = f"{server.workspace.split('/providers')[0]}/providers/Microsoft.KeyVault/vaults/default"
    link = {"sequence": 10**13, "previous": "0" * 64, "digest": "1" * 64, "proof": "2" * 64}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    forged = {"TimeGenerated": now, "OperationName": "SecretGet"}
    rows = {
        "Microsoft-AzureDiagnostics": {**forged, "Category": "AuditEvent", "ResourceProvider": "MICROSOFT.KEYVAULT",
                                       "ResourceId": vault, "AdditionalFields": link},
        "Microsoft-AZKVAuditLogs": {**forged, "_ResourceId": vault, "Properties": link},
    }
    for stream, row in rows.items():  # the administrator may restore rows, and so make some up
        server.ingestion().upload(server.env["VEDETTE_DCR_ID"], stream, [row])
    assert server.run("vault", "verify-audit", check=False).stdout.count("no place in the chain") == 2
    for i in range(6):
        assert session.get(f"{server.url}/secrets/s?{V}", headers={"x-ms-client-request-id": f"call-{i}"}).status_code == 200
    server.kill()
    server.start()
    for table in ("AzureDiagnostics", "AZKVAuditLogs"):
        end = time.monotonic() + 10  # what the journal has goes into the tables behind the start
        rows = []
        while len(rows) < 6 and time.monotonic() < end:
            rows = server.query(f"{table} | where CorrelationId startswith 'call-' | summarize count() by CorrelationId")
        assert sorted(rows) == [[f"call-{i}", 1] for i in range(6)], (table, rows)
    bad = server.run("vault", "verify-audit", check=False)
    assert bad.returncode == 1 and bad.stdout.count("no place in the chain") == 2 and "missing" not in bad.stdout, bad.stdout


def test_a_full_disk_gives_no_secret(tmp_path):
    from conftest import Server
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    server = Server(folder / "data")
    server.log.close()
    server.log = server.errors = open(tmp_path / "server.log", "ab")
    try:
        server.start()
        client, session = secrets(server), vault_session(server)
        client.set_secret("s", "not for a full disk")
        assert session.get(f"{server.url}/secrets/s?{V}").status_code == 200
        with open(folder / "filler", "wb") as filler:
            try:
                while True:
                    filler.write(bytes(65536))
                    filler.flush()
            except OSError:
                pass
        refused = 0
        for _ in range(400):  # what the log had reserved is used up first
            answer = session.get(f"{server.url}/secrets/s?{V}")
            if answer.status_code != 200:
                assert answer.status_code == 503 and "not for a full disk" not in answer.text, answer.text
                refused += 1
                if refused > 3:
                    break
        assert refused > 3
        os.unlink(folder / "filler")
        for _ in range(50):
            answer = session.get(f"{server.url}/secrets/s?{V}")
            if answer.status_code == 200:
                break
            threading.Event().wait(0.1)
        assert answer.json()["value"] == "not for a full disk"
        assert "nothing is missing" in server.run("vault", "verify-audit").stdout
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
        subprocess.run(["umount", str(folder)], check=False)


def test_keys_change_under_load(own_server):
    """New vaults, a new root key and new seals while others read: commits, audit log and keyring wait for each other in
    one order."""
    server = own_server.start()
    session = vault_session(server)
    assert session.put(f"{server.url}/secrets/s?{V}", json={"value": "read"}).status_code == 200
    failures, stop = [], threading.Event()

    def read():
        mine = vault_session(server)
        while not stop.is_set():
            try:
                answer = mine.get(f"{server.url}/secrets/s?{V}", timeout=20)
            except requests.RequestException as error:
                return failures.append(error)
            if answer.status_code != 200 or answer.json()["value"] != "read":
                return failures.append(answer.text)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    owner = server.session()
    vaults = f"{server.url}{server.workspace.split('/providers')[0]}/providers/Microsoft.KeyVault/vaults"
    settings = {"tenantId": server.env["AZURE_TENANT_ID"], "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True}
    try:
        for at in range(200):
            vault = {"location": "local", "properties": settings}
            assert owner.put(f"{vaults}/made-{at}?api-version=2023-07-01", json=vault, timeout=20).status_code == 201
        for _ in range(200):
            assert owner.post(f"{server.url}/vault/rotate-root", json={}, timeout=20).status_code == 200
        for _ in range(20):
            assert owner.post(f"{server.url}/vault/rekey", json={"seals": [{"kind": "keyFile"}]}, timeout=20).status_code == 200
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not failures
    server.stop()
    server.start()
    assert vault_session(server).get(f"{server.url}/secrets/s?{V}").json()["value"] == "read"
    assert "nothing is missing" in server.run("vault", "verify-audit").stdout


def test_the_seal(own_server):
    server = own_server.start()
    session, get = vault_session(server), f"{own_server.url}/secrets/s?{V}"
    assert server.run("vault", "secret", "set", "s", input="sealed value\n").stdout.startswith("https://")
    assert server.run("vault", "secret", "show", "s").stdout == "sealed value\n"
    server.run("vault", "key", "create", "k", "--kty", "EC")
    assert server.run("vault", "secret", "list").stdout == "s\n" and server.run("vault", "key", "list").stdout == "k\n"
    assert "the key file" in server.run("vault", "status").stdout
    assert "sealed" in server.run("vault", "seal").stdout
    answer = session.get(get)
    assert answer.status_code == 503 and answer.json()["error"]["code"] == "VaultSealed"
    assert "open" in server.run("vault", "unseal").stdout
    assert session.get(get).json()["value"] == "sealed value"

    told = server.run("vault", "rekey", "--shares", "2/3").stdout
    shares = [line for line in told.splitlines() if line.startswith("vedette-share-")]
    assert len(shares) == 3 and not (pathlib.Path(server.folder) / "keys/vault.unseal").exists()
    assert "number 2" in server.run("vault", "rotate-root").stdout
    server.stop()
    server.start()
    session = vault_session(server)
    assert session.get(get).status_code == 503, "sealed after a start"
    assert server.run("vault", "unseal", check=False).returncode == 3
    assert "shares given so far: 1" in server.run("vault", "unseal", "--share", input=shares[2]).stdout
    assert server.run("vault", "unseal", "--share", input=shares[0]).stdout.startswith("open")
    assert session.get(get).json()["value"] == "sealed value"

    server.run("vault", "rekey", "--passphrase", "--key-file", input="a long passphrase")
    server.run("vault", "seal")
    assert server.run("vault", "unseal", "--passphrase", input="a wrong passphrase", check=False).returncode == 3
    assert server.run("vault", "unseal", "--passphrase", input="a long passphrase").stdout.startswith("open")
    server.stop()
    server.start()
    assert vault_session(server).get(get).status_code == 200, "the key file opens it again"


def test_the_process_keeps_its_memory_to_itself(own_server):
    server = own_server.start()
    limits = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"], core
