// SPDX-License-Identifier: Apache-2.0
#include "console/recover_state.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace optimilter {

namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMinute = 60, kHour = 3600;
constexpr std::size_t kMostEntries = 100;
constexpr std::size_t kLargestFile = 64 << 10;
constexpr char kFile[] = "state.json";

std::int64_t reminder_after(std::uint32_t mails) {
    if (mails <= 1) return kHour;
    return mails == 2 ? 4 * kHour : 24 * kHour;
}

std::int64_t next_try_after(std::uint32_t tries) {
    return tries == 0 ? 0 : std::min(kMinute << std::min(tries - 1, 5u), 30 * kMinute);
}

std::int64_t number(const Json& json, const char* name) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::uint32_t small_number(const Json& json, const char* name) {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(number(json, name), 0, 1'000'000));
}

// The members of an object, as far as there are any and not absurdly many.
template <typename Take>
void for_each_member(const Json& json, const char* name, Take&& take) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    if (found == json.end() || !found->is_object()) return;
    std::size_t count = 0;
    for (const auto& [key, value] : found->items())
        if (++count <= kMostEntries) take(key, value);
}

Error io_error(const std::string& what) {
    return Error{ErrorCode::kIo, fmt::format("{}: {}", printable(what), std::strerror(errno))};
}

// A clock set back must not silence us: a time in the future counts as now.
std::int64_t since(std::int64_t then, std::int64_t now) {
    return then > now ? kHour * 24 * 365 : now - then;
}

}  // namespace

NoticeSettings notice_settings(const Settings& settings) {
    return {settings.notify, settings.notify_from, settings.notify_via};
}

RecoverState RecoverState::parse(const std::string& text) {
    RecoverState state;
    const Json json = Json::parse(text, nullptr, false);
    for_each_member(json, "causes", [&](const std::string& key, const Json& value) {
        state.causes_[key] = {number(value, "last_seen"), number(value, "last_mail"),
                              small_number(value, "mails")};
    });
    for_each_member(json, "units", [&](const std::string& key, const Json& value) {
        state.units_[key] = {number(value, "last_try"), small_number(value, "tries")};
    });
    // Read as settings are, so that an address is held to the same rules.
    const auto notices = json.is_object() ? json.find("notices") : json.end();
    if (notices != json.end() && notices->is_string())
        state.notices = notice_settings(parse_settings(notices->get<std::string>(), "state").settings);
    return state;
}

std::string RecoverState::print() const {
    Json json;
    json["causes"] = Json::object();
    json["units"] = Json::object();
    for (const auto& [key, cause] : causes_)
        json["causes"][key] = {
            {"last_seen", cause.last_seen}, {"last_mail", cause.last_mail}, {"mails", cause.mails}};
    for (const auto& [name, unit] : units_)
        json["units"][name] = {{"last_try", unit.last_try}, {"tries", unit.tries}};
    Settings settings;
    settings.notify = notices.to;
    settings.notify_from = notices.from;
    settings.notify_via = notices.via;
    json["notices"] = print_settings(settings, true);
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void RecoverState::see_causes(const std::vector<std::string>& causes, std::int64_t now) {
    for (const std::string& cause : causes)
        if (causes_.size() < kMostEntries || causes_.contains(cause)) causes_[cause].last_seen = now;
    std::erase_if(causes_, [now](const auto& entry) { return since(entry.second.last_seen, now) > kHour; });
}

bool RecoverState::mail_is_due(std::int64_t now) const {
    return std::any_of(causes_.begin(), causes_.end(), [now](const auto& entry) {
        const KnownCause& cause = entry.second;
        if (cause.last_seen != now) return false;
        return cause.mails == 0 || since(cause.last_mail, now) >= reminder_after(cause.mails);
    });
}

void RecoverState::note_mail(std::int64_t now) {
    for (auto& [key, cause] : causes_) {
        if (cause.last_seen != now) continue;
        cause.last_mail = now;
        ++cause.mails;
    }
}

std::int64_t RecoverState::next_reminder_in(std::int64_t now) const {
    std::int64_t soonest = 0;
    for (const auto& [key, cause] : causes_) {
        if (cause.last_seen != now || cause.mails == 0) continue;
        const std::int64_t left =
            std::max<std::int64_t>(1, cause.last_mail + reminder_after(cause.mails) - now);
        soonest = soonest == 0 ? left : std::min(soonest, left);
    }
    return soonest;
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

Result<StateFolder> StateFolder::open(const std::string& folder) {
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
    if (::flock(opened.lock_.get(), LOCK_EX | LOCK_NB) != 0)
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
