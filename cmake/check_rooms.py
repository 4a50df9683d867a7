"""The rooms of the code, held to their table. Usage: check_rooms.py [SOURCE_DIR]

The table stands in CONTRIBUTING.md, under "Rooms": a room may include the rooms named there, and what these may
include. This script checks each #include of include/, src/, mocks/ and tools/ against it, and reports:

- an include of a room that the table does not allow, or of a file outside the rooms (tests, say);
- an include of another room's private header, src/ROOM/*.h. Rooms without public headers (`wire`, `net`) are private as
  a whole and may be included as the table says, and so may the folders in SHARED. A public header includes no
  private one;
- a library's header where it must not be: see LIBRARIES;
- a circle of rooms that include each other;
- a file of code with more than 500 lines, in these folders and in those of the tests.

It prints one line for each and ends with status 1 if there are any, and with status 2 if the table cannot be read.
"""

import pathlib
import re
import sys

TABLE = "CONTRIBUTING.md"
PRODUCT = ("include", "src", "mocks", "tools")
OTHERS = ("tests", "bench", "examples", "cmake")
CODE = (".h", ".cc", ".py", ".sh", ".cmake")
MAX_LINES = 500

# Private folders or headers that other rooms may include, as the table says.
SHARED = (
    "src/core/text/",
    "src/record/json_archive.h",  # how JSON is written and read
    "src/record/record_json.h",
    "src/simulation/fault_plan.h",  # which faults hit an arrival
)

# Headers of a library: the rooms that may include them (None: all), and whether public headers may.
LIBRARIES = (
    (re.compile(r"boost/beast|openssl/|sqlite3|mpi\.h|nlohmann/"), None, False),
    (re.compile(r"gtest/|gmock/"), ("testing", "mocks"), True),
)

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]')


class BrokenTable(Exception):
    pass


def read_table(text):
    """The rows of the table: room -> rooms that it names."""
    match = re.search(r"^\| room \| holds \| may include \|\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.M)
    if not match:
        raise BrokenTable("no table with the columns room, holds, may include")
    table = {}
    for row in match.group(1).splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        name = re.fullmatch(r"`(\w+)`", cells[0])
        if not name or len(cells) != 3:
            raise BrokenTable(f"not a row of three cells with a room in the first: {row}")
        table[name[1]] = re.findall(r"`(\w+)`", cells[2])
    for room, named in table.items():
        for other in named:
            if other not in table:
                raise BrokenTable(f"room {room} may include {other}, which has no row")
    return table


def closure(edges):
    """node -> all nodes that can be reached from it."""
    reached = {}
    for node in edges:
        found, left = set(), list(edges[node])
        while left:
            other = left.pop()
            if other not in found:
                found.add(other)
                left.extend(edges.get(other, ()))
        reached[node] = found
    return reached


def room_of(path):
    """The room of a file, by its path from the root; None if it is in none."""
    if path.parts[0] in ("mocks", "tools"):
        return path.parts[0]
    start = 2 if path.parts[:2] == ("include", "llmload") else 1
    return path.parts[start] if len(path.parts) > start + 1 else None


def target_of(header):
    """The path from the root that an include in quotes names."""
    if header.startswith("llmload/mocks/"):
        return pathlib.PurePath("mocks", header)
    if header.startswith("llmload/"):
        return pathlib.PurePath("include", header)
    return pathlib.PurePath(header)


class Check:
    def __init__(self, root, table):
        self.root = root
        self.table = table
        self.allowed = closure(table)
        self.problems = []
        self.edges = {}  # room -> room -> where it is included
        public = root / "include/llmload"
        self.private_rooms = [room for room in table
                              if (root / "src" / room).is_dir() and not (public / room).is_dir()]

    def files(self, folders, suffixes):
        for folder in folders:
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in suffixes and path.is_file():
                    yield path.relative_to(self.root)

    def run(self):
        for path in self.files(PRODUCT, (".h", ".cc")):
            room = room_of(path)
            if room not in self.table:
                self.problems.append(f"{path}:1: the file is in no room of the table in {TABLE}")
                continue
            for number, line in enumerate((self.root / path).read_text().splitlines(), 1):
                if match := INCLUDE.match(line):
                    problem = self.include(path, number, room, match[1] == '"', match[2])
                    if problem:
                        self.problems.append(f"{path}:{number}: {line.strip()}: {problem}")
        self.circles()
        for path in self.files(PRODUCT + OTHERS, CODE):
            lines = len((self.root / path).read_text().splitlines())
            if lines > MAX_LINES:
                self.problems.append(f"{path}:{MAX_LINES + 1}: the file has {lines} lines; at most {MAX_LINES}")
        return self.problems

    def include(self, path, number, room, quoted, header):
        """What is wrong with an include; None if it is as it should be."""
        public = "llmload" in path.parts[:2]
        if not quoted:
            return self.library(room, public, header)
        target = target_of(header)
        other = room_of(target) if target.parts[0] in PRODUCT else None
        if other not in self.table:
            return "not a header of a room"
        if other != room:
            self.edges.setdefault(room, {}).setdefault(other, f"{path}:{number}")
            if other not in self.allowed[room]:
                named = ", ".join(self.table[room]) or "no room"
                return f"room {room} may not include {other} (it may include {named}, and what these may include)"
        if target.parts[0] == "src":
            if public:
                return "a public header may not include a private one"
            if other != room and other not in self.private_rooms and not header.startswith(SHARED):
                return f"the header is private to room {other}"
        return None

    def library(self, room, public, header):
        for pattern, rooms, in_public in LIBRARIES:
            if not pattern.match(header):
                continue
            if public and not in_public:
                return "a public header may not include this library"
            if rooms and room not in rooms:
                return f"only {' and '.join(rooms)} may include this library"
        return None

    def circles(self):
        reached = closure(self.edges)
        known = set()
        for room in sorted(self.edges):
            if room in known or room not in reached[room]:
                continue
            known.update(other for other in reached[room] if room in reached.get(other, ()))
            way = self.way_back(room)
            steps = [f"{a} includes {b} ({self.edges[a][b]})" for a, b in zip(way, way[1:])]
            self.problems.append(f"circle of rooms: {', '.join(steps)}")

    def way_back(self, room):
        """The shortest way from a room to itself."""
        ways = [[room]]
        for way in ways:
            for other in self.edges.get(way[-1], ()):
                if other == room:
                    return way + [other]
                if other not in way:
                    ways.append(way + [other])
        raise AssertionError("there is a way")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    try:
        table = read_table((root / TABLE).read_text())
        for room, reached in closure(table).items():
            if room in reached:
                raise BrokenTable(f"room {room} may include itself by way of others")
    except (OSError, BrokenTable) as error:
        print(f"{TABLE}: {error}")
        return 2
    problems = Check(root, table).run()
    for problem in problems:
        print(problem)
    if not problems:
        print(f"rooms: all includes follow the table of {len(table)} rooms")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
