// SPDX-License-Identifier: Apache-2.0
//
// Stands in for optimilter-worker in the tests of the pool: speaks the zygote protocol, links no codec, has
// no sandbox, and does what the first line of the input says. Some of it is what a taken-over worker might
// try. Called under another name ("mute", "dies", ...) the zygote itself misbehaves.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.hpp"
#include "base/memfd.hpp"
#include "workers/job_record.hpp"
#include "workers/record_socket.hpp"
#include "workers/sandbox_steps.hpp"
#include "workers/zygote_record.hpp"

namespace optimilter {
namespace {

struct Received {
    int socket;
    JobRequest request;
    int input_fd;
    int output_fd;
    std::string text;  // the input
};

void send(int socket, ByteView record, std::span<const int> fds = {}) {
    if (!send_record(socket, record, fds).has_value()) ::_exit(9);
}

[[noreturn]] void sleep_forever() {
    for (;;) ::pause();
}

// The honest answer: the first half of the input.
JobReply half(const Received& job) {
    JobReply reply;
    reply.outcome = Outcome::kOptimized;
    reply.format = Format::kJpeg;
    reply.output_format = Format::kJpeg;
    reply.output_size = job.request.output_limit / 2 + 1;
    reply.digest = job.request.digest;
    reply.optimizer = "half";
    const std::string output = job.text.substr(0, reply.output_size);
    if (::pwrite(job.output_fd, output.data(), output.size(), 0) < 0) ::_exit(8);
    return reply;
}

void reply_bytes(const Received& job, Bytes bytes) {
    send(job.socket, bytes);
}

void reply_with(const Received& job, JobReply reply) {
    reply_bytes(job, encode_reply(reply));
}

void misreport(const Received& job, std::string_view what) {
    JobReply reply = half(job);
    if (what == "too-large") reply.output_size = job.request.output_limit + 1;
    if (what == "zero") reply.output_size = 0;
    if (what == "endless") reply.output_size = std::numeric_limits<std::uint64_t>::max();
    if (what == "size-of-input") reply.output_size = job.request.input_size;
    if (what == "kept-with-size") reply.outcome = Outcome::kNotSmaller;
    if (what == "converted-unasked") reply.output_format = Format::kPng;
    // A promise below what it wrote: the engine takes what is promised and not a byte more.
    if (what == "too-small") reply.output_size = 10;
    if (what == "nan") reply.score = std::numeric_limits<double>::quiet_NaN();
    if (what == "other-digest") reply.digest[0] ^= 1;
    if (what == "unprintable") reply.reason = "\x1b[2J";
    if (what == "huge-cpu") reply.cpu_us = std::numeric_limits<std::uint64_t>::max();
    reply_with(job, reply);
}

void misshape(const Received& job, std::string_view what) {
    Bytes bytes = encode_reply(half(job));
    if (what == "garbage") std::fill(bytes.begin(), bytes.end(), std::uint8_t{0xAA});
    if (what == "short") bytes.resize(bytes.size() - 1);
    if (what == "long") bytes.resize(bytes.size() + 1);
    if (what == "empty") bytes.clear();
    if (what == "outcome") bytes[6] = 200;
    reply_bytes(job, bytes);
}

constexpr std::string_view kRewritten = "REWRITTEN";

// Writes over and over until the engine ends it.
[[noreturn]] void rewrite_for_ever(char* bytes) {
    for (;;) kRewritten.copy(bytes, kRewritten.size());
}

char* map_output(const Received& job, int protection) {
    void* map = ::mmap(nullptr, job.request.output_limit, protection, MAP_SHARED, job.output_fd, 0);
    if (map == MAP_FAILED) ::_exit(7);
    return static_cast<char*>(map);
}

// Ways to keep a hand on the output while and after the reply is on its way.
void keep_hold(const Received& job, std::string_view what) {
    const JobReply reply = half(job);
    if (what == "map-read-only") {
        char* map = map_output(job, PROT_READ);
        reply_with(job, reply);
        if (::mprotect(map, job.request.output_limit, PROT_READ | PROT_WRITE) == 0) rewrite_for_ever(map);
        sleep_forever();
    }
    if (what == "map-in-thread") {
        char* map = map_output(job, PROT_READ | PROT_WRITE);
        std::thread([map] { rewrite_for_ever(map); }).detach();
        return reply_with(job, reply);
    }
    if (what == "map-in-child") {
        char* map = map_output(job, PROT_READ | PROT_WRITE);
        const pid_t worker = ::getpid();
        if (::fork() == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != worker) ::_exit(0);
            rewrite_for_ever(map);
        }
        return reply_with(job, reply);
    }
    const auto write_on = [fd = ::dup(job.output_fd)] {
        while (::pwrite(fd, kRewritten.data(), kRewritten.size(), 0) > 0) continue;
    };
    if (what == "write-in-thread") {
        std::thread(write_on).detach();
        return reply_with(job, reply);
    }
    if (what == "punch-after") {
        reply_with(job, reply);
        while (::fallocate(job.output_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0) continue;
    }
}

// As many descriptors as one packet can carry, and then packets without end.
void send_all_it_can(const Received& job) {
    const Bytes bytes = encode_reply(half(job));
    std::array<int, 253> fds;
    fds.fill(job.input_fd);
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fds))] = {};
    iovec data{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(fds));
    std::memcpy(CMSG_DATA(part), fds.data(), sizeof(fds));
    if (::sendmsg(job.socket, &message, MSG_NOSIGNAL) < 0) ::_exit(9);
}

