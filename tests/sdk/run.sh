#!/usr/bin/env bash
# Official Azure clients against the binary: run.sh [BINARY] [pytest arguments]. Makes its own Python environment, once
# for each set of requirements.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
binary=${1:-$target/fast/vedette}
[ $# -gt 0 ] && shift
[ -x "$binary" ] || { echo "no binary at $binary: run 'make build' first" >&2; exit 3; }
VEDETTE_BINARY=$(cd "$(dirname "$binary")" && pwd)/$(basename "$binary")
export VEDETTE_BINARY

python=$(command -v python3) || { echo "python3 is missing: install it (Debian: apt-get install python3 python3-venv)" >&2; exit 3; }
mark=$(cat "$here"/requirements*.txt | sha256sum | cut -c1-16)-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
venv=$target/sdk-python-$mark
if [ ! -f "$venv/complete" ]; then
  rm -rf "$venv"
  if ! "$python" -m venv "$venv" 2>/dev/null; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
      apt-get install -y -qq python3-venv >/dev/null || { apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; }
      rm -rf "$venv" && "$python" -m venv "$venv"
    else
      echo "python3 has no venv: install it (Debian: sudo apt-get install python3-venv)" >&2
      exit 3
    fi
  fi
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$venv/securityinsight-preview" \
    -r "$here/requirements-securityinsight-preview.txt"
  # the sources of these have their test suites
  grep ^azure-keyvault- "$here/requirements.txt" >"$venv/suites.txt"
  "$venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary :all: --no-build-isolation \
    -d "$venv/suites" -r "$venv/suites.txt"
  touch "$venv/complete"
fi
"$root/tests/softhsm.sh"
"$root/tests/chromium.sh"
export SECURITYINSIGHT_PREVIEW=$venv/securityinsight-preview
cd "$here"
exec "$venv/bin/python" -m pytest -p no:cacheprovider -p no:asyncio -q -rs "$@"
