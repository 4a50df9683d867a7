# The package that `cmake --install` makes: find_package(llmload), pkg-config, and one install component per
# component of the package, so that mocks, say, can be packaged apart. It can be moved as a whole.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/llmload")

# llmload_install(COMPONENT TARGETS target...): libraries and headers, in an export set of their own.
function(llmload_install component)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "TARGETS")
  install(TARGETS ${arg_TARGETS} EXPORT llmload_${component}
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT llmload_${component}
    FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT llmload_${component}
    INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(EXPORT llmload_${component} NAMESPACE llmload:: FILE llmload_${component}_targets.cmake
    DESTINATION "${package_dir}" COMPONENT llmload_${component})
endfunction()

llmload_install(core TARGETS llmload_core)
llmload_install(simulation TARGETS llmload_simulation)
llmload_install(fake_server TARGETS llmload_fake_server)
llmload_install(world TARGETS llmload_world)
if(LLMLOAD_BUILD_TESTING_LIBRARIES)
  llmload_install(testing TARGETS llmload_testing llmload_testing_main)
  llmload_install(mocks TARGETS llmload_mocks)
endif()

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/llmloadConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/package/llmloadConfig.cmake"
  INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/llmloadConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/package/llmloadConfig.cmake"
  "${PROJECT_BINARY_DIR}/package/llmloadConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/LlmloadLoadTests.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/LoadTestGate.cmake.in"
  DESTINATION "${package_dir}" COMPONENT llmload_core)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/llmload" COMPONENT llmload_core OPTIONAL)
if(LLMLOAD_BUILD_TOOLS)
  install(TARGETS llmload_tool
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT llmload_tools)
endif()

# `cpack -G DEB` makes a Debian package of the llmload command.
if(PROJECT_IS_TOP_LEVEL AND LLMLOAD_BUILD_TOOLS)
  set(CPACK_GENERATOR DEB)
  set(CPACK_PACKAGE_NAME llmload)
  set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
  set(CPACK_PACKAGE_CONTACT "The llmload authors")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  set(CPACK_STRIP_FILES ON)
  set(CPACK_COMPONENTS_ALL llmload_tools)
  set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
  set(CPACK_DEB_COMPONENT_INSTALL ON)
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_PACKAGE_SECTION devel)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  include(CPack)
endif()

# llmload_pkg_config(NAME COMPONENT LIBRARIES library... REQUIRES package...): NAME.pc. The libraries are
# static, so that what they need is needed by whoever links them.
function(llmload_pkg_config name component)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "DESCRIPTION" "LIBRARIES;REQUIRES")
  file(RELATIVE_PATH prefix_from_here
    "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
  string(REGEX REPLACE "/$" "" prefix_from_here "${prefix_from_here}")
  list(TRANSFORM arg_LIBRARIES PREPEND "-l")
  list(JOIN arg_LIBRARIES " " libraries)
  list(JOIN arg_REQUIRES ", " requires)
  configure_file("${CMAKE_CURRENT_FUNCTION_LIST_DIR}/llmload.pc.in"
    "${PROJECT_BINARY_DIR}/package/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/package/${name}.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT llmload_${component})
endfunction()

llmload_pkg_config(llmload core DESCRIPTION "${PROJECT_DESCRIPTION}"
  LIBRARIES llmload_core REQUIRES "openssl >= 3.0")
llmload_pkg_config(llmload-simulation simulation DESCRIPTION "Simulated LLM providers of llmload"
  LIBRARIES llmload_simulation REQUIRES "llmload = ${PROJECT_VERSION}")
llmload_pkg_config(llmload-fake-server fake_server DESCRIPTION "Fake LLM server of llmload"
  LIBRARIES llmload_fake_server REQUIRES "llmload-simulation = ${PROJECT_VERSION}")
llmload_pkg_config(llmload-world world DESCRIPTION "Where runs of llmload take place"
  LIBRARIES llmload_world REQUIRES "llmload-fake-server = ${PROJECT_VERSION}")
if(NOT LLMLOAD_BUILD_TESTING_LIBRARIES)
  return()
endif()
llmload_pkg_config(llmload-testing testing DESCRIPTION "GoogleTest fixtures of llmload"
  LIBRARIES llmload_testing REQUIRES "llmload-world = ${PROJECT_VERSION}" "gtest >= 1.12")
llmload_pkg_config(llmload-testing-main testing DESCRIPTION "main() of an llmload load-test program"
  LIBRARIES llmload_testing_main REQUIRES "llmload-testing = ${PROJECT_VERSION}" "gmock >= 1.12")
llmload_pkg_config(llmload-mocks mocks DESCRIPTION "GoogleMock kit of llmload"
  LIBRARIES llmload_mocks
  REQUIRES "llmload-testing = ${PROJECT_VERSION}" "gmock >= 1.12")
