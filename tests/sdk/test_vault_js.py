"""The official JavaScript clients: the files of js/ under Node, their packages installed once from the lock file."""

import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent / "js"
# what each file does, step by step
STEPS = {
    "secrets": ["versions", "life"],
    "keys": ["life", "rsa", "curves", "symmetric"],
    "certificates": ["selfSigned", "versionsAndPolicy", "life", "operations", "merge", "imports", "issuersAndContacts"],
}


@pytest.fixture(scope="module")
def packages():
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("node and npm are not installed: the JavaScript clients are not tried")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or HERE.parents[2] / "target")
    mark = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    place = target / f"sdk-js-{mark}"
    place.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, place)
    if not (place / "complete").exists():
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=place, check=True)
        (place / "complete").touch()
    for file in HERE.glob("*.js"):
        shutil.copy(file, place)
    return place


@pytest.mark.parametrize("family", STEPS)
def test_steps(server, packages, family):
    done = subprocess.run(["node", f"{family}.js"], cwd=packages, env={**os.environ, **server.env}, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == [word for step in STEPS[family] for word in (f"{step}:", "ok")]
