"""The test suites that Azure's SDK for Python brings along, as they are, against a live server."""

import os
import pathlib
import re
import subprocess
import sys
import tarfile
from xml.etree import ElementTree

import pytest

HERE = pathlib.Path(__file__).parent
# package, and how many tests it has at least that must pass
SUITES = [("azure-keyvault-secrets", 1000), ("azure-keyvault-keys", 1700), ("azure-keyvault-certificates", 1100)]


def suite_of(package):
    """The folder of tests in the package's sources, which run.sh laid down at the version that the other tests use."""
    pin = re.search(rf"^{package}==(\S+)$", (HERE / "requirements.txt").read_text(), re.M).group(1)
    folder = pathlib.Path(sys.prefix) / "suites" / f"{package.replace('-', '_')}-{pin}"
    if not folder.exists():
        with tarfile.open(f"{folder}.tar.gz") as archive:
            archive.extractall(folder.parent, filter="data")
    return folder / "tests"


@pytest.fixture(scope="module")
def premium(server):
    """A second vault, for what the suites ask of a Managed HSM."""
    group = f"{server.url}/subscriptions/{server.env['VEDETTE_SUBSCRIPTION_ID']}/resourceGroups/{server.env['VEDETTE_RESOURCE_GROUP']}"
    body = {"location": "local", "properties": {"tenantId": server.env["AZURE_TENANT_ID"], "sku": {"family": "A", "name": "premium"},
                                                "enableRbacAuthorization": True, "accessPolicies": []}}
    answer = server.session().put(f"{group}/providers/Microsoft.KeyVault/vaults/suites?api-version=2023-07-01", json=body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["properties"]["vaultUri"].rstrip("/")


@pytest.mark.parametrize("package,least", SUITES)
def test_suite(server, premium, package, least, tmp_path):
    named = {f"KEYVAULT_{name}": server.env[f"AZURE_{name}"] for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")}
    environment = {
        **os.environ, **server.env, **named, "PYTHONPATH": str(HERE / "suites"), "PYTHONDONTWRITEBYTECODE": "1",
        "KEYVAULT_SUBSCRIPTION_ID": server.env["VEDETTE_SUBSCRIPTION_ID"], "KEYVAULT_SKU": "premium",
        "AZURE_KEYVAULT_URL": premium.replace("//suites.", "//default."), "AZURE_MANAGEDHSM_URL": premium,
        "AZURE_KEYVAULT_ATTESTATION_URL": server.url, "REQUESTS_CA_BUNDLE": server.ca, "SSL_CERT_FILE": server.ca,
    }
    report = tmp_path / "report.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "live", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto",
         "-W", "ignore", "--tb=short", "--show-capture=no", f"--junitxml={report}", "."],
        cwd=suite_of(package), env=environment, capture_output=True, text=True, timeout=900)
    suite = ElementTree.parse(report).getroot().find("testsuite")
    passed = int(suite.get("tests")) - sum(int(suite.get(n)) for n in ("failures", "errors", "skipped"))
    assert done.returncode == 0, done.stdout[-8000:]
    assert passed >= least, done.stdout[-2000:]
