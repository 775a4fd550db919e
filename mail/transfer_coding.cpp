// SPDX-License-Identifier: Apache-2.0
#include "mail/transfer_coding.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "mail/base64_table.hpp"
#include "mail/header_block.hpp"

namespace optimilter {
namespace {

constexpr std::size_t kMaxLine = 998;  // RFC 5322 sec. 2.1.1
constexpr std::size_t kMaxLineWritten = 76;
constexpr std::size_t kPiece = 64 * 1024;

Error malformed(const char* text) {
    return {ErrorCode::kMalformed, text};
}

// Characters become bytes here, across line ends. Whatever is not of the alphabet stops it for good.
class QuadDecoder {
  public:
    // Decodes one line into out and returns how many bytes it wrote: room for three bytes in every four
    // characters begun is needed. Nothing further is written after a fault.
    std::size_t line(std::string_view text, std::uint8_t* out) {
        std::uint8_t* const begin = out;
        const auto* in = reinterpret_cast<const std::uint8_t*>(text.data());
        const auto* const end = in + text.size();
        if (pending_ == 0 && !padded_) {
            for (; end - in >= 4; in += 4, out += 3) {
                const std::uint32_t quad = base64_quad(in);
                if (quad & kNotBase64) break;
                out[0] = static_cast<std::uint8_t>(quad >> 16);
                out[1] = static_cast<std::uint8_t>(quad >> 8);
                out[2] = static_cast<std::uint8_t>(quad);
            }
        }
        for (; in != end && fault_ == nullptr; ++in) out = one(*in, out);
        return static_cast<std::size_t>(out - begin);
    }
    const char* fault() const { return fault_; }
    // After the last line: nullptr when the text ended with a whole quad.
    const char* end_fault() const {
        if (fault_ != nullptr) return fault_;
        if (padded_ && pads_left_ > 0) return "base64 ends within its padding";
        return pending_ != 0 && !padded_ ? "base64 ends within a quad" : nullptr;
    }

  private:
    std::uint8_t* one(std::uint8_t c, std::uint8_t* out) {
        if (c == '=') return pad(out);
        const std::uint32_t value = kBase64Tables[3][c];
        if (padded_) {
            fault_ = "base64 goes on after its padding";
        } else if (value & kNotBase64) {
            fault_ = "a character that is not base64";
        } else {
            bits_ = (bits_ << 6) | value;
            if (++pending_ < 4) return out;
            pending_ = 0;
            for (int shift = 16; shift >= 0; shift -= 8) *out++ = static_cast<std::uint8_t>(bits_ >> shift);
            bits_ = 0;
        }
        return out;
    }

    // The first '=' writes the bytes of the quad begun; its spare bits must be zero (RFC 4648 sec. 3.5).
    std::uint8_t* pad(std::uint8_t* out) {
        if (padded_) {
            if (pads_left_ == 0) fault_ = "too much base64 padding";
            if (pads_left_ > 0) --pads_left_;
            return out;
        }
        const std::uint32_t spare = pending_ == 2 ? 0xFu : 0x3u;
        if (pending_ < 2) {
            fault_ = "base64 padding in the wrong place";
        } else if (bits_ & spare) {
            fault_ = "spare bits of base64 that are not zero";
        } else {
            padded_ = true;
            pads_left_ = pending_ == 2 ? 1 : 0;
            if (pending_ == 3) *out++ = static_cast<std::uint8_t>(bits_ >> 10);
            *out++ = static_cast<std::uint8_t>(pending_ == 3 ? bits_ >> 2 : bits_ >> 4);
        }
        return out;
    }

    std::uint32_t bits_ = 0;
    int pending_ = 0;  // characters of the quad begun
    int pads_left_ = 0;
    bool padded_ = false;
    const char* fault_ = nullptr;
};

// Offset after the blank lines that text begins with.
std::size_t leading_line_ends(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const TextLine line = line_at(text, at);
        if (!line.content.empty() || !line.complete) break;
        at = line.next;
    }
    return at;
}

// How many bytes of line ends text ends with.
std::size_t trailing_line_ends(std::string_view text) {
    std::size_t end = text.size();
    while (end > 0 && text[end - 1] == '\n') {
        --end;
        if (end > 0 && text[end - 1] == '\r') --end;
    }
    return text.size() - end;
}

// All line ends of a body must be of one kind.
struct LineEnds {
    bool crlf;
    bool seen = false;
    bool mixed = false;

