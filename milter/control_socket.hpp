// SPDX-License-Identifier: Apache-2.0
//
// The engine's control socket: a client sends one line and gets one answer, then the connection is closed.
// Lives in somebody else's poll loop and never waits; knows no command. Not thread safe.
//
// Security: whoever may open the socket file may send anything. Held are at most kMostClients connections,
// each for at most kClientTimeMs and kLongestLine bytes; a new one pushes out the oldest once that has had
// kPatienceMs for its line, so that neither silent clients nor a flood keep anybody out. Until then new ones
// wait in the kernel's queue.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "policy/settings.hpp"

namespace optimilter {

class ControlSocket {
  public:
    static constexpr std::size_t kMostClients = 16;
    static constexpr std::size_t kLongestLine = 256;  // without its end
    static constexpr std::int64_t kClientTimeMs = 2000;
    static constexpr std::int64_t kPatienceMs = 100;

    // Yields what to send for a line: without its end, any bytes. uid: of the client's process.
    using Answer = std::function<std::string(std::string_view line, uid_t uid)>;

    // listener: a listening, non-blocking unix socket of that path; without a descriptor there are never any
    // clients.
    ControlSocket(UniqueFd listener, std::string path, Answer answer);
    // Opens the listener: control_socket, mode 0660, owned by user and control_group. No descriptor when
    // control_socket is empty. kRefused when somebody answers there already or the group is not known.
    static Result<UniqueFd> open(const Settings& settings);
    // Removes the socket's file.
    void remove() const;

    // Appends what to wait for.
    void watch(std::vector<pollfd>& descriptors) const;
    // Takes new clients, reads, answers, and closes whose time is up. To be called after each wait.
    void serve();
    // How long the wait may last at most.
    Deadline next_due() const;
    std::size_t clients() const { return clients_.size(); }

  private:
    struct Client {
        UniqueFd fd;
        uid_t uid;
        Deadline until;
        std::string line;  // read so far
        std::string left;  // of the answer, still to be sent
        bool answered = false;
    };
    void accept_all();
    // When the next one may come in: passed while there is room.
    Deadline room_at() const;
    // false: done with this client.
    bool serve_client(Client& client);
    bool read_line(Client& client);
    void answer(Client& client, std::string_view line);

    UniqueFd listener_;
    const std::string path_;
    Answer answer_;
    std::deque<Client> clients_;  // oldest first
};

}  // namespace optimilter
