// SPDX-License-Identifier: Apache-2.0
//
// What `optimilterctl policy explain` has found out about a message, and how it tells it: text for people,
// JSON for programs. Knows no trip and no rules. Thread safe: plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace optimilter {

struct ExplainedRule {
    std::string name;                   // empty: no rule; "a+b": for recipients that differ
    std::string place;                  // "file:line", of a single one
    std::vector<std::string> settings;  // "name = value" where it differs from the settings file
    struct PassedOver {
        std::string name;
        std::string misfit;
    };
    std::vector<PassedOver> passed_over;
};

struct ExplainedPart {
    std::uint32_t index = 0;
    std::string type;
    std::string file_name;  // foreign text, like type
    std::string format;
    std::size_t bytes_in = 0;
    bool asked = true;   // false: it is left alone whatever the rules say
    bool work = false;   // a worker would get it
    std::string reason;  // of no work
    ExplainedRule rule;
};

struct Explanation {
    std::string file;
    std::string direction;
    std::string reason;  // why the message is left alone as a whole; empty: it is read
    bool dry_run = false;
    std::int64_t deadline_ms = 0;
    ExplainedRule rule;
    struct Recipient {
        std::string address;
        std::string rule;
        std::string reason;
    };
    std::vector<Recipient> recipients;
    std::vector<ExplainedPart> parts;  // empty when the message is left alone before its body is read
};

std::string explanation_text(const Explanation& explanation);
// One object and a line end.
std::string explanation_json(const Explanation& explanation);

}  // namespace optimilter
