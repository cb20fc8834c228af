"""Identity by the official clients: every credential of azure-identity, role management, Graph as az sends it; the
pages are driven as a browser would, over HTTP."""

import base64
import hashlib
import html
import json
import pathlib
import re
import secrets
import threading
import time
import urllib.parse
import uuid

import pytest
import requests

PASSWORD = "correct horse battery"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def options(server):
    return dict(authority=server.url, disable_instance_discovery=True, connection_verify=server.ca)


def graph(server, method, path, body=None, status=None, token=None):
    answer = server.session(token).request(method, f"{server.url}/v1.0{path}", json=body)
    if status is not None:
        assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Browser:
    """What a person does: reads a page, fills in its form, presses a button."""

    def __init__(self, server):
        self.server, self.session = server, requests.Session()
        self.session.verify, self.session.trust_env = server.ca, False
        self.page = ""

    def get(self, url):
        return self.keep(self.session.get(url, allow_redirects=False))

    def keep(self, answer):
        self.page = answer.text
        return answer

    def press(self, step, **fields):
        forms = re.findall(r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', self.page, re.S)
        action, inside = next((a, i) for a, i in forms if f'name="step" value="{step}"' in i)
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', inside))
        form = {**{n: html.unescape(v) for n, v in hidden.items()}, **fields}
        headers = {"Origin": self.server.url, "Sec-Fetch-Site": "same-origin"}
        return self.keep(self.session.post(self.server.url + action, data=form, headers=headers, allow_redirects=False))


@pytest.fixture(scope="module")
def alice(server):
    name = f"alice-{secrets.token_hex(4)}"
    out = server.run("user", "add", name, "--password-stdin", "--keep-password", input=PASSWORD + "\n").stdout
    assert name in out and PASSWORD not in out
    return graph(server, "GET", f"/users/{name}@vedette.localhost", status=200)


def sign_in(server, url, user, expect=303):
    browser = Browser(server)
    assert browser.get(url).status_code == 200
    answer = browser.press("password", username=user["userPrincipalName"], password=PASSWORD)
    if "wants to:" in browser.page:  # a registered application, the first time
        answer = browser.press("continue")
    assert answer.status_code == expect, answer.text
    return browser, answer


def test_client_secret_and_wrong_secret(server):
    from azure.core.exceptions import ClientAuthenticationError
    assert server.credential().get_token(f"{server.url}/.default").token
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        server.credential(AZURE_CLIENT_SECRET="wrong").get_token(f"{server.url}/.default")


def test_environment_credential(server, monkeypatch):
    from azure.identity import EnvironmentCredential
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    token = EnvironmentCredential(disable_instance_discovery=True, connection_verify=server.ca).get_token(f"{server.url}/.default")
    assert claims(token.token)["idtyp"] == "app"


def test_certificate(server, tmp_path):
    from azure.identity import CertificateCredential
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    import datetime
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                   .serial_number(1).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(30))
                   .sign(key, hashes.SHA256()))
    der = certificate.public_bytes(serialization.Encoding.DER)
    app = graph(server, "POST", "/applications", {
        "displayName": "by certificate",
        "keyCredentials": [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(der).decode()}]}, 201)
    graph(server, "POST", "/servicePrincipals", {"appId": app["appId"]}, 201)
    pem = tmp_path / "both.pem"
    pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
                    + certificate.public_bytes(serialization.Encoding.PEM))
    for chain in (False, True):
        credential = CertificateCredential(server.env["AZURE_TENANT_ID"], app["appId"], str(pem),
                                           send_certificate_chain=chain, **options(server))
        token = credential.get_token(f"{server.url}/.default").token
        assert (claims(token)["appid"], claims(token)["appidacr"]) == (app["appId"], "2")


