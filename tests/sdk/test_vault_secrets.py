"""Secrets through azure-keyvault-secrets: twelve operations, and what the client makes of refusals."""

import datetime
import uuid

import pytest
from azure.core.exceptions import (ClientAuthenticationError, HttpResponseError, ResourceExistsError,
                                   ResourceNotFoundError)

from vault_clients import secrets

FAR = datetime.datetime(2050, 1, 2, tzinfo=datetime.timezone.utc)


def name():
    return f"s-{uuid.uuid4().hex[:12]}"


def test_every_operation(server):
    client, n = secrets(server), name()
    made = client.set_secret(n, "one", content_type="text/plain", tags={"a": "b"}, expires_on=FAR, enabled=True)
    assert (made.value, made.properties.content_type, made.properties.tags) == ("one", "text/plain", {"a": "b"})
    assert made.properties.expires_on == FAR and made.properties.recovery_level == "Recoverable+Purgeable"
    second = client.set_secret(n, "two")
    assert client.get_secret(n).value == "two"
    assert client.get_secret(n, made.properties.version).value == "one"
    updated = client.update_secret_properties(n, version=made.properties.version, tags={"c": "d"}, enabled=False)
    assert updated.tags == {"c": "d"} and not updated.enabled and updated.expires_on == FAR
    with pytest.raises(HttpResponseError) as refused:
        client.get_secret(n, made.properties.version)
    assert refused.value.status_code == 403 and "disabled" in refused.value.message
    versions = {p.version for p in client.list_properties_of_secret_versions(n)}
    assert versions == {made.properties.version, second.properties.version}
    assert n in {p.name for p in client.list_properties_of_secrets()}
    backup = client.backup_secret(n)
    assert b"two" not in backup
    deleted = client.begin_delete_secret(n).result()
    assert deleted.name == n and deleted.scheduled_purge_date - deleted.deleted_date == datetime.timedelta(days=90)
    with pytest.raises(ResourceNotFoundError):
        client.get_secret(n)
    with pytest.raises(ResourceExistsError) as taken:
        client.set_secret(n, "three")
    assert "ObjectIsDeletedButRecoverable" in taken.value.response.text()
    assert n in {d.name for d in client.list_deleted_secrets()}
    assert client.get_deleted_secret(n).recovery_id.endswith(f"/deletedsecrets/{n}")
    client.begin_recover_deleted_secret(n).wait()
    assert client.get_secret(n).value == "two"
    client.begin_delete_secret(n).wait()
    client.purge_deleted_secret(n)
    with pytest.raises(ResourceNotFoundError):
        client.get_deleted_secret(n)
    assert client.restore_secret_backup(backup).name == n
    assert client.get_secret(n).value == "two"


@pytest.mark.parametrize("version", ["7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01", "2026-04-01"])
def test_every_version_of_the_api(server, version):
    client, n = secrets(server, api_version=version), name()
    client.set_secret(n, "v")
    assert client.get_secret(n).value == "v"


def test_pages(server):
    client, mark = secrets(server), f"page-{uuid.uuid4().hex[:6]}"
    wanted = {f"{mark}-{i}" for i in range(60)}
    for n in wanted:
        client.set_secret(n, "v")
    pages = list(client.list_properties_of_secrets().by_page())
    lists = [[p.name for p in page] for page in pages]
    assert max(map(len, lists)) <= 25
    flat = [n for page in lists for n in page]
    assert len(flat) == len(set(flat)) and wanted <= set(flat)


def test_values_of_all_kinds(server):
    client = secrets(server)
    for value in ["", " ", "ü€𐍈", "\x00\x01", '"quoted" \\ \n', "x" * 25600]:
        n = name()
        client.set_secret(n, value)
        assert client.get_secret(n).value == value
    with pytest.raises(HttpResponseError) as refused:
        client.set_secret(name(), "x" * 25601)
    assert refused.value.status_code == 400 and refused.value.error.code == "BadParameter"


def test_tokens(server):
    wrong = server.credential(AZURE_CLIENT_SECRET="wrong")
    with pytest.raises(ClientAuthenticationError):
        secrets(server, credential=wrong).get_secret("a")
    arm = server.session()  # a token for Resource Manager opens no vault
    answer = arm.get(f"{server.url}/secrets/a?api-version=7.4")
    assert answer.status_code == 401 and "resource=" in answer.headers["WWW-Authenticate"]
    answer = arm.get(f"{server.url}/secrets/a?api-version=7.4", headers={"x-ms-client-request-id": "my-own-id"})
    assert answer.headers["x-ms-client-request-id"] == "my-own-id"
