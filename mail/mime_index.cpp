// SPDX-License-Identifier: Apache-2.0
#include "mail/mime_index.hpp"

#include <cstring>
#include <optional>
#include <utility>

#include "mail/boundary_set.hpp"
#include "mail/entity.hpp"
#include "mail/header_block.hpp"
#include "mail/untouchable.hpp"

namespace optimilter {
namespace {

Error malformed(const char* text) {
    return {ErrorCode::kMalformed, text};
}

constexpr std::string_view kMessage = "message/rfc822";

bool contains_nul(std::string_view text) {
    return !text.empty() && std::memchr(text.data(), '\0', text.size()) != nullptr;
}

// A multipart whose end has not been seen.
struct OpenMultipart {
    std::uint32_t part = 0;
    bool digest = false;
    bool has_parts = false;
    bool closed = false;  // its close delimiter has been seen: this is its epilogue
};

// One pass over the lines of a body. Open multiparts stand on an own stack, so that hostile nesting costs
// heap bounded by MimeLimits, never our call stack. At most the innermost multipart is closed.
class BodyScan {
  public:
    BodyScan(ByteView body, const MimeLimits& limits) : text_(as_text(body)), limits_(limits) {}

    Result<MimeIndex> run(const HeaderFields& fields) {
        if (Status root = add_root(fields); !root) return root.error();
        if (contains_nul(text_)) return malformed("NUL in the body");
        if (open_.empty()) return std::move(index_);
        if (Status scanned = scan_lines(); !scanned) return scanned.error();
        return std::move(index_);
    }

  private:
    Status add_root(const HeaderFields& fields) {
        for (const HeaderField& field : fields) header_bytes_ += field.name.size() + field.value.size();
        if (header_bytes_ > limits_.max_header_bytes) return Error{ErrorCode::kLimit, "headers are too long"};
        if (Status checked = check_fields(fields); !checked) return checked;
        if (Status version = check_mime_version(fields); !version) return version;
        Part root;
        root.fields = fields;
        root.body = {0, text_.size()};
        const TextLine first = line_at(text_, 0);
        root.crlf = first.crlf || !first.complete;
        return add_part(std::move(root), "text/plain");
    }

    // Reads what the part's fields say and opens it when it is a multipart; otherwise it is the leaf whose
    // end the next delimiter tells.
    Status add_part(Part part, std::string_view default_type) {
        if (index_.parts.size() >= limits_.max_parts) return Error{ErrorCode::kLimit, "too many parts"};
        auto entity = read_entity(part.fields, default_type);
        if (!entity) return entity.error();
        part.index = static_cast<std::uint32_t>(index_.parts.size());
        part.type = std::move(entity->type);
        part.encoding = entity->encoding;
        part.file_name = std::move(entity->file_name);
        // Fields of the message itself do not lie in the body, so their size= cannot be corrected there.
        if (!entity->size_digits.empty() && part.index != 0) {
            const auto begin = static_cast<std::size_t>(entity->size_digits.data() - text_.data());
            part.size_value = ByteRange{begin, begin + entity->size_digits.size()};
        }
        part.multipart = !entity->boundary.empty();
        index_.parts.push_back(std::move(part));
        return index_.parts.back().multipart ? open_multipart(std::move(entity->boundary)) : Success{};
    }

    Status open_multipart(std::string boundary) {
        if (open_.size() >= limits_.max_depth) return Error{ErrorCode::kLimit, "multiparts nested too deep"};
        const Part& part = index_.parts.back();
        if (Status added = boundaries_.add(std::move(boundary), open_.size()); !added) return added;
        open_.push_back({part.index, part.type == "multipart/digest"});
        return Success{};
    }

    Status scan_lines() {
        while (at_ < text_.size()) {
            const std::size_t begin = at_;
            const TextLine line = line_at(text_, begin);
            at_ = line.next;
            if (hides_delimiter(line.content)) return malformed("a boundary after a bare CR");
            const auto match = boundaries_.match(line.content);
            if (!match) continue;
            if (Status taken = take_delimiter(*match, begin); !taken) return taken;
        }
        if (open_.size() != 1 || !open_.back().closed) return malformed("a missing final boundary");
        return Success{};
    }

    // Some readers end lines at a bare CR.
    bool hides_delimiter(std::string_view line) const {
        for (std::size_t cr = line.find('\r'); cr != line.npos; cr = line.find('\r', cr + 1))
            if (boundaries_.match(line.substr(cr + 1))) return true;
        return false;
    }

