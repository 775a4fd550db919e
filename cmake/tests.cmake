# SPDX-License-Identifier: Apache-2.0
enable_testing()

# optimilter_test(NAME source LIBRARIES...): one CMocka program = one file = one ctest entry, labelled "unit".
function(optimilter_test name source)
    if(NOT OPTIMILTER_TESTS)
        return()
    endif()
    add_executable(${name} ${source})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${name} PRIVATE optimilter::flags ${ARGN} cmocka)
    target_compile_definitions(${name} PRIVATE
        OPTIMILTER_TEST_SOURCE_DIR="${PROJECT_SOURCE_DIR}" OPTIMILTER_TEST_BINARY_DIR="${PROJECT_BINARY_DIR}")
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 240
        ENVIRONMENT "CMOCKA_MESSAGE_OUTPUT=STDOUT;G_SLICE=always-malloc;LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/lsan.supp")
endfunction()
