"""Streams behind a real nginx: with its buffering as it comes (HTTP/1.0 to the service), and switched off.

Usage: check_nginx.py LLMLOAD

LLMLOAD is the llmload command: its fake server is the service behind nginx, and its bench measures it. Everything
started here listens on loopback and is stopped by its process id. Exits 77 where nginx is missing.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
if NGINX is None:
    print("skipped: no nginx (package nginx)")
    sys.exit(77)
LLMLOAD = sys.argv[1]

CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_buffering {buffering};
      proxy_buffer_size {size}; proxy_buffers 8 {size}; }}
  }}
}}
"""
failures = []


def expect(holds, what, detail=""):
    print(("ok      " if holds else "FAILED  ") + what + ("" if holds else f": {detail}"))
    if not holds:
        failures.append(what)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A process that is stopped at the end of its block."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(command, text=True, **options)

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)
        if self.process.stdout:
            self.process.stdout.close()


def measure(buffering, gap_ms, tokens, size="4k", stops=False):
    """What bench says of answers of so many tokens through nginx with buffers of this size."""
    server = Running([LLMLOAD, "fake-server", "--clear-text", "--ttft", "20ms", "--gap", f"{gap_ms}ms", "--gap-sigma",
                      "0.1", "--tokens", str(tokens), "--max-time", "2m"], stdout=subprocess.PIPE)
    with server as upstream, tempfile.TemporaryDirectory() as folder:
        origin = upstream.stdout.readline().split()[2]
        port = free_port()
        file = os.path.join(folder, "nginx.conf")
        with open(file, "w", encoding="ascii") as configuration:
            configuration.write(CONFIGURATION.format(folder=folder, port=port, buffering=buffering, size=size,
                                                     upstream=origin.rsplit(":", 1)[1].split("/")[0]))
        with Running([NGINX, "-c", file, "-e", "stderr"], stderr=subprocess.DEVNULL):
            for _ in range(200):
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            return bench(f"http://127.0.0.1:{port}/v1", tokens, os.path.join(folder, "report.json"), stops)


def bench(url, tokens, report, stops):
    command = [LLMLOAD, "bench", "--provider", "openai", "--url", url, "--model", "m", "--rate", "20/s", "--duration", "1500ms",
               "--workers", "1", "--max-tokens", str(tokens), "--slo", "tpot:p50<5s", "--slo", "gap:p50<5s", "--output",
               f"json={report}", "--quiet"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLMLOAD_", "OPENAI_"))}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    if stops:
        threading.Thread(target=stop_now_and_then, args=(process,), daemon=True).start()
    process.wait(timeout=100)
    with open(report, encoding="utf-8") as file:
        return json.load(file)


def stop_now_and_then(process):
    """Makes a late client: stopped for 10 ms, running for 10 ms."""
    while process.poll() is None:
        try:
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(0.01)
            os.kill(process.pid, signal.SIGCONT)
        except ProcessLookupError:
            return
        time.sleep(0.01)


def expect_judged(report, what):
    for result in report["criteria"]:
        expect(result["verdict"] == "PASS", f"{what}: {result['name']}", result["message"])


def expect_open(report, what, words):
    for result in report["criteria"]:
        holds = result["verdict"] == "INCONCLUSIVE" and words in result["message"]
        expect(holds, f"{what}: {result['name']}", result["message"])


plain = measure("off", 20, 40)
expect_judged(plain, "without buffering")
expect(plain["measured"]["requests"]["streams_in_one_piece"] == 0, "none of them in one piece")

short = measure("on", 20, 20, size="16k")
expect_open(short, "short answers behind a buffer", "answers arrive in one piece")
expect(short["measured"]["figures"]["tpot"]["count"] == 0, "they have no time per token, and not one of zero")

long = measure("on", 10, 200)
expect_open(long, "long answers behind a buffer", "answers arrive in bursts")
tpot = long["measured"]["figures"]["tpot"]
expect(tpot["count"] > 0 and tpot["p50"]["value_seconds"] >= 0.008, "their time per token is that of the service", tpot)

fast = measure("off", 1, 200)
expect_judged(fast, "1000 tokens a second")

late = measure("off", 1, 40, stops=True)  # reads a thousand tokens a second in heaps
for result in late["criteria"]:
    expect("arrive in" not in result["message"], f"a late client: {result['name']}", result["message"])
sys.exit(1 if failures else 0)
