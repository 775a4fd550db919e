// SPDX-License-Identifier: Apache-2.0
#include "bench/simulate/host.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>

#include "bench/simulate/costs.hpp"
#include "policy/decide.hpp"
#include "policy/yield_table.hpp"

namespace optimilter::sim {

namespace {

constexpr double kNetwork_ms = 60;             // of a session beside its bytes
constexpr double kNetwork_bytes_a_ms = 12500;  // 100 Mbit/s
constexpr double kPassed_ms = 1;               // what a message costs that needs no worker
constexpr double kEngine_bytes_a_ms = 250000;  // index, base64 and splice (bench/RESULTS.md, "Small things")
constexpr std::size_t kMostClientsWaiting = 1000;
constexpr double kStressLasts_ms = 1000000;  // Postfix says so for so long
constexpr double kCutKeeps = 0.8;            // of the share that a container had got to

enum class What : std::uint8_t { kArrival, kReceived, kWorkDone, kDeadline, kTick };
struct Event {
    double at_ms;
    std::uint64_t order;  // equal times keep the order in which they were planned
    What what;
    std::uint32_t message;
};
struct Later {
    bool operator()(const Event& a, const Event& b) const {
        return a.at_ms != b.at_ms ? a.at_ms > b.at_ms : a.order > b.order;
    }
};

struct Message {
    const Mail* mail = nullptr;
    LoadLimits limits;
    bool passes = false;  // bypass, and no probe
    double received_ms = 0;
    enum class State : std::uint8_t { kFree, kSession, kWaits, kAtWork } state = State::kFree;
    std::uint32_t use = 0;
    double work_began_ms = 0;
    bool cut = false;
};

// A message and which use of its slot it is: slots are used again.
struct Turn {
    std::uint32_t index, use;
};

class Host {
  public:
    Host(const Plan& plan, const std::vector<Mail>& trace)
        : plan_(plan), trace_(trace), random_(plan.seed), free_workers_(plan.workers) {
        state_ = {};
        limits_ = load_limits(state_, plan_.settings);
    }

    std::vector<Second> run() {
        plan_event(next_arrival_ms(plan_.shape, plan_.rate, plan_.seconds, 0, random_), What::kArrival, 0);
        plan_event(1000, What::kTick, 0);
        while (!events_.empty()) {
            const Event event = events_.top();
            events_.pop();
            now_ms_ = event.at_ms;
            if (now_ms_ > plan_.seconds * 1000.0) break;
            happen(event);
        }
        return std::move(seconds_);
    }

  private:
    void plan_event(double at_ms, What what, std::uint32_t message) {
        events_.push({at_ms, order_++, what, message});
    }

    void happen(const Event& event) {
        switch (event.what) {
            case What::kArrival:
                arrive();
                break;
            case What::kReceived:
                received(event.message);
                break;
            case What::kWorkDone:
                work_done(event.message);
                break;
            case What::kDeadline:
                deadline(event.message);
                break;
            case What::kTick:
                tick();
                break;
        }
    }

    // ---- Clients and sessions ----------------------------------------------------------------------------

    void arrive() {
        ++second_.arrived;
        const Mail* mail = &trace_[random_.below(trace_.size())];
        if (sessions_ < plan_.sessions)
            begin(mail);
        else if (clients_.size() < kMostClientsWaiting)
            clients_.push_back(mail);
        else
            ++second_.refused;
        plan_event(next_arrival_ms(plan_.shape, plan_.rate, plan_.seconds, now_ms_, random_), What::kArrival,
                   0);
    }

    void begin(const Mail* mail) {
        ++sessions_;
        const std::uint32_t index = free_message();
        Message& message = messages_[index];
        message.mail = mail;
        message.limits = limits_;
        message.passes =
            limits_.bypass && (limits_.probe_one_in == 0 || ++mails_in_bypass_ % limits_.probe_one_in != 0);
        message.state = Message::State::kSession;
        message.cut = false;
        mta_cpu_ms_ += plan_.mta_cpu_ms;
        // Bypass is an ACCEPT at MAIL, which does not make the bytes come faster.
        const double network =
            kNetwork_ms * random_.scatter(1) + static_cast<double>(mail->size) / kNetwork_bytes_a_ms;
        plan_event(now_ms_ + network + plan_.mta_cpu_ms * mta_slowness_, What::kReceived, index);
    }

    std::uint32_t free_message() {
        if (free_.empty()) {
            free_.push_back(static_cast<std::uint32_t>(messages_.size()));
            messages_.emplace_back();
        }
        const std::uint32_t index = free_.back();
        free_.pop_back();
        return index;
    }

    void finish(std::uint32_t index, double added_ms) {
        second_.delays.add(added_ms);
        ++second_.accepted;
        messages_[index].state = Message::State::kFree;
        free_.push_back(index);
        --sessions_;
        queue_ += 1;
        if (clients_.empty()) return;
        const Mail* next = clients_.front();
        clients_.pop_front();
        begin(next);
    }

    // ---- Engine and workers ------------------------------------------------------------------------------

