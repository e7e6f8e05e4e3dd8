# How every target of the project is built: flags, foreign libraries, and the functions
#   sunder_component        a static library
#   sunder_program          an executable
#   sunder_protobuf         a library of generated protobuf-c code
#   sunder_unit_test        a cmocka program and its ctest entry
#   sunder_fuzz_test        a libFuzzer target; elsewhere its corpus as a test
#   sunder_python_test      a script and its ctest entry
#   sunder_pytest           a pytest run and its ctest entry
include(CheckPIESupported)
include(SunderFlags)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
check_pie_supported(LANGUAGES C CXX)

# Foreign libraries, looked up once: PkgConfig::<name>. Their headers are system headers, so our
# warnings do not apply to them.
find_package(PkgConfig REQUIRED)
function(sunder_find name module)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL QUIET ${module})
    message(STATUS "${module} ${${name}_VERSION}")
endfunction()
sunder_find(rdkafka rdkafka>=2.0.2)
sunder_find(protobuf_c libprotobuf-c)
sunder_find(lmdb lmdb)
sunder_find(simdjson simdjson)
sunder_find(fyaml libfyaml)
sunder_find(crypto libcrypto>=3)
sunder_find(microhttpd libmicrohttpd)
sunder_find(jansson jansson)
sunder_find(xxhash libxxhash)
sunder_find(re2 re2)
find_package(Threads REQUIRED)
if(BUILD_TESTING)
    sunder_find(cmocka cmocka)
endif()

# Standards: POSIX is for components that talk to the operating system; the core sees C17 only.
function(sunder_target_defaults target posix)
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
    target_compile_options(${target} PRIVATE ${SUNDER_WARNINGS} ${SUNDER_COMPILE_FLAGS})
    target_link_options(${target} PRIVATE ${SUNDER_LINK_FLAGS})
    if(posix)
        target_compile_definitions(${target} PRIVATE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
    endif()
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "EXECUTABLE" AND SUNDER_SANITIZE STREQUAL "thread" AND BUILD_TESTING)
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:sunder_tsan_threads>)
    endif()
endfunction()

