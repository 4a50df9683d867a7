#!/usr/bin/env bash
# Checks the form of the code and what clang says of it. Every finding is an error:
#
#   cmake/lint.sh              clang-format on all C++, the rooms, clang-tidy on the folders below, and clang's warnings
#                              on bench/ and on each public header alone
#   cmake/lint.sh src tests    the same, but clang-tidy on these folders
#
# clang-tidy reads the unity sources of the preset `clang` (16 files each), so that the headers of Boost, which are most of
# its work, are read once for all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

folders=("$@")
if [ "$#" -eq 0 ]; then folders=(src mocks tools examples); fi
readonly build="build/clang"
readonly root="$PWD"

say() { printf -- '-- lint: %s\n' "$*"; }
jobs="$(nproc)"

mapfile -t sources < <(git ls-files '*.h' '*.cc')
say "clang-format on ${#sources[@]} files"
if ! printf '%s\0' "${sources[@]}" | xargs -0 -n 40 -P "$jobs" clang-format --dry-run -Werror; then
  say "not formatted: the files above (clang-format -i FILE)"
  exit 1
fi

say "the table of rooms"
if ! python3 -B cmake/check_rooms.py .; then
  say "the includes and files above break the rules of CONTRIBUTING.md, \"Rooms\""
  exit 1
fi

say "the clocks of the tests"
if ! python3 -B cmake/check_tests.py .; then
  say "the files above read a clock of the system, or set an upper bound on real time"
  exit 1
fi

say "cmake --preset clang"
cmake --preset clang >/dev/null

say "what public headers pull in"
if ! python3 -B cmake/check_header_lines.py "$build"; then
  say "the public headers above make those who include them compile much more"
  exit 1
fi

say "the reference of the public headers"
cmake --build "$build" --target docs

# A unity source counts as in the folder whose counterpart in the build folder it is in. The preset `asan-ubsan` compiles
# tests/ with clang and its warnings as errors.
units=()
others=()
while IFS= read -r file; do
  relative="${file#"$root/"}"
  relative="${relative#"$build/"}"
  if [[ "$relative" == bench/* || "$relative" == tests/package/headers/* ]]; then others+=("$file"); fi
  for folder in "${folders[@]}"; do
    if [[ "$relative" == "$folder"/* ]]; then units+=("$file"); fi
  done
done < <(sed -nE 's#^ *"file": "(.*)",?$#\1#p' "$build/compile_commands.json" | sort -u)
if [ "${#units[@]}" -eq 0 ]; then
  say "nothing to check in: ${folders[*]}"
  exit 2
fi
say "clang's warnings on ${#others[@]} compilations: bench, and each public header alone"
if ! printf '%s\n' "${others[@]}" | python3 -c '
import json, sys
commands = {entry["file"]: entry for entry in json.load(open(sys.argv[1]))}
for file in sys.stdin.read().splitlines():
    words = commands[file]["command"].split(" -o ", 1)[0]
    print(f"{words} -fsyntax-only {file}", end="\0")' "$build/compile_commands.json" |
    xargs -0 -n 1 -P "$jobs" bash -c; then
  say "clang does not take the above"
  exit 1
fi

say "clang-tidy on ${#units[@]} compilations of: ${folders[*]}"

logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
export build logs
# shellcheck disable=SC2016
if ! printf '%s\0' "${units[@]}" | xargs -0 -n 1 -P "$jobs" bash -c '
    log="$logs/$$"
    if clang-tidy --quiet -p "$build" "$1" >"$log" 2>"$log.note"; then exit 0; fi
    cat "$log" "$log.note"
    printf -- "-- lint: clang-tidy: FAILED %s\n" "$1"
    exit 1' lint; then
  say "clang-tidy found the above"
  exit 1
fi
say "clean"
