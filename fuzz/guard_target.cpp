// SPDX-License-Identifier: Apache-2.0
//
// A session between MTA, guard and engine: two byte streams in pieces of any size, losses of the engine at
// any moment, limits. The input is a list of steps, see run(). Promises: whatever the two say, the MTA gets
// whole frames, only as answers to commands that are due, only ACCEPT, CONTINUE and SKIP, and a negotiation
// within what it offered; the answer to an end of message is whole, its new body smaller than what came; the
// engine is sent what the MTA said; without an engine no answer stays due; what is held is bounded.
#include <deque>
#include <optional>

#include "fuzz/fuzz_target.hpp"
#include "milter/frame.hpp"
#include "milter/guard_relay.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::size_t kMostMtaFrame = 8192;
constexpr std::size_t kMostEngineFrame = 4096;
constexpr std::size_t kReplyBudget = 12'000;
constexpr std::size_t kNegotiation = 12;
// From here on a length byte counts in steps of 61.
constexpr std::size_t kLargePayload = 180;

constexpr char kCommands[] = {'O', 'C', 'H', 'M', 'R', 'T', 'L', 'N', 'B', 'E', 'D', 'A', 'Q', 'K', 'U', 'x'};
constexpr char kReplies[] = {'a', 'c', 's', 'b', 'h', 'O', 'p', 'r', 't', 'd', 'q', 'm', 'i', '+', 'y', 0};

// The flags of libmilter's mfdef.h, told anew.
std::uint32_t silent_flag(char command) {
    switch (command) {
        case 'C':
            return 0x1000;
        case 'H':
            return 0x2000;
        case 'M':
            return 0x4000;
        case 'R':
            return 0x8000;
        case 'T':
            return 0x10000;
        case 'U':
            return 0x20000;
        case 'L':
            return 0x80;
        case 'N':
            return 0x40000;
        case 'B':
            return 0x80000;
        default:
            return 0;
    }
}

// The MTA as it should be: which answers it waits for, and what it must never see.
class WatchfulMta {
  public:
    // A command that the guard has taken.
    void said(char command, ByteView payload) {
        switch (command) {
            case 'D':
            case 'Q':
                return;
            case 'A':
            case 'K':
                return forget_message();
            case 'O':
                offer_ = bytes_of(payload.first(kNegotiation));
                actions_ = protocol_ = 0;
                break;
            case 'M':
                forget_message();
                break;
            case 'B':
            case 'E':  // the last piece may come with the end
                body_ += payload.size();
                break;
            default:
                break;
        }
        if ((protocol_ & silent_flag(command)) == 0) due_.push_back(command);
    }

    void heard(ByteView bytes) {
        append(stream_, bytes);
        std::size_t at = 0;
        while (stream_.size() - at > 4) {
            const std::size_t length = read_be32(&stream_[at]);
            promise(length >= 1, "a frame has a command");
            if (stream_.size() - at - 4 < length) break;
            take(static_cast<char>(stream_[at + 4]), ByteView(stream_).subspan(at + 5, length - 1));
            at += 4 + length;
        }
        promise(at == stream_.size(), "frames come whole");
        promise(!in_reply_, "the answer to an end of message comes whole");
        stream_.clear();
    }

    bool waits() const { return !due_.empty(); }

  private:
    void forget_message() {
        body_ = 0;
        skipped_ = false;
    }

    void take(char reply, ByteView payload) {
        promise(!due_.empty(), "no answer comes that is not due");
        switch (reply) {
            case 'h':
                promise(due_.front() == 'E' && !replaced_ && (actions_ & 0x1),
                        "a header comes before the body");
                in_reply_ = true;
                headers_ = true;  // one without name and value is no header
                return;
            case 'b':
                promise(due_.front() == 'E' && !skipped_ && (actions_ & 0x2),
                        "a body comes at the end of a whole message");
                new_body_ += payload.size();
                promise(new_body_ < body_, "a new body is smaller");
                in_reply_ = replaced_ = true;
                return;
            case 'O':
                return take_negotiation(payload);
            case 's':
                promise(due_.front() == 'B' && (protocol_ & 0x400), "SKIP answers a piece of the body");
                skipped_ = true;
                break;
            default:
                promise(reply == 'a' || reply == 'c', "an answer is ACCEPT or CONTINUE");
                promise(!headers_ || replaced_, "no header without a new body");
        }
        promise(payload.empty(), "an answer is one byte");
        answered();
    }

