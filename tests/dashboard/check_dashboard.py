"""cmake/dashboard.cmake as a whole, against a CDash on the loopback interface: what arrives, and how it ends.

Usage: check_dashboard.py CASE SOURCE_DIR CTEST [VIRTUAL_LOAD_TEST LOAD_TESTS]. Ends with 77 where the case cannot run.
"""

import base64
import io
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree
import zlib

from cdash_stub import CDashStub

TOKEN = "canary-token-4711"
KEY = "sk-canary-key-4711"
LOAD_TESTS = [
    "VirtualSustainedLoad.Handles1000RequestsPerMinute",
    "VirtualProductionReadiness.MeetsCombinedCriteria",
    "VirtualMemoryUsage.StaysStableUnderLoad",
    "VirtualCircuitBreakerUnderLoad.OpensUnderHighErrorRate",
    "VirtualFailoverTime.FromAwsToLocal",
]
HEADLINES = ["requests_scheduled", "requests_succeeded", "requests_failed", "success_rate", "throughput_per_second",
             "attempts_per_request"]
LATENCIES = ["scheduled_latency_p50_seconds", "scheduled_latency_p95_seconds", "scheduled_latency_p99_seconds"]


class Failure(Exception):
    pass


def expect(condition, message):
    if not condition:
        raise Failure(message)


def expect_in(needle, text, what):
    expect(needle in text, f"{what}: expected {needle!r} in:\n{text[-4000:]}")


class Run:
    """One run of the script on a copy of the small project, in a folder of its own."""

    def __init__(self, arguments, folder):
        self.source_dir, self.ctest = pathlib.Path(arguments[0]), arguments[1]
        self.programs = arguments[2:]
        self.folder = pathlib.Path(folder)
        self.project = self.folder / "project"
        self.build = self.folder / "build"
        shutil.copytree(self.source_dir / "tests/dashboard/project", self.project)
        shutil.copy(self.source_dir / "CTestConfig.cmake", self.project)
        self.commit = self._commit() if shutil.which("git") else "unknown"

    def _commit(self):
        env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        for command in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "test"],
                        ["rev-parse", "HEAD"]):
            done = subprocess.run(["git", *command], cwd=self.project, env=env, capture_output=True,
                                  text=True, check=True)
        return done.stdout.strip()

    def __call__(self, url, model="Nightly", steps="configure,build,test,submit", options=(), environment=(),
                 load_tests=False, definitions=()):
        env = {name: value for name, value in os.environ.items()
               if not re.match(r"(LLMLOAD_|SKIP_LOAD_TESTS|CTEST_|DASHBOARD_|OPENAI_|CXX$)", name)}
        env.update({"LLMLOAD_DASHBOARD_URL": url, "LLMLOAD_DASHBOARD_TOKEN": TOKEN, "LLMLOAD_DASHBOARD_STEPS": steps,
                    "LLMLOAD_DASHBOARD_SITE": "test site", "OPENAI_API_KEY": KEY, "LLMLOAD_SEED": "7"})
        env.update(environment)
        env = {name: value for name, value in env.items() if value is not None}
        options = list(options)
        if self.programs:
            options.append(f"-DVIRTUAL_LOAD_TEST={self.programs[0]}")
            if load_tests:
                options.append(f"-DLOAD_TESTS={self.programs[1]}")
        command = [self.ctest, "-S", f"{self.source_dir}/cmake/dashboard.cmake,{model}",
                   f"-DCTEST_SOURCE_DIRECTORY={self.project}", f"-DCTEST_BINARY_DIRECTORY={self.build}",
                   f"-DDASHBOARD_CONFIGURE_OPTIONS={';'.join(options)}", "-DDASHBOARD_SUBMIT_RETRY_SECONDS=0",
                   *definitions, "-VV"]
        ended = subprocess.run(command, env=env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=240, check=False)
        self.output = ended.stdout.decode(errors="replace")
        expect(TOKEN not in self.output, "the token is in the output")
        expect(KEY not in self.output, "the key is in the output")
        return ended.returncode

    def expect_failed(self, status, steps):
        expect(status != 0, f"the exit status is 0:\n{self.output[-4000:]}")
        expect_in(f"dashboard: failed: {steps}", re.sub(r"\s+", " ", self.output), "output")

    def expect_succeeded(self, status):
        expect(status == 0, f"the exit status is {status}:\n{self.output[-8000:]}")


