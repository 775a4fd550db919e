// SPDX-License-Identifier: Apache-2.0
#include "optimizers/tiff_codec.hpp"

#include <tiffio.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/text.hpp"

namespace optimilter {

namespace {

struct OptionsFree {
    void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};
struct TiffClose {
    void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffHandle = std::unique_ptr<TIFF, TiffClose>;

// The first thing libtiff had to say.
struct Complaint {
    bool made = false;
    char text[160] = {};

    [[gnu::format(printf, 2, 0)]] void note(const char* format, va_list arguments) {
        if (made) return;
        made = true;
        std::vsnprintf(text, sizeof text, format, arguments);
    }
};

// About values that we copy byte for byte and libtiff need not understand.
bool about_a_copied_tag(const char* format) {
    return std::strncmp(format, "Unknown field with tag", 22) == 0 ||
           std::strncmp(format, "ASCII value for", 15) == 0;
}

extern "C" {
[[gnu::format(printf, 4, 0)]] int note_error(TIFF*, void* complaint, const char*, const char* format,
                                             va_list arguments) {
    static_cast<Complaint*>(complaint)->note(format, arguments);
    return 1;
}
[[gnu::format(printf, 4, 0)]] int note_warning(TIFF*, void* complaint, const char*, const char* format,
                                               va_list arguments) {
    if (!about_a_copied_tag(format)) static_cast<Complaint*>(complaint)->note(format, arguments);
    return 1;
}
}

// A file in memory as libtiff asks for it. Reading: from view alone. Writing: into written alone.
struct MemoryFile {
    ByteView view;
    Bytes* written = nullptr;
    std::uint64_t at = 0;

    ByteView bytes() const { return written != nullptr ? ByteView(*written) : view; }
};

extern "C" {
tmsize_t memory_read(thandle_t handle, void* to, tmsize_t size) {
    auto* const file = static_cast<MemoryFile*>(handle);
    const ByteView bytes = file->bytes();
    if (size < 0 || file->at >= bytes.size()) return 0;
    const auto count = std::min<std::uint64_t>(static_cast<std::uint64_t>(size), bytes.size() - file->at);
    std::memcpy(to, bytes.data() + file->at, count);
    file->at += count;
    return static_cast<tmsize_t>(count);
}
tmsize_t memory_write(thandle_t handle, void* from, tmsize_t size) {
    auto* const file = static_cast<MemoryFile*>(handle);
    if (file->written == nullptr || size < 0) return 0;
    const auto count = static_cast<std::uint64_t>(size);
    try {
        if (file->written->size() < file->at + count) file->written->resize(file->at + count);
    } catch (...) {
        // No exception may cross libtiff.
        return 0;
    }
    std::memcpy(file->written->data() + file->at, from, count);
    file->at += count;
    return size;
}
toff_t memory_seek(thandle_t handle, toff_t offset, int whence) {
    auto* const file = static_cast<MemoryFile*>(handle);
    const std::uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file->at : file->bytes().size();
    file->at = base + offset;
    return file->at;
}
int memory_close(thandle_t) {
    return 0;
}
toff_t memory_size(thandle_t handle) {
    return static_cast<MemoryFile*>(handle)->bytes().size();
}
}

// mode: as in TIFFOpen(). file and complaint must outlive the handle.
TiffHandle open_memory(MemoryFile& file, Complaint& complaint, const char* mode) {
    const std::unique_ptr<TIFFOpenOptions, OptionsFree> options(TIFFOpenOptionsAlloc());
    if (!options) return nullptr;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMostLibtiffBytes);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), note_error, &complaint);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), note_warning, &complaint);
    return TiffHandle(TIFFClientOpenExt("", mode, &file, memory_read, memory_write, memory_seek, memory_close,
                                        memory_size, nullptr, nullptr, options.get()));
}

std::uint8_t reversed(std::uint8_t byte) {
    std::uint8_t result = 0;
    for (int i = 0; i < 8; ++i, byte = static_cast<std::uint8_t>(byte >> 1))
        result = static_cast<std::uint8_t>(result << 1 | (byte & 1));
    return result;
}

