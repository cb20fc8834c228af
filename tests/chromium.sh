#!/usr/bin/env bash
# Chromium, for the test that signs in with a passkey as a person does: installed where that is possible, else said aloud.
set -uo pipefail
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  { apt-get install -y -qq chromium || { apt-get update -qq && apt-get install -y -qq chromium; }; } >/dev/null 2>&1
fi
command -v chromium >/dev/null && exit 0
echo "Chromium is missing: the test of passkeys in a browser is skipped (Debian: sudo apt-get install chromium)" >&2
