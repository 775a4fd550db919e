// SPDX-License-Identifier: Apache-2.0
//
// One record, with or without descriptors, as one packet on a SOCK_SEQPACKET socket pair. Knows no record's
// fields. Thread safe: functions on a descriptor.
//
// Security: receive_record() takes what a hostile process sends. It reads at most one byte more than the
// caller's record (so that a longer packet shows), owns at most kMaxDescriptors descriptors, and the kernel
// closes the rest.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace optimilter {

constexpr std::size_t kMaxDescriptors = 8;

struct ReceivedRecord {
    Bytes bytes;  // longer than asked for by one byte when the packet was longer than that
    std::vector<UniqueFd> fds;
    bool fds_lost = false;  // more descriptors came than we take, or we have no room for them
};

// Two connected ends, close-on-exec.
Result<std::pair<UniqueFd, UniqueFd>> record_socket_pair();

// Never blocks: kIo when the peer is gone or its buffer full. At most kMaxDescriptors descriptors.
Status send_record(int socket, ByteView record, std::span<const int> fds = {});

// wait: block until a packet is there. Without: kDeadline when there is none. kWorkerDied when the peer has
// closed.
Result<ReceivedRecord> receive_record(int socket, std::size_t record_bytes, bool wait);

}  // namespace optimilter
