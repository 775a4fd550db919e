// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_order.hpp"

#include <algorithm>
#include <deque>

namespace optimilter {

namespace {

constexpr std::size_t kStride = 256;

class Chain {
  public:
    explicit Chain(const ColorSurvey& survey)
        : survey_(survey), pull_(survey.colors.size()), placed_(survey.colors.size()) {}

    std::vector<std::size_t> run() {
        const auto most_used = std::max_element(survey_.uses.begin(), survey_.uses.end());
        place(static_cast<std::size_t>(most_used - survey_.uses.begin()), true);
        while (chain_.size() < placed_.size()) {
            const std::size_t next = next_color();
            place(next, nearer_the_end(next));
        }
        std::vector<std::size_t> places(placed_.size());
        for (std::size_t i = 0; i < chain_.size(); ++i) places[chain_[i]] = i;
        return places;
    }

  private:
    double meetings(std::size_t a, std::size_t b) const {
        return static_cast<double>(survey_.follows[a * kStride + b]) + survey_.follows[b * kStride + a];
    }

    void place(std::size_t color, bool at_end) {
        if (at_end)
            chain_.push_back(color);
        else
            chain_.push_front(color);
        placed_[color] = true;
        for (std::size_t other = 0; other < pull_.size(); ++other) pull_[other] += meetings(color, other);
    }

    // The one that meets the chain most often.
    std::size_t next_color() const {
        std::size_t best = placed_.size();
        for (std::size_t color = 0; color < placed_.size(); ++color)
            if (!placed_[color] && (best == placed_.size() || pull_[color] > pull_[best])) best = color;
        return best;
    }

    bool nearer_the_end(std::size_t color) const {
        // Below zero: the first half of the chain draws more.
        double balance = 0;
        const double middle = static_cast<double>(chain_.size() - 1) / 2;
        for (std::size_t i = 0; i < chain_.size(); ++i)
            balance += meetings(color, chain_[i]) * (static_cast<double>(i) - middle);
        return balance >= 0;
    }

    const ColorSurvey& survey_;
    std::deque<std::size_t> chain_;
    std::vector<double> pull_;  // meetings with the colours in the chain
    std::vector<bool> placed_;
};

}  // namespace

std::vector<std::size_t> places_by_neighbours(const ColorSurvey& survey) {
    return survey.colors.empty() ? std::vector<std::size_t>() : Chain(survey).run();
}

}  // namespace optimilter
