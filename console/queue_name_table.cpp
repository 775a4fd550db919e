// SPDX-License-Identifier: Apache-2.0
#include "console/queue_name_table.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace optimilter {

namespace {

constexpr std::size_t kFewestSlots = 256;

}  // namespace

std::uint64_t QueueNameTable::key_of(std::string_view name) {
    return std::hash<std::string_view>()(name) | 1;
}

// Where the key is, or the free slot where it belongs.
std::size_t QueueNameTable::place_of(std::uint64_t key) const {
    std::size_t place = key >> 1 & (slots_.size() - 1);
    while (slots_[place].key != 0 && slots_[place].key != key) place = (place + 1) & (slots_.size() - 1);
    return place;
}

std::int64_t QueueNameTable::find(std::uint64_t key) const {
    if (slots_.empty()) return kNever;
    const Slot& slot = slots_[place_of(key)];
    return slot.key == 0 ? kNever : slot.since_ms;
}

bool QueueNameTable::put(std::uint64_t key, std::int64_t since_ms) {
    if (2 * used_ >= slots_.size()) grow();
    Slot& slot = slots_[place_of(key)];
    if (slot.key == key) return true;
    if (used_ == most_) return false;
    slot = {key, since_ms};
    ++used_;
    return true;
}

// Keeps its room for the next listing, unless that was a small part of it.
void QueueNameTable::clear() {
    const std::size_t wanted = 16 * used_ < slots_.size() ? slots_.size() / 4 : slots_.size();
    slots_.assign(std::max(wanted, kFewestSlots), {});
    slots_.shrink_to_fit();
    used_ = 0;
}

void QueueNameTable::grow() {
    if (used_ == most_) return;
    std::vector<Slot> old(std::max(2 * slots_.size(), kFewestSlots));
    std::swap(old, slots_);
    for (const Slot& slot : old)
        if (slot.key != 0) slots_[place_of(slot.key)] = slot;
}

}  // namespace optimilter
