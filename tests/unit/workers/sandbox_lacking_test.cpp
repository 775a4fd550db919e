// SPDX-License-Identifier: Apache-2.0
//
// Kernels and containers that lack a step of the sandbox, played by a filter that refuses its system calls:
// what may be missing is reported, and without what may not be missing there is no worker.
#include <seccomp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <vector>

#include "check.hpp"
#include "workers/sandbox.hpp"

namespace optimilter {
namespace {

using enum SandboxStep;

constexpr std::uint32_t bits(std::initializer_list<SandboxStep> steps) {
    std::uint32_t sum = 0;
    for (const SandboxStep step : steps) sum |= sandbox_bit(step);
    return sum;
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

struct Refusal {
    const char* name;
    std::vector<int> calls;
    std::uint32_t missing;              // what is then reported
    std::optional<SandboxStep> failed;  // or: without what there is no worker
};

// Exit status 0: as the row wants it.
int enter_refused(const Refusal& row) {
    const scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
    // All threads: the C library ends a process whose threads disagree about their user.
    if (::seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) != 0) return 9;
    for (const int call : row.calls) {
        if (::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0) != 0) return 10;
    }
    if (::seccomp_load(filter) != 0) return 11;
    Sandbox sandbox({65534, 65534, 512ull << 20});
    auto failed = sandbox.before_libraries();
    if (!failed) failed = sandbox.before_forks();
    if (!failed) failed = sandbox.in_worker(::getppid());
    if (failed != row.failed) return 12;
    return (sandbox.missing_steps() & row.missing) == row.missing ? 0 : 13;
}

void test_lacking_kernels() {
    const bool root = ::geteuid() == 0;
    const Refusal kRefusals[] = {
        {"nothing lacks", {}, 0, {}},
        {"no namespaces", {SCMP_SYS(unshare)}, bits({kNamespaces}), {}},
        {"no chroot", {SCMP_SYS(chroot)}, bits({kEmptyRoot}), {}},
        {"no other user", {SCMP_SYS(setgroups)}, root ? bits({kUser}) : 0, {}},
        {"no Landlock", {SCMP_SYS(landlock_create_ruleset)}, bits({kLandlock}), {}},
        {"a container that forbids all these",
         {SCMP_SYS(unshare), SCMP_SYS(chroot), SCMP_SYS(landlock_create_ruleset)},
         bits({kNamespaces, kEmptyRoot, kLandlock}),
         {}},
        {"capabilities that stay", {SCMP_SYS(capset)}, 0, kCapabilities},
        {"no limits", {SCMP_SYS(prlimit64), SCMP_SYS(setrlimit)}, 0, kLimits},
        {"no system call filter", {SCMP_SYS(seccomp)}, 0, kSystemCalls},
    };
    for (const Refusal& row : kRefusals) {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(enter_refused(row));
        CHECK_EQ(wait_for(child), 0, row.name);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_lacking_kernels)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
