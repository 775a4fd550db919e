// SPDX-License-Identifier: Apache-2.0
//
// optimize_gif() through the driver, so that every result here has been compared with libnsgif's rendering;
// what it leaves alone; and lies that verify_gif() must find.
#include <ctime>

#include "check.hpp"
#include "gif_builder.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/gif_picture.hpp"

using namespace optimilter;
using namespace optimilter::gif_builder;

namespace {

OptimizeResult run(ByteView input, const Options& options = {}, Deadline deadline = Deadline()) {
    Budget budget(deadline, options);
    return optimize(input, {}, options, budget);
}

std::vector<std::pair<std::string, Bytes>> samples() {
    const auto moving = [](unsigned disposal, int key) {
        std::vector<Frame> frames;
        for (unsigned i = 0; i < 4; ++i)
            frames.push_back({kWhole, drawing(6, i), control(5 + i, disposal, i == 0 ? -1 : key)});
        return frames;
    };
    std::vector<Frame> small = {{kWhole, drawing(7), control(10, 1)}};
    for (unsigned i = 0; i < 3; ++i)
        small.push_back({{static_cast<std::uint16_t>(3 * i), 4, 20, 20}, noise(7), control(10, i + 1, 7)});
    std::vector<Frame> local = moving(1, -1);
    for (Frame& frame : local) frame.palette = palette(16);
    std::vector<Frame> differing = moving(1, -1);
    for (unsigned i = 0; i < 4; ++i) differing[i].palette = palette(200, i);
    std::vector<Frame> interlaced = {{kWhole, drawing(9), std::nullopt, {}, true}};
    std::vector<Frame> still = {{kWhole, noise(200), control(3, 1)}, {kWhole, noise(200), control(3, 1)}};
    return {
        {"one frame", write({{kWhole, drawing(9)}}, palette(256))},
        {"noise", write({{kWhole, noise(256)}}, palette(256))},
        {"one frame with a hole", write({{{5, 5, 20, 20}, drawing(9), control(0, 0, 3)}}, palette(16))},
        {"interlaced", write(interlaced, palette(64))},
        {"kept", write(moving(1, -1), palette(8))},
        {"kept, disposal not given", write(moving(0, 7), palette(8))},
        {"cleared", write(moving(2, -1), palette(8))},
        {"cleared, transparent", write(moving(2, 3), palette(8))},
        {"restored", write(moving(3, 3), palette(8))},
        {"mixed and small", write(small, palette(8))},
        {"own palettes, all alike", write(local, {})},
        {"own palettes, differing", write(differing, palette(4))},
        {"nothing moves", write(still, palette(256))},
        {"two colours", write({{kWhole, drawing(2)}}, palette(2))},
    };
}

void test_results_show_the_same() {
    for (std::uint8_t effort = 0; effort <= kEffortMax; ++effort) {
        for (const bool lossy : {false, true}) {
            Options options;
            options.effort = effort;
            options.lossy = lossy;
            for (const auto& [name, input] : samples()) {
                const OptimizeResult result = run(input, options);
                CHECK_EQ(result.reason, "", name);
                CHECK(result.output.size() < input.size() && !result.score, name);
                const OptimizeResult again = run(result.output, options);
                CHECK_EQ(again.outcome, Outcome::kNotSmaller, name);
            }
        }
    }
}

GifFile output_of(const std::string& wanted, Bytes& bytes) {
    for (const auto& [name, input] : samples())
        if (name == wanted) bytes = run(input).output;
    return *read_gif(bytes);
}

void test_what_is_gained() {
    Bytes bytes;
    CHECK_EQ(output_of("own palettes, all alike", bytes).frames[2].palette.size(), 0u);
    CHECK_EQ(output_of("nothing moves", bytes).frames[1].rect.pixels(), 1u);
    CHECK(output_of("cleared", bytes).frames[1].rect == kWhole);
    CHECK(!output_of("cleared", bytes).frames[1].control->transparent);
    CHECK(output_of("kept", bytes).frames[1].control->transparent);
    CHECK_EQ(output_of("one frame", bytes).palette.size(), 16u);
    CHECK(!output_of("interlaced", bytes).frames[0].interlaced);
    const GifFile hole = output_of("one frame with a hole", bytes);
    CHECK(hole.palette[hole.frames[0].control->transparent_index] == palette(16)[3]);
}

void test_extensions_stay() {
    for (const auto& [name, input] : samples()) {
        const OptimizeResult result = run(input);
        const auto before = read_gif(input);
        const auto after = read_gif(result.output);
        CHECK(after.has_value(), name);
        CHECK_EQ(after->blocks.size(), before->blocks.size(), name);
        for (std::size_t i = 0; i < before->blocks.size(); ++i)
            CHECK(as_text(after->blocks[i].bytes) == as_text(before->blocks[i].bytes), name);
        for (std::size_t i = 0; i < before->frames.size(); ++i)
            if (before->frames[i].control)
                CHECK_EQ(after->frames[i].control->delay_cs, before->frames[i].control->delay_cs, name);
    }
}

Bytes patched(Bytes bytes, std::size_t at, unsigned value) {
    bytes[at] = static_cast<std::uint8_t>(value);
    return bytes;
}
Bytes inserted(Bytes bytes, std::size_t at, std::string_view text) {
    bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), text.begin(), text.end());
    return bytes;
}

