// SPDX-License-Identifier: Apache-2.0
#include "workers/zygote_record.hpp"

#include "base/record_fields.hpp"
#include "workers/sandbox_steps.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kMagic = "OMZY";
constexpr std::uint32_t kMaxPid = 1u << 22;  // PID_MAX_LIMIT of 64-bit kernels

Error wrong(std::string_view field) {
    return Error{ErrorCode::kMalformed, "zygote record: " + std::string(field)};
}

bool names_a_process(ZygoteWord word) {
    return word == ZygoteWord::kForked || word == ZygoteWord::kReaped;
}

}  // namespace

Bytes encode_zygote_record(const ZygoteRecord& record) {
    FieldWriter out(kZygoteRecordBytes);
    out.text(kMagic);
    out.u16(kZygoteProtocolVersion);
    out.u8(static_cast<std::uint8_t>(record.word));
    out.zeros(1);
    out.u32(record.pid);
    out.u32(static_cast<std::uint32_t>(record.status));
    out.u64(record.cpu_us);
    out.u32(record.missing_steps);
    out.u32(record.fingerprint);
    return out.finish();
}

Result<ZygoteRecord> parse_zygote_record(ByteView bytes) {
    if (bytes.size() != kZygoteRecordBytes) return wrong("size");
    FieldReader in(bytes);
    if (in.text(kMagic.size()) != kMagic) return wrong("magic");
    if (in.u16() != kZygoteProtocolVersion) return wrong("version");
    const std::uint8_t word = in.u8();
    if (word < static_cast<std::uint8_t>(ZygoteWord::kFork) ||
        word > static_cast<std::uint8_t>(ZygoteWord::kWorkerReady)) {
        return wrong("word");
    }
    ZygoteRecord record;
    record.word = static_cast<ZygoteWord>(word);
    in.zeros(1);
    record.pid = in.u32();
    record.status = static_cast<std::int32_t>(in.u32());
    record.cpu_us = in.u64();
    record.missing_steps = in.u32();
    record.fingerprint = in.u32();
    if (!in.clean()) return wrong("unused bytes");
    if (record.pid > kMaxPid || names_a_process(record.word) != (record.pid != 0)) return wrong("pid");
    if (record.fingerprint != 0 && record.word != ZygoteWord::kReady) return wrong("fingerprint");
    if ((record.missing_steps & ~kAllSandboxSteps) != 0) return wrong("sandbox steps");
    return record;
}

}  // namespace optimilter
