// SPDX-License-Identifier: Apache-2.0
#include "console/check_sendmail.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "console/sendmail_cf.hpp"
#include "policy/quantities.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kShown = 120;  // bytes of foreign text in a finding
constexpr std::int64_t kReadMarginMs = 1500;
constexpr std::int64_t kReadAdviceMs = 4500;

// One letter of T=. Sendmail's own value counts where it is not given.
struct Timeout {
    char letter;
    std::string_view default_value;
    std::int64_t least_ms, most_ms, advice_ms;
};

using Names = std::vector<std::string>;

class SendmailCheck {
  public:
    SendmailCheck(std::string_view text, const CheckMtaInput& input)
        : cf_(parse_sendmail_cf(text)), input_(input) {}

    std::vector<MtaFinding> run() {
        for (const SendmailFilter& filter : cf_.filters) {
            if (is_ours(filter)) ours_.push_back(&filter);
        }
        if (ours_.empty()) {
            warn(
                "no filter (X line) asks optimilter: see INPUT_MAIL_FILTER in "
                "contrib/sendmail/optimilter.m4");
            return std::move(findings_);
        }
        for (const SendmailFilter* filter : ours_) check_filter(*filter);
        check_lists();
        check_sizes();
        check_queue();
        return std::move(findings_);
    }

  private:
    void warn(std::string text) { findings_.push_back({true, std::move(text)}); }
    void note(std::string text) { findings_.push_back({false, std::move(text)}); }

    // ---- Which filter is ours -------------------------------------------------------------------------

    static bool is_unix(std::string_view socket) {
        return istarts_with(socket, "unix:") || istarts_with(socket, "local:");
    }
    static bool is_inet(std::string_view socket) {
        return istarts_with(socket, "inet:") || istarts_with(socket, "inet6:");
    }
    static std::string_view after_colon(std::string_view socket) {
        return socket.substr(std::min(socket.find(':'), socket.size() - 1) + 1);
    }
    // "inet:8895@localhost" -> "8895"; the setting listen is written the same way.
    static std::string_view port_of(std::string_view socket) {
        const std::string_view rest = after_colon(socket);
        return rest.substr(0, rest.find('@'));
    }

    bool leads_to_us(std::string_view socket) const {
        const std::string_view listen = input_.listen;
        if (is_unix(socket) != is_unix(listen)) return false;
        if (is_unix(socket)) return after_colon(socket) == after_colon(listen);
        return is_inet(socket) && port_of(socket) == port_of(listen);
    }

    // By its socket; one that only bears our name counts too, so that a wrong path is told as such.
    bool is_ours(const SendmailFilter& filter) const {
        return icontains(filter.name, "optimilter") || icontains(filter.socket, "optimilter") ||
               (!filter.socket.empty() && leads_to_us(filter.socket));
    }
    bool is_ours(const std::string& name) const {
        return std::any_of(ours_.begin(), ours_.end(),
                           [&](const SendmailFilter* filter) { return iequals(filter->name, name); });
    }

    // ---- One filter -----------------------------------------------------------------------------------

    void check_filter(const SendmailFilter& filter) {
        const std::string place = "X" + printable(filter.name, kShown);
        check_socket(place, filter.socket);
        if (!filter.on_error.empty())
            warn(fmt::format("{}: F={}: when optimilter is away, mail would not pass; leave F= empty", place,
                             printable(filter.on_error, kShown)));
        check_timeouts(place, filter);
    }

    void check_socket(const std::string& place, const std::string& socket) {
        if (!is_unix(socket) && !is_inet(socket)) {
            warn(fmt::format("{}: S=\"{}\" is neither unix:, local:, inet: nor inet6:", place,
                             printable(socket, kShown)));
        } else if (!leads_to_us(socket)) {
            warn(fmt::format("{}: Sendmail asks {}, but optimilter listens on {}", place,
                             printable(socket, kShown), printable(input_.listen, kShown)));
        } else if (is_unix(socket)) {
            check_path(place, std::string(after_colon(socket)));
        }
    }

    void check_path(const std::string& place, const std::string& path) {
        const std::string unsafe = input_.unsafe_place(path);
        if (!unsafe.empty()) {
            warn(fmt::format("{}: {}: Sendmail does not start with such a socket", place,
                             printable(unsafe, kShown)));
        } else if (!input_.path_exists(path)) {
            warn(fmt::format("{}: {} is not there: is optimilterd running?", place, printable(path, kShown)));
        }
    }

