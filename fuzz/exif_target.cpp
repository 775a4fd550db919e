// SPDX-License-Identifier: Apache-2.0
//
// An Exif structure, from its byte order mark on. Promises: what is written anew can be read, keeps the
// orientation and every tag, holds no position where that shall go, and is not changed by a second pass.
#include "fuzz/fuzz_target.hpp"
#include "optimizers/exif.hpp"
#include "optimizers/photoshop_resources.hpp"
#include "optimizers/xmp_gps.hpp"

namespace optimilter::fuzz {

namespace {

void check_rewrite(ByteView tiff, const ExifEdit& edit) {
    const auto made = rewrite_exif(tiff, edit);
    if (!made) return;
    promise(exif_orientation(*made) == exif_orientation(tiff), "the orientation stays");
    if (edit.drop_gps)
        promise(!exif_may_hold_gps(*made), "the position goes");
    else
        promise(exif_tags_kept(tiff, *made), "every tag stays");
    const auto again = rewrite_exif(*made, edit);
    promise(again.has_value(), "what was written can be read");
    promise(*again == *made, "a second pass changes nothing");
}

void check_resources(ByteView payload) {
    const Bytes without = without_photoshop_thumbnails(payload);
    promise(without.size() <= payload.size(), "leaving thumbnails out adds nothing");
    promise(without_photoshop_thumbnails(without) == without, "thumbnails are left out at once");
}

void run(ByteView input) {
    check_rewrite(input, {});
    check_rewrite(input, {false, 640, 480});
    check_rewrite(input, {true, 0, 0});
    if (const auto orientation = exif_orientation(input)) {
        promise(*orientation >= 1 && *orientation <= 8, "an orientation is one of eight");
        promise(exif_orientation(exif_with_orientation(*orientation)) == orientation,
                "an orientation can be written");
    }
    promise(exif_tags_kept(input, input), "equal structures keep all tags");
    if (starts_with(input, kPhotoshopSignature)) check_resources(input);
    Bytes packet = bytes_of(input);
    if (blank_xmp_gps(packet))
        promise(!xmp_mentions_gps(packet) && packet.size() == input.size(), "blanked is blank");
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
