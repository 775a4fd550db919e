// SPDX-License-Identifier: Apache-2.0
#include "base/privileges.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace optimilter {

namespace {

// Best effort: without it the process works, with less.
void restrict_capabilities(int keep) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    if (::syscall(SYS_capget, &header, sets.data()) != 0) return;
    for (std::size_t i = 0; i < sets.size(); ++i) {
        const auto word = static_cast<int>(i);
        const std::uint32_t bit = keep / 32 == word && keep >= 0 ? 1u << (keep % 32) : 0u;
        sets[i].permitted &= bit;
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    ::syscall(SYS_capset, &header, sets.data());
}

}  // namespace

Status become_user(const std::string& user, int keep_capability) {
    if (user.empty() || ::geteuid() != 0) return Success{};
    const passwd* entry = ::getpwnam(user.c_str());
    if (entry == nullptr) return Error{ErrorCode::kRefused, fmt::format("user {} is not known", user)};
    if (keep_capability >= 0) ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (::initgroups(user.c_str(), entry->pw_gid) != 0 || ::setgid(entry->pw_gid) != 0 ||
        ::setuid(entry->pw_uid) != 0) {
        return Error{ErrorCode::kRefused, fmt::format("become user {}: {}", user, std::strerror(errno))};
    }
    if (keep_capability >= 0) restrict_capabilities(keep_capability);
    return Success{};
}

}  // namespace optimilter
