# llmload_test(NAME SOURCES file... [LIBRARIES target...] [DEFINITIONS definition...] [LABELS label...] [TIMEOUT seconds]
#              [THREADS] [OPTIMIZED]): a GoogleTest program with the labels given (default: unit).
#
#   TIMEOUT    of each test (default: 60 s)
#   THREADS    the program starts threads. The build for the thread sanitizer leaves the other programs out; that they
#              start none is checked wherever they run (tests/support/no_threads.cc).
#   OPTIMIZED  compiled with the build type's optimization, for tests that compute for long. The others are not: on two
#              cores this saves five minutes of the first build, and costs their runs little.
#
# Tests that may take long are started first (COST), so that the last of them does not run alone.
#
# Each of its tests is a CTest test. Under a sanitizer, where to start a program takes longer than most tests, the whole
# program is one.
include_guard()
include(GoogleTest)

function(llmload_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "THREADS;OPTIMIZED" "TIMEOUT" "SOURCES;LIBRARIES;DEFINITIONS;LABELS")
  foreach(argument IN LISTS arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "llmload_test: ${name}: got \"${argument}\", expected SOURCES, LIBRARIES, DEFINITIONS, LABELS, "
      "TIMEOUT, THREADS or OPTIMIZED")
  endforeach()
  if(LLMLOAD_SANITIZE STREQUAL "thread" AND NOT arg_THREADS)
    return()
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  llmload_test_program(${name})
  target_compile_definitions(${name} PRIVATE ${arg_DEFINITIONS})
  if(NOT arg_THREADS AND NOT LLMLOAD_SANITIZE)
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/no_threads.cc)
  endif()
  if(arg_OPTIMIZED)
    set_target_properties(${name} PROPERTIES LLMLOAD_OPTIMIZED ON)
  else()
    target_precompile_headers(${name} REUSE_FROM llmload_test_headers)
  endif()
  target_link_libraries(${name} PRIVATE llmload::core ${arg_LIBRARIES} GTest::gmock_main)
  if(LLMLOAD_SANITIZE)
    add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
    math(EXPR timeout "20 * ${arg_TIMEOUT}")
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${timeout} COST ${arg_TIMEOUT})
  else()
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 NO_PRETTY_VALUES TEST_LIST ${name}_tests
      PROPERTIES TIMEOUT ${arg_TIMEOUT} COST ${arg_TIMEOUT})
    # A list of labels does not survive discovery: ctest sets it, by a script it includes after the discovered tests.
    set(labels_script "${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake")
    file(CONFIGURE OUTPUT "${labels_script}" @ONLY CONTENT
      [[set_tests_properties(${@name@_tests} PROPERTIES LABELS "@arg_LABELS@")
]])
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${labels_script}")
  endif()
endfunction()

# llmload_test_program(NAME): what every program in tests/ and examples/ has in common.
function(llmload_test_program name)
  llmload_target(${name})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE
    $<$<AND:$<CONFIG:Release>,$<NOT:$<BOOL:$<TARGET_PROPERTY:LLMLOAD_OPTIMIZED>>>>:-O0>)
endfunction()