    void add(const TextLine& line) {
        if (!line.complete) return;
        mixed = mixed || (seen && line.crlf != crlf);
        crlf = line.crlf;
        seen = true;
    }
    void add_all(std::string_view text) {
        for (std::size_t at = 0; at < text.size();) {
            const TextLine line = line_at(text, at);
            add(line);
            at = line.next;
        }
    }
};

// The data lines: everything between the leading and trailing line ends.
std::string_view data_lines(ByteView body, const Base64Layout& layout) {
    const std::string_view text = as_text(body);
    if (layout.leading + layout.trailing > text.size()) return {};
    return text.substr(layout.leading, text.size() - layout.leading - layout.trailing);
}

// Calls take(line, bytes decoded of it) line by line; take returns where the next line is to be written.
template <typename Take>
Status decode_lines(std::string_view lines, std::uint8_t* out, Take&& take) {
    QuadDecoder decoder;
    for (std::size_t at = 0; at < lines.size();) {
        const TextLine line = line_at(lines, at);
        at = line.next;
        if (line.content.empty()) return malformed("a blank line within base64");
        if (line.content.size() > kMaxLine) return malformed("a base64 line above 998 characters");
        if (line.content.front() == '=') return malformed("a base64 line that starts with padding");
        const std::size_t written = decoder.line(line.content, out);
        if (const char* why = decoder.fault()) return malformed(why);
        auto next = take(line, written);
        if (!next) return next.error();
        out = *next;
    }
    if (const char* why = decoder.end_fault()) return malformed(why);
    return Success{};
}

// A line decodes to at most this much, a quad begun before it included.
constexpr std::size_t kLineRoom = kMaxLine / 4 * 3 + 6;

void encode_line(const std::uint8_t* in, std::size_t size, char* out) {
    for (; size >= 3; size -= 3, in += 3, out += 4) {
        const std::uint32_t triple = static_cast<std::uint32_t>((in[0] << 16) | (in[1] << 8) | in[2]);
        std::memcpy(out, kBase64Pairs[triple >> 12].data(), 2);
        std::memcpy(out + 2, kBase64Pairs[triple & 0xFFF].data(), 2);
    }
    if (size == 0) return;
    const std::uint32_t rest = static_cast<std::uint32_t>((in[0] << 16) | (size == 2 ? in[1] << 8 : 0));
    out[0] = kBase64Alphabet[rest >> 18];
    out[1] = kBase64Alphabet[(rest >> 12) & 0x3F];
    out[2] = size == 2 ? kBase64Alphabet[(rest >> 6) & 0x3F] : '=';
    out[3] = '=';
}

}  // namespace

Result<Base64Layout> inspect_base64(ByteView body, bool crlf_of_message) {
    const std::string_view text = as_text(body);
    Base64Layout layout;
    layout.leading = leading_line_ends(text);
    layout.trailing = trailing_line_ends(text.substr(layout.leading));
    const std::string_view lines = data_lines(body, layout);
    if (lines.empty()) return malformed("an empty base64 body");
    LineEnds ends{crlf_of_message};
    ends.add_all(text.substr(0, layout.leading));
    std::size_t longest = 0;
    std::array<std::uint8_t, kLineRoom> scratch;
    const Status decoded = decode_lines(
        lines, scratch.data(), [&](const TextLine& line, std::size_t bytes) -> Result<std::uint8_t*> {
            ends.add(line);
            longest = std::max(longest, line.content.size());
            layout.decoded_size += bytes;
            return scratch.data();
        });
    if (!decoded) return decoded.error();
    ends.add_all(text.substr(text.size() - layout.trailing));
    if (ends.mixed) return malformed("base64 with mixed line ends");
    layout.crlf = ends.crlf;
    layout.line_length = std::max<std::size_t>(std::min(longest, kMaxLineWritten) / 4 * 4, 4);
    return layout;
}

Status decode_base64(ByteView body, const Base64Layout& layout, const std::function<Status(ByteView)>& sink) {
    Bytes piece(kPiece);
    std::size_t filled = 0;
    const auto flush = [&]() -> Status {
        Status sunk = filled == 0 ? Status(Success{}) : sink({piece.data(), filled});
        filled = 0;
        return sunk;
    };
    const Status decoded = decode_lines(data_lines(body, layout), piece.data(),
                                        [&](const TextLine&, std::size_t bytes) -> Result<std::uint8_t*> {
                                            filled += bytes;
                                            if (piece.size() - filled < kLineRoom)
                                                if (Status sunk = flush(); !sunk) return sunk.error();
                                            return piece.data() + filled;
                                        });
    return decoded ? flush() : decoded;
}

Bytes decode_base64(ByteView body, const Base64Layout& layout) {
    Bytes out;
    out.reserve(layout.decoded_size);
    const Status decoded = decode_base64(body, layout, [&](ByteView piece) -> Status {
        append(out, piece);
        return Success{};
    });
    return decoded ? out : Bytes();
}

std::string encode_base64(ByteView raw, const Base64Layout& layout, ByteView original_body) {
    const std::string_view original = as_text(original_body);
    const std::string_view line_end = layout.crlf ? "\r\n" : "\n";
    const std::size_t line_length = std::max<std::size_t>(layout.line_length / 4 * 4, 4);
    const std::size_t characters = (raw.size() + 2) / 3 * 4;
    const std::size_t breaks = characters == 0 ? 0 : (characters - 1) / line_length;
    std::string out(original.substr(0, layout.leading));
    out.resize(layout.leading + characters + breaks * line_end.size());
    char* to = out.data() + layout.leading;
    const std::size_t line_bytes = line_length / 4 * 3;
    for (std::size_t at = 0; at < raw.size(); at += line_bytes) {
        if (at > 0) to = std::copy(line_end.begin(), line_end.end(), to);
        const std::size_t size = std::min(line_bytes, raw.size() - at);
        encode_line(raw.data() + at, size, to);
        to += (size + 2) / 3 * 4;
    }
    out += original.substr(original.size() - std::min(layout.trailing, original.size()));
    return out;
}

}  // namespace optimilter
