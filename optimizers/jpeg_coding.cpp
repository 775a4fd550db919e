// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_coding.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "optimizers/jpeg_scan_coder.hpp"

namespace optimilter {

namespace {

// Scans of one component are made in one walk over its blocks as long as their tokens surely fit in memory.
constexpr std::uint64_t kBlocksForOneWalk = 1u << 20;

Error too_large() {
    return {ErrorCode::kRefused, "not smaller"};
}
Error out_of_range() {
    return {ErrorCode::kMalformed, "coefficient out of range"};
}
Error late() {
    return {ErrorCode::kDeadline, "deadline"};
}

JpegTableSlot dc_slot(std::size_t plane) {
    return plane == 0 ? JpegTableSlot::kDc0 : JpegTableSlot::kDc1;
}
JpegTableSlot ac_slot(std::size_t plane) {
    return plane == 0 ? JpegTableSlot::kAc0 : JpegTableSlot::kAc1;
}

// Calls visit(plane, block) in the order of one scan; block is nullptr beyond the picture. visit answers
// false to stop.
template <typename Visit>
Status visit_blocks(const JpegCoefficients& picture, const std::vector<std::uint8_t>& planes,
                    Deadline deadline, Visit&& visit) {
    if (planes.size() == 1) {
        const JpegPlane& plane = picture.planes[planes[0]];
        for (const std::int16_t* row : plane.rows) {
            if (deadline.expired()) return late();
            for (std::size_t i = 0; i < plane.width_in_blocks; ++i) {
                if (!visit(planes[0], row + i * 64)) return out_of_range();
            }
        }
        return Success{};
    }
    const auto mcus = [&](std::size_t blocks, unsigned factor) { return (blocks + factor - 1) / factor; };
    std::size_t across = 0;
    std::size_t down = 0;
    for (const std::uint8_t p : planes) {
        across = std::max(across, mcus(picture.planes[p].width_in_blocks, picture.planes[p].horizontal));
        down = std::max(down, mcus(picture.planes[p].rows.size(), picture.planes[p].vertical));
    }
    for (std::size_t y = 0; y < down; ++y) {
        if (deadline.expired()) return late();
        for (std::size_t x = 0; x < across; ++x) {
            for (const std::uint8_t p : planes) {
                const JpegPlane& plane = picture.planes[p];
                for (unsigned v = 0; v < plane.vertical; ++v) {
                    for (unsigned h = 0; h < plane.horizontal; ++h) {
                        const std::size_t row = y * plane.vertical + v;
                        const std::size_t column = x * plane.horizontal + h;
                        const bool inside = row < plane.rows.size() && column < plane.width_in_blocks;
                        if (!visit(p, inside ? plane.rows[row] + column * 64 : nullptr))
                            return out_of_range();
                    }
                }
            }
        }
    }
    return Success{};
}

bool fits_one_mcu(const JpegCoefficients& picture, const std::vector<std::uint8_t>& planes) {
    unsigned blocks = 0;
    for (const std::uint8_t p : planes) blocks += picture.planes[p].blocks_in_mcu();
    return planes.size() > 1 && blocks <= kJpegMcuBlocks;
}

struct Scan {
    JpegScanHeader header;
    JpegTokenList tokens;
};

Result<Scan> dc_scan(const JpegCoefficients& picture, std::vector<std::uint8_t> planes, Deadline deadline) {
    Scan scan{{std::move(planes), {0, 0}, 0, 0}, {}};
    std::vector<JpegDcCoder> coders;
    for (std::size_t p = 0; p < picture.planes.size(); ++p) coders.emplace_back(dc_slot(p));
    const Status status = visit_blocks(picture, scan.header.planes, deadline,
                                       [&](std::size_t plane, const std::int16_t* block) {
                                           scan.tokens.make_room();
                                           if (block != nullptr)
                                               return coders[plane].add(block[0], scan.tokens);
                                           coders[plane].add_padding(scan.tokens);
                                           return true;
                                       });
    if (!status) return status.error();
    return scan;
}

// The scans of a progressive file, each already in bytes: tokens are much larger.
class ProgressiveCoding {
  public:
    ProgressiveCoding(const JpegCoefficients& picture, JpegScanSearch search, Deadline deadline)
        : picture_(picture), search_(search), deadline_(deadline) {}