def unpack(node):
    """The content of an attached file, or of an output, as text."""
    data = base64.b64decode("".join("".join(node.itertext()).split()))
    if node.get("compression") == "tar/gzip":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            return "".join(archive.extractfile(member).read().decode() for member in archive.getmembers())
    return zlib.decompress(data).decode(errors="replace")


def parts(stub):
    """Part -> XML root. Every file has to be well-formed, and to hold no secret, packed or not."""
    roots = {}
    for submission in stub.submissions:
        expect(submission.headers.get("Authorization") == f"Bearer {TOKEN}", f"{submission.file_name}: no token")
        expect(TOKEN not in str(submission.query), f"{submission.file_name}: token in the URL")
        root = ElementTree.fromstring(submission.body)
        texts = [submission.body.decode()]
        texts += [unpack(node) for node in root.iter() if node.get("encoding") == "base64"]
        for text in texts:
            expect(TOKEN not in text and KEY not in text, f"{submission.file_name}: holds a secret")
        roots[submission.part] = root
    return roots


def check_measurements(root):
    tests = {node.findtext("Name"): node for node in root.iter("Test") if node.get("Status")}
    for name in LOAD_TESTS:
        expect(name in tests, f"{name} is not among {sorted(tests)}")
        test = tests[name]
        expect(test.get("Status") == "passed", f"{name}: {test.get('Status')}")
        named = {}
        for node in test.iter("NamedMeasurement"):
            expect(node.get("name") not in named, f"{name}: {node.get('name')} twice")
            named[node.get("name")] = node
        numbers = {key: float(node.findtext("Value")) for key, node in named.items()
                   if node.get("type") == "numeric/double"}
        for key, value in numbers.items():
            expect(math.isfinite(value), f"{name}: {key} is {value}")
        memory = ["test_process_rss_peak_bytes"] if "MemoryUsage" in name else []
        # The report over the runs of the failover test has no percentiles: those cannot be merged.
        latencies = [] if "FailoverTime" in name else LATENCIES
        for key in HEADLINES + latencies + memory:
            expect(key in numbers, f"{name}: no {key} among {sorted(numbers)}")
        expect(named["verdict"].findtext("Value") == "PASS", f"{name}: verdict")
        expect("report" in named, f"{name}: no report is attached")
        report = json.loads(unpack(named["report"]))
        expect(report["schema"] == "llmload.report/2" and report["name"] == name, f"{name}: wrong report")
        expect(report["measured"]["requests"]["scheduled"] == numbers["requests_scheduled"],
               f"{name}: report and measurement differ")


def nightly(run):
    """Everything arrives, with the measurements of all five load tests and without a secret."""
    with CDashStub() as stub:
        run.expect_succeeded(run(stub.url, environment={"LLMLOAD_MODEL": "some-model"}))
        roots = parts(stub)
    expect({"Configure", "Build", "Test", "Notes", "Done"} <= set(roots), f"parts: {sorted(roots)}")
    stamp = roots["Test"].get("BuildStamp")
    expect(stamp.endswith("-Nightly"), f"stamp: {stamp}")
    for part in ("Configure", "Build", "Test", "Notes"):
        expect(roots[part].get("Name") == "test site", f"{part}: site {roots[part].get('Name')}")
        expect(roots[part].get("BuildStamp") == stamp, f"{part}: another stamp")
        expect(re.fullmatch(r"Linux-[\w-]+-c\+\+-fake", roots[part].get("BuildName")), roots[part].get("BuildName"))
    notes = "".join(roots["Notes"].itertext())
    if run.commit != "unknown":
        expect(roots["Update"].findtext("Revision") == run.commit, "the dashboard does not know the commit")
    for line in (f"commit: {run.commit}\n", "provider: fake\n", "model: some-model\n", "seed: 7\n",
                 "load tests: left out\n"):
        expect_in(line, notes, "notes")
    check_measurements(roots["Test"])


