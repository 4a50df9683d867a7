#!/usr/bin/env bash
# Installs what is missing by package name, then configures, builds and tests one workflow:
#
#   cmake/bootstrap.sh test         all tests that cost nothing
#   cmake/bootstrap.sh load         the five load tests, against the embedded fake LLM server
#   cmake/bootstrap.sh interop      the tests against foreign software
#   cmake/bootstrap.sh asan-ubsan   all free tests under the address and undefined-behaviour sanitizers
#   cmake/bootstrap.sh tsan         the programs among them that have threads, under the thread sanitizer
#   cmake/bootstrap.sh fuzz         a short run of every fuzzer, with clang
#   cmake/bootstrap.sh counts       the instructions of a request and of a token, against bench/instruction_counts.json,
#                                   and what a user's load test costs to compile
#   cmake/bootstrap.sh lint         no test: the form of code and documents, clang's warnings, clang-tidy
set -euo pipefail
cd "$(dirname "$0")/.."

readonly workflow="${1:-}"
case "$workflow" in
  test | load | interop | asan-ubsan | tsan | fuzz | counts | lint) ;;
  *)
    printf 'bootstrap.sh: workflow: got "%s", expected one of: test, load, interop, asan-ubsan, tsan, fuzz, counts, lint\n' "$workflow" >&2
    exit 2
    ;;
esac

say() { printf -- '-- bootstrap: %s\n' "$*"; }

# What the system calls the packages; Boost has to be 1.81 or newer, clang 14.
system="unknown"
if [ -r /etc/os-release ]; then
  # shellcheck disable=SC1091
  system="$(. /etc/os-release && printf '%s %s' "${ID:-unknown}" "${VERSION_ID:-}")"
fi
case "$system" in
  "debian 12") boost=1.81 clang=14 ;;
  "debian 13") boost=1.83 clang=19 ;;
  "ubuntu 24.04") boost=1.83 clang=18 ;;
  *) boost="" ;;
esac

install_packages() {
  local packages=(g++ cmake ninja-build ccache libssl-dev nlohmann-json3-dev libgtest-dev libgmock-dev
    "libboost${boost}-dev" "libboost-program-options${boost}-dev")
  case "$workflow" in
    test) packages+=(python3 python3-yaml) ;;  # for the tests of documents and scripts
    interop)
      packages+=(python3 python3-botocore nginx)
      # Whatever brought Node here: the system's own packages would come on top of it.
      if ! command -v npm >/dev/null; then packages+=(nodejs npm); fi
      ;;
    counts) packages+=(python3 valgrind) ;;
    asan-ubsan | tsan | fuzz)
      packages+=(clang "libclang-rt-${clang}-dev" lld)
      ;;
    lint) packages+=(clang clang-format clang-tidy python3 doxygen) ;;
  esac
  if ! cmake/install_packages.sh "${packages[@]}"; then
    say "the packages are not all there (see above). If apt-get wants to remove another Boost: this"
    say "project needs Boost ${boost} headers; decide by hand which to keep."
    exit 1
  fi
}

if [ -n "$boost" ]; then
  install_packages
else
  say "no package list for this system ($system): known are Debian 12, Debian 13 and Ubuntu 24.04."
  say "Install by hand, or with vcpkg (vcpkg.json): a C++20 compiler (GCC 12 or clang 14, or newer),"
  say "CMake 3.25, Ninja, Boost 1.81 (with Boost.Program_options), OpenSSL 3,"
  say "nlohmann_json 3.11, GoogleTest and GoogleMock 1.12; ccache if wanted. Going on with what is here."
fi

# The SDKs that the tests of the label sdk use, of the versions in their lock file, into the build's folder.
install_sdks() {
  local folder=build/release/interop_sdk
  if cmp -s tests/interop/sdk/package-lock.json "$folder/installed.json"; then return; fi
  say "npm ci in $folder"
  mkdir -p "$folder"
  cp tests/interop/sdk/package.json tests/interop/sdk/package-lock.json "$folder"
  if npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts; then
    cp "$folder/package-lock.json" "$folder/installed.json"
  else
    say "npm could not install the SDKs: their tests are skipped"
  fi
}

if [ "$workflow" = interop ]; then
  if command -v npm >/dev/null; then
    install_sdks
  else
    say "no npm: the tests with the SDKs are skipped"
  fi
fi

if command -v ccache >/dev/null && [ -z "${CMAKE_CXX_COMPILER_LAUNCHER:-}" ]; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
  # Takes what was included from the compiler instead of running the preprocessor first, which a first build pays for with
  # a second for each compilation.
  export CCACHE_DEPEND=1
  # Without it, ccache keeps nothing that was compiled with precompiled headers.
  export CCACHE_SLOPPINESS=pch_defines,time_macros
fi

if [ "$workflow" = lint ]; then
  say "cmake/lint.sh"
  exec cmake/lint.sh
fi
if [ "$workflow" = counts ]; then
  cmake --preset release
  cmake --build --preset counts
  say "bench/instruction_counts.py --check"
  status=0
  bench/instruction_counts.py --check || status=$?
  # 77: there is nothing to compare with, which it has said.
  if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then exit "$status"; fi
  say "bench/compile_time.sh --check"
  exec bench/compile_time.sh --check
fi
say "cmake --workflow --preset $workflow"
exec cmake --workflow --preset "$workflow"
