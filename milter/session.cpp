// SPDX-License-Identifier: Apache-2.0
#include "milter/session.hpp"

#include <chrono>
#include <utility>

#include "base/log.hpp"

namespace optimilter {

namespace {

// Postfix bounds a message's header at header_size_limit (102400 bytes a field) only; mail with more than
// this in all is none that we want to understand.
constexpr std::size_t kMaxHeaderBytes = 1 << 20;

}  // namespace

Session::~Session() {
    end_message();
    reply_arrived();
    if (counted_) --engine_.sessions;
}

void Session::set_client(std::string address) {
    client_ = std::move(address);
    if (!std::exchange(counted_, true)) ++engine_.sessions;
}

Step Session::begin_message(std::string_view sender, bool authenticated, std::string_view auth_user) {
    end_message();
    const std::shared_ptr<const RuleSet> rules = engine_.rules();
    settings_ = rules->settings;
    received_ = Stopwatch();
    queue_id_.clear();
    null_sender_ = sender.empty() || sender == "<>";
    direction_ = message_direction(*settings_, client_, authenticated);
    policy_.emplace(rules, EnvelopeFacts{direction_, auth_user, sender, client_, listener_});
    if (engine_.draining || engine_.drain_ordered) {
        engine_.counters.add(Counter::kMessagesDrained);
        return Step::kAccept;
    }
    if (!agreed_.replace_body) return Step::kAccept;
    return bypassed() ? Step::kAccept : Step::kContinue;
}

// No line in the log: at the rates that lead here the log would be the next load.
bool Session::bypassed() {
    load_ = engine_.load.limits();
    if (!load_.bypass) return false;
    const bool probe = engine_.load.take_probe(load_.probe_one_in);
    engine_.counters.add(probe ? Counter::kMessagesProbed : Counter::kMessagesBypassed);
    return !probe;
}

void Session::add_recipient(std::string_view address) {
    if (policy_) policy_->add_recipient(address);
}

void Session::add_header(std::string_view name, std::string_view value) {
    if (!pass_reason_.empty()) return;
    if (header_text_.size() + name.size() + value.size() > kMaxHeaderBytes) {
        pass_reason_ = "header too long";
        return;
    }
    const auto store = [this](std::string_view text) {
        const std::size_t begin = header_text_.size();
        header_text_ += text;
        return ByteRange{begin, header_text_.size()};
    };
    const ByteRange stored_name = store(name);
    stored_fields_.push_back({stored_name, store(value)});
}

HeaderFields Session::fields() const {
    const std::string_view text = header_text_;
    HeaderFields fields;
    fields.reserve(stored_fields_.size());
    for (const StoredField& field : stored_fields_) {
        fields.push_back({text.substr(field.name.begin, field.name.size()),
                          text.substr(field.value.begin, field.value.size())});
    }
    return fields;
}

Step Session::end_headers() {
    if (pass_reason_.empty() && engine_.draining) {
        pass_reason_ = "shutting down";
        engine_.counters.add(Counter::kMessagesDrained);
    }
    if (pass_reason_.empty()) {
        const HeaderFields fields = this->fields();
        ask_rules(fields);
        if (pass_reason_.empty())
            pass_reason_ = skip_at_headers(fields, null_sender_, direction_, settings());
    }
    return pass_reason_.empty() ? Step::kContinue : Step::kAccept;
}

void Session::ask_rules(const HeaderFields& fields) {
    std::vector<HeaderText> texts;
    texts.reserve(fields.size());
    for (const HeaderField& field : fields) texts.push_back({field.name, field.value});
    policy_->set_header(texts,
                        std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now()));
    pass_reason_ = policy_->leave_alone();
}

Step Session::add_body(ByteView chunk) {
    if (!pass_reason_.empty()) return agreed_.skip_body ? Step::kSkip : Step::kContinue;
    if (!engine_.body_budget.take(client_, chunk.size(), settings_->body_budget, settings_->client_share)) {
        shed("body budget used up");
        return agreed_.skip_body ? Step::kSkip : Step::kContinue;
    }
    budgeted_ += chunk.size();
    if (!body_) {
        Result<Memfd> file = Memfd::create("optimilter-body");
        if (file) body_ = std::move(*file);
    }
    if (!body_ || !body_->append(chunk)) {
        shed("no memory for the body");
        return agreed_.skip_body ? Step::kSkip : Step::kContinue;
    }
    return Step::kContinue;
}

void Session::shed(std::string_view reason) {
    pass_reason_ = reason;
    body_.reset();
    engine_.body_budget.give_back(client_, std::exchange(budgeted_, 0));
    engine_.counters.add(Counter::kMessagesShed);
}

TripResult Session::passed(std::string_view reason) const {
    TripResult result;
    result.bytes_out = body_bytes();
    result.reason = reason;
    result.rule = rule();
    return result;
}

TripResult Session::finish(std::string queue_id) {
    if (!queue_id.empty()) queue_id_ = std::move(queue_id);
    receive_ms_ = received_.elapsed_ms();
    engine_.in_flight.begin();
    replying_ = true;
    if (!pass_reason_.empty()) return passed(pass_reason_);
    if (!body_) return passed("no body");
    return travel(*body_);
}

TripResult Session::travel(const Memfd& file) {
    const Stopwatch watch;
    const Result<Mapping> body = Mapping::of(file.fd(), file.size());
    if (!body) return passed("no memory for the body");
    const HeaderFields fields = this->fields();
    // An MTA that leaves the end of headers out.
    if (!policy_->has_header()) ask_rules(fields);
    const TripInput input{
        fields,    body->bytes(), null_sender_,   direction_, Deadline::in_ms(settings().deadline),
        &*policy_, load_,         &engine_.yields};
    TripResult result = run_trip(input, settings(), engine_.pool, engine_.counters, engine_.cache.get());
    if (result.worked_on) engine_.load.finished(watch.elapsed_ms(), input.deadline.expired());
    return result;
}

void Session::end_message() {
    header_text_.clear();
    stored_fields_.clear();
    body_.reset();
    pass_reason_ = {};
    policy_.reset();
    engine_.body_budget.give_back(client_, std::exchange(budgeted_, 0));
}

void Session::reply_arrived() {
    if (std::exchange(replying_, false)) engine_.in_flight.end();
}

}  // namespace optimilter
