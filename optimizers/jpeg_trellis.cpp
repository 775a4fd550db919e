// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_trellis.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

namespace optimilter {

namespace {

// What the squared error of one quantisation step is worth, in bits, in a block without detail; and the mean
// energy of a block's coefficients that halves it. Found by experiment (bench/jpeg_lossy.py): lower worth
// gives smaller files whose worst places, which decide the score, are worse by more than that.
constexpr float kBitsOfError = 40.0f;
constexpr float kHidingEnergy = 1450.0f;
constexpr int kLargest = (1 << kJpegAcBits) - 1;
// How many coefficients a path may pass over at once: longer leaps do not pay.
constexpr std::size_t kReach = 6;

constexpr unsigned width_of(int magnitude) {
    return static_cast<unsigned>(std::bit_width(static_cast<unsigned>(magnitude)));
}

}  // namespace

JpegQuantizer::JpegQuantizer(const JpegQuantTable& steps) {
    for (std::size_t i = 0; i < 64; ++i) reciprocal_[i] = 1.0f / static_cast<float>(steps[i]);
}

// One more of negative values than of positive ones: samples are 0..255, less 128.
std::int16_t JpegQuantizer::rounded_dc(const JpegDctBlock& from) const {
    const int value = static_cast<int>(std::lrintf(from[0] * reciprocal_[0]));
    return static_cast<std::int16_t>(std::clamp(value, -kLargest - 1, kLargest));
}

void JpegQuantizer::round(const JpegDctBlock& from, std::int16_t* to) const {
    to[0] = rounded_dc(from);
    for (std::size_t k = 1; k < 64; ++k) {
        const std::size_t natural = kJpegNaturalOrder[k];
        const int value = static_cast<int>(std::lrintf(from[natural] * reciprocal_[natural]));
        to[natural] = static_cast<std::int16_t>(std::clamp(value, -kLargest, kLargest));
    }
}

void JpegQuantizer::add_sample(const JpegDctBlock& block) {
    unsigned zeros = 0;
    for (std::size_t k = 1; k < 64; ++k) {
        const std::size_t natural = kJpegNaturalOrder[k];
        const float value = std::fabs(block[natural] * reciprocal_[natural]);
        // A little below one half is what the trellis will mostly drop.
        const int magnitude = std::min(static_cast<int>(value + 0.4f), kLargest);
        if (magnitude == 0) {
            ++zeros;
            continue;
        }
        for (; zeros > 15; zeros -= 16) ++counts_[0xF0];
        ++counts_[zeros << 4 | width_of(magnitude)];
        zeros = 0;
    }
    if (zeros != 0) ++counts_[0];
}

void JpegQuantizer::learn() {
    double total = 0;
    for (const std::uint32_t count : counts_) total += count + 0.25;
    for (std::size_t symbol = 0; symbol < 256; ++symbol) {
        const double bits = std::log2(total / (counts_[symbol] + 0.25));
        bits_[symbol] = static_cast<float>(std::clamp(bits, 1.0, 16.0)) + static_cast<float>(symbol & 15);
    }
}

// A coefficient that rounding leaves, and the cheapest way to it.
struct JpegQuantizer::Stop {
    std::uint8_t k;
    std::uint8_t before;   // index of the stop before it on that way
    std::int16_t rounded;  // magnitudes
    std::int16_t chosen;
    float magnitude;  // in steps, not rounded
    float zeroed;     // error of all coefficients up to and with this one, if all were zero
    float cost;
};

// Only the first count stops have values: clearing all for every block would take as long as the rest.
struct JpegQuantizer::Path {
    std::array<Stop, 64> stops;  // [0]: the DC coefficient, where all ways begin
    std::size_t count;
    float zeroed;  // error of all coefficients, if all were zero
    float energy;  // mean of the squared coefficients
};

// The coefficients but the first, as magnitudes in steps, and the largest of them.
float JpegQuantizer::magnitudes_of(const JpegDctBlock& from, JpegDctBlock& to) const {
    for (std::size_t i = 0; i < 64; ++i) to[i] = std::fabs(from[i]) * reciprocal_[i];
    to[0] = 0;
    std::array<float, 8> largest{};
    for (std::size_t i = 0; i < 64; ++i) largest[i % 8] = to[i] > largest[i % 8] ? to[i] : largest[i % 8];
    return *std::max_element(largest.begin(), largest.end());
}

// Errors of coefficients made zero, in groups of eight along the zigzag sequence, those of all groups side by
// side for vector code.
struct JpegQuantizer::GroupErrors {
    explicit GroupErrors(const JpegDctBlock& magnitudes) {
        for (std::size_t i = 0; i < 64; ++i) zeroed[i] = magnitudes[kJpegNaturalOrder[i % 8 * 8 + i / 8]];
        for (float& error : zeroed) error *= error;
        for (std::size_t i = 0; i < 64; ++i)
            largest[i % 8] = zeroed[i] > largest[i % 8] ? zeroed[i] : largest[i % 8];
        for (std::size_t i = 8; i < 64; ++i) zeroed[i] += zeroed[i - 8];
    }

