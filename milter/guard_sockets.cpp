// SPDX-License-Identifier: Apache-2.0
#include "milter/guard_sockets.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace optimilter {

namespace {

constexpr int kBacklog = 512;

Error io_error(const std::string& what) {
    return Error{ErrorCode::kIo, fmt::format("{}: {}", what, std::strerror(errno))};
}

const sockaddr* generic(const SocketAddress& address) {
    return reinterpret_cast<const sockaddr*>(&address.storage);
}

UniqueFd new_socket(const SocketAddress& address, int type = SOCK_STREAM) {
    return UniqueFd(::socket(address.storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Result<SocketAddress> unix_address(const std::string& path) {
    SocketAddress address;
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof local.sun_path)
        return Error{ErrorCode::kRefused, fmt::format("socket path {} is too long", path)};
    std::memcpy(local.sun_path, path.c_str(), path.size() + 1);
    std::memcpy(&address.storage, &local, sizeof local);
    address.size = sizeof local;
    address.path = path;
    return address;
}

Result<SocketAddress> inet_address(const std::string& text, int family) {
    const std::size_t colon = text.find(':'), at = text.find('@');
    addrinfo hints{};
    hints.ai_family = family;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const std::string port = text.substr(colon + 1, at - colon - 1), host = text.substr(at + 1);
    const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
    if (error != 0) return Error{ErrorCode::kIo, fmt::format("{}: {}", text, ::gai_strerror(error))};
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    SocketAddress address;
    std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
    address.size = found->ai_addrlen;
    return address;
}

Status give_to(const SocketAddress& address, const SocketOwner& owner) {
    uid_t user = static_cast<uid_t>(-1);
    gid_t group = static_cast<gid_t>(-1);
    if (!owner.user.empty() && ::geteuid() == 0) {
        const passwd* entry = ::getpwnam(owner.user.c_str());
        if (entry == nullptr)
            return Error{ErrorCode::kRefused, fmt::format("user {} is not known", owner.user)};
        user = entry->pw_uid;
    }
    if (!owner.group.empty()) {
        const ::group* entry = ::getgrnam(owner.group.c_str());
        if (entry == nullptr)
            return Error{ErrorCode::kRefused, fmt::format("group {} is not known", owner.group)};
        group = entry->gr_gid;
    }
    if (::chown(address.path.c_str(), user, group) != 0) return io_error("chown " + address.path);
    if (::chmod(address.path.c_str(), owner.mode) != 0) return io_error("chmod " + address.path);
    return Success{};
}

// A file left behind by one that was killed is removed; one that answers is somebody's, also when it is of
// another type.
Status make_way(const SocketAddress& address, int type) {
    struct stat there {};
    if (::lstat(address.path.c_str(), &there) != 0 || !S_ISSOCK(there.st_mode)) return Success{};
    const UniqueFd probe = new_socket(address, type);
    if (::connect(probe.get(), generic(address), address.size) == 0 || errno == EAGAIN || errno == EPROTOTYPE)
        return Error{ErrorCode::kRefused, fmt::format("{} is in use by another process", address.path)};
    ::unlink(address.path.c_str());
    return Success{};
}

Result<UniqueFd> bind_to(const SocketAddress& address, const SocketOwner& owner, int type) {
    if (address.is_unix()) {
        if (const Status way = make_way(address, type); !way) return way.error();
    }
    UniqueFd fd = new_socket(address, type);
    if (!fd) return io_error("socket");
    const int on = 1;
    if (!address.is_unix()) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const mode_t old_mask = ::umask(0177);
    const int bound = ::bind(fd.get(), generic(address), address.size);
    ::umask(old_mask);
    if (bound != 0)
        return io_error("bind " + (address.is_unix() ? address.path : std::string("the inet socket")));
    if (address.is_unix()) {
        if (const Status given = give_to(address, owner); !given) return given.error();
    }
    return fd;
}

}  // namespace

Result<SocketAddress> resolve_address(const std::string& address) {
    if (address.starts_with("unix:")) return unix_address(address.substr(5));
    return inet_address(address, address.starts_with("inet6:") ? AF_INET6 : AF_INET);
}

Result<UniqueFd> listen_on(const SocketAddress& address, const SocketOwner& owner) {
    Result<UniqueFd> fd = bind_to(address, owner, SOCK_STREAM);
    if (fd && ::listen(fd->get(), kBacklog) != 0) return io_error("listen");
    return fd;
}

Result<UniqueFd> receive_on(const SocketAddress& address, const SocketOwner& owner) {
    return bind_to(address, owner, SOCK_DGRAM);
}

EngineConnection connect_to(const SocketAddress& address) {
    EngineConnection connection{new_socket(address), false};
    if (!connection.fd) return connection;
    if (::connect(connection.fd.get(), generic(address), address.size) == 0) return connection;
    connection.connecting = errno == EINPROGRESS;
    if (!connection.connecting) connection.fd.reset();
    return connection;
}

int socket_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

std::size_t set_send_buffer(int fd, std::size_t wanted_bytes) {
    const int wanted = static_cast<int>(std::min<std::size_t>(wanted_bytes, 1u << 30));
    int has = 0;
    socklen_t size = sizeof has;
    // An accepted unix socket has the system's default, whatever its listener has.
    if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted) != 0)
        ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
                 sizeof on);  // an error on unix sockets, where it is not needed
    if (::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &has, &size) != 0) return 0;
    // Measured: about 0.98 of what the kernel says; the rest is its own bookkeeping.
    return static_cast<std::size_t>(has) / 10 * 9;
}

}  // namespace optimilter
