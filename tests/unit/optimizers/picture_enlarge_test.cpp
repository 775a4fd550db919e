// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_enlarge.hpp"

#include "check.hpp"
#include "jpeg_pictures.hpp"

using namespace optimilter;

namespace {

Bytes enlarged(const Bytes& samples, PictureSize from, unsigned channels, PictureSize to) {
    return pictures::must(enlarge_samples(samples, from, channels, to, Deadline()));
}

// Pixels begin where samples begin; behind the last one nothing changes any more.
void colours_change_evenly() {
    CHECK(enlarged({10, 20, 40}, {3, 1}, 1, {3, 1}) == (Bytes{10, 20, 40}));
    CHECK(enlarged({10, 20, 40}, {3, 1}, 1, {6, 1}) == (Bytes{10, 15, 20, 30, 40, 40}));
    CHECK(enlarged({10, 20, 40}, {1, 3}, 1, {1, 6}) == (Bytes{10, 15, 20, 30, 40, 40}));
    CHECK(enlarged({0, 100, 40, 60}, {2, 2}, 1, {4, 4}) ==
          (Bytes{0, 50, 100, 100, 20, 50, 80, 80, 40, 50, 60, 60, 40, 50, 60, 60}));
    CHECK(enlarged({0, 10, 255, 90, 30, 5}, {2, 1}, 3, {4, 1}) ==
          (Bytes{0, 10, 255, 45, 20, 130, 90, 30, 5, 90, 30, 5}));
    CHECK(enlarged({0, 255}, {2, 1}, 1, {6, 1}) == (Bytes{0, 84, 169, 255, 255, 255}));
}

void one_sample_fills_everything() {
    CHECK(enlarged({7}, {1, 1}, 1, {5, 3}) == Bytes(15, 7));
    CHECK(enlarged(Bytes(600, 255), {20, 10}, 3, {47, 23}) == Bytes(std::size_t{47} * 23 * 3, 255));
}

void the_deadline_is_kept() {
    const Deadline over = Deadline::in_ms(0);
    const Result<Bytes> drawn = enlarge_samples(Bytes(4), {2, 2}, 1, {4, 4}, over);
    CHECK(!drawn && drawn.error().code == ErrorCode::kDeadline);
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(colours_change_evenly),
        TEST(one_sample_fills_everything),
        TEST(the_deadline_is_kept),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