void tamper(const Received& job, std::string_view what) {
    const JobReply reply = half(job);
    if (what == "keep-mapping") {
        void* map =
            ::mmap(nullptr, job.request.output_limit, PROT_READ | PROT_WRITE, MAP_SHARED, job.output_fd, 0);
        if (map == MAP_FAILED) ::_exit(7);
    }
    if (what == "seal-seals") ::fcntl(job.output_fd, F_ADD_SEALS, F_SEAL_SEAL);
    if (what == "grow" && ::ftruncate(job.output_fd, 1 << 20) == 0) ::_exit(6);
    if (what == "shrink" && ::ftruncate(job.output_fd, 0) == 0) ::_exit(6);
    if (what == "write-input" && ::pwrite(job.input_fd, "X", 1, 0) > 0) ::_exit(6);
    if (what == "shrink-input" && ::ftruncate(job.input_fd, 0) == 0) ::_exit(6);
    if (what == "extra-fds") return send(job.socket, encode_reply(reply), std::array{job.socket, job.socket});
    if (what == "many-fds") {
        const int fd = job.socket;
        return send(job.socket, encode_reply(reply), std::array{fd, fd, fd, fd, fd, fd, fd, fd});
    }
    reply_with(job, reply);
    if (what == "twice") reply_with(job, reply);
    // The engine has sealed it by the time it reads; this must change nothing.
    if (what == "write-after") {
        for (int i = 0; i < 2000; ++i) {
            if (::pwrite(job.output_fd, "XXXXXXXX", 8, 0) < 0) break;
        }
    }
}

void end_badly(const Received& job, std::string_view what) {
    if (what == "exit") ::_exit(5);
    if (what == "exit-clean") ::_exit(0);
    if (what == "crash") {
        ::signal(SIGSEGV, SIG_DFL);
        ::raise(SIGSEGV);
    }
    if (what == "kill-9") ::raise(SIGKILL);
    if (what == "silent") sleep_forever();
    if (what == "stop") ::raise(SIGSTOP);
    if (what == "spin") {
        while (SteadyClock::now() != SteadyClock::time_point::max()) continue;
    }
    if (what == "close") {
        ::close(job.socket);
        sleep_forever();
    }
    if (what == "kill-zygote") {
        ::kill(::getppid(), SIGKILL);
        sleep_forever();
    }
    if (what == "stop-zygote") {
        ::kill(::getppid(), SIGSTOP);
        reply_with(job, half(job));
    }
    if (what == "reply-and-die") {
        reply_with(job, half(job));
        ::_exit(0);
    }
}

void tell_deadline(const Received& job) {
    JobReply reply;
    reply.outcome = Outcome::kNotApplicable;
    reply.digest = job.request.digest;
    reply.reason = std::to_string(job.request.deadline_ms_left) + " " + job.request.mime_type + " " +
                   job.request.file_name;
    reply_with(job, reply);
}

