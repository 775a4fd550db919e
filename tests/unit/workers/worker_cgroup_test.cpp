// SPDX-License-Identifier: Apache-2.0
#include "workers/worker_cgroup.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "check.hpp"

namespace optimilter {
namespace {

// A planted machine: plain files where the kernel would have its own.
struct Machine {
    Machine() {
        char name[] = "/tmp/optimilter-cgroup-XXXXXX";
        CHECK(::mkdtemp(name) != nullptr);
        folder = name;
        std::filesystem::create_directories(folder + "/root/system.slice/unit");
        write("mounts", "proc /proc proc rw 0 0\ncgroup2 " + folder + "/root cgroup2 rw,nosuid 0 0\n");
        write("own", "1:cpu:/other\n0::/system.slice/unit\n");
        places.own_group = folder + "/own";
        places.mounts = folder + "/mounts";
        places.delegated = [](const std::string&) { return true; };
    }
    ~Machine() {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder + "/" + name) << text;
    }
    std::string unit(const std::string& name) const {
        std::stringstream text;
        text << std::ifstream(folder + "/root/system.slice/unit/" + name).rdbuf();
        return text.str();
    }
    std::string folder;
    CgroupPlaces places;
};

void test_group_is_made() {
    const Machine machine;
    const auto made = make_worker_cgroup({2ull << 30, 20}, machine.places);
    CHECK(made.has_value());
    CHECK_EQ(*made, machine.folder + "/root/system.slice/unit/workers");
    CHECK_EQ(machine.unit("engine/cgroup.procs"), std::to_string(::getpid()) + "\n");
    CHECK_EQ(machine.unit("cgroup.subtree_control"), "+memory\n+cpu\n");
    CHECK_EQ(machine.unit("workers/memory.max"), "2147483648\n");
    CHECK_EQ(machine.unit("workers/cpu.weight"), "20\n");
    // Nothing ever sits on the engine or the unit.
    CHECK_EQ(machine.unit("engine/memory.max") + machine.unit("memory.max") + machine.unit("cpu.weight"), "");
    CHECK(enter_cgroup(*made, 4711).has_value());
    CHECK_EQ(machine.unit("workers/cgroup.procs"), "4711\n");
    // A restart finds the folders.
    CHECK(make_worker_cgroup({0, 20}, machine.places).has_value());
}

void test_only_what_was_asked_for() {
    const Machine machine;
    CHECK(make_worker_cgroup({0, 5}, machine.places).has_value());
    CHECK_EQ(machine.unit("cgroup.subtree_control"), "+cpu\n");
    CHECK(!std::filesystem::exists(machine.folder + "/root/system.slice/unit/workers/memory.max"));
}

void test_nothing_is_touched_without_delegation() {
    struct Case {
        std::string_view name, own, mounts;
        bool delegated;
    };
    constexpr Case kCases[] = {
        {"not handed over", "0::/system.slice/unit\n", "", false},
        {"the root of all groups", "0::/\n", "", true},
        {"v1 alone", "4:memory:/x\n", "", true},
        {"no group at all", "", "", true},
        {"v2 is not mounted", "0::/system.slice/unit\n", "cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n", true},
        {"broken line", "0::\n0:/x\n", "", true},
    };
    for (const Case& c : kCases) {
        Machine machine;
        machine.write("own", std::string(c.own));
        if (!c.mounts.empty()) machine.write("mounts", std::string(c.mounts));
        machine.places.delegated = [&](const std::string&) { return c.delegated; };
        const auto made = make_worker_cgroup({1, 1}, machine.places);
        CHECK(!made && made.error().code == ErrorCode::kUnsupported, c.name);
        CHECK(std::filesystem::is_empty(machine.folder + "/root/system.slice/unit"), c.name);
    }
    Machine machine;
    machine.places.own_group = "/no/such/file";
    CHECK(!make_worker_cgroup({1, 1}, machine.places));
}

// A controller that the kernel does not hand on, and a file that it refuses, are told with what was written.
void test_refusals() {
    for (const std::string name : {"cgroup.subtree_control", "workers/memory.max", "engine/cgroup.procs"}) {
        const Machine machine;
        std::filesystem::create_directories(machine.folder + "/root/system.slice/unit/" + name);
        const auto made = make_worker_cgroup({4096, 1}, machine.places);
        CHECK(!made && made.error().code == ErrorCode::kIo, name);
        CHECK(made.error().text.find(name) != std::string::npos, made.error().text);
    }
    CHECK(!enter_cgroup("/no/such/folder", 1));
}

// Folders of this machine bear no mark: nothing of the session that runs the test may be moved.
void test_mark() {
    CHECK(!kernel_places().delegated("/tmp"));
    CHECK(!kernel_places().delegated("/no/such/folder"));
}

void test_words() {
    CHECK_EQ(describe_limits({}), "none");
    CHECK_EQ(describe_limits({1 << 20, 0}), "memory 1048576");
    CHECK_EQ(describe_limits({0, 20}), "CPU weight 20");
    CHECK_EQ(describe_limits({1 << 20, 20}), "memory 1048576, CPU weight 20");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_group_is_made), TEST(test_nothing_is_touched_without_delegation),
        TEST(test_refusals),      TEST(test_only_what_was_asked_for),
        TEST(test_mark),          TEST(test_words),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
