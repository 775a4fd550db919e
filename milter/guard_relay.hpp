// SPDX-License-Identifier: Apache-2.0
//
// One session between MTA and engine as a pure state machine: frames, losses and limits go in, bytes for the
// two sides come out. It holds the promise that the MTA gets exactly the answers that are due, that they are
// only CONTINUE, SKIP or ACCEPT, and that a new body leaves whole and smaller or not at all, whatever the
// engine does. Knows no socket and no clock, parses no mail. Not thread safe.
//
// Rules: doc/guard.md. Security: both sides' frames are hostile; what is held is bounded
// by the body that came in, by reply_limit and by the ReplyBudget.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "milter/frame.hpp"

namespace optimilter {

// Why the guard itself answers for the engine.
enum class PassReason : std::uint8_t {
    kNone,
    kNoEngine,
    kDied,
    kTimeout,
    kWrong,
    kBreaker,
    kSessions,
    kBudget,
    kDoesNotFit,
    kTooLong,
    kSettings,
};
// For the log: "engine died". Static text.
const char* pass_reason_text(PassReason reason);

// Reply bytes that all sessions hold together.
class ReplyBudget {
  public:
    explicit ReplyBudget(std::size_t limit_bytes) : limit_(limit_bytes) {}
    bool take(std::size_t bytes) {
        if (bytes > limit_ || held_ > limit_ - bytes) return false;
        held_ += bytes;
        return true;
    }
    void give_back(std::size_t bytes) { held_ -= bytes; }
    void set_limit(std::size_t bytes) { limit_ = bytes; }
    std::size_t held() const { return held_; }

  private:
    std::size_t limit_;
    std::size_t held_ = 0;
};

// What came of a message, told once for each.
struct MessageNote {
    PassReason reason = PassReason::kNone;  // kNone: the engine's own answer was passed on
    bool replaced = false;
    char command = 0;      // the command that was answered
    char answer = 0;       // kWrong: the engine's answer; else 0
    std::string queue_id;  // foreign text; empty where the MTA has given none yet
};

class GuardRelay {
  public:
    // reason: kNone relays; anything else answers without an engine from the start. budget outlives the
    // relay.
    GuardRelay(PassReason reason, ReplyBudget& budget) : reason_(reason), budget_(budget) {}
    ~GuardRelay() { release_reply(); }
    GuardRelay(const GuardRelay&) = delete;
    GuardRelay& operator=(const GuardRelay&) = delete;

    // Replies larger than this are not sent (the socket buffer's size); by default none is too large.
    void set_reply_limit(std::size_t bytes) { reply_limit_ = bytes; }

    // ---- What happens. The MTA's next frame may come only while ready_for_mta(); the engine's only while
    // relaying().
    void mta_frame(const Frame& frame);
    void mta_frame_too_long(char command);
    void engine_frame(const Frame& frame);
    // The engine is gone, late or not wanted any more: gives the answer that is due. No-op when it was lost
    // before.
    void engine_lost(PassReason reason);

    // ---- What is to be done. The caller takes bytes away from the front as it sends them.
    Bytes to_engine;
    Bytes to_mta;
    // One for each message that was answered, each once.
    std::vector<MessageNote> take_notes() { return std::exchange(notes_, {}); }

    // All of to_mta has left: what it held counts no more.
    void reply_sent() { budget_.give_back(std::exchange(reply_held_, 0)); }

    bool relaying() const { return reason_ == PassReason::kNone; }
    PassReason reason() const { return reason_; }
    // The engine owes an answer.
    bool waiting() const { return due_ != 0; }
    bool waiting_for_end() const { return due_ == kCommandEndOfMessage; }
    bool ready_for_mta() const { return !waiting() && !finished_; }
    // The MTA has said goodbye: nothing more comes.
    bool finished() const { return finished_; }
    // Within a message whose headers have begun to come, so that its end is near.
    bool in_content() const { return in_content_; }
    // Changes whenever a message begins or ends, so that time budgets can begin anew.
    std::uint64_t message_number() const { return message_number_; }

  private:
    bool note_macros(ByteView payload);
    void begin_message();
    void end_message();
    void follow(const Frame& frame);
    void pass_on(const Frame& frame);
    void answer_alone(char command);
    void answer_negotiation();
    void reply(char code);
    void note(char command, PassReason reason, bool replaced = false);
    void refuse(char answer);

    void take_negotiation(const Frame& frame);
    void take_answer(const Frame& frame);
    void take_end(const Frame& frame);
    void take_header_edit(const Frame& frame);
    void take_body_piece(const Frame& frame);
    void take_final(char code);
    void hold(const Frame& frame);
    void release_reply();
    void reset_reply();

    PassReason reason_;
    ReplyBudget& budget_;
    std::size_t reply_limit_ = std::numeric_limits<std::size_t>::max();

    Bytes offer_;                                             // payload of the MTA's negotiation
    std::uint32_t agreed_actions_ = 0, agreed_protocol_ = 0;  // flags of the engine's answer to it
    char due_ = 0;  // command that the engine has to answer; 0: none
    bool finished_ = false;

    // This message.
    std::uint64_t message_number_ = 0;
    std::string queue_id_;
    bool in_message_ = false;
    bool in_content_ = false;
    bool noted_ = false;    // its note was made, or its answer was final
    bool skipped_ = false;  // the engine has not seen the whole body
    std::size_t body_bytes_ = 0;

    // The reply to its end, as far as it came.
    Bytes reply_;
    std::size_t reply_body_ = 0;  // bytes of the new body
    std::size_t reply_headers_ = 0;
    bool reply_has_body_ = false;
    std::size_t reply_held_ = 0;            // taken from the budget
    PassReason unfit_ = PassReason::kNone;  // why it will not be sent

    char refused_ = 0;  // the engine's answer that was refused
    std::vector<MessageNote> notes_;
};

}  // namespace optimilter
