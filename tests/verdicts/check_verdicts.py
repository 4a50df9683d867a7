"""Verdicts over sockets: of a generator that is stopped now and then, and of a service that fails.

Usage: check_verdicts.py LLMLOAD

LLMLOAD is the llmload command. Its fake server answers in about 5 ms on loopback, in a process of its own that goes on
while the generator is stopped: that must not be blamed on the service. Everything started here is stopped by its process id.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

LLMLOAD = sys.argv[1]
failures = []


def expect(holds, what, detail=""):
    print(("ok      " if holds else "FAILED  ") + what + ("" if holds else f": {detail}"))
    if not holds:
        failures.append(what)


def stop_each_second(process, seconds, times):
    while process.poll() is None and times > 0:
        times -= 1
        time.sleep(1 - seconds)
        try:
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(process.pid, signal.SIGCONT)
        except ProcessLookupError:
            return


def start_server(authority, *options):
    server = subprocess.Popen([LLMLOAD, "fake-server", "--ca-file", authority, "--ttft", "4ms", "--ttft-sigma", "0.1",
                               "--gap", "0", "--tokens", "16", "--max-time", "200s", *options],
                              stdout=subprocess.PIPE, text=True)
    return server, server.stdout.readline().split()[2]


def bench(url, authority, criterion, seconds, stops=None, rate="50/s", times=1000):
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        streams = [] if "ttft" in criterion else ["--no-stream"]
        command = [LLMLOAD, "bench", "--provider", "openai", "--url", url, "--ca-file", authority, "--model", "m", "--rate",
                   rate, "--duration", f"{seconds}s", "--workers", "1", *streams, "--slo", criterion, "--output",
                   f"json={report}", "--quiet"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLMLOAD_", "OPENAI_"))}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        if stops:
            threading.Thread(target=stop_each_second, args=(process, stops, times), daemon=True).start()
        process.wait(timeout=100)
        with open(report, encoding="utf-8") as file:
            return json.load(file)


def check_late_generators(url, authority):
    # Far from what a busy machine makes of 4 ms, so that this is about the rule.
    healthy = bench(url, authority, "latency:p95<500ms", 10)
    expect(healthy["verdict"] == "PASS", "a healthy run passes", healthy["reason"])
    near = bench(url, authority, "latency:p95<20ms", 10)
    if near["measured"]["figures"]["schedule_lag"]["p99"]["value_seconds"] <= 0.001:
        expect(near["verdict"] == "PASS", "so does one with a bound of 20 ms and a lag p99 of 1 ms", near["reason"])

    # Long enough for each of 24 blocks of time to see as many stops as the others.
    stopped = bench(url, authority, "latency:p95<20ms", 48, stops=0.09)
    result = stopped["criteria"][0]
    expect(result["observed"] > 0.02, "stops of 90 ms each second make the latency violate its bound", result["message"])
    expect(stopped["verdict"] == "INVALID", "and the run is INVALID, not FAIL", stopped["reason"])
    expect("the generator was" in stopped["reason"], "which says that the generator was late", stopped["reason"])

    if os.environ.get("LLMLOAD_FULL_COUNTS"):
        once = bench(url, authority, "latency:p99.9<100ms", 40, stops=0.3, rate="200/s", times=1)
        # All slow requests are of one block of time: that alone leaves it open.
        expect(once["verdict"] in ("INVALID", "INCONCLUSIVE"), "one stop of 300 ms does not fail p99.9", once["reason"])

    slow = bench(url, authority, "latency:p95<2ms", 10)
    expect(slow["verdict"] in ("FAIL", "INVALID"), "a service that is slower than its bound does not pass", slow["reason"])


def check_failing_service(criterion):
    def check(url, authority):
        failing = bench(url, authority, criterion, 5, rate="170/s")
        expect(failing["verdict"] == "FAIL", f"where 90 % of the requests fail, {criterion} FAILs", failing["reason"])
        expect(" requests failed: server_error (HTTP 500" in failing["reason"], "and names them", failing["reason"])
    return check


FAILING_CRITERIA = ("latency:p95<500ms", "ttft:p90<500ms", "throughput>=150/s")

with tempfile.TemporaryDirectory() as folder:
    for name, options, check in (("late", [], check_late_generators),
                                 # The one question before the load has to be answered.
                                 *((f"failing{number}", ["--fault", "status=500,p=0.9,arrivals=2..1000000"],
                                    check_failing_service(criterion))
                                   for number, criterion in enumerate(FAILING_CRITERIA))):
        authority = os.path.join(folder, name + ".pem")
        server, url = start_server(authority, *options)
        try:
            check(url, authority)
        finally:
            server.terminate()
            server.wait(timeout=20)
            server.stdout.close()
sys.exit(1 if failures else 0)
