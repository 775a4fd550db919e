// SPDX-License-Identifier: Apache-2.0
//
// A folder of a test's own, in which it plants the files of a machine that it wants to be looked at. Gone at
// the end.
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace optimilter {

class Planted {
  public:
    Planted() {
        char name[] = "/tmp/optimilter-planted-XXXXXX";
        if (::mkdtemp(name) == nullptr) std::abort();
        folder_ = name;
    }
    ~Planted() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Planted(const Planted&) = delete;
    Planted& operator=(const Planted&) = delete;

    std::string path(const std::string& name = {}) const {
        return name.empty() ? folder_ : folder_ + "/" + name;
    }
    void file(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
        std::ofstream(path(name)) << text;
    }
    void folder(const std::string& name) const { std::filesystem::create_directories(path(name)); }
    void link(const std::string& name, const std::string& target) const {
        std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
        std::filesystem::create_symlink(target, path(name));
    }
    // A process as /proc shows it.
    void process(int pid, int parent, const std::string& name, const std::string& program, char state = 'S',
                 unsigned started = 100) const {
        const std::string folder = "proc/" + std::to_string(pid);
        file(folder + "/stat", std::to_string(pid) + " (" + name + ") " + state + " " +
                                   std::to_string(parent) + " 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 " +
                                   std::to_string(started) + " 1 1 18446744073709551615\n");
        if (!program.empty()) link(folder + "/exe", program);
    }

  private:
    std::string folder_;
};

}  // namespace optimilter