    std::array<float, 64> zeroed;    // at i * 8 + group: of the group's first i + 1 coefficients
    std::array<float, 8> largest{};  // error of a single coefficient of each group
};

void JpegQuantizer::find_stops(const JpegDctBlock& from, const JpegDctBlock& magnitudes, Path& path) const {
    std::array<float, 8> squares{};
    for (std::size_t i = 8; i < 64; ++i) squares[i % 8] += from[i] * from[i];
    for (std::size_t i = 1; i < 8; ++i) squares[i] += from[i] * from[i];
    path.energy = std::accumulate(squares.begin(), squares.end(), 0.0f) / 63.0f;
    path.stops[0] = {};
    path.count = 1;
    path.zeroed = 0;
    const GroupErrors errors(magnitudes);
    for (std::size_t group = 0; group < 8; ++group) {
        for (std::size_t i = 0; i < 8 && errors.largest[group] > 0.25f; ++i) {
            const std::size_t k = group * 8 + i;
            const float magnitude = magnitudes[kJpegNaturalOrder[k]];
            if (magnitude <= 0.5f) continue;
            const int rounded = std::min(static_cast<int>(std::lrintf(magnitude)), kLargest);
            path.stops[path.count++] = {static_cast<std::uint8_t>(k),
                                        0,
                                        static_cast<std::int16_t>(rounded),
                                        0,
                                        magnitude,
                                        path.zeroed + errors.zeroed[i * 8 + group],
                                        0};
        }
        path.zeroed += errors.zeroed[56 + group];
    }
}

// The cheapest way to a stop: from which one before it, and with which value. One less than the rounded value
// is worth a thought only where it needs fewer bits.
void JpegQuantizer::reach(Path& path, std::size_t index, float weight) const {
    Stop& stop = path.stops[index];
    stop.cost = std::numeric_limits<float>::max();
    const float before_it = stop.zeroed - stop.magnitude * stop.magnitude;
    const int less = stop.rounded - 1;
    const int lowest = less > 0 && width_of(less) < width_of(stop.rounded) ? less : stop.rounded;
    for (int value = lowest; value <= stop.rounded; ++value) {
        const float error = stop.magnitude - static_cast<float>(value);
        const unsigned width = width_of(value);
        for (std::size_t j = index > kReach ? index - kReach : 0; j < index; ++j) {
            const Stop& before = path.stops[j];
            const unsigned zeros = stop.k - before.k - 1u;
            const float bits =
                static_cast<float>(zeros >> 4) * bits_[0xF0] + bits_[(zeros & 15) << 4 | width];
            const float cost = before.cost + bits + weight * (before_it - before.zeroed + error * error);
            if (cost >= stop.cost) continue;
            stop.cost = cost;
            stop.before = static_cast<std::uint8_t>(j);
            stop.chosen = static_cast<std::int16_t>(value);
        }
    }
}

// Where it is cheapest to say that the block is over.
std::size_t JpegQuantizer::best_end(const Path& path, float weight) const {
    std::size_t best = 0;
    float least = std::numeric_limits<float>::max();
    for (std::size_t i = 0; i < path.count; ++i) {
        const Stop& stop = path.stops[i];
        const float end = stop.k == 63 ? 0.0f : bits_[0];
        const float cost = stop.cost + weight * (path.zeroed - stop.zeroed) + end;
        if (cost >= least) continue;
        least = cost;
        best = i;
    }
    return best;
}

void JpegQuantizer::quantize(const JpegDctBlock& from, std::int16_t* to) const {
    std::fill(to, to + 64, std::int16_t{0});
    to[0] = rounded_dc(from);
    JpegDctBlock magnitudes;
    if (magnitudes_of(from, magnitudes) <= 0.5f) return;
    Path path;
    find_stops(from, magnitudes, path);
    const float weight = kBitsOfError / (1.0f + path.energy / kHidingEnergy);
    for (std::size_t i = 1; i < path.count; ++i) reach(path, i, weight);
    for (std::size_t i = best_end(path, weight); i != 0; i = path.stops[i].before) {
        const Stop& stop = path.stops[i];
        const std::size_t natural = kJpegNaturalOrder[stop.k];
        to[natural] = from[natural] < 0 ? static_cast<std::int16_t>(-stop.chosen) : stop.chosen;
    }
}

}  // namespace optimilter