def continuous(run):
    """The model is the one asked for, and site and build name are those of the night before."""
    with CDashStub() as stub:
        run.expect_succeeded(run(stub.url, model="Continuous", definitions=["-DDASHBOARD_TESTS=Probe"]))
        first = parts(stub)["Test"]
        run.expect_succeeded(run(stub.url, model="Continuous", steps="test,submit",
                                 definitions=["-DDASHBOARD_TESTS=Probe"]))
        second = parts(stub)["Test"]
    expect(first.get("BuildStamp").endswith("-Continuous"), first.get("BuildStamp"))
    for key in ("Name", "BuildName"):
        expect(first.get(key) == second.get(key), f"{key}: {first.get(key)}, {second.get(key)}")
    run_tests = [node.findtext("Name") for node in second.iter("Test") if node.get("Status")]
    expect(run_tests == ["Probe"], f"tests: {run_tests}")


def broken(run):
    """A step that fails is in what is submitted, and in the exit status."""
    with CDashStub() as stub:
        run.expect_failed(run(stub.url, options=["-DBREAK_TEST=ON"], definitions=["-DDASHBOARD_TESTS=Probe|Broken"]),
                          "test")
        failing = [node.findtext("Name") for node in parts(stub)["Test"].iter("Test") if node.get("Status") == "failed"]
        expect(failing == ["Broken"], f"failing: {failing}")
    with CDashStub() as stub:
        run.expect_failed(run(stub.url, options=["-DBREAK_BUILD=ON"]), "build")
        roots = parts(stub)
        expect("Test" not in roots, "tests of a broken build were run")
        expect(next(roots["Build"].iter("Error"), None) is not None, "no error in Build.xml")
    with CDashStub() as stub:
        (run.project / "CMakeLists.txt").write_text("message(FATAL_ERROR broken)\n")
        run.expect_failed(run(stub.url), "configure")
        expect("Configure" in parts(stub), "Configure.xml did not arrive")


def no_tests(run):
    """A run that tests nothing is not a success; nor is one whose load tests were skipped."""
    with CDashStub() as stub:
        run.expect_failed(run(stub.url, definitions=["-DDASHBOARD_TESTS=no such test"]), "test")
        run.expect_failed(run(stub.url, environment={"SKIP_LOAD_TESTS": "0"}), "test")
        expect_in("there was no load test to run although the load tests are on", run.output, "output")
        no_key = {"SKIP_LOAD_TESTS": "0", "LLMLOAD_PROVIDER": "openai", "OPENAI_API_KEY": None}
        run.expect_failed(run(stub.url, load_tests=True, definitions=["-DDASHBOARD_TESTS=RealLoad|Probe"],
                              environment=no_key), "test")
        expect_in("(LLMLOAD_REQUIRE_TARGET=1)", run.output, "output")
        run.expect_failed(run(stub.url, load_tests=True, definitions=["-DDASHBOARD_TESTS=RealLoad|Probe"],
                              environment={**no_key, "LLMLOAD_REQUIRE_TARGET": "0"}), "test")
        expect_in("RealLoad was skipped although the load tests are on", run.output, "output")
        # Left out on purpose, they are not a failure.
        run.expect_succeeded(run(stub.url, steps="test,submit", definitions=["-DDASHBOARD_TESTS=RealLoad|Probe"]))


def refused(run):
    """A submission that is refused, or whose server cannot prove who it is, fails the run."""
    quick = {"steps": "configure,submit", "definitions": ["-DDASHBOARD_TESTS=Probe"]}
    for answer in ((401, "<cdash><status>ERROR</status><message>no</message></cdash>"),
                   (200, "<cdash><status>ERROR</status><message>Invalid token</message></cdash>"),
                   (302, ""), (500, "oops"), (200, "<html>Please log in</html>")):
        with CDashStub(answer=answer) as stub:
            run.expect_failed(run(stub.url, **quick), "submit")
            expect(stub.submissions, f"{answer}: nothing was sent")
    run.expect_failed(run("http://127.0.0.1:1/submit.php", **quick), "submit")
    key, certificate = run.folder / "key.pem", run.folder / "certificate.pem"
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                           "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=127.0.0.1",
                           "-addext", "subjectAltName=IP:127.0.0.1"], capture_output=True, check=False)
    expect(made.returncode == 0, f"openssl: {made.stderr.decode()}")
    with CDashStub(certificate=(certificate, key)) as stub:
        run.expect_failed(run(stub.url, steps="configure,submit", environment={"CMAKE_TLS_VERIFY": "0"},
                              definitions=["-DCTEST_CURL_OPTIONS=CURLOPT_SSL_VERIFYPEER_OFF",
                                           "-DCTEST_TLS_VERIFY=OFF"]), "submit")
        expect(not stub.submissions, "sent to a server with an unknown certificate")


