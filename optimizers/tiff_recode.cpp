// SPDX-License-Identifier: Apache-2.0
#include "optimizers/tiff_recode.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "optimizers/deflate.hpp"
#include "optimizers/options.hpp"

namespace optimilter {

namespace {

// Strips are made this large, in decoded bytes; beyond it the gain is lost in noise, and readers need the
// memory for one strip.
constexpr std::uint64_t kStripBytes = std::uint64_t{2} << 20;
// What decides about the predictor is a part of the page, spread over it, deflated fast.
constexpr std::uint64_t kSampledBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kSampledAreas = 8;
constexpr int kSampleLevel = 5;

// Real cost of deflating over foretold cost; calls foretold to be short teach nothing.
constexpr double kUsual = 0.5;
constexpr double kQuick = 0.2;
constexpr double kHopeless = 50.0;
constexpr double kTeachesMs = 10.0;

struct EffortRow {
    int level;        // for pages up to small_bytes
    int large_level;  // for larger ones
    std::uint64_t small_bytes;
};
constexpr EffortRow kEfforts[kEffortMax + 1] = {
    {4, 4, 0}, {6, 6, 0}, {9, 6, 16u << 20}, {12, 9, 8u << 20}, {12, 12, 0},
};

// Rows that are predicted and compressed together.
struct Area {
    std::uint64_t begin = 0;  // byte in the samples
    std::uint32_t rows = 0;
};

class PageCoder {
  public:
    PageCoder(const TiffForm& form, const TiffPage& page, ByteView samples, Deadline deadline)
        : form_(form), page_(page), samples_(samples), deadline_(deadline), row_bytes_(page.row_bytes()) {}

    Result<TiffRecoding> deflated(int level) {
        const Result<std::uint16_t> predictor = best_predictor();
        if (!predictor) return predictor.error();
        return coded(tiff_compression::kDeflate, *predictor, [&](const Area& area) -> Result<Bytes> {
            return deflate_in_time(predicted(area, *predictor), level);
        });
    }

    Result<TiffRecoding> ccitt_g4() {
        return coded(tiff_compression::kCcittG4, 1, [&](const Area& area) -> Result<Bytes> {
            if (late(0)) return no_time();
            return encode_ccitt_g4(bytes_of(area), page_.block_width, area.rows, page_.fill_order == 2);
        });
    }

  private:
    static Error no_time() { return {ErrorCode::kDeadline, "no time left"}; }
    bool late(std::int64_t cost_ms) const { return deadline_.remaining_ms() <= cost_ms; }

    // At this level, or at the best lower one that the time allows.
    Result<Bytes> deflate_in_time(ByteView bytes, int level) {
        for (const int lower : {level, 9, 6, 1}) {
            if (lower > level) continue;
            const auto foretold = static_cast<double>(deflate_cost_ms(bytes.size(), lower));
            // One call gets no more than half of what is left: the machine may become busier while it runs.
            if (foretold * slowness_ > static_cast<double>(deadline_.remaining_ms()) / 2) continue;
            const Stopwatch watch;
            Result<Bytes> deflated = deflate_zlib(bytes, lower);
            if (foretold >= kTeachesMs)
                slowness_ = std::clamp((slowness_ + watch.elapsed_ms() / foretold) / 2, kQuick, kHopeless);
            return deflated;
        }
        return no_time();
    }

    ByteView bytes_of(const Area& area) const { return samples_.subspan(area.begin, row_bytes_ * area.rows); }

    // Whole strips of the source put together, so that a second pass finds the strips it would make.
    std::uint32_t rows_per_strip() const {
        const std::uint64_t full = row_bytes_ * page_.block_height;
        const std::uint64_t rows = page_.block_height * std::max<std::uint64_t>(1, kStripBytes / full);
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(rows, page_.height));
    }

    // The strips or tiles of the result, in order.
    std::vector<Area> areas() const {
        std::vector<Area> result;
        const std::uint32_t height = page_.tiled ? page_.block_height : page_.height;
        const std::uint32_t step = page_.tiled ? page_.block_height : rows_per_strip();
        const std::uint64_t runs = page_.tiled ? page_.blocks() : page_.planes();
        for (std::uint64_t run = 0; run < runs; ++run)
            for (std::uint32_t row = 0; row < height; row += step)
                result.push_back({(run * height + row) * row_bytes_, std::min(step, height - row)});
        return result;
    }

    template <typename Code>
    Result<TiffRecoding> coded(std::uint16_t compression, std::uint16_t predictor, Code code) const {
        TiffRecoding recoding{compression, predictor, page_.tiled ? 0 : rows_per_strip(), {}};
        for (const Area& area : areas()) {
            Result<Bytes> block = code(area);
            if (!block) return block.error();
            recoding.blocks.push_back(std::move(*block));
        }
        return recoding;
    }

    // TIFF 6.0 section 14; floating point: Adobe's TIFF technical note 3.
    std::vector<std::uint16_t> predictors() const {
        if (page_.photometric == 3) return {1, 2};
        if (page_.sample_format == 3) {
            if (page_.bits == 32) return {1, 3};
            return {1};
        }
        if (page_.bits == 8 || page_.bits == 16 || page_.bits == 32) return {1, 2};
        return {1};
    }

