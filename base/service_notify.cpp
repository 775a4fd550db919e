// SPDX-License-Identifier: Apache-2.0
#include "base/service_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/unique_fd.hpp"

namespace optimilter {

namespace {

// A text that is one positive number and nothing else.
std::optional<std::int64_t> number_of(const char* text) {
    if (text == nullptr) return std::nullopt;
    const char* const end = text + std::strlen(text);
    std::int64_t number = 0;
    const auto [rest, error] = std::from_chars(text, end, number);
    if (error != std::errc() || rest != end || number <= 0) return std::nullopt;
    return number;
}

}  // namespace

bool notify_service(std::string_view state) {
    const char* const name = std::getenv("NOTIFY_SOCKET");
    if (name == nullptr || (name[0] != '/' && name[0] != '@') || name[1] == '\0') return false;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t length = std::strlen(name);
    if (length >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, name, length);
    // The name of an abstract socket begins with a zero byte and ends with its length, not with another.
    const bool abstract = name[0] == '@';
    if (abstract) address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + (abstract ? 0 : 1));
    const UniqueFd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!sender) return false;
    return ::sendto(sender.get(), state.data(), state.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&address), size) == static_cast<ssize_t>(state.size());
}

std::optional<std::int64_t> watchdog_interval() {
    const std::optional<std::int64_t> interval_us = number_of(std::getenv("WATCHDOG_USEC"));
    if (!interval_us || *interval_us < 1000) return std::nullopt;
    if (const char* watched = std::getenv("WATCHDOG_PID")) {
        if (number_of(watched) != static_cast<std::int64_t>(::getpid())) return std::nullopt;
    }
    return *interval_us / 1000;
}

}  // namespace optimilter
