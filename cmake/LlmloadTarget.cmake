# What every target of llmload's own code has in common. Warnings and sanitizers never leave the build tree.
include_guard()

add_library(llmload_build_options INTERFACE)
target_compile_features(llmload_build_options INTERFACE cxx_std_20)
target_compile_options(llmload_build_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  -Wno-missing-field-initializers  # designated initialisers leave out what has a default on purpose
  # GCC collects its garbage less often: a twentieth less time for up to half a gigabyte more memory.
  $<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-expand=300;--param=ggc-min-heapsize=600000>
  # GCC 12 to 14 take Asio's allocation of coroutine frames for a mismatch; it is not one.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>
  # False alarms of GCC 12 alone, once it inlines: std::string's operator+ (GCC bug 105651), and std::regex and
  # Boost.System's result.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict;-Wno-maybe-uninitialized>
  # A unity build includes the source files, which GCC then takes for headers.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-subobject-linkage>
  $<$<BOOL:${LLMLOAD_WARNINGS_AS_ERRORS}>:-Werror>)

if(LLMLOAD_SANITIZE STREQUAL "address-undefined")
  set(sanitize_flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
    # GCC has none, and clang 14 cannot build coroutines with it.
    $<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=function>)
elseif(LLMLOAD_SANITIZE STREQUAL "thread")
  set(sanitize_flags -fsanitize=thread -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)  # Asio has fences that GCC cannot instrument
elseif(NOT LLMLOAD_SANITIZE STREQUAL "")
  message(FATAL_ERROR "LLMLOAD_SANITIZE: got \"${LLMLOAD_SANITIZE}\", expected empty, address-undefined or thread")
endif()
target_compile_options(llmload_build_options INTERFACE ${sanitize_flags})
target_link_options(llmload_build_options INTERFACE ${sanitize_flags})

# llmload_target(NAME): the common options, without exporting them to users.
function(llmload_target name)
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:llmload_build_options>)
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

# llmload_library(NAME): a library of the package, which users know as llmload:: and NAME without its prefix.
function(llmload_library name)
  string(REGEX REPLACE "^llmload_" "" exported_name "${name}")
  add_library(llmload::${exported_name} ALIAS ${name})
  llmload_target(${name})
  # A user's shared library can link llmload, and does not export llmload's symbols with its own.
  set_target_properties(${name} PROPERTIES
    EXPORT_NAME "${exported_name}" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(NOT DEFINED CMAKE_POSITION_INDEPENDENT_CODE)
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
endfunction()

# llmload_public_headers(NAME DIRECTORY HEADER...): headers of NAME that are installed; users include them by their
# path beneath DIRECTORY, which is relative to the root of the project.
function(llmload_public_headers name directory)
  list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/${directory}/" OUTPUT_VARIABLE headers)
  target_sources(${name} PUBLIC FILE_SET HEADERS
    BASE_DIRS "${PROJECT_SOURCE_DIR}/${directory}" FILES ${headers})
endfunction()
