"""The official SDKs against llmload's fake LLM server: every call of sdk_rows.py, in clear text and over HTTPS.

Usage: check_sdk_calls.py LLMLOAD FOLDER
       check_sdk_calls.py --table PAGE

LLMLOAD is the llmload command; FOLDER is where the packages of sdk/package.json are installed. Exits 77 where Node or the
packages are missing. With --table only the table in PAGE is compared with sdk_rows.py, and nothing is asked.
"""

import json
import pathlib
import sys

import sdk_session as session
from sdk_rows import COLUMNS, ROWS, TEXT, table
from sdk_session import expect

PROMPT_TOKENS = {False: 4, True: 6}  # of the prompts of question.mjs, as bytes / 4; True: the one that asks for JSON
TOOL = "book_table"
MEMBERS = {"restaurant": str, "guests": int}
OPINION = {"verdict": str, "stars": int, "reasons": list}


def check_table(page):
    text = pathlib.Path(page).read_text(encoding="utf-8")
    expect("\n\n" + "\n".join(table()) + "\n\n" in text, f"{page} has the table of the tests", "\n" + "\n".join(table()))
    lock = (session.SOURCES / "package-lock.json").read_text(encoding="utf-8")
    expect("://" not in lock, "package-lock.json names packages, and not where they come from")


def has(value, members):
    return isinstance(value, dict) and all(isinstance(value.get(name), kind) for name, kind in members.items())


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def check(row, call, answer, where):
    what = f"{row.sdk} {COLUMNS[call]}, {where}"
    if "error" in answer:
        return expect(False, what, answer["error"])
    usage = answer.get("usage")
    wanted = {"input": PROMPT_TOKENS[False], "output": session.TOKENS}
    if call in TEXT:
        expect(answer["text"] and answer["finish"] == row.finish, what, answer)
        expect(usage == wanted, f"{what}: the usage that the fake server states", usage)
    elif call in ("conversation", "image"):
        expect((answer["text"] or answer.get("tool")) and answer["finish"], what, answer)
    elif call == "models":
        expect(row.model in answer["text"].split() and answer["finish"], what, answer)
    elif "tools" in call:
        tool = answer.get("tool", {})
        expect(tool.get("name") == TOOL and has(tool.get("arguments"), MEMBERS), what, answer)
        expect(usage and min(usage.values()) > 0, f"{what}: has usage", usage)
    else:
        value = parsed(answer["text"])
        expect(has(value, OPINION if call == "schema" else {}), what, answer)
        expect(usage and min(usage.values()) > 0, f"{what}: has usage", usage)
    return None


def ask(folder, server, calls, where):
    questions = [{"sdk": row.sdk, "call": call, "origin": server.origin, "model": row.prefix + row.model, "timeout": 60000}
                 for row, call in calls]
    answers = session.ask_sdks(folder, questions, server.ca_file)
    for (row, call), answer in zip(calls, answers):
        check(row, call, answer, where)
    return answers


def check_http2(llmload, folder):
    for tls, words in ((False, "Protocol error"), (True, "no application protocol")):
        with session.FakeServer(llmload, tls=tls) as server:
            question = {"sdk": "bedrock/converse", "call": "http2", "origin": server.origin, "model": "m", "timeout": 60000}
            [answer] = session.ask_sdks(folder, [question], server.ca_file)
        refused = words in answer.get("error", {}).get("message", "")
        expect(refused, f"a client that has HTTP/2 only is refused: {words}", answer)


def main():
    if sys.argv[1] == "--table":
        check_table(sys.argv[2])
        session.finish()
    llmload, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    session.skip_unless_installed(folder)
    text = [(row, call) for row in ROWS for call in row.calls if call in TEXT]
    others = [(row, call) for row in ROWS for call in row.calls if call not in TEXT]
    with session.FakeServer(llmload) as server:
        answers = ask(folder, server, text, "in clear text")
    told = sum(answer["usage"]["output"] for answer in answers if "usage" in answer)
    expect(told == server.counters["tokens_sent"], "all output that the SDKs were told of is all that was sent",
           f"{told}, {server.counters['tokens_sent']}")
    for seed in range(1, 11 if session.full() else 2):  # which draws whether, and how often, a tool is called
        with session.FakeServer(llmload, "--model", "m", "--seed", str(seed)) as server:
            ask(folder, server, others, f"in clear text, seed {seed}")
    with session.FakeServer(llmload, tls=True) as server:
        ask(folder, server, text, "over HTTPS")
    expect(server.counters["tls_failures"] == 0, "no handshake failed", server.counters["tls_failures"])
    check_http2(llmload, folder)
    session.finish()


main()
