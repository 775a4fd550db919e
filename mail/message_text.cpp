// SPDX-License-Identifier: Apache-2.0
#include "mail/message_text.hpp"

#include "mail/header_block.hpp"

namespace optimilter {
namespace {

constexpr std::size_t kMaxHeader = 1 << 20;

}  // namespace

Result<MessageText> split_message(ByteView message) {
    const std::string_view text = as_text(message);
    const std::size_t begin = text.starts_with("From ") ? line_at(text, 0).next : 0;
    auto block = read_header_block(text, begin, kMaxHeader, nullptr);
    if (!block) return block.error();
    if (block->fields.empty()) return Error{ErrorCode::kMalformed, "a message without header fields"};
    MessageText split;
    split.fields = std::move(block->fields);
    split.header = block->range;
    split.body = {block->body_begin.value_or(text.size()), text.size()};
    return split;
}

}  // namespace optimilter
