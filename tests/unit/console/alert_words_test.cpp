// SPDX-License-Identifier: Apache-2.0
#include "console/alert_words.hpp"

#include <set>
#include <string>

#include "check.hpp"
#include "milter/alert_board.hpp"

namespace optimilter {
namespace {

// Each kind that the engine can raise has words of its own, and so can be snoozed.
void test_every_kind_of_the_board_has_words() {
    for (std::size_t i = 0; i < static_cast<std::size_t>(AlertKind::kCount_); ++i) {
        const std::string_view kind = alert_kind_name(static_cast<AlertKind>(i));
        CHECK_EQ(alert_words(kind).kind, kind);
    }
}

void test_every_row_is_whole() {
    std::set<std::string_view> kinds;
    for (const std::string_view kind : alert_kinds()) {
        const AlertWords& words = alert_words(kind);
        CHECK(kinds.insert(kind).second, kind);
        CHECK(!words.title.empty() && !words.over.empty(), kind);
        CHECK(words.title.size() <= 60 && words.over.size() <= 60, kind);
        CHECK(words.meaning.ends_with('.') && words.advice.ends_with('.'), kind);
    }
    CHECK_EQ(alert_weight(alert_kinds().front()), 0u);
}

void test_unknown_kinds() {
    CHECK(!alert_words("no such kind").title.empty());
    CHECK(alert_words("no such kind").kind.empty());
    CHECK_EQ(alert_weight("no such kind"), alert_kinds().size());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_every_kind_of_the_board_has_words),
        TEST(test_every_row_is_whole),
        TEST(test_unknown_kinds),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
