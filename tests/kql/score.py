#!/usr/bin/env python3
"""Holds the KQL engine against documented examples and published queries, and fails below thresholds.toml.

usage: tests/kql/score.py [path of the vedette binary]

The material and its scorer lie beside the repository, in ../shared/kql (elsewhere: VEDETTE_SHARED). Without them
nothing is measured, and this says so. Failures by cause: score-out/.
"""
import json
import os
import pathlib
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# what is measured: name, arguments of the scorer, and how the result reads in its report
MEASURES = [
    ("docs", "value", [], lambda r: (r["dev.value"]["pass"], r["dev.value"]["n"])),
    ("corpus", "bind", ["--mode", "inline"], lambda r: (r["bind"], r["n"])),
]


def main():
    binary = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/fast/vedette").resolve()
    shared = pathlib.Path(os.environ.get("VEDETTE_SHARED", ROOT.parent / "shared")).resolve()
    kit = shared / "kql"
    if not (kit / "score.py").is_file():
        print(f"SKIPPED: the measuring kit is not there ({kit}); set VEDETTE_SHARED to its parent folder")
        return 0
    if not binary.is_file():
        print(f"{binary} does not exist: run `make build` first", file=sys.stderr)
        return 3
    thresholds = tomllib.loads((HERE / "thresholds.toml").read_text())
    return 1 if [m for m in MEASURES if not holds(kit, binary, thresholds, *m)] else 0


def holds(kit, binary, thresholds, what, measure, arguments, read):
    """True if one score reaches its threshold."""
    out = ROOT / "score-out"
    environment = dict(os.environ, VEDETTE_QUERY_CMD=f"'{binary}' query --format json -f {{file}}", PYTHONDONTWRITEBYTECODE="1")
    for name in ("VEDETTE_URL", "VEDETTE_TOKEN"):
        environment.pop(name, None)
    jobs = os.environ.get("VEDETTE_JOBS", str(os.cpu_count() or 1))
    command = [sys.executable, str(kit / "score.py"), what, *arguments, "--jobs", jobs, "--out", str(out)]
    if subprocess.run(command, env=environment, check=False).returncode:
        print(f"score {what}.{measure}: below its threshold: the scorer itself failed")
        return False
    passed, total = read(json.loads((out / f"score-{what}-dev.json").read_text()))
    reached, wanted = passed / max(total, 1), thresholds[what][measure]
    ok = reached >= wanted
    verdict = "ok" if ok else "below its threshold"
    print(f"score {what}.{measure}: {verdict}: {passed}/{total} = {reached:.4f}, at least {wanted}")
    if ok and reached > wanted + 0.02:
        print(f"   raise {what}.{measure} in tests/kql/thresholds.toml to {reached - 0.01:.3f}")
    return ok


if __name__ == "__main__":
    sys.exit(main())
