// SPDX-License-Identifier: Apache-2.0
#include "console/queue_walk.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace optimilter {

namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;

// The kind of an entry as far as the file system tells it without a look at the file; many do.
bool may_be(QueueName wanted, unsigned char type) {
    if (type == DT_UNKNOWN) return true;
    // Queues of Sendmail may be links to other disks.
    return wanted == QueueName::kFolder ? type == DT_DIR || type == DT_LNK : type == DT_REG;
}

}  // namespace

QueueWalk::QueueWalk(Folder top, Judge judge) : judge_(std::move(judge)) {
    open_.push_back(std::move(top));
}

Result<QueueWalk> QueueWalk::begin(const std::string& folder, Judge judge) {
    const int fd = ::open(folder.c_str(), kOpenFolder);
    Folder top(fd < 0 ? nullptr : ::fdopendir(fd));
    if (top) return QueueWalk(std::move(top), std::move(judge));
    const Error error{ErrorCode::kIo, std::strerror(errno)};
    if (fd >= 0) ::close(fd);
    return error;
}

std::optional<QueueWalk::Message> QueueWalk::next() {
    while (!open_.empty()) {
        DIR* const folder = open_.back().get();
        errno = 0;
        const dirent* const entry = ::readdir(folder);
        if (entry == nullptr) {
            if (errno != 0 && errno != ENOENT) error_ = errno;
            open_.pop_back();
            continue;
        }
        const QueueName kind = judge_(entry->d_name, open_.size() - 1);
        if (kind == QueueName::kOther || !may_be(kind, entry->d_type)) continue;
        if (kind == QueueName::kMessage) return Message{entry->d_name, ::dirfd(folder)};
        enter(entry->d_name);
    }
    return std::nullopt;
}

void QueueWalk::enter(const char* name) {
    if (open_.size() > kMostFolders) return;
    const int fd = ::openat(::dirfd(open_.back().get()), name, kOpenFolder);
    Folder folder(fd < 0 ? nullptr : ::fdopendir(fd));
    if (folder) return open_.push_back(std::move(folder));
    if (errno != ENOENT && errno != ENOTDIR) error_ = errno;
    if (fd >= 0) ::close(fd);
}

}  // namespace optimilter
