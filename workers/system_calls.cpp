// SPDX-License-Identifier: Apache-2.0
//
// The worker's allow-list of system calls. It was found by tracing real jobs; a call that is on no list here
// ends the worker, which costs one part of one message.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <span>
#include <string>

#include "workers/sandbox.hpp"

namespace optimilter {

namespace {

struct FilterDeleter {
    void operator()(void* filter) const { ::seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FilterDeleter>;

// Memory, the three descriptors of a job, threads, clocks, signals of our own.
constexpr int kAllowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

// Asked for by libraries that can do without: time zone, locale, JIT scratch files, scheduling hints.
constexpr int kDenied[] = {
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir),
    SCMP_SYS(getcwd),
    SCMP_SYS(memfd_create),
    SCMP_SYS(sched_setattr),
    SCMP_SYS(sched_setscheduler),
    SCMP_SYS(setpriority),
    SCMP_SYS(fcntl),
    SCMP_SYS(prlimit64),
    SCMP_SYS(getrlimit),
    SCMP_SYS(umask),
    SCMP_SYS(ioctl),
};

#ifdef OPTIMILTER_SANITIZED
// What the run time of the sanitizers needs besides; never in a build that ships.
constexpr int kSanitizers[] = {SCMP_SYS(nanosleep), SCMP_SYS(mincore), SCMP_SYS(msync), SCMP_SYS(pipe),
                               SCMP_SYS(pipe2)};
#else
constexpr std::array<int, 0> kSanitizers = {};
#endif

bool add_all(scmp_filter_ctx filter, std::uint32_t action, std::span<const int> calls) {
    for (const int call : calls) {
        if (::seccomp_rule_add(filter, action, call, 0) != 0) return false;
    }
    return true;
}

// One condition on one argument, built here because the header's macros are not C++.
scmp_arg_cmp argument(unsigned index, scmp_compare compare, scmp_datum_t a, scmp_datum_t b = 0) {
    return scmp_arg_cmp{index, compare, a, b};
}

bool add(scmp_filter_ctx filter, std::uint32_t action, int call, const scmp_arg_cmp& condition) {
    return ::seccomp_rule_add_array(filter, action, call, 1, &condition) == 0;
}

// Memory may be executable when the loader maps it, before this filter; never from now on (no JIT). The two
// rules exclude each other by the one bit of the protection argument.
bool add_memory_rules(scmp_filter_ctx filter) {
    const auto plain = argument(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const auto executable = argument(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
    for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
        if (!add(filter, SCMP_ACT_ALLOW, call, plain)) return false;
        if (!add(filter, SCMP_ACT_ERRNO(EACCES), call, executable)) return false;
    }
    return true;
}

// Threads, never processes. clone3() keeps its flags in memory where no filter sees them: it does "not
// exist", and the C library takes clone().
bool add_thread_rules(scmp_filter_ctx filter) {
    return ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
           add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone),
               argument(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) &&
           add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), argument(0, SCMP_CMP_EQ, PR_SET_NAME)) &&
           add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(prctl), argument(0, SCMP_CMP_NE, PR_SET_NAME));
}

// abort() signals the own process, so that a library's assertion shows as SIGABRT.
bool add_signal_rules(scmp_filter_ctx filter) {
    const auto self = static_cast<scmp_datum_t>(::getpid());
    return add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), argument(0, SCMP_CMP_EQ, self));
}

Error failed(const char* what) {
    return Error{ErrorCode::kIo, std::string("system call filter: ") + what};
}

}  // namespace

Status restrict_system_calls() {
    const Filter filter(::seccomp_init(SCMP_ACT_KILL_PROCESS));
    if (!filter) return failed("no memory");
    // no_new_privs is a step of its own: not set behind its back.
    if (::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_NNP, 0) != 0) return failed("attributes");
    if (::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1) != 0) return failed("not for all threads");
    const bool built = add_all(filter.get(), SCMP_ACT_ALLOW, kAllowed) &&
                       add_all(filter.get(), SCMP_ACT_ERRNO(EACCES), kDenied) &&
                       add_all(filter.get(), SCMP_ACT_ALLOW, kSanitizers) && add_memory_rules(filter.get()) &&
                       add_thread_rules(filter.get()) && add_signal_rules(filter.get());
    if (!built) return failed("a rule is refused");
    if (::seccomp_load(filter.get()) != 0) return failed("the kernel refuses it");
    return Success{};
}

}  // namespace optimilter
