"""Certificates with the official client, and certbot against the private authority's ACME server."""

import base64
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.certificates import (
    AdministratorContact,
    CertificateContact,
    CertificateContentType,
    CertificatePolicy,
    CertificatePolicyAction,
    LifetimeAction,
    WellKnownIssuerNames,
)
from cryptography.hazmat.primitives.serialization import pkcs12

import vault_clients
from conftest import free_port


def openssl(*words, input=None, check=True):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, input=input)
    if check and done.returncode != 0:
        raise RuntimeError(f"openssl {words}: {done.stderr.decode()}")
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def certificates(server):
    return vault_clients.certificates(server)


@pytest.fixture(scope="module")
def secrets(server):
    return vault_clients.secrets(server)


@pytest.fixture(scope="module")
def rest(server):
    """Calls of a vault's REST interface: the house's own doors, and bodies that the client does not send."""
    session = vault_clients.vault_session(server)

    def call(method, path, body=None):
        answer = session.request(method, f"{server.url}/{path}?api-version=7.4", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


def policy(issuer=WellKnownIssuerNames.self, **more):
    more.setdefault("key_type", "EC")
    more.setdefault("key_curve_name", "P-256")
    return CertificatePolicy(
        issuer_name=issuer,
        subject="CN=sdk.example",
        san_dns_names=["sdk.example"],
        validity_in_months=12,
        content_type=more.pop("content_type", CertificateContentType.pkcs12),
        **more,
    )


def create(client, name, what):
    return client.begin_create_certificate(name, what, _polling_interval=0.2).result()


def test_default_policy_and_twins(certificates, secrets):
    made = create(certificates, "default-policy", CertificatePolicy.get_default())
    assert made.policy.issuer_name == "Self" and made.policy.key_size == 2048
    assert made.key_id.endswith(f"/keys/default-policy/{made.properties.version}")
    assert len(made.properties.x509_thumbprint) == 20
    operation = certificates.get_certificate_operation("default-policy")
    assert (operation.status, operation.error) == ("completed", None)
    text = openssl("x509", "-inform", "DER", "-noout", "-subject", input=bytes(made.cer)).decode()
    assert "CLIGetDefaultPolicy" in text or "CN" in text
    twin = secrets.get_secret("default-policy")
    assert twin.properties.content_type == "application/x-pkcs12" and twin.properties.managed
    assert twin.properties.key_id == made.key_id
    for password in (None, b""):
        own, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(twin.value), password)
        assert own.public_key() == certificate.public_key()
    pem = openssl("pkcs12", "-nodes", "-passin", "pass:", input=base64.b64decode(twin.value))
    assert b"PRIVATE KEY" in pem
    with pytest.raises(HttpResponseError):
        secrets.set_secret("default-policy", "other")


def test_versions_update_policy_backup(certificates):
    name = "versions"
    first = create(certificates, name, policy())
    second = certificates.begin_create_certificate(name, policy(), tags={"n": "2"}, _polling_interval=0.2).result()
    assert first.properties.version != second.properties.version
    listed = {v.version for v in certificates.list_properties_of_certificate_versions(name)}
    assert listed == {first.properties.version, second.properties.version}
    assert certificates.get_certificate(name).properties.version == second.properties.version
    assert certificates.get_certificate_version(name, first.properties.version).cer == first.cer
    changed = certificates.update_certificate_properties(name, enabled=False, tags={"a": "b"})
    assert (changed.properties.enabled, changed.properties.tags) == (False, {"a": "b"})

    kept = certificates.get_certificate_policy(name)
    kept._validity_in_months = 24
    kept._lifetime_actions = [LifetimeAction(action=CertificatePolicyAction.auto_renew, days_before_expiry=30)]
    stored = certificates.update_certificate_policy(name, kept)
    assert stored.validity_in_months == 24
    assert stored.lifetime_actions[0].days_before_expiry == 30

    backup = certificates.backup_certificate(name)
    certificates.begin_delete_certificate(name, _polling_interval=0.2).wait()
    certificates.purge_deleted_certificate(name)
    restored = certificates.restore_certificate_backup(backup)
    assert restored.properties.version == second.properties.version and restored.cer == second.cer


