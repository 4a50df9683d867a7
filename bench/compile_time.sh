#!/usr/bin/env bash
# What a user's load test costs to compile, beside one that has to include Beast. llmload keeps Beast and
# OpenSSL out of its public headers for this.
#
#   bench/compile_time.sh [COMPILER]    default: g++; CPU seconds, the least of five runs each
set -euo pipefail
cd "$(dirname "$0")/.."

readonly compiler="${1:-g++}"
readonly runs=5
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
printf '#include <gtest/gtest.h>\n' >"$work/gtest.cc"
printf '#include <boost/beast.hpp>\n' >"$work/beast.cc"

# least FLAGS FILE: CPU seconds, user and system.
least() {
  local flags="$1" file="$2" run
  for run in $(seq "$runs"); do
    (
      TIMEFORMAT='%U %S'
      # shellcheck disable=SC2086
      { time "$compiler" -std=c++20 $flags -Iinclude -Imocks -c "$file" -o "$work/out.o"; } 2>&1
    ) | awk 'NF == 2 { print $1 + $2 }'
  done | sort -g | head -1
}

printf '%-50s %8s %8s\n' "CPU seconds of $compiler" -O0 -O2
declare -A seconds
line() {
  local level
  for level in -O0 -O2; do seconds["$2$level"]="$(least "$level" "$2")"; done
  printf '%-50s %8s %8s\n' "$1" "${seconds["$2-O0"]}" "${seconds["$2-O2"]}"
}
line "GoogleTest's header alone" "$work/gtest.cc"
line "Beast's headers alone" "$work/beast.cc"
line "a user's minimal load test" bench/compile_time/minimal_load_test.cc
line "the same call written with Beast" bench/compile_time/beast_load_test.cc
for level in -O0 -O2; do
  awk -v level="$level" -v ours="${seconds["bench/compile_time/minimal_load_test.cc$level"]}" \
    -v beast="${seconds["bench/compile_time/beast_load_test.cc$level"]}" \
    'BEGIN { printf "%s: a user compiles %.2f of what Beast would cost them (goal: at most 0.33)\n", level, ours / beast }'
done
