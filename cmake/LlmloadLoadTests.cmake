# llmload_add_load_tests(TARGET target [LABELS label...] [TIMEOUT seconds] [REPORT_DIR directory])
#
# Registers the tests of a GoogleTest program as load tests, under the labels given (default: `load`).
# The tests are DISABLED_ in the source, and so "Not Run (Disabled)" in CTest, until SKIP_LOAD_TESTS is
# set to 0 in the environment of ctest: the gate is read when ctest runs, without a new configuration.
# They run one at a time.
#
# CTest ends a test after TIMEOUT (default: 300), to which the longest measured time of LLMLOAD_UNTIL_CONCLUSIVE is
# added. The test knows it (LLMLOAD_TEST_TIMEOUT), and fails before the load is sent if its plan may last longer. It knows
# nothing of a limit that is set otherwise, by set_tests_properties or ctest --timeout.
#
# Reports go to REPORT_DIR (default: load-reports in the build folder) unless
# LLMLOAD_REPORT_DIR says otherwise.
include_guard()

function(llmload_add_load_tests)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "TARGET;TIMEOUT;REPORT_DIR" "LABELS")
  foreach(argument IN LISTS arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "llmload_add_load_tests: got \"${argument}\", expected TARGET, LABELS, TIMEOUT or REPORT_DIR")
  endforeach()
  foreach(argument IN LISTS arg_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "llmload_add_load_tests: ${argument}: got nothing, expected a value")
  endforeach()
  if(NOT TARGET "${arg_TARGET}")
    message(FATAL_ERROR "llmload_add_load_tests: TARGET: got \"${arg_TARGET}\", expected an executable target")
  endif()
  if(NOT DEFINED arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  elseif(NOT arg_TIMEOUT MATCHES "^[1-9][0-9]*$")
    message(FATAL_ERROR "llmload_add_load_tests: TIMEOUT: got \"${arg_TIMEOUT}\", expected seconds, from 1 on")
  endif()
  if(NOT arg_REPORT_DIR)
    set(arg_REPORT_DIR "${CMAKE_BINARY_DIR}/load-reports")
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS load)
  endif()
  set(gate_tests "${arg_TARGET}_load_tests")
  # Here, because the module keeps a variable: the caller's folder may have none of it, where llmload was
  # added or found in another. Without it the build would discover nothing, and say nothing.
  include(GoogleTest)
  gtest_discover_tests(${arg_TARGET} DISCOVERY_TIMEOUT 60 NO_PRETTY_VALUES TEST_LIST ${gate_tests})

  # A list of labels does not survive discovery, and the gate is read when ctest runs: both are set by
  # a script that ctest includes after the discovered tests.
  set(gate_labels ${arg_LABELS})
  set(gate_timeout "${arg_TIMEOUT}")
  set(gate_report_dir "${arg_REPORT_DIR}")
  set(gate_script "${CMAKE_CURRENT_BINARY_DIR}/${arg_TARGET}_gate.cmake")
  configure_file("${CMAKE_CURRENT_FUNCTION_LIST_DIR}/LoadTestGate.cmake.in" "${gate_script}" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${gate_script}")
endfunction()