void test_left_alone() {
    const Bytes good = write({{kWhole, drawing(4)}}, palette(4));
    const std::size_t after_palette = 13 + 12;
    const std::size_t frame = after_palette + 9;
    Bytes cut = good;
    cut.resize(cut.size() - 40);
    Bytes no_trailer = good;
    no_trailer.pop_back();
    const auto file = [](const std::vector<Frame>& frames) { return write(frames, palette(4)); };
    using namespace std::string_view_literals;
    struct Case {
        std::string_view name;
        Bytes input;
        Outcome outcome;
    };
    const Case cases[] = {
        {"header alone", Bytes(good.begin(), good.begin() + 13), Outcome::kMalformed},
        {"cut", cut, Outcome::kMalformed},
        {"no trailer", no_trailer, Outcome::kMalformed},
        {"data after the end", inserted(good, good.size(), "PK"), Outcome::kUntouchable},
        {"unknown block", patched(good, after_palette, 0x22), Outcome::kMalformed},
        {"no frame", inserted(Bytes(good.begin(), good.begin() + after_palette), after_palette, ";"),
         Outcome::kMalformed},
        {"no width", patched(patched(good, frame + 5, 0), frame + 6, 0), Outcome::kMalformed},
        {"screen without width", patched(good, 6, 0), Outcome::kMalformed},
        {"codes too long", patched(good, frame + 10, 12), Outcome::kMalformed},
        {"codes too short", patched(good, frame + 10, 1), Outcome::kMalformed},
        {"no palette", write({{kWhole, drawing(4)}}, {}), Outcome::kMalformed},
        {"index beyond the palette", file({{kWhole, drawing(5), std::nullopt, palette(2)}}),
         Outcome::kMalformed},
        {"beyond the screen", file({{{1, 0, 64, 48}, drawing(4)}}), Outcome::kNotApplicable},
        {"plain text",
         inserted(good, after_palette,
                  "\x21\x01\x0C"
                  "abcdabcdabcd\x00"sv),
         Outcome::kNotApplicable},
        {"two controls", inserted(good, after_palette, "\x21\xF9\x04\0\0\0\0\0\x21\xF9\x04\0\0\0\0\0"sv),
         Outcome::kNotApplicable},
        {"control too short", inserted(good, after_palette, "\x21\xF9\x03\0\0\0\0"sv), Outcome::kMalformed},
        {"extension cut", inserted(good, good.size() - 1, "\x21\xFE\xFF"), Outcome::kMalformed},
    };
    CHECK_EQ(run(good).outcome, Outcome::kOptimized);
    for (const Case& c : cases) {
        const OptimizeResult result = run(c.input);
        CHECK_EQ(result.outcome, c.outcome, std::string(c.name) + ": " + result.reason);
        CHECK(!result.reason.empty(), c.name);
    }
}

void test_bounds() {
    const Bytes input = write({{kWhole, drawing(4)}, {kWhole, drawing(4)}}, palette(4));
    Options few;
    few.max_pixels = 2 * 64 * 48 - 1;
    CHECK_EQ(run(input, few).outcome, Outcome::kOverBudget);
    CHECK_EQ(run(input, {}, Deadline::in_ms(-1)).outcome, Outcome::kOverBudget);
    // A screen of 65535 x 65535 around a small frame.
    const Bytes flood = patched(patched(patched(patched(input, 6, 255), 7, 255), 8, 255), 9, 255);
    CHECK_EQ(run(flood).outcome, Outcome::kOverBudget);
}

// Small frames in which nearly every pixel may be a colour or transparent: grain over a picture that stays.
Bytes grainy_film() {
    std::vector<Frame> frames;
    for (unsigned i = 0; i < 160; ++i)
        frames.push_back({{0, 0, 160, 120},
                          [i](unsigned x, unsigned y) {
                              const unsigned grain = (x * 7919u + y * 104729u + i * 31u) * 2654435761u;
                              return grain >> 28 < 3 ? 16 + (grain >> 20) % 8 : x / 9 % 16;
                          },
                          control(4, 1)});
    GifFile film = file(frames, palette(24));
    film.width = 160;
    film.height = 120;
    return write_gif(film);
}

double seconds_at(std::uint8_t effort, const Bytes& input) {
    Options options;
    options.effort = effort;
    const std::clock_t before = std::clock();
    CHECK_EQ(run(input, options).reason, "");
    return static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
}

