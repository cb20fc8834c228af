"""Passkeys as a person uses them: a real browser with an authenticator in software adds one, and signs in with it alone."""

import http.server
import secrets
import threading
import time
import urllib.parse

import pytest

PASSWORD = "correct horse battery"
AZ = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


@pytest.fixture
def alice(server):
    name = f"alice-{secrets.token_hex(4)}"
    server.run("user", "add", name, "--password-stdin", "--keep-password", input=PASSWORD + "\n")
    return name


class Application:
    """What az login does: asks for a code, and listens for it on a loopback address."""

    def __init__(self, server):
        import msal
        application = self
        self.back = None

        class Listener(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if "code=" in self.path:
                    application.back = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(self.path).query))
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(b"<p>Back at the application</p>")

            def log_message(self, *_):
                pass

        self.listener = http.server.HTTPServer(("127.0.0.1", 0), Listener)
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()
        self.msal = msal.PublicClientApplication(AZ, authority=f"{server.url}/{server.env['AZURE_TENANT_ID']}",
                                                 instance_discovery=False, verify=server.ca)
        uri = f"http://localhost:{self.listener.server_port}"
        self.flow = self.msal.initiate_auth_code_flow([f"{server.url}/.default"], redirect_uri=uri, prompt="login")

    def tokens(self):
        result = self.msal.acquire_token_by_auth_code_flow(self.flow, self.back)
        assert "access_token" in result, result
        return result

    def close(self):
        self.listener.shutdown()
        self.listener.server_close()


@pytest.fixture
def application(server):
    application = Application(server)
    yield application
    application.close()


def add_passkey(server, browser, name):
    browser.go(f"{server.url}/security-info")
    browser.sees("your security info")
    browser.fill(username=name, password=PASSWORD)
    browser.press("Sign in")
    browser.sees("No passkeys yet.")
    browser.fill(name="my laptop")
    browser.press("Add a passkey")
    browser.sees("is added")


def test_a_passkey_is_added_and_signs_in(server, browser, alice, application):
    authenticator = browser.add_authenticator()
    add_passkey(server, browser, alice)
    made = browser.call("WebAuthn.getCredentials", authenticatorId=authenticator)["credentials"]
    assert [(c["rpId"], c["isResidentCredential"]) for c in made] == [("localhost", True)]
    # once for each authenticator: the browser knows by the list of those that are there
    browser.fill(name="again")
    browser.run("document.querySelector('input[name=name]').form.requestSubmit()")  # the enter key
    browser.sees("has a passkey for you already")
    browser.press("Done")
    browser.sees("You may close this window.")

    browser.go(application.flow["auth_uri"])
    browser.press("Sign in with a passkey")
    browser.sees("Back at the application")
    claims = application.tokens()["id_token_claims"]
    assert claims["amr"] == ["fido", "mfa"] and claims["preferred_username"].startswith(alice), claims

    listed = server.run("user", "passkeys", alice).stdout
    assert "my laptop" in listed and "last used 2" in listed, listed
    for _ in range(40):
        rows = server.query(f"SigninLogs | where UserPrincipalName startswith '{alice}' and ResultType == '0' "
                            "| project AppDisplayName, AuthenticationRequirement, AuthenticationDetails | sort by AppDisplayName asc")
        if len(rows) == 2:
            break
        time.sleep(0.5)
    assert [r[:2] for r in rows] == [["Microsoft Azure CLI", "multiFactorAuthentication"], ["My Signins", "singleFactorAuthentication"]]
    assert "FIDO2 security key" in str(rows[0][2]) and "OATH" not in str(rows[0][2])


def test_what_does_not_sign_in(server, browser, alice, application):
    authenticator = browser.add_authenticator()
    # none there
    browser.go(application.flow["auth_uri"])
    browser.press("Sign in with a passkey")
    browser.sees("The browser gave no passkey")
    add_passkey(server, browser, alice)
    # the device does not recognize its user
    browser.call("WebAuthn.setUserVerified", authenticatorId=authenticator, isUserVerified=False)
    browser.go(application.flow["auth_uri"])
    browser.press("Sign in with a passkey")
    browser.sees("The browser gave no passkey")
    browser.call("WebAuthn.setUserVerified", authenticatorId=authenticator, isUserVerified=True)
    # an administrator took it away
    passkey = server.run("user", "passkeys", alice).stdout.split()[0]
    assert "is removed" in server.run("user", "passkeys", alice, "--remove", passkey).stdout
    assert "has no passkeys" in server.run("user", "passkeys", alice).stdout
    browser.press("Sign in with a passkey")
    browser.sees("not known here")
    assert application.back is None
    # at an address a passkey has no host to belong to
    browser.go(f"https://127.0.0.1:{server.port}/security-info")
    browser.sees("Passkeys need a host name")
    assert not browser.run("!!document.getElementById('passkey')")
