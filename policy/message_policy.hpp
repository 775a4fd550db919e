// SPDX-License-Identifier: Apache-2.0
//
// What the rules make of one message: first its envelope, then its header, then part by part. The first rule
// that fits wins, for the message among those that ask nothing about parts, for a part among all. Recipients
// for whom that differs get the least change: one that leaves alone wins, else the merge of
// policy/rule_settings.def. Knows no libmilter and no MIME. One message, one MessagePolicy, one thread at a
// time; the RuleSet is shared.
//
// Security: of recipients only what the rules make of them is kept, at most kMostRecipientKinds different
// ones: beyond it the message is left alone. See policy/rule_conditions.hpp for the bounds of all else.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/decide.hpp"
#include "policy/rule_set.hpp"

namespace optimilter {

constexpr std::size_t kMostRecipientKinds = 64;

// What the MTA tells of a message before its header, as it tells it.
struct EnvelopeFacts {
    Direction direction = Direction::kInbound;
    std::string_view auth_user;       // {auth_authen}; empty: not authenticated
    std::string_view sender;          // with or without brackets
    std::string_view client_address;  // as for parse_address()
    std::string_view listener;        // {daemon_name}
};

// A header field: name without the colon, raw value with its folds. Views of the caller.
struct HeaderText {
    std::string_view name;
    std::string_view value;
};

// What counts for a part. Pointers and views live as long as the MessagePolicy.
struct PartPolicy {
    const Settings* settings = nullptr;
    const Options* options = nullptr;  // of those settings
    std::string_view rule;             // "a", or "a+b" for recipients that differ; empty: no rule decided
    std::string_view leave_alone;      // the reason; empty: work on it
};

// Why a rule was passed over, for people.
struct PassedOver {
    const Rule* rule = nullptr;
    std::string_view misfit;  // the condition that did not fit; static text
};

class MessagePolicy {
  public:
    MessagePolicy(std::shared_ptr<const RuleSet> rules, const EnvelopeFacts& envelope);
    // Parts point into it.
    MessagePolicy(const MessagePolicy&) = delete;
    MessagePolicy& operator=(const MessagePolicy&) = delete;

    void add_recipient(std::string_view address);
    // Once, after all recipients, before all that follows.
    void set_header(std::span<const HeaderText> fields, std::chrono::sys_seconds now);
    bool has_header() const { return !paths_.empty(); }

    // Why the whole message is to be left alone; empty: it is not.
    const std::string& leave_alone() const { return leave_alone_; }
    // What counts for the message as a whole.
    const Settings& settings() const { return *message_settings_; }
    // As in PartPolicy.
    const std::string& rule() const { return message_rule_; }
    // After set_header().
    PartPolicy for_part(const PartFacts& facts);

    // The rules that were asked before the one that decided and did not fit, in order. facts: null for the
    // message itself, where rules that ask about parts are none. A rule that fits only some of the recipients
    // counts as fitting.
    std::vector<PassedOver> passed_over(const PartFacts* facts) const;

    const RuleSet& rules() const { return *rules_; }

  private:
    using Path = std::vector<std::uint32_t>;  // rules that may decide for one kind of recipient, in order
    struct Merged {
        std::shared_ptr<const Settings> settings;
        Options options;
        std::string rule;
        std::string leave_alone;
    };
    static constexpr std::uint32_t kNoRule = UINT32_MAX;

    void read_header(std::span<const HeaderText> fields);
    void find_paths();
    Path path_for(const std::vector<bool>& recipient_fits) const;
    std::uint32_t message_rule(const Path& path) const;
    void decide_message(std::span<const HeaderText> fields);
    bool opted(std::span<const HeaderText> fields, const Settings& settings, const std::string& name) const;
    std::string opt_reason(std::span<const HeaderText> fields, const Settings& settings) const;
    const Merged& merged(std::set<std::uint32_t> deciding);
    const Settings& settings_of(std::uint32_t rule) const;

    std::shared_ptr<const RuleSet> rules_;
    PolicyFacts facts_;
    std::vector<std::uint32_t> recipient_rules_;   // those that ask about recipients
    std::set<std::vector<bool>> recipient_kinds_;  // which of those fit
    bool too_many_kinds_ = false;
    std::vector<std::string_view> misfits_;  // a rule: what of the message does not fit
    std::set<Path> paths_;
    std::string leave_alone_;
    std::string message_rule_;
    std::shared_ptr<const Settings> message_settings_;
    std::map<std::set<std::uint32_t>, Merged> merged_;  // by the rules that decide
};

}  // namespace optimilter
