// SPDX-License-Identifier: Apache-2.0
#include "console/webhook.hpp"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/text.hpp"
#include "base/version.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLongestAnswer = 64 << 10;

// Ends a request that goes on for too long. The library's own time-outs count from each byte anew, so that a
// server that drips would hold us for ever.
class TimeLimit {
  public:
    TimeLimit(httplib::Client& client, std::int64_t limit_ms)
        : watcher_([this, &client, limit_ms] {
              std::unique_lock lock(mutex_);
              // Again and again: before there is a connection, stop() has nothing to close.
              auto wait = std::chrono::milliseconds(limit_ms);
              while (!done_told_.wait_for(lock, wait, [this] { return done_; })) {
                  passed_ = true;
                  client.stop();
                  wait = std::chrono::milliseconds(100);
              }
          }) {}
    ~TimeLimit() { finish(); }

    // true: it was over, and ended the request.
    bool finish() {
        {
            const std::lock_guard lock(mutex_);
            done_ = true;
        }
        done_told_.notify_all();
        if (watcher_.joinable()) watcher_.join();
        return passed_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable done_told_;
    bool done_ = false, passed_ = false;  // under mutex_
    std::thread watcher_;                 // the last member: it uses the others
};

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

}  // namespace

std::string url_origin(const std::string& url) {
    const std::size_t scheme = url.find("://");
    return url.substr(0, url.find_first_of("/?", scheme == std::string::npos ? 0 : scheme + 3));
}

Status post_json(const std::string& url, const std::string& json, std::int64_t limit_ms) {
    const std::string origin = url_origin(url), shown = printable(origin, 200);
    std::string path = url.substr(origin.size());
    if (path.empty() || path[0] != '/') path.insert(path.begin(), '/');
    httplib::Client client(origin);
    if (!client.is_valid()) return Error{ErrorCode::kRefused, shown + " is no address of a web server"};
    client.set_follow_location(false);
    client.set_keep_alive(false);
    const auto seconds = static_cast<std::time_t>(std::max<std::int64_t>(1, limit_ms / 1000));
    client.set_connection_timeout(seconds);
    client.set_read_timeout(seconds);
    client.set_write_timeout(seconds);
    httplib::Request request = request_of(path, json);
    TimeLimit limit(client, limit_ms);
    const httplib::Result result = client.send(request);
    if (limit.finish()) return Error{ErrorCode::kDeadline, shown + " did not answer in time"};
    if (!result)
        return Error{ErrorCode::kIo, fmt::format("{}: {}", shown, httplib::to_string(result.error()))};
    if (result->status >= 200 && result->status < 300) return Success{};
    return Error{ErrorCode::kRefused, fmt::format("{} answered {}", shown, result->status)};
}

}  // namespace optimilter