def test_device_code(server, alice):
    """DeviceCodeCredential with its own default client id; a person lets it in from a browser."""
    from azure.identity import DeviceCodeCredential

    def person(uri, code, _):
        def work():
            browser = Browser(server)
            browser.get(uri)
            browser.keep(browser.session.post(uri, data={"user_code": code}, headers={"Origin": server.url}))
            browser.press("password", username=alice["userPrincipalName"], password=PASSWORD)
            assert "Let a device use" in browser.page
            browser.press("continue")
        threading.Thread(target=work).start()

    credential = DeviceCodeCredential(tenant_id=server.env["AZURE_TENANT_ID"], prompt_callback=person, timeout=60, **options(server))
    token = credential.get_token(f"{server.url}/.default").token
    assert (claims(token)["oid"], claims(token)["idtyp"]) == (alice["id"], "user")
    again = credential.get_token("https://graph.microsoft.com/.default").token  # by its refresh token
    assert claims(again)["aud"] == "https://graph.microsoft.com"
    assert graph(server, "GET", "/me", token=again)["id"] == alice["id"]


def test_authorization_code(server, alice):
    """AuthorizationCodeCredential of a web application with a secret."""
    from azure.identity import AuthorizationCodeCredential
    back = "https://app.example/back"
    app = graph(server, "POST", "/applications", {"displayName": "web", "web": {"redirectUris": [back]}}, 201)
    secret = graph(server, "POST", f"/applications/{app['id']}/addPassword", {}, 200)["secretText"]
    query = urllib.parse.urlencode({"client_id": app["appId"], "response_type": "code", "redirect_uri": back, "state": "s",
                                    "scope": f"{server.url}/.default offline_access openid"})
    _, answer = sign_in(server, f"{server.url}/{server.env['AZURE_TENANT_ID']}/oauth2/v2.0/authorize?{query}", alice)
    code = urllib.parse.parse_qs(urllib.parse.urlparse(answer.headers["location"]).query)["code"][0]
    credential = AuthorizationCodeCredential(server.env["AZURE_TENANT_ID"], app["appId"], code, back, client_secret=secret,
                                             **options(server))
    token = credential.get_token(f"{server.url}/.default").token
    assert claims(token)["upn"] == alice["userPrincipalName"]


def test_msal_interactive_flow(server, alice):
    """What az login does: MSAL's auth code flow with PKCE on a loopback address, id token checked by MSAL."""
    import msal
    app = msal.PublicClientApplication("04b07795-8ddb-461a-bbee-02f9e1bf7b46", authority=f"{server.url}/{server.env['AZURE_TENANT_ID']}",
                                       instance_discovery=False, verify=server.ca)
    flow = app.initiate_auth_code_flow([f"{server.url}/.default"], redirect_uri="http://localhost:8400", prompt="select_account")
    _, answer = sign_in(server, flow["auth_uri"], alice)
    back = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(answer.headers["location"]).query))
    result = app.acquire_token_by_auth_code_flow(flow, back)
    assert result.get("id_token_claims", {}).get("preferred_username") == alice["userPrincipalName"], result
    account = app.get_accounts()[0]
    assert account["username"] == alice["userPrincipalName"]
    again = app.acquire_token_silent([f"{server.url}/.default"], account, force_refresh=True)
    assert again["access_token"] != result["access_token"]


def test_username_password_is_refused(server, alice):
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import UsernamePasswordCredential
    credential = UsernamePasswordCredential("04b07795-8ddb-461a-bbee-02f9e1bf7b46", alice["userPrincipalName"], PASSWORD,
                                            tenant_id=server.env["AZURE_TENANT_ID"], **options(server))
    with pytest.raises(ClientAuthenticationError):  # it looks for the user's realm without the port, and finds nobody
        credential.get_token(f"{server.url}/.default")
    form = {"grant_type": "password", "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "scope": f"{server.url}/.default",
            "username": alice["userPrincipalName"], "password": PASSWORD}
    answer = requests.post(f"{server.url}/organizations/oauth2/v2.0/token", data=form, verify=server.ca)
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [70003]), answer.text


