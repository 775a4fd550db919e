// SPDX-License-Identifier: Apache-2.0
#include "console/webhook.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <httplib.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "base/version.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLongestAnswer = 64 << 10;

httplib::Request request_of(const std::string& path, const std::string& json) {
    httplib::Request request;
    request.method = "POST";
    request.path = path;
    request.headers = {{"Content-Type", "application/json"},
                       {"User-Agent", fmt::format("optimilter/{}", kVersion)}};
    request.body = json;
    // Nothing of the answer is kept; one without end is no answer.
    request.content_receiver = [taken = std::size_t{0}](const char*, std::size_t size, std::uint64_t,
                                                        std::uint64_t) mutable {
        taken += size;
        return taken <= kLongestAnswer;
    };
    return request;
}

Status post(const std::string& url, const std::string& json, std::int64_t limit_ms) {
    const std::string origin = url_origin(url), shown = printable(origin, 200);
    std::string path = url.substr(origin.size());
    if (path.empty() || path[0] != '/') path.insert(path.begin(), '/');
    httplib::Client client(origin);
    if (!client.is_valid()) return Error{ErrorCode::kRefused, shown + " is no address of a web server"};
    client.set_follow_location(false);
    client.set_keep_alive(false);
    // Longer than the whole: our time is watched from outside.
    const auto seconds = static_cast<std::time_t>(limit_ms / 1000 + 1);
    client.set_connection_timeout(seconds);
    client.set_read_timeout(seconds);
    client.set_write_timeout(seconds);
    const httplib::Result result = client.send(request_of(path, json));
    if (!result)
        return Error{ErrorCode::kIo, fmt::format("{}: {}", shown, httplib::to_string(result.error()))};
    if (result->status >= 200 && result->status < 300) return Success{};
    return Error{ErrorCode::kRefused, fmt::format("{} answered {}", shown, result->status)};
}

// In the process of its own: says what came of it, one byte of code before the text, and ends.
[[noreturn]] void post_and_tell(int pipe, const std::string& url, const std::string& json,
                                std::int64_t limit_ms) {
#ifndef OPTIMILTER_SANITIZED  // the sanitizers need more than we do
    constexpr rlim_t kMostMemory = 64 << 20;
    const rlimit memory{kMostMemory, kMostMemory};
    ::setrlimit(RLIMIT_DATA, &memory);
#endif
    std::string told(1, '\0');
    try {
        const Status sent = post(url, json, limit_ms);
        if (!sent) {
            told[0] = static_cast<char>(static_cast<int>(sent.error().code) + 1);
            told += sent.error().text;
        }
    } catch (...) {  // out of memory, or what the library throws for nonsense
        told[0] = static_cast<char>(static_cast<int>(ErrorCode::kLimit) + 1);
    }
    [[maybe_unused]] const ssize_t written = ::write(pipe, told.data(), told.size());
    ::_exit(0);
}

Status status_of(std::string_view told, const std::string& shown) {
    if (told.empty()) return Error{ErrorCode::kLimit, shown + ": the answer was too much"};
    if (told[0] == '\0') return Success{};
    std::string text(told.substr(1));
    if (text.empty()) text = shown + ": the answer was too much";
    return Error{static_cast<ErrorCode>(told[0] - 1), text};
}

// What the process told within the time; nothing: it did not.
std::optional<std::string> hear(int pipe, std::int64_t limit_ms) {
    const Deadline until = Deadline::in_ms(limit_ms);
    pollfd waited{pipe, POLLIN, 0};
    int ready = 0;
    do {
        ready = ::poll(&waited, 1, static_cast<int>(until.remaining_ms()));
    } while (ready < 0 && errno == EINTR);
    if (ready != 1) return std::nullopt;
    std::string told(1024, '\0');
    const ssize_t got = ::read(pipe, told.data(), told.size());
    told.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return told;
}

}  // namespace

std::string url_origin(const std::string& url) {
    const std::size_t scheme = url.find("://");
    return url.substr(0, url.find_first_of("/?", scheme == std::string::npos ? 0 : scheme + 3));
}

Status post_json(const std::string& url, const std::string& json, std::int64_t limit_ms) {
    const std::string shown = printable(url_origin(url), 200);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return Error{ErrorCode::kIo, std::strerror(errno)};
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return Error{ErrorCode::kIo, std::strerror(errno)};
    if (child == 0) post_and_tell(writing.get(), url, json, limit_ms);
    writing.reset();
    const std::optional<std::string> told = hear(reading.get(), limit_ms);
    ::kill(child, SIGKILL);
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
    if (!told) return Error{ErrorCode::kDeadline, shown + " did not answer in time"};
    return status_of(*told, shown);
}

}  // namespace optimilter
