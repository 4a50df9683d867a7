"""What the tests with the official SDKs share: the fake LLM server, the SDKs in a process of Node, and llmload's own
providers, each asked many questions at once. Every process started here is stopped by its own id."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCES = pathlib.Path(__file__).parent / "sdk"
KEYS = {  # any key is accepted, but each has to be there
    "OPENAI_API_KEY": "test-key", "AZURE_OPENAI_API_KEY": "test-key", "ANTHROPIC_API_KEY": "test-key",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_REGION": "us-east-1",
}
TOKENS = 8  # of each answer of the fake server
# Every option of the fake server that these tests use, but for faults.
OPTIONS = ["--ttft", "5ms", "--ttft-sigma", "0", "--gap", "1ms", "--gap-sigma", "0", "--tokens", str(TOKENS),
           "--max-time", "7m"]

failures = []


def expect(holds, what, detail=""):
    """Notes a failure; prints what holds, too, so that a log shows what was tried."""
    print(("ok      " if holds else "FAILED  ") + what + ("" if holds else f": {str(detail)[:500]}"))
    if not holds:
        failures.append(what)


def finish():
    print(f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


def full():
    """True for the counts of the night instead of a slice of them."""
    return bool(os.environ.get("LLMLOAD_FULL_COUNTS"))


def environment(**more):
    """This process's, without what would lead llmload or an SDK elsewhere."""
    prefixes = ("LLMLOAD_", "OPENAI_", "AZURE_", "ANTHROPIC_", "AWS_", "OLLAMA_", "NODE_")
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(prefixes) and "proxy" not in name.lower()}
    return {**kept, **KEYS, **more}


def skip_unless_installed(folder):
    """Ends the test as skipped, in words, where Node, one new enough, or the packages are missing."""
    if shutil.which("node") is None:
        skip("no node (package nodejs)")
    wanted = json.loads((SOURCES / "package.json").read_text())["engines"]["node"].removeprefix(">=")
    version = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip("v\n")
    if numbers(version) < numbers(wanted):
        skip(f"node {version}; the SDKs need {wanted}")
    installed = folder / "installed.json"  # the lock file, copied when all packages are there
    if not installed.is_file() or installed.read_bytes() != (SOURCES / "package-lock.json").read_bytes():
        skip(f"the SDKs are not in {folder}, or of other versions: cmake/bootstrap.sh interop installs them")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def numbers(version):
    return [int(part) for part in version.split("-")[0].split(".")]


class FakeServer:
    """A fake LLM server while its block runs; `origin` is its URL without a path, `counters` what it says at its end."""

    def __init__(self, llmload, *options, tls=False):
        self.authority = tempfile.NamedTemporaryFile(suffix=".pem") if tls else None
        self.ca_file = self.authority.name if tls else None
        where = ["--ca-file", self.ca_file] if tls else ["--clear-text"]
        self.process = subprocess.Popen([llmload, "fake-server", *where, *OPTIONS, *options], stdout=subprocess.PIPE,
                                        text=True, env=environment())
        ready = self.process.stdout.readline().split()
        if ready[:2] != ["listening", "on"]:
            sys.exit(f"FAILED: the fake server does not start with {options}")
        self.origin = ready[2].removesuffix("/v1")
        self.counters = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.counters = json.loads(self.process.stdout.read())
        self.process.wait(timeout=20)
        self.process.stdout.close()


def copy_sources(folder):
    """Copies the scripts to where they find the packages; they are whole at any instant, as tests run together."""
    for source in SOURCES.glob("*.mjs"):
        copy = folder / f"{source.name}.{os.getpid()}"
        shutil.copyfile(source, copy)
        os.replace(copy, folder / source.name)


def ask_sdks(folder, questions, ca_file=None):
    """The SDKs' answers. A question names `sdk`, `call`, `origin`, `model` and `timeout` in ms."""
    copy_sources(folder)
    lines = "".join(json.dumps({"id": number, **question}) + "\n" for number, question in enumerate(questions))
    variables = environment(NODE_EXTRA_CA_CERTS=ca_file) if ca_file else environment()
    done = subprocess.run(["node", "ask.mjs"], cwd=folder, input=lines, stdout=subprocess.PIPE, text=True, env=variables,
                          check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    answers.sort(key=lambda answer: answer["id"])
    if [answer["id"] for answer in answers] != list(range(len(questions))):
        sys.exit("FAILED: not every question was answered once")
    return answers


def ask_llmload(ask_provider, provider, url, questions, ca_file=None, **variables):
    """What llmload's provider makes of the answers. A question is (streamed, deadline in ms, model)."""
    lines = "".join(f"{'stream' if streamed else 'whole'} {deadline} {model}\n" for streamed, deadline, model in questions)
    if ca_file:
        variables["LLMLOAD_CA_FILE"] = ca_file
    done = subprocess.run([ask_provider, provider, url], input=lines, stdout=subprocess.PIPE, text=True,
                          env=environment(**variables), check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
