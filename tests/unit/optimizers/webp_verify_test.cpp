// SPDX-License-Identifier: Apache-2.0
//
// verify_webp() against wrong results: what a broken optimizer might hand out is caught, and told.
#include "optimizers/formats.hpp"
#include "webp_builder.hpp"

using namespace optimilter;
using namespace optimilter::webp_builder;

namespace {

std::string verify(const Bytes& input, const Bytes& output, std::optional<double> score = std::nullopt,
                   bool lossy = false, Deadline deadline = Deadline()) {
    Options options;
    options.lossy = lossy;
    Budget budget(deadline, options);
    Context context{options, budget, 0, {}, {}};
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = output;
    attempt.score = score;
    return verify_webp(input, attempt, context);
}

unsigned flipped(unsigned x, unsigned y, unsigned channel) {
    return drawing(x, y, channel) ^ (x == 96 && y == 60 && channel == 2 ? 1u : 0u);
}
unsigned less_opaque(unsigned x, unsigned y, unsigned channel) {
    return clear_drawing(x, y, channel) - (x == 3 && y == 2 && channel == 3 ? 1u : 0u);
}

void check_mutations(const Bytes& input,
                     std::initializer_list<std::tuple<std::string_view, Bytes, std::string_view>> cases) {
    CHECK_EQ(verify(input, input), "");
    for (const auto& [name, output, want] : cases) {
        const std::string why = verify(input, output);
        CHECK(why.substr(0, want.size()) == want && !why.empty(), std::string(name) + ": " + why);
    }
}

void test_animation_mutations() {
    const Bytes a = file(drawing, -1);
    const Bytes b = file(photo, -1);
    const Bytes c = file(clear_drawing, -1);
    const Frame first{a, 70, 1, 0};
    const Frame second{b, 80, 2, 0};
    const Frame third{c, 90, 3, 0};
    const Bytes input = animation({first, second, third});
    Bytes cut = input;
    cut.resize(cut.size() - 1);
    Bytes longer = input;
    longer.push_back(0);
    check_mutations(
        input,
        {
            {"frame lost", animation({first, second}), "frame count differs"},
            {"frame twice", animation({first, second, third, third}), "frame count differs"},
            {"frames reordered", animation({first, {c, 80, 2, 0}, {b, 90, 3, 0}}), "frame 2: samples differ"},
            {"duration", animation({first, {b, 81, 2, 0}, third}), "frame 2: duration differs"},
            {"blending", animation({first, {b, 80, 0, 0}, third}), "frame 2: blending or disposal differs"},
            {"disposal", animation({first, {b, 80, 3, 0}, third}), "frame 2: blending or disposal differs"},
            {"loops", animation({first, second, third}, 4), "chunk ANIM differs"},
            {"background", animation({first, second, third}, 3, 8), "chunk ANIM differs"},
            {"sample flipped", animation({{file(flipped, -1), 70, 1, 0}, second, third}),
             "frame 1: samples differ"},
            {"alpha changed", animation({first, second, {file(less_opaque, -1), 90, 3, 0}}),
             "frame 3: samples differ"},
            {"loss", animation({first, {file(photo, 95), 80, 2, 0}, third}), "frame 2: samples differ"},
            {"a still", file(drawing, -1), "chunk VP8X is lost"},
            {"cut off", cut, "libwebp finds no sound file"},
            {"longer", longer, ""},
            {"nothing", Bytes(20, 0), "libwebp finds no sound file"},
        });
}

void test_metadata_mutations() {
    const Bytes picture = file(drawing, -1);
    const Bytes input = with_metadata(picture);
    const std::uint8_t flags = 0x20 | 0x10 | 0x08 | 0x04;
    const Bytes profile = chunk("ICCP", as_bytes("a profile"));
    const Bytes exif = chunk("EXIF", as_bytes("II*\0"));
    const Bytes xmp = chunk("XMP ", as_bytes("<x/>"));
    const Bytes own = chunk("abcd", as_bytes("private"));
    const Bytes p = coded(picture);
    check_mutations(
        input, {
                   {"profile lost", riff({vp8x(flags & ~0x20), p, exif, xmp, own}), "chunk VP8X"},
                   {"profile changed", with_metadata(picture, "b profile"), "chunk ICCP differs"},
                   {"Exif lost", riff({vp8x(flags), profile, p, xmp, own}), "chunk EXIF differs"},
                   {"private chunk lost", riff({vp8x(flags), profile, p, exif, xmp}), "chunk abcd is lost"},
                   {"chunk added", riff({vp8x(flags), profile, p, exif, xmp, own, own}), "a chunk was added"},
               });
}

void test_loss() {
    const Bytes input = file(photo, 100);
    const Bytes good = file(photo, 95);
    CHECK_EQ(verify(input, good, 0.99), "loss in a lossless profile");
    CHECK_EQ(verify(input, good, std::nullopt, true), "frame 1: samples differ");
    CHECK_EQ(verify(input, input, 1.0, true), "");
    CHECK_EQ(verify(input, file(photo, 1), 0.99, true), "frame 1: score below the bound");
    CHECK_EQ(verify(input, file(drawing, 95), 0.99, true), "frame 1: score below the bound");
    CHECK(!verify(input, good, 0.99, true, Deadline::in_ms(0)).empty());
    const Bytes clear = file(clear_drawing, 95);
    CHECK_EQ(verify(clear, file(less_opaque, 95), 0.99, true), "frame 1: alpha differs");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(test_animation_mutations), TEST(test_metadata_mutations),
                                TEST(test_loss)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
