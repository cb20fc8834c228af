#!/usr/bin/env bash
# The vault beside nginx and openssl in one run: vault.sh [BINARY]. Needs wrk, nginx, openssl and python3 (Debian: apt-get
# install wrk nginx-light). Everything stays on loopback and ends by itself. Machines have slow minutes: the peers take turns
# with the vault, round after round, and a ratio is the middle one of those of the rounds.
set -euo pipefail
binary=$(realpath "${1:-target/fast/vedette}")
seconds=${SECONDS_EACH:-4} connections=${CONNECTIONS:-8} rounds=${ROUNDS:-3}
for tool in wrk nginx openssl python3; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install wrk nginx-light openssl python3" >&2; exit 3; }
done
work=$(mktemp -d) pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

began=$(date +%s%N)
"$binary" serve --data "$work/data" --listen "127.0.0.1:$port" --no-host-logs >"$work/log" 2>&1 &
pids+=($!)
server=$!
until curl -sk "https://127.0.0.1:$port/readyz" >/dev/null; do sleep 0.02; done
echo "first start, everything made: $((($(date +%s%N) - began) / 1000000)) ms"
eval "$("$binary" env --data "$work/data")"
token=$("$binary" token --resource https://vault.azure.net)
call() { # METHOD PATH BODY
  curl -sS --cacert "$VEDETTE_CA" -X "$1" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d "$3" "$VEDETTE_URL$2?api-version=7.6"
}
call PUT /secrets/bench '{"value":"'"$(head -c 150 /dev/urandom | base64 -w0)"'"}' >/dev/null
for kind in RSA2048 RSA4096 P256; do
  case $kind in RSA*) body='{"kty":"RSA","key_size":'${kind#RSA}'}' ;; *) body='{"kty":"EC","crv":"P-256"}' ;; esac
  call POST "/keys/$kind/create" "$body" >/dev/null
done

# nginx with the same certificate and an answer of the same size
cat >"$work/nginx.conf" <<N
worker_processes 2; daemon off; pid $work/nginx.pid; error_log $work/nginx.err;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path $work/a; proxy_temp_path $work/b; fastcgi_temp_path $work/c; uwsgi_temp_path $work/d; scgi_temp_path $work/e;
  server { listen 127.0.0.1:$((port + 1)) ssl http2; ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem; keepalive_requests 10000000;
    location / { default_type application/json; return 200 '{"value":"$(head -c 200 /dev/urandom | base64 -w0)"}'; } } }
N
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 2 -subj /CN=localhost 2>/dev/null
nginx -c "$work/nginx.conf" -p "$work" & pids+=($!)
sleep 0.5

rate() { awk '/Requests\/sec/ { print $2 }' "$1"; }
load() { # NAME URL [SCRIPT]
  wrk -t2 -c"$connections" -d"${seconds}s" --latency -H "Authorization: Bearer $token" -H 'Content-Type: application/json' ${3:+-s "$3"} "$2" >"$work/$1.txt"
  grep -q 'Non-2xx' "$work/$1.txt" && { grep Non-2xx "$work/$1.txt" >&2; cat "$work/log" | tail -3 >&2; }
  printf '%-34s %10s /s   p99 %s\n' "$1" "$(rate "$work/$1.txt")" "$(awk '/99%/ { print $2 }' "$work/$1.txt")"
}
sign() { # NAME ALGORITHM
  local digest; digest=$(head -c 32 /dev/urandom | base64 -w0 | tr '+/' '-_' | tr -d =)
  printf 'wrk.method = "POST"\nwrk.body = [[{"alg":"%s","value":"%s"}]]\n' "$2" "$digest" >"$work/$1.lua"
  load "sign-$1" "$VEDETTE_URL/keys/$1/sign?api-version=7.6" "$work/$1.lua"
}
cat >"$work/put.lua" <<'L'
local n = 0
request = function()
  n = n + 1
  return wrk.format("PUT", "/secrets/w" .. (n % 500) .. "?api-version=7.6", nil, '{"value":"' .. string.rep("x", 100) .. '"}')
