"""What the official SDKs make of every fault of llmload's fake LLM server, and whether llmload's providers agree with them.

Usage: check_sdk_faults.py LLMLOAD FOLDER ASK_PROVIDER

LLMLOAD is the llmload command; FOLDER is where the packages of sdk/package.json are installed; ASK_PROVIDER asks llmload's
providers. Exits 77 where Node or the packages are missing. With LLMLOAD_FULL_COUNTS=1 the slow faults are tried, too.

No answer that an SDK accepts as complete may be an error to llmload, and none that an SDK reports as an error a success, but
for the exceptions of sdk_faults.py, each with its reason.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys

import sdk_session as session
from sdk_faults import ANSWER, ERROR, FAULTS, INCOMPLETE, LLMLOAD_SAYS_OTHERWISE, SDK_SAYS_OTHERWISE, SILENCE
from sdk_rows import ROWS, TEXT
from sdk_session import expect

SILENT_MS = 1500  # how long silence is listened to
PATIENT_MS = 600000  # an answer has all the time that it needs
KINDS = {  # of llmload's errors, by the first digit of the status; the middle of docs/providers.md
    4: {"rate_limited", "quota_exhausted", "credential", "model_unavailable", "invalid_request", "context_length",
        "content_filter", "server_error", "overloaded"},
    5: {"server_error", "overloaded"},
}


def end_of(answer):
    if answer["silent"]:
        return SILENCE
    if "error" in answer:
        return ERROR
    return ANSWER if answer["text"] and answer["finish"] else INCOMPLETE


def found(exceptions, fault, row, call):
    return next((one for one in exceptions if one.covers(fault.spec, row.sdk, call)), None)


class Tried:
    """The calls of one run against one server, and what came of them."""

    def __init__(self, server, numbered):
        self.server = server
        self.calls = [(fault, row, call, row.prefix + f"f{number}")
                      for number, fault in numbered for row in ROWS for call in TEXT]

    @staticmethod
    def patience(fault, call):
        return SILENT_MS if SILENCE == (fault.stream if call == "stream" else fault.whole) else PATIENT_MS

    def ask_sdks(self, folder):
        questions = [{"sdk": row.sdk, "call": call, "origin": self.server.origin, "model": model,
                      "timeout": self.patience(fault, call)} for fault, row, call, model in self.calls]
        return session.ask_sdks(folder, questions, self.server.ca_file)

    def ask_llmload(self, ask_provider):
        """Of each call what llmload's provider says of the same; None where it has no such provider."""
        providers = {str(row.provider): row.provider for row in ROWS if row.provider}
        said = {}
        with concurrent.futures.ThreadPoolExecutor() as pool:  # most of their time they listen to silence
            for answers in pool.map(lambda provider: self.ask_one(ask_provider, provider), providers.values()):
                said.update(answers)
        return [said.get((str(row.provider), call == "stream", model)) for _, row, call, model in self.calls]

    def ask_one(self, ask_provider, provider):
        name, path, variables = provider
        questions = sorted({(call == "stream", self.patience(fault, call), model)
                            for fault, row, call, model in self.calls if row.provider == provider})
        answers = session.ask_llmload(ask_provider, name, self.server.origin + path, questions, self.server.ca_file,
                                      **variables)
        return {(str(provider), streamed, model): answer
                for (streamed, _, model), answer in zip(questions, answers, strict=True)}


def check_sdk(fault, row, call, answer):
    what = f"{row.sdk} {call}, {fault.spec}"
    end = end_of(answer)
    exception = found(SDK_SAYS_OTHERWISE, fault, row, call)
    wanted = exception.says if exception else (fault.stream if call == "stream" else fault.whole)
    expect(end == wanted, f"{what}: {wanted}" + (f" ({exception.why})" if exception else ""), answer)
    if fault.status and end == ERROR:
        status = answer["error"]["status"]
        expect(status == fault.status, f"{what}: of status {fault.status}", answer["error"])


def check_llmload(fault, row, call, answer, said):
    what = f"llmload as {row.sdk} {call}, {fault.spec}"
    exception = found(LLMLOAD_SAYS_OTHERWISE, fault, row, call)
    kind, end = said["kind"], end_of(answer)
    if exception:
        return expect(kind == exception.says, f"{what}: {kind} where the SDK has {end} ({exception.why})", said)
    if end == ANSWER:
        expect(kind == "success", f"{what}: a success", said)
        usage = {"input": said.get("input"), "output": said.get("output")}
        expect(answer.get("usage") == usage, f"{what}: of the same usage", f"{answer.get('usage')}, {usage}")
    elif end == SILENCE:
        expect(kind.endswith("_timeout"), f"{what}: a time-out", said)
    else:
        expect(kind != "success", f"{what}: not a success, as the SDK has {end}", said)
    if fault.status and end == ERROR:
        expect(said["status"] == fault.status and kind in KINDS[fault.status // 100],
               f"{what}: {kind} of status {fault.status}", said)
    return None


def try_faults(arguments, options, numbered, tls):
    llmload, folder, ask_provider = arguments
    with session.FakeServer(llmload, *options, tls=tls) as server:
        tried = Tried(server, numbered)
        answers = tried.ask_sdks(pathlib.Path(folder))
        said = tried.ask_llmload(ask_provider)
    print(f"-- {len(answers)} calls {'over HTTPS' if tls else 'in clear text'}")
    for (fault, row, call, _), answer, llmload_says in zip(tried.calls, answers, said, strict=True):
        check_sdk(fault, row, call, answer)
        if llmload_says:
            check_llmload(fault, row, call, answer, llmload_says)


def try_all(arguments, numbered, tls):
    together = [(number, fault) for number, fault in numbered if not fault.alone]
    # Each fault hits the requests for a model of its own, so that one server can have them all.
    prefixes = sorted({row.prefix for row in ROWS})
    options = [option for number, fault in together for prefix in prefixes
               for option in ("--fault", f"{fault.spec},model={prefix}f{number}")]
    try_faults(arguments, options, together, tls)
    for number, fault in numbered:
        if fault.alone:
            try_faults(arguments, ["--fault", fault.spec], [(number, fault)], tls)


def check_all_kinds(llmload):
    """That no kind of fault is left out: the server's help names them all."""
    help_text = subprocess.run([llmload, "fake-server", "--help"], check=True, capture_output=True, text=True).stdout
    kinds = set(re.findall(r"^  ([a-z-]+)", help_text.split("Faults (--fault")[1].split("Keys of every kind")[0], re.M))
    tried = {re.match("[a-z-]+", fault.spec)[0] for fault in FAULTS}
    expect(kinds == tried, "every kind of fault is tried", f"{kinds - tried} are not, {tried - kinds} do not exist")


def main():
    arguments = sys.argv[1:4]
    session.skip_unless_installed(pathlib.Path(arguments[1]))
    numbered = [(number, fault) for number, fault in enumerate(FAULTS) if session.full() or not fault.night]
    check_all_kinds(arguments[0])
    try_all(arguments, numbered, tls=False)
    try_all(arguments, [(number, fault) for number, fault in numbered if fault.tls], tls=True)
    for exception in (*SDK_SAYS_OTHERWISE, *LLMLOAD_SAYS_OTHERWISE):
        covers = any(exception.covers(fault.spec, row.sdk, call) for fault in FAULTS for row in ROWS for call in TEXT)
        expect(covers, f"{exception} is about something")
    session.finish()


main()
