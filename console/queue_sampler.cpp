// SPDX-License-Identifier: Apache-2.0
#include "console/queue_sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/digest.hpp"
#include "base/text.hpp"
#include "console/queue_names.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kSendmailMark = "sendmail:";

QueueName judge_postfix(std::string_view name, std::size_t) {
    if (is_postfix_hash_folder(name)) return QueueName::kFolder;
    return is_postfix_queue_id(name) ? QueueName::kMessage : QueueName::kOther;
}

// A message is a control file: qf, or hf when it is quarantined. It may lie in a subfolder qf.
QueueName judge_sendmail(std::string_view name, bool below_pattern) {
    if (name == "qf") return QueueName::kFolder;
    const bool control = name.starts_with("qf") || name.starts_with("hf");
    return control && !below_pattern ? QueueName::kMessage : QueueName::kOther;
}

std::string words_of(int error) {
    return error == 0 ? std::string() : std::strerror(error);
}

std::uint64_t source_of(const std::vector<std::string>& directories) {
    std::string all;
    for (const std::string& directory : directories) all += directory + '\0';
    const Digest digest = sha256(as_bytes(all));
    std::uint64_t source = 0;
    std::memcpy(&source, digest.data(), sizeof source);
    return source;
}

}  // namespace

QueueSampler::QueueSampler(const std::vector<std::string>& directories) : source_(source_of(directories)) {
    for (const std::string& directory : directories) {
        if (directory.starts_with(kSendmailMark)) {
            sendmail_.push_back(sendmail_queue(directory.substr(kSendmailMark.size())));
        } else {
            postfix_.push_back(postfix_queue(directory));
        }
    }
}

QueueSampler::Postfix QueueSampler::postfix_queue(const std::string& path) {
    return {{{path + "/incoming", {}}, QueueAges(true)},
            {{path + "/active", {}}, QueueAges(false)},
            {{path + "/deferred", {}}, {}, 0, 0, false},
            {{path + "/hold", {}}, {}, 0, 0, false}};
}

QueueSampler::Sendmail QueueSampler::sendmail_queue(const std::string& path) {
    if (!path.ends_with('*')) return {{path, {}}, {}, false};
    const std::size_t slash = path.rfind('/');
    return {{path.substr(0, std::max<std::size_t>(slash, 1)), {}},
            path.substr(slash + 1, path.size() - slash - 2),
            true};
}

QueueRecord QueueSampler::sample(const QueueClock& now, bool whole) {
    record_ = {};
    record_.source = source_;
    for (Postfix& queue : postfix_) {
        count(queue.incoming, now, record_.incoming, record_.incoming_oldest_ms);
        count(queue.active, now, record_.active, record_.active_oldest_ms);
        count(queue.deferred, whole, record_.deferred);
        count(queue.hold, whole, record_.hold);
    }
    for (Sendmail& queue : sendmail_) count(queue, now);
    return std::move(record_);
}

std::vector<QueueNews> QueueSampler::take_news() {
    return std::exchange(news_, {});
}

void QueueSampler::count(LoadFolder& folder, const QueueClock& now, std::uint64_t& messages,
                         std::int64_t& oldest_ms) {
    Result<QueueWalk> walk = QueueWalk::begin(folder.folder.path, judge_postfix);
    if (!walk) return note(folder.folder, walk.error().text, true);
    folder.ages.begin(now);
    std::uint64_t listed = 0;
    while (const auto message = walk->next()) {
        folder.ages.see(message->name, message->folder);
        if (++listed == kMostCounted) break;
    }
    folder.ages.end(walk->error() == 0 && listed < kMostCounted);
    messages += folder.ages.messages();
    oldest_ms = std::max(oldest_ms, folder.ages.oldest_ms());
    note(folder.folder, words_of(walk->error()), true);
}

// Goes on where the sample before has stopped. Until the first listing is done, what it has found so far is
// told; later the figure of the last whole one.
void QueueSampler::count(ToldFolder& folder, bool whole, std::uint64_t& messages) {
    if (!folder.walk) {
        Result<QueueWalk> walk = QueueWalk::begin(folder.folder.path, judge_postfix);
        if (!walk) return note(folder.folder, walk.error().text, false);
        folder.walk = std::move(*walk);
        folder.counting = 0;
    }
    std::size_t share = whole ? kMostCounted : kShareOfListing;
    bool more = true;
    while (share-- > 0 && (more = folder.walk->next().has_value())) ++folder.counting;
    if (!folder.counted_once || !more) folder.counted = folder.counting;
    messages += folder.counted;
    if (more) return;
    folder.counted_once = true;
    note(folder.folder, words_of(folder.walk->error()), false);
    folder.walk.reset();
}

void QueueSampler::count(Sendmail& queue, const QueueClock& now) {
    const auto judge = [&queue](std::string_view name, std::size_t depth) {
        const bool below_pattern = queue.has_pattern && depth == 0;
        if (below_pattern && name.starts_with(queue.pattern) && !name.starts_with('.'))
            return QueueName::kFolder;
        return judge_sendmail(name, below_pattern);
    };
    Result<QueueWalk> walk = QueueWalk::begin(queue.folder.path, judge);
    if (!walk) return note(queue.folder, walk.error().text, true);
    const std::int64_t now_s = now.wall_ms / 1000;
    std::uint64_t listed = 0;
    while (const auto message = walk->next()) {
        const std::string_view name = message->name;
        const auto arrival = sendmail_arrival(name.substr(2), now_s);
        if (!arrival) continue;
        if (name.front() == 'h') {
            ++record_.hold;
        } else {
            ++(now_s - *arrival <= kSendmailFreshS ? record_.active : record_.deferred);
        }
        if (++listed == kMostCounted) break;
    }
    note(queue.folder, words_of(walk->error()), true);
}

void QueueSampler::note(Folder& folder, const std::string& why_lost, bool counts_for_load) {
    const std::string place = printable(folder.path);
    if (counts_for_load) ++(why_lost.empty() ? record_.folders_read : record_.folders_lost);
    if (!why_lost.empty() && record_.problem.empty())
        record_.problem = fmt::format("{} cannot be read: {}", place, why_lost);
    if (why_lost.empty() == folder.lost.empty()) return;
    news_.push_back({!why_lost.empty(), why_lost.empty()
                                            ? place + " can be read again"
                                            : fmt::format("{} cannot be read: {}", place, why_lost)});
    folder.lost = why_lost;
}

}  // namespace optimilter
