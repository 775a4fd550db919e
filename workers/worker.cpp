// SPDX-License-Identifier: Apache-2.0
#include "workers/worker.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.hpp"
#include "base/memfd.hpp"
#include "optimizers/compare_files.hpp"
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
    reply.cut_short = budget.cut_short();
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

Outcome outcome_of(const Error& error) {
    switch (error.code) {
        case ErrorCode::kMalformed:
            return Outcome::kMalformed;
        case ErrorCode::kLimit:
        case ErrorCode::kDeadline:
            return Outcome::kOverBudget;
        default:
            return Outcome::kNotApplicable;
    }
}

JobReply compare_pair(const JobRequest& request, int input_fd) {
    constexpr std::size_t kSizeBytes = 8;
    const auto input = Mapping::of(input_fd, request.input_size);
    if (!input) return left_alone(request, Outcome::kOverBudget, "input could not be mapped");
    const ByteView bytes = input->bytes();
    std::uint64_t first_size = 0;
    for (std::size_t i = 0; i < std::min(kSizeBytes, bytes.size()); ++i)
        first_size |= std::uint64_t{bytes[i]} << (8 * i);
    if (bytes.size() < kSizeBytes || first_size > bytes.size() - kSizeBytes)
        return left_alone(request, Outcome::kMalformed, "no two pictures");
    const ByteView pair = bytes.subspan(kSizeBytes);
    const auto split = static_cast<std::size_t>(first_size);
    Budget budget(Deadline::in_ms(request.deadline_ms_left), request.options);
    const Result<PictureComparison> compared = compare_files(pair.first(split), pair.subspan(split), budget);
    if (!compared) return left_alone(request, outcome_of(compared.error()), compared.error().text.c_str());
    JobReply reply = left_alone(request, Outcome::kOptimized, worst_tile_text(*compared).c_str());
    reply.score = compared->score;
    return reply;
}

JobReply run_job(const JobRequest& request, int input_fd, int output_fd) {
    switch (static_cast<JobKind>(request.kind)) {
        case JobKind::kOptimize:
            return optimize_file(request, input_fd, output_fd);
        case JobKind::kCompare:
            return compare_pair(request, input_fd);
    }
    return left_alone(request, Outcome::kNotApplicable, "unknown kind of job");
}

JobReply answer(const JobRequest& request, int input_fd, int output_fd) {
    const double cpu_before_ms = process_cpu_ms();
    JobReply reply = run_job(request, input_fd, output_fd);
    reply.cpu_us = static_cast<std::uint64_t>((process_cpu_ms() - cpu_before_ms) * 1e3);
    tidy_reply(reply);
    return reply;
}

}  // namespace

int run_worker(UniqueFd socket, std::uint32_t missing_steps) {
    const ZygoteRecord ready{ZygoteWord::kWorkerReady, 0, 0, 0, missing_steps, 0};
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
