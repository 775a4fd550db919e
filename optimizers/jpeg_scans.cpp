// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_scans.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include "optimizers/jpeg_file_writer.hpp"
#include "optimizers/jpeg_scan_coder.hpp"

namespace optimilter {

namespace {

// Ends of the first band that are tried. 0: one band.
constexpr std::array<unsigned, 6> kSplits = {0, 2, 5, 8, 12, 18};
constexpr std::uint64_t kSampleBlocks = 4096;
constexpr std::size_t kSampleRows = 2;  // in a row, so that runs of empty blocks show

// Every scan some script needs, counted over the blocks that are shown to it.
class ScanWeights {
  public:
    ScanWeights(unsigned low_bit_first, unsigned low_bit_last, const std::vector<unsigned>& splits) {
        for (unsigned bit = low_bit_first; bit <= low_bit_last; ++bit) {
            for (const unsigned split : splits) {
                for (const JpegBand band : bands(split))
                    first_.push_back({bit, split, JpegAcFirstCoder(band, bit), {}});
            }
        }
    }
    void with_refinements(unsigned top_bit) {
        for (unsigned bit = 0; bit < top_bit; ++bit)
            refine_.push_back({JpegAcRefineCoder(JpegBand{}, bit), {}});
    }

    void add(const std::int16_t* block, const JpegSignificance& significance) {
        for (First& scan : first_) scan.coder.add(block, significance, scan.tally);
        for (Refine& scan : refine_) scan.coder.add(block, significance, scan.tally);
    }
    void finish() {
        for (First& scan : first_) scan.coder.finish(scan.tally);
        for (Refine& scan : refine_) scan.coder.finish(scan.tally);
    }
    // share: of the blocks that were shown.
    double first_bytes(unsigned low_bit, unsigned split, double share) const {
        double bytes = 0;
        for (const First& scan : first_) {
            if (scan.low_bit == low_bit && scan.split == split) bytes += weigh(scan.tally, share);
        }
        return bytes;
    }
    double refinement_bytes(unsigned low_bit, double share) const {
        double bytes = 0;
        for (unsigned bit = 0; bit < low_bit; ++bit) bytes += weigh(refine_[bit].tally, share);
        return bytes;
    }

  private:
    struct First {
        unsigned low_bit;
        unsigned split;
        JpegAcFirstCoder coder;
        JpegTokenTally tally;
    };
    struct Refine {
        JpegAcRefineCoder coder;
        JpegTokenTally tally;
    };

    static std::vector<JpegBand> bands(unsigned split) {
        if (split == 0) return {{1, 63}};
        return {{1, split}, {split + 1, 63}};
    }
    // Headers do not grow with the picture, the rest does.
    static double weigh(const JpegTokenTally& tally, double share) {
        const JpegScanTables tables = best_jpeg_tables(tally.counts());
        const double bits = static_cast<double>(jpeg_scan_bits(tally, tables));
        const double header =
            static_cast<double>(14 + tables[static_cast<std::size_t>(JpegTableSlot::kAc0)].bytes());
        return header + bits / 8 / share;
    }

    std::vector<First> first_;
    std::vector<Refine> refine_;
};

// The rows of blocks that are looked at: pairs, evenly spread.
std::vector<const std::int16_t*> sampled_rows(const JpegPlane& plane, JpegScanSearch search) {
    const std::size_t wanted = std::max<std::size_t>(1, kSampleBlocks / plane.width_in_blocks / kSampleRows);
    const std::size_t pairs = plane.rows.size() / kSampleRows;
    if (search == JpegScanSearch::kWhole || wanted >= pairs) return plane.rows;
    std::vector<const std::int16_t*> rows;
    for (std::size_t i = 0; i < wanted; ++i) {
        const std::size_t first = (2 * i + 1) * pairs / (2 * wanted) * kSampleRows;
        for (std::size_t row = 0; row < kSampleRows; ++row) rows.push_back(plane.rows[first + row]);
    }
    return rows;
}

}  // namespace

std::vector<JpegAcScan> jpeg_ac_scans(const JpegScript& script) {
    std::vector<JpegAcScan> scans;
    if (script.split != 0) {
        scans.push_back({{1, script.split}, 0, script.low_bit});
        scans.push_back({{script.split + 1, 63}, 0, script.low_bit});
    } else {
        scans.push_back({{1, 63}, 0, script.low_bit});
    }
    for (unsigned bit = script.low_bit; bit > 0; --bit) scans.push_back({{1, 63}, bit, bit - 1});
    return scans;
}

JpegScript usual_jpeg_script(bool luma) {
    return luma ? JpegScript{3, 8} : JpegScript{0, 8};
}

JpegScript best_jpeg_script(const JpegPlane& plane, bool luma, JpegScanSearch search, Deadline deadline) {
    if (search == JpegScanSearch::kNone) return usual_jpeg_script(luma);
    const std::vector<const std::int16_t*> rows = sampled_rows(plane, search);
    const double share = static_cast<double>(rows.size()) / static_cast<double>(plane.rows.size());
    ScanWeights weights(0, kJpegLowBitMax, {kSplits.begin(), kSplits.end()});
    weights.with_refinements(kJpegLowBitMax);
    for (const std::int16_t* row : rows) {
        if (deadline.expired()) return usual_jpeg_script(luma);
        for (std::uint32_t i = 0; i < plane.width_in_blocks; ++i)
            weights.add(row + std::size_t{i} * 64, jpeg_significance(row + std::size_t{i} * 64));
    }
    weights.finish();
    JpegScript best;
    double least = -1;
    for (unsigned bit = 0; bit <= kJpegLowBitMax; ++bit) {
        const double refinements = weights.refinement_bytes(bit, share);
        for (const unsigned split : kSplits) {
            const double bytes = refinements + weights.first_bytes(bit, split, share);
            if (least < 0 || bytes < least) {
                least = bytes;
                best = {bit, split};
            }
        }
    }
    return best;
}

}  // namespace optimilter
