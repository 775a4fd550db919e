// SPDX-License-Identifier: Apache-2.0
//
// Goes through one folder of a queue and the subfolders that belong to it, by directory descriptors: every
// message once, one at a time, so that the caller may stop and go on later. Only lists; looks at no file. Not
// thread safe.
//
// Security: folders may change, vanish or be foreign at any moment: names are judged by the caller, at most
// kMostFolders deep, and what cannot be opened is told by error().
#pragma once

#include <dirent.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace optimilter {

enum class QueueName { kMessage, kFolder, kOther };

class QueueWalk {
  public:
    static constexpr std::size_t kMostFolders = 8;

    // What a name is. depth: 0 in the folder itself, 1 in its subfolders, ...
    using Judge = std::function<QueueName(std::string_view name, std::size_t depth)>;
    struct Message {
        const char* name;  // ends with a zero byte
        int folder;        // descriptor of the folder that it is in
    };

    // kIo with the system's words when the folder cannot be opened.
    static Result<QueueWalk> begin(const std::string& folder, Judge judge);

    // Good until the next call. Empty: that was all.
    std::optional<Message> next();
    // Why a part of it could not be read, as errno; 0: all could. What vanished meanwhile is no error.
    int error() const { return error_; }

  private:
    struct Close {
        void operator()(DIR* folder) const { ::closedir(folder); }
    };
    using Folder = std::unique_ptr<DIR, Close>;

    QueueWalk(Folder top, Judge judge);
    void enter(const char* name);

    std::vector<Folder> open_;  // from the top to where we are
    Judge judge_;
    int error_ = 0;
};

}  // namespace optimilter
