// SPDX-License-Identifier: Apache-2.0
//
// The guard's sockets: listening for the MTA, connecting to the engine, and the send buffer that holds a
// whole reply. Addresses are written as in the settings. Non-blocking, close-on-exec. Not thread safe
// (getaddrinfo runs once, at start).
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace optimilter {

// "unix:/path", "inet:port@host" or "inet6:port@host" as a socket address; host names are looked up now.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    std::string path;  // of a unix socket; else empty

    bool is_unix() const { return !path.empty(); }
};
Result<SocketAddress> resolve_address(const std::string& address);

// Listens. The file of a unix socket gets owner, group ("" leaves each) and mode before anybody can connect;
// a stale one is replaced, one that answers is kRefused.
struct SocketOwner {
    std::string user, group;
    std::uint32_t mode = 0600;
};
Result<UniqueFd> listen_on(const SocketAddress& address, const SocketOwner& owner);
// The same for datagrams, at a unix address: the socket receives what is sent there.
Result<UniqueFd> receive_on(const SocketAddress& address, const SocketOwner& owner);

struct EngineConnection {
    UniqueFd fd;              // empty: nobody listens there, or its backlog is full
    bool connecting = false;  // not through yet; writable once it is
};
EngineConnection connect_to(const SocketAddress& address);

// The pending error of a socket (SO_ERROR), 0 when there is none.
int socket_error(int fd);

// Asks for a send buffer of wanted_bytes, beyond the system's limit where CAP_NET_ADMIN allows it. The size
// of the largest send() that it surely takes whole, in bytes.
std::size_t set_send_buffer(int fd, std::size_t wanted_bytes);

}  // namespace optimilter
