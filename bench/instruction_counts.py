#!/usr/bin/env python3
"""Counts the instructions of llmload's own code for one unit of each kind of work, and holds them to a table.

  instruction_counts.py [--build DIR] --check [TABLE]    fails if a kind grew by more than 2 %, and names the functions
  instruction_counts.py [--build DIR] --update [TABLE]   writes the table
  instruction_counts.py [--build DIR]                    prints the counts

DIR (default: build/release) is a build folder with the targets llmload_instruction_counts and llmload_tool. TABLE is
bench/instruction_counts.json unless another is named. --kinds KIND,... takes some kinds only. instruction_counts.cc says
what the units are.

A count is the difference of two runs under callgrind, one of N units and one of 3 N, divided by 2 N: what a run does
once cancels out. Only functions of the program itself count, Boost's headers among them, but not those of libc or
OpenSSL, which choose their code by the processor.

Exit code 1 if a kind grew, 2 for bad arguments and for a build or a run that is not as it should be, and 77, after one
line that says why, if nothing can be compared: there is no valgrind, or the table is for another compiler, build type,
Boost or processor.
"""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "bench" / "instruction_counts.json"
PROGRAM = "bench/llmload_instruction_counts"
SERVER = "tools/llmload"

# Kind of work, and its N. Enough for a cost that comes once in some units to be the same part of both runs.
KINDS = {"unary": 150, "token": 1000, "simulated": 1000, "simulated_stream": 500}

MAX_GROWTH = 0.02
SMALLEST = 0.003  # share of a kind's total from which on a function has a line of its own in the table
SHOWN = 8  # functions in a message
LONGEST_NAME = 110
SKIPPED = 77
RUN_SECONDS = 300

# The server answers late enough for the client to be asleep by then: see SendUnary().
SERVER_ARGUMENTS = ("fake-server", "--ttft", "5ms", "--ttft-sigma", "0", "--gap", "0", "--gap-sigma", "0",
                    "--tokens", "16", "--max-time", f"{RUN_SECONDS}s")


class Unusable(Exception):
    """Arguments, a build folder, a table or a run that cannot be used."""


class NotComparable(Exception):
    """Nothing is wrong, but there is nothing to compare with."""


# --- names of functions ---

def drop_nested(text, opening, closing, instead):
    """The text with each outermost bracketed part replaced."""
    parts = []
    depth = 0
    for c in text:
        if c == opening:
            if depth == 0:
                parts.append(instead)
            depth += 1
        elif c == closing and depth > 0:
            depth -= 1
        elif depth == 0:
            parts.append(c)
    return "".join(parts)


def short_name(name):
    """A demangled name without arguments, return type and the marks of the compiler's copies of one function."""
    if name.startswith("0x") or name == "???":
        return "(no name)"
    name = re.sub(r"'\d+$", "", name)  # callgrind's count of recursion
    part = ""
    for mark, meaning in ((".actor", " [coroutine]"), (".destroy", " [coroutine's end]")):
        if mark in name:
            part = meaning
    name = re.sub(r" \[clone [^]]*\]|\.(isra|part|constprop|cold|lto_priv|actor|destroy)\b(\.\d+)?", "", name)
    name = name.replace("(anonymous namespace)", "{anonymous}").replace("->", "\1")
    name = re.sub(r"operator\(\)", "operator\2", name)
    name = re.sub(r"operator(<=>|<<=?|>>=?|<=?|>=?)(?=[(<])",
                  lambda match: "operator" + match[1].replace("<", "\3").replace(">", "\4"), name)
    name = drop_nested(drop_nested(name, "<", ">", "<>"), "(", ")", "")
    name = re.sub(r"( const| volatile| noexcept|\[abi:\w+\]| &&?)+(?=$|::)", "", name)
    operator = re.search(r"\boperator ", name)
    before = name[:operator.start()] if operator else name
    name = name[before.rfind(" ") + 1:]  # after the return type
    for code, text in ("\1", "->"), ("\2", "()"), ("\3", "<"), ("\4", ">"):
        name = name.replace(code, text)
    if len(name) > LONGEST_NAME:  # callgrind could not demangle it
        name = name[:LONGEST_NAME] + "..."
    return name.replace("boost::asio::", "asio::") + part


# --- callgrind ---

NAMED = re.compile(r"(c?(?:fn|ob))=\((\d+)\)(?: (.*))?$")
COST = re.compile(r"(?:0x[0-9a-f]+|[+-]?\d+|\*)(?: (\d+))?$")