def test_roles_by_the_management_client(server, alice):
    from azure.core.exceptions import HttpResponseError
    from azure.mgmt.authorization import AuthorizationManagementClient
    scope = f"/subscriptions/{server.env['VEDETTE_SUBSCRIPTION_ID']}"
    client = AuthorizationManagementClient(server.credential(), server.env["VEDETTE_SUBSCRIPTION_ID"], base_url=server.url,
                                           credential_scopes=[f"{server.url}/.default"], connection_verify=server.ca)
    roles = {r.role_name: r for r in client.role_definitions.list(scope)}
    assert len(roles) >= 38 and "Key Vault Secrets User" in roles and "Microsoft Sentinel Contributor" in roles
    role = str(uuid.uuid4())
    made = client.role_definitions.create_or_update(scope, role, {
        "role_name": f"Row reader {role}", "role_type": "CustomRole", "assignable_scopes": [scope],
        "permissions": [{"actions": ["Microsoft.OperationalInsights/workspaces/*/read"], "not_actions": ["*/sharedKeys/*"]}]})
    assert made.role_type == "CustomRole"
    name = str(uuid.uuid4())
    assignment = client.role_assignments.create(scope, name, {
        "role_definition_id": made.id, "principal_id": alice["id"], "principal_type": "User"})
    assert (assignment.principal_id, assignment.principal_type) == (alice["id"], "User")
    listed = [a.name for a in client.role_assignments.list_for_subscription(filter=f"assignedTo('{alice['id']}')")]
    assert listed == [name]
    assert list(client.deny_assignments.list_for_scope(scope)) == []
    with pytest.raises(HttpResponseError, match="ConditionNotSupported"):
        client.role_assignments.create(scope, str(uuid.uuid4()), {
            "role_definition_id": made.id, "principal_id": alice["id"], "condition": "true", "condition_version": "2.0"})
    client.role_assignments.delete(scope, name)
    client.role_definitions.delete(scope, role)


def test_an_api_of_ones_own(server, alice):
    """MSAL for an API: version 2 of its tokens, its scopes and roles; the key read from its certificate alone."""
    import jwt
    import msal
    from cryptography import x509
    tenant, back = server.env["AZURE_TENANT_ID"], "https://app.example/back"
    scope, role = str(uuid.uuid4()), str(uuid.uuid4())
    api = graph(server, "POST", "/applications", {
        "displayName": "files", "identifierUris": [f"api://files-{scope}"],
        "api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [{
            "id": scope, "value": "Files.Read", "type": "User", "isEnabled": True, "adminConsentDisplayName": "r", "adminConsentDescription": "r",
            "userConsentDisplayName": "Read your files", "userConsentDescription": "Lets it read them."}]},
        "appRoles": [{"id": role, "value": "Reader", "displayName": "Reader", "description": "reads", "isEnabled": True,
                      "allowedMemberTypes": ["User", "Application"]}]}, 201)
    api_sp = graph(server, "POST", "/servicePrincipals", {"appId": api["appId"]}, 201)
    app = graph(server, "POST", "/applications", {"displayName": "files client", "web": {"redirectUris": [back]}}, 201)
    sp = graph(server, "POST", "/servicePrincipals", {"appId": app["appId"]}, 201)
    secret = graph(server, "POST", f"/applications/{app['id']}/addPassword", {}, 200)["secretText"]
    for kind, holder in (("users", alice["id"]), ("servicePrincipals", sp["id"])):
        body = {"principalId": holder, "resourceId": api_sp["id"], "appRoleId": role}
        graph(server, "POST", f"/{kind}/{holder}/appRoleAssignments", body, 201)
    assert len(graph(server, "GET", f"/servicePrincipals/{api_sp['id']}/appRoleAssignedTo")["value"]) == 2
    client = msal.ConfidentialClientApplication(app["appId"], secret, authority=f"{server.url}/{tenant}", instance_discovery=False, verify=server.ca)
    flow = client.initiate_auth_code_flow([f"api://files-{scope}/Files.Read"], redirect_uri=back)
    browser, answer = sign_in(server, flow["auth_uri"], alice)
    result = client.acquire_token_by_auth_code_flow(flow, dict(urllib.parse.parse_qsl(urllib.parse.urlparse(answer.headers["location"]).query)))
    own = client.acquire_token_for_client([f"{api['appId']}/.default"])
    keys = requests.get(f"{server.url}/{tenant}/discovery/v2.0/keys", verify=server.ca).json()["keys"]
    for token in (result["access_token"], own["access_token"]):
        key = next(k for k in keys if k["kid"] == jwt.get_unverified_header(token)["kid"])
        certificate = x509.load_der_x509_certificate(base64.b64decode(key["x5c"][0]))
        said = jwt.decode(token, certificate.public_key(), algorithms=["RS256"], audience=api["appId"], issuer=f"{server.url}/{tenant}/v2.0")
        assert (said["ver"], said["azp"], said["roles"]) == ("2.0", app["appId"], ["Reader"]) and "appid" not in said
    assert claims(result["access_token"])["scp"] == "Files.Read"
    assert claims(result["access_token"])["sub"] != result["id_token_claims"]["sub"]
    graph(server, "PATCH", f"/applications/{api['id']}", {"api": {"requestedAccessTokenVersion": None}}, 204)
    token = client.acquire_token_silent([f"api://files-{scope}/Files.Read"], client.get_accounts()[0], force_refresh=True)["access_token"]
    said = claims(token)
    assert (said["ver"], said["aud"], said["appid"], said["iss"]) == ("1.0", f"api://files-{scope}", app["appId"], f"{server.url}/{tenant}/")
    assert jwt.get_unverified_header(token)["x5t"] in [k["x5t"] for k in keys]