# sunder_component(NAME <target> [POSIX] SOURCES <file>... DEPS <component>... PRIVATE <target>...)
#   DEPS     components whose headers this one's headers include
#   PRIVATE  components and PkgConfig:: targets that only its .c files use
function(sunder_component)
    cmake_parse_arguments(PARSE_ARGV 0 arg "POSIX" "NAME" "SOURCES;DEPS;PRIVATE")
    if(NOT arg_NAME OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "sunder_component ${arg_NAME}: NAME or SOURCES missing or unknown: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    add_library(${arg_NAME} STATIC ${arg_SOURCES})
    sunder_target_defaults(${arg_NAME} "${arg_POSIX}")
    target_include_directories(${arg_NAME} INTERFACE "${PROJECT_SOURCE_DIR}")
    target_link_libraries(${arg_NAME} PUBLIC ${arg_DEPS} PRIVATE ${arg_PRIVATE})
endfunction()

# sunder_program(NAME <target> SOURCES <file>... DEPS <target>...): POSIX is on; the file is
# <build>/bin/<target>.
function(sunder_program)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPS")
    if(NOT arg_NAME OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "sunder_program ${arg_NAME}: NAME or SOURCES missing or unknown: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    add_executable(${arg_NAME} ${arg_SOURCES})
    sunder_target_defaults(${arg_NAME} TRUE)
    target_link_libraries(${arg_NAME} PRIVATE ${arg_DEPS})
    set_target_properties(${arg_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
endfunction()

# sunder_protobuf(NAME <target> FILES <file.proto>...): generated code, included as
# "proto/event.pb-c.h" when the file is proto/event.proto. A system include, without our warnings.
function(sunder_protobuf)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "FILES")
    find_program(SUNDER_PROTOC_C NAMES protoc-c REQUIRED)
    set(root "${PROJECT_BINARY_DIR}/generated")
    file(RELATIVE_PATH folder "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
    file(MAKE_DIRECTORY "${root}/${folder}")
    set(generated "")
    foreach(file IN LISTS arg_FILES)
        get_filename_component(stem "${file}" NAME_WE)
        set(out "${root}/${folder}/${stem}.pb-c")
        add_custom_command(
            OUTPUT "${out}.c" "${out}.h"
            COMMAND "${SUNDER_PROTOC_C}" "--proto_path=${PROJECT_SOURCE_DIR}" "--c_out=${root}"
                    "${folder}/${file}"
            WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
            DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${file}"
            COMMENT "protoc-c ${folder}/${file}"
            VERBATIM)
        list(APPEND generated "${out}.c" "${out}.h")
    endforeach()
    add_library(${arg_NAME} STATIC ${generated})
    target_include_directories(${arg_NAME} SYSTEM PUBLIC "${root}")
    target_compile_options(${arg_NAME} PRIVATE -w ${SUNDER_COMPILE_FLAGS})
    target_link_libraries(${arg_NAME} PUBLIC PkgConfig::protobuf_c)
endfunction()

set(SUNDER_SANITIZER_OPTIONS
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp")

# sunder_unit_test(<name> SOURCES <file>... DEPS <target>... [LABELS <label>...] [TIMEOUT <s>])
#   One cmocka program; the label is fast unless said otherwise.
function(sunder_unit_test name)
    if(NOT BUILD_TESTING)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;DEPS;LABELS")
    if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "sunder_unit_test ${name}: SOURCES missing or unknown: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS fast)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 240) # A hang is found; a busy machine is none.
    endif()
    add_executable(${name} ${arg_SOURCES})
    sunder_target_defaults(${name} TRUE)
    # Fixtures may lie on the stack; a test that got no memory may crash.
    target_compile_options(${name} PRIVATE -Wno-frame-larger-than -Wno-null-dereference)
    target_link_libraries(${name} PRIVATE sunder_test_support ${arg_DEPS})
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(${name} PROPERTIES
        LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${SUNDER_SANITIZER_OPTIONS}")
endfunction()

# sunder_fuzz_test(<name> SOURCES <file>... CORPUS <folder> DEPS <target>...)
#   SOURCES define LLVMFuzzerTestOneInput. In the fuzz preset: libFuzzer for SUNDER_FUZZ_SECONDS from
#   the corpus, new inputs go to the build folder, label fuzz. The seed is fixed, so that a change is to
#   blame when a run fails; searching further is done by hand with -DSUNDER_FUZZ_SEED=0 (random) and more
#   seconds. In every other build: each file of the corpus once, label fast; an empty corpus fails.
set(SUNDER_FUZZ_SECONDS 60 CACHE STRING "Seconds of each fuzz test in the fuzz preset")
set(SUNDER_FUZZ_SEED 1 CACHE STRING "Seed of each fuzz test in the fuzz preset; 0: random, printed")
function(sunder_fuzz_test name)
    if(NOT BUILD_TESTING)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS" "SOURCES;DEPS")
    if(NOT arg_SOURCES OR NOT arg_CORPUS OR arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "sunder_fuzz_test ${name}: SOURCES or CORPUS missing or unknown: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    get_filename_component(corpus "${arg_CORPUS}" ABSOLUTE)
    add_executable(${name} ${arg_SOURCES})
    sunder_target_defaults(${name} TRUE)
    target_link_libraries(${name} PRIVATE ${arg_DEPS})
    if(SUNDER_FUZZ)
        set(found "${CMAKE_CURRENT_BINARY_DIR}/${name}.found")
        file(MAKE_DIRECTORY "${found}")
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        # One input takes milliseconds; the bound is for one that never ends, on a machine that does other things too.
        math(EXPR timeout "${SUNDER_FUZZ_SECONDS} + 240")
        add_test(NAME ${name}
            COMMAND ${name} -seed=${SUNDER_FUZZ_SEED} -max_total_time=${SUNDER_FUZZ_SECONDS} -timeout=60 -rss_limit_mb=2048
                    -print_final_stats=1 "-artifact_prefix=${found}/" "${found}" "${corpus}")
        set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT ${timeout})
    else()
        target_sources(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/fuzz_corpus.c")
        add_test(NAME ${name} COMMAND ${name} "${corpus}")
        set_tests_properties(${name} PROPERTIES LABELS fast TIMEOUT 240)
    endif()
endfunction()

# Tests in Python run with this interpreter; ops/setup makes one that has what they need.
find_program(SUNDER_PYTHON NAMES python3 DOC "Python for tests; see ops/setup")

# sunder_python_test(<name> COMMAND <script> <argument>... [LABELS <label>...] [TIMEOUT <s>])
#   A script that needs the standard library only. Exit code 77 means skipped.
function(sunder_python_test name)
    if(NOT BUILD_TESTING)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "COMMAND;LABELS")
    if(NOT arg_COMMAND OR arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "sunder_python_test ${name}: COMMAND missing or unknown: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS fast)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 240) # A hang is found; a busy machine is none.
    endif()
    set(environment ${SUNDER_SANITIZER_OPTIONS}
        "PYTHONDONTWRITEBYTECODE=1"
        "SUNDER_KAFKA_LOCAL=${PROJECT_SOURCE_DIR}/ops/kafka/kafka-local"
        "SUNDER_BUILD=${PROJECT_BINARY_DIR}"
        "SUNDER_BIN=$<TARGET_FILE:sunder>"
        "SUNDERD_BIN=$<TARGET_FILE:sunderd>")
    add_test(NAME ${name}
        COMMAND "${SUNDER_PYTHON}" ${arg_COMMAND}
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(${name} PROPERTIES
        LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
        ENVIRONMENT "${environment}")
endfunction()

# sunder_pytest(<name> PATH <file or folder> [LABELS <label>...] [TIMEOUT <s>] [ARGS <pytest argument>...])
#   pytest with SUNDER_BIN, SUNDERD_BIN and SUNDER_KAFKA_LOCAL in the environment; the label is
#   broker unless said otherwise. Tests that start brokers run one after another.
function(sunder_pytest name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "PATH;TIMEOUT" "LABELS;ARGS")
    if(NOT arg_PATH OR arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "sunder_pytest ${name}: PATH missing or unknown: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS broker)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 600)
    endif()
    get_filename_component(path "${arg_PATH}" ABSOLUTE)
    sunder_python_test(${name}
        COMMAND "${PROJECT_SOURCE_DIR}/tests/support/run_pytest.py" ${name} "${path}" ${arg_ARGS}
        LABELS ${arg_LABELS}
        TIMEOUT ${arg_TIMEOUT})
    if(BUILD_TESTING AND NOT "fast" IN_LIST arg_LABELS)
        set_tests_properties(${name} PROPERTIES RESOURCE_LOCK broker)
    endif()
endfunction()
