// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "optimizers/gif_lzw_run.hpp"

namespace optimilter {

namespace {

constexpr unsigned kStepsPerDeadlineCheck = 256;

Error out_of_time() {
    return {ErrorCode::kDeadline, "deadline"};
}

// Looks for the places of the clear codes: dictionaries of different age run side by side over the pixels,
// and from the cheapest one a new one begins every cell.
template <bool kTwoValues>
class ClearSearch {
  public:
    explicit ClearSearch(const LzwJob& job) : job_(job) {}

    // Places at which a clear code comes, in order.
    Result<std::vector<std::size_t>> run() {
        tracks_.push_back({std::make_unique<Run>(job_), -1});
        Run& first = *tracks_[0].run;
        while (!first.done() && !ripe(first))
            if (!advance(first, first.at() + 1)) return out_of_time();
        if (first.done()) return std::vector<std::size_t>();
        const std::size_t filling = first.at() * LzwSearch::kWhenFull / first.codes();
        const std::size_t cell = std::max(kLeastCell, filling / job_.search.young);
        for (std::size_t line = first.at(); line < job_.first.size();) {
            begin_new(line);
            line = std::min(line + cell, job_.first.size());
            for (Track& track : tracks_)
                if (!advance(*track.run, line)) return out_of_time();
            drop_worst(line);
        }
        return clears_of(*best(job_.first.size()));
    }

  private:
    using Run = LzwRun<kTwoValues>;
    static constexpr std::size_t kLeastCell = 512;

    struct Track {
        std::unique_ptr<Run> run;
        int begun;  // its newest clear code in begins_; -1: none
    };
    struct Begin {
        std::size_t at;
        int before;
    };

    bool ripe(const Run& run) const { return run.full() || run.codes() >= job_.search.least_codes; }

    bool advance(Run& run, std::size_t line) {
        while (!run.done() && run.at() < line) {
            run.step(nullptr);
            if (++steps_ % kStepsPerDeadlineCheck == 0 && job_.deadline.expired()) return false;
        }
        return true;
    }

    // Bits spent up to a line that was overshot by a few pixels.
    static double cost(const Track& track, std::size_t line) {
        const auto bits = static_cast<double>(track.run->bits());
        return bits * static_cast<double>(line) /
               static_cast<double>(std::max<std::size_t>(track.run->at(), 1));
    }

    const Track* best(std::size_t line) const {
        return &*std::min_element(tracks_.begin(), tracks_.end(), [line](const Track& a, const Track& b) {
            return cost(a, line) < cost(b, line);
        });
    }

    void begin_new(std::size_t line) {
        const Track& from = *best(line);
        if (!ripe(*from.run) || from.run->done()) return;
        std::unique_ptr<Run> run = spare_.empty() ? std::make_unique<Run>(job_) : std::move(spare_.back());
        if (!spare_.empty()) spare_.pop_back();
        run->begin_at(*from.run);
        begins_.push_back({from.run->at(), from.begun});
        tracks_.push_back({std::move(run), static_cast<int>(begins_.size()) - 1});
    }

    // The young ones have still to show what they can do; of the others the cheapest stay.
    void drop_worst(std::size_t line) {
        std::stable_sort(tracks_.begin(), tracks_.end(), [line](const Track& a, const Track& b) {
            if (a.run->full() != b.run->full()) return a.run->full();
            return cost(a, line) < cost(b, line);
        });
        const auto young = std::find_if(tracks_.begin(), tracks_.end(),
                                        [](const Track& track) { return !track.run->full(); });
        const auto old = static_cast<std::size_t>(young - tracks_.begin());
        std::vector<Track> kept;
        for (std::size_t i = 0; i < tracks_.size(); ++i) {
            const bool stays = i < old ? i < job_.search.old : i < old + 2 * job_.search.young;
            if (stays)
                kept.push_back(std::move(tracks_[i]));
            else
                spare_.push_back(std::move(tracks_[i].run));
        }
        tracks_ = std::move(kept);
    }

    std::vector<std::size_t> clears_of(const Track& track) const {
        std::vector<std::size_t> places;
        for (int i = track.begun; i >= 0; i = begins_[static_cast<std::size_t>(i)].before)
            places.push_back(begins_[static_cast<std::size_t>(i)].at);
        std::reverse(places.begin(), places.end());
        return places;
    }

    const LzwJob& job_;
    std::vector<Track> tracks_;
    std::vector<std::unique_ptr<Run>> spare_;
    std::vector<Begin> begins_;
    unsigned steps_ = 0;
};

// When a dictionary alone has become a bad one: over the last codes it did clearly worse than in the time
// before it was full.
class Decline {
  public:
    bool seen(std::size_t at, unsigned codes, bool full) {
        if (codes % kCodesPerLook != 0) return false;
        const std::size_t pixels = at - last_at_;
        last_at_ = at;
        if (!full) good_ = pixels;
        return full && pixels < good_ - good_ / 8;
    }

  private:
    static constexpr unsigned kCodesPerLook = 512;
    std::size_t last_at_ = 0;
    std::size_t good_ = 0;
};

template <bool kTwoValues>
Result<Bytes> encode(const LzwJob& job) {
    std::vector<std::size_t> clears;
    if (job.search.young != 0) {
        Result<std::vector<std::size_t>> found = ClearSearch<kTwoValues>(job).run();
        if (!found) return found.error();
        clears = std::move(*found);
    }
    const auto run = std::make_unique<LzwRun<kTwoValues>>(job);
    LzwBits bits;
    bits.put(1u << job.min_code_size, job.min_code_size + 1);
    Decline decline;
    std::size_t next = 0;
    for (unsigned steps = 1; !run->done(); ++steps) {
        if (steps % kStepsPerDeadlineCheck == 0 && job.deadline.expired()) return out_of_time();
        run->step(&bits);
        if (run->done()) break;
        const bool planned = next < clears.size() && run->at() == clears[next];
        if (planned) ++next;
        if (planned || (job.search.young == 0 && decline.seen(run->at(), run->codes(), run->full())))
            run->clear(bits);
    }
    run->finish(bits);
    return bits.finish();
}

}  // namespace

Result<Bytes> encode_lzw(const LzwJob& job) {
    return job.second.empty() ? encode<false>(job) : encode<true>(job);
}

}  // namespace optimilter