def test_graph_as_az_calls_it(server, alice):
    """az ad sp create-for-rbac, az ad user, az ad group: the calls they make, in their order."""
    app = graph(server, "POST", "/applications", {"displayName": "rbac", "keyCredentials": []}, 201)
    sp = graph(server, "POST", "/servicePrincipals", {"appId": app["appId"], "accountEnabled": True}, 201)
    body = {"passwordCredential": {"displayName": "rbac", "endDateTime": "2030-01-01T00:00:00Z"}}
    assert graph(server, "POST", f"/applications/{app['id']}/addPassword", body, 200)["secretText"]
    found = graph(server, "GET", f"/servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{app['appId']}')", status=200)
    assert [f["id"] for f in found["value"]] == [sp["id"]]
    assert graph(server, "GET", f"/users?$filter=startswith(displayName,'{alice['displayName']}')")["value"][0]["id"] == alice["id"]
    assert graph(server, "GET", f"/users?$filter=userPrincipalName eq '{alice['userPrincipalName']}'")["value"][0]["id"] == alice["id"]
    group = graph(server, "POST", "/groups", {"displayName": "readers", "mailNickname": "readers", "mailEnabled": False,
                                              "securityEnabled": True}, 201)
    link = {"@odata.id": f"{server.url}/v1.0/directoryObjects/{alice['id']}"}
    graph(server, "POST", f"/groups/{group['id']}/members/$ref", link, 204)
    assert graph(server, "GET", f"/groups/{group['id']}/members")["value"][0]["userPrincipalName"] == alice["userPrincipalName"]
    assert graph(server, "POST", f"/users/{alice['id']}/getMemberGroups", {"securityEnabledOnly": True})["value"] == [group["id"]]
    kinds = graph(server, "POST", "/directoryObjects/getByIds", {"ids": [alice["id"], sp["id"], group["id"]], "types": []})
    assert sorted(v["@odata.type"] for v in kinds["value"]) == [
        "#microsoft.graph.group", "#microsoft.graph.servicePrincipal", "#microsoft.graph.user"]
    graph(server, "DELETE", f"/groups/{group['id']}/members/{alice['id']}/$ref", status=204)
    graph(server, "DELETE", f"/groups/{group['id']}", status=204)
    graph(server, "DELETE", f"/applications/{app['id']}", status=204)


