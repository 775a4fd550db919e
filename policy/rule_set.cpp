// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_set.hpp"

#include <dirent.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "policy/rule_reader.hpp"
#include "policy/toml_file.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kMostFiles = 200;

Error folder_error() {
    return {ErrorCode::kIo, std::strerror(errno)};
}

// The names of *.toml in byte order, without hidden ones. A folder that is not there has none.
Result<std::vector<std::string>> policy_files(const std::string& folder) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), ::closedir);
    if (!directory) {
        if (errno == ENOENT) return names;
        return folder_error();
    }
    errno = 0;
    while (const dirent* entry = ::readdir(directory.get())) {
        const std::string_view name = entry->d_name;
        if (!name.starts_with('.') && name.ends_with(".toml")) names.emplace_back(name);
        if (names.size() > kMostFiles)
            return Error{ErrorCode::kLimit, fmt::format("more than {} files", kMostFiles)};
    }
    if (errno != 0) return folder_error();
    std::sort(names.begin(), names.end());
    return names;
}

// Texts that could not be read are in problems.
LoadedRules read_all(const std::vector<PolicyText>& texts, std::shared_ptr<const Settings> settings,
                     std::vector<SettingsProblem> problems) {
    auto set = std::make_shared<RuleSet>();
    set->settings = std::move(settings);
    RuleReader reader(*set);
    for (const PolicyText& file : texts) {
        Findings findings(printable(file.name));
        reader.read_file(file.name, file.text, findings);
        set->files.push_back(file.name);
        for (SettingsProblem& found : findings.in_file_order()) problems.push_back(std::move(found));
    }
    if (!problems.empty()) return {nullptr, std::move(problems)};
    return {std::move(set), {}};
}

}  // namespace

std::string print_day(std::chrono::sys_days day) {
    const std::chrono::year_month_day calendar(day);
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(calendar.year()),
                       static_cast<unsigned>(calendar.month()), static_cast<unsigned>(calendar.day()));
}

std::optional<ValidUntil> RuleSet::earliest_valid_until() const {
    const auto first = std::min_element(valid_until.begin(), valid_until.end(),
                                        [](const auto& a, const auto& b) { return a.last_day < b.last_day; });
    return first == valid_until.end() ? std::nullopt : std::optional(*first);
}

std::shared_ptr<const RuleSet> rules_of(std::shared_ptr<const Settings> settings) {
    auto set = std::make_shared<RuleSet>();
    set->settings = std::move(settings);
    return set;
}

LoadedRules parse_rules(const std::vector<PolicyText>& texts, std::shared_ptr<const Settings> settings) {
    return read_all(texts, std::move(settings), {});
}

LoadedRules load_rules(const std::string& folder, std::shared_ptr<const Settings> settings) {
    if (folder.empty()) return {rules_of(std::move(settings)), {}};
    const auto names = policy_files(folder);
    if (!names) return {nullptr, {{fmt::format("{}: {}", printable(folder), names.error().text)}}};
    std::vector<PolicyText> texts;
    std::vector<SettingsProblem> problems;
    for (const std::string& name : *names) {
        const std::string path = fmt::format("{}/{}", folder, name);
        auto text = read_whole_file(path, kLargestTomlFile);
        if (text)
            texts.push_back({path, std::move(*text)});
        else
            problems.push_back({fmt::format("{}: {}", printable(path), text.error().text)});
    }
    return read_all(texts, std::move(settings), std::move(problems));
}

LoadedRules load_policy(const std::string& settings_file) {
    LoadedSettings loaded = load_settings(settings_file);
    if (!loaded.ok()) return {nullptr, std::move(loaded.problems)};
    auto settings = std::make_shared<const Settings>(std::move(loaded.settings));
    return load_rules(settings->policy_dir, settings);
}

}  // namespace optimilter