    bool works_on(const Message& message, const Attachment& attachment) const {
        return part_excluded(plan_.settings, attachment.format, attachment.size).empty() &&
               load_excluded(message.limits, yields_.expected(attachment.format, attachment.size),
                             attachment.size)
                   .empty();
    }

    void received(std::uint32_t index) {
        Message& message = messages_[index];
        message.received_ms = now_ms_;
        const auto& parts = message.mail->attachments;
        const bool work =
            !message.passes && std::any_of(parts.begin(), parts.end(),
                                           [&](const Attachment& part) { return works_on(message, part); });
        if (!work) return finish(index, kPassed_ms);
        message.state = Message::State::kWaits;
        const Turn turn{index, ++message.use};
        waiting_.push_back(turn);
        deadlines_.push_back(turn);
        plan_event(now_ms_ + deadline_ms(), What::kDeadline,
                   static_cast<std::uint32_t>(deadlines_.size() - 1 + dropped_));
        give_work();
    }

    bool waits(const Turn& turn) const {
        const Message& message = messages_[turn.index];
        return message.use == turn.use && message.state == Message::State::kWaits;
    }

    double deadline_ms() const { return static_cast<double>(plan_.settings.deadline); }

    void give_work() {
        while (free_workers_ > 0 && !waiting_.empty()) {
            const Turn turn = waiting_.front();
            waiting_.pop_front();
            if (waits(turn)) start_work(turn.index);
        }
    }

    // The whole message in one worker, part after part, until the deadline.
    void start_work(std::uint32_t index) {
        Message& message = messages_[index];
        message.state = Message::State::kAtWork;
        message.work_began_ms = now_ms_;
        --free_workers_;
        least_wait_ms_ = std::min(least_wait_ms_, now_ms_ - message.received_ms);
        double left_ms = (message.received_ms + deadline_ms() - now_ms_) * worker_speed_;
        double used_ms = static_cast<double>(message.mail->size) / kEngine_bytes_a_ms;
        for (const Attachment& part : message.mail->attachments) {
            if (!works_on(message, part)) continue;
            used_ms += work_on(message, part, left_ms - used_ms);
            if (message.cut) break;
        }
        mean_work_ms_ += (used_ms / worker_speed_ - mean_work_ms_) / 64;
        plan_event(std::min(now_ms_ + used_ms / worker_speed_, message.received_ms + deadline_ms()),
                   What::kWorkDone, index);
    }

    // Returns the CPU ms that it took; never more than left.
    double work_on(Message& message, const Attachment& part, double left_ms) {
        Cost cost{part.known_cpu_ms, part.known_saved};
        if (part.known_cpu_ms < 0)
            cost =
                job_cost(part.format, part.size,
                         std::min<std::uint32_t>(plan_.settings.effort, message.limits.effort_max), random_);
        left_ms = std::max(left_ms, 0.0);
        if (cost.cpu_ms > left_ms) {
            message.cut = true;
            cost.saved_bytes *= is_anytime(part.format) ? kCutKeeps * left_ms / cost.cpu_ms : 0;
            cost.cpu_ms = left_ms;
        }
        yields_.note(part.format, part.size, static_cast<std::size_t>(cost.saved_bytes), cost.cpu_ms);
        second_.saved_bytes += cost.saved_bytes;
        second_.cpu_ms += cost.cpu_ms;
        return cost.cpu_ms;
    }

    void work_done(std::uint32_t index) {
        const Message& message = messages_[index];
        ++free_workers_;
        worked_on(now_ms_ - message.received_ms, message.cut);
        busy_ms_ += now_ms_ - std::max(message.work_began_ms, second_began_ms_);
        finish(index, now_ms_ - message.received_ms);
        give_work();
    }

    void deadline(std::uint32_t number) {
        // Deadlines come in the order in which they were planned.
        const Turn turn = deadlines_[number - dropped_];
        while (dropped_ <= number) {
            deadlines_.pop_front();
            ++dropped_;
        }
        if (!waits(turn)) return;
        worked_on(deadline_ms(), true);
        finish(turn.index, deadline_ms());
    }

    void worked_on(double ms, bool missed) {
        ++second_.worked;
        second_.missed += missed;
        worked_times_.add(ms);
    }

    // ---- The second --------------------------------------------------------------------------------------

    void tick() {
        count_busy();
        queue_ = std::max(queue_ - plan_.deliver_rate, 0.0);
        const double mta_cores = mta_cpu_ms_ / 1000;
        if (sessions_ >= plan_.sessions) stress_until_ms_ = now_ms_ + kStressLasts_ms;
        const LoadSample sample = take_sample(mta_cores);
        state_ = next_load_state(state_, sample, plan_.settings);
        limits_ = load_limits(state_, plan_.settings);
        share_cpu(mta_cores);
        keep_second();
        plan_event(now_ms_ + 1000, What::kTick, 0);
    }

    void count_busy() {
        for (const Message& message : messages_)
            if (message.state == Message::State::kAtWork)
                busy_ms_ += now_ms_ - std::max(message.work_began_ms, second_began_ms_);
        second_.busy = std::min(busy_ms_ / (1000.0 * plan_.workers), 1.0);
        busy_ms_ = 0;
        second_began_ms_ = now_ms_;
    }

