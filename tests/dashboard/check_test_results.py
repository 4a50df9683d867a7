"""What GoogleTest and CTest write about load tests: headline figures, well-formed whatever a service says, no secret.

Usage: check_test_results.py HOSTILE_LOAD_TEST CTEST
"""

import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

KEY = "sk-canary-key-4711"
PASSES, FAILS = "Virtual.Passes", "Hostile.Fails"
TEXTS = ["verdict", "reason", "run_id", "seed", "model", "report"]
FIGURES = ["requests_scheduled", "requests_succeeded", "requests_failed", "success_rate", "throughput_per_second"]
LATENCIES = ["scheduled_latency_p50_seconds", "scheduled_latency_p95_seconds", "scheduled_latency_p99_seconds",
             "ttft_p95_seconds", "output_tokens_per_second"]


class Failure(Exception):
    pass


def expect(condition, message):
    if not condition:
        raise Failure(message)


def environment():
    env = {name: value for name, value in os.environ.items()
           if not re.match(r"(LLMLOAD_|SKIP_LOAD_TESTS|CTEST_|DASHBOARD_|GTEST_|OPENAI_)", name)}
    env.update({"OPENAI_API_KEY": KEY, "LLMLOAD_LOCAL_API_KEY": KEY, "LLMLOAD_SEED": "7"})
    return env


def parse(file):
    """Fails unless the file is well-formed."""
    data = file.read_bytes()
    expect(KEY.encode() not in data, f"{file.name} holds a secret")
    return ElementTree.fromstring(data)


def check_properties(properties, name, source):
    """`properties`: pairs as they stand in a file, before any is lost because its name comes twice."""
    found = dict(properties)
    expect(len(found) == len(properties), f"{source}: {name}: a property stands twice in {properties}")
    for key in TEXTS + FIGURES + (LATENCIES if name == PASSES else []):
        expect(found.get(key), f"{source}: {name}: no {key} among {sorted(found)}")
    for key in FIGURES:
        expect(math.isfinite(float(found[key])), f"{source}: {name}: {key} is {found[key]}")
    expect(found["verdict"] == ("PASS" if name == PASSES else "FAIL"), f"{source}: {name}: {found['verdict']}")
    expect(float(found["success_rate"]) == (1 if name == PASSES else 0), f"{source}: {name}: {found['success_rate']}")
    expect(found["seed"] == "7", f"{source}: {name}: seed {found['seed']}")
    expect(found["report"].endswith(".json"), f"{source}: {name}: report {found['report']}")
    expect("\x1b" not in found["model"], f"{source}: {name}: control characters in {found['model']!r}")


def check_google_test(folder, program):
    file = folder / "google test.xml"
    subprocess.run([program, f"--gtest_output=xml:{file}"], env=environment() | {"LLMLOAD_REPORT_DIR": str(folder)},
                   cwd=folder, capture_output=True, check=False, timeout=60)
    cases = {f"{node.get('classname')}.{node.get('name')}": node for node in parse(file).iter("testcase")}
    for name in (PASSES, FAILS):
        properties = [(node.get("name"), node.get("value")) for node in cases[name].iter("property")]
        check_properties(properties, name, file.name)
    failures = list(cases[FAILS].iter("failure"))
    expect(len(failures) == 1, f"{len(failures)} failures of {FAILS}")
    lines = pathlib.Path(__file__).with_name("hostile_load_test.cc").read_text().splitlines()
    line = 1 + next(i for i, text in enumerate(lines) if "the line that the failure names" in text)
    expect(f"hostile_load_test.cc:{line}" in failures[0].get("message"), failures[0].get("message"))


def check_ctest(folder, program, ctest):
    (folder / "DartConfiguration.tcl").write_text(
        f"SourceDirectory: {folder}\nBuildDirectory: {folder}\nSite: here\nBuildName: build\n")
    (folder / "CTestTestfile.cmake").write_text("".join(
        f'add_test({name} "{program}" "--gtest_filter={name}")\n'
        f'set_tests_properties({name} PROPERTIES ENVIRONMENT "LLMLOAD_REPORT_DIR={folder}")\n'
        for name in (PASSES, FAILS)))
    junit = folder / "junit.xml"
    subprocess.run([ctest, "-T", "Test", "--output-junit", junit], cwd=folder, env=environment(), capture_output=True,
                   check=False, timeout=60)
    cases = {node.get("name"): node for node in parse(junit).iter("testcase")}
    for name in (PASSES, FAILS):
        expect(cases[name].get("status") == ("run" if name == PASSES else "fail"), f"{name}: {cases[name].get('status')}")
        # CTest writes no properties of its own: readers of JUnit files take these lines for them.
        output = cases[name].findtext("system-out")
        check_properties(re.findall(r"\[\[PROPERTY\|([^=]*)=(.*?)\]\]", output), name, junit.name)

    test_xml = next(folder.glob("Testing/*/Test.xml"))
    tests = {node.findtext("Name"): node for node in parse(test_xml).iter("Test") if node.get("Status")}
    for name in (PASSES, FAILS):
        expect(tests[name].get("Status") == ("passed" if name == PASSES else "failed"), f"{name}: {tests[name].get('Status')}")
        expect(not list(tests[name].iter("Label")), f"{name} has got a label from a text of the service")
        named = [(node.get("name"), node.findtext("Value")) for node in tests[name].iter("NamedMeasurement")]
        found = dict(named)
        expect(len(found) == len(named), f"{test_xml.name}: {name}: a measurement stands twice in {named}")
        expect(found["verdict"] == ("PASS" if name == PASSES else "FAIL"), f"{test_xml.name}: {name}: {found['verdict']}")
        for key in FIGURES + (LATENCIES if name == PASSES else []):
            expect(math.isfinite(float(found[key])), f"{test_xml.name}: {name}: {key}")
        expect(float(found["success_rate"]) == (1 if name == PASSES else 0), f"{test_xml.name}: {name}: success_rate")


def main():
    program, ctest = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="llmload-results-") as folder:
        try:
            check_google_test(pathlib.Path(folder), program)
            check_ctest(pathlib.Path(folder), program, ctest)
        except Failure as failure:
            sys.exit(str(failure).replace("<CTest", "<(inner)").replace("[[", "[("))
    print("the results are as expected")


if __name__ == "__main__":
    main()