def own_costs(path, program):
    """Short name of each function of the object `program` -> instructions spent in the function itself."""
    names = {"fn": {}, "ob": {}}  # of functions and objects, by callgrind's numbers for them
    costs = collections.Counter()
    now = {"fn": "", "ob": ""}
    inclusive = False
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in map(str.rstrip, file):
            if named := NAMED.match(line):
                key = named[1].removeprefix("c")
                if named[3] is not None:
                    names[key][named[2]] = named[3]
                if named[1] in now:
                    now[key] = names[key][named[2]]
            elif line.startswith("calls="):
                inclusive = True  # the next line is the callee's cost
            elif cost := COST.match(line):
                if not inclusive and now["ob"] == program:
                    costs[now["fn"]] += int(cost[1] or 0)
                inclusive = False
    short = collections.Counter()
    for name, cost in costs.items():
        short[short_name(name)] += cost
    return short


@contextlib.contextmanager
def server(build, work):
    """A fresh server, so that request k gets the same answer in every run; its arguments for the program."""
    certificate = work / "ca.pem"
    with subprocess.Popen([build / SERVER, *SERVER_ARGUMENTS, "--ca-file", certificate], stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            line = process.stdout.readline()
            ready = re.search(r"listening on https://127\.0\.0\.1:(\d+)/", line)
            if not ready:
                raise Unusable(f"{SERVER} fake-server: said \"{line.strip()}\" and not where it listens")
            yield ["--port", ready[1], "--certificate", str(certificate)]
        finally:
            process.terminate()
            process.communicate()


def run_once(build, kind, count, work):
    """Instructions by function of a run, and what it was built with."""
    output = work / f"callgrind.{kind}.{count}"
    program = os.path.realpath(build / PROGRAM)
    with server(build, work) if kind == "unary" else contextlib.nullcontext([]) as arguments:
        command = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={output}", program, "--kind", kind,
                   "--count", str(count), *arguments]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise Unusable(f"{kind}: did not end within {RUN_SECONDS} s") from None
    if run.returncode != 0:
        raise Unusable(f"{kind}: ended with {run.returncode}: {run.stderr.strip()}")
    costs = own_costs(output, program)
    if not costs:
        raise Unusable(f"{kind}: callgrind counted nothing in {program}")
    return costs, run.stdout.strip()


def measure(build, kind, work):
    """Instructions of one unit: in all, and by function."""
    count = KINDS[kind]
    few, _ = run_once(build, kind, count, work)
    many, _ = run_once(build, kind, 3 * count, work)
    functions = {name: (many[name] - few[name]) / (2 * count) for name in many.keys() | few.keys()}
    return {"total": sum(functions.values()), "functions": functions}


# --- what a table is for ---

def cache_of(build):
    """The variables of a build folder."""
    try:
        text = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    except OSError as error:
        raise Unusable(f"--build: got \"{build}\", expected a build folder of CMake: {error.strerror}") from error
    return dict(re.findall(r"^([\w-]+):\w+=(.*)$", text, re.M))


def built_with(build):
    """What the counts depend on beside the code."""
    cache = cache_of(build)
    for path in PROGRAM, SERVER:
        if not os.access(build / path, os.X_OK):
            raise Unusable(f"--build: got \"{build}\", expected a folder with {path}: "
                           "build llmload_instruction_counts and llmload_tool in it")
    compiler = cache.get("CMAKE_CXX_COMPILER", "c++")
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    kind = cache.get("CMAKE_BUILD_TYPE", "")
    flags = f"{cache.get('CMAKE_CXX_FLAGS', '')} {cache.get(f'CMAKE_CXX_FLAGS_{kind.upper()}', '')}".strip()
    unity = cache.get("CMAKE_UNITY_BUILD", "OFF")
    boost = subprocess.run([build / PROGRAM, "--kind", "simulated"], capture_output=True, text=True, check=True).stdout
    return {
        # g++ and c++ are one compiler.
        "compiler": version.splitlines()[0].removeprefix(os.path.basename(compiler) + " "),
        "build_type": kind,
        "flags": flags,
        "unity": f"{unity}, {cache.get('CMAKE_UNITY_BUILD_BATCH_SIZE', 'of the default size')}",
        "libraries": boost.strip(),
        "processor": platform.machine(),
    }


