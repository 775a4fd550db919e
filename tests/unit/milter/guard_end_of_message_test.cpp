// SPDX-License-Identifier: Apache-2.0
//
// The promises of the guard, on its state machine alone, at the end of a message: a new body whole or not at
// all, and within the budget.
#include "guard_talk.hpp"

namespace optimilter {
namespace {

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

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_a_reply_is_whole_or_nothing), TEST(test_replies_to_end_of_message),
        TEST(test_no_replacement_after_skip),   TEST(test_body_size_is_of_this_message),
        TEST(test_reply_that_does_not_fit),     TEST(test_reply_budget_is_for_all),
        TEST(test_reply_budget_is_given_back),  TEST(test_edits_that_were_not_agreed),
        TEST(test_pieces_of_the_body),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
