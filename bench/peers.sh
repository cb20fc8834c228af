#!/usr/bin/env bash
# Queries and ingestion beside DuckDB, ClickHouse (chdb), DataFusion and Polars in one run: peers.sh [BINARY].
# ROWS=1000000 SEED=7 PEERS=duckdb,chdb,datafusion,polars RUNS=5. The benchmark kit lies beside the project
# (../shared/bench, or VEDETTE_SHARED); the peers are installed into a venv under the user's cache, data and their stores
# are kept there for the next run. Answers are checked against a peer. Everything stays on loopback and ends by itself.
set -euo pipefail
binary=$(realpath "${1:-target/fast/vedette}")
kit=${VEDETTE_SHARED:-$(dirname "$0")/../../shared}/bench
rows=${ROWS:-1000000} seed=${SEED:-7} peers=${PEERS:-duckdb,chdb,datafusion,polars} runs=${RUNS:-5}
[ -f "$kit/run_bench.py" ] || { echo "skipped: the benchmark kit is not beside the project ($kit)" >&2; exit 0; }
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vedette/bench
mkdir -p "$cache"
python=$cache/venv/bin/python
if ! "$python" -c 'import duckdb, chdb, datafusion, polars, pyarrow, numpy' 2>/dev/null; then
  python3 -m venv "$cache/venv"
  "$python" -m pip install --quiet duckdb chdb datafusion polars pyarrow numpy
fi
data=$cache/rows-$rows-$seed stores=$cache/stores-$rows-$seed
if [ ! -f "$data/manifest.json" ]; then
  echo "making $rows rows (seed $seed)"
  "$python" "$kit/gen_logs.py" --rows "$rows" --seed "$seed" --out "$data" --format parquet,ndjson >"$cache/data.log" ||
    { cat "$cache/data.log" >&2; rm -rf "$data"; exit 1; }
fi
build=()
[ -f "$stores/built" ] || build=(--build)

work=$(mktemp -d) server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$work"' EXIT
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$binary" serve --data "$work/data" --listen "127.0.0.1:$port" --no-host-logs >"$work/log" 2>&1 &
server=$!
until curl -sk "https://127.0.0.1:$port/readyz" >/dev/null; do
  kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
  sleep 0.1
done
eval "$("$binary" env --data "$work/data")"
"$python" "$kit/run_bench.py" --data "$data" --store "$stores" --peers "$peers" "${build[@]}" --runs "$runs" ${QUERIES:+--queries "$QUERIES"} \
  --product --product-pid "$server" --product-dir "$work/data" --load http --out "$cache/last.json"
touch "$stores/built"
echo "the numbers as JSON: $cache/last.json"
