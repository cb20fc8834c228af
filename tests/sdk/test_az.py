"""az as it is, against the binary: the transcripts of az/, command by command. Opt-in, since az is large: az.sh."""

import json
import os
import pathlib
import re
import shlex
import subprocess

import pytest

AZ = os.environ.get("VEDETTE_AZ")
HERE = pathlib.Path(__file__).parent / "az"
pytestmark = pytest.mark.skipif(
    not AZ, reason="az is NOT TRIED: `make az` installs it (730 MB, in the user's cache folder) and runs these")


class Az:
    """An az with a home of its own: the cloud registered, nobody signed in."""

    def __init__(self, server, home):
        self.server, self.home = server, home
        self.environment = {
            **os.environ, **server.env,
            "AZURE_CONFIG_DIR": str(home / "config"),
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "AZURE_CORE_ONLY_SHOW_ERRORS": "true",
            "PYTHONPATH": str(HERE),  # its sitecustomize.py resolves names below localhost
        }
        self.good("cloud", "register", "--name", "vedette", "--endpoint-resource-manager", server.url)
        self.good("cloud", "set", "--name", "vedette")

    def run(self, *words):
        return subprocess.run([AZ, *words], cwd=self.home, env=self.environment, capture_output=True, text=True, timeout=120)

    def good(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, f"az {shlex.join(words)}\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def login(self, secret=None):
        env = self.server.env
        return self.run("login", "--service-principal", "--username", env["AZURE_CLIENT_ID"], "--password",
                        secret or env["AZURE_CLIENT_SECRET"], "--tenant", env["AZURE_TENANT_ID"])


def cases(text):
    """The blocks of a transcript: (name to keep the answer by, command, what is expected)."""
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        name, command = re.fullmatch(r"(?:(\w+) = )?(\$ .*)", lines[0]).groups()
        yield name, command.removeprefix("$ "), "\n".join(lines[1:])


def fill(text, known):
    """The text with {names} replaced by what is known."""
    def value(match):
        found = known.get(match[1], match[0])
        return found if isinstance(found, str) else json.dumps(found)
    return re.sub(r"\{(\w+)\}", value, text)


def files(home, known):
    """What commands read: the JSON files beside the transcripts, a self-signed certificate with its key."""
    for path in HERE.glob("*.json"):
        (home / path.name).write_text(fill(path.read_text(), known))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
                    "-subj", "/CN=az.example", "-days", "30"], cwd=home, check=True, capture_output=True)
    (home / "both.pem").write_bytes((home / "key.pem").read_bytes() + (home / "cert.pem").read_bytes())


@pytest.mark.parametrize("name", sorted(path.stem for path in HERE.glob("*.txt")))
def test_transcript(server, tmp_path, name):
    env = server.env
    known = {"sub": f"/subscriptions/{env['VEDETTE_SUBSCRIPTION_ID']}", "url": server.url, "port": str(server.port),
             "workspace": server.workspace, "workspace_id": env["VEDETTE_WORKSPACE_ID"], "tenant": env["AZURE_TENANT_ID"],
             "app": env["AZURE_CLIENT_ID"], "secret": env["AZURE_CLIENT_SECRET"]}
    az = Az(server, tmp_path)
    files(tmp_path, known)
    assert az.login().returncode == 0
    for keep, command, expected in cases((HERE / f"{name}.txt").read_text()):
        words = [fill(word, known) for word in shlex.split(command)]
        assert words[0] == "az", command
        done = az.run(*words[1:])
        told = f"$ {shlex.join(words)}\n{done.stdout}{done.stderr}"
        if expected.startswith("! "):
            assert done.returncode != 0 and fill(expected[2:], known) in done.stderr, told
            continue
        assert done.returncode == 0, told
        answer = json.loads(done.stdout) if done.stdout.strip() else None
        if keep:
            known[keep] = answer
        elif expected:
            assert answer == json.loads(fill(expected, known)), told


def test_a_wrong_secret(server, tmp_path):
    done = Az(server, tmp_path).login("wrong")
    assert done.returncode != 0 and "AADSTS7000215" in done.stderr, done.stderr
