// SPDX-License-Identifier: Apache-2.0
//
// The "when" of a rule: what it asks about a message, about a recipient, and about a part, and whether plain
// facts fit. All that is asked must fit; in a list, one element is enough. Knows no TOML and no mail.
// Immutable once read, so thread safe.
//
// Security: the facts are the sender's. Expressions see the first Regex::kMostInput bytes of each, and of
// each header field the first kMostHeaderValues of its name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "optimizers/format.hpp"
#include "policy/decide.hpp"
#include "policy/list_file.hpp"
#include "policy/network.hpp"
#include "policy/regex.hpp"

namespace optimilter {

constexpr std::size_t kMostHeaderValues = 64;

// What is known of a message once its header is there. Texts over Regex::kMostInput bytes may be cut.
struct PolicyFacts {
    Direction direction = Direction::kInbound;
    std::string auth_user;            // in lower case; empty: not authenticated
    std::string sender;               // plain_address()
    std::optional<IpAddress> client;  // nothing: not known
    std::string listener;             // {daemon_name}, in lower case
    // For each name that the rules ask for (RuleSet::header_names), the values: unfolded, without blanks
    // around them.
    std::vector<std::vector<std::string>> headers;
};

// What is known of a part. Views: of the caller.
struct PartFacts {
    std::string_view type;       // as the header says, in lower case: "image/jpeg"
    std::string_view file_name;  // UTF-8 as far as it could be decoded
    Format format = Format::kUnknown;
    std::size_t size_bytes = 0;          // decoded
    std::size_t message_size_bytes = 0;  // of the whole body, as it came
};

// Addresses, or words, written in a rule or in list files.
struct WordChoice {
    std::vector<std::string> words;  // sorted: address keys, or words in lower case
    std::vector<std::shared_ptr<const ListFile>> lists;
    bool asked() const { return !words.empty() || !lists.empty(); }
    bool holds_address(const std::string& plain) const;
    bool holds_word(const std::string& word) const;
};

struct ClientChoice {
    std::vector<Network> networks;
    std::vector<std::shared_ptr<const ListFile>> lists;
    bool asked() const { return !networks.empty() || !lists.empty(); }
    bool holds(const IpAddress& address) const;
};

struct HeaderCondition {
    std::size_t slot = 0;  // in RuleSet::header_names
    bool present = true;   // false: no such field may be there
    std::optional<std::string> equals;
    std::optional<Regex> matches;
};

struct RuleConditions {
    // Of the message.
    std::optional<Direction> direction;
    std::optional<bool> authenticated;
    WordChoice auth_user, sender, listener;
    ClientChoice client;
    std::vector<HeaderCondition> header;      // one of these
    std::vector<HeaderCondition> header_all;  // all of these
    // Of each recipient.
    WordChoice recipient;
    // Of each part.
    std::vector<Regex> part_type;  // globs
    std::vector<Regex> file_name;  // globs
    std::optional<Regex> file_name_matches;
    std::uint32_t formats = 0;  // one bit a Format; 0: not asked
    std::optional<std::uint64_t> size_min, size_max, message_size_min, message_size_max;

    bool of_recipients() const { return recipient.asked(); }
    bool of_parts() const;
    bool none() const;
};

// Each: the name of the first condition that does not fit, as in the file; empty: all fit. Static text.
std::string_view message_misfit(const RuleConditions& when, const PolicyFacts& facts);
std::string_view recipient_misfit(const RuleConditions& when, const std::string& plain_recipient);
std::string_view part_misfit(const RuleConditions& when, const PartFacts& facts);

}  // namespace optimilter
