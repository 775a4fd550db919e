// SPDX-License-Identifier: Apache-2.0
#include "milter/callbacks_socket.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <libmilter/mfapi.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.hpp"

namespace optimilter {

namespace {

// Path of a unix socket in libmilter's writing ("unix:/path", "local:/path" or a bare path); empty: inet.
std::string unix_path(const std::string& listen) {
    for (const std::string_view prefix : {"unix:", "local:"}) {
        if (listen.rfind(prefix, 0) == 0) return listen.substr(prefix.size());
    }
    return listen.rfind('/', 0) == 0 ? listen : std::string();
}

bool somebody_answers(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
           errno == EAGAIN;
}

Error io_error(const std::string& what) {
    return Error{ErrorCode::kIo, fmt::format("{}: {}", what, std::strerror(errno))};
}

// Created under umask 077, the socket is nobody else's until it has its final owner and mode.
Status set_owner(const std::string& path, const Settings& settings) {
    if (!settings.socket_group.empty()) {
        const group* entry = ::getgrnam(settings.socket_group.c_str());
        if (entry == nullptr) {
            return Error{ErrorCode::kRefused,
                         fmt::format("socket_group {} is not known", settings.socket_group)};
        }
        if (::chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0)
            return io_error("chown " + path);
    }
    if (::chmod(path.c_str(), settings.socket_mode) != 0) return io_error("chmod " + path);
    return Success{};
}

}  // namespace

Status open_milter_socket(const Settings& settings) {
    const std::string path = unix_path(settings.listen);
    if (!path.empty() && somebody_answers(path)) {
        return Error{ErrorCode::kRefused, fmt::format("{} is in use by another process", settings.listen)};
    }
    std::string listen = settings.listen;
    if (smfi_setconn(listen.data()) != MI_SUCCESS) {
        return Error{ErrorCode::kRefused,
                     fmt::format("libmilter does not take the socket {}", settings.listen)};
    }
    smfi_settimeout(static_cast<int>(settings.idle_timeout / 1000));
    if (smfi_opensocket(!path.empty()) != MI_SUCCESS) return io_error("open socket " + settings.listen);
    return path.empty() ? Status(Success{}) : set_owner(path, settings);
}

bool run_milter() {
    return smfi_main() == MI_SUCCESS;
}

void remove_milter_socket(const Settings& settings) {
    const std::string path = unix_path(settings.listen);
    if (!path.empty()) ::unlink(path.c_str());
}

}  // namespace optimilter
