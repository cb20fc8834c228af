"""A seal under a key in a token: SoftHSM, and the binary with the feature pkcs11. A binary without it refuses by name."""

import json
import os
import pathlib
import shutil
import sqlite3
import subprocess

import pytest

from conftest import Server
from vault_clients import vault_session

MODULES = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"]
MODULE = next((m for m in MODULES if os.path.exists(m)), None)
URI, PIN, V = "pkcs11:token=house;object=unseal", "pin-2468-of-house", "api-version=7.4"

pytestmark = pytest.mark.skipif(MODULE is None or not shutil.which("softhsm2-util"),
                                reason="SoftHSM is missing (Debian: apt-get install softhsm2)")


class Token:
    """SoftHSM with one token in a folder of its own."""

    def __init__(self, folder):
        self.folder, self.pin = folder, folder / "pin"
        (folder / "tokens").mkdir(parents=True)
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
        self.environment = {"SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
        self.tool("--init-token", "--free", "--label", "house", "--pin", PIN, "--so-pin", "13579")
        self.pin.write_text(PIN + "\n")

    def tool(self, *arguments):
        subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True, env={**os.environ, **self.environment})


@pytest.fixture
def house(tmp_path):
    """A server that can reach a token, not yet started."""
    token = Token(tmp_path / "hsm")
    arguments = ("--no-host-logs", "--pkcs11-module", MODULE, "--pkcs11-pin-file", str(token.pin))
    server = Server(tmp_path / "data", arguments=arguments, environment=token.environment)
    yield server, token
    if server.process is not None and server.process.poll() is None:
        server.kill()


def rekey(server, *more, check=True):
    return server.run("vault", "rekey", "--pkcs11", URI, *more, check=check)


def start(house):
    """Started, with a secret, under the token; skipped where the binary has not the feature."""
    server, _ = house
    server.start()
    server.run("vault", "secret", "set", "s", input="kept by a token\n")
    done = rekey(server, "--pkcs11-make-key", check=False)
    if done.returncode != 0 and "built without PKCS#11" in done.stderr:
        assert "make build FEATURES=pkcs11" in done.stderr
        assert reads(server), "the old seal holds"
        if os.environ.get("VEDETTE_FEATURES") == "pkcs11":
            pytest.fail("this binary should have the feature pkcs11")
        pytest.skip("the binary has no PKCS#11: make build FEATURES=pkcs11")
    assert done.returncode == 0, done.stderr
    return done.stdout


def restart(server):
    server.stop()
    before = len(pathlib.Path(f"{server.folder}.log").read_text(errors="replace"))
    server.start()
    return pathlib.Path(f"{server.folder}.log").read_text(errors="replace")[before:]


def reads(server):
    answer = vault_session(server).get(f"{server.url}/secrets/s?{V}")
    if answer.status_code == 200:
        assert answer.json()["value"] == "kept by a token"
        return True
    assert answer.status_code == 503 and answer.json()["error"]["code"] == "VaultSealed", answer.text
    return False


def refused(server):
    """What an unseal by hand says."""
    done = server.run("vault", "unseal", check=False)
    assert done.returncode == 3 and not reads(server), done.stdout
    return done.stderr


def test_a_token_opens_at_the_start(house):
    server, token = house
    told = start(house)
    assert f"opens with: the token's key {URI} (aesGcm)" in told
    assert not (pathlib.Path(server.folder) / "keys/vault.unseal").exists()
    said = restart(server)
    assert "stays sealed" not in said and reads(server)
    status = server.session().get(f"{server.url}/vault/status").json()
    assert status["seals"] == [{"kind": "pkcs11", "uri": URI, "mechanism": "aesGcm"}] and not status["sealed"]
    server.run("vault", "seal")
    assert not reads(server)
    assert server.run("vault", "unseal").stdout.startswith("open") and reads(server)
    server.run("vault", "rotate-root")
    rekey(server)  # under the key that is there now
    restart(server)
    assert reads(server)
    for place in [pathlib.Path(f"{server.folder}.log"), *pathlib.Path(server.folder).rglob("*")]:
        assert place.is_dir() or PIN.encode() not in place.read_bytes(), place


