# One run for a CDash dashboard (docs/nightly-dashboard.md):
#
#   ctest -S cmake/dashboard.cmake               Experimental: the working tree as it is
#   ctest -S cmake/dashboard.cmake,Nightly
#   ctest -S cmake/dashboard.cmake,Continuous
#
# Environment
#   LLMLOAD_DASHBOARD_URL         where to submit to, as in https://cdash.example.com/submit.php?project=llmload
#   LLMLOAD_DASHBOARD_TOKEN       sent as "Authorization: Bearer"; kept from every step but the submission
#   LLMLOAD_DASHBOARD_SITE        name of the machine (default: its host name, which in containers changes)
#   LLMLOAD_DASHBOARD_BUILD_NAME  name of the build (default: system, architecture, compiler, provider)
#   LLMLOAD_DASHBOARD_STEPS       what to do, of: configure, build, test, coverage, memcheck, submit
#                                 (default: all; a step whose tool is not installed is an error)
#   SKIP_LOAD_TESTS=0             runs the load tests too, against the provider that LLMLOAD_PROVIDER names
#
# Variables, given with -D: CTEST_SOURCE_DIRECTORY, CTEST_BINARY_DIRECTORY, DASHBOARD_CONFIGURE_OPTIONS, and
# DASHBOARD_TESTS, a regular expression of the tests to run.
#
# Every step that can still be done is done, and what there is gets submitted. The exit status is 0 only if all
# succeeded.
cmake_minimum_required(VERSION 3.25)

# --- What is asked for

set(model "${CTEST_SCRIPT_ARG}")
if(model STREQUAL "")
  set(model Experimental)
endif()
if(NOT model MATCHES "^(Nightly|Continuous|Experimental)$")
  message(FATAL_ERROR "dashboard: model: got \"${model}\", expected Nightly, Continuous or Experimental")
endif()