    void check_timeouts(const std::string& place, const SendmailFilter& filter) {
        const std::int64_t answer_ms = input_.deadline_ms + input_.guard_slack_ms;
        // Whole seconds, rounded up: Sendmail knows no milliseconds.
        const std::int64_t read_ms = (answer_ms + kReadAdviceMs + 999) / 1000 * 1000;
        const Timeout rows[] = {
            {'C', "5m", 1000, 5000, 2000},  // 0 would be the system's own time-out, minutes
            {'S', "10s", 1000, 10000, 5000},
            {'R', "10s", answer_ms + kReadMarginMs, std::max<std::int64_t>(30000, read_ms), read_ms},
            {'E', "5m", answer_ms + kReadMarginMs, std::max<std::int64_t>(300000, 2 * read_ms), 2 * read_ms}};
        for (const Timeout& row : rows) check_timeout(place, filter, row);
    }

    void check_timeout(const std::string& place, const SendmailFilter& filter, const Timeout& row) {
        const auto given = filter.timeouts.find(row.letter);
        const std::string value =
            given == filter.timeouts.end() ? std::string(row.default_value) : given->second;
        const auto ms = parse_sendmail_time(value);
        const std::string what = fmt::format("{}: T={}:{}{}", place, row.letter, printable(value, kShown),
                                             given == filter.timeouts.end() ? " (Sendmail's default)" : "");
        const std::string advice = fmt::format("set {}:{}", row.letter, print_time(row.advice_ms));
        if (!ms) {
            warn(fmt::format("{} is no time; {}", what, advice));
        } else if (*ms < row.least_ms && row.letter != 'C' && row.letter != 'S') {
            warn(fmt::format("{}: Sendmail would give up before our answer, which takes {} at most; {}", what,
                             print_time(input_.deadline_ms + input_.guard_slack_ms), advice));
        } else if (*ms < row.least_ms) {
            warn(fmt::format("{}: too short; {}", what, advice));
        } else if (*ms > row.most_ms) {
            warn(fmt::format("{}: a hung filter would hold every session up for so long; {}", what, advice));
        }
    }

    // ---- Lists ----------------------------------------------------------------------------------------

    void check_lists() {
        bool asked = check_list("InputMailFilters", cf_.input_filters);
        for (const SendmailDaemon& daemon : cf_.daemons) {
            if (!daemon.filters) continue;
            const std::string place =
                fmt::format("daemon {}: InputMailFilters", printable(daemon.name, kShown));
            const bool here = check_list(place, *daemon.filters);
            if (!here) note(place + " is a list without optimilter, its mail passes unchanged");
            asked = asked || here;
        }
        if (!asked)
            warn(
                "optimilter is defined, but in no InputMailFilters: Sendmail never asks it; use "
                "INPUT_MAIL_FILTER, or name it in the list");
    }

    // false when we are not in it.
    bool check_list(const std::string& place, const Names& list) {
        const auto ours =
            std::find_if(list.begin(), list.end(), [this](const std::string& name) { return is_ours(name); });
        if (ours == list.end()) return false;
        note(fmt::format("{}: optimilter is filter {} of {}", place, ours - list.begin() + 1, list.size()));
        const auto signer =
            std::find_if(list.begin(), ours, [this](const std::string& name) { return signs_dkim(name); });
        if (signer != ours) warn(order_warning(place, *signer, input_));
        return true;
    }

    bool signs_dkim(const std::string& name) const {
        const auto filter = std::find_if(cf_.filters.begin(), cf_.filters.end(),
                                         [&](const SendmailFilter& one) { return iequals(one.name, name); });
        const std::string_view socket = filter == cf_.filters.end() ? std::string_view() : filter->socket;
        return looks_like_dkim_signer(name, {}) ||
               looks_like_dkim_signer(socket, is_inet(socket) ? port_of(socket) : std::string_view());
    }

    void check_sizes() {
        std::uint64_t limit = 0;
        std::from_chars(cf_.message_limit.data(), cf_.message_limit.data() + cf_.message_limit.size(), limit);
        if (limit != 0 && limit <= input_.body_share) return;
        note(
            fmt::format("MaxMessageSize is {}: messages over {} bytes, the share of body_budget that "
                        "client_share allows, pass unchanged",
                        limit == 0 ? "not set" : std::to_string(limit), input_.body_share));
    }

    void check_queue() {
        if (cf_.queue.empty()) return;
        const std::string text = uncounted_queue("QueueDirectory", "sendmail:" + cf_.queue, input_);
        if (!text.empty()) note(text);
    }

    SendmailCf cf_;
    const CheckMtaInput& input_;
    std::vector<const SendmailFilter*> ours_;
    std::vector<MtaFinding> findings_;
};

}  // namespace

std::vector<MtaFinding> check_sendmail(std::string_view sendmail_cf, const CheckMtaInput& input) {
    return SendmailCheck(sendmail_cf, input).run();
}

}  // namespace optimilter
