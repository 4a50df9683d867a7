# The libraries llmload builds on. All are packages; none is downloaded (cmake/bootstrap.sh installs them).
# Their targets are global, because those of llmload that a parent project links refer to them. What the
# parent already has, from a package or from sources of its own, is taken as it is.
if(POLICY CMP0167)
  cmake_policy(SET CMP0167 NEW)  # Boost's own package file finds it; CMake's module is gone in newer versions
endif()
set(boost_components)
if(LLMLOAD_BUILD_TOOLS AND NOT TARGET Boost::program_options)
  set(boost_components COMPONENTS program_options)
endif()
if(boost_components OR NOT TARGET Boost::headers)
  find_package(Boost 1.81 REQUIRED GLOBAL ${boost_components})
endif()
if(NOT TARGET OpenSSL::SSL)
  find_package(OpenSSL 3.0 REQUIRED GLOBAL)
endif()
if(NOT TARGET nlohmann_json::nlohmann_json)
  find_package(nlohmann_json 3.11 REQUIRED GLOBAL)
endif()
if(NOT TARGET Threads::Threads)
  find_package(Threads REQUIRED GLOBAL)
endif()
if(LLMLOAD_BUILD_TESTING_LIBRARIES AND NOT TARGET GTest::gmock)
  find_package(GTest 1.12 QUIET GLOBAL)
  if(NOT TARGET GTest::gmock)
    message(FATAL_ERROR "llmload::testing and llmload::mocks need GoogleTest 1.12 with GoogleMock, which was not found. "
      "LLMLOAD_BUILD_TESTING_LIBRARIES=OFF with LLMLOAD_BUILD_TESTS=OFF builds llmload without them.")
  endif()
endif()
