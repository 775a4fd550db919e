// SPDX-License-Identifier: Apache-2.0
//
// The promises of the guard, on its state machine alone, up to the end of a message: exactly the answers that
// are due, only harmless ones.
#include "guard_talk.hpp"

namespace optimilter {
namespace {

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
        TEST(test_frame_too_long),
        TEST(test_new_connection_on_the_same_socket),
        TEST(test_abort_comes_late_with_the_next_mail),
        TEST(test_macros_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
