// SPDX-License-Identifier: Apache-2.0
#include "workers/worker.hpp"

#include <unistd.h>

#include <cerrno>

#include "base/clock.hpp"
#include "base/memfd.hpp"
#include "optimizers/optimize.hpp"
#include "workers/job_record.hpp"
#include "workers/record_socket.hpp"
#include "workers/zygote_record.hpp"

namespace optimilter {

namespace {

// Exit statuses; the engine logs them.
constexpr int kEngineGone = 0;
constexpr int kNotUnderstood = 3;  // a record that no engine of this version sends
constexpr int kReplyNotSent = 4;

JobReply left_alone(const JobRequest& request, Outcome outcome, const char* reason) {
    JobReply reply;
    reply.outcome = outcome;
    reply.digest = request.digest;
    reply.reason = reason;
    return reply;
}

bool write_output(int fd, ByteView bytes) {
    off_t offset = 0;
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), offset);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        offset += written;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

JobReply optimize_file(const JobRequest& request, int input_fd, int output_fd) {
    const Deadline deadline = Deadline::in_ms(request.deadline_ms_left);
    const auto input = Mapping::of(input_fd, request.input_size);
    if (!input) return left_alone(request, Outcome::kOverBudget, "input could not be mapped");
    Budget budget(deadline, request.options);
    const OptimizeResult result =
        optimize(input->bytes(), {request.mime_type, request.file_name}, request.options, budget);
    JobReply reply = left_alone(request, result.outcome, result.reason.c_str());
    reply.format = result.format;
    reply.optimizer = result.optimizer;
    if (result.outcome != Outcome::kOptimized) return reply;
    if (result.output.size() > request.output_limit || !write_output(output_fd, result.output)) {
        reply.outcome = Outcome::kNotSmaller;
        reply.reason = "not smaller";
        return reply;
    }
    reply.output_size = result.output.size();
    reply.score = result.score;
    reply.output_format = result.output_format;
    return reply;
}

JobReply answer(const JobRequest& request, int input_fd, int output_fd) {
    const double cpu_before_ms = process_cpu_ms();
    JobReply reply = request.kind == static_cast<std::uint8_t>(JobKind::kOptimize)
                         ? optimize_file(request, input_fd, output_fd)
                         : left_alone(request, Outcome::kNotApplicable, "unknown kind of job");
    reply.cpu_us = static_cast<std::uint64_t>((process_cpu_ms() - cpu_before_ms) * 1e3);
    tidy_reply(reply);
    return reply;
}

}  // namespace

int run_worker(UniqueFd socket, std::uint32_t missing_steps) {
    const ZygoteRecord ready{ZygoteWord::kWorkerReady, 0, 0, 0, missing_steps};
    if (!send_record(socket.get(), encode_zygote_record(ready)).has_value()) return kEngineGone;
    for (;;) {
        const auto received = receive_record(socket.get(), kJobRequestBytes, true);
        if (!received) return kEngineGone;
        const auto request = parse_request(received->bytes);
        if (!request || received->fds.size() != 2) return kNotUnderstood;
        const JobReply reply = answer(*request, received->fds[0].get(), received->fds[1].get());
        if (!send_record(socket.get(), encode_reply(reply)).has_value()) return kReplyNotSent;
    }
}

}  // namespace optimilter
