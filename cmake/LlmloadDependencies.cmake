# The libraries llmload builds on. All are packages; none is downloaded (cmake/bootstrap.sh installs them).
# Their targets are global, because those of llmload that a parent project links refer to them.
set(boost_components)
if(LLMLOAD_BUILD_TOOLS)
  set(boost_components COMPONENTS program_options)
endif()
find_package(Boost 1.81 REQUIRED GLOBAL ${boost_components})
find_package(OpenSSL 3.0 REQUIRED GLOBAL)
find_package(nlohmann_json 3.11 REQUIRED GLOBAL)
find_package(Threads REQUIRED GLOBAL)
find_package(GTest 1.12 REQUIRED GLOBAL)