if(NOT CTEST_SOURCE_DIRECTORY)
  get_filename_component(CTEST_SOURCE_DIRECTORY "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
endif()
if(NOT CTEST_BINARY_DIRECTORY)
  set(CTEST_BINARY_DIRECTORY "${CTEST_SOURCE_DIRECTORY}/build/dashboard")
endif()
find_program(gcov gcov)
find_program(valgrind valgrind)

string(REPLACE "," ";" steps "$ENV{LLMLOAD_DASHBOARD_STEPS}")
if(steps STREQUAL "")
  set(steps configure build test coverage memcheck submit)
endif()
foreach(step IN LISTS steps)
  if(NOT step MATCHES "^(configure|build|test|coverage|memcheck|submit)$")
    message(FATAL_ERROR "LLMLOAD_DASHBOARD_STEPS: got \"${step}\", "
      "expected some of: configure, build, test, coverage, memcheck, submit")
  endif()
endforeach()
foreach(tool_of coverage:gcov memcheck:valgrind)
  string(REPLACE ":" ";" tool_of "${tool_of}")
  list(GET tool_of 0 step)
  list(GET tool_of 1 tool)
  if(step IN_LIST steps AND NOT ${tool})
    message(FATAL_ERROR "LLMLOAD_DASHBOARD_STEPS: ${step} needs ${tool}, which is not installed; "
      "name the steps without ${step} to do without")
  endif()
endforeach()

set(load_enabled FALSE)
if("$ENV{SKIP_LOAD_TESTS}" STREQUAL "0")
  set(load_enabled TRUE)
  # A night without figures is not a good night.
  if("$ENV{LLMLOAD_REQUIRE_TARGET}" STREQUAL "")
    set(ENV{LLMLOAD_REQUIRE_TARGET} 1)
  endif()
elseif(NOT "$ENV{SKIP_LOAD_TESTS}" MATCHES "^1?$")
  message(FATAL_ERROR "SKIP_LOAD_TESTS: got \"$ENV{SKIP_LOAD_TESTS}\", "
    "expected 0 (run the load tests), 1 or unset (leave them out)")
endif()

# --- Where it goes

# Taken out of the environment at once: no compiler, test or report has any business with it.
set(submit_token "$ENV{LLMLOAD_DASHBOARD_TOKEN}")
unset(ENV{LLMLOAD_DASHBOARD_TOKEN})
if(submit_token MATCHES "[^!-~]|;")
  message(FATAL_ERROR "LLMLOAD_DASHBOARD_TOKEN: expected printable ASCII without spaces or ';'")
endif()

set(CTEST_SUBMIT_URL "$ENV{LLMLOAD_DASHBOARD_URL}")
if("submit" IN_LIST steps)
  if(CTEST_SUBMIT_URL STREQUAL "")
    message(FATAL_ERROR "LLMLOAD_DASHBOARD_URL: not set, expected where to submit to, as in "
      "https://cdash.example.com/submit.php?project=llmload; or leave submit out of LLMLOAD_DASHBOARD_STEPS")
  endif()
  # It ends up in the build folder and in ctest's output. What stands before the '@' is not shown here either.
  if(CTEST_SUBMIT_URL MATCHES "^[a-z]+://[^/?#]*@")
    message(FATAL_ERROR "LLMLOAD_DASHBOARD_URL: holds a user name or password, expected an URL without; "
      "a token goes into LLMLOAD_DASHBOARD_TOKEN")
  endif()
  # A token in clear text is everybody's.
  if(NOT CTEST_SUBMIT_URL MATCHES "^https://[^/]" AND
      NOT CTEST_SUBMIT_URL MATCHES "^http://(127\\.0\\.0\\.1|localhost|\\[::1\\])(:[0-9]+)?/")
    string(REGEX REPLACE "\\?.*" "" shown "${CTEST_SUBMIT_URL}")
    message(FATAL_ERROR "LLMLOAD_DASHBOARD_URL: got \"${shown}\", "
      "expected an https:// URL (http:// for this machine only)")
  endif()
endif()

set(provider "$ENV{LLMLOAD_PROVIDER}")
if(provider STREQUAL "")
  set(provider fake)
endif()
set(CTEST_SITE "$ENV{LLMLOAD_DASHBOARD_SITE}")
if(CTEST_SITE STREQUAL "")
  cmake_host_system_information(RESULT CTEST_SITE QUERY HOSTNAME)
endif()
set(build_name "$ENV{LLMLOAD_DASHBOARD_BUILD_NAME}")
if(build_name STREQUAL "")
  # Nothing that changes from night to night: plots are by site and build name.
  cmake_host_system_information(RESULT architecture QUERY OS_PLATFORM)
  set(compiler "$ENV{CXX}")
  if(compiler STREQUAL "")
    set(compiler c++)
  endif()
  get_filename_component(compiler "${compiler}" NAME)
  set(build_name "${CMAKE_HOST_SYSTEM_NAME}-${architecture}-${compiler}-${provider}")
endif()

# --- What every run has in common

set(CTEST_CMAKE_GENERATOR Ninja)
set(CTEST_USE_LAUNCHERS FALSE)
set(CTEST_TEST_TIMEOUT 600)
set(CTEST_SUBMIT_INACTIVITY_TIMEOUT 120)
set(CTEST_CUSTOM_MAXIMUM_PASSED_TEST_OUTPUT_SIZE 65536)
set(CTEST_CUSTOM_MAXIMUM_FAILED_TEST_OUTPUT_SIZE 1048576)
# Certificates are verified: this is the default, and no -D can change it here.
set(CTEST_TLS_VERIFY TRUE)
set(CTEST_CURL_OPTIONS "")
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)

