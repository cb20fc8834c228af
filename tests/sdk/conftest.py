"""A real server for the tests: the binary on a free port with a data folder of its own, ended by its process id."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

import pytest
import requests

BINARY = os.environ.get("VEDETTE_BINARY") or str(pathlib.Path(__file__).parents[2] / "target/fast/vedette")
SHARED = pathlib.Path(os.environ.get("VEDETTE_SHARED") or pathlib.Path(__file__).parents[3] / "shared")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """`vedette serve` on a data folder; what `vedette env` says is in `env`."""

    def __init__(self, folder, port=None, arguments=("--no-host-logs",), environment=None):
        self.folder, self.port, self.arguments = str(folder), port or free_port(), arguments
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.env = {}
        self.log = self.errors = open(f"{self.folder}.log", "ab")

    def start(self, wait=30):
        command = [BINARY, "serve", "--data", self.folder, "--listen", f"127.0.0.1:{self.port}"]
        started = time.monotonic()
        self.process = subprocess.Popen([*command, *self.arguments], stdout=self.log, stderr=self.errors, env=self.environment)
        while time.monotonic() - started < wait:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.tail()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), 0.2):
                    pass
                answer = requests.get(f"{self.url}/healthz", verify=self.ca, timeout=5)
                if answer.status_code == 200:
                    self.env = json.loads(self.run("env", "--format", "json").stdout)
                    self.start_seconds = time.monotonic() - started
                    return self
            except (OSError, RuntimeError, requests.RequestException):
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the server does not answer after {wait} s:\n{self.tail()}")

    def stop(self):
        """SIGTERM; gives the exit code and the seconds it took."""
        if self.process is None or self.process.poll() is not None:
            return None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        return code, time.monotonic() - began

    def kill(self):
        self.process.kill()
        self.process.wait()

    def run(self, *arguments, check=True, input=None, **more):
        """A command of the binary against this server's data folder."""
        command = [BINARY, arguments[0], *arguments[1:]]
        env = {**os.environ, "VEDETTE_DATA": self.folder}
        done = subprocess.run(command, capture_output=True, text=True, env=env, input=input, timeout=300, **more)
        if check and done.returncode != 0:
            raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr}")
        return done

    def tail(self):
        return pathlib.Path(f"{self.folder}.log").read_text(errors="replace")[-4000:]

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    @property
    def ca(self):
        return f"{self.folder}/keys/ca.pem"

    @property
    def workspace(self):
        e = self.env
        return (f"/subscriptions/{e['VEDETTE_SUBSCRIPTION_ID']}/resourceGroups/{e['VEDETTE_RESOURCE_GROUP']}"
                f"/providers/Microsoft.OperationalInsights/workspaces/{e['VEDETTE_WORKSPACE_NAME']}")

    def credential(self, **changes):
        from azure.identity import ClientSecretCredential
        e = {**self.env, **changes}
        return ClientSecretCredential(e["AZURE_TENANT_ID"], e["AZURE_CLIENT_ID"], e["AZURE_CLIENT_SECRET"],
                                      authority=e["AZURE_AUTHORITY_HOST"], disable_instance_discovery=True,
                                      connection_verify=self.ca)

    def token(self, resource=None):
        return self.run("token", *(["--resource", resource] if resource else [])).stdout.strip()

    def session(self, token=None):
        """A plain HTTP session with a token, for what no official client would send."""
        s = requests.Session()
        s.verify, s.trust_env = self.ca, False  # else REQUESTS_CA_BUNDLE of another server goes first
        s.headers["Authorization"] = f"Bearer {token or self.token()}"
        return s

    def ingestion(self, **options):
        from azure.monitor.ingestion import LogsIngestionClient
        return LogsIngestionClient(self.url, self.credential(), credential_scopes=[f"{self.url}/.default"],
                                   connection_verify=self.ca, **options)

    def logs(self):
        from azure.monitor.query import LogsQueryClient
        return LogsQueryClient(self.credential(), endpoint=f"{self.url}/v1", connection_verify=self.ca)

    def query(self, text, timespan=None):
        """Rows of the primary result, by the official query client."""
        answer = self.logs().query_workspace(self.env["VEDETTE_WORKSPACE_ID"], text, timespan=timespan)
        return [list(row) for row in answer.tables[0].rows]

    def create_table(self, name, columns):
        """A custom table, through the Log Analytics management client."""
        from azure.mgmt.loganalytics import LogAnalyticsManagementClient
        client = LogAnalyticsManagementClient(self.credential(), self.env["VEDETTE_SUBSCRIPTION_ID"], base_url=self.url,
                                              credential_scopes=[f"{self.url}/.default"], connection_verify=self.ca)
        names = [{"name": n, "type": t} for n, t in columns.items()]
        poller = client.tables.begin_create_or_update(
            self.env["VEDETTE_RESOURCE_GROUP"], self.env["VEDETTE_WORKSPACE_NAME"], name,
            {"properties": {"schema": {"name": name, "columns": names}}})
        return poller.result()


@pytest.fixture(scope="session")
def server():
    with tempfile.TemporaryDirectory(prefix="vedette-sdk-") as folder:
        server = Server(pathlib.Path(folder) / "data").start()
        # What clients read from the environment, as after: eval "$(vedette env)"
        os.environ.update(server.env)
        yield server
        code, seconds = server.stop() or (None, None)
        assert code == 0, server.tail()
        assert seconds < 10


@pytest.fixture
def own_server(tmp_path):
    """A server of one's own, for tests that hurt it."""
    server = Server(tmp_path / "data")
    yield server
    if server.process is not None and server.process.poll() is None:
        server.kill()


@pytest.fixture
def browser(server, tmp_path):
    """A real browser with an empty profile."""
    import browser as browsers
    if not browsers.PROGRAM:
        pytest.skip("Chromium is not installed: nothing is tried in a browser")
    browser = browsers.Chromium(tmp_path / "profile", server.port)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def samples():
    folder = SHARED / "samples"
    if not folder.is_dir():
        pytest.skip(f"no samples at {folder}: set VEDETTE_SHARED")
    return folder
