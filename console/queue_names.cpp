// SPDX-License-Identifier: Apache-2.0
#include "console/queue_names.hpp"

#include <algorithm>
#include <ctime>

namespace optimilter {

namespace {

constexpr std::size_t kShortestPostfixId = 6;  // five digits of microseconds, and the inode
constexpr std::size_t kLongestId = 64;
constexpr std::size_t kShortestSendmailId = 12;
constexpr std::size_t kSendmailTimeLength = 6;
constexpr std::int64_t kDay = 86'400;

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_alphanumeric(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c); });
}

// 0-9, A-Z, a-x; 60 and more: none of them.
int base60(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
    if (c >= 'a' && c <= 'x') return c - 'a' + 36;
    return 60;
}

bool is_time(const std::tm& parts) {
    return parts.tm_year < 60 && parts.tm_mon < 12 && parts.tm_mday >= 1 && parts.tm_mday <= 31 &&
           parts.tm_hour < 24 && parts.tm_min < 60 && parts.tm_sec < 60;
}

}  // namespace

bool is_postfix_queue_id(std::string_view name) {
    return name.size() >= kShortestPostfixId && name.size() <= kLongestId && is_alphanumeric(name);
}

bool is_postfix_hash_folder(std::string_view name) {
    return name.size() == 1 && is_alphanumeric(name);
}

std::optional<std::int64_t> sendmail_arrival(std::string_view queue_id, std::int64_t now_s) {
    if (queue_id.size() < kShortestSendmailId || queue_id.size() > kLongestId || !is_alphanumeric(queue_id))
        return std::nullopt;
    std::tm parts{};
    int* const fields[kSendmailTimeLength] = {&parts.tm_year, &parts.tm_mon, &parts.tm_mday,
                                              &parts.tm_hour, &parts.tm_min, &parts.tm_sec};
    for (std::size_t i = 0; i < kSendmailTimeLength; ++i) *fields[i] = base60(queue_id[i]);
    if (!is_time(parts)) return std::nullopt;
    // tm_year counts from 1900, and the ID has it modulo 60: 2020 to 2079 is 120 to 179.
    std::optional<std::int64_t> latest;
    for (int cycle = 1; cycle <= 5; ++cycle) {
        std::tm moment = parts;
        moment.tm_year += 60 * cycle;
        const std::int64_t arrival = ::timegm(&moment);
        if (arrival <= now_s + kDay) latest = arrival;
    }
    return latest;
}

}  // namespace optimilter