def test_delete_recover_list(certificates, secrets):
    for i in range(3):
        create(certificates, f"lived-{i}", policy())
    names = {p.name for p in certificates.list_properties_of_certificates(max_page_size=2)}
    assert {"lived-0", "lived-1", "lived-2"} <= names
    gone = certificates.begin_delete_certificate("lived-1", _polling_interval=0.2).result()
    assert gone.recovery_id and gone.scheduled_purge_date and gone.policy
    with pytest.raises(ResourceNotFoundError):
        certificates.get_certificate("lived-1")
    with pytest.raises(ResourceNotFoundError):
        secrets.get_secret("lived-1")
    assert "lived-1" in {c.name for c in certificates.list_deleted_certificates()}
    with pytest.raises(ResourceExistsError) as taken:
        certificates.begin_create_certificate("lived-1", policy())
    assert taken.value.error.innererror["code"] == "ObjectIsDeletedButRecoverable"
    certificates.begin_recover_deleted_certificate("lived-1", _polling_interval=0.2).wait()
    assert certificates.get_certificate("lived-1").cer == gone.cer
    assert secrets.get_secret("lived-1").value


def test_request_is_cancelled_and_forgotten(certificates):
    name = "cancelled"
    waiting = certificates.begin_create_certificate(name, policy("Unknown")).result()
    assert (waiting.status, waiting.issuer_name) == ("inProgress", "Unknown")
    assert name in {p.name for p in certificates.list_properties_of_certificates(include_pending=True)}
    assert name not in {p.name for p in certificates.list_properties_of_certificates()}
    stopped = certificates.cancel_certificate_operation(name)
    assert stopped.cancellation_requested
    assert certificates.get_certificate_operation(name).cancellation_requested
    assert certificates.get_certificate_policy(name).issuer_name == "Unknown"
    certificates.delete_certificate_operation(name)
    with pytest.raises(ResourceNotFoundError) as missing:
        certificates.get_certificate_operation(name)
    assert "not found" in str(missing.value).lower()
    certificates.begin_delete_certificate(name, _polling_interval=0.2).wait()
    certificates.purge_deleted_certificate(name)


def test_merge(certificates, tmp_path):
    name = "merged"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "ca.key", "-out", tmp_path / "ca.pem",
            "-subj", "/CN=outside", "-days", "30")
    waiting = certificates.begin_create_certificate(name, policy("Unknown", key_type="RSA", key_size=2048, key_curve_name=None)).result()
    (tmp_path / "r.der").write_bytes(waiting.csr)
    openssl("x509", "-req", "-inform", "DER", "-in", tmp_path / "r.der", "-CA", tmp_path / "ca.pem", "-CAkey", tmp_path / "ca.key",
            "-set_serial", "7", "-days", "20", "-out", tmp_path / "c.pem")
    lines = (tmp_path / "c.pem").read_text().strip().splitlines()[1:-1]
    merged = certificates.merge_certificate(name, ["".join(lines).encode()])  # as the client's own test does it
    assert merged.properties.x509_thumbprint
    assert certificates.get_certificate_operation(name).status == "completed"
    assert certificates.get_certificate(name).policy.issuer_name == "Unknown"
    assert merged.properties.preserve_order is False


def test_chain_order(certificates, secrets, tmp_path):
    """A chain out of order is sorted, unless it is to stay as it is."""
    def make(name, *more):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / f"{name}.key", "-subj", f"/CN={name}", "-days", "9", *more)
    make("root", "-x509", "-out", tmp_path / "root.pem")
    for name, above in [("middle", "root"), ("leaf", "middle")]:
        make(name, "-out", tmp_path / f"{name}.csr")
        (tmp_path / "ext").write_text(f"basicConstraints=CA:{'FALSE' if name == 'leaf' else 'TRUE'}")
        openssl("x509", "-req", "-in", tmp_path / f"{name}.csr", "-CA", tmp_path / f"{above}.pem", "-CAkey", tmp_path / f"{above}.key",
                "-set_serial", "7", "-days", "8", "-extfile", tmp_path / "ext", "-out", tmp_path / f"{name}.pem")
    files = {name: (tmp_path / f"{name}.pem").read_text() for name in ("leaf", "root", "middle")}
    key = (tmp_path / "leaf.key").read_text()
    pem = CertificatePolicy(content_type=CertificateContentType.pem, issuer_name="Unknown", subject="CN=leaf")
    for keeps, order in [(True, ["leaf", "root", "middle"]), (False, ["leaf", "middle", "root"])]:
        name = f"chain-{keeps}".lower()
        made = certificates.import_certificate(name, (key + "".join(files.values())).encode(), policy=pem, preserve_order=keeps)
        assert made.properties.preserve_order is keeps and certificates.get_certificate(name).properties.preserve_order is keeps
        bodies = ["".join(part.split("-----END")[0].split()) for part in secrets.get_secret(name).value.split("BEGIN CERTIFICATE-----")[1:]]
        wanted = ["".join(files[one].split("-----")[2].split()) for one in order]
        assert bodies == wanted, (keeps, order)
    waiting = certificates.begin_create_certificate("chain-later", policy("Unknown"), preserve_order=True).result()
    assert waiting.preserve_order is True
    assert certificates.get_certificate_operation("chain-later").preserve_order is True


