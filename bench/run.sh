#!/usr/bin/env bash
# Measures the performance goals P1 to P9 and prints one table: bench/README.md says what the lines mean.
#
#   bench/run.sh                  all of them, in less than 15 minutes
#   bench/run.sh --quick          the same with short windows, in less than 2 minutes
#   bench/run.sh --only P2,P4     some of them
#   bench/run.sh --skip-install   with the packages that are there
#
# Ends with 1 if a goal is missed. Installs the reference tools (Debian 12), builds build/bench, and
# talks to its own servers on the loopback address only.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf -- '-- bench: %s\n' "$*" >&2; }

quick=0
only=P1,P2,P3,P4,P5,P6,P7,P8,P9
install=1
while [ "$#" -gt 0 ]; do
  case "$1" in
    --quick) quick=1 ;;
    --skip-install) install=0 ;;
    --only)
      only="${2:-}"
      shift
      ;;
    *)
      printf 'run.sh: got "%s", expected --quick, --skip-install or --only P1,P2,...\n' "$1" >&2
      exit 2
      ;;
  esac
  shift
done
wanted() { [[ ",$only," == *",$1,"* ]]; }

if [ "$install" -eq 1 ]; then
  cmake/install_packages.sh nginx-light wrk hey nghttp2-client apache2-utils python3-aiohttp openssl \
    g++ cmake ninja-build libssl-dev nlohmann-json3-dev libgtest-dev libgmock-dev libboost1.81-dev >&2
fi
if command -v ccache >/dev/null && [ -z "${CMAKE_CXX_COMPILER_LAUNCHER:-}" ]; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
build="${LLMLOAD_BENCH_BUILD:-build/bench}"
say "building $build"
cmake --preset release -B "$build" -DLLMLOAD_BUILD_TESTS=OFF -DLLMLOAD_BUILD_TOOLS=OFF >/dev/null
cmake --build "$build" --target llmload_bench_programs >&2
programs="$build/bench"

work="$(mktemp -d)"
pids=()
stop() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM
results="$work/results"
: >"$results"
failures=0

# run SECONDS COMMAND...: one program, bounded in time; its figures go to the results.
run() {
  local bound="$1"
  shift
  if ! timeout --kill-after=5 "$bound" "$@" >>"$results"; then
    say "failed: $*"
    failures=$((failures + 1))
  fi
}

start_servers() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -keyout "$work/key.pem" -out "$work/certificate.pem" -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 2>/dev/null
  "$programs/llmload_stream_server" --certificate "$work/certificate.pem" --key "$work/key.pem" \
    >"$work/stream_server" &
  pids+=("$!")
  nginx_port="$(python3 -c 'import socket
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    print(free.getsockname()[1])')"
  write_nginx_configuration
  local nginx
  nginx="$(PATH="$PATH:/usr/sbin" command -v nginx)"
  "$nginx" -p "$work" -c "$work/nginx.conf" -e "$work/nginx.log" >&2 &
  pids+=("$!")
  local try
  for try in $(seq 50); do
    stream_port="$(sed -n 's/^port //p' "$work/stream_server")"
    if [ -n "$stream_port" ] && (: <"/dev/tcp/127.0.0.1/$nginx_port") 2>/dev/null; then return; fi
    sleep 0.1
  done
  say "a server did not come up within 5 s (attempt $try)"
  cat "$work/nginx.log" >&2
  exit 1
}

# An answer of 330 bytes, as static as can be.
write_nginx_configuration() {
  cat >"$work/nginx.conf" <<CONFIGURATION
daemon off;
master_process off;
pid $work/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
  uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  server {
    listen 127.0.0.1:$nginx_port ssl backlog=4096;
    ssl_certificate $work/certificate.pem;
    ssl_certificate_key $work/key.pem;
    ssl_protocols TLSv1.3;
    location = /v1/chat/completions {
      default_type application/json;
      return 200 '{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1741569952,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"Hello, friends!","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29}}';
    }
  }
}
CONFIGURATION
}

