// SPDX-License-Identifier: Apache-2.0
//
// The one record between engine and zygote, and a new worker's first word: fixed little-endian bytes, see
// doc/job-protocol.md. Knows nothing of sockets. Thread safe: pure functions.
//
// Security: a worker that turned hostile before its first job could send one of these; every field is
// checked.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

constexpr std::uint16_t kZygoteProtocolVersion = 2;
constexpr std::size_t kZygoteRecordBytes = 32;

enum class ZygoteWord : std::uint8_t {
    kFork = 1,        // engine to zygote: fork one worker
    kReady = 2,       // zygote: libraries are ready; missing_steps, fingerprint
    kForked = 3,      // zygote: pid; two descriptors come along: the worker's socket, its pidfd
    kForkFailed = 4,  // zygote: status is an errno
    kReaped = 5,      // zygote: pid ended; status as of wait(2), cpu_us
    kWorkerReady = 6  // worker, on its own socket: sandbox closed; missing_steps
};

struct ZygoteRecord {
    ZygoteWord word = ZygoteWord::kFork;
    std::uint32_t pid = 0;
    std::int32_t status = 0;
    std::uint64_t cpu_us = 0;         // user + system
    std::uint32_t missing_steps = 0;  // one bit a SandboxStep
    std::uint32_t fingerprint = 0;    // of the program and its libraries, workers/loaded_files.hpp
};

Bytes encode_zygote_record(const ZygoteRecord& record);
Result<ZygoteRecord> parse_zygote_record(ByteView bytes);

}  // namespace optimilter
