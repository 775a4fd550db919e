// SPDX-License-Identifier: Apache-2.0
//
// One job on a leased worker, from sealing the input to mapping the sealed output. Every way out is an
// outcome.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <thread>
#include <variant>

#include "base/log.hpp"
#include "workers/job_record.hpp"
#include "workers/lease_state.hpp"
#include "workers/record_socket.hpp"

namespace optimilter {

namespace {

// Kept back from the worker's deadline, so that a result which is ready at the last moment still gets here.
std::uint32_t worker_deadline_ms(std::int64_t left_ms) {
    return static_cast<std::uint32_t>(left_ms - std::min<std::int64_t>(left_ms / 10, 50));
}

JobResult kept(Outcome outcome, std::string reason) {
    JobResult result;
    result.outcome = outcome;
    result.reason = std::move(reason);
    return result;
}

// So that the worker cannot change what others read: the cache, the splice, the next worker.
bool seal_input(int fd) {
    constexpr int kWanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0) return false;
    return (seals & kWanted) == kWanted || ::fcntl(fd, F_ADD_SEALS, kWanted | F_SEAL_SEAL) == 0;
}

// A file of exactly limit bytes that cannot grow: all that a worker can give us.
Result<Memfd> make_output(std::uint64_t limit) {
    auto output = Memfd::create("optimilter-output");
    if (!output) return output;
    if (const Status sized = output->resize(limit); !sized.has_value()) return sized.error();
    if (const Status sealed = output->seal_shape(); !sealed.has_value()) return sealed.error();
    return output;
}

JobRequest make_request(const Job& job) {
    JobRequest request;
    request.deadline_ms_left = worker_deadline_ms(job.deadline.remaining_ms());
    request.input_size = job.input->size();
    request.output_limit = job.input->size() - 1;
    request.digest = job.digest;
    if (job.compare) request.kind = static_cast<std::uint8_t>(JobKind::kCompare);
    request.options = *job.options;
    request.mime_type = job.hint.mime_type;
    request.file_name = job.hint.file_name;
    return request;
}

enum class Answer { kReply, kNone, kDeadline };

// Waits for a record or the worker's end.
Answer await_answer(const WorkerProcess& worker, Deadline deadline) {
    for (;;) {
        pollfd watched[] = {{worker.socket(), POLLIN, 0}, {worker.pidfd(), POLLIN, 0}};
        const auto left_ms = static_cast<int>(deadline.remaining_ms());
        const int ready = ::poll(watched, 2, left_ms);
        // The reply first: a worker may have sent it and ended.
        if (ready > 0 && (watched[0].revents & POLLIN) != 0) return Answer::kReply;
        if (ready > 0 && (watched[0].revents | watched[1].revents) != 0) return Answer::kNone;
        if (deadline.expired()) return Answer::kDeadline;
    }
}

// One job on one worker.
class Exchange {
  public:
    Exchange(Crew& crew, const WorkerPtr& worker, const Job& job)
        : crew_(crew), worker_(worker), job_(job), cpu_before_us_(worker->cpu_us().value_or(0)) {}

    // worker_usable() tells afterwards whether the worker may go on.
    JobResult run();
    bool worker_usable() const { return usable_; }
    // The worker had ended before it saw a byte of this input: not the input's fault, another may try.
    bool gone_before() const { return gone_before_; }

  private:
    JobResult at_deadline();
    JobResult after_end();
    JobResult judge(const JobRequest& request, Memfd& output);
    JobResult refuse(const std::string& why);
    JobResult accept(const JobReply& reply, Memfd& output);
    JobResult with_cpu(JobResult result, std::uint64_t cpu_us);
    void give_up();
    std::uint64_t spent_us() const;