find_program(CTEST_GIT_COMMAND git)
set(commit unknown)
set(changes "")
if(CTEST_GIT_COMMAND AND EXISTS "${CTEST_SOURCE_DIRECTORY}/.git")
  execute_process(COMMAND "${CTEST_GIT_COMMAND}" rev-parse HEAD
    WORKING_DIRECTORY "${CTEST_SOURCE_DIRECTORY}" OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(commit STREQUAL "")
    set(commit unknown)
  endif()
  execute_process(COMMAND "${CTEST_GIT_COMMAND}" status --porcelain --untracked-files=no
    WORKING_DIRECTORY "${CTEST_SOURCE_DIRECTORY}" OUTPUT_VARIABLE changes)
  set(CTEST_UPDATE_COMMAND "${CTEST_GIT_COMMAND}")
  set(CTEST_UPDATE_VERSION_ONLY TRUE)  # tells the dashboard the commit, and leaves the tree alone
endif()

# What a reader needs to see the same again. A list of what may be told, never the environment: it holds keys.
function(write_notes file build)
  set(llm_model "$ENV{LLMLOAD_MODEL}")
  if(llm_model STREQUAL "")
    set(llm_model "the provider's default")
  endif()
  set(seed "$ENV{LLMLOAD_SEED}")
  if(seed STREQUAL "")
    set(seed 1)
  endif()
  set(load "left out")
  if(load_enabled)
    set(load "run")
  endif()
  set(tree "as committed")
  if(NOT changes STREQUAL "")
    set(tree "with local changes")
  endif()
  list(REMOVE_DUPLICATES steps)
  string(REPLACE ";" ", " done "${steps}")
  file(WRITE "${file}"
    "commit: ${commit}\ntree: ${tree}\nprovider: ${provider}\nmodel: ${llm_model}\nseed: ${seed}\n"
    "load tests: ${load}\nbuild: ${build}\nsteps: ${done}\nctest: ${CMAKE_VERSION}\n")
endfunction()

set(failed "")  # the steps that failed, over all builds

macro(note_failure step why)
  message(STATUS "dashboard: ${step} failed: ${why}")
  list(APPEND failed "${step}")
endmacro()

# Tests that did not run make no difference to ctest's exit status. Here they do, where they were the point:
# no test at all, and load tests that were switched on but skipped (a key is missing, the target is down) or are
# not there.
macro(check_that_tests_ran label_that_must_run)
  set(results "${CTEST_BINARY_DIRECTORY}/Testing/${tag}/Test.xml")
  set(lines "")
  if(EXISTS "${results}")
    file(STRINGS "${results}" lines REGEX "^\t\t<Test Status=|^\t\t\t<Name>|^\t+<Label>")
  endif()
  set(tests 0)
  set(labelled 0)
  set(status "")
  foreach(line IN LISTS lines)
    if(line MATCHES "<Test Status=\"([a-z]+)\"")
      set(status "${CMAKE_MATCH_1}")
      math(EXPR tests "${tests} + 1")
    elseif(line MATCHES "<Name>(.*)</Name>")
      set(name "${CMAKE_MATCH_1}")
    elseif(line MATCHES "<Label>${label_that_must_run}</Label>")
      math(EXPR labelled "${labelled} + 1")
      if(status STREQUAL "notrun")
        note_failure(test "${name} was skipped although the load tests are on")
      endif()
    endif()
  endforeach()
  if(tests EQUAL 0)
    note_failure(test "there was no test to run")
  elseif(load_enabled AND kind STREQUAL "main" AND NOT DASHBOARD_TESTS AND labelled EQUAL 0)
    note_failure(test "there was no load test to run although the load tests are on")
  endif()
endmacro()

# ctest takes everything that is not an HTTP error for a success: a redirection, the page of a proxy, a refusal in words. A CDash
# answers with the number of the build, and ctest writes down if it refused a file.
macro(check_that_it_arrived)
  file(GLOB submit_logs "${CTEST_BINARY_DIRECTORY}/Testing/Temporary/LastSubmit_${tag}.log")
  set(accepted "")
  if(submit_logs)
    file(STRINGS ${submit_logs} accepted REGEX "^ *Submission successful")
  endif()
  if("${accepted}" STREQUAL "")
    note_failure(submit "the server refused a file, see above")
  elseif("${build_id}" STREQUAL "")
    note_failure(submit "the server did not answer as a CDash does: no number of the build")
  endif()
endmacro()

# --- One build: configure, build, test, and what the kind adds; then submit
#
# kind: main, or coverage, which is a build of its own, with all it needs: instrumented code must not be measured.
function(run_build kind)
  set(CTEST_BUILD_NAME "${build_name}")
  set(CTEST_CONFIGURATION_TYPE Release)
  set(options "-DCMAKE_BUILD_TYPE=Release")
  if(kind STREQUAL "coverage")
    string(APPEND CTEST_BUILD_NAME "-coverage")
    string(APPEND CTEST_BINARY_DIRECTORY "-coverage")
    set(CTEST_CONFIGURATION_TYPE Debug)
    set(options "-DCMAKE_BUILD_TYPE=Debug" "-DCMAKE_CXX_FLAGS=--coverage" "-DLLMLOAD_BUILD_BENCHMARKS=OFF")
    list(APPEND steps configure build test)
    # A ccache that makes the sources' paths relative would have gcov look for them in the wrong folder.
    set(ENV{CCACHE_BASEDIR} "${CTEST_BINARY_DIRECTORY}")
  endif()
  list(APPEND options ${DASHBOARD_CONFIGURE_OPTIONS})
  set(selection "")
  if(DASHBOARD_TESTS)
    set(selection INCLUDE "${DASHBOARD_TESTS}")
  endif()
  set(proceed TRUE)

  message(STATUS "dashboard: ${model} of ${CTEST_BUILD_NAME} on ${CTEST_SITE}")
  file(MAKE_DIRECTORY "${CTEST_BINARY_DIRECTORY}")
  ctest_start(${model})
  # All runs of a night have one tag, and whatever lies in its folder is submitted.
  file(STRINGS "${CTEST_BINARY_DIRECTORY}/Testing/TAG" tag LIMIT_COUNT 1)
  file(GLOB of_an_earlier_run "${CTEST_BINARY_DIRECTORY}/Testing/${tag}/*.xml")
  if(of_an_earlier_run)
    file(REMOVE ${of_an_earlier_run})
  endif()
  set(CTEST_NOTES_FILES "${CTEST_BINARY_DIRECTORY}/dashboard-notes.txt")
  write_notes("${CTEST_NOTES_FILES}" "${CTEST_BUILD_NAME}")
  if(CTEST_UPDATE_COMMAND)
    ctest_update(RETURN_VALUE updated CAPTURE_CMAKE_ERROR error)
    if(error OR updated LESS 0)
      note_failure(update "git could not tell the commit")
    endif()
  endif()

  if("configure" IN_LIST steps)
    ctest_configure(OPTIONS "${options}" RETURN_VALUE status CAPTURE_CMAKE_ERROR error)
    if(error OR status)
      note_failure(configure "cmake ended with ${status}")
      set(proceed FALSE)
    endif()
  endif()
  if("build" IN_LIST steps AND proceed)
    ctest_build(PARALLEL_LEVEL ${cores} RETURN_VALUE status NUMBER_ERRORS errors CAPTURE_CMAKE_ERROR error)
    # The errors are what ctest takes for one in the output: told, but not what decides.
    if(error OR status)
      note_failure(build "${errors} errors, the build tool ended with ${status}")
      set(proceed FALSE)
    endif()
  endif()
  if(kind STREQUAL "coverage")
    # What was counted the night before: counts add up, and those of code that is gone stay.
    file(GLOB_RECURSE counts LIST_DIRECTORIES FALSE "${CTEST_BINARY_DIRECTORY}/*.gcda")
    if(counts)
      file(REMOVE ${counts})
    endif()
  endif()
  if(proceed AND "test" IN_LIST steps)
    ctest_test(${selection} PARALLEL_LEVEL ${cores} RETURN_VALUE status CAPTURE_CMAKE_ERROR error)
    if(error OR status)
      note_failure(test "ctest_test ended with ${status}, see the list above")
    endif()
    set(must_run "nothing")
    if(load_enabled AND kind STREQUAL "main")
      set(must_run load)
    endif()
    check_that_tests_ran("${must_run}")
  endif()

  # What follows never sees a service: it is slow, and would measure the instruments.
  set(ENV{SKIP_LOAD_TESTS} 1)
  if(kind STREQUAL "coverage" AND proceed)
    set(CTEST_COVERAGE_COMMAND "${gcov}")
    string(REGEX REPLACE "([][+.*()^$?|\\\\])" "\\\\\\1" source "${CTEST_SOURCE_DIRECTORY}")
    set(CTEST_CUSTOM_COVERAGE_EXCLUDE "^/usr/" "^${source}/(tests|bench|build)/")
    ctest_coverage(RETURN_VALUE status CAPTURE_CMAKE_ERROR error)
    file(GLOB covered "${CTEST_BINARY_DIRECTORY}/Testing/${tag}/CoverageLog-*.xml")
    if(error OR status)
      note_failure(coverage "gcov ended with ${status}")
    elseif(NOT covered)
      note_failure(coverage "gcov found no line that was run")
    endif()
  elseif("memcheck" IN_LIST steps AND proceed)
    set(CTEST_MEMORYCHECK_COMMAND "${valgrind}")
    set(CTEST_MEMORYCHECK_COMMAND_OPTIONS "--leak-check=full --show-leak-kinds=definite \
--errors-for-leak-kinds=definite --error-exitcode=99")
    # Left out: tests of thousands of simulated verdicts, half an hour of the same arithmetic over and over.
    ctest_memcheck(${selection} INCLUDE_LABEL "^mock$" EXCLUDE "^OperatingCharacteristic[.]" PARALLEL_LEVEL ${cores}
      RETURN_VALUE status DEFECT_COUNT defects CAPTURE_CMAKE_ERROR error)
    if(error OR status OR defects)
      note_failure(memcheck "${defects} defects, ctest ended with ${status}")
    endif()
    file(GLOB results "${CTEST_BINARY_DIRECTORY}/Testing/${tag}/DynamicAnalysis.xml")
    set(checked "")
    if(results)
      file(STRINGS ${results} checked REGEX "<Test>" LIMIT_COUNT 1)  # of the list; the others are those with defects
    endif()
    if("${checked}" STREQUAL "")
      note_failure(memcheck "there was no test to check")
    endif()
  endif()

  if("submit" IN_LIST steps)
    set(header "")
    if(NOT submit_token STREQUAL "")
      set(header HTTPHEADER "Authorization: Bearer ${submit_token}")
    endif()
    ctest_submit(${header} RETRY_COUNT 2 RETRY_DELAY ${submit_retry_seconds}
      BUILD_ID build_id RETURN_VALUE status CAPTURE_CMAKE_ERROR error)
    if(error OR status)
      note_failure(submit "ctest_submit ended with ${status}")
    else()
      check_that_it_arrived()
    endif()
  endif()
  set(failed "${failed}" PARENT_SCOPE)
endfunction()

set(submit_retry_seconds 10)
if(DEFINED DASHBOARD_SUBMIT_RETRY_SECONDS)
  set(submit_retry_seconds "${DASHBOARD_SUBMIT_RETRY_SECONDS}")
endif()

set(main_steps ${steps})
list(REMOVE_ITEM main_steps coverage submit)
if(main_steps)
  run_build(main)
elseif(NOT "coverage" IN_LIST steps)
  message(FATAL_ERROR "LLMLOAD_DASHBOARD_STEPS: got \"${steps}\", expected something to submit")
endif()
if("coverage" IN_LIST steps)
  set(ENV{SKIP_LOAD_TESTS} 1)
  set(load_enabled FALSE)
  run_build(coverage)
endif()

if(failed)
  list(REMOVE_DUPLICATES failed)
  string(REPLACE ";" ", " failed "${failed}")
  message(FATAL_ERROR "dashboard: failed: ${failed}")
endif()
message(STATUS "dashboard: all steps succeeded")
