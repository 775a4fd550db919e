// SPDX-License-Identifier: Apache-2.0
//
// optimilter-worker: the only program that links codecs. The engine starts it as a zygote and talks to it
// over a socket; by hand it does nothing.
#include <fmt/format.h>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "workers/zygote.hpp"

namespace optimilter {

namespace {

constexpr int kBadUsage = 2;
constexpr int kKeptInHeap = 32 << 20;  // the most that glibc takes
constexpr int kKeptAtItsEnd = 256 << 20;

// Nothing of the caller's environment gets in. What single libraries want is set where they are initialised.
void set_environment() {
#ifndef OPTIMILTER_SANITIZED
    ::clearenv();
#endif
    ::setenv("HOME", "/nonexistent", 1);
    ::setenv("TZ", "UTC", 1);
    ::setenv("LC_ALL", "C", 1);
    // One heap for all threads: each further one reserves 64 MiB of the address space we limit.
    ::mallopt(M_ARENA_MAX, 1);
    // A job frees and takes pictures of megabytes over and over. Kept in the heap, their pages are zeroed and
    // faulted in once a worker, not once a picture.
    ::mallopt(M_MMAP_THRESHOLD, kKeptInHeap);
    ::mallopt(M_TRIM_THRESHOLD, kKeptAtItsEnd);
}

bool parse_number(std::string_view text, std::uint64_t max, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value <= max;
}

bool is_record_socket(int fd) {
    int type = 0;
    socklen_t size = sizeof(type);
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

struct Arguments {
    std::uint64_t fd = 0, user_id = 0, group_id = 0, memory_bytes = 0;
};

// --zygote FD --uid N --gid N --memory BYTES, in this order: the only caller is workers/zygote_link.cpp.
bool parse_arguments(int argc, char** argv, Arguments& arguments) {
    constexpr std::uint64_t kMaxId = 0xFFFFFFFE;
    return argc == 9 && argv[1] == std::string_view("--zygote") &&
           parse_number(argv[2], 1023, arguments.fd) && argv[3] == std::string_view("--uid") &&
           parse_number(argv[4], kMaxId, arguments.user_id) && argv[5] == std::string_view("--gid") &&
           parse_number(argv[6], kMaxId, arguments.group_id) && argv[7] == std::string_view("--memory") &&
           parse_number(argv[8], ~0ull, arguments.memory_bytes);
}

int run(int argc, char** argv) {
    Arguments arguments;
    if (!parse_arguments(argc, argv, arguments) || !is_record_socket(static_cast<int>(arguments.fd))) {
        fmt::print(stderr,
                   "optimilter-worker: this program is started by optimilter-engine and optimilterctl, which "
                   "talk to it over a socket; it does nothing by hand\n");
        return kBadUsage;
    }
    set_environment();
    const SandboxSettings settings{static_cast<std::uint32_t>(arguments.user_id),
                                   static_cast<std::uint32_t>(arguments.group_id), arguments.memory_bytes};
    return run_zygote(UniqueFd(static_cast<int>(arguments.fd)), settings);
}

}  // namespace

}  // namespace optimilter

int main(int argc, char** argv) {
    return optimilter::run(argc, argv);
}