    void take_negotiation(ByteView payload) {
        promise(due_.front() == 'O' && payload.size() >= kNegotiation, "a negotiation answers one");
        for (const std::size_t at : {std::size_t{4}, std::size_t{8}})
            promise((read_be32(&payload[at]) & ~read_be32(&offer_[at])) == 0,
                    "nothing is wanted but what was offered");
        promise(read_be32(payload.data()) <= read_be32(offer_.data()), "no newer version than offered");
        actions_ = read_be32(&payload[4]);
        protocol_ = read_be32(&payload[8]);
        due_.pop_front();
    }

    void answered() {
        if (due_.front() == 'E') forget_message();
        in_reply_ = headers_ = replaced_ = false;
        new_body_ = 0;
        due_.pop_front();
    }

    std::deque<char> due_;
    Bytes stream_;
    Bytes offer_;
    std::uint32_t actions_ = 0;  // as agreed
    std::uint32_t protocol_ = 0;
    std::size_t body_ = 0;
    std::size_t new_body_ = 0;
    bool skipped_ = false;
    bool in_reply_ = false;
    bool headers_ = false;
    bool replaced_ = false;
};

class Talk {
  public:
    explicit Talk(PassReason reason) : budget_(kReplyBudget), relay_(reason, budget_) {}

    void step(Feed& feed) {
        const std::uint8_t what = feed.byte();
        const bool at_once = what & 8;
        switch (what % 8) {
            case 0:
            case 1:
                queue(mta_, kCommands[what >> 4], feed);
                break;
            case 2:
            case 3:
                queue(engine_, kReplies[what >> 4], feed);
                break;
            case 4:
                append(what & 16 ? mta_ : engine_, as_bytes(feed.text()));
                break;
            case 5:
                deliver_mta(feed.byte());
                return;
            case 6:
                deliver_engine(feed.byte());
                return;
            default:
                change(feed.byte());
        }
        if (at_once) {
            deliver_mta(mta_.size());
            deliver_engine(engine_.size());
        }
    }

    void end() {
        deliver_mta(mta_.size());
        deliver_engine(engine_.size());
        lose(PassReason::kDied);
        promise(!mta_model_.waits(), "without an engine no answer stays due");
    }

  private:
    // A byte says how long the payload is; a negotiation and macros get what makes them one.
    static void queue(Bytes& stream, char command, Feed& feed) {
        if (command == 'O') {
            append_frame(stream, command, negotiation(feed));
            return;
        }
        const std::size_t count = feed.byte();
        const std::size_t size = count < kLargePayload ? count : (count - kLargePayload) * 61;
        Bytes payload = bytes_of(feed.take(std::min<std::size_t>(size, 16)));
        payload.resize(size, 'x');
        append_frame(stream, command, payload);
    }
    static Bytes negotiation(Feed& feed) {
        Bytes payload(kNegotiation);
        write_be32(payload.data(), 6);
        write_be32(&payload[4], static_cast<std::uint32_t>(feed.number(2)));
        write_be32(&payload[8], static_cast<std::uint32_t>(feed.number(3)));
        return payload;
    }

    void deliver_mta(std::size_t count) {
        give(mta_, from_mta_, count);
        serve();
    }
    void deliver_engine(std::size_t count) {
        give(engine_, from_engine_, count);
        serve();
    }
    static void give(Bytes& stream, FrameReader& reader, std::size_t count) {
        count = std::min(count, stream.size());
        reader.append(ByteView(stream).first(count));
        stream.erase(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(count));
    }

