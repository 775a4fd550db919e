// SPDX-License-Identifier: Apache-2.0
//
// A queue directory for a test: files with the names an MTA gives them, in a folder that goes with the test.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/unique_fd.hpp"
#include "check.hpp"

namespace optimilter {

class PlantedQueue {
  public:
    PlantedQueue() {
        char name[] = "/tmp/optimilter-queue-test.XXXXXX";
        CHECK(::mkdtemp(name) != nullptr);
        folder_ = name;
    }
    ~PlantedQueue() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    PlantedQueue(const PlantedQueue&) = delete;
    PlantedQueue& operator=(const PlantedQueue&) = delete;

    // As Postfix makes them.
    void postfix_folders(const std::string& below = {}) const {
        for (const char* name : {"incoming", "active", "deferred", "hold"})
            std::filesystem::create_directories(path(below + name));
    }
    std::string path(const std::string& name = {}) const {
        return name.empty() ? folder_ : folder_ + "/" + name;
    }
    // Makes the folders above it.
    void file(const std::string& name, mode_t mode = 0700) const {
        const auto make = [&] {
            return UniqueFd(::open(path(name).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, mode));
        };
        if (make()) return;
        std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
        CHECK(static_cast<bool>(make()), name);
    }
    // Postfix sets the time of the next try.
    void modified_at(const std::string& name, std::int64_t seconds) const {
        const timespec times[2] = {{seconds, 0}, {seconds, 0}};
        CHECK_EQ(::utimensat(AT_FDCWD, path(name).c_str(), times, 0), 0, name);
    }
    void remove(const std::string& name) const { std::filesystem::remove_all(path(name)); }
    void move(const std::string& from, const std::string& to) const {
        std::filesystem::rename(path(from), path(to));
    }

  private:
    std::string folder_;
};

}  // namespace optimilter
