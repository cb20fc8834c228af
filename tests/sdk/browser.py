"""A real browser for the tests: headless Chromium, driven over its DevTools protocol, with an authenticator that is
software. It trusts the one server it is for by the key of its certificate, and is ended by its process id."""

import base64
import hashlib
import itertools
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import time

import requests
import websocket
from cryptography import x509
from cryptography.hazmat.primitives import serialization

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=800,700"]


def key_digest(host, port):
    """SHA-256 of the public key that a server shows, as Chromium writes it."""
    certificate = x509.load_pem_x509_certificate(ssl.get_server_certificate((host, port)).encode())
    key = certificate.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


class Chromium:
    """One page of a browser with an empty profile."""

    def __init__(self, folder, port):
        self.folder = pathlib.Path(folder)
        self.numbers = itertools.count(1)
        command = [PROGRAM, *QUIET, "--remote-debugging-port=0", f"--user-data-dir={self.folder}",
                   f"--ignore-certificate-errors-spki-list={key_digest('127.0.0.1', port)}", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "HOME": str(self.folder)})
        try:
            self.socket = websocket.create_connection(self.address(), timeout=60, suppress_origin=True)
        except BaseException:
            self.close()
            raise

    def address(self):
        """Where the page's DevTools listen; the browser writes the port into its profile."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self.process.poll() is None, f"the browser ended with {self.process.returncode}"
            try:
                port = int((self.folder / "DevToolsActivePort").read_text().split()[0])
                pages = requests.get(f"http://127.0.0.1:{port}/json/list", timeout=10).json()
                return next(p["webSocketDebuggerUrl"] for p in pages if p["type"] == "page")
            except (OSError, ValueError, IndexError, StopIteration):
                time.sleep(0.1)
        raise AssertionError("the browser does not start")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def call(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]

    def run(self, script):
        """The value of a script in the page; none while the page changes."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, userGesture=True)
        return result["result"].get("value")

    def until(self, script, what):
        """Waits for a script to be true."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if self.run(script):
                return
            time.sleep(0.05)
        raise AssertionError(f"{what}: {self.run('document.body.innerText')}")

    def sees(self, text):
        self.until(f"document.readyState==='complete'&&document.body.innerText.includes({json.dumps(text)})", text)

    def go(self, url):
        self.call("Page.navigate", url=url)

    def fill(self, **fields):
        for name, value in fields.items():
            self.run(f"document.querySelector('input[name={name}]:not([type=hidden])').value={json.dumps(value)}")

    def press(self, text):
        """Clicks the button that says so, once it can be seen."""
        button = f"[...document.querySelectorAll('button')].find(b=>b.textContent==={json.dumps(text)}&&b.offsetParent&&!b.disabled)"
        self.until(f"!!{button}", f"no button '{text}'")
        self.run(f"{button}.click()")

    def screenshot(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def add_authenticator(self):
        """A built-in authenticator that recognizes its user; its id."""
        self.call("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                   "isUserVerified": True, "automaticPresenceSimulation": True}
        return self.call("WebAuthn.addVirtualAuthenticator", options=options)["authenticatorId"]
