// SPDX-License-Identifier: Apache-2.0
#include "console/output_plan.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/unique_fd.hpp"

namespace optimilter {

namespace {

using FileId = std::pair<dev_t, ino_t>;

Error refused(std::string text) {
    return Error{ErrorCode::kRefused, std::move(text)};
}

std::string base_name(const std::string& path) {
    const std::size_t end = path.find_last_not_of('/');
    if (end == std::string::npos) return {};
    const std::size_t begin = path.rfind('/', end);
    return path.substr(begin == std::string::npos ? 0 : begin + 1,
                       end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

std::optional<struct stat> status_of(const std::string& path, bool follow) {
    struct stat status {};
    const int rc = follow ? ::stat(path.c_str(), &status) : ::lstat(path.c_str(), &status);
    return rc == 0 ? std::optional(status) : std::nullopt;
}

std::set<FileId> ids_of(const std::vector<std::string>& paths) {
    std::set<FileId> ids;
    for (const std::string& path : paths) {
        if (const auto status = status_of(path, true)) ids.emplace(status->st_dev, status->st_ino);
    }
    return ids;
}

// "dir/" names the directory behind a link; without the slashes lstat() sees the link itself.
std::string without_trailing_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

Status check_target(const std::string& target, const std::set<FileId>& inputs) {
    const auto status = status_of(target, false);
    if (!status) {
        if (errno == ENOENT) return Success{};
        return refused(fmt::format("{}: {}", target, std::strerror(errno)));
    }
    if (S_ISLNK(status->st_mode)) return refused(fmt::format("{} is a symbolic link", target));
    if (!S_ISREG(status->st_mode)) return refused(fmt::format("{} is not a regular file", target));
    if (inputs.count({status->st_dev, status->st_ino}) > 0) {
        return refused(fmt::format("{} would overwrite an input", target));
    }
    return Success{};
}

Status check_folder_of(const std::string& target) {
    const std::size_t slash = target.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : target.substr(0, slash + 1);
    const auto status = status_of(folder, true);
    if (status && S_ISDIR(status->st_mode)) return Success{};
    return refused(fmt::format("{} is not an existing directory", folder));
}

}  // namespace

Result<OutputPlan> plan_output(const std::string& output, const std::vector<std::string>& inputs) {
    OutputPlan plan;
    if (output.empty()) return plan;
    const std::string place = without_trailing_slashes(output);
    const auto status = status_of(place, false);
    if (status && S_ISLNK(status->st_mode)) return refused(fmt::format("{} is a symbolic link", place));
    const bool is_directory = status && S_ISDIR(status->st_mode);
    if (!is_directory && (inputs.size() != 1 || place != output)) {
        return refused(fmt::format("{} is not an existing directory", output));
    }
    std::map<std::string, std::string> taken;
    for (const std::string& input : inputs) {
        const std::string target = is_directory ? place + "/" + base_name(input) : place;
        const auto [other, fresh] = taken.emplace(target, input);
        if (!fresh)
            return refused(fmt::format("{} and {} would both become {}", other->second, input, target));
        plan.targets.push_back(target);
    }
    const std::set<FileId> ids = ids_of(inputs);
    for (const std::string& target : plan.targets) {
        if (const Status checked = check_target(target, ids); !checked) return checked.error();
        if (const Status checked = check_folder_of(target); !checked) return checked.error();
    }
    return plan;
}

Status write_output(const std::string& target, ByteView bytes) {
    const auto failed = [&](const char* what) {
        return Error{ErrorCode::kIo, fmt::format("{} {}: {}", what, target, std::strerror(errno))};
    };
    std::string temporary = target + ".XXXXXX";
    UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!fd) return failed("create beside");
    const mode_t mask = ::umask(0);
    ::umask(mask);
    bool ok = ::fchmod(fd.get(), 0666 & ~mask) == 0;
    while (ok && !bytes.empty()) {
        const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        ok = written > 0;
        if (ok) bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    // A rename replaces a link that appeared meanwhile; it never follows it.
    ok = ok && ::close(fd.release()) == 0 && ::rename(temporary.c_str(), target.c_str()) == 0;
    if (ok) return Success{};
    const Error error = failed("write");
    ::unlink(temporary.c_str());
    return error;
}

}  // namespace optimilter
