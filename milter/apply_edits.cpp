// SPDX-License-Identifier: Apache-2.0
#include "milter/apply_edits.hpp"

#include <string>

#include "base/log.hpp"
#include "mail/untouchable.hpp"

namespace optimilter {

bool apply_edits(SMFICTX* ctx, const TripResult& result, std::size_t body_bytes,
                 std::optional<std::string_view> trace_space) {
    if (!result.new_body) return true;
    const std::size_t size = result.new_body->size();
    if (size >= body_bytes) {
        log_error("new body of {} bytes is not smaller than {}: not sent", size, body_bytes);
        return false;
    }
    // Mapped before the first edit: what can fail fails while the message is still whole.
    const Result<Mapping> mapping = Mapping::of(result.new_body->fd(), size);
    if (!mapping) return false;
    if (trace_space) {
        std::string name(kTraceHeader), value = std::string(*trace_space) + trace_value(result);
        if (smfi_addheader(ctx, name.data(), value.data()) != MI_SUCCESS) return false;
    }
    // libmilter does not write to the buffer; its signature is older than const.
    auto* bytes = const_cast<unsigned char*>(mapping->bytes().data());
    return smfi_replacebody(ctx, bytes, static_cast<int>(size)) == MI_SUCCESS;
}

}  // namespace optimilter