@pytest.mark.parametrize("form", ["pfx", "pfx-password", "pem", "pem-rest"])
def test_import(certificates, secrets, rest, tmp_path, form):
    key, cert, pfx = tmp_path / "k.pem", tmp_path / "c.pem", tmp_path / "f.pfx"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", key, "-out", cert,
            "-subj", "/CN=imported.example", "-days", "30")
    password = "s3cret" if form == "pfx-password" else ""
    openssl("pkcs12", "-export", "-inkey", key, "-in", cert, "-out", pfx, "-passout", f"pass:{password}")
    name = f"imported-{form}"
    text = key.read_bytes() + cert.read_bytes()
    pem_policy = CertificatePolicy(content_type=CertificateContentType.pem, issuer_name="Unknown", subject="CN=imported.example")
    if form.startswith("pfx"):
        made = certificates.import_certificate(name, pfx.read_bytes(), **({"password": password} if password else {}))
    elif form == "pem":
        made = certificates.import_certificate(name, text, policy=pem_policy)
    else:  # the REST form is the text itself
        policy = {"secret_props": {"contentType": "application/x-pem-file"}}
        rest("POST", f"certificates/{name}/import", {"value": text.decode(), "policy": policy})
        made = certificates.get_certificate(name)
    der = openssl("x509", "-in", cert, "-outform", "DER")
    assert bytes(made.cer) == der
    assert made.policy.issuer_name == "Unknown" and made.policy.key_curve_name == "P-384"
    twin = secrets.get_secret(name)
    if form.startswith("pem"):
        assert twin.value.startswith("-----BEGIN PRIVATE KEY-----")
        assert twin.properties.content_type == "application/x-pem-file"
    else:
        assert b"PRIVATE KEY" in openssl("pkcs12", "-nodes", "-passin", "pass:", input=base64.b64decode(twin.value))


def test_import_of_rubbish(certificates):
    with pytest.raises(HttpResponseError) as error:
        certificates.import_certificate("rubbish", b"no certificate")
    assert error.value.status_code == 400


def test_contacts_and_issuers(certificates):
    with pytest.raises(ResourceNotFoundError) as missing:
        certificates.get_contacts()
    assert "not found" in str(missing.value).lower()
    contacts = [CertificateContact(email="a@b.c", name="A", phone="1"), CertificateContact(email="d@e.f")]
    assert [c.email for c in certificates.set_contacts(contacts)] == ["a@b.c", "d@e.f"]
    assert [c.name for c in certificates.get_contacts()] == ["A", None]
    assert len(certificates.delete_contacts()) == 2

    admins = [AdministratorContact(first_name="J", last_name="D", email="j@d.e", phone="2")]
    made = certificates.create_issuer("outside", "Test", account_id="me", password="canary-issuer-pw", admin_contacts=admins)
    assert (made.provider, made.account_id, made.admin_contacts[0].email) == ("Test", "me", "j@d.e")
    assert made.password is None
    changed = certificates.update_issuer("outside", enabled=False)
    assert changed.enabled is False and changed.provider == "Test"
    assert "outside" in {i.name for i in certificates.list_properties_of_issuers()}
    assert certificates.delete_issuer("outside").name == "outside"
    with pytest.raises(ResourceNotFoundError) as missing:
        certificates.get_issuer("outside")
    assert "not found" in str(missing.value).lower()


