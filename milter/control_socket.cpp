// SPDX-License-Identifier: Apache-2.0
#include "milter/control_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "milter/guard_sockets.hpp"

namespace optimilter {

namespace {

constexpr uid_t kNobodyKnows = static_cast<uid_t>(-1);

uid_t uid_of_peer(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.uid : kNobodyKnows;
}

bool would_wait(ssize_t result) {
    return result < 0 && (errno == EAGAIN || errno == EINTR);
}

}  // namespace

ControlSocket::ControlSocket(UniqueFd listener, std::string path, Answer answer)
    : listener_(std::move(listener)), path_(std::move(path)), answer_(std::move(answer)) {}

Result<UniqueFd> ControlSocket::open(const Settings& settings) {
    if (settings.control_socket.empty()) return UniqueFd();
    const Result<SocketAddress> address = resolve_address("unix:" + settings.control_socket);
    if (!address) return address.error();
    return listen_on(*address, {settings.user, settings.control_group, 0660});
}

void ControlSocket::remove() const {
    if (listener_) ::unlink(path_.c_str());
}

void ControlSocket::watch(std::vector<pollfd>& descriptors) const {
    // A listener that may not be served yet would end every wait at once.
    if (listener_ && room_at().expired()) descriptors.push_back({listener_.get(), POLLIN, 0});
    for (const Client& client : clients_) {
        descriptors.push_back({client.fd.get(), static_cast<short>(client.answered ? POLLOUT : POLLIN), 0});
    }
}

Deadline ControlSocket::next_due() const {
    Deadline next;
    if (const Deadline room = room_at(); !room.expired()) next = room;
    for (const Client& client : clients_) next = next.earlier(client.until);
    return next;
}

void ControlSocket::serve() {
    accept_all();
    std::erase_if(clients_, [this](Client& client) { return !serve_client(client); });
}

Deadline ControlSocket::room_at() const {
    if (clients_.size() < kMostClients) return Deadline(SteadyClock::time_point::min());
    return clients_.front().until.before(kClientTimeMs - kPatienceMs);
}

// At most one full set a round, so that a flood cannot hold the loop. A client that is pushed out is heard
// first.
void ControlSocket::accept_all() {
    for (std::size_t taken = 0; listener_ && taken < kMostClients && room_at().expired(); ++taken) {
        UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) return;
        const uid_t uid = uid_of_peer(fd.get());
        if (clients_.size() == kMostClients) {
            serve_client(clients_.front());
            clients_.pop_front();
        }
        clients_.push_back({std::move(fd), uid, Deadline::in_ms(kClientTimeMs), {}, {}, false});
    }
}

bool ControlSocket::serve_client(Client& client) {
    if (client.until.expired()) return false;
    if (!client.answered && !read_line(client)) return false;
    if (!client.answered) return true;
    const ssize_t sent =
        ::send(client.fd.get(), client.left.data(), client.left.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return would_wait(sent);
    client.left.erase(0, static_cast<std::size_t>(sent));
    return !client.left.empty();
}

// Answers once a line is whole; its end may be the end of what the client sends. false: nothing will come.
bool ControlSocket::read_line(Client& client) {
    char bytes[kLongestLine + 2];
    const ssize_t size = ::recv(client.fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0) return would_wait(size);
    client.line.append(bytes, static_cast<std::size_t>(size));
    const std::size_t end = client.line.find('\n');
    if (end == std::string::npos && size == 0 && client.line.empty()) return false;
    const bool whole = end != std::string::npos || size == 0;
    if (!whole && client.line.size() <= kLongestLine + 1) return true;
    std::string_view line = std::string_view(client.line).substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    answer(client, line);
    return true;
}

void ControlSocket::answer(Client& client, std::string_view line) {
    client.left = line.size() > kLongestLine ? std::string("{\"error\":\"the line is too long\"}\n")
                                             : answer_(line, client.uid);
    client.answered = true;
}

}  // namespace optimilter
