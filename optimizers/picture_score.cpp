// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_score.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "optimizers/score_windows.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kTileSide = kScoreTileSide;
constexpr std::size_t kBandRows = 256;  // a multiple of the tile's side
constexpr std::size_t kSizes = 3;       // full, half and quarter size
// The rows below a band that its windows reach into at quarter size.
constexpr std::size_t kOverlapRows = 16;

// The share of tiles that decide, and how much worse than they a single one may be.
constexpr std::size_t kWorstShare = 200;
constexpr double kSingleTileWeight = 0.5;

using ChannelWeights = std::array<float, kSizes>;
// By fitting to butteraugli (doc/score.md), which hardly sees Cb; the rows are luma, Cb, Cr, the columns
// full, half and quarter size. Chroma that is compared at half size has the weight of full size there.
constexpr std::array<ChannelWeights, 3> kWeights = {
    {{3.3f, 4.1f, 5.4f}, {0.2f, 0.4f, 0.4f}, {0.5f, 2.2f, 1.0f}}};

ChannelWeights weights_of(std::size_t channel, ScoreChroma chroma) {
    ChannelWeights weights = kWeights[channel];
    if (channel == 0 || chroma == ScoreChroma::kFullSize) return weights;
    weights[1] += weights[0];
    weights[0] = 0;
    return weights;
}

struct Tile {
    std::array<float, 3> channels{};
    float distance() const { return channels[0] + channels[1] + channels[2]; }
};

// All tiles of a picture, filled band by band: top is 0, kBandRows, ...
class TileMap {
  public:
    TileMap(const PictureView& a, ScoreColors colors, ScoreChroma chroma)
        : a_(a),
          colors_(colors),
          chroma_(chroma),
          columns_((a.width + kTileSide - 1) / kTileSide),
          tiles_(columns_ * ((a.height + kTileSide - 1) / kTileSide)) {}

    // How many rows from there on the band looks at.
    std::size_t rows_at(std::size_t top) const { return std::min(kBandRows + kOverlapRows, a_.height - top); }

    // b: as many rows of the other picture.
    void measure_band(std::size_t top, const std::uint8_t* b) {
        const std::size_t rows = rows_at(top);
        std::vector<ScorePlane> first = score_band(a_, colors_, top, rows);
        std::vector<ScorePlane> second = score_band({b, a_.width, rows, a_.channels}, colors_, 0, rows);
        for (std::size_t channel = 0; channel < first.size(); ++channel)
            measure_channel(channel, std::move(first[channel]), std::move(second[channel]), top);
    }

    const std::vector<Tile>& tiles() const { return tiles_; }
    std::size_t columns() const { return columns_; }

  private:
    void measure_channel(std::size_t channel, ScorePlane a, ScorePlane b, std::size_t top) {
        const ChannelWeights weights = weights_of(channel, chroma_);
        for (std::size_t size = 0; size < kSizes; ++size) {
            if (weights[size] > 0) measure_plane(channel, a, b, top, size, weights[size]);
            if (size + 1 == kSizes) break;
            a = a.halved();
            b = b.halved();
        }
    }

    void measure_plane(std::size_t channel, const ScorePlane& a, const ScorePlane& b, std::size_t top,
                       std::size_t size, float weight) {
        std::vector<TileErrors> errors(columns_ * (kBandRows / kTileSide));
        add_window_errors(a, b, kTileSide >> size, kBandRows >> size, columns_, errors);
        const std::size_t first = top / kTileSide * columns_;
        for (std::size_t i = 0; i < errors.size() && first + i < tiles_.size(); ++i) {
            if (errors[i].windows == 0) continue;
            const float mean = errors[i].fourth_powers / static_cast<float>(errors[i].windows);
            tiles_[first + i].channels[channel] += weight * std::sqrt(std::sqrt(mean));
        }
    }

    const PictureView a_;
    ScoreColors colors_;
    ScoreChroma chroma_;
    std::size_t columns_;
    std::vector<Tile> tiles_;
};

// The mean of the worst tiles, or half of the very worst where it stands out.
double pooled_distance(const std::vector<Tile>& tiles) {
    std::vector<float> distances(tiles.size());
    std::transform(tiles.begin(), tiles.end(), distances.begin(), [](const Tile& t) { return t.distance(); });
    const std::size_t worst = 1 + (tiles.size() - 1) / kWorstShare;
    std::partial_sort(distances.begin(), distances.begin() + static_cast<std::ptrdiff_t>(worst),
                      distances.end(), std::greater<>());
    double sum = 0;
    for (std::size_t i = 0; i < worst; ++i) sum += distances[i];
    return std::max(sum / static_cast<double>(worst), kSingleTileWeight * distances[0]);
}

}  // namespace

PictureComparison compare_pictures(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height,
                                   std::uint32_t channels, ScoreColors colors, ScoreChroma chroma) {
    const std::uint64_t size_bytes = std::uint64_t{width} * height * channels;
    if (size_bytes == 0 || a.size() != size_bytes || b.size() != size_bytes) return {};
    if (channels != 1 && channels != 3) return {};
    TileMap map({a.data(), width, height, channels}, colors, chroma);
    const std::size_t stride = std::size_t{width} * channels;
    for (std::size_t top = 0; top < height; top += kBandRows) map.measure_band(top, &b[top * stride]);
    const auto worst =
        std::max_element(map.tiles().begin(), map.tiles().end(),
                         [](const Tile& s, const Tile& t) { return s.distance() < t.distance(); });
    const auto place = static_cast<std::size_t>(worst - map.tiles().begin());
    PictureComparison result;
    result.distance = pooled_distance(map.tiles());
    result.score = score_of_distance(result.distance);
    result.worst_distance = worst->distance();
    result.worst_x = static_cast<std::uint32_t>(place % map.columns() * kTileSide);
    result.worst_y = static_cast<std::uint32_t>(place / map.columns() * kTileSide);
    std::copy(worst->channels.begin(), worst->channels.end(), result.worst_channels.begin());
    for (const Tile& tile : map.tiles()) result.tiles.push_back(tile.distance());
    return result;
}

double picture_score(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height,
                     std::uint32_t channels, ScoreColors colors, ScoreChroma chroma) {
    return compare_pictures(a, b, width, height, channels, colors, chroma).score;
}

Result<double> score_of_rows(const PictureView& a, const RowSource& b, ScoreColors colors,
                             ScoreChroma chroma) {
    TileMap map(a, colors, chroma);
    const std::size_t stride = a.width * a.channels;
    Bytes band(stride * (kBandRows + kOverlapRows));
    std::size_t held = 0;
    for (std::size_t top = 0; top < a.height; top += kBandRows) {
        const auto missing = static_cast<std::uint32_t>(map.rows_at(top) - held);
        // The band before may have held all that is left.
        if (missing != 0) {
            if (Status status = b(&band[held * stride], missing); !status) return status.error();
        }
        map.measure_band(top, band.data());
        if (top + kBandRows >= a.height) break;
        held = map.rows_at(top) - kBandRows;
        std::copy_n(&band[kBandRows * stride], held * stride, band.data());
    }
    return score_of_distance(pooled_distance(map.tiles()));
}

}  // namespace optimilter