// Many small frames must not cost as much as if each came alone: a film of 3 MB took 40 s, and was left alone
// for the deadline. Seconds a pass differ by machine, how many times as much the effort takes does not.
void test_films_of_small_frames_are_quick() {
    const Bytes film = grainy_film();
    const double least = seconds_at(1, film);
    const double most = seconds_at(kEffortDefault, film);
    CHECK(most < 9 * least, std::to_string(most) + " s, with effort 1 " + std::to_string(least) + " s");
}

std::string verify(ByteView input, const Bytes& output) {
    const Options options;
    Budget budget(Deadline(), options);
    Context context{options, budget, 0, {}};
    return verify_gif(input, {Outcome::kOptimized, {}, output, {}, {}}, context);
}

std::vector<Frame> film() {
    return {{kWhole, drawing(4), control(10, 1)},
            {kWhole, drawing(4, 3), control(20, 2)},
            {{8, 8, 16, 16}, drawing(4, 5), control(30, 1, 3)}};
}

void test_lies_are_found() {
    const std::vector<GifColor> colors = palette(4);
    const Bytes input = write(film(), colors);
    const auto changed = [&](auto&& change) {
        std::vector<Frame> frames = film();
        change(frames);
        return write(frames, colors);
    };
    const auto file_changed = [&](auto&& change) {
        GifFile file = gif_builder::file(film(), colors);
        change(file);
        return write_gif(file);
    };
    Bytes cut = input;
    cut.pop_back();
    std::vector<GifColor> other = colors;
    other[2] ^= 1;
    const auto one_pixel_off = [](unsigned x, unsigned y) {
        return (drawing(4, 5)(x, y) + (x == 15 && y == 15 ? 1 : 0)) % 3;
    };
    struct Case {
        std::string_view name;
        Bytes output;
    };
    const Case cases[] = {
        {"empty", {}},
        {"cut", cut},
        {"a pixel", changed([&](auto& f) { f[2].pixel = one_pixel_off; })},
        {"a colour", write(film(), other)},
        {"a frame dropped", changed([](auto& f) { f.pop_back(); })},
        {"a frame twice", changed([](auto& f) { f.push_back(f[2]); })},
        {"frames swapped", changed([](auto& f) { std::swap(f[0].pixel, f[1].pixel); })},
        {"a delay", changed([](auto& f) { f[1].control->delay_cs = 21; })},
        {"a disposal", changed([](auto& f) { f[1].control->disposal = 1; })},
        {"waits for a key", changed([](auto& f) { f[1].control->user_input = true; })},
        {"transparency gone", changed([](auto& f) { f[2].control->transparent = false; })},
        {"transparency added", changed([](auto& f) { f[1].control = control(20, 2, 4); })},
        {"control gone", changed([](auto& f) { f[0].control.reset(); })},
        {"moved", changed([](auto& f) { f[2].rect.left = 9; })},
        {"cleared frame smaller", changed([](auto& f) { f[1].rect.width = 63; })},
        {"first frame smaller", changed([](auto& f) { f[0].rect.height = 47; })},
        {"screen wider", file_changed([](GifFile& f) { f.width = 65; })},
        {"aspect", file_changed([](GifFile& f) { f.aspect = 49; })},
        {"background", file_changed([](GifFile& f) { f.background = 1; })},
        {"loop gone", file_changed([](GifFile& f) { f.blocks.erase(f.blocks.begin()); })},
        {"comment gone", file_changed([](GifFile& f) { f.blocks.erase(f.blocks.begin() + 1); })},
        {"loop after comment", file_changed([](GifFile& f) { std::swap(f.blocks[0], f.blocks[1]); })},
        {"older version", file_changed([](GifFile& f) { f.version_89a = false; })},
    };
    CHECK_EQ(verify(input, input), "");
    for (const Case& c : cases) CHECK(!verify(input, c.output).empty(), c.name);
}

// Where a hole would show, no frame may get a transparent colour, whatever the pixels say.
void test_new_holes_are_found() {
    const std::vector<Frame> uncovered = {{{0, 0, 32, 48}, drawing(3), control(1, 1)},
                                          {{0, 0, 32, 48}, drawing(3), control(1, 1)}};
    std::vector<Frame> keyed = uncovered;
    keyed[1].control = control(1, 1, 3);
    CHECK(!verify(write(uncovered, palette(4)), write(keyed, palette(4))).empty());
}

}  // namespace

int main() {
    initialize_optimizers();
    const CMUnitTest tests[] = {TEST(test_results_show_the_same),
                                TEST(test_what_is_gained),
                                TEST(test_extensions_stay),
                                TEST(test_left_alone),
                                TEST(test_bounds),
                                TEST(test_films_of_small_frames_are_quick),
                                TEST(test_lies_are_found),
                                TEST(test_new_holes_are_found)};
    return cmocka_run_group_tests_name("gif_optimize", tests, nullptr, nullptr);
}
