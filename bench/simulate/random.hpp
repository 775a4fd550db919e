// SPDX-License-Identifier: Apache-2.0
//
// Chance that is the same on every machine for the same seed: the standard library leaves the algorithms of
// its distributions open. One stream a host of the model. Not thread safe.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

namespace optimilter::sim {

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    double uniform() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }  // [0, 1)
    std::size_t below(std::size_t count) {
        return static_cast<std::size_t>(uniform() * static_cast<double>(count));
    }
    double exponential(double mean) { return -mean * std::log1p(-uniform()); }
    // Log-normal with mean 1.
    double scatter(double sigma) { return std::exp(sigma * normal() - sigma * sigma / 2); }

  private:
    double normal() {
        const double radius = std::sqrt(-2 * std::log1p(-uniform()));
        return radius * std::cos(6.283185307179586 * uniform());
    }

    std::mt19937_64 engine_;
};

}  // namespace optimilter::sim