def test_a_wrong_pin_is_not_tried_again(house):
    server, token = house
    start(house)
    token.pin.write_text("1111")
    said = restart(server)
    assert "stays sealed" in said and "refused the PIN in" in said and "1111" not in said
    for _ in range(4):
        assert "it is not shown again" in refused(server)
    token.pin.unlink()
    assert "there is no file" in refused(server)
    token.pin.write_text(PIN)
    assert server.run("vault", "unseal").stdout.startswith("open") and reads(server)


def test_a_token_that_is_missing(house):
    server, token = house
    start(house)
    server.stop()
    tokens, away = token.folder / "tokens", token.folder / "away"
    tokens.rename(away)
    tokens.mkdir()
    said = restart(server)
    assert "stays sealed" in said and "is not there" in said
    assert "is not there" in refused(server)
    tokens.rmdir()
    away.rename(tokens)  # it is put back in: no restart is needed
    assert server.run("vault", "unseal").stdout.startswith("open") and reads(server)


def test_a_key_that_is_missing_and_another_of_its_name(house):
    server, token = house
    start(house)
    server.stop()
    shutil.move(token.folder / "tokens", token.folder / "away")
    (token.folder / "tokens").mkdir()
    token.tool("--init-token", "--free", "--label", "house", "--pin", PIN, "--so-pin", "13579")
    assert "has no AES key" in restart(server) and "has no AES key" in refused(server)
    (token.folder / "aes").write_bytes(b"k" * 32)
    token.tool("--import", str(token.folder / "aes"), "--aes", "--token", "house", "--pin", PIN, "--label", "unseal", "--id", "01")
    assert "does not open the seal" in refused(server)
    shutil.rmtree(token.folder / "tokens")
    shutil.move(token.folder / "away", token.folder / "tokens")
    assert server.run("vault", "unseal").stdout.startswith("open") and reads(server)


def test_foreign_bytes_in_the_store(house):
    server, token = house
    start(house)
    server.run("vault", "rekey", "--pkcs11", URI, "--passphrase", input="a long passphrase")
    server.stop()
    store = sqlite3.connect(f"{server.folder}/state.db")
    for key, text in store.execute("select key, value from documents where collection = 'vault-seals'").fetchall():
        value = json.loads(text)
        if value["kind"] == "pkcs11":
            value["wrapped"] = ("A" if value["wrapped"][0] != "A" else "B") + value["wrapped"][1:]
            done = store.execute("update documents set value = ? where collection = 'vault-seals' and key = ?", (json.dumps(value), key))
            assert done.rowcount == 1
    store.commit()
    store.close()
    assert "does not open the seal" in restart(server) and "does not open the seal" in refused(server)
    assert server.run("vault", "unseal", "--passphrase", input="a long passphrase").stdout.startswith("open")
    assert reads(server)


def test_slips_of_a_rekey_change_nothing(house):
    server, token = house
    start(house)
    for uri, word in [("pkcs11:token=none;object=unseal", "is not there"), ("pkcs11:token=house;object=none", "--pkcs11-make-key"),
                      ("pkcs11:slot-id=0;object=unseal", "slots"), (f"{URI}?module-path=/tmp/x.so", "settings of the server"),
                      ("house", "no PKCS#11 URI")]:
        done = server.run("vault", "rekey", "--pkcs11", uri, check=False)
        assert done.returncode == 3 and word in done.stderr, (uri, done.stderr)
    restart(server)
    assert reads(server)


def test_the_pin_comes_from_systemd_or_a_variable(house):
    server, token = house
    start(house)
    credentials = token.folder / "credentials"
    credentials.mkdir()
    (credentials / "vault.pin").write_text(PIN)
    for name, value in [("CREDENTIALS_DIRECTORY", str(credentials)), ("VEDETTE_PKCS11_PIN", PIN)]:
        server.arguments = ("--no-host-logs", "--pkcs11-module", MODULE)
        server.environment.pop("CREDENTIALS_DIRECTORY", None)
        server.environment[name] = value
        restart(server)
        assert reads(server), name
    server.environment.pop("VEDETTE_PKCS11_PIN")
    assert "no PIN for the token 'house' was found in the variable VEDETTE_PKCS11_PIN" in restart(server)
    server.arguments = ("--no-host-logs",)
    assert "--pkcs11-module" in restart(server) and not reads(server)