    // begin: offset of the delimiter line.
    Status take_delimiter(BoundarySet::Match match, std::size_t begin) {
        if (match.kind == BoundarySet::Kind::kAmbiguous)
            return malformed("text after a boundary on its line");
        if (open_.back().closed) {
            if (match.level + 1 == open_.size()) return malformed("a boundary after its closing one");
            end_part(open_.back().part, begin);
            boundaries_.remove(open_.size() - 1);
            open_.pop_back();
        } else if (match.level + 1 == open_.size() && open_.back().has_parts) {
            end_part(static_cast<std::uint32_t>(index_.parts.size() - 1), begin);
        }
        if (match.level + 1 != open_.size()) return malformed("a missing final boundary of an inner part");
        OpenMultipart& multipart = open_.back();
        if (match.kind == BoundarySet::Kind::kDelimiter) return begin_part();
        if (!multipart.has_parts) return malformed("a multipart without parts");
        multipart.closed = true;
        return Success{};
    }

    // The line end before a delimiter belongs to it, unless it is the blank line that ends the part's header.
    void end_part(std::uint32_t index, std::size_t delimiter) {
        ByteRange& body = index_.parts[index].body;
        body.end = delimiter;
        if (body.end > body.begin && text_[body.end - 1] == '\n') --body.end;
        if (body.end > body.begin && text_[body.end - 1] == '\r') --body.end;
        // The messages that it is the whole body of end with it.
        for (Part* part = &index_.parts[index]; part->index != 0;) {
            Part& parent = index_.parts[part->parent];
            if (parent.type != kMessage) return;
            parent.body.end = body.end;
            part = &parent;
        }
    }

    // The message in the part that was added last, when it is one to be opened: its header, and a body
    // without an end.
    std::optional<Part> inner_message() {
        Part& node = index_.parts.back();
        if (!limits_.inner_messages || node.type != kMessage || node.depth >= limits_.max_depth)
            return std::nullopt;
        auto block =
            read_header_block(text_, at_, limits_.max_header_bytes - header_bytes_,
                              [this](std::string_view line) { return boundaries_.match(line).has_value(); });
        if (!block || !block->body_begin || !untouchable_headers(block->fields, false, {}).empty())
            return std::nullopt;
        header_bytes_ += block->range.size();
        node.multipart = true;
        Part inner;
        inner.parent = node.index;
        inner.depth = node.depth + 1;
        inner.header = block->range;
        inner.fields = std::move(block->fields);
        inner.crlf = block->crlf;
        at_ = *block->body_begin;
        inner.body = {at_, at_};
        return inner;
    }

    Status open_messages() {
        while (auto inner = inner_message()) {
            if (Status added = add_part(std::move(*inner), "text/plain"); !added) return added;
        }
        return Success{};
    }

    Status begin_part() {
        const std::size_t left = limits_.max_header_bytes - header_bytes_;
        auto block = read_header_block(
            text_, at_, left, [this](std::string_view line) { return boundaries_.match(line).has_value(); });
        if (!block) return block.error();
        if (!block->body_begin) return malformed("a missing final boundary");
        header_bytes_ += block->range.size();
        OpenMultipart& multipart = open_.back();
        multipart.has_parts = true;
        Part part;
        part.parent = multipart.part;
        part.depth = index_.parts[multipart.part].depth + 1;
        part.header = block->range;
        part.fields = std::move(block->fields);
        part.crlf = block->crlf;
        at_ = *block->body_begin;
        part.body = {at_, at_};
        const bool digest = multipart.digest;
        if (Status added = add_part(std::move(part), digest ? kMessage : "text/plain"); !added) return added;
        return open_messages();
    }

    std::string_view text_;
    const MimeLimits& limits_;
    MimeIndex index_;
    std::vector<OpenMultipart> open_;
    BoundarySet boundaries_;
    std::size_t at_ = 0;
    std::size_t header_bytes_ = 0;
};

}  // namespace

std::string_view transfer_encoding_name(TransferEncoding encoding) {
    switch (encoding) {
        case TransferEncoding::kSevenBit:
            return "7bit";
        case TransferEncoding::kEightBit:
            return "8bit";
        case TransferEncoding::kBinary:
            return "binary";
        case TransferEncoding::kQuotedPrintable:
            return "quoted-printable";
        case TransferEncoding::kBase64:
            return "base64";
        case TransferEncoding::kUnknown:
            break;
    }
    return "unknown";
}

Result<MimeIndex> index_message(const HeaderFields& fields, ByteView body, const MimeLimits& limits) {
    return BodyScan(body, limits).run(fields);
}

}  // namespace optimilter
