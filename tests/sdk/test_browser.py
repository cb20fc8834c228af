"""Signing in to an application with a real browser, which holds pages to their policy on the whole way back."""

import http.server
import secrets
import threading
import urllib.parse

import pytest

PASSWORD = "correct horse battery"


def listen(answer):
    """A web server on a port of its own; `answer` says status, headers and page for a request."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("content-length") or 0))
            status, headers, page = answer(self.path)
            self.send_response(status)
            for name, value in {"content-type": "text/html", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page.encode())

        do_POST = do_GET

        def log_message(self, *_):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return listener


@pytest.fixture
def application(server):
    """A web application whose callback sends the browser on to another origin, as many do: its authorization request."""
    home = listen(lambda path: (200, {}, f"<p>At home {path}</p>"))
    callback = listen(lambda path: (303, {"location": f"http://localhost:{home.server_port}/start"}, ""))
    back = f"http://localhost:{callback.server_port}/cb"
    session = server.session()
    body = {"displayName": "sends on", "web": {"redirectUris": [back]}}
    app = session.post(f"{server.url}/v1.0/applications", json=body).json()

    def request(mode):
        query = urllib.parse.urlencode({"client_id": app["appId"], "response_type": "code", "redirect_uri": back, "scope": "openid",
                                        "response_mode": mode, "prompt": "login"})
        return f"{server.url}/{server.env['AZURE_TENANT_ID']}/oauth2/v2.0/authorize?{query}"

    yield request
    for listener in (home, callback):
        listener.shutdown()
        listener.server_close()


def test_a_callback_sends_the_browser_on(server, browser, application):
    name = f"alice-{secrets.token_hex(4)}"
    server.run("user", "add", name, "--password-stdin", "--keep-password", input=PASSWORD + "\n")
    for mode, agrees in (("query", True), ("query", False), ("fragment", False), ("form_post", False)):
        browser.go(application(mode))
        browser.sees("sends on")
        browser.fill(username=name, password=PASSWORD)
        browser.press("Sign in")
        if agrees:  # the first time
            browser.sees("wants to:")
            browser.press("Continue")
        browser.sees("At home /start")
    browser.go(application("query"))
    browser.sees("sends on")
    browser.press("Cancel")
    browser.sees("At home /start")
