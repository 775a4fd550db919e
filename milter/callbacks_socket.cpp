// SPDX-License-Identifier: Apache-2.0
#include "milter/callbacks_socket.hpp"

#include <fmt/format.h>
#include <libmilter/mfapi.h>
#include <pwd.h>
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

// The socket is the guard's alone, and the guard runs as the same user. We may still be root here.
Status set_owner(const std::string& path, const Settings& settings) {
    if (!settings.user.empty() && ::geteuid() == 0) {
        const passwd* entry = ::getpwnam(settings.user.c_str());
        if (entry == nullptr)
            return Error{ErrorCode::kRefused, fmt::format("user {} is not known", settings.user)};
        if (::chown(path.c_str(), entry->pw_uid, entry->pw_gid) != 0) return io_error("chown " + path);
    }
    if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0) return io_error("chmod " + path);
    return Success{};
}

}  // namespace

Status open_milter_socket(const Settings& settings) {
    const std::string path = unix_path(settings.engine_socket);
    if (!path.empty() && somebody_answers(path)) {
        return Error{ErrorCode::kRefused,
                     fmt::format("{} is in use by another process", settings.engine_socket)};
    }
    std::string address = settings.engine_socket;
    if (smfi_setconn(address.data()) != MI_SUCCESS) {
        return Error{ErrorCode::kRefused,
                     fmt::format("libmilter does not take the socket {}", settings.engine_socket)};
    }
    smfi_settimeout(static_cast<int>(settings.idle_timeout / 1000));
    if (smfi_opensocket(!path.empty()) != MI_SUCCESS)
        return io_error("open socket " + settings.engine_socket);
    return path.empty() ? Status(Success{}) : set_owner(path, settings);
}

bool run_milter() {
    return smfi_main() == MI_SUCCESS;
}

void remove_milter_socket(const Settings& settings) {
    const std::string path = unix_path(settings.engine_socket);
    if (!path.empty()) ::unlink(path.c_str());
}

}  // namespace optimilter