# stream PROGRAM ITEM STREAMS RATE SECONDS [MORE...]
stream() {
  local program="$1" item="$2" streams="$3" rate="$4" seconds="$5"
  shift 5
  # Connecting takes about 2 ms each on this machine, both sides together; events then go on for
  # a second or a period after the window.
  local bound=$((60 + streams / 100 + ${seconds%.*} * 2))
  # The packaged aiohttp belongs to the system's Python, whatever else is first in PATH.
  case "$program" in
    bare) run "$bound" "$programs/llmload_bare_loop" --item "$item" --port "$stream_port" \
      --streams "$streams" --rate "$rate" --seconds "$seconds" "$@" ;;
    llmload) run "$bound" "$programs/llmload_stream_client" --item "$item" --port "$stream_port" \
      --certificate "$work/certificate.pem" --streams "$streams" --rate "$rate" --seconds "$seconds" "$@" ;;
    aiohttp) run "$bound" /usr/bin/python3 bench/aiohttp_client.py --item "$item" --port "$stream_port" \
      --certificate "$work/certificate.pem" --streams "$streams" --rate "$rate" --seconds "$seconds" "$@" ;;
  esac
}

measure_p1() {
  local seconds=$((quick ? 2 : 5)) turns=$((quick ? 1 : 3)) tool
  for _ in $(seq "$turns"); do
    run 60 "$programs/llmload_unary_client" --port "$nginx_port" --certificate "$work/certificate.pem" \
      --seconds "$seconds"
    for tool in wrk hey h2load ab; do
      run 60 bench/reference.py "$tool" --port "$nginx_port" --seconds "$seconds" --directory "$work"
    done
  done
}

measure_p2() {
  local seconds=$((quick ? 2 : 5)) turns=$((quick ? 1 : 3)) streams
  for _ in $(seq "$turns"); do
    for streams in 400 1000 4000; do
      if [ "$quick" -eq 1 ] && [ "$streams" -eq 4000 ]; then continue; fi
      stream bare P2 "$streams" $((16000 / streams)) "$seconds"
      stream llmload P2 "$streams" $((16000 / streams)) "$seconds"
      stream bare P2 "$streams" $((16000 / streams)) "$seconds" --read-ahead 0
    done
  done
}

measure_p3() {
  local seconds=$((quick ? 2 : 5)) turns=$((quick ? 1 : 2)) streams
  for _ in $(seq "$turns"); do
    for streams in 50 200 500; do
      if [ "$quick" -eq 1 ] && [ "$streams" -ne 200 ]; then continue; fi
      stream llmload P3 "$streams" $((16000 / streams)) "$seconds"
      stream aiohttp P3 "$streams" $((16000 / streams)) "$seconds"
      if [ "$quick" -eq 1 ]; then continue; fi
      # As an inference server sends: all streams at once after each step of a batch.
      stream llmload P3 "$streams" 20 "$seconds" --spread 0
      stream aiohttp P3 "$streams" 20 "$seconds" --spread 0
    done
  done
}

measure_p4() {
  local streams most=$((quick ? 1000 : 5000))
  for streams in 100 "$most"; do
    stream bare P4 "$streams" 1 2
    stream llmload P4 "$streams" 1 2
  done
}

measure_p9() {
  local seconds=$((quick ? 2 : 5)) turns=$((quick ? 1 : 2)) streams
  for _ in $(seq "$turns"); do
    for streams in 10 100 1000; do
      if [ "$quick" -eq 1 ] && [ "$streams" -eq 10 ]; then continue; fi
      stream llmload P9 "$streams" $((8000 / streams)) "$seconds"
      stream bare P9 "$streams" $((8000 / streams)) "$seconds"
    done
  done
  if [ "$quick" -eq 1 ]; then return; fi
  stream llmload P9 10000 0.8 60 --settle 2
  stream bare P9 10000 0.8 10 --settle 2
}

start_servers
begin="$SECONDS"
for item in P1 P2 P3 P4 P5 P6 P7 P8 P9; do
  wanted "$item" || continue
  say "$item (at $((SECONDS - begin)) s)"
  case "$item" in
    P1) measure_p1 ;;
    P2) measure_p2 ;;
    P3) measure_p3 ;;
    P4) measure_p4 ;;
    P5) run 60 "$programs/llmload_schedule_lag_bench" --seconds $((quick ? 3 : 15)) ;;
    P6) run 120 "$programs/llmload_breaker_bench" --turns $((quick ? 5 : 15)) ;;
    P7) run 120 "$programs/llmload_virtual_time_bench" ;;
    P8) run 120 "$programs/llmload_metrics_bench" --records $((quick ? 10000000 : 100000000)) ;;
    P9) measure_p9 ;;
  esac
done
say "measured in $((SECONDS - begin)) s"
grep '^figure server' "$work/stream_server" >>"$results" || true
if [ -n "${LLMLOAD_BENCH_RESULTS:-}" ]; then cp "$results" "$LLMLOAD_BENCH_RESULTS"; fi
missed=0
bench/table.py "$results" || missed=1
[ "$failures" -eq 0 ] && [ "$missed" -eq 0 ]
