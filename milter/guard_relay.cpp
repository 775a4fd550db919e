// SPDX-License-Identifier: Apache-2.0
#include "milter/guard_relay.hpp"

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

namespace optimilter {

namespace {

constexpr std::size_t kNegotiationBytes = 12;  // version, actions, protocol
constexpr std::uint32_t kVersion = 6, kOldestVersion = 2;
// SMFIF_ADDHDRS, SMFIF_CHGBODY, SMFIP_SKIP: what the engine must have agreed upon before it does it.
constexpr std::uint32_t kMayAddHeaders = 0x1, kMayReplaceBody = 0x2, kMaySkip = 0x400;
// MILTER_CHUNK_SIZE: no MTA need take more at once.
constexpr std::size_t kMaxBodyPiece = 65535;
// SMFIP_NOCONNECT .. SMFIP_NODATA: all the events that a filter can do without.
constexpr std::uint32_t kNoEvents = 0x37F;
// libmilter refuses longer header fields itself; a trace field has some dozen bytes.
constexpr std::size_t kMaxHeaderEdits = 64 << 10;
constexpr std::size_t kMaxQueueId = 64;

struct Negotiation {
    explicit Negotiation(ByteView payload)
        : version(read_be32(payload.data())),
          actions(read_be32(payload.data() + 4)),
          protocol(read_be32(payload.data() + 8)) {}

