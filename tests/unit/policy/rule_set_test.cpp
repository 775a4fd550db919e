// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_set.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "check.hpp"
#include "rules_from_text.hpp"

namespace optimilter {
namespace {

// A fresh folder below the build folder, gone at the end.
class Folder {
  public:
    Folder() : path(std::string(OPTIMILTER_TEST_BINARY_DIR) + "/rule-set-" + std::to_string(::getpid())) {
        std::filesystem::remove_all(path);
        std::filesystem::create_directory(path);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path + "/" + name) << text;
    }

    const std::string path;
};

std::string rule(const std::string& name) {
    return "[[rule]]\nname = \"" + name + "\"\nwhen = { authenticated = true }\nthen = {}\n";
}

LoadedRules load(const Folder& folder) {
    return load_rules(folder.path, std::make_shared<const Settings>());
}

void test_files_in_name_order() {
    const Folder folder;
    folder.write("20-b.toml", rule("b"));
    folder.write("10-a.toml", rule("a") + rule("a2"));
    folder.write("Z.toml", rule("z"));
    folder.write(".hidden.toml", "nonsense");
    folder.write("README", "nonsense");
    folder.write("30.toml~", "nonsense");
    const LoadedRules loaded = load(folder);
    CHECK_EQ(all_problems(loaded), "");
    std::string names;
    for (const Rule& one : loaded.rules->rules) names += one.name + " ";
    CHECK_EQ(names, "a a2 b z ");
    CHECK_EQ(loaded.rules->files.size(), 3u);
    CHECK_EQ(loaded.rules->rules[2].place, folder.path + "/20-b.toml:1");
}

void test_no_folder_has_no_rules() {
    for (const char* path : {"", "/nowhere/policy.d"}) {
        const LoadedRules loaded = load_rules(path, std::make_shared<const Settings>());
        CHECK(loaded.ok() && loaded.rules->rules.empty(), path);
        CHECK(!loaded.rules->earliest_valid_until().has_value());
    }
    const Folder folder;
    CHECK(load(folder).ok());
    folder.write("file", "");
    const LoadedRules loaded = load_rules(folder.path + "/file", std::make_shared<const Settings>());
    CHECK_EQ(all_problems(loaded), folder.path + "/file: Not a directory\n");
}

void test_one_broken_file_breaks_all() {
    const Folder folder;
    folder.write("a.toml", rule("a"));
    folder.write("b.toml", "[[rule]]\nname = \"b\"\nthen = { profile = 1 }\n");
    folder.write("c.toml", std::string((1 << 20) + 1, '#'));
    std::filesystem::create_directory(folder.path + "/d.toml");
    const LoadedRules loaded = load(folder);
    CHECK(loaded.rules == nullptr);
    const std::string problems = all_problems(loaded);
    CHECK(problems.find(folder.path + "/b.toml:3: profile: want one of") != problems.npos, problems);
    CHECK(problems.find(folder.path + "/c.toml: larger than 1 MiB") != problems.npos, problems);
    CHECK(problems.find(folder.path + "/d.toml: Is a directory") != problems.npos, problems);
}

void test_names_are_unique_over_files() {
    const Folder folder;
    folder.write("a.toml", rule("x"));
    folder.write("b.toml", rule("x"));
    CHECK_EQ(all_problems(load(folder)),
             folder.path + "/b.toml:2: the name \"x\" is taken, " + folder.path + "/a.toml:1 has it\n");
}

void test_too_many_files() {
    const Folder folder;
    for (int i = 0; i < 201; ++i) folder.write(std::to_string(i) + ".toml", "");
    CHECK_EQ(all_problems(load(folder)), folder.path + ": more than 200 files\n");
}

void test_valid_until() {
    const Folder folder;
    folder.write("a.toml", "valid_until = 2028-02-29\n");
    folder.write("b.toml", "valid_until = 2027-12-31\n");
    folder.write("c.toml", "");
    const auto earliest = load(folder).rules->earliest_valid_until();
    CHECK(earliest.has_value());
    CHECK_EQ(earliest->file, folder.path + "/b.toml");
    CHECK_EQ(print_day(earliest->last_day), "2027-12-31");
    using std::chrono::seconds;
    const std::chrono::sys_seconds end = earliest->last_day + std::chrono::days(1);
    CHECK(!earliest->past(end - seconds(1)));
    CHECK(earliest->past(end));
}

void test_settings_and_rules_together() {
    const Folder folder;
    folder.write("rules.toml", "[[rule]]\nname = \"r\"\nthen = { deadline = \"2s\" }\n");
    const std::string settings_file = folder.path + "/settings";
    const auto write = [&](const std::string& more) {
        std::ofstream(settings_file) << "policy_dir = \"" << folder.path << "\"\n" << more;
    };
    write("deadline = \"3s\"\n");
    const LoadedRules loaded = load_policy(settings_file);
    CHECK_EQ(all_problems(loaded), "");
    CHECK_EQ(loaded.rules->settings->deadline, 3000);
    CHECK_EQ(loaded.rules->rules[0].settings->deadline, 2000);
    write("deadline = \"1s\"\n");
    CHECK(all_problems(load_policy(settings_file))
              .starts_with(folder.path + "/rules.toml:3: deadline 2s is above"));
    write("deadlin = 1\n");
    CHECK(all_problems(load_policy(settings_file)).starts_with(settings_file + ":2: unknown setting"));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_files_in_name_order),
                                TEST(test_no_folder_has_no_rules),
                                TEST(test_one_broken_file_breaks_all),
                                TEST(test_names_are_unique_over_files),
                                TEST(test_too_many_files),
                                TEST(test_valid_until),
                                TEST(test_settings_and_rules_together)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