void work(const Received& job) {
    const std::string what = job.text.substr(0, job.text.find('\n'));
    if (what == "good") return reply_with(job, half(job));
    if (what == "deadline") return tell_deadline(job);
    end_badly(job, what);
    for (const char* name : {"too-large", "zero", "nan", "other-digest", "unprintable", "huge-cpu"}) {
        if (what == name) return misreport(job, what);
    }
    for (const char* name :
         {"endless", "size-of-input", "kept-with-size", "converted-unasked", "too-small"}) {
        if (what == name) return misreport(job, what);
    }
    for (const char* name :
         {"map-read-only", "map-in-thread", "map-in-child", "write-in-thread", "punch-after"}) {
        if (what == name) return keep_hold(job, what);
    }
    if (what == "all-fds") return send_all_it_can(job);
    if (what == "flood") {
        while (::send(job.socket, encode_reply(half(job)).data(), kJobReplyBytes, MSG_NOSIGNAL) > 0) continue;
    }
    for (const char* name : {"garbage", "short", "long", "empty", "outcome"}) {
        if (what == name) return misshape(job, what);
    }
    tamper(job, what);
}

constexpr std::uint32_t kLackedWalls =
    sandbox_bit(SandboxStep::kNamespaces) | sandbox_bit(SandboxStep::kLandlock);

[[noreturn]] void be_worker(int socket) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    send(socket, encode_zygote_record({ZygoteWord::kWorkerReady, 0, 0, 0, 0, 0}));
    for (;;) {
        auto received = receive_record(socket, kJobRequestBytes, true);
        if (!received || received->fds.size() != 2) ::_exit(0);
        const auto request = parse_request(received->bytes);
        if (!request) ::_exit(3);
        Received job{socket, *request, received->fds[0].get(), received->fds[1].get(), {}};
        job.text.resize(request->input_size);
        if (::pread(job.input_fd, job.text.data(), job.text.size(), 0) < 0) ::_exit(4);
        work(job);
    }
}

void fork_one(int engine, std::string_view name) {
    auto ends = record_socket_pair();
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::close(engine);
        ends->first.reset();
        if (name == "sandbox_fails") ::_exit(108);
        if (name == "workers_silent") sleep_forever();
        be_worker(ends->second.release());
    }
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    const int fds[] = {ends->first.get(), pidfd.get()};
    send(engine, encode_zygote_record({ZygoteWord::kForked, static_cast<std::uint32_t>(pid), 0, 0, 0, 0}),
         fds);
}

void reap(int engine) {
    int status = 0;
    rusage usage{};
    for (pid_t pid = 0; (pid = ::wait4(-1, &status, WNOHANG, &usage)) > 0;) {
        const auto cpu_us =
            static_cast<std::uint64_t>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 +
            static_cast<std::uint64_t>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
        send(engine, encode_zygote_record(
                         {ZygoteWord::kReaped, static_cast<std::uint32_t>(pid), status, cpu_us, 0, 0}));
    }
}

void child_ended(int) {}

int be_zygote(int engine, std::string_view name) {
    if (name == "dies") return 7;
    if (name == "babbles") send(engine, as_bytes("good morning"));
    if (name == "mute") sleep_forever();
    // No SA_RESTART: a child's end interrupts the wait for a word of the engine.
    struct sigaction action {};
    action.sa_handler = child_ended;
    ::sigaction(SIGCHLD, &action, nullptr);
    sigset_t children;
    sigset_t before;
    ::sigemptyset(&children);
    ::sigaddset(&children, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &children, &before);
    // Walls that this "kernel" lacks: namespaces and Landlock in the zygote.
    const std::uint32_t missing = name == "lacks_walls" ? kLackedWalls : 0;
    send(engine, encode_zygote_record({ZygoteWord::kReady, 0, 0, 0, missing, 0}));
    for (;;) {
        pollfd watched{engine, POLLIN, 0};
        const int ready = ::ppoll(&watched, 1, nullptr, &before);
        reap(engine);
        if (ready <= 0) continue;
        if (!receive_record(engine, kZygoteRecordBytes, false)) return 0;
        fork_one(engine, name);
    }
}

}  // namespace
}  // namespace optimilter

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string_view path = argv[0];
    return optimilter::be_zygote(std::atoi(argv[2]), path.substr(path.rfind('/') + 1));
}