void set_g4_fields(TIFF* tiff, std::uint32_t width, std::uint32_t height) {
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, height);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, height);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 1);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    TIFFSetField(tiff, TIFFTAG_FILLORDER, FILLORDER_MSB2LSB);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_CCITTFAX4);
}

}  // namespace

struct TiffDecoder::State {
    MemoryFile file;
    Complaint complaint;
    TiffHandle tiff;
};

TiffDecoder::TiffDecoder(ByteView bytes) : state_(std::make_unique<State>()) {
    state_->file.view = bytes;
    // m: no mapping; c: strips stay as they are in the file.
    state_->tiff = open_memory(state_->file, state_->complaint, "rmc");
}

TiffDecoder::~TiffDecoder() = default;

Error TiffDecoder::failure() const {
    const Complaint& complaint = state_->complaint;
    return {ErrorCode::kMalformed,
            "libtiff: " + (complaint.made ? printable(complaint.text) : "no such page")};
}

Result<std::size_t> TiffDecoder::count_pages() {
    if (!state_->tiff || state_->complaint.made) return failure();
    const std::size_t count = TIFFNumberOfDirectories(state_->tiff.get());
    if (state_->complaint.made) return failure();
    return count;
}

Status TiffDecoder::open_page(std::uint64_t offset, const TiffPage& page) {
    TIFF* const tiff = state_->tiff.get();
    if (tiff == nullptr || !TIFFSetSubDirectory(tiff, offset) || state_->complaint.made) return failure();
    const bool tiled = TIFFIsTiled(tiff) != 0;
    const auto block_bytes = static_cast<std::uint64_t>(tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff));
    const std::uint64_t blocks = tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
    if (tiled != page.tiled || blocks != page.blocks() ||
        block_bytes != page.row_bytes() * page.block_height || state_->complaint.made)
        return Error{ErrorCode::kMalformed, "libtiff sees another page"};
    return Success{};
}

Status TiffDecoder::append_block(const TiffPage& page, std::uint64_t block, Bytes& to) {
    TIFF* const tiff = state_->tiff.get();
    const auto size = static_cast<std::size_t>(page.row_bytes() * page.rows_of(block));
    const std::size_t at = to.size();
    to.resize(at + size);
    const auto number = static_cast<std::uint32_t>(block);
    const auto wanted = static_cast<tmsize_t>(size);
    const tmsize_t got = page.tiled ? TIFFReadEncodedTile(tiff, number, to.data() + at, wanted)
                                    : TIFFReadEncodedStrip(tiff, number, to.data() + at, wanted);
    if (got != wanted || state_->complaint.made) return failure();
    return Success{};
}

Status TiffDecoder::read_row(const TiffPage& page, std::uint32_t row, std::uint32_t plane, Bytes& to) {
    to.resize(static_cast<std::size_t>(page.row_bytes()));
    const int done = TIFFReadScanline(state_->tiff.get(), to.data(), row, static_cast<std::uint16_t>(plane));
    if (done != 1 || state_->complaint.made) return failure();
    return Success{};
}

Result<Bytes> encode_ccitt_g4(ByteView rows, std::uint32_t width, std::uint32_t height, bool reversed_bits) {
    const Error failed{ErrorCode::kInternal, "coding as CCITT G4 failed"};
    Bytes written;
    MemoryFile file{{}, &written, 0};
    Complaint complaint;
    const TiffHandle tiff = open_memory(file, complaint, "wm");
    if (!tiff) return failed;
    set_g4_fields(tiff.get(), width, height);
    // libtiff may reverse bits in place, so it gets a copy.
    Bytes copy(rows.begin(), rows.end());
    if (TIFFWriteEncodedStrip(tiff.get(), 0, copy.data(), static_cast<tmsize_t>(copy.size())) < 0)
        return failed;
    const std::uint64_t at = TIFFGetStrileOffset(tiff.get(), 0);
    const std::uint64_t size = TIFFGetStrileByteCount(tiff.get(), 0);
    if (complaint.made || size == 0 || at > written.size() || size > written.size() - at) return failed;
    const ByteView strip = ByteView(written).subspan(at, size);
    Bytes coded(strip.begin(), strip.end());
    if (reversed_bits) std::transform(coded.begin(), coded.end(), coded.begin(), reversed);
    return coded;
}

}  // namespace optimilter
