// SPDX-License-Identifier: Apache-2.0
#include "store/result_cache.hpp"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "base/log.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kMostWaiting = 64u << 20;  // bytes
// The file is looked after so often although nothing is stored.
constexpr std::chrono::seconds kRound{5};

}  // namespace

ResultCache::ResultCache(CacheSettings settings, Counters& counters)
    : counters_(counters), memory_(settings.memory_bytes) {
    if (!settings.file.empty())
        file_ = std::make_unique<DiskCache>(std::move(settings.file), settings.file_bytes);
    thread_ = std::thread([this] { run(); });
}

ResultCache::~ResultCache() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

std::optional<StoredResult> ResultCache::find(const Digest& key) {
    return counted(look_up(key));
}

std::optional<StoredResult> ResultCache::find(const Digest& key, const Digest& else_key) {
    std::optional<StoredResult> found = look_up(key);
    return counted(found ? std::move(found) : look_up(else_key));
}

std::optional<StoredResult> ResultCache::look_up(const Digest& key) {
    std::optional<StoredResult> found = memory_.find(key);
    if (!found && file_) {
        found = file_->find(key);
        if (found) add({key, found, false});
    }
    return found;
}

std::optional<StoredResult> ResultCache::counted(std::optional<StoredResult> found) {
    counters_.add(found ? Counter::kCacheHits : Counter::kCacheMisses);
    return found;
}

// Found from now on, still where the worker left it; the storing thread puts a copy of our own in its place.
void ResultCache::keep(const Digest& key, StoredResult result) {
    if (add({key, result, true})) memory_.keep(key, std::move(result));
}

std::string ResultCache::file_state() const {
    if (!file_) return "none";
    return file_->is_open() ? "open" : "not open";
}

bool ResultCache::add(Note note) {
    const std::size_t size = note.result->size();
    {
        const std::lock_guard lock(mutex_);
        if (waiting_bytes_ + size > kMostWaiting) return false;
        waiting_bytes_ += size;
        waiting_.push_back(std::move(note));
    }
    changed_.notify_all();
    return true;
}

void ResultCache::settle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_.empty() && !storing_; });
}

void ResultCache::run() {
    // Signals are for the engine's main thread.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    std::unique_lock lock(mutex_);
    for (;;) {
        storing_ = true;
        lock.unlock();
        if (file_) file_->tend();
        lock.lock();
        while (!waiting_.empty() && !stopping_) {
            Note note = std::move(waiting_.front());
            waiting_.pop_front();
            waiting_bytes_ -= note.result->size();
            lock.unlock();
            store(std::move(note));
            lock.lock();
        }
        storing_ = false;
        changed_.notify_all();
        if (stopping_) return;
        changed_.wait_for(lock, kRound, [this] { return stopping_ || !waiting_.empty(); });
    }
}

// A failure costs the result, never more.
void ResultCache::store(Note note) {
    try {
        StoredResult& result = *note.result;
        if (file_ && note.to_file)
            file_->keep(note.key, result);
        else if (file_)
            file_->touch(note.key);
        // Into memory of our own: every mapping is one of a limited number a process may have.
        const ByteView output = result.output.bytes();
        if (!output.empty()) result.output = SharedBytes(Bytes(output.begin(), output.end()));
        memory_.keep(note.key, std::move(result));
        if (note.to_file) counters_.add(Counter::kCacheStored);
    } catch (const std::exception& error) {
        log_warning("cache: {}", error.what());
    }
}

}  // namespace optimilter