end
L
speed() { # PATTERN ARGUMENT: signatures a second, both cores
  openssl speed -seconds 1 -multi 2 "$2" 2>/dev/null | awk -v k="$1" '$0 ~ k { for (i = 1; i <= NF; i++) if ($i ~ /s$/) last = i; print $(last + 1) }' | head -1
}
fsyncs() {
  python3 - "$work" <<'P'
import os, sys, time
f = os.open(sys.argv[1] + "/fsync", os.O_CREAT | os.O_WRONLY); end = time.time() + 1; n = 0
while time.time() < end:
    os.pwrite(f, b"x" * 4096, n % 64 * 4096); os.fsync(f); n += 1
print(n)
P
}
for round in $(seq "$rounds"); do
  load nginx "https://127.0.0.1:$((port + 1))/"
  load get-secret "$VEDETTE_URL/secrets/bench/?api-version=7.6"
  sign P256 ES256
  sign RSA2048 RS256
  rsa2048=$(speed 'rsa 2048' rsa2048)
  sign RSA4096 RS256
  rsa4096=$(speed 'rsa 4096' rsa4096) p256=$(speed nistp256 ecdsap256)
  seconds=2 load put-secret "$VEDETTE_URL/" "$work/put.lua"
  fsync=$(fsyncs)
  echo "  openssl speed, both cores: rsa2048 $rsa2048 sign/s, rsa4096 $rsa4096 sign/s, P-256 $p256 sign/s; fsync $fsync /s"
  for one in get-secret sign-P256 sign-RSA2048 sign-RSA4096 put-secret nginx; do echo -n "$(rate "$work/$one.txt") "; done >>"$work/rounds"
  echo "$rsa2048 $rsa4096 $p256 $fsync" >>"$work/rounds"
done
python3 - "$work/rounds" <<'P'
import statistics, sys
columns = "get p256 rsa2048 rsa4096 put nginx openssl_2048 openssl_4096 openssl_p256 fsync".split()
rounds = [dict(zip(columns, map(float, line.split()))) for line in open(sys.argv[1])]
for name, goal, ratio in [
    ("GET secret over nginx", 0.35, lambda r: r["get"] / r["nginx"]),
    ("sign P-256 over the lesser of openssl and nginx", 0.5, lambda r: r["p256"] / min(r["nginx"], r["openssl_p256"])),
    ("sign RSA-2048 over openssl", 0.6, lambda r: r["rsa2048"] / r["openssl_2048"]),
    ("sign RSA-4096 over openssl", 0.85, lambda r: r["rsa4096"] / r["openssl_4096"]),
    ("PUT secret over fsync", 0.5, lambda r: r["put"] / r["fsync"]),
]:
    ratios = sorted(map(ratio, rounds))
    print(f"  {name}: {statistics.median(ratios):.2f} (goal {goal}; the rounds: {' '.join(f'{r:.2f}' for r in ratios)})")
P

# GET while large keys are made
(for i in 1 2 3 4; do call POST "/keys/busy$i/create" '{"kty":"RSA","key_size":4096}' >/dev/null; done) & making=$!
load get-secret-while-keys-are-made "$VEDETTE_URL/secrets/bench/?api-version=7.6"
wait $making
grep -E 'VmRSS|VmHWM' "/proc/$server/status" | tr -s '\t ' ' '
kill "$server"; while kill -0 "$server" 2>/dev/null; do sleep 0.02; done
began=$(date +%s%N)
"$binary" serve --data "$work/data" --listen "127.0.0.1:$port" --no-host-logs >"$work/log2" 2>&1 & pids+=($!)
until [ "$(curl -sk -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $token" "https://127.0.0.1:$port/secrets/bench/?api-version=7.6")" = 200 ]; do sleep 0.01; done
echo "second start to the first secret: $((($(date +%s%N) - began) / 1000000)) ms (goal 300)"
