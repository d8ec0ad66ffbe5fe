# SPDX-License-Identifier: Apache-2.0
# One CMake target per folder ("layer"), which sees its own headers and those of the layers it names, nothing
# else: an include in a forbidden direction does not compile.
#
# Sources include each other as "layer/file.hpp". Each layer has a private include root under
# <build>/layers/<layer>/ that holds exactly one entry, a link called <layer> to the layer's folder.

# srpi_precompile(TARGET OWNER HEADERS...) - with SRPI_PRECOMPILE, TARGET uses these headers precompiled; OWNER's
# file serves everybody who names it.
set(kCommonHeaders <fmt/format.h> <algorithm> <chrono> <functional> <memory> <optional> <span> <string> <vector>)
function(srpi_precompile target owner)
  if(NOT SRPI_PRECOMPILE)
    return()
  elseif(target STREQUAL owner)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()

# srpi_plain_coroutines(SOURCES...) - those that make coroutines of Asio's are compiled without instrumentation: the assembler
# of clang 14 fails at it ("Cannot represent a difference across sections"). No parser is among them.
function(srpi_plain_coroutines)
  foreach(source ${ARGN})
    file(STRINGS ${source} found REGEX "co_await|co_return|awaitable|spawn\\(" LIMIT_COUNT 1)
    if(found)
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -fno-sanitize=all SKIP_UNITY_BUILD_INCLUSION ON
        SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endforeach()
endfunction()

# srpi_layer(NAME [FOLDER folder] [USES layer...] [LIBS library...] [PRECOMPILE header... | PRECOMPILED_BY layer]) -
# every *.cpp of the current folder becomes the static library srpi_<NAME>. FOLDER: sources name the layer so, instead of
# NAME ("frontend/nbd"). PRECOMPILE: besides the common headers. PRECOMPILED_BY: that layer's file, for one that has all
# of its definitions.
function(srpi_layer name)
  cmake_parse_arguments(arg "" "PRECOMPILED_BY;FOLDER" "USES;LIBS;PRECOMPILE" ${ARGN})
  set(root ${PROJECT_BINARY_DIR}/layers/${name})
  set(link ${root}/${name})
  if(arg_FOLDER)
    set(link ${root}/${arg_FOLDER})
  endif()
  get_filename_component(parent ${link} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${link} SYMBOLIC)

  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(SRPI_FUZZ)
    srpi_plain_coroutines(${sources})
  endif()
  set(uses ${arg_USES})
  list(TRANSFORM uses PREPEND srpi_)
  if(sources)
    add_library(srpi_${name} STATIC ${sources})
    target_include_directories(srpi_${name} PUBLIC ${root})
    target_link_libraries(srpi_${name} PUBLIC ${uses} ${arg_LIBS})
    if(arg_PRECOMPILED_BY)
      srpi_precompile(srpi_${name} srpi_${arg_PRECOMPILED_BY})
    elseif(arg_PRECOMPILE)
      srpi_precompile(srpi_${name} srpi_${name} ${kCommonHeaders} ${arg_PRECOMPILE})
    else()
      srpi_precompile(srpi_${name} srpi_base ${kCommonHeaders})
    endif()
  else()
    add_library(srpi_${name} INTERFACE)
    target_include_directories(srpi_${name} INTERFACE ${root})
    target_link_libraries(srpi_${name} INTERFACE ${uses} ${arg_LIBS})
  endif()
endfunction()

# srpi_unit_test(LAYER LIBRARIES...) - every *.cpp below tests/unit/LAYER becomes the test program test_LAYER.
function(srpi_unit_test layer)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${layer}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${layer} ${sources})
  set_property(GLOBAL APPEND PROPERTY SRPI_CATCH2_PROGRAMS test_${layer})
  target_link_libraries(test_${layer} PRIVATE srpi_test_main ${ARGN})
  srpi_precompile(test_${layer} test_base <catch2/catch.hpp> ${kCommonHeaders})
  target_compile_definitions(test_${layer} PRIVATE SRPI_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME unit.${layer} COMMAND test_${layer})
  set_tests_properties(unit.${layer} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()
