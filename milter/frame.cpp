// SPDX-License-Identifier: Apache-2.0
#include "milter/frame.hpp"

#include <algorithm>

namespace optimilter {

namespace {

struct CommandRow {
    char command;
    std::uint32_t no_reply;
    const char* name;
};

constexpr CommandRow kCommands[] = {
    {kCommandNegotiate, 0, "negotiation"},
    {kCommandConnect, 0x1000, "connect"},
    {kCommandHelo, 0x2000, "HELO"},
    {kCommandMail, 0x4000, "MAIL"},
    {kCommandRecipient, 0x8000, "RCPT"},
    {kCommandData, 0x10000, "DATA"},
    {kCommandUnknown, 0x20000, "unknown command"},
    {kCommandHeader, 0x80, "header"},
    {kCommandEndOfHeaders, 0x40000, "end of headers"},
    {kCommandBody, 0x80000, "body"},
    {kCommandEndOfMessage, 0, "end of message"},
};

const CommandRow* row_of(char command) {
    for (const CommandRow& row : kCommands) {
        if (row.command == command) return &row;
    }
    return nullptr;
}

// Memory that a reader or a buffer may keep between messages.
constexpr std::size_t kKeptCapacity = 64 << 10;

}  // namespace

std::uint32_t no_reply_flag(char command) {
    const CommandRow* row = row_of(command);
    return row == nullptr ? 0 : row->no_reply;
}

const char* command_name(char command) {
    const CommandRow* row = row_of(command);
    return row == nullptr ? "an unknown command" : row->name;
}

void append_frame(Bytes& to, char command, ByteView payload) {
    std::uint8_t head[kFrameLengthBytes + 1];
    write_be32(head, static_cast<std::uint32_t>(payload.size() + 1));
    head[kFrameLengthBytes] = static_cast<std::uint8_t>(command);
    append(to, head);
    append(to, payload);
}

void FrameReader::append(ByteView bytes) {
    const std::size_t skipped = std::min(skip_, bytes.size());
    skip_ -= skipped;
    bytes = bytes.subspan(skipped);
    if (begin_ == buffer_.size()) {
        buffer_.clear();
        begin_ = 0;
    } else if (begin_ >= kKeptCapacity) {
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
        begin_ = 0;
    }
    optimilter::append(buffer_, bytes);
}

bool FrameReader::has_frame() const {
    if (held() < kFrameLengthBytes) return false;
    const std::size_t length = read_be32(buffer_.data() + begin_);
    if (length == 0) return true;
    if (held() == kFrameLengthBytes) return false;
    return length > limit_ || held() - kFrameLengthBytes >= length;
}

FrameReader::Next FrameReader::next(Frame& frame) {
    if (!has_frame()) return Next::kNone;
    const std::uint8_t* head = buffer_.data() + begin_;
    const std::size_t length = read_be32(head);
    if (length == 0) return Next::kMalformed;
    frame.command = static_cast<char>(head[kFrameLengthBytes]);
    if (length > limit_) {
        frame.payload = {};
        const std::size_t whole = kFrameLengthBytes + length, here = std::min(whole, held());
        skip_ = whole - here;
        drop(here);
        return Next::kTooLong;
    }
    frame.payload = ByteView(head + kFrameLengthBytes + 1, length - 1);
    drop(kFrameLengthBytes + length);
    return Next::kFrame;
}

void FrameReader::drop(std::size_t bytes) {
    begin_ += bytes;  // the bytes stay until the next append(): a frame given out still points to them
}

void FrameReader::shrink() {
    if (begin_ != buffer_.size() || buffer_.capacity() <= kKeptCapacity) return;
    buffer_ = Bytes();
    begin_ = 0;
}

}  // namespace optimilter
