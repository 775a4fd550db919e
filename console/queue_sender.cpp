// SPDX-License-Identifier: Apache-2.0
#include "console/queue_sender.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.hpp"

namespace optimilter {

namespace {

std::string words_of(int error, const std::string& path) {
    switch (error) {
        case ENOENT:
        case ECONNREFUSED:
            return fmt::format("no engine is behind {}", printable(path));
        case EAGAIN:
            return fmt::format("the engine does not read {}", printable(path));
        default:
            return fmt::format("{}: {}", printable(path), std::strerror(error));
    }
}

}  // namespace

QueueSender::QueueSender(std::string path)
    : path_(std::move(path)), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

void QueueSender::send(const QueueRecord& record) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (path_.empty() || path_.size() >= sizeof to.sun_path) {
        problem_ =
            path_.empty() ? "the setting queue_socket is empty" : "queue_socket is too long for a socket";
        return;
    }
    std::memcpy(to.sun_path, path_.c_str(), path_.size() + 1);
    const Bytes bytes = write_queue_record(record);
    const ssize_t sent = ::sendto(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&to), sizeof to);
    problem_ = sent < 0 ? words_of(errno, path_) : std::string();
}

bool QueueSender::take_change() {
    const bool arriving = problem_.empty();
    if (std::exchange(told_once_, true) && arriving == told_arriving_) return false;
    told_arriving_ = arriving;
    return true;
}

}  // namespace optimilter
