// SPDX-License-Identifier: Apache-2.0
#include "optimizers/gif_lzw_run.hpp"

#include <algorithm>

namespace optimilter {

template <bool kTwoValues>
void LzwRun<kTwoValues>::begin() {
    strings_.clear();
    codes_ = 0;
    width_ = job_.min_code_size + 1;
    last_size_ = 0;
}

template <bool kTwoValues>
void LzwRun<kTwoValues>::step(LzwBits* to) {
    longest(at_, now_);
    std::size_t size = 0;
    std::uint16_t code = 0;
    if (kTwoValues && last_size_ >= now_.size && repeats(at_, last_values_.data(), last_size_)) {
        size = last_size_ + 1;
        code = static_cast<std::uint16_t>(newest_code());
        std::copy_n(last_values_.begin(), last_size_, now_.values.begin());
        now_.values[last_size_] = last_values_[0];
    } else {
        size = choose();
        code = now_.codes[size - 1];
    }
    if (to != nullptr) to->put(code, width_);
    bits_ += width_;
    commit(size, code);
}

// The dictionary learns from what was written, GIF89a appendix F.
template <bool kTwoValues>
void LzwRun<kTwoValues>::commit(std::size_t size, std::uint16_t code) {
    if constexpr (kTwoValues) {
        if (last_size_ != 0) learn(now_.values[0]);
        std::copy_n(now_.values.begin(), size, last_values_.begin());
    }
    ++codes_;
    at_ += size;
    const bool room = newest_code() < kCodes;
    if (newest_code() == (1u << width_) && width_ < kMaxWidth) ++width_;
    if constexpr (kTwoValues) {
        last_code_ = code;
        last_size_ = room && size < kLongestMatch ? size : 0;
    } else if (room && at_ < job_.first.size() && strings_.find(code, job_.first[at_]) == 0) {
        strings_.insert(code, job_.first[at_], newest_code());
    }
}

template <bool kTwoValues>
void LzwRun<kTwoValues>::learn(unsigned first_value) {
    if (strings_.find(last_code_, first_value) == 0) strings_.insert(last_code_, first_value, newest_code());
}

template <bool kTwoValues>
bool LzwRun<kTwoValues>::repeats(std::size_t at, const std::uint8_t* values, std::size_t size) const {
    if (size == 0 || size >= job_.first.size() - at) return false;
    for (std::size_t i = 0; i < size; ++i)
        if (!fits(at + i, values[i])) return false;
    return fits(at + size, values[0]);
}

template <bool kTwoValues>
std::size_t LzwRun<kTwoValues>::longest(std::size_t at) const {
    if constexpr (kTwoValues) {
        visit(at, tried_);
        return tried_.size;
    } else {
        const std::uint8_t* const pixels = job_.first.data();
        const std::size_t end = at + std::min(job_.first.size() - at, kLongestMatch);
        std::size_t to = at + 1;
        for (unsigned code = pixels[at]; to < end; ++to) {
            code = strings_.find(code, pixels[to]);
            if (code == 0) break;
        }
        return to - at;
    }
}

template <bool kTwoValues>
void LzwRun<kTwoValues>::longest(std::size_t at, Match& match) const {
    if constexpr (kTwoValues) {
        visit(at, match);
    } else {
        const std::uint8_t* const pixels = job_.first.data() + at;
        const std::size_t most = std::min(job_.first.size() - at, kLongestMatch);
        match.codes[0] = pixels[0];
        std::size_t size = 1;
        for (; size < most; ++size) {
            match.codes[size] = strings_.find(match.codes[size - 1], pixels[size]);
            if (match.codes[size] == 0) break;
        }
        match.size = size;
    }
}

// Walks the strings that fit, first values before second ones; the first of the longest wins.
template <bool kTwoValues>
void LzwRun<kTwoValues>::visit(std::size_t at, Match& match) const {
    const std::uint8_t* const first = job_.first.data() + at;
    const std::uint8_t* const second = job_.second.data() + at;
    const std::size_t most = std::min(job_.first.size() - at, kLongestMatch);
    std::array<Branch, kMostVisits> branches;
    std::size_t open = 0;
    Path path;
    match.size = 0;
    if (first[0] != second[0]) branches[open++] = {0, second[0], second[0]};
    Branch next{0, first[0], first[0]};
    for (int visits = 0;;) {
        std::size_t size = next.depth;
        path.codes[size] = next.code;
        path.values[size++] = next.value;
        for (; size < most && visits < kMostVisits; ++visits) {
            const std::uint16_t code = path.codes[size - 1];
            const std::uint16_t with_first = strings_.find(code, first[size]);
            const std::uint16_t with_second =
                first[size] == second[size] ? std::uint16_t{0} : strings_.find(code, second[size]);
            if (with_first == 0 && with_second == 0) break;
            if (with_first != 0 && with_second != 0 && open < branches.size())
                branches[open++] = {size, with_second, second[size]};
            path.codes[size] = with_first != 0 ? with_first : with_second;
            path.values[size] = with_first != 0 ? first[size] : second[size];
            ++size;
        }
        if (size > match.size) {
            std::copy_n(path.codes.begin(), size, match.codes.begin());
            std::copy_n(path.values.begin(), size, match.values.begin());
            match.size = size;
        }
        if (open == 0 || match.size == most || visits >= kMostVisits) return;
        next = branches[--open];
    }
}

// How far the longest match and the one after it come.
template <bool kTwoValues>
std::size_t LzwRun<kTwoValues>::reach_of_longest() {
    const std::size_t size = now_.size;
    const std::size_t at = at_ + size;
    const bool learns = newest_code() + 1 < kCodes;
    if constexpr (kTwoValues) {
        std::size_t after = longest(at);
        if (learns && after <= size && repeats(at, now_.values.data(), size)) after = size + 1;
        return size + after;
    } else {
        const unsigned code = now_.codes[size - 1];
        const bool new_string = learns && strings_.find(code, job_.first[at]) == 0;
        if (new_string) strings_.insert(code, job_.first[at], newest_code() + 1);
        const std::size_t after = longest(at);
        if (new_string) strings_.erase_newest(code, job_.first[at]);
        return size + after;
    }
}

// How many pixels of the longest match to write: fewer when the match after that then comes further.
template <bool kTwoValues>
std::size_t LzwRun<kTwoValues>::choose() {
    const std::size_t longest_size = now_.size;
    if (job_.search.lengths == 0 || longest_size == 1) return longest_size;
    if (at_ + longest_size == job_.first.size()) return longest_size;
    std::size_t chosen = longest_size;
    // A shorter match teaches the dictionary nothing new, so while it learns it must win more.
    std::size_t reach = reach_of_longest() + (full() ? 0 : job_.search.margin);
    const std::size_t least = longest_size > job_.search.lengths ? longest_size - job_.search.lengths : 1;
    for (std::size_t size = longest_size - 1; size >= least; --size) {
        const std::size_t got = size + longest(at_ + size);
        if (got <= reach) continue;
        reach = got;
        chosen = size;
    }
    return chosen;
}

template class LzwRun<false>;
template class LzwRun<true>;

}  // namespace optimilter