def test_users_by_command(server):
    out = server.run("user", "add", "carol", "--administrator").stdout
    password = re.search(r"shown this once: (\S+)", out).group(1)
    assert "carol@vedette.localhost" in server.run("user", "list").stdout
    totp = server.run("user", "totp", "carol").stdout
    assert "otpauth://totp/" in totp
    server.run("user", "totp", "carol", "--remove")
    server.run("user", "disable", "carol")
    assert "(disabled)" in server.run("user", "list").stdout
    server.run("user", "enable", "carol")
    query = urllib.parse.urlencode({"client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "response_type": "code", "scope": "openid",
                                    "redirect_uri": "http://localhost", "code_challenge_method": "S256",
                                    "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(b"x" * 43).digest()).rstrip(b"=")})
    browser = Browser(server)
    browser.get(f"{server.url}/organizations/oauth2/v2.0/authorize?{query}")
    browser.press("password", username="carol", password=password)
    assert "Choose a new password" in browser.page, browser.page
    assert browser.press("newpassword", newpassword=PASSWORD, again=PASSWORD).status_code == 303
    server.run("user", "delete", "carol")
    assert server.run("user", "disable", "carol", check=False).returncode == 3


def test_hosts_and_doctor(server, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    added = server.run("hosts", "--write", "--file", str(hosts)).stdout
    assert "default.vault.localhost" in hosts.read_text() and "added to" in added
    assert "nothing to do" in server.run("hosts", "--write", "--file", str(hosts)).stdout
    assert hosts.read_text().count("# vedette") == 1
    assert "vault names" in server.run("doctor", check=False).stdout


def test_sign_ins_and_changes_are_rows(server, alice):
    def until(text, wanted):
        for _ in range(40):
            rows = server.query(text)
            if rows and rows[0][0] >= wanted:
                return
            time.sleep(0.5)
        raise AssertionError(f"{text}: {rows}")

    sign_in(server, f"{server.url}/organizations/oauth2/v2.0/authorize?" + urllib.parse.urlencode({
        "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "response_type": "code", "redirect_uri": "http://localhost", "scope": "openid",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}), alice)
    name = alice["userPrincipalName"]
    until(f"SigninLogs | where UserPrincipalName == '{name}' and ResultType == '0' and Status.errorCode == 0 | count", 1)
    until("AADServicePrincipalSignInLogs | where ResultType == '0' | count", 1)
    until(f"AuditLogs | where OperationName == 'Add user' and TargetResources[0].userPrincipalName == '{name}' | count", 1)
    credentials = "AuditLogs | where OperationName has 'Certificates and secrets management' and TargetResources has 'KeyIdentifier' | count"
    app = graph(server, "POST", "/applications", {"displayName": "watched"}, 201)
    secret = graph(server, "POST", f"/applications/{app['id']}/addPassword", {}, 200)["secretText"]
    until(credentials, 1)
    scope = f"/subscriptions/{server.env['VEDETTE_SUBSCRIPTION_ID']}"
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}?api-version=2022-04-01"
    body = {"properties": {"roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{READER}", "principalId": alice["id"]}}
    assert server.session().put(server.url + path, json=body).status_code == 201
    until(f"AzureActivity | where OperationNameValue =~ 'Microsoft.Authorization/roleAssignments/write' and Properties has '{alice['id']}' | count", 1)
    for table in ("AuditLogs", "SigninLogs", "AADServicePrincipalSignInLogs", "AzureActivity"):
        assert server.query(f"{table} | extend All = tostring(pack_all()) | where All contains '{secret[:20]}' or All contains '{PASSWORD}' | count")[0][0] == 0


def test_managed_identity(own_server, monkeypatch):
    """ManagedIdentityCredential in both of Azure's forms, on a loopback socket that an operator switched on."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import ManagedIdentityCredential
    own_server.arguments = ("--no-host-logs", "--managed-identity", "127.0.0.1:0")
    server = own_server.start()
    address = server.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"]
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET", "IMDS_ENDPOINT", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", address)
    token = ManagedIdentityCredential().get_token(f"{server.url}/.default").token
    me = claims(token)
    assert me["idtyp"] == "app"
    graph_token = server.token()
    sp = requests.get(f"{server.url}/v1.0/servicePrincipals/{me['oid']}", headers={"Authorization": f"Bearer {graph_token}"}, verify=server.ca).json()
    assert sp["servicePrincipalType"] == "ManagedIdentity"
    assert requests.get(f"{server.url}{server.workspace}?api-version=2022-10-01", headers={"Authorization": f"Bearer {token}"},
                        verify=server.ca).status_code == 403, "no rights until some are assigned"
    plain = f"{address}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={server.url}"
    for headers in ({}, {"Metadata": "true", "X-Forwarded-For": "1.2.3.4"}, {"Metadata": "true", "Host": "evil.example"}):
        assert requests.get(plain, headers=headers).status_code == 400, headers
    assert requests.post(plain, headers={"Metadata": "true"}).status_code == 405
    header = open(f"{server.folder}/keys/identity-header").read().strip()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{address}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", header)
    assert claims(ManagedIdentityCredential().get_token(f"{server.url}/.default").token)["oid"] == me["oid"]
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    with pytest.raises(ClientAuthenticationError):
        ManagedIdentityCredential().get_token(f"{server.url}/.default")


def test_federation_with_a_second_instance(server, own_server, alice):
    """Another instance as provider: its people sign in here."""
    own_server.environment["SSL_CERT_FILE"] = server.ca
    own = own_server.start()
    back = f"{own.url}/federation/callback"
    client = graph(server, "POST", "/applications", {"displayName": "the other house", "web": {"redirectUris": [back]}}, 201)
    secret = graph(server, "POST", f"/applications/{client['id']}/addPassword", {}, 200)["secretText"]
    tenant = server.env["AZURE_TENANT_ID"]
    metadata = f"{server.url}/{tenant}/v2.0/.well-known/openid-configuration"
    provider = graph(own, "POST", "/identity/identityProviders", {
        "@odata.type": "microsoft.graph.openIdConnectProvider", "displayName": "First house", "clientId": client["appId"],
        "clientSecret": secret, "metadataUrl": metadata, "scope": "openid profile email"}, 201)
    assert provider["clientSecret"] is None and secret not in json.dumps(graph(own, "GET", "/identity/identityProviders"))

    query = urllib.parse.urlencode({"client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "response_type": "code", "redirect_uri": "http://localhost",
                                    "scope": f"{own.url}/.default", "code_challenge_method": "S256", "state": "s",
                                    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"})

    def journey():
        here = Browser(own)
        here.get(f"{own.url}/organizations/oauth2/v2.0/authorize?{query}")
        link = html.unescape(re.search(r'<a href="([^"]+)">Sign in with First house', here.page).group(1))
        away = here.get(own.url + link)
        assert away.status_code == 303, away.text
        assert away.headers["location"].startswith(f"{server.url}/{tenant}/oauth2/v2.0/authorize?")
        _, answer = sign_in(server, away.headers["location"], alice)
        assert answer.headers["location"].startswith(back)
        stranger = Browser(own)
        assert stranger.get(answer.headers["location"]).status_code == 400, "the answer belongs to one browser"
        return here, here.get(answer.headers["location"])

    here, answer = journey()
    assert answer.status_code == 200 and "Nobody here is linked" in here.page
    issuer, subject = re.search(r"linked to &#39;(.+?)&#39; of &#39;(.+?)&#39;", here.page).groups()[::-1]
    body = {"displayName": "Alice from there", "userPrincipalName": "alice-there", "accountEnabled": True,
            "identities": [{"signInType": "federated", "issuer": issuer, "issuerAssignedId": subject}]}
    user = graph(own, "POST", "/users", body, 201)
    here, answer = journey()
    assert answer.status_code == 303, here.page
    code = urllib.parse.parse_qs(urllib.parse.urlparse(answer.headers["location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "code": code,
            "redirect_uri": "http://localhost", "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}
    answer = requests.post(f"{own.url}/organizations/oauth2/v2.0/token", data=form, verify=own.ca)
    assert claims(answer.json()["access_token"])["oid"] == user["id"], answer.text
    assert claims(answer.json()["access_token"])["amr"] == ["fed"]


def test_workloads_prove_themselves_with_tokens_of_their_own_issuer(server, own_server, tmp_path):
    """Federated identity credentials: another instance stands in for a cluster that gives tokens to its workloads."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import WorkloadIdentityCredential

    own_server.environment["SSL_CERT_FILE"] = server.ca
    own = own_server.start()
    audience = f"{server.url}/.default"
    outside = server.credential().get_token(audience).token
    said = claims(outside)
    app = graph(own, "POST", "/applications", {"displayName": "workload"}, 201)
    sp = graph(own, "POST", "/servicePrincipals", {"appId": app["appId"]}, 201)
    all_of_it = f"/applications/{app['id']}/federatedIdentityCredentials"
    wanted = {"name": "cluster", "issuer": said["iss"], "subject": "somebody-else", "audiences": [said["aud"]], "description": "prod"}
    made = graph(own, "POST", all_of_it, wanted, 201)
    assert {**made, **wanted} == made and graph(own, "GET", all_of_it)["value"][0] == {k: v for k, v in made.items() if k[0] != "@"}
    file = tmp_path / "token"
    file.write_text(outside)

    def token():
        credential = WorkloadIdentityCredential(tenant_id=own.env["AZURE_TENANT_ID"], client_id=app["appId"], token_file_path=str(file), **options(own))
        return claims(credential.get_token(f"{own.url}/.default").token)

    with pytest.raises(ClientAuthenticationError, match="AADSTS700213"):
        token()
    graph(own, "PATCH", f"{all_of_it}/{made['id']}", {"subject": said["sub"]}, 204)
    assert token()["oid"] == sp["id"]
    rows = f"AADServicePrincipalSignInLogs | where AppId == '{app['appId']}' and ResultType == '0' | project ServicePrincipalId, ClientCredentialType, FederatedCredentialId"
    for _ in range(40):
        found = own.query(rows)
        if found:
            break
        time.sleep(0.25)
    assert found == [[sp["id"], "federatedIdentityCredential", made["id"]]]
    file.write_text(outside[:-8] + "AAAAAAAA")
    with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
        token()
    graph(own, "DELETE", f"{all_of_it}/cluster", None, 204)
    file.write_text(outside)
    with pytest.raises(ClientAuthenticationError, match="AADSTS700211"):
        token()


def test_own_rules_see_what_happens_in_the_own_house(server, alice):
    """The queries of the shipped rules that watch the house itself, over what was just done to it."""
    folder = pathlib.Path(__file__).parents[2] / "content/analytics-rules"

    def rule(name):
        text = (folder / f"{name}.yaml").read_text().split("\nquery: |\n")[1].split("\nentityMappings:")[0]
        return "\n".join(line[2:] for line in text.split("\n"))

    def found(name, wanted):
        for _ in range(30):
            rows = server.query(rule(name))
            if any(wanted in str(row) for row in rows):
                return
            time.sleep(0.5)
        raise AssertionError(f"{name}: {wanted} not in {rows}")

    app = graph(server, "POST", "/applications", {"displayName": "guessed"}, 201)
    sp = graph(server, "POST", "/servicePrincipals", {"appId": app["appId"]}, 201)
    secret = graph(server, "POST", f"/applications/{app['id']}/addPassword", {"passwordCredential": {"displayName": "key"}}, 200)["secretText"]
    found("ApplicationCredentialAdded", "guessed")

    def token(value):
        form = {"grant_type": "client_credentials", "client_id": app["appId"], "client_secret": value, "scope": f"{server.url}/.default"}
        return requests.post(f"{server.url}/{server.env['AZURE_TENANT_ID']}/oauth2/v2.0/token", data=form, verify=server.ca).status_code

    assert {token("wrong") for _ in range(12)} == {401, 429}
    assert token(secret) == 200, "the right secret is never locked out"
    found("ApplicationSecretGuessed", app["appId"])
    graph(server, "PATCH", f"/servicePrincipals/{sp['id']}", {"accountEnabled": False}, 204)
    assert token(secret) == 400
    found("DisabledIdentitySignIn", "guessed")

    scope = f"/subscriptions/{server.env['VEDETTE_SUBSCRIPTION_ID']}"
    path = f"{server.url}{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}?api-version=2022-04-01"
    owner = f"{scope}/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
    session = server.session()
    assert session.put(path, json={"properties": {"roleDefinitionId": owner, "principalId": alice["id"]}}).status_code == 201
    found("PrivilegedRoleAssigned", alice["id"])
    assert session.delete(path).status_code == 200
    role = {"principalId": alice["id"], "roleDefinitionId": "fe930be7-5e62-47db-91af-98c3a49a38b1", "directoryScopeId": "/"}
    made = graph(server, "POST", "/roleManagement/directory/roleAssignments", role, 201)
    found("DirectoryRoleAssigned", "User Administrator")
    graph(server, "DELETE", f"/roleManagement/directory/roleAssignments/{made['id']}", status=204)
