#!/usr/bin/env bash
# az against the binary: az.sh [BINARY] [pytest arguments]. az lives in an environment of its own in the user's cache
# folder, made once for each version: 730 MB, and a minute or two.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=$(command -v python3) || { echo "python3 is missing: install it (Debian: apt-get install python3 python3-venv)" >&2; exit 3; }
mark=$(sha256sum "$here/az/azure-cli.requirements" | cut -c1-16)-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
place=${XDG_CACHE_HOME:-$HOME/.cache}/vedette/az-$mark
if [ ! -f "$place/complete" ]; then
  echo "installing az into $place"
  rm -rf "$place"
  "$python" -m venv "$place"
  "$place/bin/pip" install --quiet --disable-pip-version-check -r "$here/az/azure-cli.requirements"
  touch "$place/complete"
fi
export VEDETTE_AZ=$place/bin/az
exec "$here/run.sh" "${1:-}" test_az.py "${@:2}"
