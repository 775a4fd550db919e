// SPDX-License-Identifier: Apache-2.0
//
// A conversation with the guard's state machine, written as text: each word is a frame, its first letter the
// command, the rest the payload ("B+1000": a payload of 1000 bytes).
#pragma once

#include <sstream>
#include <string>

#include "check.hpp"
#include "milter/guard_relay.hpp"

namespace optimilter {

inline constexpr std::uint32_t kOffered = 0x1FFFFF, kSkip = 0x400;

inline std::string negotiation(std::uint32_t version, std::uint32_t actions, std::uint32_t protocol) {
    std::uint8_t bytes[12];
    write_be32(bytes, version);
    write_be32(bytes + 4, actions);
    write_be32(bytes + 8, protocol);
    return std::string(as_text(bytes));
}

struct Talk {
    explicit Talk(PassReason reason = PassReason::kNone, std::size_t budget_bytes = 1 << 20)
        : budget(budget_bytes), relay(reason, budget) {}

    // "hX": a field X with a value; "h" and "h.X" are broken edits.
    static std::string payload(const std::string& word) {
        if (word[0] == 'h' && word.size() > 1 && word[1] != '.' && word[1] != '+')
            return word.substr(1) + std::string("\0value\0", 7);
        if (word.starts_with("h+"))
            return std::string("X\0", 2) + std::string(std::stoul(word.substr(2)), 'x') + '\0';
        if (word.size() > 1 && word[1] == '+') return std::string(std::stoul(word.substr(2)), 'x');
        return word.substr(1);
    }
    void mta(const std::string& words) {
        std::istringstream in(words);
        for (std::string word; in >> word;) {
            CHECK(relay.ready_for_mta(), words);
            const std::string text = payload(word);
            relay.mta_frame({word[0], as_bytes(text)});
        }
    }
    void engine(const std::string& words) {
        std::istringstream in(words);
        for (std::string word; in >> word;) {
            const std::string text = payload(word);
            relay.engine_frame({word[0], as_bytes(text)});
        }
    }
    void negotiate(std::uint32_t flags = 0) {
        const std::string offer = negotiation(6, 0x1FF, kOffered),
                          wanted = negotiation(6, 0x103, flags | kSkip);
        relay.mta_frame({'O', as_bytes(offer)});
        relay.engine_frame({'O', as_bytes(wanted)});
        CHECK_EQ(said(), "O");
        heard();
    }
    // Up to where end-of-message is due, with a body of 1000 bytes.
    void message() {
        mta("Di M<a>");
        engine("c");
        mta("R<b>");
        engine("c");
        mta("Lx");
        engine("c");
        mta("N");
        engine("c");
        mta("B+1000");
        engine("c");
        CHECK_EQ(said(), "ccccc");
        mta("E");
        CHECK(relay.waiting_for_end());
    }
    // Commands of the frames that were sent since the last call.
    static std::string commands(Bytes& bytes) {
        FrameReader reader(1 << 20);
        reader.append(bytes);
        bytes.clear();
        std::string all;
        Frame frame;
        while (reader.next(frame) == FrameReader::Next::kFrame) all += frame.command;
        CHECK_EQ(reader.held(), 0u);
        return all;
    }
    std::string said() { return commands(relay.to_mta); }
    std::string heard() { return commands(relay.to_engine); }

    ReplyBudget budget;
    GuardRelay relay;
};

}  // namespace optimilter