    Status code() {
        if (Status status = dc_scans(); !status) return status;
        for (std::size_t plane = 0; plane < picture_.planes.size(); ++plane) {
            const JpegPlane& p = picture_.planes[plane];
            const JpegScript script = best_jpeg_script(p, plane == 0, search_, deadline_);
            if (Status status = ac_scans(plane, jpeg_ac_scans(script)); !status) return status;
        }
        return Success{};
    }
    std::size_t bytes() const {
        std::size_t bytes = 0;
        for (const Coded& scan : scans_) bytes += scan.bytes.size();
        return bytes;
    }
    // Coarse first: all first scans, lower band first, then the refinements from the top.
    void write(JpegFileWriter& writer) {
        std::stable_sort(scans_.begin(), scans_.end(),
                         [](const Coded& a, const Coded& b) { return a.order < b.order; });
        for (const Coded& scan : scans_) writer.append_scan(scan.bytes);
    }

  private:
    struct Coded {
        unsigned order;
        Bytes bytes;
    };

    void keep(Scan& scan, unsigned order) {
        JpegFileWriter writer;
        writer.scan(picture_, scan.header, best_jpeg_tables(scan.tokens.tally().counts()), scan.tokens);
        scans_.push_back({order, writer.take()});
    }

    // Luma has better neighbours in a scan of its own; the others share one where they may and it is smaller.
    Status dc_scans() {
        std::vector<std::uint8_t> others;
        std::vector<Scan> apart;
        for (std::uint8_t plane = 0; plane < picture_.planes.size(); ++plane) {
            Result<Scan> scan = dc_scan(picture_, {plane}, deadline_);
            if (!scan) return scan.error();
            apart.push_back(std::move(*scan));
            if (plane != 0) others.push_back(plane);
        }
        keep(apart[0], 0);
        std::uint64_t bytes_apart = 0;
        for (const std::uint8_t plane : others)
            bytes_apart += jpeg_scan_bytes(apart[plane].tokens.tally(), 1);
        if (fits_one_mcu(picture_, others)) {
            Result<Scan> together = dc_scan(picture_, others, deadline_);
            if (!together) return together.error();
            if (jpeg_scan_bytes(together->tokens.tally(), others.size()) <= bytes_apart) {
                keep(*together, 0);
                return Success{};
            }
        }
        for (const std::uint8_t plane : others) keep(apart[plane], 0);
        return Success{};
    }

    Status ac_scans(std::size_t plane, const std::vector<JpegAcScan>& scans) {
        const bool one_walk = picture_.planes[plane].blocks() <= kBlocksForOneWalk;
        const std::size_t step = one_walk ? scans.size() : 1;
        for (std::size_t i = 0; i < scans.size(); i += step) {
            const std::vector<JpegAcScan> some(scans.begin() + static_cast<std::ptrdiff_t>(i),
                                               scans.begin() + static_cast<std::ptrdiff_t>(i + step));
            if (Status status = walk(static_cast<std::uint8_t>(plane), some); !status) return status;
        }
        return Success{};
    }

    using AcCoder = std::variant<JpegAcFirstCoder, JpegAcRefineCoder>;

    static AcCoder coder_of(const JpegAcScan& scan) {
        if (scan.high_bit == 0) return JpegAcFirstCoder(scan.band, scan.low_bit);
        return JpegAcRefineCoder(scan.band, scan.low_bit);
    }

    Status walk(std::uint8_t plane, const std::vector<JpegAcScan>& scans) {
        std::vector<AcCoder> coders;
        std::vector<Scan> coded;
        unsigned top_bit = 0;
        for (const JpegAcScan& scan : scans) {
            coders.push_back(coder_of(scan));
            coded.push_back({{{plane}, scan.band, scan.high_bit, scan.low_bit}, {}});
            top_bit = std::max({top_bit, scan.high_bit, scan.low_bit});
        }
        const auto add = [&](std::size_t, const std::int16_t* block) {
            const JpegSignificance significance = jpeg_significance(block, top_bit);
            for (std::size_t i = 0; i < coders.size(); ++i)
                std::visit([&](auto& coder) { coder.add(block, significance, coded[i].tokens); }, coders[i]);
            return significance.codable;
        };
        if (Status status = visit_blocks(picture_, {plane}, deadline_, add); !status) return status;
        for (std::size_t i = 0; i < coders.size(); ++i) {
            std::visit([&](auto& coder) { coder.finish(coded[i].tokens); }, coders[i]);
            const bool first = scans[i].high_bit == 0;
            keep(coded[i], first ? (scans[i].band.first == 1 ? 1 : 2) : 10 - scans[i].high_bit);
        }
        return Success{};
    }