    Crew& crew_;
    const WorkerPtr& worker_;
    const Job& job_;
    const std::uint64_t cpu_before_us_;
    const Stopwatch watch_;
    bool usable_ = true;
    bool gone_before_ = false;
};

JobResult Exchange::run() {
    auto output = make_output(job_.input->size() - 1);
    if (!output) return kept(Outcome::kOverBudget, output.error().text);
    const JobRequest request = make_request(job_);
    const int fds[] = {job_.input->fd(), output->fd()};
    const WorkerProcess::Line line = worker_->line();
    if (line == WorkerProcess::Line::kSpoke) return refuse("spoke unasked");
    if (line == WorkerProcess::Line::kClosed ||
        !send_record(worker_->socket(), encode_request(request), fds).has_value()) {
        gone_before_ = true;
        give_up();
        return kept(Outcome::kOverBudget, "worker was gone");
    }
    switch (await_answer(*worker_, job_.deadline)) {
        case Answer::kReply:
            return judge(request, *output);
        case Answer::kNone:
            return after_end();
        case Answer::kDeadline:
            break;
    }
    return at_deadline();
}

// CPU since the job began, by the kernel's count; by the clock on the wall for a worker that is gone already.
std::uint64_t Exchange::spent_us() const {
    if (const auto now_us = worker_->cpu_us()) return *now_us - std::min(*now_us, cpu_before_us_);
    return static_cast<std::uint64_t>(watch_.elapsed_ms() * 1e3) *
           std::max(1u, std::thread::hardware_concurrency());
}

JobResult Exchange::with_cpu(JobResult result, std::uint64_t cpu_us) {
    crew_.count_job_cpu(cpu_us);
    result.cpu_ms = static_cast<double>(cpu_us) / 1e3;
    return result;
}

void Exchange::give_up() {
    usable_ = false;
    crew_.retire(worker_);
}

JobResult Exchange::at_deadline() {
    // Read before the kill: afterwards only the zygote could tell, and the deadline has come.
    const std::uint64_t cpu_us = spent_us();
    give_up();
    crew_.counters().add(Counter::kWorkersKilled);
    return with_cpu(kept(Outcome::kOverBudget, "deadline"), cpu_us);
}

JobResult Exchange::after_end() {
    // It may have closed its socket and live on.
    give_up();
    const auto exit = crew_.await_exit(worker_, job_.deadline);
    if (!exit && (crew_.stopping() || crew_.lost(worker_)))
        return kept(Outcome::kOverBudget, crew_.stopping() ? "shutting down" : "worker was lost");
    crew_.counters().add(Counter::kWorkersDied);
    const int status = exit ? exit->wait_status : 0;
    const std::uint64_t cpu_us = exit ? exit->cpu_us - std::min(exit->cpu_us, cpu_before_us_) : 0;
    log_warning("worker[{}]: {} during a job, input {}", worker_->pid(),
                exit ? wait_status_text(status) : "ended", to_hex(job_.digest).substr(0, 16));
    crew_.crash_memory().remember(job_.digest);
    std::string reason = "decoder ended";
    if (exit && WIFSIGNALED(status)) reason = fmt::format("decoder crashed (signal {})", WTERMSIG(status));
    return with_cpu(kept(Outcome::kMalformed, std::move(reason)), cpu_us);
}

JobResult Exchange::refuse(const std::string& why) {
    const std::uint64_t cpu_us = spent_us();
    give_up();
    crew_.counters().add(Counter::kRepliesRefused);
    crew_.crash_memory().remember(job_.digest);
    log_warning("worker[{}]: reply refused: {}, input {}", worker_->pid(), why,
                to_hex(job_.digest).substr(0, 16));
    return with_cpu(kept(Outcome::kTooDifferent, "reply refused: " + why), cpu_us);
}

JobResult Exchange::judge(const JobRequest& request, Memfd& output) {
    const auto received = receive_record(worker_->socket(), kJobReplyBytes, false);
    if (!received) return after_end();
    if (!received->fds.empty() || received->fds_lost) return refuse("descriptors came along");
    const auto reply = parse_reply(received->bytes, request);
    if (!reply) return refuse(reply.error().text);
    return accept(*reply, output);
}

JobResult Exchange::accept(const JobReply& reply, Memfd& output) {
    JobResult result = kept(reply.outcome, reply.reason);
    result.format = reply.format;
    result.optimizer = reply.optimizer;
    result.score = reply.score;
    result.output_format = reply.output_format;
    result.passing = reply.cut_short || reply.outcome == Outcome::kOverBudget;
    if (reply.output_size > 0) {
        // Refused while the worker still has it mapped writable, or when it sealed the seals.
        if (const Status sealed = output.seal_writes(); !sealed.has_value())
            return refuse("output cannot be sealed");
        auto mapping = Mapping::of(output.fd(), reply.output_size);
        if (!mapping) return refuse("output cannot be mapped");
        result.output = std::move(*mapping);
    }
    // The worker may tell less than the kernel counted, never more.
    return with_cpu(std::move(result), std::min(reply.cpu_us, spent_us()));
}

}  // namespace

Digest job_key(const Job& job) {
    JobRequest request = make_request(job);
    request.deadline_ms_left = 0;
    return sha256(encode_request(request));
}

Pool::Lease::Lease() = default;
Pool::Lease::Lease(Lease&&) noexcept = default;

Pool::Lease& Pool::Lease::operator=(Lease&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

Pool::Lease::~Lease() {
    if (!state_) return;
    const bool reusable =
        state_->worker && state_->worker->alive() && state_->worker->line() == WorkerProcess::Line::kSilent;
    state_->crew->leave(std::move(state_->worker), reusable, state_->held.elapsed_ms());
}

JobResult Pool::Lease::run(const Job& job) {
    if (!state_) return kept(Outcome::kOverBudget, "no worker");
    if (state_->crew->crash_memory().knows(job.digest))
        return kept(Outcome::kMalformed, "crashed a worker before");
    if (job.input->size() < 2) return kept(Outcome::kNotSmaller, "too small");
    if (job.deadline.expired()) return kept(Outcome::kOverBudget, "deadline");
    if (!seal_input(job.input->fd())) return kept(Outcome::kOverBudget, "input could not be sealed");
    JobResult result = kept(Outcome::kOverBudget, "worker was gone");
    for (int tries = 0; tries < 2; ++tries) {
        if (!state_->worker) {
            auto next = state_->crew->replace(job.deadline);
            if (!next) return kept(Outcome::kOverBudget, next.error().text);
            state_->worker = std::move(*next);
        }
        Exchange exchange(*state_->crew, state_->worker, job);
        result = exchange.run();
        const bool again = exchange.gone_before();
        if (!exchange.worker_usable()) state_->worker.reset();
        if (!again) break;
    }
    return result;
}

}  // namespace optimilter
