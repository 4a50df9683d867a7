"""The messages of docs/troubleshooting.md are the code's own. Usage: check_messages.py SOURCE_DIR

A message stands in the first column as code, with ... for what differs. Its pieces have to be in the
sources, up to what only exists when the program runs: numbers and names in the verdicts, and the words
of ctest, OpenSSL and services.
"""

import pathlib
import re
import sys

ELSEWHERE = ["Not Run (Disabled)", "No tests were found", "Problems when submitting", "FAIL: 1 of 1",
             "INCONCLUSIVE: 1 of 1", "Connection refused", "unable to get local issuer certificate", "HTTP 4",
             "code "]


def sources(root):
    text = ""
    for folder in ("src", "tools", "include", "cmake"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".cc", ".h", ".cmake"):
                text += path.read_text()
    text = re.sub(r'"\s*\n?\s*"', "", text)  # literals in a row are one
    return text.replace('\\"', '"')


def main():
    root = pathlib.Path(sys.argv[1])
    code = sources(root)
    page = (root / "docs/troubleshooting.md").read_text()
    unknown, checked = [], 0
    for row in re.findall(r"^\| (`.*?) \| ", page, re.M):
        for message in re.findall(r"`([^`]+)`", row):
            for piece in re.split(r'\.\.\.|: got "|", expected |: |, (?=[A-Zc])', message):
                piece = piece.strip(' ":,();.')
                if len(piece) < 6 or any(words in message and (words in piece or ": 1 of 1" in message) or
                                         piece.startswith(words) for words in ELSEWHERE):
                    continue
                checked += 1
                # "KIND from PROVIDER" is put together when the program runs.
                if piece.removesuffix(" from") not in code:
                    unknown.append(f"{piece!r} of {message!r}")
    if unknown or checked < 20:
        sys.exit(f"{checked} pieces checked; not in the sources:\n" + "\n".join(unknown))
    print(f"{checked} pieces of messages are in the sources")


if __name__ == "__main__":
    main()