def read_table(path):
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        for kind in table["kinds"].values():
            if not kind["total"] > 0 or not isinstance(kind["functions"], dict):
                raise ValueError("a kind without a total")
        return {"built_with": dict(table["built_with"]), "kinds": table["kinds"]}
    except OSError as error:
        raise Unusable(f"--check: got \"{path}\", expected a table that --update wrote: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"--check: got \"{path}\", expected a table that --update wrote: {error}") from error


def write_table(path, table):
    kinds = {}
    for kind, unit in table["kinds"].items():
        large = {name: round(cost, 1) for name, cost in unit["functions"].items() if cost > SMALLEST * unit["total"]}
        kinds[kind] = {"total": round(unit["total"], 1),
                       "functions": dict(sorted(large.items(), key=lambda item: (-item[1], item[0])))}
    try:
        path.write_text(json.dumps({"built_with": table["built_with"], "kinds": kinds}, indent=1) + "\n",
                        encoding="utf-8")
    except OSError as error:
        raise Unusable(f"--update: got \"{path}\", expected a file that can be written: {error.strerror}") from error


# --- comparing ---

def grown(before, after):
    """The functions that grew most, as lines. One that the table leaves out had at most a known cost."""
    below = SMALLEST * before["total"]
    rows = []
    for name, cost in after["functions"].items():
        was = before["functions"].get(name)
        growth = cost - (below if was is None else was)
        if growth > 0.0005 * before["total"]:
            text = f"at most {below:.0f}" if was is None else f"{was:.0f}"
            rows.append((growth, f"    {text} -> {cost:.0f}  {name}"))
    for name, was in before["functions"].items():
        if after["functions"].get(name, 0) < 0.1 * was:
            rows.append((0, f"    {was:.0f} -> {after['functions'].get(name, 0):.0f}  {name}"))
    rows.sort(key=lambda row: -row[0])
    return [text for _, text in rows[:SHOWN]] or ["    (none by itself)"]


def compare(table, measured):
    """Prints a line for each kind, more where one grew. True if none did."""
    good = True
    for kind, after in measured.items():
        before = table["kinds"].get(kind)
        if before is None:
            print(f"{kind}: {after['total']:.0f} instructions, and no line in the table: update it")
            good = False
            continue
        change = after["total"] / before["total"] - 1
        line = f"{kind}: {before['total']:.0f} -> {after['total']:.0f} instructions, {change:+.2%}"
        if change > MAX_GROWTH:
            good = False
            print(f"{line}: GREW by more than {MAX_GROWTH:.0%}. What grew most, per unit, and what is gone:")
            print("\n".join(grown(before, after)))
        elif change < -MAX_GROWTH:
            print(f"{line}: shrank; bench/instruction_counts.py --update would keep it from growing back")
        else:
            print(line)
    return good


def run(options):
    if shutil.which("valgrind") is None:
        raise NotComparable("valgrind is not installed")
    build = options.build
    table = read_table(options.check) if options.check else None
    here = built_with(build)
    if table:
        different = [f"{key} {here[key]}, table: {table['built_with'].get(key)}" for key in here
                     if table["built_with"].get(key) != here[key]]
        if different:
            raise NotComparable("the table is for another build: " + "; ".join(different))
    with tempfile.TemporaryDirectory() as folder:
        measured = {kind: measure(build, kind, pathlib.Path(folder)) for kind in options.kinds}
    if options.update:
        write_table(options.update, {"built_with": here, "kinds": measured})
    if table:
        return 0 if compare(table, measured) else 1
    for kind, unit in measured.items():
        print(f"{kind}: {unit['total']:.1f} instructions")
    return 0


def kinds_of(text):
    names = text.split(",")
    for name in names:
        if name not in KINDS:
            raise argparse.ArgumentTypeError(f"got \"{name}\", expected some of {','.join(KINDS)}")
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", type=pathlib.Path, nargs="?", const=TABLE, metavar="TABLE")
    what.add_argument("--update", type=pathlib.Path, nargs="?", const=TABLE, metavar="TABLE")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release", metavar="DIR")
    parser.add_argument("--kinds", type=kinds_of, default=list(KINDS), metavar="KIND,...")
    options = parser.parse_args()
    if options.update and len(options.kinds) < len(KINDS):
        parser.error("--update: a table holds all kinds, so --kinds cannot be given")
    try:
        return run(options)
    except NotComparable as reason:
        print(f"instruction_counts.py: skipped: {reason}")
        return SKIPPED
    except Unusable as problem:
        print(f"instruction_counts.py: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
