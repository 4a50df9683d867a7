"""The clocks of the tests, held to one rule. Usage: check_tests.py [SOURCE_DIR]

How long something takes depends on what else the machine does. So no file in tests/ reads a clock of the system except
the one in HELPER, which tells only that enough time has passed, and never how much. This script reports:

- the name of a clock of the system in any other C++ file of tests/: see CLOCKS;
- an expectation that a Stopwatch has *not* come to a duration, which is an upper bound again.

Comments do not count. It prints one line for each and ends with status 1 if there are any, and with status 2 if the
helper does not exist.
"""

import pathlib
import re
import sys

FOLDER = "tests"
HELPER = "tests/support/real_time.h"

STOPWATCH = f"Stopwatch of {HELPER}: expect AtLeast"
DEADLINE = f"RealTimeIn of {HELPER} for a deadline of the product, its {STOPWATCH}"
DATE = f"WallTime of {HELPER} for the date of now, std::chrono::sys_seconds or sys_time<Duration> for any other"
CPU = "an injected source of CPU time, or a fixed amount of work"
ORDER = "virtual time, the order of events or a count"

# What is found, and what to use instead.
CLOCKS = (
    (re.compile(r"\b(?:steady|high_resolution)_clock\b"), DEADLINE),
    (re.compile(r"\b(?:system|utc|tai|gps)_clock\b"), DATE),
    (re.compile(r"\bSystemClock\s*::\s*Instance\s*\(\s*\)\s*\.\s*Now\b"), DEADLINE),
    (re.compile(r"\bSystemClock\s*[&*]\s*\w+"),
     "SystemClock::Instance() itself, given to the product as its Clock&; a name of its own can be asked for the time"),
    (re.compile(r"\b(?:clock_gettime|gettimeofday|timespec_get|ftime)\b"), f"{DEADLINE}; for CPU time {CPU}"),
    (re.compile(r"(?<![\w.>])(?:std::|::)?time\s*\(\s*(?:nullptr|NULL|0|&\w+)\s*\)"), DATE),
    (re.compile(r"\bstd::clock\b|(?<![\w.>:])clock\s*\(\s*\)\s*[-+*/;]"), CPU),
    (re.compile(r"_FALSE\s*\([^;]*\bAtLeast\b|_TRUE\s*\(\s*!\s*[^;]*\bAtLeast\b"), ORDER),
)

COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.S)


def without_comments(text):
    """The text with blanks for comments, so that lines stay where they are; literals are kept."""
    return COMMENT.sub(lambda match: match[0] if match[0][0] == '"' else re.sub(r"[^\n]", " ", match[0]), text)


def problems_of(path, text):
    text = without_comments(text)
    found = []
    for pattern, instead in CLOCKS:
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append((line, f"{path}:{line}: {' '.join(match[0].split())}: use {instead}"))
    return [problem for _, problem in sorted(found)]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    if not (root / HELPER).is_file():
        print(f"{HELPER}: no such file")
        return 2
    files = [path.relative_to(root) for path in sorted((root / FOLDER).rglob("*")) if path.suffix in (".h", ".cc")]
    problems = []
    for path in files:
        if path != pathlib.PurePath(HELPER):
            problems += problems_of(path, (root / path).read_text())
    for problem in problems:
        print(problem)
    if not problems:
        print(f"tests: no clock of the system in {len(files)} files but {HELPER}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
