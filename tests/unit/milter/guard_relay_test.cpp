// SPDX-License-Identifier: Apache-2.0
//
// The promises of the guard, on its state machine alone: exactly the answers that are due, only harmless
// ones, a new body whole or not at all. Conversations are written as text: each word is a frame, its first
// letter the command, the rest the payload ("B+1000": a payload of 1000 bytes).
#include "milter/guard_relay.hpp"

#include <limits>
#include <sstream>
#include <string>

#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::uint32_t kOffered = 0x1FFFFF, kSkip = 0x400;

std::string negotiation(std::uint32_t version, std::uint32_t actions, std::uint32_t protocol) {
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

void test_relays_what_is_said() {
    Talk talk;
    talk.negotiate();
    talk.mta("Chost");
    CHECK(talk.relay.waiting() && talk.said().empty());
    talk.engine("c");
    CHECK_EQ(talk.said(), "c");
    talk.message();
    talk.engine("hX b+400 b+300 a");
    CHECK_EQ(talk.said(), "hbba");
    talk.mta("A Q");
    CHECK(talk.relay.finished());
    CHECK_EQ(talk.heard(), "CDMRLNBEAQ");
    const auto notes = talk.relay.take_notes();
    CHECK_EQ(notes.size(), 1u);
    CHECK(notes[0].replaced && notes[0].reason == PassReason::kNone);
    CHECK_EQ(talk.budget.held(), 0u);
}

// Until the last piece is there, the MTA hears nothing at all.
void test_a_reply_is_whole_or_nothing() {
    for (const char* so_far : {"", "hX", "hX b+400", "hX b+400 b+599", "p p"}) {
        Talk talk;
        talk.negotiate();
        talk.message();
        talk.engine(so_far);
        CHECK_EQ(talk.said(), "", so_far);
        talk.relay.engine_lost(PassReason::kDied);
        CHECK_EQ(talk.said(), "a", so_far);
        const auto notes = talk.relay.take_notes();
        CHECK(notes.size() == 1 && notes[0].reason == PassReason::kDied && !notes[0].replaced, so_far);
        CHECK_EQ(talk.budget.held(), 0u);
    }
}

void test_replies_to_end_of_message() {
    struct Case {
        const char *name, *engine, *want;
        PassReason reason;
    };
    constexpr PassReason kFine = PassReason::kNone, kWrong = PassReason::kWrong;
    constexpr Case kCases[] = {
        {"nothing to do", "c", "c", kFine},
        {"accept", "a", "a", kFine},
        {"progress is dropped", "p p p a", "a", kFine},
        {"body alone", "b+999 a", "ba", kFine},
        {"continue after a body", "b+1 c", "bc", kFine},
        {"header and body", "hX b+10 a", "hba", kFine},
        {"empty body", "b a", "ba", kFine},
        {"as large as the original", "b+1000 a", "a", kWrong},
        {"larger, in pieces", "b+600 b+600 a", "a", kWrong},
        {"header without body", "hX a", "a", kWrong},
        {"header after body", "b+10 hX a", "a", kWrong},
        {"header between bodies", "b+10 hX b+10 a", "a", kWrong},
        {"header without name and value", "h b+10 a", "a", kWrong},
        {"header without an end", "h.X b+10 a", "a", kWrong},
        {"empty header alone", "h a", "a", kWrong},
        {"header too large", "h+70000 b+10 a", "a", kWrong},
        {"reject", "r", "a", kWrong},
        {"tempfail", "t", "a", kWrong},
        {"discard", "d", "a", kWrong},
        {"quarantine", "qX a", "a", kWrong},
        {"reply code", "y550", "a", kWrong},
        {"shutdown", "4", "a", kWrong},
        {"connection failure", "f", "a", kWrong},
        {"change header", "mX a", "a", kWrong},
        {"insert header", "iX a", "a", kWrong},
        {"add recipient", "+X a", "a", kWrong},
        {"delete recipient", "-X a", "a", kWrong},
        {"change sender", "eX a", "a", kWrong},
        {"skip", "s", "a", kWrong},
        {"reject after body", "b+10 r", "a", kWrong},
        {"unknown", "Z", "a", kWrong},
    };
    for (const Case& c : kCases) {
        Talk talk;
        talk.negotiate();
        talk.message();
        talk.engine(c.engine);
        CHECK_EQ(talk.said(), c.want, c.name);
        const auto notes = talk.relay.take_notes();
        CHECK_EQ(notes.size(), 1u, c.name);
        CHECK(notes[0].reason == c.reason, c.name);
        CHECK(talk.relay.relaying() == (c.reason == kFine), c.name);
        // Whatever it was, the session goes on.
        talk.mta("A M<a>");
        if (talk.relay.waiting()) talk.engine("c");
        CHECK_EQ(talk.said().size(), 1u, c.name);
        CHECK_EQ(talk.budget.held(), 0u, c.name);
    }
}

void test_answers_before_the_end() {
    struct Case {
        const char *name, *before, *command, *answer, *want;
        bool relaying;
    };
    constexpr Case kCases[] = {
        {"accept at MAIL", "", "M<a>", "a", "a", true},
        {"skip at body", "M<a>", "B+10", "s", "s", true},
        {"skip at header", "M<a>", "Lx", "s", "a", false},
        {"reject at connect", "", "Chost", "r", "c", false},
        {"tempfail at HELO", "", "Hx", "t", "c", false},
        {"reject at MAIL", "", "M<a>", "r", "a", false},
        {"reply code at RCPT", "M<a>", "R<b>", "y550", "a", false},
        {"discard at DATA", "M<a>", "T", "d", "a", false},
        {"body at header", "M<a>", "Lx", "b+1", "a", false},
        {"negotiation at MAIL", "", "M<a>", "O", "a", false},
        {"progress at MAIL", "", "M<a>", "p", "a", false},
        {"reject of an unknown command", "", "Ux", "r", "c", false},
    };
    for (const Case& c : kCases) {
        Talk talk;
        talk.negotiate();
        if (*c.before != 0) {
            talk.mta(c.before);
            talk.engine("c");
            talk.said();
        }
        talk.mta(c.command);
        talk.engine(c.answer);
        CHECK_EQ(talk.said(), c.want, c.name);
        CHECK(talk.relay.relaying() == c.relaying, c.name);
    }
}

// The engine is lost at each command in turn: the answer that is due comes, and one to each that follows.
void test_engine_lost_at_each_command() {
    const std::string commands = "CHMRTLNBE";
    for (std::size_t lost_at = 0; lost_at < commands.size(); ++lost_at) {
        Talk talk;
        talk.negotiate();
        for (std::size_t i = 0; i < commands.size(); ++i) {
            const std::string row(1, commands[lost_at]);
            talk.mta(std::string(1, commands[i]) + "x");
            if (i == lost_at) talk.relay.engine_lost(PassReason::kTimeout);
            if (i < lost_at) talk.engine("c");
            const std::string want = i < lost_at || i < 2 ? "c" : "a";
            CHECK_EQ(talk.said(), want, row);
            // The MTA stops after an ACCEPT; ours goes on all the same, as Sendmail may for some commands.
        }
        const auto notes = talk.relay.take_notes();
        CHECK_EQ(notes.size(), 1u);
        CHECK(notes[0].reason == PassReason::kTimeout);
        CHECK(talk.heard().size() == 0);
    }
}

// Commands with a no-reply flag are never answered, not even by us.
void test_no_reply_flags_bind_us_too() {
    Talk talk;
    talk.negotiate(0x1000 | 0x80);  // connect, header
    talk.mta("Chost M<a>");
    CHECK_EQ(talk.said(), "");
    talk.engine("c");
    talk.mta("Lx Lx");
    talk.relay.engine_lost(PassReason::kDied);
    CHECK_EQ(talk.said(), "c");  // MAIL's
    talk.mta("Lx Lx");
    CHECK_EQ(talk.said(), "");
    talk.mta("N");
    CHECK_EQ(talk.said(), "a");
    talk.mta("A Chost");
    CHECK_EQ(talk.said(), "");
    talk.mta("M<a>");
    CHECK_EQ(talk.said(), "a");
}

void test_all_no_reply_flags() {
    Talk talk;
    talk.negotiate(kOffered);
    talk.mta("Ch Hx M<a> R<b> T Lx N B+9 E");
    CHECK(talk.relay.waiting_for_end());
    talk.relay.engine_lost(PassReason::kDied);
    CHECK_EQ(talk.said(), "a");
}

void test_answer_to_a_silent_command_is_wrong() {
    Talk talk;
    talk.negotiate(0x80);
    talk.mta("M<a>");
    talk.engine("c");
    talk.mta("Lx");
    talk.engine("c");  // nobody asked
    CHECK(!talk.relay.relaying());
    CHECK_EQ(talk.said(), "c");
    talk.mta("N");
    CHECK_EQ(talk.said(), "a");
}

void test_two_answers_to_one_command() {
    Talk talk;
    talk.negotiate();
    talk.mta("M<a>");
    talk.engine("c c");
    CHECK_EQ(talk.said(), "c");
    CHECK(!talk.relay.relaying());
}

void test_no_engine() {
    Talk talk(PassReason::kNoEngine);
    for (const std::uint32_t version : {2u, 6u, 7u}) {
        const std::string offer = negotiation(version, 0x1FF, kOffered);
        talk.relay.mta_frame({'O', as_bytes(offer)});
        FrameReader reader(100);
        reader.append(talk.relay.to_mta);
        talk.relay.to_mta.clear();
        Frame frame;
        CHECK(reader.next(frame) == FrameReader::Next::kFrame);
        CHECK_EQ(as_text(frame.payload), negotiation(std::min(version, 6u), 0, 0x37F));
    }
    const std::string macros = std::string("E") + std::string("i\0004XyZ\0", 7);
    talk.relay.mta_frame({'D', as_bytes(macros)});
    talk.mta("E");
    CHECK_EQ(talk.said(), "a");
    const auto notes = talk.relay.take_notes();
    CHECK_EQ(notes.size(), 1u);
    CHECK_EQ(notes[0].queue_id, "4XyZ");
    CHECK(notes[0].reason == PassReason::kNoEngine);
}

void test_negotiations_that_are_refused() {
    struct Case {
        const char* name;
        std::string answer;
    };
    const Case kCases[] = {
        {"newer version", negotiation(7, 0, 0)},           {"version too old", negotiation(1, 0, 0)},
        {"action not offered", negotiation(6, 0x200, 0)},  {"flag not offered", negotiation(6, 0, 0x200000)},
        {"too short", negotiation(6, 0, 0).substr(0, 11)},
    };
    for (const Case& c : kCases) {
        Talk talk;
        const std::string offer = negotiation(6, 0x1FF, kOffered);
        talk.relay.mta_frame({'O', as_bytes(offer)});
        talk.relay.engine_frame({'O', as_bytes(c.answer)});
        CHECK(!talk.relay.relaying(), c.name);
        CHECK_EQ(talk.said(), "O", c.name);
    }
}

void test_engine_lost_in_negotiation() {
    Talk talk;
    const std::string offer = negotiation(6, 0x1FF, kOffered);
    talk.relay.mta_frame({'O', as_bytes(offer)});
    CHECK(talk.relay.waiting());
    talk.relay.engine_lost(PassReason::kTimeout);
    CHECK_EQ(talk.said(), "O");
    talk.mta("E");
    CHECK_EQ(talk.said(), "a");
}

void test_mta_nonsense_ends_the_session() {
    for (const char* word : {"Zx", "O", "Oshort", "\xff"}) {
        Talk talk;
        talk.relay.mta_frame({word[0], as_bytes(std::string_view(word + 1))});
        CHECK(talk.relay.finished(), word);
        CHECK_EQ(talk.said(), "", word);
    }
}

void test_no_replacement_after_skip() {
    Talk talk;
    talk.negotiate();
    talk.mta("M<a>");
    talk.engine("c");
    talk.mta("B+1000");
    talk.engine("s");
    talk.mta("E");
    talk.said();
    talk.engine("b+10 a");
    CHECK_EQ(talk.said(), "a");
    CHECK(!talk.relay.relaying());
}

// The body of one message does not make room for the next one's.
void test_body_size_is_of_this_message() {
    for (const char* between : {"A", "A M<a>", ""}) {
        Talk talk;
        talk.negotiate();
        talk.message();
        talk.engine("a");
        talk.said();
        if (*between != 0) talk.mta(between);
        if (talk.relay.waiting()) talk.engine("c");
        if (!std::string(between).ends_with(">")) {
            talk.mta("M<a>");
            talk.engine("c");
        }
        talk.mta("B+5");
        talk.engine("c");
        talk.said();
        talk.mta("E");
        talk.engine("b+6 a");
        CHECK_EQ(talk.said(), "a", between);
    }
}

void test_reply_that_does_not_fit() {
    Talk talk;
    talk.relay.set_reply_limit(500);
    talk.negotiate();
    talk.message();
    talk.engine("hX b+400 b+200 a");
    CHECK_EQ(talk.said(), "a");
    CHECK(talk.relay.relaying());
    CHECK(talk.relay.take_notes().at(0).reason == PassReason::kDoesNotFit);
    CHECK_EQ(talk.budget.held(), 0u);
    talk.message();  // the next one that fits is replaced
    talk.engine("b+400 a");
    CHECK_EQ(talk.said(), "ba");
}

void test_reply_budget_is_for_all() {
    Talk talk(PassReason::kNone, 400);
    talk.negotiate();
    talk.message();
    talk.engine("b+300 b+300 a");
    CHECK_EQ(talk.said(), "a");
    CHECK(talk.relay.take_notes().at(0).reason == PassReason::kBudget);
    CHECK_EQ(talk.budget.held(), 0u);
    CHECK(talk.relay.relaying());
}

// What is held counts until the MTA goes on, and is given back when the session ends at any moment.
void test_reply_budget_is_given_back() {
    ReplyBudget budget(10000);
    {
        GuardRelay relay(PassReason::kNone, budget);
        const std::string offer = negotiation(6, 0x1FF, kOffered), wanted = negotiation(6, 0x103, 0xFF000);
        const std::string body(1000, 'x');
        relay.mta_frame({'O', as_bytes(offer)});
        relay.engine_frame({'O', as_bytes(wanted)});
        relay.mta_frame({'B', as_bytes(body)});
        relay.mta_frame({'E', {}});
        relay.engine_frame({'b', as_bytes(body).first(500)});
        CHECK_EQ(budget.held(), 505u);
    }
    CHECK_EQ(budget.held(), 0u);
}

void test_frame_too_long() {
    Talk talk;
    talk.negotiate();
    talk.mta("M<a>");
    talk.engine("c");
    talk.said();
    talk.relay.mta_frame_too_long('L');
    CHECK(!talk.relay.relaying());
    CHECK_EQ(talk.said(), "a");
    CHECK(talk.relay.take_notes().at(0).reason == PassReason::kTooLong);
    // One that has no answer gets none.
    talk.relay.mta_frame_too_long('D');
    CHECK_EQ(talk.said(), "");
}

// libmilter may not see a K, and would take the new client for the old one.
void test_new_connection_on_the_same_socket() {
    for (const PassReason reason : {PassReason::kNone, PassReason::kNoEngine}) {
        Talk talk(reason);
        talk.mta("K");
        CHECK(talk.relay.finished());
        CHECK_EQ(talk.said(), "");
    }
}

// What was not agreed upon in the negotiation is not passed on, whatever was offered.
void test_edits_that_were_not_agreed() {
    struct Case {
        const char* name;
        std::uint32_t actions, protocol;
        const char *body_answer, *end_answer, *want;
    };
    constexpr Case kCases[] = {
        {"all agreed", 0x3, kSkip, "c", "hX b+10 a", "chba"},
        {"no header", 0x2, kSkip, "c", "hX b+10 a", "ca"},
        {"no body", 0x1, kSkip, "c", "b+10 a", "ca"},
        {"skip agreed", 0x3, kSkip, "s", "a", "sa"},
        {"no skip", 0x3, 0, "s", "a", "aa"},
    };
    for (const Case& c : kCases) {
        Talk talk;
        const std::string offer = negotiation(6, 0x1FF, kOffered),
                          wanted = negotiation(6, c.actions, c.protocol);
        talk.relay.mta_frame({'O', as_bytes(offer)});
        talk.relay.engine_frame({'O', as_bytes(wanted)});
        talk.said();
        talk.mta("B+1000");
        talk.engine(c.body_answer);
        talk.mta("E");
        talk.engine(c.end_answer);
        CHECK_EQ(talk.said(), c.want, c.name);
    }
}

void test_pieces_of_the_body() {
    Talk talk(PassReason::kNone, 1 << 20);
    talk.negotiate();
    talk.mta("B+65535");
    talk.engine("c");
    talk.mta("E+65535");  // the last one may come with the end
    talk.said();
    talk.engine("b+65535 b+65534 a");
    CHECK_EQ(talk.said(), "bba");
    talk.mta("M<a>");
    talk.engine("c");
    for (int i = 0; i < 2; ++i) {
        talk.mta("B+65535");
        talk.engine("c");
    }
    talk.mta("E");
    talk.said();
    talk.engine("b+65536 a");  // longer than MILTER_CHUNK_SIZE
    CHECK_EQ(talk.said(), "a");
}

void test_abort_comes_late_with_the_next_mail() {
    Talk talk;
    talk.negotiate();
    talk.message();
    talk.engine("a");
    talk.said();
    talk.mta("A M<c>");
    talk.engine("c");
    CHECK_EQ(talk.said(), "c");
    CHECK(talk.heard().ends_with("EAM"));
}

std::string relayed(const std::string& macros) {
    Talk talk;
    talk.relay.mta_frame({'D', as_bytes(macros)});
    return talk.heard();
}

// What is not made of names and values is kept from libmilter, which would read past its end.
void test_macros_that_make_no_sense() {
    struct Case {
        std::string macros, want;
    };
    const Case kCases[] = {
        {"E", "D"},
        {std::string("E\0\0", 3), "D"},
        {std::string("Ei\0x\0", 5), "D"},
        {"", ""},
        {"Ei", ""},
        {std::string("Ei\0", 3), ""},
        {std::string("Ei\0x", 4), ""},
        {std::string("E\0\0i\0", 5), ""},
        {std::string(1000, 'i'), ""},
    };
    for (const Case& c : kCases) {
        Talk talk(PassReason::kNoEngine);
        talk.relay.mta_frame({'D', as_bytes(c.macros)});
        talk.mta("E");
        CHECK_EQ(talk.said(), "a");
        CHECK_EQ(relayed(c.macros), c.want, c.macros);
    }
    Talk talk(PassReason::kNoEngine);
    const std::string macros = std::string("Ei\0", 3) + std::string(5000, 'q') + std::string(1, '\0');
    talk.relay.mta_frame({'D', as_bytes(macros)});
    talk.mta("E");
    CHECK_EQ(talk.relay.take_notes().at(0).queue_id.size(), 64u);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_relays_what_is_said),
        TEST(test_a_reply_is_whole_or_nothing),
        TEST(test_replies_to_end_of_message),
        TEST(test_answers_before_the_end),
        TEST(test_engine_lost_at_each_command),
        TEST(test_no_reply_flags_bind_us_too),
        TEST(test_all_no_reply_flags),
        TEST(test_answer_to_a_silent_command_is_wrong),
        TEST(test_two_answers_to_one_command),
        TEST(test_no_engine),
        TEST(test_negotiations_that_are_refused),
        TEST(test_engine_lost_in_negotiation),
        TEST(test_mta_nonsense_ends_the_session),
        TEST(test_no_replacement_after_skip),
        TEST(test_body_size_is_of_this_message),
        TEST(test_reply_that_does_not_fit),
        TEST(test_reply_budget_is_for_all),
        TEST(test_reply_budget_is_given_back),
        TEST(test_frame_too_long),
        TEST(test_new_connection_on_the_same_socket),
        TEST(test_edits_that_were_not_agreed),
        TEST(test_pieces_of_the_body),
        TEST(test_abort_comes_late_with_the_next_mail),
        TEST(test_macros_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
