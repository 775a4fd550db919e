// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_enlarge.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace optimilter {

namespace {

constexpr std::uint32_t kRowsPerDeadlineCheck = 32;
// Shares of two neighbours are counted in so many parts.
constexpr std::uint32_t kWhole = 256;

// Where a pixel lies in one direction: behind a sample, by a share of the way to the next.
struct Place {
    std::uint32_t sample = 0;
    std::uint32_t next = 0;
    std::uint32_t share = 0;
};

std::vector<Place> places(std::uint32_t samples, std::uint32_t pixels) {
    std::vector<Place> all(pixels);
    for (std::uint32_t i = 0; i < pixels; ++i) {
        const std::uint64_t at = std::uint64_t{i} * samples * kWhole / pixels;
        const auto sample = static_cast<std::uint32_t>(at / kWhole);
        all[i] = {sample, std::min(sample + 1, samples - 1), static_cast<std::uint32_t>(at % kWhole)};
    }
    return all;
}

// A row drawn wider, kWhole times its values.
using WideRow = std::vector<std::uint16_t>;

void widen(const std::uint8_t* row, unsigned channels, const std::vector<Place>& across, WideRow& wide) {
    std::uint16_t* to = wide.data();
    for (const Place& place : across) {
        const std::uint8_t* left = row + std::size_t{place.sample} * channels;
        const std::uint8_t* right = row + std::size_t{place.next} * channels;
        for (unsigned channel = 0; channel < channels; ++channel)
            *to++ = static_cast<std::uint16_t>(left[channel] * (kWhole - place.share) +
                                               right[channel] * place.share);
    }
}

void blend(const WideRow& upper, const WideRow& lower, std::uint32_t share, std::uint8_t* to) {
    for (std::size_t i = 0; i < upper.size(); ++i)
        to[i] =
            static_cast<std::uint8_t>((upper[i] * (kWhole - share) + lower[i] * share) / (kWhole * kWhole));
}

// The rows of samples, drawn wider when they are first asked for: an even and an odd one are kept.
class WideRows {
  public:
    WideRows(ByteView samples, PictureSize from, unsigned channels, std::uint32_t width)
        : samples_(samples),
          stride_(std::size_t{from.width} * channels),
          channels_(channels),
          across_(places(from.width, width)),
          kept_{WideRow(std::size_t{width} * channels), WideRow(std::size_t{width} * channels)} {}

    const WideRow& at(std::uint32_t row) {
        const std::size_t slot = row % 2;
        if (held_[slot] != row) widen(samples_.data() + row * stride_, channels_, across_, kept_[slot]);
        held_[slot] = row;
        return kept_[slot];
    }

  private:
    ByteView samples_;
    std::size_t stride_;
    unsigned channels_;
    std::vector<Place> across_;
    std::array<WideRow, 2> kept_;
    std::array<std::optional<std::uint32_t>, 2> held_;
};

}  // namespace

Result<Bytes> enlarge_samples(ByteView samples, PictureSize from, unsigned channels, PictureSize to,
                              Deadline deadline) {
    const std::size_t stride = std::size_t{to.width} * channels;
    const std::vector<Place> down = places(from.height, to.height);
    Bytes drawn(stride * to.height);
    WideRows rows(samples, from, channels, to.width);
    for (std::uint32_t y = 0; y < to.height; ++y) {
        if (y % kRowsPerDeadlineCheck == 0 && deadline.expired())
            return Error{ErrorCode::kDeadline, "deadline"};
        blend(rows.at(down[y].sample), rows.at(down[y].next), down[y].share, drawn.data() + y * stride);
    }
    return drawn;
}

}  // namespace optimilter
