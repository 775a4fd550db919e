// SPDX-License-Identifier: Apache-2.0
#include "milter/expiry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/text.hpp"

namespace optimilter {

namespace {

constexpr std::int64_t kDay = 86400;
constexpr std::size_t kMostTold = 3;

// To the minute; midnight is the end of the day before, as policies say it.
std::string moment_text(std::int64_t moment) {
    const bool midnight = moment % kDay == 0;
    const std::time_t time = midnight ? moment - 1 : moment;
    std::tm parts{};
    char text[60] = "an unknown time";
    if (::gmtime_r(&time, &parts) != nullptr)
        std::strftime(text, sizeof text, midnight ? "the end of %Y-%m-%d (UTC)" : "%Y-%m-%d %H:%M UTC",
                      &parts);
    return text;
}

std::string distance(std::int64_t seconds) {
    if (seconds < 3600) return "less than an hour";
    if (seconds < 2 * kDay) return fmt::format("{} hours", seconds / 3600);
    return fmt::format("{} days", seconds / kDay);
}

}  // namespace

ExpiryState expiry_state(std::int64_t at, std::int64_t now) {
    if (at <= now) return ExpiryState::kPast;
    return at - now <= kNearSeconds ? ExpiryState::kNear : ExpiryState::kFar;
}

std::string describe_expiry(const Expiry& expiry, std::int64_t now) {
    const bool past = expiry.at <= now;
    return fmt::format("{} {} valid until {}, {} {}", printable(expiry.what, 100), past ? "was" : "is",
                       moment_text(expiry.at), distance(past ? now - expiry.at : expiry.at - now),
                       past ? "ago" : "from now");
}

std::string describe_expiries(std::vector<Expiry> expiries, std::int64_t now) {
    std::erase_if(expiries, [now](const Expiry& e) { return expiry_state(e.at, now) == ExpiryState::kFar; });
    std::sort(expiries.begin(), expiries.end(),
              [](const Expiry& a, const Expiry& b) { return a.at != b.at ? a.at < b.at : a.what < b.what; });
    std::string text;
    for (std::size_t i = 0; i < expiries.size() && i < kMostTold; ++i)
        text += (i == 0 ? "" : "; ") + describe_expiry(expiries[i], now);
    if (expiries.size() > kMostTold) text += fmt::format("; and {} more", expiries.size() - kMostTold);
    return text;
}

}  // namespace optimilter
