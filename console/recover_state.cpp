// SPDX-License-Identifier: Apache-2.0
#include "console/recover_state.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "console/json_fields.hpp"

namespace optimilter {

namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMinute = 60, kHour = 3600;
constexpr std::size_t kMostEntries = 100;
constexpr std::size_t kLargestFile = 1 << 20;
constexpr char kFile[] = "state.json";

std::int64_t next_try_after(std::uint32_t tries) {
    return tries == 0 ? 0 : std::min(kMinute << std::min(tries - 1, 5u), 30 * kMinute);
}

Error io_error(const std::string& what) {
    return Error{ErrorCode::kIo, fmt::format("{}: {}", printable(what), std::strerror(errno))};
}

// A clock set back must not silence us: a time in the future counts as now.
std::int64_t since(std::int64_t then, std::int64_t now) {
    return then > now ? kHour * 24 * 365 : now - then;
}

// The other one is a program of moments; there is no call that waits for a lock for a time.
bool take_lock(int fd, std::int64_t wait_ms) {
    const Deadline until = Deadline::in_ms(wait_ms);
    while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (until.expired()) return false;
        ::poll(nullptr, 0, 20);
    }
    return true;
}

}  // namespace

NoticeSettings notice_settings(const Settings& settings) {
    return {settings.notify, settings.notify_from, settings.notify_via, settings.notify_webhook};
}

Channels NoticeSettings::channels() const {
    Channels in_use;
    if (!to.empty()) in_use.push_back(Channel::kMail);
    if (!webhook.empty()) in_use.push_back(Channel::kWebhook);
    return in_use;
}

RecoverState RecoverState::parse(const std::string& text) {
    RecoverState state;
    const Json json = Json::parse(text, nullptr, false);
    state.ledger = AlertLedger::parse(json);
    json_each_member(json, "units", kMostEntries, [&](const std::string& key, const Json& value) {
        state.units_[key] = {json_number(value, "last_try"),
                             static_cast<std::uint32_t>(json_count(value, "tries", 1'000'000))};
    });
    json_each_member(json, "restarts", kMostEntries, [&](const std::string& key, const Json& value) {
        if (value.is_number_unsigned()) state.restarts_[key] = value.get<std::uint32_t>();
    });
    // Read as settings are, so that an address is held to the same rules.
    const std::string notices = json_text(json, "notices");
    if (!notices.empty()) state.notices = notice_settings(parse_settings(notices, "state").settings);
    return state;
}

std::string RecoverState::print() const {
    Json json = ledger.print();
    json["units"] = Json::object();
    for (const auto& [name, unit] : units_)
        json["units"][name] = {{"last_try", unit.last_try}, {"tries", unit.tries}};
    json["restarts"] = restarts_;
    Settings settings;
    settings.notify = notices.to;
    settings.notify_from = notices.from;
    settings.notify_via = notices.via;
    settings.notify_webhook = notices.webhook;
    json["notices"] = print_settings(settings, true);
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::uint32_t RecoverState::new_restarts(const std::string& unit, std::uint32_t restarts) {
    const auto [known, first_look] = restarts_.try_emplace(unit, restarts);
    if (first_look) return 0;
    const std::uint32_t before = std::exchange(known->second, restarts);
    return restarts >= before ? restarts - before : restarts;
}

bool RecoverState::start_is_due(const std::string& unit, std::int64_t now) const {
    const auto found = units_.find(unit);
    return found == units_.end() || since(found->second.last_try, now) >= next_try_after(found->second.tries);
}

void RecoverState::note_start(const std::string& unit, std::int64_t now) {
    UnitTries& tries = units_[unit];
    tries.last_try = now;
    tries.tries = std::min(tries.tries + 1, 1000u);
}

void RecoverState::note_healthy(const std::string& unit, std::int64_t now) {
    const auto found = units_.find(unit);
    if (found != units_.end() && since(found->second.last_try, now) > kHour) units_.erase(found);
}

RecoverState StateFolder::peek(const std::string& folder) {
    StateFolder opened;
    opened.folder_.reset(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    return opened.folder_ ? opened.read() : RecoverState();
}

Result<StateFolder> StateFolder::open(const std::string& folder, std::int64_t wait_ms) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return io_error("make " + folder);
    StateFolder opened;
    opened.folder_.reset(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened.folder_) return io_error(folder);
    struct stat owner {};
    if (::fstat(opened.folder_.get(), &owner) != 0) return io_error(folder);
    // Whoever could put links there could make root write through them.
    if (owner.st_uid != ::geteuid() || (owner.st_mode & 022) != 0)
        return Error{
            ErrorCode::kRefused,
            fmt::format("{} is not ours alone: owner and mode must be those we gave it", printable(folder))};
    opened.lock_.reset(
        ::openat(opened.folder_.get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!opened.lock_) return io_error(folder + "/lock");
    if (!take_lock(opened.lock_.get(), wait_ms))
        return Error{ErrorCode::kRefused, "another optimilter-recover is at work"};
    return opened;
}

RecoverState StateFolder::read() const {
    const UniqueFd file(::openat(folder_.get(), kFile, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    std::string text(kLargestFile, '\0');
    const ssize_t got = file ? ::read(file.get(), text.data(), text.size()) : 0;
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return RecoverState::parse(text);
}

Status StateFolder::write(const RecoverState& state) const {
    const std::string text = state.print(), partial = std::string(kFile) + ".new";
    UniqueFd file(::openat(folder_.get(), partial.c_str(),
                           O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return io_error(partial);
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size())) return io_error("write " + partial);
    if (::renameat(folder_.get(), partial.c_str(), folder_.get(), kFile) != 0)
        return io_error("rename " + partial);
    return Success{};
}

}  // namespace optimilter