def fetch(server, path):
    answer = requests.get(f"{server.url}/pki/default/{path}", verify=server.ca, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.content


def judged(server, authority, certificate, folder):
    """What the revocation list and OCSP say of a PEM certificate, both by openssl."""
    chain, crl = folder / "chain.pem", folder / "crl.pem"
    chain.write_bytes(fetch(server, f"{authority}/chain"))
    crl.write_bytes(fetch(server, f"{authority}/crl.pem"))
    issuer, root = folder / "issuer.pem", folder / "root.pem"
    issuer.write_bytes(openssl("x509", "-inform", "DER", input=fetch(server, f"{authority}/issuer")))
    root.write_bytes(openssl("x509", "-inform", "DER", input=fetch(server, f"{authority}/root")))
    by_list = openssl("verify", "-crl_check", "-CAfile", root, "-untrusted", issuer, "-CRLfile", crl, certificate, check=False)
    question, answer = folder / "q.der", folder / "a.der"
    openssl("ocsp", "-issuer", issuer, "-cert", certificate, "-reqout", question)
    reply = requests.post(f"{server.url}/pki/default/{authority}/ocsp", data=question.read_bytes(), verify=server.ca, timeout=30,
                          headers={"Content-Type": "application/ocsp-request"})
    assert reply.headers["content-type"] == "application/ocsp-response"
    answer.write_bytes(reply.content)
    get = base64.b64encode(question.read_bytes()).decode()
    assert fetch(server, f"{authority}/ocsp/{requests.utils.quote(get, safe='')}")
    by_ocsp = openssl("ocsp", "-no_nonce", "-issuer", issuer, "-cert", certificate, "-respin", answer, "-CAfile", root,
                      "-verify_other", issuer, "-partial_chain", check=False).decode()
    assert "Response verify OK" in by_ocsp, by_ocsp
    state = next(word for word in ("good", "revoked", "unknown") if f": {word}" in by_ocsp)
    return b": OK" in by_list, state


def test_private_authority(certificates, server, rest, tmp_path):
    certificates.create_issuer("house", "PrivateCA", organization_id="Example, Inc.")
    made = create(certificates, "by-house", policy("house"))
    file = tmp_path / "c.pem"
    file.write_bytes(openssl("x509", "-inform", "DER", input=bytes(made.cer)))
    assert judged(server, "house", file, tmp_path) == (True, "good")
    rest("POST", "certificates/by-house/revoke", {"reason": "keyCompromise"})
    assert judged(server, "house", file, tmp_path) == (False, "revoked")
    assert requests.get(f"{server.url}/pki/default/nobody/crl", verify=server.ca, timeout=30).status_code == 404


CERTBOT = pathlib.Path(sys.executable).with_name("certbot")


@pytest.mark.skipif(not CERTBOT.exists(), reason="certbot is not installed")
def test_certbot(server, rest, tmp_path):
    port = free_port()
    rest("PUT", "certificates/issuers/acme-house", {"provider": "PrivateCA", "acme": {"httpPort": port}})
    folders = [f"--{kind}-dir={tmp_path / kind}" for kind in ("config", "work", "logs")]

    def certbot(*words, check=True):
        command = [CERTBOT, *words, *folders, "--non-interactive", "--server", f"{server.url}/acme/acme-house/directory"]
        environment = {**os.environ, "REQUESTS_CA_BUNDLE": server.ca}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    certbot("certonly", "--standalone", "--http-01-address", "127.0.0.1", "--http-01-port", str(port), "--agree-tos",
            "--email", "ann@example.com", "--no-eff-email", "-d", "localhost", "--key-type", "ecdsa")
    live = tmp_path / "config/live/localhost"
    certificate = live / "cert.pem"
    assert judged(server, "acme-house", certificate, tmp_path) == (True, "good")
    first = certificate.read_bytes()
    certbot("renew", "--force-renewal", "--no-random-sleep-on-renew", "--http-01-address", "127.0.0.1", "--http-01-port", str(port))
    assert certificate.read_bytes() != first
    old = tmp_path / "old.pem"
    old.write_bytes(first)
    certbot("revoke", "--cert-path", str(certificate), "--reason", "superseded", "--no-delete-after-revoke")
    assert judged(server, "acme-house", certificate, tmp_path) == (False, "revoked")
    assert judged(server, "acme-house", old, tmp_path) == (True, "good")
    again = certbot("revoke", "--cert-path", str(certificate), "--no-delete-after-revoke", check=False)
    assert "already" in (again.stdout + again.stderr).lower()
    certbot("update_account", "--email", "bob@example.com")
    certbot("unregister")
    # nobody listens: no certificate
    refused = certbot("certonly", "--standalone", "--http-01-address", "127.0.0.1", "--http-01-port", str(free_port()), "--agree-tos",
                      "--email", "ann@example.com", "--no-eff-email", "-d", "localhost", "--cert-name", "other", check=False)
    assert refused.returncode != 0


def until(check, seconds=60):
    """What `check` gives once it gives something."""
    for _ in range(seconds * 4):
        found = check()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError("nothing came of it in time")


def test_own_acme_client_against_own_server(certificates, server, rest, tmp_path):
    port = free_port()
    rest("PUT", "certificates/issuers/acme-server", {"provider": "PrivateCA", "acme": {"httpPort": port}})
    rest("PUT", "certificates/issuers/acme-client", {
        "provider": "ACME",
        "org_details": {"id": f"{server.url}/acme/acme-server/directory", "admin_details": [{"email": "ann@example.com"}]},
        "acme": {"httpListen": f"127.0.0.1:{port}"},
    })
    what = CertificatePolicy(issuer_name="acme-client", subject="CN=localhost", san_dns_names=["localhost"], key_type="EC",
                             key_curve_name="P-256", content_type=CertificateContentType.pem)
    made = certificates.begin_create_certificate("by-acme", what, _polling_interval=1).result()
    assert made.policy.issuer_name == "acme-client" and made.cer
    file = tmp_path / "c.pem"
    file.write_bytes(openssl("x509", "-inform", "DER", input=bytes(made.cer)))
    assert judged(server, "acme-server", file, tmp_path) == (True, "good")
    # a server that is not there: the operation fails and says why
    rest("PATCH", "certificates/issuers/acme-client", {"org_details": {"id": f"https://localhost:{free_port()}/directory"}})
    failed = certificates.begin_create_certificate("by-acme-2", what, _polling_interval=1).result()
    assert failed.status == "failed" and "localhost" in failed.error.message


def test_deployments(certificates, server, rest, tmp_path):
    name, folder = "deployed", pathlib.Path(server.folder)
    hooks, consenting = folder / "hooks", tmp_path / "web"
    for made in (hooks, consenting):
        made.mkdir()
    (consenting / ".vedette-deploy").touch()
    hook = hooks / "reload"
    hook.write_text(f"#!/bin/sh\necho \"$1 $2\" >> {tmp_path}/reloaded\n")
    hook.chmod(0o700)
    first = create(certificates, name, policy())
    targets = [
        {"name": "nginx", "type": "file", "path": f"{consenting}/site.pem", "mode": "0640", "reload": "reload"},
        {"name": "below", "type": "file", "path": "site/own.pem"},
        {"name": "cluster", "type": "kubernetes", "path": "k8s/tls.yaml", "namespace": "web", "secret": "site-tls"},
        {"name": "refused", "type": "file", "path": f"{tmp_path}/site.pem"},
        {"name": "unsafe", "type": "webhook", "url": f"http://127.0.0.1:{free_port()}/hook"},
        {"name": "unheard", "type": "webhook", "url": f"https://127.0.0.1:{free_port()}/hook?sig=canary-signature"},
    ]
    shown = rest("PUT", f"certificates/{name}/deployments", {"targets": targets})
    assert {t["status"]["state"] for t in shown["targets"]} == {"Pending"}
    assert "canary-signature" not in str(shown)

    def states(version):
        found = rest("GET", f"certificates/{name}/deployments")["targets"]
        return all(t["status"]["version"] == version for t in found) and {t["name"]: t["status"] for t in found}

    done = until(lambda: states(first.properties.version))
    assert [done[n]["state"] for n in ("nginx", "below", "cluster")] == ["Succeeded"] * 3, done
    assert done["refused"]["state"] == "Failed" and ".vedette-deploy" in done["refused"]["error"]
    for hook in ("unsafe", "unheard"):
        assert done[hook]["state"] == "Failed" and "--allow-webhook" in done[hook]["error"]
    site = consenting / "site.pem"
    assert site.stat().st_mode & 0o777 == 0o640 and site.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    own = folder / "deployed/default/deployed"
    assert done["below"]["place"] == "deployed/default/deployed/site/own.pem"
    assert (own / "site/own.pem").stat().st_mode & 0o777 == 0o600
    manifest = (own / "k8s/tls.yaml").read_text()
    assert "type: kubernetes.io/tls" in manifest and "namespace: web" in manifest
    data = dict(line.strip().split(": ") for line in manifest.splitlines() if line.startswith("  tls."))
    assert b"BEGIN CERTIFICATE" in base64.b64decode(data["tls.crt"])
    assert b"BEGIN PRIVATE KEY" in base64.b64decode(data["tls.key"])
    assert (tmp_path / "reloaded").read_text() == f"{name} nginx\n"
    assert not (tmp_path / "site.pem").exists()

    second = create(certificates, name, policy())  # a new version is carried everywhere
    until(lambda: states(second.properties.version))
    thumbprint = openssl("x509", "-in", site, "-noout", "-fingerprint", "-sha1").decode().strip().split("=")[1].replace(":", "")
    assert thumbprint.lower() == second.properties.x509_thumbprint.hex()
    rows = until(lambda: server.query("AZKVAuditLogs | where OperationName == 'CertificateDeploy' | take 1")
                 or server.query("AzureDiagnostics | where OperationName == 'CertificateDeploy' | take 1"))
    assert rows
