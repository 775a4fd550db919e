// SPDX-License-Identifier: Apache-2.0
//
// The words of the milter protocol (version 6; Sendmail's include/libmilter/mfdef.h) and a reader that cuts a
// byte stream into its frames: a length of four bytes, high byte first, that counts the command byte and the
// payload behind it. Knows no socket and no mail. Not thread safe.
//
// Security: the bytes are hostile. A reader holds one frame of at most its limit and what one append()
// brought.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace optimilter {

// What the MTA sends.
enum MilterCommand : char {
    kCommandAbort = 'A',
    kCommandBody = 'B',
    kCommandConnect = 'C',
    kCommandMacro = 'D',
    kCommandEndOfMessage = 'E',
    kCommandHelo = 'H',
    kCommandQuitNewConnection = 'K',
    kCommandHeader = 'L',
    kCommandMail = 'M',
    kCommandEndOfHeaders = 'N',
    kCommandNegotiate = 'O',
    kCommandQuit = 'Q',
    kCommandRecipient = 'R',
    kCommandData = 'T',
    kCommandUnknown = 'U',
};

// What a filter answers, as far as optimilter may.
enum MilterReply : char {
    kReplyAccept = 'a',
    kReplyReplaceBody = 'b',
    kReplyContinue = 'c',
    kReplyAddHeader = 'h',
    kReplyNegotiate = 'O',
    kReplyProgress = 'p',
    kReplySkip = 's',
};

// Protocol flags by which a filter says that it does not answer a command (SMFIP_NR_*); 0: it always does.
std::uint32_t no_reply_flag(char command);

// English for a command, for logs: "MAIL", "end of message". Static text.
const char* command_name(char command);

struct Frame {
    char command = 0;
    ByteView payload;  // without the command byte
};

constexpr std::size_t kFrameLengthBytes = 4;

void append_frame(Bytes& to, char command, ByteView payload = {});

class FrameReader {
  public:
    // limit: largest frame, command byte and payload, in bytes.
    explicit FrameReader(std::size_t limit) : limit_(limit) {}

    enum class Next {
        kNone,       // more bytes are needed
        kFrame,      // frame is filled in; it is valid until the next call of any member
        kTooLong,    // a frame beyond the limit: frame.command is known, its payload is skipped
        kMalformed,  // a length of 0: the stream makes no sense any more
    };
    Next next(Frame& frame);
    void append(ByteView bytes);

    // A whole frame, or the head of one too long, waits to be taken.
    bool has_frame() const;
    // Bytes held, and memory given back that only a large frame needed.
    std::size_t held() const { return buffer_.size() - begin_; }
    void shrink();

  private:
    void drop(std::size_t bytes);

    std::size_t limit_;
    Bytes buffer_;
    std::size_t begin_ = 0;  // of the first byte that was not taken yet
    std::size_t skip_ = 0;   // bytes still to come of a frame too long
};

}  // namespace optimilter
