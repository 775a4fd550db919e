// SPDX-License-Identifier: Apache-2.0
#include "console/socket_checks.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "console/small_file.hpp"

namespace optimilter {

namespace {

constexpr int kConnectMs = 1000;

// 0 when somebody accepts, else an errno. A full queue of a listener is an answer, too.
int try_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe) return errno;
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
    return errno == EAGAIN ? 0 : errno;
}

int try_connect(const addrinfo& address) {
    const UniqueFd probe(
        ::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol));
    if (!probe) return errno;
    if (::connect(probe.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    pollfd watched{probe.get(), POLLOUT, 0};
    if (::poll(&watched, 1, kConnectMs) != 1) return ETIMEDOUT;
    int cause = 0;
    socklen_t size = sizeof cause;
    ::getsockopt(probe.get(), SOL_SOCKET, SO_ERROR, &cause, &size);
    return cause;
}

// "inet:port@host" and "inet6:port@host".
int try_inet(const std::string& address) {
    const std::size_t colon = address.find(':'), at = address.find('@');
    if (colon == std::string::npos || at == std::string::npos || at < colon) return EINVAL;
    const std::string port = address.substr(colon + 1, at - colon - 1), host = address.substr(at + 1);
    addrinfo hints{};
    hints.ai_family = address.starts_with("inet6:") ? AF_INET6 : AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return EADDRNOTAVAIL;
    int cause = ECONNREFUSED;
    for (const addrinfo* each = found; each != nullptr && cause != 0; each = each->ai_next)
        cause = try_connect(*each);
    ::freeaddrinfo(found);
    return cause;
}

// Does any process have a socket of this path, whether it listens yet or not?
bool somebody_has(const std::string& path, const std::string& proc) {
    const auto table = read_small_file(proc + "/net/unix", 64 << 20);
    if (!table) return true;
    return (*table + "\n").find(" " + path + "\n") != std::string::npos;
}

std::string name_of_user(uid_t id) {
    const passwd* entry = ::getpwuid(id);
    return entry != nullptr ? entry->pw_name : fmt::format("{}", id);
}

std::string name_of_group(gid_t id) {
    const group* entry = ::getgrgid(id);
    return entry != nullptr ? entry->gr_name : fmt::format("{}", id);
}

SocketAnswer unix_answer(const std::string& path, const std::string& proc, struct stat& file) {
    if (::lstat(path.c_str(), &file) != 0)
        return errno == ENOENT || errno == ENOTDIR ? SocketAnswer::kMissing : SocketAnswer::kNoReach;
    if (!S_ISSOCK(file.st_mode)) return SocketAnswer::kNoSocket;
    const int cause = try_unix(path);
    if (cause == 0) return SocketAnswer::kAnswers;
    if (cause == ENOENT) return SocketAnswer::kMissing;
    if (cause != ECONNREFUSED) return SocketAnswer::kNoReach;
    return somebody_has(path, proc) ? SocketAnswer::kHeld : SocketAnswer::kStale;
}

// What is wrong with owner and mode; empty when all is as wanted.
std::string wrong_owner(const SocketPlace& place, const struct stat& file) {
    const std::uint32_t mode = file.st_mode & 0777;
    if (place.mode && mode != *place.mode)
        return fmt::format("mode {:04o} instead of {:04o}", mode, *place.mode);
    const std::string user = name_of_user(file.st_uid), group = name_of_group(file.st_gid);
    if (!place.user.empty() && user != place.user)
        return fmt::format("belongs to user {} instead of {}", printable(user, 40),
                           printable(place.user, 40));
    if (!place.group.empty() && group != place.group)
        return fmt::format("belongs to group {} instead of {}", printable(group, 40),
                           printable(place.group, 40));
    return {};
}

std::string_view answer_words(SocketAnswer answer) {
    switch (answer) {
        case SocketAnswer::kAnswers:
            return "answers";
        case SocketAnswer::kMissing:
            return "is not there";
        case SocketAnswer::kNoSocket:
            return "is no socket";
        case SocketAnswer::kStale:
            return "is left over: nobody answers";
        case SocketAnswer::kHeld:
            return "does not answer, though a process has it";
        case SocketAnswer::kNoReach:
            return "cannot be looked at from here";
    }
    return {};
}

SocketFinding look_at_inet(const SocketPlace& place) {
    const int cause = try_inet(place.address);
    if (cause == 0) return {place, SocketAnswer::kAnswers, CheckState::kOk, "answers"};
    return {place, SocketAnswer::kMissing, CheckState::kFail, std::strerror(cause)};
}

SocketFinding look_at(const SocketPlace& place, const std::string& proc) {
    const std::string path = socket_path(place.address);
    if (path.empty()) return look_at_inet(place);
    struct stat file {};
    const SocketAnswer answer = unix_answer(path, proc, file);
    SocketFinding finding{place, answer, CheckState::kFail, std::string(answer_words(answer))};
    if (answer == SocketAnswer::kNoReach) finding.state = CheckState::kWarn;
    if (answer != SocketAnswer::kAnswers) return finding;
    const std::string wrong = wrong_owner(place, file);
    finding.state = wrong.empty() ? CheckState::kOk : CheckState::kWarn;
    if (!wrong.empty()) finding.reason += ", but " + wrong;
    return finding;
}

}  // namespace

