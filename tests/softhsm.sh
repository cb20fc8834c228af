#!/usr/bin/env bash
# SoftHSM, a token in software, for the tests of the PKCS#11 seal: installed where that is possible, else said aloud.
set -uo pipefail
command -v softhsm2-util >/dev/null && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  { apt-get install -y -qq softhsm2 || { apt-get update -qq && apt-get install -y -qq softhsm2; }; } >/dev/null 2>&1
fi
command -v softhsm2-util >/dev/null && exit 0
echo "SoftHSM is missing: the tests of the PKCS#11 seal are skipped (Debian: sudo apt-get install softhsm2)" >&2