    LoadSample take_sample(double mta_cores) {
        LoadSample sample;
        sample.now_ms = static_cast<std::int64_t>(now_ms_);
        sample.job_wait_ms = job_wait_ms();
        sample.backlog_ms = static_cast<double>(count_waiting()) * mean_work_ms_ / plan_.workers;
        sample.finished = static_cast<std::uint32_t>(second_.worked);
        if (second_.worked > 0) {
            sample.eom_p95_ms = worked_times_.percentile(0.95);
            sample.deadlines_missed =
                static_cast<double>(second_.missed) / static_cast<double>(second_.worked);
        }
        sample.sessions_share = static_cast<double>(sessions_) / plan_.sessions;
        sample.queue = QueueSample{0, static_cast<std::uint64_t>(queue_), 0, 0,
                                   static_cast<std::int64_t>(1000 * queue_ / plan_.deliver_rate)};
        sample.cpu_stall = cpu_stall(mta_cores);
        sample.workers_busy = second_.busy;
        sample.stress = now_ms_ < stress_until_ms_;
        worked_times_.clear();
        least_wait_ms_ = HUGE_VAL;
        return sample;
    }

    // Of the jobs that got a worker in this second; when none did, what the first in the queue has waited.
    double job_wait_ms() {
        if (least_wait_ms_ != HUGE_VAL) return least_wait_ms_;
        for (const Turn& turn : waiting_)
            if (waits(turn)) return now_ms_ - messages_[turn.index].received_ms;
        return 0;
    }

    std::uint64_t count_waiting() const {
        return static_cast<std::uint64_t>(
            std::count_if(waiting_.begin(), waiting_.end(), [&](const Turn& turn) { return waits(turn); }));
    }

    // The kernel's "some avg10": somebody waits while the workers fill the cores and the MTA wants one.
    double cpu_stall(double mta_cores) {
        const double wanted = (mta_cores + second_.busy * plan_.workers) / plan_.cores;
        const double now = 100 * (1 - std::exp(-mta_cores)) * std::min(wanted, 1.0);
        stall_ += (now - stall_) * 0.1;
        return stall_;
    }

    // The MTA goes first (workers_cpu_weight); workers share what it leaves.
    void share_cpu(double mta_cores) {
        mta_slowness_ = std::max(1.0, mta_cores / plan_.cores * 2);
        const double left = std::max(plan_.cores - mta_cores, 0.1 * plan_.cores);
        worker_speed_ = std::min(1.0, left / plan_.workers);
        mta_cpu_ms_ = 0;
    }

    void keep_second() {
        second_.pressure = state_.pressure;
        second_.level = state_.level;
        second_.signal = state_.signal;
        second_.limits = limits_;
        second_.sessions = static_cast<std::uint64_t>(sessions_);
        second_.clients_waiting = clients_.size();
        second_.waiting = count_waiting();
        second_.queue = queue_;
        seconds_.push_back(second_);
        second_ = {};
    }

    const Plan& plan_;
    const std::vector<Mail>& trace_;
    Random random_;
    std::priority_queue<Event, std::vector<Event>, Later> events_;
    std::uint64_t order_ = 0;
    double now_ms_ = 0;

    std::vector<Message> messages_;
    std::vector<std::uint32_t> free_;
    std::deque<const Mail*> clients_;
    int sessions_ = 0;
    double queue_ = 0;

    std::deque<Turn> waiting_;    // also those that have given up; they are passed over
    std::deque<Turn> deadlines_;  // in the order of their times, the first of them number dropped_
    std::uint32_t dropped_ = 0;
    int free_workers_;
    std::uint64_t mails_in_bypass_ = 0;

    LoadState state_;
    LoadLimits limits_;
    YieldTable yields_;

    Second second_;
    std::vector<Second> seconds_;
    Histogram worked_times_;
    double least_wait_ms_ = HUGE_VAL, mean_work_ms_ = 50;
    double busy_ms_ = 0, second_began_ms_ = 0;
    double mta_cpu_ms_ = 0, mta_slowness_ = 1, worker_speed_ = 1, stall_ = 0, stress_until_ms_ = -1;
};

}  // namespace

void Second::add(const Second& other) {
    pressure = std::max(pressure, other.pressure);
    if (other.level > level) {
        level = other.level;
        signal = other.signal;
        limits = other.limits;
    }
    arrived += other.arrived;
    accepted += other.accepted;
    refused += other.refused;
    worked += other.worked;
    missed += other.missed;
    sessions += other.sessions;
    clients_waiting += other.clients_waiting;
    waiting += other.waiting;
    queue += other.queue;
    cpu_ms += other.cpu_ms;
    saved_bytes += other.saved_bytes;
    busy = std::max(busy, other.busy);
    delays.add(other.delays);
}

std::vector<Second> run_host(const Plan& plan, const std::vector<Mail>& trace) {
    return Host(plan, trace).run();
}

}  // namespace optimilter::sim
