// SPDX-License-Identifier: Apache-2.0
//
// What each kind of alert is called, what it means for mail and what the admin can do: the words of mails and
// of `optimilterctl alerts`, in one table. Thread safe: constants.
#pragma once

#include <string_view>
#include <vector>

namespace optimilter {

struct AlertWords {
    std::string_view kind;     // of the engine's board, a check, or a word of optimilter-recover
    std::string_view title;    // while it lasts; fits into a subject
    std::string_view over;     // when it is over
    std::string_view meaning;  // for mail: whole sentences
    std::string_view advice;   // whole sentences
};

// A kind that is not in the table has words that fit all.
const AlertWords& alert_words(std::string_view kind);

// Every kind of the table, in the order of its weight.
std::vector<std::string_view> alert_kinds();
// Place in that order; the heaviest is 0.
std::size_t alert_weight(std::string_view kind);

}  // namespace optimilter
