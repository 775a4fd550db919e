// SPDX-License-Identifier: Apache-2.0
#include "console/send_mail.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "console/admin_mail.hpp"
#include "console/run_program.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLongestReply = 16 << 10;

Error io_error(std::string_view what, int cause) {
    return Error{ErrorCode::kIo, fmt::format("{}: {}", what, std::strerror(cause))};
}

std::string find_sendmail(const std::string& via) {
    if (via != "sendmail") return via;
    for (const char* place : {"/usr/sbin/sendmail", "/usr/lib/sendmail", "/usr/local/sbin/sendmail"}) {
        if (::access(place, X_OK) == 0) return place;
    }
    return "sendmail";
}

Status send_by_program(const std::string& program, const std::vector<std::string>& to, std::string message,
                       std::int64_t limit_ms) {
    std::erase(message, '\r');  // programs take local line ends
    std::vector<std::string> words{program, "-i", "-f", "<>", "--"};
    words.insert(words.end(), to.begin(), to.end());
    const auto ran = run_program(words, limit_ms, message);
    if (!ran) return ran.error();
    if (ran->exit_status == 0) return Success{};
    return Error{ErrorCode::kRefused, fmt::format("{} ended with {}: {}", printable(program),
                                                  ran->exit_status, printable(trim(ran->errors), 300))};
}

// One SMTP conversation over a connected, non-blocking socket.
class SmtpTalk {
  public:
    SmtpTalk(UniqueFd socket, Deadline deadline) : socket_(std::move(socket)), deadline_(deadline) {}

    // Sends command (nothing when empty) and wants a reply of that class: 2 or 3.
    Status step(const std::string& command, char wanted) {
        if (const Status sent = send_all(command); !sent) return sent;
        const auto reply = read_reply();
        if (!reply) return reply.error();
        if (reply->at(0) == wanted) return Success{};
        return Error{ErrorCode::kRefused, "the SMTP server said: " + printable(trim(*reply), 200)};
    }

  private:
    Status wait_for(short events) {
        pollfd watched{socket_.get(), events, 0};
        const int ready = ::poll(&watched, 1, static_cast<int>(deadline_.remaining_ms()));
        if (ready == 1) return Success{};
        if (ready < 0 && errno == EINTR) return Success{};
        return Error{ErrorCode::kDeadline, "the SMTP server did not answer in time"};
    }

    Status send_all(std::string_view text) {
        while (!text.empty()) {
            if (const Status ready = wait_for(POLLOUT); !ready) return ready;
            const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (sent < 0) return io_error("SMTP", errno);
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
        return Success{};
    }

    // All lines of one reply: the last has a blank behind the code.
    Result<std::string> read_reply() {
        std::string reply;
        for (;;) {
            if (const std::size_t end = reply_end(reply + buffered_); end != 0) {
                reply += buffered_;
                buffered_ = reply.substr(end);
                return reply.substr(0, end);
            }
            reply += std::exchange(buffered_, {});
            if (reply.size() > kLongestReply)
                return Error{ErrorCode::kLimit, "the SMTP server talks too much"};
            if (const Status ready = wait_for(POLLIN); !ready) return ready.error();
            char buffer[4096];
            const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
            if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (got < 0) return io_error("SMTP", errno);
            if (got == 0) return Error{ErrorCode::kIo, "the SMTP server hung up"};
            buffered_.assign(buffer, static_cast<std::size_t>(got));
        }
    }

    // Behind the last line of the first reply in text; 0 when it is not whole.
    static std::size_t reply_end(const std::string& text) {
        std::size_t line = 0;
        for (std::size_t end; (end = text.find('\n', line)) != std::string::npos; line = end + 1)
            if (end - line < 4 || text[line + 3] != '-') return end + 1;
        return 0;
    }

    UniqueFd socket_;
    Deadline deadline_;
    std::string buffered_;
};

Result<UniqueFd> connect_within(const addrinfo& address, Deadline deadline) {
    UniqueFd socket(
        ::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol));
    if (!socket) return io_error("socket", errno);
    if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return socket;
    if (errno != EINPROGRESS) return io_error("connect", errno);
    pollfd watched{socket.get(), POLLOUT, 0};
    if (::poll(&watched, 1, static_cast<int>(deadline.remaining_ms())) != 1)
        return Error{ErrorCode::kDeadline, "the SMTP server did not answer in time"};
    int cause = 0;
    socklen_t size = sizeof cause;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &cause, &size);
    if (cause != 0) return io_error("connect", cause);
    return socket;
}

// "host:port" or "[host]:port".
Result<UniqueFd> connect_to(std::string_view server, Deadline deadline) {
    const std::size_t colon = server.rfind(':');
    std::string host(server.substr(0, colon));
    const std::string port(colon == std::string_view::npos ? "25" : server.substr(colon + 1));
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int problem = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found))
        return Error{ErrorCode::kIo, fmt::format("{}: {}", printable(host), ::gai_strerror(problem))};
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
    Result<UniqueFd> socket = Error{ErrorCode::kIo, "no address"};
    for (const addrinfo* each = addresses.get(); each != nullptr && !socket; each = each->ai_next)
        socket = connect_within(*each, deadline);
    return socket;
}

Status send_by_smtp(std::string_view server, const std::vector<std::string>& to, const std::string& message,
                    Deadline deadline) {
    auto socket = connect_to(server, deadline);
    if (!socket) return socket.error();
    SmtpTalk talk(std::move(*socket), deadline);
    if (const Status greeted = talk.step("", '2'); !greeted) return greeted;
    if (const Status hello = talk.step("EHLO " + host_name() + "\r\n", '2'); !hello) return hello;
    if (const Status sender = talk.step("MAIL FROM:<>\r\n", '2'); !sender) return sender;
    for (const std::string& address : to)
        if (const Status taken = talk.step("RCPT TO:<" + address + ">\r\n", '2'); !taken) return taken;
    if (const Status data = talk.step("DATA\r\n", '3'); !data) return data;
    if (const Status stored = talk.step(smtp_data(message), '2'); !stored) return stored;
    // The mail is theirs now, whatever becomes of the farewell.
    (void)talk.step("QUIT\r\n", '2');
    return Success{};
}

}  // namespace

std::string smtp_data(const std::string& message) {
    std::string data;
    bool at_start = true;
    for (const char c : message) {
        if (at_start && c == '.') data += '.';
        data += c;
        at_start = c == '\n';
    }
    if (!at_start) data += "\r\n";
    return data + ".\r\n";
}

Status send_mail(const std::string& via, const std::vector<std::string>& to, const std::string& message,
                 std::int64_t limit_ms) {
    constexpr std::string_view kSmtp = "smtp:";
    if (via.starts_with(kSmtp))
        return send_by_smtp(std::string_view(via).substr(kSmtp.size()), to, message,
                            Deadline::in_ms(limit_ms));
    return send_by_program(find_sendmail(via), to, message, limit_ms);
}

}  // namespace optimilter
