"""Vaults as resources through azure-mgmt-keyvault: created, deleted, recovered, purged; policies and networks."""

import uuid

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.keyvault import KeyVaultManagementClient

from vault_clients import vault_session


@pytest.fixture(scope="module")
def client(server):
    return KeyVaultManagementClient(server.credential(), server.env["VEDETTE_SUBSCRIPTION_ID"], base_url=server.url,
                                    credential_scopes=[f"{server.url}/.default"], connection_verify=server.ca)


def parameters(server, **properties):
    return {"location": "local", "tags": {"a": "b"}, "properties": {
        "tenantId": server.env["AZURE_TENANT_ID"], "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True, **properties}}


def test_life(server, client):
    group, name = server.env["VEDETTE_RESOURCE_GROUP"], f"v{uuid.uuid4().hex[:12]}"
    assert client.vaults.check_name_availability({"name": name, "type": "Microsoft.KeyVault/vaults"}).name_available
    made = client.vaults.begin_create_or_update(group, name, parameters(server)).result()
    assert made.properties.vault_uri == f"https://{name}.vault.localhost:{server.port}/"
    assert made.properties.enable_soft_delete and made.properties.soft_delete_retention_in_days == 90
    assert not client.vaults.check_name_availability({"name": name, "type": "Microsoft.KeyVault/vaults"}).name_available
    session = vault_session(server)  # the vault's name in the Host header: it need not resolve here
    session.headers["Host"] = f"{name}.vault.localhost:{server.port}"
    answer = session.put(f"{server.url}/secrets/s?api-version=7.4", json={"value": "kept"})
    assert answer.json()["id"].startswith(f"https://{name}.vault.localhost:{server.port}/secrets/s/")
    assert {v.name for v in client.vaults.list_by_subscription()} >= {"default", name}
    assert {v.name for v in client.vaults.list_by_resource_group(group)} >= {"default", name}
    assert client.vaults.update(group, name, {"tags": {"c": "d"}}).tags == {"c": "d"}
    client.vaults.delete(group, name)
    with pytest.raises(ResourceNotFoundError):
        client.vaults.get(group, name)
    assert name in {v.name for v in client.vaults.list_deleted()}
    deleted = client.vaults.get_deleted(name, "local")
    assert deleted.properties.vault_id == made.id and not deleted.properties.purge_protection_enabled
    with pytest.raises((HttpResponseError, ResourceExistsError)):
        client.vaults.begin_create_or_update(group, name, parameters(server)).result()
    client.vaults.begin_create_or_update(group, name, parameters(server, createMode="recover")).result()
    assert session.get(f"{server.url}/secrets/s?api-version=7.4").json()["value"] == "kept"
    client.vaults.delete(group, name)
    client.vaults.begin_purge_deleted(name, "local").result()
    assert name not in {v.name for v in client.vaults.list_deleted()}


def test_policies(server, client):
    group, name = server.env["VEDETTE_RESOURCE_GROUP"], f"v{uuid.uuid4().hex[:12]}"
    client.vaults.begin_create_or_update(group, name, parameters(server, enableRbacAuthorization=False, accessPolicies=[])).result()
    session = vault_session(server)
    session.headers["Host"] = f"{name}.vault.localhost:{server.port}"
    url = f"{server.url}/secrets/s?api-version=7.4"
    refused = session.get(url)
    assert (refused.status_code, refused.json()["error"]["innererror"]["code"]) == (403, "ForbiddenByPolicy")
    me = refused.json()["error"]["message"].split("oid=")[1].split(";")[0]
    policy = {"properties": {"accessPolicies": [{"tenantId": server.env["AZURE_TENANT_ID"], "objectId": me,
                                                 "permissions": {"secrets": ["get"]}}]}}
    answer = client.vaults.update_access_policy(group, name, "add", policy)
    assert answer.properties.access_policies[0].permissions.secrets == ["get"]
    assert session.get(url).status_code == 404
    assert session.put(url, json={"value": "x"}).status_code == 403
    client.vaults.update_access_policy(group, name, "remove", policy)
    assert session.get(url).status_code == 403