std::string socket_path(const std::string& address) {
    return address.starts_with("unix:") ? address.substr(5) : std::string();
}

std::vector<SocketPlace> socket_places(const Settings& settings) {
    std::vector<SocketPlace> places;
    places.push_back({"listen", settings.listen, settings.socket_mode, settings.user, settings.socket_group});
    places.push_back({"engine_socket", settings.engine_socket, 0600u, settings.user, {}});
    if (!settings.control_socket.empty())
        places.push_back({"control_socket", "unix:" + settings.control_socket, 0660u, settings.user,
                          settings.control_group});
    if (!settings.guard_status_socket.empty())
        places.push_back({"guard_status_socket", "unix:" + settings.guard_status_socket, std::nullopt,
                          settings.user, settings.control_group});
    return places;
}

std::vector<SocketFinding> look_at_sockets(const std::vector<SocketPlace>& places, const std::string& proc) {
    std::vector<SocketFinding> findings;
    for (const SocketPlace& place : places) findings.push_back(look_at(place, proc));
    return findings;
}

Check socket_check(const std::vector<SocketFinding>& findings) {
    Check check{"sockets", CheckState::kOk, {}};
    for (const SocketFinding& finding : findings) {
        check.state = std::max(check.state, finding.state);
        if (finding.state == CheckState::kOk) continue;
        check.reason += fmt::format("{}{} ({}) {}", check.reason.empty() ? "" : "; ", finding.place.name,
                                    printable(finding.place.address, 120), finding.reason);
    }
    if (check.reason.empty()) check.reason = fmt::format("all {} answer", findings.size());
    return check;
}

Status remove_stale_socket(const std::string& path, const std::string& proc) {
    const auto refused = [&](std::string_view why) {
        return Error{ErrorCode::kRefused, fmt::format("{} {}", printable(path), why)};
    };
    struct stat before {
    }, after{};
    const SocketAnswer answer = unix_answer(path, proc, before);
    if (answer != SocketAnswer::kStale) return refused(answer_words(answer));
    // A service that started meanwhile has put a new file there.
    if (::lstat(path.c_str(), &after) != 0 || after.st_ino != before.st_ino || after.st_dev != before.st_dev)
        return refused("has changed while we looked");
    if (::unlink(path.c_str()) != 0)
        return Error{ErrorCode::kIo, fmt::format("remove {}: {}", printable(path), std::strerror(errno))};
    return Success{};
}

}  // namespace optimilter
