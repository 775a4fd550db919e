// SPDX-License-Identifier: Apache-2.0
#include "console/machine_checks.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/text.hpp"
#include "console/small_file.hpp"

namespace optimilter {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

double percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 100.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

CheckState disk_state(const DiskSpace& space) {
    const double bytes = percent(space.free_bytes, space.size_bytes);
    const double files = percent(space.free_files, space.files);
    if (bytes < 1 || files < 1 || space.free_bytes < 16 * kMiB) return CheckState::kFail;
    if (bytes < 5 || files < 5 || space.free_bytes < 64 * kMiB) return CheckState::kWarn;
    return CheckState::kOk;
}

// The number in "MemAvailable:   123 kB", in bytes.
std::optional<std::uint64_t> meminfo_bytes(std::string_view text, std::string_view name) {
    const std::size_t at = text.find(name);
    if (at == std::string_view::npos) return std::nullopt;
    std::string_view rest = text.substr(at + name.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(": \t"), rest.size()));
    std::uint64_t kib = 0;
    if (std::from_chars(rest.data(), rest.data() + rest.size(), kib).ec != std::errc()) return std::nullopt;
    return kib * 1024;
}

// avg60 of the line "some ..." or "full ..."; 0 where the kernel does not say.
double pressure(const std::string& text, std::string_view line) {
    const std::size_t at = text.find(line);
    const std::size_t value = at == std::string::npos ? at : text.find("avg60=", at);
    return value == std::string::npos ? 0.0 : std::strtod(text.c_str() + value + 6, nullptr);
}

}  // namespace

std::optional<DiskSpace> disk_space(const std::string& folder) {
    struct statvfs space {};
    if (::statvfs(folder.c_str(), &space) != 0) return std::nullopt;
    return DiskSpace{space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize, space.f_files,
                     space.f_favail};
}

Check disk_check(const std::vector<std::string>& folders, const AskDiskSpace& ask) {
    Check check{"disk", CheckState::kOk, {}};
    for (const std::string& folder : folders) {
        const auto space = ask(folder);
        if (!space || space->size_bytes == 0) continue;
        check.state = std::max(check.state, disk_state(*space));
        const double files = percent(space->free_files, space->files);
        check.reason +=
            fmt::format("{}{} {} MiB free ({:.0f} %)", check.reason.empty() ? "" : ", ", printable(folder),
                        space->free_bytes / kMiB, percent(space->free_bytes, space->size_bytes));
        if (files < 5) check.reason += fmt::format(" and {:.1f} % of its inodes", files);
    }
    if (!check.reason.empty()) return check;
    return {"disk", CheckState::kWarn, "no folder could be looked at"};
}

Check memory_check(const std::string& proc) {
    const auto meminfo = read_small_file(proc + "/meminfo");
    const auto total = meminfo_bytes(meminfo.value_or(""), "MemTotal");
    const auto available = meminfo_bytes(meminfo.value_or(""), "MemAvailable");
    if (!total || !available || *total == 0)
        return {"memory", CheckState::kWarn, printable(proc) + "/meminfo does not say how much there is"};
    const std::string waiting = read_small_file(proc + "/pressure/memory").value_or("");
    const double some = pressure(waiting, "some "), full = pressure(waiting, "full ");
    const double share = percent(*available, *total);
    CheckState state = CheckState::kOk;
    if (share < 10 || some >= 10) state = CheckState::kWarn;
    if (share < 3 || full >= 10) state = CheckState::kFail;
    std::string reason =
        fmt::format("{} of {} MiB available ({:.0f} %)", *available / kMiB, *total / kMiB, share);
    reason += waiting.empty() ? "; this kernel does not tell the pressure"
                              : fmt::format("; pressure some {:.1f} %, full {:.1f} %", some, full);
    return {"memory", state, reason};
}

Check core_dump_check(const std::string& folder) {
    std::size_t count = 0;
    std::string newest;
    std::filesystem::file_time_type newest_time{};
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (!name.starts_with("core.optimilter")) continue;
        std::error_code no_time;
        const auto time = entry->last_write_time(no_time);
        if (++count == 1 || (!no_time && time > newest_time)) {
            newest = name;
            newest_time = time;
        }
    }
    if (count == 0) return {"cores", CheckState::kOk, "no core dump of ours in " + printable(folder)};
    return {"cores", CheckState::kWarn,
            fmt::format("{} in {}, the newest {}", count, printable(folder), printable(newest))};
}

}  // namespace optimilter