    // A few rows here and there.
    std::vector<Area> sampled_areas() const {
        const std::uint64_t rows = samples_.size() / row_bytes_;
        const std::uint64_t wanted = std::max<std::uint64_t>(kSampledAreas, kSampledBytes / row_bytes_);
        if (wanted >= rows) return {{0, static_cast<std::uint32_t>(rows)}};
        const auto each = static_cast<std::uint32_t>(wanted / kSampledAreas);
        std::vector<Area> result;
        for (std::uint64_t i = 0; i < kSampledAreas; ++i)
            result.push_back({(rows - each) * i / (kSampledAreas - 1) * row_bytes_, each});
        return result;
    }

    Result<std::uint16_t> best_predictor() const {
        const std::vector<std::uint16_t> all = predictors();
        std::uint16_t best = all.front();
        std::size_t least = SIZE_MAX;
        for (std::size_t i = 0; all.size() > 1 && i < all.size(); ++i) {
            std::size_t size = 0;
            for (const Area& area : sampled_areas()) {
                const Bytes bytes = predicted(area, all[i]);
                if (late(deflate_cost_ms(bytes.size(), kSampleLevel))) return no_time();
                const Result<Bytes> deflated = deflate_zlib(bytes, kSampleLevel);
                if (!deflated) return deflated.error();
                size += deflated->size();
            }
            if (size >= least) continue;
            least = size;
            best = all[i];
        }
        return best;
    }

    // The bytes of an area as they go into Deflate.
    Bytes predicted(const Area& area, std::uint16_t predictor) const {
        const ByteView source = bytes_of(area);
        Bytes bytes(source.begin(), source.end());
        for (std::uint32_t row = 0; row < area.rows && predictor != 1; ++row) {
            std::uint8_t* const begin = bytes.data() + row * row_bytes_;
            if (predictor == 3)
                predict_float(begin);
            else if (page_.bits == 8)
                difference<std::uint8_t>(begin, page_.interleaved());
            else if (page_.bits == 16)
                difference<std::uint16_t>(begin, page_.interleaved());
            else
                difference<std::uint32_t>(begin, page_.interleaved());
        }
        if (predictor != 3) put_in_file_order(bytes);
        return bytes;
    }

    // Each number becomes its difference from the one stride before it.
    template <typename Number>
    void difference(std::uint8_t* row, std::size_t stride) const {
        const std::size_t size = row_bytes_ / sizeof(Number);
        for (std::size_t i = size; i-- > stride;) {
            Number left = 0;
            Number here = 0;
            std::memcpy(&left, row + (i - stride) * sizeof(Number), sizeof(Number));
            std::memcpy(&here, row + i * sizeof(Number), sizeof(Number));
            here = static_cast<Number>(here - left);
            std::memcpy(row + i * sizeof(Number), &here, sizeof(Number));
        }
    }

    // The highest bytes of all numbers first, then the next lower ones, and differences of all these bytes.
    void predict_float(std::uint8_t* row) const {
        const std::size_t width = page_.bits / 8;
        const std::size_t count = row_bytes_ / width;
        const Bytes numbers(row, row + row_bytes_);
        for (std::size_t i = 0; i < count; ++i)
            for (std::size_t b = 0; b < width; ++b) {
                const std::size_t significance =
                    std::endian::native == std::endian::little ? width - 1 - b : b;
                row[significance * count + i] = numbers[i * width + b];
            }
        difference<std::uint8_t>(row, page_.interleaved());
    }

    void put_in_file_order(Bytes& bytes) const {
        const std::size_t width = page_.bits / 8;
        const bool big = std::endian::native == std::endian::big;
        if (page_.bits < 16 || form_.big_endian == big) return;
        for (std::size_t i = 0; i + width <= bytes.size(); i += width)
            std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                         bytes.begin() + static_cast<std::ptrdiff_t>(i + width));
    }

    const TiffForm& form_;
    const TiffPage& page_;
    ByteView samples_;
    Deadline deadline_;
    std::size_t row_bytes_;
    double slowness_ = kUsual;
};

}  // namespace

int tiff_deflate_level(std::uint8_t effort, std::uint64_t sample_bytes) {
    const EffortRow& row = kEfforts[std::min(effort, kEffortMax)];
    return sample_bytes <= row.small_bytes ? row.level : row.large_level;
}

Result<TiffRecoding> recode_tiff_page(const TiffForm& form, const TiffPage& page, ByteView samples,
                                      std::uint8_t effort, Deadline deadline) {
    PageCoder coder(form, page, samples, deadline);
    Result<TiffRecoding> g4 = Error{ErrorCode::kUnsupported, "not bilevel"};
    if (page.bilevel()) {
        g4 = coder.ccitt_g4();
        // Fax programs read nothing but CCITT, so what came as CCITT stays so.
        if (!g4 || page.ccitt()) return g4;
    }
    Result<TiffRecoding> deflated = coder.deflated(tiff_deflate_level(effort, page.sample_bytes()));
    if (!deflated || !g4) return deflated;
    return g4->size_bytes() <= deflated->size_bytes() ? std::move(g4) : std::move(deflated);
}

}  // namespace optimilter
