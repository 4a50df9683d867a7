"""Holds what each public header pulls in to a table. Usage: check_header_lines.py BUILD [--update]

Whoever includes a header of llmload compiles all that it includes. BUILD is a folder that the preset `clang` has
configured; it has a source file for each public header. This script counts the lines that are left of each after the
preprocessor, and of a user's minimal load test. It fails if one has more than 1.2 times the lines of
cmake/header_lines.json, or none there. --update writes that table, which is for one compiler and its libraries: with
another this script says so in one line and ends with 0.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

TABLE = pathlib.Path(__file__).with_name("header_lines.json")
LOAD_TEST = "bench/compile_time/minimal_load_test.cc"
MAX_GROWTH = 1.2


def lines_of(entry):
    command = shlex.split(entry["command"].split(" -o ", 1)[0]) + ["-E", "-P", entry["file"]]
    text = subprocess.run(command, cwd=entry["directory"], check=True, capture_output=True, text=True).stdout
    return sum(1 for line in text.splitlines() if line.strip())


def versions(command):
    """What the numbers depend on: the compiler, the standard library and Boost."""
    compiler = shlex.split(command)[0]
    probe = ("#include <version>\n#include <boost/version.hpp>\n_GLIBCXX_RELEASE BOOST_VERSION\n")
    text = subprocess.run([compiler, "-std=c++20", "-E", "-P", "-x", "c++", "-"], input=probe, check=True,
                          capture_output=True, text=True).stdout
    version = subprocess.run([compiler, "--version"], check=True, capture_output=True, text=True).stdout
    return f"{version.splitlines()[0]}, libstdc++ and Boost {' '.join(text.split()[-2:])}"


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--update"]):
        print(f"check_header_lines.py: got {sys.argv[1:]}, expected a build folder, and --update or nothing")
        return 2
    commands = json.loads((pathlib.Path(sys.argv[1]) / "compile_commands.json").read_text())
    entries = {}
    for entry in commands:
        source = pathlib.Path(entry["file"])
        if source.parent.name == "headers" and source.parent.parent.name == "package":
            entries[re.match(r"#include <([^>]+)>", source.read_text())[1]] = entry
        elif entry["file"].endswith(LOAD_TEST):
            entries[LOAD_TEST] = entry
    if not entries:
        print(f"{sys.argv[1]}: no source files of public headers: configure it with the preset `clang`")
        return 2
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = dict(zip(entries, pool.map(lines_of, entries.values())))
    measured_with = versions(next(iter(entries.values()))["command"])
    if sys.argv[2:]:
        table = {"measured_with": measured_with, "lines": dict(sorted(seen.items()))}
        TABLE.write_text(json.dumps(table, indent=2) + "\n")
        return 0
    table = json.loads(TABLE.read_text())
    if table["measured_with"] != measured_with:
        print(f"header lines: SKIPPED: the table is for {table['measured_with']}, this is {measured_with}")
        return 0
    problems = []
    for header, lines in sorted(seen.items()):
        before = table["lines"].get(header)
        if before is None:
            problems.append(f"{header}: {lines} lines, and none in the table")
        elif lines > MAX_GROWTH * before:
            problems.append(f"{header}: {before} -> {lines} lines after the preprocessor, more than 20 % more")
    problems += [f"{header}: in the table, but not in the build" for header in sorted(set(table["lines"]) - set(seen))]
    for problem in problems:
        print(problem)
    if problems:
        print(f"If they are worth it: {sys.argv[0]} {sys.argv[1]} --update")
        return 1
    print(f"header lines: {len(seen)} files, from {min(seen.values())} to {max(seen.values())} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
