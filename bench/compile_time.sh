#!/usr/bin/env bash
# What a user's load test costs to compile, beside one that has to include Beast, and to link. llmload keeps Beast and
# OpenSSL out of its public headers for this.
#
#   bench/compile_time.sh [COMPILER]            default: g++; CPU seconds, the least of five runs each
#   bench/compile_time.sh --check [COMPILER]    1 if a load test has become dearer against GoogleTest's header alone
#
# To link is measured with the libraries of build/release, if there is such a build.
set -euo pipefail
cd "$(dirname "$0")/.."

# CPU time to compile a user's minimal load test at -O0, as a multiple of that for GoogleTest's header: 2.6 with GCC 12,
# and a fifth more. Seconds differ from machine to machine, this hardly.
readonly most=3.2

check=""
if [ "${1:-}" = --check ]; then
  check=yes
  shift
fi
readonly compiler="${1:-g++}"
readonly user_test=bench/compile_time/minimal_load_test.cc
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
printf '#include <gtest/gtest.h>\n' >"$work/gtest.cc"
printf '#include <boost/beast.hpp>\n' >"$work/beast.cc"

# least RUNS COMMAND...: CPU seconds, user and system, of the cheapest of several runs.
least() {
  local runs="$1" run
  shift
  for run in $(seq "$runs"); do
    (
      TIMEFORMAT='%U %S'
      { time "$@" >"$work/log" 2>&1; } 2>&1
    ) | awk 'NF == 2 { print $1 + $2 }'
  done | sort -g | head -1 || { cat "$work/log" >&2; return 1; }
}
compile() { least "$1" "$compiler" -std=c++20 "$2" -Iinclude -Imocks -c "$3" -o "$work/out.o"; }

if [ -n "$check" ]; then
  gtest="$(compile 3 -O0 "$work/gtest.cc")"
  ours="$(compile 3 -O0 "$user_test")"
  awk -v gtest="$gtest" -v ours="$ours" -v most="$most" 'BEGIN {
    printf "a minimal load test costs %.2f CPU s to compile, GoogleTest alone %.2f: %.2f times as much, at most %.2f\n",
      ours, gtest, ours / gtest, most
    exit ours > most * gtest }'
  exit
fi

printf '%-50s %8s %8s\n' "CPU seconds of $compiler" -O0 -O2
declare -A seconds
line() {
  local level
  for level in -O0 -O2; do seconds["$2$level"]="$(compile 5 "$level" "$2")"; done
  printf '%-50s %8s %8s\n' "$1" "${seconds["$2-O0"]}" "${seconds["$2-O2"]}"
}
line "GoogleTest's header alone" "$work/gtest.cc"
line "Beast's headers alone" "$work/beast.cc"
line "a user's minimal load test" "$user_test"
line "the same call written with Beast" bench/compile_time/beast_load_test.cc
for level in -O0 -O2; do
  awk -v level="$level" -v ours="${seconds["$user_test$level"]}" \
    -v gtest="${seconds["$work/gtest.cc$level"]}" -v beast="${seconds["bench/compile_time/beast_load_test.cc$level"]}" 'BEGIN {
    printf "%s: a user compiles %.2f times what GoogleTest costs, and %.2f of what Beast would (goal: at most 0.33)\n",
      level, ours / gtest, ours / beast }'
done
if [ -f build/release/build.ninja ]; then
  cmake --build build/release --target llmload_minimal_load_test >/dev/null
  link="$(cd build/release && ninja -t commands llmload_minimal_load_test | tail -1)"
  printf '%-50s %8s\n' "to link it" "$(cd build/release && least 5 bash -c "$link")"
fi
