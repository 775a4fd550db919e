// SPDX-License-Identifier: Apache-2.0
//
// Every step of the sandbox has offenders that get through when exactly that step is left out. Walls overlap,
// so an offender names the other steps that would stop it too; these are left out of both runs that are
// compared: without the step it gets through, with it it is stopped. A third run has all steps. The scene is
// the real one: a zygote that takes its stages, a worker forked from it that takes its own and then offends.
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "check.hpp"
#include "sandbox_scene.hpp"
#include "workers/sandbox.hpp"

namespace optimilter {
namespace {

constexpr std::uint64_t kMemoryBytes = 512ull << 20;
// Exit statuses of a worker that could make its attempt; 0: it got through.
constexpr int kStopped = 1;
constexpr int kLacksStep = 2;

constexpr std::uint32_t bits(std::initializer_list<SandboxStep> steps) {
    std::uint32_t sum = 0;
    for (const SandboxStep step : steps) sum |= sandbox_bit(step);
    return sum;
}

using enum SandboxStep;

int outcome_of(long result) {
    return result >= 0 ? 0 : errno;
}

// --- the offenders: 0 when they got through, else the errno they met

int open_file() {
    return outcome_of(::open("/etc/passwd", O_RDONLY));
}
int create_file() {
    return outcome_of(::open((scene.folder / "open" / "new").c_str(), O_CREAT | O_WRONLY, 0600));
}
int see_file() {
    struct stat found {};
    return outcome_of(::syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &found, 0));
}
int open_private_file() {
    return outcome_of(::open(scene.private_file.c_str(), O_RDONLY));
}
int open_group_file() {
    return outcome_of(::open(scene.group_file.c_str(), O_RDONLY));
}
int connect_inet(int type, in_port_t port) {
    const int fd = ::socket(AF_INET, type, 0);
    if (fd < 0) return errno;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = port;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return outcome_of(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)));
}
int connect_unix(const std::string& name) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) return errno;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    name.copy(to.sun_path, sizeof(to.sun_path));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    return outcome_of(::connect(fd, reinterpret_cast<sockaddr*>(&to), size));
}
int connect_tcp() {
    return connect_inet(SOCK_STREAM, scene.tcp_port);
}
int connect_udp() {
    return connect_inet(SOCK_DGRAM, scene.udp_port);
}
int connect_path() {
    return connect_unix(scene.socket_path);
}
int connect_abstract() {
    return connect_unix(scene.abstract_name);
}
int attach_shared_memory() {
    return ::shmat(scene.shared_memory, nullptr, 0) == reinterpret_cast<void*>(-1) ? errno : 0;
}
int signal_engine() {
    return outcome_of(::kill(scene.engine, 0));
}
int signal_zygote() {
    return outcome_of(::kill(scene.zygote, 0));
}
int hold_zygote() {
    return outcome_of(::syscall(SYS_pidfd_open, scene.zygote, 0));
}
int trace_zygote() {
    return outcome_of(::ptrace(PTRACE_SEIZE, scene.zygote, nullptr, nullptr));
}
int trace_me() {
    return outcome_of(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
}
int change_root() {
    return outcome_of(::chroot("/"));
}
int exec_setuid() {
    ::execl(scene.setuid_program.c_str(), "root?", nullptr);
    return errno;
}
int exec_program() {
    ::execl("/bin/true", "true", nullptr);
    return errno;
}
// A child that is in nobody's way.
int ended_child(long pid) {
    if (pid == 0) ::_exit(0);
    return outcome_of(pid);
}
int fork_process() {
    return ended_child(::syscall(SYS_fork));
}
int clone_process() {
    return ended_child(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}
int clone3_process() {
    clone_args arguments{};
    arguments.exit_signal = SIGCHLD;
    return ended_child(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
}
int map_memory(std::size_t size, int protection) {
    void* map = ::mmap(nullptr, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return map == MAP_FAILED ? errno : 0;
}
int allocate_4_gb() {
    return map_memory(4ull << 30, PROT_READ | PROT_WRITE);
}
int map_executable() {
    return map_memory(4096, PROT_READ | PROT_WRITE | PROT_EXEC);
}
int protect_executable() {
    void* map = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return outcome_of(::mprotect(map, 4096, PROT_READ | PROT_EXEC));
}
int write_far() {
    return outcome_of(::pwrite(scene.output.fd(), "x", 1, static_cast<off_t>(kMemoryBytes) + 1));
}
int hoard_descriptors() {
    for (int i = 0; i < 100; ++i) {
        if (::dup(0) < 0) return errno;
    }
    return 0;
}
int is_unlimited(__rlimit_resource_t resource) {
    rlimit limit{};
    if (::getrlimit(resource, &limit) != 0) return errno;
    return limit.rlim_cur == RLIM_INFINITY ? 0 : EPERM;
}
int spin_for_ever() {
    return is_unlimited(RLIMIT_CPU);
}
int dump_core() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_CORE, &limit) != 0) return errno;
    return limit.rlim_max != 0 ? 0 : EPERM;
}
int memory_file() {
    return outcome_of(::syscall(SYS_memfd_create, "x", 0));
}
int inet_socket() {
    return outcome_of(::socket(AF_INET, SOCK_STREAM, 0));
}
int unix_pair() {
    int ends[2];
    return outcome_of(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
}
int outlive_zygote() {
    return outcome_of(::prctl(PR_SET_PDEATHSIG, 0));
}
int allow_tracing() {
    return outcome_of(::prctl(PR_SET_DUMPABLE, 1));
}
int seal_the_seals() {
    return outcome_of(::fcntl(scene.output.fd(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
}
int device_control() {
    int waiting = 0;
    return outcome_of(::ioctl(scene.tcp_listener.get(), FIONBIO, &waiting));
}
int change_limit() {
    const rlimit limit{16, 16};
    return outcome_of(::setrlimit(RLIMIT_NOFILE, &limit));
}

// What a row needs of this machine to say anything.
enum class Needs {
    kNothing,
    kRoot,
    kSetuid,
    kTracing,
    kNamespaces,
    kLandlockTcp,
    kLandlockScopes,
    kCores,
    kMemory
};

struct Offender {
    const char* name;
    int (*attempt)();
    SandboxStep step;      // whose absence lets it through
    std::uint32_t others;  // steps that would stop it as well
    Needs needs = Needs::kNothing;
};

constexpr Offender kOffenders[] = {
    {"TCP to this machine", connect_tcp, kNamespaces, bits({kLandlock, kSystemCalls})},
    {"UDP to this machine", connect_udp, kNamespaces, bits({kSystemCalls})},
    {"abstract socket of another", connect_abstract, kNamespaces, bits({kLandlock, kSystemCalls})},
    {"shared memory of another", attach_shared_memory, kNamespaces, bits({kSystemCalls})},
    {"see a file", see_file, kEmptyRoot, bits({kSystemCalls})},
    {"socket in the file system", connect_path, kEmptyRoot, bits({kSystemCalls})},
    {"signal a process of root", signal_engine, kUser, bits({kLandlock, kSystemCalls}), Needs::kRoot},
    {"open a file of root's group", open_group_file, kUser, bits({kEmptyRoot, kLandlock, kSystemCalls}),
     Needs::kRoot},
    {"open another user's file", open_private_file, kCapabilities,
     bits({kUser, kEmptyRoot, kLandlock, kSystemCalls}), Needs::kRoot},
    {"change the root directory", change_root, kCapabilities, bits({kUser, kSystemCalls}),
     Needs::kNamespaces},
    {"become root by a set-uid program", exec_setuid, kNoNewPrivileges,
     bits({kEmptyRoot, kLandlock, kSystemCalls}), Needs::kSetuid},
    {"trace the zygote", trace_zygote, kNoNewPrivileges, bits({kNamespaces, kUser, kLandlock, kSystemCalls}),
     Needs::kTracing},
    {"open a file", open_file, kLandlock, bits({kEmptyRoot, kSystemCalls})},
    {"create a file", create_file, kLandlock, bits({kEmptyRoot, kSystemCalls})},
    {"run a program", exec_program, kLandlock, bits({kEmptyRoot, kSystemCalls})},
    {"TCP, its network shared", connect_tcp, kLandlock, bits({kNamespaces, kSystemCalls}),
     Needs::kLandlockTcp},
    {"abstract socket, its network shared", connect_abstract, kLandlock, bits({kNamespaces, kSystemCalls}),
     Needs::kLandlockScopes},
    {"signal the engine, its user shared", signal_engine, kLandlock, bits({kUser, kSystemCalls}),
     Needs::kLandlockScopes},
    {"allocate 4 GB", allocate_4_gb, kLimits, 0, Needs::kMemory},
    {"write past the file size limit", write_far, kLimits, 0},
    {"hoard descriptors", hoard_descriptors, kLimits, bits({kSystemCalls})},
    {"spin for ever", spin_for_ever, kLimits, bits({kSystemCalls})},
    {"dump core", dump_core, kLimits, bits({kSystemCalls}), Needs::kCores},
    {"open a file, name in sight", open_file, kSystemCalls, bits({kEmptyRoot, kLandlock})},
    {"run a program, name in sight", exec_program, kSystemCalls, bits({kEmptyRoot, kLandlock})},
    {"inet socket", inet_socket, kSystemCalls, 0},
    {"unix socket pair", unix_pair, kSystemCalls, 0},
    {"fork", fork_process, kSystemCalls, 0},
    {"clone", clone_process, kSystemCalls, 0},
    {"clone3", clone3_process, kSystemCalls, 0},
    {"signal the zygote", signal_zygote, kSystemCalls, 0},
    {"pidfd of the zygote", hold_zygote, kSystemCalls, 0},
    {"ask to be traced", trace_me, kSystemCalls, 0},
    {"map executable", map_executable, kSystemCalls, 0},
    {"make executable", protect_executable, kSystemCalls, 0},
    {"memory file", memory_file, kSystemCalls, 0},
    {"seal the output", seal_the_seals, kSystemCalls, 0},
    {"outlive the zygote", outlive_zygote, kSystemCalls, 0},
    {"allow tracing", allow_tracing, kSystemCalls, 0},
    {"change a limit", change_limit, kSystemCalls, 0},
    {"device control", device_control, kSystemCalls, 0},
};

// --- zygote and worker

// Ends the process when a step fails; the steps in left_out are not taken.
void take_steps(Sandbox& sandbox, std::span<const SandboxStep> steps, std::uint32_t left_out) {
    for (const SandboxStep step : steps) {
        if ((left_out & sandbox_bit(step)) != 0) continue;
        if (sandbox.take(step)) ::_exit(kSandboxExitStatus + static_cast<int>(step));
    }
}

void become_zygote(Sandbox& sandbox, std::uint32_t left_out) {
    scene.zygote = ::getpid();
    sandbox.prepare_root();
    take_steps(sandbox, kStepsBeforeLibraries, left_out);
    take_steps(sandbox, kStepsBeforeForks, left_out);
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

// The wait status of a worker that offends behind all steps but those left out. needed: must have held.
int offend(const Offender& offender, std::uint32_t left_out, std::uint32_t needed) {
    int tell[2];
    CHECK_EQ(::pipe2(tell, O_CLOEXEC), 0);
    const pid_t zygote = ::fork();
    if (zygote == 0) {
        Sandbox sandbox({65534, 65534, kMemoryBytes});
        become_zygote(sandbox, left_out);
        const pid_t worker = ::fork();
        if (worker == 0) {
            sandbox.set_parent(scene.zygote);
            take_steps(sandbox, kStepsInWorker, left_out);
            if ((sandbox.missing_steps() & needed) != 0) ::_exit(kLacksStep);
            ::_exit(offender.attempt() == 0 ? 0 : kStopped);
        }
        const int status = wait_for(worker);
        ::_exit(::write(tell[1], &status, sizeof(status)) == sizeof(status) ? 0 : 1);
    }
    ::close(tell[1]);
    int status = -1;
    const ssize_t got = ::read(tell[0], &status, sizeof(status));
    ::close(tell[0]);
    CHECK_EQ(wait_for(zygote), 0, offender.name);
    CHECK_EQ(got, static_cast<ssize_t>(sizeof(status)), offender.name);
    return status;
}

std::string told(int status) {
    if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
    const int code = WEXITSTATUS(status);
    if (code == 0) return "got through";
    if (code == kLacksStep) return "lacks";
    if (const auto step = failed_sandbox_step(code); !step.empty())
        return "step failed: " + std::string(step);
    return code == kStopped ? "stopped" : "exit status " + std::to_string(code);
}

bool is_stopped(int status) {
    const std::string outcome = told(status);
    return outcome == "stopped" || outcome == "killed by signal " + std::to_string(SIGSYS) ||
           outcome == "killed by signal " + std::to_string(SIGXFSZ);
}

// --- this machine

long landlock_abi() {
    return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1u);
}

bool tracing_is_open() {
    std::ifstream scope("/proc/sys/kernel/yama/ptrace_scope");
    char value = '0';
    scope >> value;
    return value == '0';
}

bool setuid_works() {
    struct statvfs mount {};
    return ::geteuid() == 0 && ::statvfs(scene.folder.c_str(), &mount) == 0 &&
           (mount.f_flag & ST_NOSUID) == 0;
}

// Empty, or why the row cannot say anything here.
std::string_view unmet(Needs needs) {
    switch (needs) {
        case Needs::kNothing:
        case Needs::kNamespaces:
            return {};
        case Needs::kRoot:
            return ::geteuid() == 0 ? "" : "only root has it to lose";
        case Needs::kSetuid:
            return setuid_works() ? "" : "no set-uid program can be made";
        case Needs::kTracing:
            return tracing_is_open() ? "" : "this kernel allows no tracing upwards (Yama)";
        case Needs::kLandlockTcp:
            return landlock_abi() >= 4 ? "" : "this kernel's Landlock knows no TCP";
        case Needs::kLandlockScopes:
            return landlock_abi() >= 6 ? "" : "this kernel's Landlock knows no scopes";
        case Needs::kCores:
            return dump_core() == 0 ? "" : "core dumps are off already";
        case Needs::kMemory:
#ifdef OPTIMILTER_SANITIZED
            return "sanitizers need the address space";
#else
            return {};
#endif
    }
    return {};
}

// true when the row was proven, false when this machine cannot tell.
bool prove(const Offender& offender) {
    const std::uint32_t step = sandbox_bit(offender.step);
    std::string_view why = unmet(offender.needs);
    // Others than root get capabilities from a user namespace only.
    const bool needs_namespace = offender.needs == Needs::kNamespaces && ::geteuid() != 0;
    const int with = offend(offender, offender.others, step | (needs_namespace ? bits({kNamespaces}) : 0));
    if (why.empty() && told(with) == "lacks") why = "this system lacks the step";
    if (!why.empty()) {
        print_message("not proven: %s: %s: %s\n", std::string(sandbox_step_name(offender.step)).c_str(),
                      offender.name, std::string(why).c_str());
    } else {
        CHECK_EQ(told(offend(offender, offender.others | step, 0)), "got through",
                 std::string(offender.name) + ", step left out");
        CHECK(is_stopped(with), std::string(offender.name) + ", step taken: " + told(with));
    }
    const int all = offend(offender, 0, 0);
    if (why.empty()) CHECK(is_stopped(all), std::string(offender.name) + ", all steps: " + told(all));
    return why.empty();
}

void test_each_step_stops_what_nothing_else_does() {
    std::uint32_t proven = 0;
    int rows = 0;
    for (const Offender& offender : kOffenders) {
        if (!prove(offender)) continue;
        proven |= sandbox_bit(offender.step);
        ++rows;
    }
    print_message("%d of %zu offenders proven\n", rows, std::size(kOffenders));
    // The system call filter and the limits are never missing.
    CHECK((proven & bits({kLimits})) != 0);
    CHECK((proven & bits({kSystemCalls})) != 0);
    if (::geteuid() == 0) CHECK((proven & bits({kUser})) != 0 && (proven & bits({kCapabilities})) != 0);
}

// A worker whose zygote is killed. It tells by a byte that it lives on, or its pipe ends with it.
bool outlives_zygote(std::uint32_t left_out) {
    int go[2], alive[2];
    CHECK(::pipe(go) == 0 && ::pipe(alive) == 0);
    const pid_t zygote = ::fork();
    if (zygote == 0) {
        ::close(go[1]);
        ::close(alive[0]);
        Sandbox sandbox({65534, 65534, kMemoryBytes});
        become_zygote(sandbox, left_out);
        if (::fork() == 0) {
            sandbox.set_parent(scene.zygote);
            take_steps(sandbox, kStepsInWorker, left_out);
            char byte = 'r';
            if (::write(alive[1], &byte, 1) == 1 && ::read(go[0], &byte, 1) == 1 &&
                ::write(alive[1], "a", 1) == 1)
                ::_exit(0);
            ::_exit(1);
        }
        ::close(alive[1]);
        for (;;) ::pause();
    }
    ::close(go[0]);
    ::close(alive[1]);
    char byte = 0;
    CHECK_EQ(::read(alive[0], &byte, 1), 1);
    ::kill(zygote, SIGKILL);
    wait_for(zygote);
    // Its death is sent before its parent can hear of it. Writing may find nobody left to read.
    ::signal(SIGPIPE, SIG_IGN);
    const ssize_t unused = ::write(go[1], "g", 1);
    (void)unused;
    const bool lives = ::read(alive[0], &byte, 1) == 1;
    ::close(go[1]);
    ::close(alive[0]);
    return lives;
}

void test_worker_dies_with_zygote() {
    CHECK(!outlives_zygote(0));
    CHECK(outlives_zygote(bits({kParentDeath})));
    // Nothing else would have done it.
    CHECK(!outlives_zygote(bits({kSystemCalls, kLimits})));
}

int open_scene(void**) {
    try {
        set_scene();
        return 0;
    } catch (const std::exception& error) {
        print_error("%s\n", error.what());
        return -1;
    }
}

int clear_scene(void**) {
    ::shmctl(scene.shared_memory, IPC_RMID, nullptr);
    std::error_code ignored;
    std::filesystem::remove_all(scene.folder, ignored);
    return 0;
}

}  // namespace
}  // namespace optimilter

int main(int, char** argv) {
    using namespace optimilter;
    // The set-uid copy of this program tells by its exit status what it became.
    if (std::string_view(argv[0]) == "root?") return ::geteuid() == 0 ? 0 : kStopped;
    const CMUnitTest tests[] = {TEST(test_each_step_stops_what_nothing_else_does),
                                TEST(test_worker_dies_with_zygote)};
    return cmocka_run_group_tests(tests, open_scene, clear_scene);
}
