"""llmload bench against a mock LLM server of npm that cuts emoji in two between the chunks of its streams.

Usage: check_mock_server.py LLMLOAD FOLDER

LLMLOAD is the llmload command; FOLDER is where the packages of sdk/package.json are installed. Exits 77 where Node or the
packages are missing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import sdk_session as session
from sdk_session import expect

# The provider, the path of its URL, its variables, and how many requests. InvokeModel is not among them: the mock does not
# put its events into `bytes`, so that the AWS SDK cannot read them either.
TARGETS = (
    ("openai", "/v1", {}, 1000),
    ("azure", "", {}, 100),
    ("anthropic", "", {}, 100),
    ("bedrock", "", {"LLMLOAD_BEDROCK_API": "converse"}, 100),
    ("ollama", "", {}, 100),
)


def bench(llmload, url, provider, variables, requests, report):
    subprocess.run([llmload, "bench", "--provider", provider, "--url", url, "--model", "anthropic.m", "--concurrency", "8",
                    "--requests", str(requests), "--slo", "failed==0", "--output", f"json={report}", "--quiet"],
                   env=session.environment(**variables), check=False, stdout=subprocess.DEVNULL)
    with open(report, encoding="utf-8") as file:
        return json.load(file)


def main():
    llmload, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    session.skip_unless_installed(folder)
    session.copy_sources(folder)
    server = subprocess.Popen(["node", "mock_server.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, env=session.environment())
    try:
        origin = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as reports:
            for provider, path, variables, requests in TARGETS:
                report = bench(llmload, origin + path, provider, variables, requests, os.path.join(reports, "report.json"))
                counts = report["measured"]["requests"]
                what = " ".join((provider, *variables.values()))
                expect(counts["succeeded"] == requests, f"{what}: 0 failed of {requests}", report["measured"]["errors"])
                tokens = report["measured"]["tokens"]["output_tokens"]
                expect(tokens >= requests, f"{what}: all answers have tokens", tokens)
    finally:
        server.stdin.close()  # which ends it
        server.wait(timeout=20)
        server.stdout.close()
    session.finish()


main()
