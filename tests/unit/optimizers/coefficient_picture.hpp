// SPDX-License-Identifier: Apache-2.0
//
// Pictures of made-up coefficients for tests of the entropy coder and its fuzz target: what no DCT would
// give, but T.81 allows. Deterministic.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "optimizers/jpeg_coding.hpp"
#include "optimizers/jpeg_decoder.hpp"

namespace optimilter::coefficient_picture {

struct Factors {
    std::uint8_t horizontal = 1;
    std::uint8_t vertical = 1;
};

// Owns the blocks its coefficients point into. Move only.
struct Owned {
    JpegCoefficients picture;
    std::vector<std::vector<std::int16_t>> samples;

    // Blocks of zeros; quantisation steps differ from component to component.
    Owned(std::uint32_t width, std::uint32_t height, const std::vector<Factors>& factors) {
        std::uint8_t across = 1;
        std::uint8_t down = 1;
        for (const Factors& f : factors) {
            across = std::max(across, f.horizontal);
            down = std::max(down, f.vertical);
        }
        picture.width = width;
        picture.height = height;
        for (std::size_t c = 0; c < factors.size(); ++c) {
            JpegPlane plane;
            plane.id = static_cast<std::uint8_t>(c + 1);
            plane.horizontal = factors[c].horizontal;
            plane.vertical = factors[c].vertical;
            plane.width_in_blocks = blocks(width, factors[c].horizontal, across);
            plane.quant.fill(static_cast<std::uint16_t>(c + 1));
            samples.emplace_back(std::size_t{plane.width_in_blocks} * blocks(height, plane.vertical, down) *
                                 64);
            for (std::size_t at = 0; at < samples.back().size();
                 at += std::size_t{plane.width_in_blocks} * 64)
                plane.rows.push_back(samples.back().data() + at);
            picture.planes.push_back(std::move(plane));
        }
    }
    Owned(Owned&&) = default;
    Owned(const Owned&) = delete;

    // zigzag: 0..63.
    void set(std::size_t plane, std::size_t block, std::size_t zigzag, int value) {
        samples[plane][block * 64 + kJpegNaturalOrder[zigzag]] = static_cast<std::int16_t>(value);
    }
    std::size_t block_count(std::size_t plane) const { return samples[plane].size() / 64; }

  private:
    static std::uint32_t blocks(std::uint32_t length, unsigned factor, unsigned largest) {
        return (length * factor + largest * 8 - 1) / (largest * 8);
    }
};

// What libjpeg reads in file, compared with picture. Empty: the same.
inline std::string difference(const JpegCoefficients& picture, ByteView file) {
    JpegDecoder decoder(file, Deadline());
    if (Status status = decoder.read_header(); !status) return status.error().text;
    if (Status status = decoder.read_coefficients(); !status) return status.error().text;
    const Result<JpegCoefficients> seen = decoder.coefficients();
    if (!seen) return seen.error().text;
    if (seen->width != picture.width || seen->height != picture.height) return "another size";
    if (seen->planes.size() != picture.planes.size()) return "other components";
    for (std::size_t c = 0; c < picture.planes.size(); ++c) {
        const JpegPlane& want = picture.planes[c];
        const JpegPlane& have = seen->planes[c];
        if (want.id != have.id || want.horizontal != have.horizontal || want.vertical != have.vertical ||
            want.width_in_blocks != have.width_in_blocks || want.rows.size() != have.rows.size())
            return "another shape";
        if (want.quant != have.quant) return "other quantisation";
        for (std::size_t row = 0; row < want.rows.size(); ++row) {
            for (std::size_t i = 0; i < std::size_t{want.width_in_blocks} * 64; ++i) {
                if (want.rows[row][i] != have.rows[row][i])
                    return "component " + std::to_string(c) + ", row " + std::to_string(row) +
                           ", coefficient " + std::to_string(i);
            }
        }
    }
    return {};
}

}  // namespace optimilter::coefficient_picture
