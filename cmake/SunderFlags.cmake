# Warnings, sanitizers and hardening, as lists that sunder_target_defaults applies.
#   SUNDER_SANITIZE  "address,undefined" | "thread" | ""
#   SUNDER_FUZZ      ON: instrument for libFuzzer
#   SUNDER_HARDEN    ON: what a distribution builds with; off under a sanitizer
set(SUNDER_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
option(SUNDER_FUZZ "libFuzzer instrumentation (clang); see sunder_fuzz_test" OFF)
set(SUNDER_TUNE "native" CACHE STRING
    "Processor whose timing code is made for (-mtune=): it runs on every other as well; empty: the compiler's choice")
option(SUNDER_HARDEN "Fortify, stack protector, full RELRO" ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
# Assertions stay on in every build: CMake's own release flags would take them out.
foreach(sunder_lang IN ITEMS C CXX)
    foreach(sunder_config IN ITEMS RELWITHDEBINFO RELEASE MINSIZEREL)
        string(REPLACE "-DNDEBUG" "" CMAKE_${sunder_lang}_FLAGS_${sunder_config}
            "${CMAKE_${sunder_lang}_FLAGS_${sunder_config}}")
    endforeach()
    set(CMAKE_${sunder_lang}_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")
endforeach()

set(sunder_warnings_all
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef -Wcast-qual
    -Wpointer-arith -Wwrite-strings -Wformat=2 -Wswitch-enum -Wvla -Wdouble-promotion
    -Wfloat-conversion -Wnull-dereference -Wredundant-decls)
set(sunder_warnings_gcc
    -Wcast-align=strict -Walloca -Wduplicated-cond -Wduplicated-branches -Wlogical-op
    -Wimplicit-fallthrough=5)
set(sunder_warnings_c -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition)
if(SUNDER_SANITIZE STREQUAL "")
    # Sanitizers widen frames by their own red zones, so the bound is for the other builds.
    list(APPEND sunder_warnings_all -Wframe-larger-than=16384)
endif()
set(SUNDER_WARNINGS
    ${sunder_warnings_all}
    "$<$<COMPILE_LANG_AND_ID:C,GNU>:${sunder_warnings_gcc}>"
    "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:${sunder_warnings_gcc}>"
    "$<$<COMPILE_LANGUAGE:C>:${sunder_warnings_c}>"
    # librdkafka's RD_KAFKA_V_ macros are statement expressions, which clang does not forgive a system header.
    "$<$<C_COMPILER_ID:Clang>:-Wno-unknown-warning-option;-Wno-gnu-statement-expression>")

set(SUNDER_COMPILE_FLAGS -fno-common -fstack-protector-strong)
set(SUNDER_LINK_FLAGS "")
if(NOT SUNDER_SANITIZE STREQUAL "")
    list(APPEND SUNDER_COMPILE_FLAGS
        "-fsanitize=${SUNDER_SANITIZE}" -fno-sanitize-recover=all -fno-omit-frame-pointer)
    # gcc's manual: instrumented code gives false reports of it. The release build keeps it.
    list(APPEND SUNDER_COMPILE_FLAGS -Wno-maybe-uninitialized)
    list(APPEND SUNDER_LINK_FLAGS "-fsanitize=${SUNDER_SANITIZE}")
elseif(SUNDER_TUNE)
    # The compiler's choice for any x86-64 clears and copies our structs by string instructions, which start slowly.
    include(CheckCCompilerFlag)
    check_c_compiler_flag("-mtune=${SUNDER_TUNE}" SUNDER_HAS_TUNE)
    if(SUNDER_HAS_TUNE)
        list(APPEND SUNDER_COMPILE_FLAGS "-mtune=${SUNDER_TUNE}")
    endif()
endif()
if(SUNDER_SANITIZE STREQUAL "" AND SUNDER_HARDEN)
    # Fortification needs optimisation; every build type of ours has some.
    list(APPEND SUNDER_COMPILE_FLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-clash-protection)
    list(APPEND SUNDER_LINK_FLAGS -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
if(SUNDER_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "SUNDER_FUZZ needs clang: cmake --preset fuzz")
    endif()
    list(APPEND SUNDER_COMPILE_FLAGS -fsanitize=fuzzer-no-link)
endif()