    std::uint32_t version, actions, protocol;
};

bool is_content(char command) {
    return command == kCommandHeader || command == kCommandEndOfHeaders || command == kCommandBody ||
           command == kCommandEndOfMessage;
}

bool is_before_message(char command) {
    return command == kCommandNegotiate || command == kCommandConnect || command == kCommandHelo ||
           command == kCommandUnknown;
}

bool is_known(char command) {
    return command == kCommandNegotiate || command == kCommandEndOfMessage || no_reply_flag(command) != 0;
}

// A name and a value, each ended by a zero byte.
bool is_header_edit(ByteView payload) {
    const std::string_view text = as_text(payload);
    const std::size_t name_end = text.find('\0');
    return name_end != 0 && name_end != std::string_view::npos &&
           text.find('\0', name_end + 1) == text.size() - 1;
}

}  // namespace

const char* pass_reason_text(PassReason reason) {
    switch (reason) {
        case PassReason::kNone:
            return "";
        case PassReason::kNoEngine:
            return "no engine";
        case PassReason::kDied:
            return "engine died";
        case PassReason::kTimeout:
            return "engine did not answer in time";
        case PassReason::kWrong:
            return "engine gave a wrong answer";
        case PassReason::kBreaker:
            return "engine hangs: circuit breaker is open";
        case PassReason::kSessions:
            return "guard_sessions reached";
        case PassReason::kBudget:
            return "guard_reply_budget used up";
        case PassReason::kDoesNotFit:
            return "new body does not fit into the socket buffer";
        case PassReason::kTooLong:
            return "frame too long";
        case PassReason::kSettings:
            return "settings file has problems";
    }
    return "";
}

// ---- From the MTA
// --------------------------------------------------------------------------------------------

void GuardRelay::mta_frame(const Frame& frame) {
    reset_reply();  // the MTA goes on, so it has the last one
    switch (frame.command) {
        case kCommandMacro:
            if (note_macros(frame.payload)) pass_on(frame);
            return;
        case kCommandAbort:
            end_message();
            return pass_on(frame);
        case kCommandQuitNewConnection:
            // libmilter, after an ACCEPT, does not see this one, and would take the next client for the last:
            // so the MTA gets a new connection.
        case kCommandQuit:
            finished_ = true;
            return pass_on(frame);
        default:
            return follow(frame);
    }
}

// The commands that are answered, unless a no-reply flag says otherwise.
void GuardRelay::follow(const Frame& frame) {
    const char command = frame.command;
    if (!is_known(command) || (command == kCommandNegotiate && frame.payload.size() < kNegotiationBytes)) {
        finished_ = true;
        return engine_lost(PassReason::kWrong);
    }
    if (command == kCommandNegotiate) {
        offer_.assign(frame.payload.begin(), frame.payload.begin() + kNegotiationBytes);
        agreed_actions_ = agreed_protocol_ = 0;
    }
    if (command == kCommandMail) end_message();
    if (!is_before_message(command)) begin_message();
    if (is_content(command)) in_content_ = true;
    // The last piece of the body may come with its end.
    if (command == kCommandBody || command == kCommandEndOfMessage) body_bytes_ += frame.payload.size();
    if (!relaying()) return answer_alone(command);
    pass_on(frame);
    if ((agreed_protocol_ & no_reply_flag(command)) == 0) due_ = command;
}

void GuardRelay::mta_frame_too_long(char command) {
    engine_lost(PassReason::kTooLong);
    mta_frame(Frame{command, {}});
}

void GuardRelay::pass_on(const Frame& frame) {
    if (relaying()) append_frame(to_engine, frame.command, frame.payload);
}

// A command byte, then names and values, each ended by a zero byte. Only {i} is of interest, for the log.
// false: it is not so; libmilter would read past its end.
bool GuardRelay::note_macros(ByteView payload) {
    std::string_view text = as_text(payload);
    if (text.empty()) return false;
    text.remove_prefix(1);
    while (!text.empty()) {
        const std::size_t name_end = text.find('\0');
        if (name_end == std::string_view::npos) return false;
        const std::size_t value_end = text.find('\0', name_end + 1);
        if (value_end == std::string_view::npos) return false;
        const std::string_view name = text.substr(0, name_end);
        if (name == "i" || name == "{i}")
            queue_id_ = text.substr(name_end + 1, std::min(value_end - name_end - 1, kMaxQueueId));
        text.remove_prefix(value_end + 1);
    }
    return true;
}

void GuardRelay::begin_message() {
    if (std::exchange(in_message_, true)) return;
    ++message_number_;
    body_bytes_ = 0;
    noted_ = skipped_ = false;
}

void GuardRelay::end_message() {
    if (std::exchange(in_message_, false)) ++message_number_;
    in_content_ = false;
    queue_id_.clear();
}

// ---- Answers without the engine
// ------------------------------------------------------------------------------

void GuardRelay::engine_lost(PassReason reason) {
    if (!relaying()) return;
    reason_ = reason;
    to_engine = Bytes();
    reset_reply();
    if (due_ != 0) answer_alone(std::exchange(due_, '\0'));
}

void GuardRelay::answer_alone(char command) {
    if (command == kCommandNegotiate) return answer_negotiation();
    if ((agreed_protocol_ & no_reply_flag(command)) != 0) return;
    // ACCEPT here would make Postfix close the connection, and a new one costs it more than this one.
    if (is_before_message(command)) return reply(kReplyContinue);
    reply(kReplyAccept);
    note(command, reason_);
    if (command == kCommandEndOfMessage) end_message();
}

// "No events wanted": the MTA does not even send the body. It still sends macros and end-of-message.
void GuardRelay::answer_negotiation() {
    if (offer_.size() < kNegotiationBytes) return;
    const Negotiation offered{offer_};
    std::uint8_t answer[kNegotiationBytes];
    write_be32(answer, std::min(offered.version, kVersion));
    write_be32(answer + 4, 0);
    write_be32(answer + 8, offered.protocol & kNoEvents);
    append_frame(to_mta, kReplyNegotiate, answer);
    agreed_actions_ = agreed_protocol_ = 0;
}

void GuardRelay::reply(char code) {
    append_frame(to_mta, code);
}

void GuardRelay::note(char command, PassReason reason, bool replaced) {
    if (std::exchange(noted_, true)) return;
    notes_.push_back({reason, replaced, command, std::exchange(refused_, '\0'), queue_id_});
}

// ---- From the engine
// -----------------------------------------------------------------------------------------

void GuardRelay::engine_frame(const Frame& frame) {
    if (!relaying()) return;
    switch (due_) {
        case 0:  // an answer nobody asked for would be taken for that to the next command
            return refuse(frame.command);
        case kCommandNegotiate:
            return take_negotiation(frame);
        case kCommandEndOfMessage:
            return take_end(frame);
        default:
            return take_answer(frame);
    }
}

void GuardRelay::refuse(char answer) {
    refused_ = answer;
    engine_lost(PassReason::kWrong);
}

void GuardRelay::take_negotiation(const Frame& frame) {
    if (frame.command != kReplyNegotiate || frame.payload.size() < kNegotiationBytes)
        return refuse(frame.command);
    const Negotiation offered{offer_}, wanted{frame.payload};
    const bool fits = wanted.version >= kOldestVersion && wanted.version <= offered.version &&
                      (wanted.actions & ~offered.actions) == 0 && (wanted.protocol & ~offered.protocol) == 0;
    if (!fits) return refuse(frame.command);
    agreed_actions_ = wanted.actions;
    agreed_protocol_ = wanted.protocol;
    due_ = 0;
    append_frame(to_mta, frame.command, frame.payload);
}

void GuardRelay::take_answer(const Frame& frame) {
    const bool skip =
        frame.command == kReplySkip && due_ == kCommandBody && (agreed_protocol_ & kMaySkip) != 0;
    if (frame.command != kReplyContinue && frame.command != kReplyAccept && !skip)
        return refuse(frame.command);
    const char command = std::exchange(due_, '\0');
    reply(frame.command);
    if (skip) skipped_ = true;
    if (frame.command == kReplyAccept && !is_before_message(command)) {
        note(command, PassReason::kNone);
        end_message();
    }
}

// Header edits, then the body, then the final reply (Postfix closes the body at anything in between).
void GuardRelay::take_end(const Frame& frame) {
    switch (frame.command) {
        case kReplyProgress:
            return;  // the MTA has time enough for our deadline
        case kReplyAddHeader:
            return take_header_edit(frame);
        case kReplyReplaceBody:
            return take_body_piece(frame);
        case kReplyContinue:
        case kReplyAccept:
            return take_final(frame.command);
        default:
            return refuse(frame.command);
    }
}

void GuardRelay::take_header_edit(const Frame& frame) {
    reply_headers_ += frame.payload.size();
    const bool agreed = (agreed_actions_ & kMayAddHeaders) != 0 && is_header_edit(frame.payload);
    if (!agreed || reply_has_body_ || reply_headers_ > kMaxHeaderEdits) return refuse(frame.command);
    hold(frame);
}

void GuardRelay::take_body_piece(const Frame& frame) {
    reply_has_body_ = true;
    reply_body_ += frame.payload.size();
    const bool agreed = (agreed_actions_ & kMayReplaceBody) != 0 && frame.payload.size() <= kMaxBodyPiece;
    if (!agreed || skipped_ || reply_body_ >= body_bytes_) return refuse(frame.command);
    hold(frame);
}

void GuardRelay::hold(const Frame& frame) {
    if (unfit_ != PassReason::kNone) return;
    const std::size_t bytes = kFrameLengthBytes + 1 + frame.payload.size();
    // Room for the final reply is kept.
    const bool fits = reply_.size() + bytes + kFrameLengthBytes + 1 <= reply_limit_;
    if (!fits || !budget_.take(bytes)) {
        release_reply();
        unfit_ = fits ? PassReason::kBudget : PassReason::kDoesNotFit;
        return;
    }
    reply_held_ += bytes;
    try {
        // Reserved once, so that it never moves; pages that are not written cost nothing.
        constexpr std::size_t kOverhead = kMaxHeaderEdits;
        if (reply_.empty())
            reply_.reserve(std::min(body_bytes_ + body_bytes_ / 1024 + kOverhead, reply_limit_));
        append_frame(reply_, frame.command, frame.payload);
    } catch (const std::bad_alloc&) {
        release_reply();
        unfit_ = PassReason::kBudget;
    }
}

void GuardRelay::take_final(char code) {
    const bool replaces = reply_has_body_;
    if (reply_headers_ > 0 && !replaces) return refuse(kReplyAddHeader);
    due_ = 0;
    if (unfit_ != PassReason::kNone) {
        reply(kReplyAccept);
        note(kCommandEndOfMessage, unfit_);
    } else {
        append_frame(reply_, code);
        if (to_mta.empty()) {
            to_mta.swap(reply_);
        } else {
            append(to_mta, reply_);
        }
        note(kCommandEndOfMessage, PassReason::kNone, replaces);
    }
    end_message();
}

// The bytes; what they were is still counted, since more of them may come, to be thrown away.
void GuardRelay::release_reply() {
    budget_.give_back(std::exchange(reply_held_, 0));
    reply_ = Bytes();
}

void GuardRelay::reset_reply() {
    release_reply();
    reply_body_ = reply_headers_ = 0;
    reply_has_body_ = false;
    unfit_ = PassReason::kNone;
}

}  // namespace optimilter
