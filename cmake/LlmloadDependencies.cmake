# The libraries llmload builds on. All are packages; none is downloaded (cmake/bootstrap.sh installs them).
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(Threads REQUIRED)
find_package(GTest 1.12 REQUIRED)
if(LLMLOAD_BUILD_TOOLS)
  find_package(Boost 1.81 REQUIRED COMPONENTS program_options)
endif()
