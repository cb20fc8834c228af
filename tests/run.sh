#!/usr/bin/env bash
# Runs everything that must hold before a change is kept: one line and the time for each step, all failures, and a
# summary at the end. `make test` and CI call it. STEPS="format lints" runs some of them; `az` is one that
# is run only when it is named.
set -uo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
binary=$target/fast/vedette
logs=$target/test-logs
mkdir -p "$logs"

# Every step compiles the whole workspace in one profile, so that the libraries below it are built once.
format() { cargo fmt --all -- --check; }
# Lints see the usual build, and the one crate that differs with the feature; tests and the binary have the feature.
lints() {
  cargo clippy --profile fast --workspace --all-targets -- -D warnings &&
    cargo clippy --profile fast -p crypto --all-targets --features pkcs11 -- -D warnings
}
tests() {
  tests/softhsm.sh
  if command -v cargo-nextest >/dev/null; then
    cargo nextest run --cargo-profile fast --workspace --features pkcs11 --no-fail-fast
  else
    cargo test --profile fast --workspace --features pkcs11 --no-fail-fast
  fi
}
examples() { cargo test --profile fast --workspace --features pkcs11 --doc; }
# with the tests beside it, since their dependencies switch features on: without them some libraries would be built again
binary() { cargo build --profile fast --workspace --features pkcs11 --bins --tests && "$binary" --version; }
kql() { tests/kql/score.py "$binary"; }
sdk() {
  export VEDETTE_FEATURES=pkcs11 # as the step before built it
  if [ -x tests/sdk/run.sh ]; then tests/sdk/run.sh "$binary"; else echo "skipped: no client tests in this checkout"; fi
}

# not among the usual steps: the first run installs 730 MB
az() { tests/sdk/az.sh "$binary"; }

# Passed, failed and skipped, as the runners of cargo, nextest and pytest and the scores tell them.
count() {
  awk '
    { gsub(/\033\[[0-9;]*m/, "") }
    /^test result:/ { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i; if ($(i+1) ~ /^ignored/) s += $i } }
    /^ *Summary \[/ || /^=+ .* in [0-9.]+s/ || /^[0-9]+ (passed|failed|skipped).* in [0-9.]+s/ {
      for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i; if ($(i+1) ~ /^skipped/) s += $i } }
    /^score .*: ok/ { p++ } /^score .*: below/ { f++ }
    END { print p + 0, f + 0, s + 0 }' "$1"
}

started=$SECONDS
passed=0 failed=0 skipped=0 table="" broken=""
for step in ${STEPS:-format lints tests examples binary kql sdk}; do
  echo "== $step"
  from=$SECONDS
  "$step" 2>&1 | tee "$logs/$step.log"
  result=${PIPESTATUS[0]}
  read -r p f s < <(count "$logs/$step.log")
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  word=ok
  if [ "$result" -ne 0 ]; then
    word=FAILED broken="$broken $step"
    [ "$f" -gt 0 ] || failed=$((failed + 1))
  elif [ $((p + f)) -eq 0 ]; then
    passed=$((passed + 1)) # a step without cases of its own counts as one
  fi
  table+=$(printf '  %-9s %-6s %5d s' "$step" "$word" $((SECONDS - from)))$'\n'
done

echo "== summary"
printf '%s' "$table"
[ -z "$broken" ] || echo "failed:$broken (logs in $logs)"
verdict=ok
[ -z "$broken" ] || verdict=FAILED
echo "test result: $verdict. $passed passed; $failed failed; $skipped ignored; finished in $((SECONDS - started)).00s"
[ -z "$broken" ]
