# llmload_test(NAME SOURCES file... [LABEL label] [LIBRARIES target...] [TIMEOUT seconds]): a GoogleTest
# program, each of whose tests is a CTest test with one label (default: unit).
include_guard()
include(GoogleTest)

if(LLMLOAD_PRECOMPILE_HEADERS)
  # One for all tests.
  file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/test_headers.cc" CONTENT "")
  add_library(llmload_test_headers OBJECT "${CMAKE_CURRENT_BINARY_DIR}/test_headers.cc")
  llmload_target(llmload_test_headers)
  target_link_libraries(llmload_test_headers PRIVATE llmload::core GTest::gmock_main)
  llmload_precompile(llmload_test_headers
    <gmock/gmock.h> <gtest/gtest.h> <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp>
    <boost/asio/io_context.hpp> <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp> <chrono> <functional>
    <memory> <optional> <string> <vector>)
endif()

function(llmload_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT" "SOURCES;LIBRARIES")
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  llmload_target(${name})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE llmload::core ${arg_LIBRARIES} GTest::gmock_main)
  if(LLMLOAD_PRECOMPILE_HEADERS)
    target_precompile_headers(${name} REUSE_FROM llmload_test_headers)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 NO_PRETTY_VALUES
    PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS ${arg_LABEL})
endfunction()
