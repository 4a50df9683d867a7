"""cmake/check_rooms.py finds what it is for. Usage: check_rooms_test.py SOURCE_DIR"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()

TABLE = """\
| room | holds | may include |
| --- | --- | --- |
| `core` | basics; private: text | nothing |
| `wire` | private | `core` |
| `service` | providers | `wire` |
| `load` | a generator | `core` |
| `testing` | fixtures | `load`, `service` |
| `mocks` | mocks | `testing` |
| `tools` | the command | `load` |
"""

# A tree without a fault.
FILES = {
    "include/llmload/core/clock.h": "#include <chrono>\n",
    "include/llmload/service/openai.h": '#include "llmload/core/clock.h"\n',
    "include/llmload/load/generator.h": '#include "llmload/core/clock.h"\n',
    "include/llmload/testing/fixture.h": '#include <gtest/gtest.h>\n#include "llmload/load/generator.h"\n',
    "src/core/text/trim.h": "",
    "src/wire/codec.h": '#include "src/core/text/trim.h"\n',
    "src/service/openai.cc": '#include <openssl/ssl.h>\n#include "llmload/service/openai.h"\n#include "src/wire/codec.h"\n',
    "src/load/worker.h": "",
    "src/load/generator.cc": '#include "src/load/worker.h"\n',
    "mocks/llmload/mocks/actions.h": '#include <gmock/gmock.h>\n#include "llmload/testing/fixture.h"\n',
    "tools/main.cc": '#include "llmload/load/generator.h"\n#include "tools/options.h"\n',
    "tools/options.h": "",
}


def run(root):
    """The status of the script and the lines that it printed."""
    done = subprocess.run([sys.executable, "-B", str(SOURCE / "cmake/check_rooms.py"), str(root)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


class CheckRooms(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("CONTRIBUTING.md", "# Rooms\n\n" + TABLE + "\nText.\n")
        for path, text in FILES.items():
            self.write(path, text)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def plant(self, path, line):
        self.write(path, FILES.get(path, "") + line + "\n")

    def expect(self, *problems):
        """One line for each problem, in this order, that starts and ends with what is given."""
        status, lines = run(self.root)
        self.assertEqual(status, 1, lines)
        self.assertEqual(len(lines), len(problems), lines)
        for line, (start, end) in zip(lines, problems):
            self.assertTrue(line.startswith(start), line)
            self.assertIn(end, line)

    def test_a_tree_that_follows_its_table_passes(self):
        status, lines = run(self.root)
        self.assertEqual((status, lines), (0, ["rooms: all includes follow the table of 7 rooms"]))

    def test_what_an_included_room_may_include_is_allowed_too(self):
        self.plant("src/testing/fixture.cc", '#include "src/wire/codec.h"')
        self.assertEqual(run(self.root)[0], 0)

    def test_an_include_against_the_table_is_found_in_public_and_private_files(self):
        self.plant("src/load/generator.cc", '  #  include "llmload/service/openai.h"')
        self.plant("include/llmload/service/openai.h", '#include "llmload/load/generator.h"')
        self.expect(
            ("include/llmload/service/openai.h:2: #include \"llmload/load/generator.h\": ",
             "room service may not include load (it may include wire, and what these may include)"),
            ("src/load/generator.cc:2: ", "room load may not include service (it may include core"),
            ("circle of rooms: load includes service (src/load/generator.cc:2), service includes load (inc", "openai.h:2)"))

    def test_a_circle_over_several_rooms_is_found_once(self):
        self.plant("src/core/text/trim.h", '#include "llmload/service/openai.h"')
        self.expect(("src/core/text/trim.h:1: ", "room core may not include service (it may include no room"),
                    ("circle of rooms: core includes service (src/core/text/trim.h:1), service includes core", ""))

    def test_the_private_header_of_another_room_is_found(self):
        self.plant("src/testing/fixture.cc", '#include "src/load/worker.h"')
        self.plant("include/llmload/load/generator.h", '#include "src/load/worker.h"')
        self.expect(("include/llmload/load/generator.h:2: ", "a public header may not include a private one"),
                    ("src/testing/fixture.cc:1: ", "the header is private to room load"))

    def test_libraries_are_kept_out_of_public_headers_and_googletest_in_its_rooms(self):
        self.plant("include/llmload/load/generator.h", "#include <boost/beast/http.hpp>")
        self.plant("tools/options.h", "#include <gmock/gmock.h>")
        self.expect(("include/llmload/load/generator.h:2: ", "a public header may not include this library"),
                    ("tools/options.h:1: ", "only testing and mocks may include this library"))

    def test_includes_and_files_outside_the_rooms_are_found(self):
        self.plant("src/load/worker.h", '#include "tests/support/wait_until.h"')
        self.plant("src/load/generator.cc", '#include "worker.h"')
        self.plant("src/lobby/desk.h", "")
        self.expect(("src/load/generator.cc:2: ", "not a header of a room"),
                    ("src/load/worker.h:1: ", "not a header of a room"),
                    ("src/lobby/desk.h:1: ", "the file is in no room of the table"))

    def test_a_file_that_is_too_long_is_found(self):
        self.write("src/load/worker.h", "//\n" * 500)
        self.write("tests/unit/load/worker_test.cc", "//\n" * 501)
        self.expect(("tests/unit/load/worker_test.cc:501: the file has 501 lines", "at most 500"))

    def test_a_table_that_cannot_be_used_is_an_error_of_its_own(self):
        for old, new, message in (("| room |", "| place |", "no table"),
                                  ("`wire` | private | `core`", "`wire` | private | `kitchen`", "kitchen, which has no row"),
                                  ("`core` | basics; private: text | nothing", "`core` | basics | `tools`", "itself")):
            self.write("CONTRIBUTING.md", TABLE.replace(old, new))
            status, lines = run(self.root)
            self.assertEqual(status, 2, lines)
            self.assertIn(message, lines[0])

    def test_an_include_planted_into_a_copy_of_this_tree_is_found(self):
        for folder in ("include", "src", "mocks", "tools"):
            shutil.rmtree(self.root / folder, ignore_errors=True)
            shutil.copytree(SOURCE / folder, self.root / folder)
        shutil.copy(SOURCE / "CONTRIBUTING.md", self.root)
        before = run(self.root)[1]
        with open(self.root / "src/provider/error.cc", "a", encoding="utf-8") as file:
            file.write('#include "llmload/load/load_generator.h"\n')
        status, after = run(self.root)
        self.assertEqual(status, 1)
        new = [line for line in after if line not in before]
        self.assertEqual(len(new), 2, new)
        self.assertRegex(new[0], r"^src/provider/error\.cc:\d+: .*room provider may not include load")
        self.assertRegex(new[1], r"^circle of rooms: load includes .* provider includes load|"
                                 r"^circle of rooms: .*provider includes load")


if __name__ == "__main__":
    unittest.main()
