// SPDX-License-Identifier: Apache-2.0
#include "milter/alert_board.hpp"

#include <ctime>
#include <iterator>
#include <utility>

#include "base/text.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kAlertNames[] = {"bypass", "workers", "restarts", "valid_until"};
static_assert(std::size(kAlertNames) == static_cast<std::size_t>(AlertKind::kCount_));

std::int64_t wall_clock() {
    return static_cast<std::int64_t>(std::time(nullptr));
}

std::size_t place_of(AlertKind kind) {
    return static_cast<std::size_t>(kind);
}

}  // namespace

std::string_view alert_kind_name(AlertKind kind) {
    return kAlertNames[place_of(kind)];
}

AlertBoard::AlertBoard(std::function<void()> on_change, Now now)
    : on_change_(std::move(on_change)), now_(now ? std::move(now) : wall_clock) {}

void AlertBoard::raise(AlertKind kind, std::string_view text) {
    tell(set_raised(kind, text));
}

void AlertBoard::clear(AlertKind kind, std::string_view text) {
    tell(set_cleared(kind, text));
}

void AlertBoard::note(AlertKind kind, std::string_view text) {
    const bool began = set_raised(kind, text);
    const bool ended = set_cleared(kind, {});
    tell(began || ended);
}

bool AlertBoard::set_raised(AlertKind kind, std::string_view text) {
    std::string words = printable(text, kLongestText);
    const std::int64_t now = now_();
    const std::lock_guard lock(mutex_);
    std::optional<Alert>& place = places_[place_of(kind)];
    if (place && place->cleared == 0) {
        place->text = std::move(words);
        return false;
    }
    const std::uint64_t before = place ? place->count : 0;
    place = Alert{kind, now, 0, before + 1, std::move(words), {}};
    return true;
}

bool AlertBoard::set_cleared(AlertKind kind, std::string_view text) {
    std::string words = printable(text, kLongestText);
    const std::int64_t now = now_();
    const std::lock_guard lock(mutex_);
    std::optional<Alert>& place = places_[place_of(kind)];
    if (!place || place->cleared != 0) return false;
    place->cleared = now;
    place->over = std::move(words);
    return true;
}

void AlertBoard::tell(bool changed) const {
    if (changed && on_change_) on_change_();
}

bool AlertBoard::raised(AlertKind kind) const {
    const std::lock_guard lock(mutex_);
    const std::optional<Alert>& place = places_[place_of(kind)];
    return place && place->cleared == 0;
}

std::vector<Alert> AlertBoard::list() const {
    std::vector<Alert> alerts;
    const std::lock_guard lock(mutex_);
    for (const std::optional<Alert>& place : places_)
        if (place) alerts.push_back(*place);
    return alerts;
}

}  // namespace optimilter