    void change(std::uint8_t what) {
        if (what < 128) return relay_.set_reply_limit(std::size_t{what} * 64);
        lose(static_cast<PassReason>(1 + what % static_cast<unsigned>(PassReason::kSettings)));
    }
    void lose(PassReason reason) {
        relay_.engine_lost(reason);
        listen();
        serve();
    }

    // As a session does it.
    void serve() {
        do {
            serve_engine();
            serve_mta();
        } while (relay_.relaying() && from_engine_.has_frame());
        listen();
        if (!relay_.waiting_for_end()) relay_.reply_sent();
        from_mta_.shrink();
        from_engine_.shrink();
        check();
    }
    void serve_engine() {
        Frame frame;
        while (relay_.relaying()) {
            const FrameReader::Next next = from_engine_.next(frame);
            if (next == FrameReader::Next::kNone) break;
            if (next == FrameReader::Next::kFrame)
                relay_.engine_frame(frame);
            else
                relay_.engine_lost(PassReason::kWrong);
            listen();
        }
    }
    void serve_mta() {
        Frame frame;
        while (!over_ && relay_.ready_for_mta() && from_mta_.has_frame()) {
            const FrameReader::Next next = from_mta_.next(frame);
            over_ = next == FrameReader::Next::kMalformed;
            if (over_) return;
            const bool too_long = next == FrameReader::Next::kTooLong;
            take(too_long ? Frame{frame.command, {}} : frame, too_long);
            listen();
        }
    }

    void take(const Frame& frame, bool too_long) {
        const bool relayed = relay_.relaying();
        const std::size_t before = relay_.to_engine.size();
        // The guard hangs up on what is no command.
        const bool answerable = frame.command == 'E' || silent_flag(frame.command) != 0 ||
                                (frame.command == 'O' && frame.payload.size() >= kNegotiation);
        if (answerable || frame.command == 'D' || frame.command == 'A' || frame.command == 'K')
            mta_model_.said(frame.command, frame.payload);
        if (too_long)
            relay_.mta_frame_too_long(frame.command);
        else
            relay_.mta_frame(frame);
        if (relayed && relay_.relaying()) check_passed_on(frame, before);
    }
    void check_passed_on(const Frame& frame, std::size_t before) {
        Bytes expected;
        append_frame(expected, frame.command, frame.payload);
        // Macros that libmilter would read past their end are left out.
        if (frame.command == 'D' && relay_.to_engine.size() == before) return;
        promise(as_text(ByteView(relay_.to_engine).subspan(before)) == as_text(expected),
                "the engine hears the MTA");
        if (relay_.to_engine.size() > kMostMtaFrame) relay_.to_engine.clear();  // it was sent
    }

    void listen() {
        mta_model_.heard(relay_.to_mta);
        relay_.to_mta.clear();
    }
    void check() {
        promise(budget_.held() <= kReplyBudget, "replies held are within the budget");
        promise(relay_.relaying() || !mta_model_.waits(), "without an engine no answer stays due");
        promise(relay_.waiting() == (relay_.relaying() && mta_model_.waits()), "the guard knows what is due");
        notes_ += relay_.take_notes().size();
        promise(notes_ <= relay_.message_number() + 1, "one note for a message");
    }

    ReplyBudget budget_;
    GuardRelay relay_;
    WatchfulMta mta_model_;
    Bytes mta_;  // what the two have said and nobody has read yet
    Bytes engine_;
    FrameReader from_mta_{kMostMtaFrame};
    FrameReader from_engine_{kMostEngineFrame};
    bool over_ = false;
    std::uint64_t notes_ = 0;
};

// First byte: 0 to 10 a reason to pass from the start (0: none). Then steps: what, and what it needs.
void run(ByteView input) {
    Feed feed(input);
    Talk talk(static_cast<PassReason>(feed.byte() % (static_cast<unsigned>(PassReason::kSettings) + 1)));
    while (!feed.empty()) talk.step(feed);
    talk.end();
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