    const JpegCoefficients& picture_;
    JpegScanSearch search_;
    Deadline deadline_;
    std::vector<Coded> scans_;
};

Result<Scan> sequential_scan(const JpegCoefficients& picture, std::vector<std::uint8_t> planes,
                             Deadline deadline) {
    Scan scan{{std::move(planes), {0, 63}, 0, 0}, {}};
    std::vector<JpegDcCoder> coders;
    for (std::size_t p = 0; p < picture.planes.size(); ++p) coders.emplace_back(dc_slot(p));
    const auto add = [&](std::size_t plane, const std::int16_t* block) {
        scan.tokens.make_room();
        if (block == nullptr) {
            coders[plane].add_padding(scan.tokens);
            scan.tokens.put(ac_slot(plane), 0, 0, 0);
            return true;
        }
        const JpegSignificance significance = jpeg_significance(block, 0);
        if (!significance.codable || !coders[plane].add(block[0], scan.tokens)) return false;
        code_jpeg_sequential_ac(block, significance.at_least[0], ac_slot(plane), scan.tokens);
        return true;
    };
    if (Status status = visit_blocks(picture, scan.header.planes, deadline, add); !status)
        return status.error();
    return scan;
}

std::vector<std::vector<std::uint8_t>> sequential_scans(const JpegCoefficients& picture) {
    std::vector<std::uint8_t> all;
    std::vector<std::vector<std::uint8_t>> each;
    for (std::uint8_t plane = 0; plane < picture.planes.size(); ++plane) {
        all.push_back(plane);
        each.push_back({plane});
    }
    if (fits_one_mcu(picture, all)) return {all};
    return each;
}

// The standard tables for the slots that are in use.
JpegScanTables standard_tables(const JpegSlotCounts& counts) {
    JpegScanTables tables = best_jpeg_tables(counts);
    for (std::size_t slot = 0; slot < kJpegTableSlots; ++slot) {
        if (!tables[slot].symbols.empty()) tables[slot] = standard_jpeg_table(slot % 2 == 1, slot >= 2);
    }
    return tables;
}

}  // namespace

Result<Bytes> code_jpeg_progressive(const JpegCoefficients& picture,
                                    const std::vector<JpegSegmentBytes>& segments, JpegScanSearch search,
                                    std::size_t limit_bytes, Deadline deadline) {
    JpegFileWriter writer;
    writer.start(segments);
    writer.frame(picture, JpegProcess::kProgressive);
    ProgressiveCoding coding(picture, search, deadline);
    if (Status status = coding.code(); !status) return status.error();
    if (writer.bytes().size() + coding.bytes() + 2 > limit_bytes) return too_large();
    coding.write(writer);
    writer.end();
    return writer.take();
}

Result<Bytes> code_jpeg_sequential(const JpegCoefficients& picture,
                                   const std::vector<JpegSegmentBytes>& segments, JpegTables kind,
                                   std::size_t limit_bytes, Deadline deadline) {
    JpegFileWriter writer;
    writer.start(segments);
    writer.frame(picture, JpegProcess::kSequential);
    for (std::vector<std::uint8_t>& planes : sequential_scans(picture)) {
        Result<Scan> scan = sequential_scan(picture, std::move(planes), deadline);
        if (!scan) return scan.error();
        const JpegTokenTally& tally = scan->tokens.tally();
        const JpegScanTables tables =
            kind == JpegTables::kBest ? best_jpeg_tables(tally.counts()) : standard_tables(tally.counts());
        if (writer.bytes().size() + jpeg_scan_bits(tally, tables) / 8 > limit_bytes) return too_large();
        writer.scan(picture, scan->header, tables, scan->tokens);
    }
    writer.end();
    if (writer.bytes().size() > limit_bytes) return too_large();
    return writer.take();
}

}  // namespace optimilter
