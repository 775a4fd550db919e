// SPDX-License-Identifier: Apache-2.0
//
// Each step of the sandbox, tried by a child that enters it and then does what must not work. A child ends in
// one of three ways: with the errno that the attempt met, with 0 when it succeeded, or by a signal.
#include "workers/sandbox.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

#include "base/memfd.hpp"
#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::uint64_t kMemory = 512ull << 20;
constexpr int kMissing = 200;  // exit status: this system lacks the step

int outcome_of(long result) {
    return result >= 0 ? 0 : errno;
}

Sandbox enter_all(pid_t parent) {
    Sandbox sandbox({65534, 65534, kMemory});
    auto failed = sandbox.before_libraries();
    if (!failed) failed = sandbox.before_forks();
    if (!failed) failed = sandbox.in_worker(parent);
    if (failed) ::_exit(kSandboxExitStatus + static_cast<int>(*failed));
    return sandbox;
}

bool lacks(const Sandbox& sandbox, SandboxStep step) {
    return (sandbox.missing_steps() & sandbox_bit(step)) != 0;
}

// The wait status of a child that runs attempt.
template <typename Attempt>
int run_child(Attempt attempt) {
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(attempt(parent));
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

std::string told(int status) {
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    return "errno " + std::to_string(WEXITSTATUS(status));
}

const std::string kDenied = "errno " + std::to_string(EACCES);
const std::string kKilled = "signal " + std::to_string(SIGSYS);

struct Offence {
    const char* name;
    int (*attempt)();
    std::string want;
};

int map_executable() {
    void* map = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return map == MAP_FAILED ? errno : 0;
}

int protect_executable() {
    void* map = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return outcome_of(::mprotect(map, 4096, PROT_READ | PROT_EXEC));
}

int thread_runs() {
    int value = 1;
    std::thread([&value] { value = 0; }).join();
    return value;
}

// What a hostile decoder would try, by raw system call where the C library might stand between.
void test_offences() {
    const Offence kOffences[] = {
        {"open a file", [] { return outcome_of(::open("/etc/passwd", O_RDONLY)); }, kDenied},
        {"create a file", [] { return outcome_of(::open("/tmp/x", O_CREAT | O_WRONLY, 0600)); }, kDenied},
        {"read a link",
         [] {
             char to[64];
             return outcome_of(::readlink("/proc/self/exe", to, 64));
         },
         kDenied},
        {"remove a file", [] { return outcome_of(::unlink("/tmp/x")); }, kDenied},
        {"memory file", [] { return outcome_of(::memfd_create("x", 0)); }, kDenied},
        {"socket", [] { return outcome_of(::socket(AF_INET, SOCK_STREAM, 0)); }, kKilled},
        {"unix socket", [] { return outcome_of(::socket(AF_UNIX, SOCK_STREAM, 0)); }, kKilled},
        {"connect", [] { return outcome_of(::connect(0, nullptr, 0)); }, kKilled},
        {"exec", [] { return outcome_of(::execl("/bin/true", "true", nullptr)); }, kKilled},
        {"fork", [] { return outcome_of(::syscall(SYS_fork)); }, kKilled},
        {"fork by the C library", [] { return outcome_of(::fork()); }, kKilled},
        {"clone3", [] { return outcome_of(::syscall(SYS_clone3, nullptr, 0)); },
         "errno " + std::to_string(ENOSYS)},
        {"kill the parent", [] { return outcome_of(::kill(::getpid() - 1, SIGKILL)); }, kKilled},
        {"signal another process", [] { return outcome_of(::syscall(SYS_tgkill, 1, 1, SIGKILL)); }, kKilled},
        {"seize by pidfd", [] { return outcome_of(::syscall(SYS_pidfd_open, 1, 0)); }, kKilled},
        {"other's memory", [] { return outcome_of(::syscall(SYS_process_vm_writev, 1, 0, 0, 0, 0, 0)); },
         kKilled},
        {"map executable", map_executable, kDenied},
        {"make executable", protect_executable, kDenied},
        {"protection keys", [] { return outcome_of(::syscall(SYS_pkey_mprotect, 0, 0, PROT_EXEC, -1)); },
         kKilled},
        {"ptrace the parent",
         [] { return outcome_of(::ptrace(PTRACE_ATTACH, ::getpid() - 1, nullptr, nullptr)); }, kKilled},
        {"mount", [] { return outcome_of(::syscall(SYS_mount, 0, 0, 0, 0, 0)); }, kKilled},
        {"user namespace", [] { return outcome_of(::unshare(CLONE_NEWUSER)); }, kKilled},
        {"change user", [] { return outcome_of(::syscall(SYS_setuid, 0)); }, kKilled},
        {"io_uring", [] { return outcome_of(::syscall(SYS_io_uring_setup, 1, nullptr)); }, kKilled},
        {"bpf", [] { return outcome_of(::syscall(SYS_bpf, 0, 0, 0)); }, kKilled},
        {"keyring", [] { return outcome_of(::syscall(SYS_add_key, 0, 0, 0, 0, 0)); }, kKilled},
        {"raise a limit",
         [] {
             const rlimit l{1u << 20, 1u << 20};
             return outcome_of(::setrlimit(RLIMIT_NOFILE, &l));
         },
         kDenied},
        {"allow ptrace", [] { return outcome_of(::prctl(PR_SET_DUMPABLE, 1)); }, kDenied},
        {"outlive the zygote", [] { return outcome_of(::prctl(PR_SET_PDEATHSIG, 0)); }, kDenied},
        {"type into a terminal",
         [] {
             char c = 'x';
             return outcome_of(::ioctl(0, TIOCSTI, &c));
         },
         kDenied},
        {"look for a file",
         [] {
             struct stat s {};
             return ::stat("/etc/passwd", &s) == 0 ? 0 : ENOENT;
         },
         "errno " + std::to_string(ENOENT)},
        {"run a thread", thread_runs, "errno 0"},
        {"abort", []() -> int { std::abort(); }, "signal " + std::to_string(SIGABRT)},
    };
    for (const Offence& offence : kOffences) {
        const int status = run_child([&](pid_t parent) {
            const Sandbox sandbox = enter_all(parent);
            // Without an empty root, as for an ordinary user under the thread sanitizer, names can be seen;
            // nothing behind them can be opened.
            const bool names_are_seen = lacks(sandbox, SandboxStep::kEmptyRoot);
            if (names_are_seen && std::string_view(offence.name) == "look for a file") return ENOENT;
            return offence.attempt();
        });
        CHECK_EQ(told(status), offence.want, offence.name);
    }
}

#ifndef OPTIMILTER_SANITIZED
void test_memory_ends() {
    const int status = run_child([](pid_t parent) {
        enter_all(parent);
        void* map = ::mmap(nullptr, 4ull << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return map == MAP_FAILED ? errno : 0;
    });
    CHECK_EQ(told(status), "errno " + std::to_string(ENOMEM));
}
#endif

// All threads are behind the filter, those too that ran before it closed.
void test_filter_reaches_running_threads() {
    const int status = run_child([](pid_t) {
        int go[2];
        if (::pipe(go) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 99;
        std::thread early([&] {
            char byte = 0;
            if (::read(go[0], &byte, 1) == 1) ::socket(AF_INET, SOCK_STREAM, 0);
        });
        if (!restrict_system_calls().has_value()) return 98;
        if (::write(go[1], "x", 1) != 1) return 97;
        early.join();
        return 0;
    });
    CHECK_EQ(told(status), kKilled);
}

// A file of fixed size takes no byte more, and the limit of the worker ends any other growth.
void test_output_does_not_grow() {
    auto output = Memfd::create("output");
    CHECK(output->resize(1000).has_value());
    CHECK(output->seal_shape().has_value());
    const int status = run_child([&](pid_t parent) {
        enter_all(parent);
        Bytes bytes(2000, 1);
        const ssize_t written = ::pwrite(output->fd(), bytes.data(), bytes.size(), 0);
        if (written > 1000) return 99;
        return outcome_of(::pwrite(output->fd(), "x", 1, 1000));
    });
    CHECK_EQ(told(status), "errno " + std::to_string(EPERM));
}

void test_file_size_limit() {
    auto output = Memfd::create("output");
    const int status = run_child([&](pid_t parent) {
        enter_all(parent);
        return outcome_of(::pwrite(output->fd(), "x", 1, static_cast<off_t>(kMemory) + 1));
    });
    CHECK_EQ(told(status), "signal " + std::to_string(SIGXFSZ));
}

// A worker that spins for ever without the engine's kill is ended by the kernel. The limit itself is minutes;
// here only that it is set, soft below hard, and that its signal ends the process.
void test_cpu_limit() {
    const int status = run_child([](pid_t parent) {
        Sandbox sandbox({65534, 65534, kMemory});
        if (sandbox.before_libraries() || sandbox.before_forks()) return 99;
        if (::prctl(PR_SET_PDEATHSIG, 0) != 0 || parent == 0) return 98;
        const rlimit one_second{1, 2};
        if (::setrlimit(RLIMIT_CPU, &one_second) != 0) return 97;
        // The sandbox may only lower it further, never raise it past the hard limit.
        if (!sandbox.in_worker(parent)) return 96;
        for (volatile int spin = 0; spin == 0;) continue;
        return 0;
    });
    CHECK_EQ(told(status), "signal " + std::to_string(SIGXCPU));
}

void test_can_be_entered() {
    const int status = run_child([](pid_t parent) {
        enter_all(parent);
        return 0;
    });
    CHECK_EQ(told(status), "errno 0");
}

void test_worker_needs_its_zygote() {
    const int status = run_child([](pid_t) {
        Sandbox sandbox({65534, 65534, kMemory});
        if (sandbox.before_libraries() || sandbox.before_forks()) return 99;
        const auto failed = sandbox.in_worker(1);  // not our parent: as if the zygote had died
        return failed == SandboxStep::kParentDeath ? 0 : 98;
    });
    CHECK_EQ(told(status), "errno 0");
}

// Without no_new_privs the kernel refuses the filter to whoever is not root: then no worker, rather than one
// without walls.
void test_filter_is_never_optional() {
    const int status = run_child([](pid_t parent) {
        if (::geteuid() == 0 &&
            (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0))
            return 99;
        Sandbox sandbox({65534, 65534, kMemory});
        const auto failed = sandbox.in_worker(parent);
        return failed == SandboxStep::kSystemCalls ? 0 : 98;
    });
    CHECK_EQ(told(status), "errno 0");
}

void test_landlock_alone() {
    const int status = run_child([](pid_t) {
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 99;
        const Status closed = restrict_by_landlock();
        if (!closed.has_value()) return closed.error().code == ErrorCode::kUnsupported ? kMissing : 98;
        return outcome_of(::open("/etc/passwd", O_RDONLY));
    });
    if (WIFEXITED(status) && WEXITSTATUS(status) == kMissing) return;
    CHECK_EQ(told(status), kDenied);
}

// The steps of the zygote, one by one, before any filter: what is not reported missing must hold.
void test_zygote_steps() {
    const int status = run_child([](pid_t) {
        Sandbox sandbox({65534, 65534, kMemory});
        if (sandbox.before_libraries() || sandbox.before_forks()) return 99;
        const auto holds = [&](SandboxStep step) {
            return (sandbox.missing_steps() & sandbox_bit(step)) == 0;
        };
        struct stat found {};
        if (holds(SandboxStep::kEmptyRoot) && ::stat("/etc/passwd", &found) == 0) return 1;
        if (holds(SandboxStep::kUser) && ::geteuid() == 0) return 2;
        if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 3;
        if (::prctl(PR_GET_DUMPABLE) != 0) return 4;
        if (::chroot("/") == 0) return 5;
        if (!holds(SandboxStep::kNamespaces)) return 0;
        // In an empty network namespace even the loopback is down.
        const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM, 0));
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(9);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0 ? 6 : 0;
    });
    CHECK_EQ(told(status), "errno 0");
}

// An ordinary user gets the same walls by a user namespace, or hears that they are missing.
void test_as_ordinary_user() {
    const int status = run_child([](pid_t parent) {
        if (::geteuid() == 0 &&
            (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0))
            return 99;
        // setuid() made us undumpable, as it would no user's own process: then /proc/self is root's.
        ::prctl(PR_SET_DUMPABLE, 1);
        enter_all(parent);
        return outcome_of(::open("/etc/passwd", O_RDONLY));
    });
    CHECK_EQ(told(status), kDenied);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_offences),
#ifndef OPTIMILTER_SANITIZED

                                TEST(test_memory_ends),
#endif
                                TEST(test_filter_reaches_running_threads),
                                TEST(test_output_does_not_grow),
                                TEST(test_file_size_limit),
                                TEST(test_cpu_limit),
                                TEST(test_can_be_entered),
                                TEST(test_worker_needs_its_zygote),
                                TEST(test_filter_is_never_optional),
                                TEST(test_landlock_alone),
                                TEST(test_zygote_steps),
                                TEST(test_as_ordinary_user)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
