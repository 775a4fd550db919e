# SPDX-License-Identifier: Apache-2.0
# optimilter::flags carries every compiler flag; nothing edits CMAKE_CXX_FLAGS.
find_package(Threads REQUIRED)
find_program(CCACHE_PROGRAM ccache)
# Not for users without a home (build daemons): ccache fails where it cannot keep anything.
if(CCACHE_PROGRAM AND (DEFINED ENV{CCACHE_DIR} OR IS_DIRECTORY "$ENV{HOME}"))
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(optimilter_flags INTERFACE)
add_library(optimilter::flags ALIAS optimilter_flags)
target_include_directories(optimilter_flags INTERFACE ${PROJECT_SOURCE_DIR})
# In debug and sanitizer builds a library's misused operator[] or front() ends a test, as it ends the program where a
# distribution builds everything so (Fedora, Arch).
target_compile_definitions(optimilter_flags INTERFACE _FILE_OFFSET_BITS=64 $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
target_compile_options(optimilter_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Wformat=2 -Werror
    -fstack-protector-strong -fno-omit-frame-pointer)
target_link_libraries(optimilter_flags INTERFACE Threads::Threads)
target_link_options(optimilter_flags INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)
if(OPTIMILTER_SANITIZE)
    target_compile_options(optimilter_flags INTERFACE
        # Lines are enough for their reports; all the rest would double the time to link.
        -fsanitize=${OPTIMILTER_SANITIZE} -fno-sanitize-recover=all -g1)
    target_link_options(optimilter_flags INTERFACE -fsanitize=${OPTIMILTER_SANITIZE})
    # Every program carries the sanitizers then; the worker sandbox leaves out what they cannot live with.
    target_compile_definitions(optimilter_flags INTERFACE OPTIMILTER_SANITIZED=1)
else()
    target_compile_options(optimilter_flags INTERFACE
        $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
endif()