def malformed(run):
    """What is asked for wrongly is said, before anything is built."""
    https = "https://cdash.example.com/submit.php"
    for expected, arguments in (
            ('model: got "Weekly"', {"url": https, "model": "Weekly"}),
            ('LLMLOAD_DASHBOARD_STEPS: got "deploy"', {"url": https, "steps": "build,deploy"}),
            ("LLMLOAD_DASHBOARD_URL: not set", {"url": ""}),
            ('LLMLOAD_DASHBOARD_URL: got "http://cdash.example.com/submit.php"',
             {"url": "http://cdash.example.com/submit.php?project=llmload"}),
            ("LLMLOAD_DASHBOARD_URL: holds a user name", {"url": f"https://user:{KEY}@cdash.example.com/"}),
            ("LLMLOAD_DASHBOARD_URL: holds a user name", {"url": "http://127.0.0.1@cdash.example.com/"}),
            ('SKIP_LOAD_TESTS: got "no"', {"url": https, "environment": {"SKIP_LOAD_TESTS": "no"}}),
            ("coverage needs gcov, which is not installed",
             {"url": https, "steps": "", "environment": {"PATH": os.devnull},
              "definitions": ["-DCMAKE_SYSTEM_IGNORE_PATH=/usr/bin;/bin;/usr/local/bin"]}),
            ("LLMLOAD_DASHBOARD_TOKEN: expected", {"url": https, "environment": {"LLMLOAD_DASHBOARD_TOKEN": "a b"}})):
        status = run(**arguments)
        expect(status != 0, f"{expected}: the exit status is 0")
        expect_in(expected, re.sub(r"\s+", " ", run.output), "output")
        expect(not run.build.exists(), f"{expected}: it went on")


def coverage(run):
    """Coverage comes from a build of its own, under a name of its own."""
    if not shutil.which("gcov"):
        sys.exit(77)
    with CDashStub() as stub:
        run.expect_succeeded(run(stub.url, steps="coverage,submit", definitions=["-DDASHBOARD_TESTS=Probe"]))
        roots = parts(stub)
    expect("Coverage" in roots, f"parts: {sorted(roots)}")
    expect(roots["Coverage"].get("BuildName").endswith("-coverage"), roots["Coverage"].get("BuildName"))
    covered = {node.get("Name"): float(node.findtext("PercentCoverage")) for node in roots["Coverage"].iter("File")}
    expect(set(covered) == {"probe.cc"} and covered["probe.cc"] > 50, f"covered: {covered}")
    with CDashStub() as stub:
        # The last option wins: nothing is instrumented.
        run.expect_failed(run(stub.url, steps="coverage,submit", options=["-DCMAKE_CXX_FLAGS="],
                              definitions=["-DDASHBOARD_TESTS=Probe"]), "coverage")


def memcheck(run):
    """The memory check runs the tests labelled mock, and those only; what it finds fails the run."""
    if not shutil.which("valgrind"):
        sys.exit(77)
    with CDashStub() as stub:
        run.expect_succeeded(run(stub.url, steps="configure,build,memcheck,submit"))
        roots = parts(stub)
        checked = [node.text for node in roots["DynamicAnalysis"].find("DynamicAnalysis/TestList")]
        expect(checked == ["./Probe"], f"checked: {checked}")
        run.expect_failed(run(stub.url, steps="memcheck,submit", definitions=["-DDASHBOARD_TESTS=no such"]), "memcheck")
        run.expect_failed(run(stub.url, steps="configure,memcheck,submit", options=["-DBREAK_MEMORY=ON"]), "memcheck")


CASES = {case.__name__: case
         for case in (nightly, continuous, broken, no_tests, refused, malformed, coverage, memcheck)}


def main():
    case = CASES[sys.argv[1]]
    with tempfile.TemporaryDirectory(prefix="llmload-dashboard-") as folder:
        run = Run(sys.argv[2:], folder)
        try:
            case(run)
        except Failure as failure:
            # Not as ctest would read it: the measurements of the inner run are not those of this test.
            sys.exit(f"{case.__name__}: {failure}".replace("<CTestMeasurement", "<(inner)Measurement"))
    print(f"{case.__name__}: as expected")


if __name__ == "__main__":
    main()
