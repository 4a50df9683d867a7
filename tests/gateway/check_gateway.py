"""A gateway that demands two headers, a member of the body, a path prefix and patience, tested by options alone.

Usage: check_gateway.py LLMLOAD FIXTURE [ANSWER_SECONDS]

LLMLOAD is the llmload command, FIXTURE the program of gateway_test.cc, which is told where the gateway is.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import gateway

LLMLOAD, FIXTURE = sys.argv[1:3]
SECONDS = sys.argv[3] if len(sys.argv) > 3 else "0.5"
failures = []
outputs = []


def expect(holds, what, detail=""):
    print(("ok      " if holds else "FAILED  ") + what + ("" if holds else f": {detail}"))
    if not holds:
        failures.append(what)


def run(command, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLMLOAD_", "OPENAI_"))}
    done = subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=False)
    outputs.append(done.stdout + done.stderr)
    return done


def bench(url, *options, **variables):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.json")
        done = run([LLMLOAD, "bench", "--url", url, "--model", "m", "--no-stream", "--concurrency", "2", "--requests", "4",
                    "--slo", "success>=100%", "--output", f"json={report}", "--output", "table", *options],
                   GATEWAY_KEY=gateway.KEY, **variables)
        text = report.read_text(encoding="utf-8") if report.exists() else "{}"
    outputs.append(text)
    print(done.stdout if SECONDS != "0.5" else "", end="")
    return done, json.loads(text)


HEADERS = ["--header", "X-Tenant: blue", "--header", "Authorization: Bearer ${GATEWAY_KEY}"]
BODY = ["--extra-body", '{"top_p":0.9,"metadata":{"team":"a"}}']

server = subprocess.Popen([sys.executable, "-B", str(pathlib.Path(__file__).with_name("gateway.py")), SECONDS],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
try:
    port = server.stdout.readline().strip()
    url = f"http://127.0.0.1:{port}/llm/v1"

    done, report = bench(url, *HEADERS, *BODY)
    expect(done.returncode == 0, "the command alone tests it", done.stderr)
    expect("X-Tenant, Authorization" in done.stdout, "the report names the headers", done.stdout)
    expect("top_p, metadata" in done.stdout, "the report names the members", done.stdout)
    done, report = bench(f"http://127.0.0.1:{port}", "--path", gateway.PATH, "--timeout", "90s", "--connections", "1",
                         LLMLOAD_HEADERS="X-Tenant: blue\nAuthorization: Bearer ${GATEWAY_KEY}",
                         LLMLOAD_EXTRA_BODY=BODY[1])
    expect(done.returncode == 0, "and by the environment, with a path and one connection", done.stderr)
    expect("total 90.0 s" in done.stdout and "at most 1" in done.stdout, "deadline and bound are named", done.stdout)

    for missing, options in [("path", [*HEADERS, *BODY]), ("X-Tenant", [*HEADERS[2:], *BODY]),
                             ("not the key", [*HEADERS[:2], "--header", "Authorization: Bearer x${GATEWAY_KEY}", *BODY]),
                             ("top_p", HEADERS)]:
        done, _ = bench(url.replace("/llm", "") if missing == "path" else url, *options)
        expect(done.returncode == 5 and missing in done.stderr, f"without {missing} the first question tells", done.stderr)

    fixture = run([FIXTURE], GATEWAY_URL=url, GATEWAY_KEY=gateway.KEY, SKIP_LOAD_TESTS="0")
    expect(fixture.returncode == 0 and "[  PASSED  ] 1 test" in fixture.stdout, "a fixture tests it",
           fixture.stdout + fixture.stderr)
    expect(not any(gateway.KEY in output for output in outputs), "no output holds the key")
finally:
    server.stdin.close()
    server.wait(timeout=60)

sys.exit(1 if failures else 0)
