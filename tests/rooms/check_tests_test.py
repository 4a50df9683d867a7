"""cmake/check_tests.py finds what it is for. Usage: check_tests_test.py SOURCE_DIR"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
HELPER = "tests/support/real_time.h"
TEST = "tests/unit/load/worker_test.cc"


class CheckTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write(HELPER, "const auto start = std::chrono::steady_clock::now();\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def run_on(self, *lines):
        """The status of the script and the lines that it printed, with these lines in a test."""
        self.write(TEST, "".join(line + "\n" for line in lines))
        done = subprocess.run([sys.executable, "-B", str(SOURCE / "cmake/check_tests.py"), str(self.root)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    def expect_found(self, line, found, instead):
        status, lines = self.run_on("int first;", line)
        self.assertEqual((status, len(lines)), (1, 1), lines)
        self.assertTrue(lines[0].startswith(f"{TEST}:2: {found}"), lines[0])
        self.assertIn(f": use {instead}", lines[0])

    def test_the_helper_alone_may_read_the_clocks(self):
        status, lines = self.run_on("EXPECT_TRUE(stopwatch.AtLeast(60ms));")
        self.assertEqual((status, lines), (0, [f"tests: no clock of the system in 2 files but {HELPER}"]))

    def test_every_clock_is_found_with_its_line_and_what_to_use(self):
        deadline, date = f"RealTimeIn of {HELPER}", f"WallTime of {HELPER}"
        self.expect_found("auto t = std::chrono::steady_clock::now();", "steady_clock", deadline)
        self.expect_found("using C = std::chrono::high_resolution_clock;", "high_resolution_clock", deadline)
        self.expect_found("using std::chrono::system_clock;", "system_clock", date)
        self.expect_found("request.deadline = SystemClock::Instance().Now() + 1s;", "SystemClock::Instance().Now", deadline)
        self.expect_found("SystemClock& clock = SystemClock::Instance();", "SystemClock& clock", "SystemClock::Instance() itself")
        self.expect_found("clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);", "clock_gettime", deadline)
        self.expect_found("gettimeofday(&now, nullptr);", "gettimeofday", deadline)
        self.expect_found("const auto now = std::time(nullptr);", "std::time(nullptr)", date)
        self.expect_found("srand(time(0));", "time(0)", date)
        self.expect_found("const auto ticks = std::clock();", "std::clock", "an injected source of CPU time")

    def test_a_stopwatch_is_no_upper_bound(self):
        self.expect_found("EXPECT_FALSE(stopwatch.AtLeast(2s));", "_FALSE(stopwatch.AtLeast", "virtual time")
        self.expect_found("ASSERT_TRUE(!stopwatch.AtLeast(2s));", "_TRUE(!stopwatch.AtLeast", "virtual time")
        self.expect_found("EXPECT_FALSE(\n    stopwatch.AtLeast(2s));", "_FALSE( stopwatch.AtLeast", "virtual time")

    def test_a_call_that_is_split_over_lines_is_found(self):
        self.expect_found("at = SystemClock::Instance()\n         .Now();", "SystemClock::Instance() .Now", "RealTimeIn")

    def test_what_reads_no_clock_passes(self):
        status, lines = self.run_on("// std::chrono::steady_clock is what the server stamps with",
                                    "/* clock_gettime\n   gettimeofday */",
                                    "EXPECT_FALSE(seen);  // AtLeast would be wrong",
                                    "while (!stopwatch.AtLeast(1s)) Poll();",
                                    "auto p = RespondAfter(SystemClock::Instance(), 1ms);",
                                    "Clock& clock = real ? SystemClock::Instance() : virtual_clock;",
                                    "boost::asio::steady_timer timer(context, delay);",
                                    "const TimePoint start = clock.Now();",
                                    "EXPECT_EQ(clock().Now(), step.time(0));",
                                    "run.started_at = std::chrono::sys_time<Duration>(5s);")
        self.assertEqual(status, 0, lines)

    def test_a_missing_helper_is_an_error_of_its_own(self):
        (self.root / HELPER).unlink()
        status, lines = self.run_on("int first;")
        self.assertEqual((status, lines), (2, [f"{HELPER}: no such file"]))


if __name__ == "__main__":
    unittest.main()
