# Warnings, hardening and sanitizers as one INTERFACE target that every room links.
option(NACELLE_WERROR "Treat warnings as errors (CI does)" OFF)
set(NACELLE_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
option(NACELLE_FUZZ "Build the fuzz targets with libFuzzer (needs clang)" OFF)
option(NACELLE_COVERAGE "Instrument for line coverage (needs clang)" OFF)

add_library(nacelle_flags INTERFACE)
target_compile_definitions(nacelle_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
# CMake's release types say -DNDEBUG; our assertions stay on.
target_compile_options(nacelle_flags INTERFACE -UNDEBUG)
target_include_directories(nacelle_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(nacelle_flags INTERFACE
  -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wcast-align -Wwrite-strings -Wundef -Wvla
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wimplicit-fallthrough
  -Wswitch-enum -Wformat=2 -Wnull-dereference -Wconversion
  -fno-common -fno-strict-aliasing -fstack-protector-strong)
if(NACELLE_WERROR)
  target_compile_options(nacelle_flags INTERFACE -Werror)
endif()
if(CMAKE_BUILD_TYPE MATCHES "Rel" AND NOT NACELLE_SANITIZE)
  target_compile_options(nacelle_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
    -fstack-clash-protection -ffunction-sections -fdata-sections)
  target_link_options(nacelle_flags INTERFACE -Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
endif()
if(NACELLE_SANITIZE)
  target_compile_options(nacelle_flags INTERFACE -fsanitize=${NACELLE_SANITIZE}
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(nacelle_flags INTERFACE -fsanitize=${NACELLE_SANITIZE})
endif()
if(NACELLE_FUZZ)
  target_compile_options(nacelle_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(nacelle_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(NACELLE_COVERAGE)
  target_compile_options(nacelle_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(nacelle_flags INTERFACE -fprofile-instr-generate)
endif()

# nacelle_room(NAME SOURCE...): the static library of one room (or of one part of a room).
function(nacelle_room name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC nacelle_flags)
endfunction()

# nacelle_unit_test(NAME SOURCE ROOM...): a cmocka test that links the named rooms and nothing else.
function(nacelle_unit_test name source)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE ${ARGN} nacelle_flags cmocka)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# nacelle_fuzz_target(NAME SOURCE ROOM...): a LLVMFuzzerTestOneInput, linked with libFuzzer where
# NACELLE_FUZZ is on, and with the replay main otherwise; either way ctest replays its corpus.
function(nacelle_fuzz_target name source)
  if(NACELLE_FUZZ)
    add_executable(${name} ${source})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${source} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
  endif()
  target_link_libraries(${name} PRIVATE ${ARGN} nacelle_flags)
  string(REGEX REPLACE "^fuzz_" "" corpus ${name})
  if(NACELLE_FUZZ)
    add_test(NAME ${name} COMMAND ${name} -runs=0 ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${corpus})
  else()
    add_test(NAME ${name} COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${corpus})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 300)
endfunction()
