#!/usr/bin/env python3
"""Runs one tool that P1 is compared with, and prints its requests per second of its own CPU time.

  reference.py TOOL --port N --seconds S --directory TEMP [--concurrency 64]

TOOL: wrk, hey, h2load or ab. CPU time (user + system) is that of the tool's process, from wait4(2).
"""
import argparse
import os
import re
import subprocess
import sys

# The body unary_client sends.
BODY = (
    '{"model":"gpt-4o","messages":[{"role":"user",'
    '"content":"Say hello to everyone, in four words at most"}],"max_tokens":16}'
)
assert len(BODY) == 120, len(BODY)


def command_of(tool, url, seconds, concurrency, directory):
    """The command line, and the pattern of the number of successful requests in its output."""
    body = os.path.join(directory, "body.json")
    with open(body, "w", encoding="utf-8") as file:
        file.write(BODY)
    many = str(10**8)
    if tool == "wrk":
        script = os.path.join(directory, "post.lua")
        with open(script, "w", encoding="utf-8") as file:
            file.write(
                'wrk.method = "POST"\n'
                'wrk.headers["Content-Type"] = "application/json"\n'
                f"wrk.body = [[{BODY}]]\n"
            )
        return (
            ["wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", "-s", script, url],
            r"(\d+) requests in",
        )
    if tool == "hey":
        return (
            ["hey", "-c", str(concurrency), "-z", f"{seconds}s", "-m", "POST", "-T", "application/json"]
            + ["-D", body, url],
            r"\[200\]\s+(\d+) responses",
        )
    if tool == "h2load":
        return (
            ["h2load", "--h1", "-t1", f"-c{concurrency}", f"-D{seconds}", "-d", body]
            + ["-H", "Content-Type: application/json", url],
            r"(\d+) succeeded",
        )
    return (
        ["ab", "-q", "-k", "-c", str(concurrency), "-t", str(seconds), "-n", many, "-p", body]
        + ["-T", "application/json", url],
        r"Complete requests:\s+(\d+)",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=["wrk", "hey", "h2load", "ab"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--directory", required=True)
    arguments = parser.parse_args()

    url = f"https://127.0.0.1:{arguments.port}/v1/chat/completions"
    command, pattern = command_of(
        arguments.tool, url, arguments.seconds, arguments.concurrency, arguments.directory
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    found = re.search(pattern, output)
    if process.returncode != 0 or found is None or "Non-2xx" in output:
        sys.exit(f"reference.py: {' '.join(command)} ended with {process.returncode}:\n{output}")
    requests = int(found.group(1))
    print(f"figure P1 {arguments.tool} requests_per_cpu_second {requests / (usage.ru_utime + usage.ru_stime):.6g}")
    print(f"figure P1 {arguments.tool} requests_per_second {requests / arguments.seconds:.6g}")


main()
