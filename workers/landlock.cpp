// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.hpp"
#include "workers/sandbox.hpp"

namespace optimilter {

namespace {

// Our own copy of the kernel's struct landlock_ruleset_attr: the headers of Debian 12 know ABI 3 only, while
// the kernel under us may know more (a newer kernel, backports).
struct RulesetAttributes {
    std::uint64_t handled_access_fs;
    std::uint64_t handled_access_net;
    std::uint64_t scoped;
};

constexpr std::uint32_t kAskVersion = 1u << 0;
constexpr std::uint64_t kTcp = 3;     // bind, connect
constexpr std::uint64_t kScopes = 3;  // abstract unix sockets and signals, of and to others

// How many file rights each ABI knows; they are handed out from bit 0 up.
unsigned file_rights(long abi) {
    if (abi >= 5) return 16;
    if (abi >= 3) return 15;
    return abi == 2 ? 14 : 13;
}

// An older kernel refuses a larger struct than it knows.
std::size_t attributes_size(long abi) {
    if (abi >= 6) return sizeof(RulesetAttributes);
    return abi >= 4 ? 2 * sizeof(std::uint64_t) : sizeof(std::uint64_t);
}

}  // namespace

Status restrict_by_landlock() {
    const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
    if (abi < 1) return Error{ErrorCode::kUnsupported, "the kernel has no Landlock"};
    const RulesetAttributes attributes{(1ull << file_rights(abi)) - 1, kTcp, kScopes};
    // No rule is added: all that is handled is denied.
    const UniqueFd ruleset(
        static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, attributes_size(abi), 0)));
    if (!ruleset || ::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
        return Error{ErrorCode::kIo, std::string("Landlock: ") + std::strerror(errno)};
    }
    return Success{};
}

}  // namespace optimilter
