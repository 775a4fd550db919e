// SPDX-License-Identifier: Apache-2.0
//
// Gets results for decoded files: from the cache, from another message that has the same one under way, or
// from a worker. Knows no mail. One PartWork belongs to one message; what it shares is thread safe.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "base/memfd.hpp"
#include "milter/part_report.hpp"
#include "policy/decide.hpp"
#include "policy/settings.hpp"
#include "store/result_cache.hpp"
#include "workers/pool.hpp"

namespace optimilter {

// One file to be made smaller. report.bytes_in, type and file_name are set. Settings and options may differ
// from those of its neighbours, where a rule says so.
struct WorkItem {
    PartReport* report = nullptr;
    const Settings* settings = nullptr;
    Options options;
    Memfd input;
    Digest digest{};
    SharedBytes output;  // set by run() when it became smaller by enough
};

class PartWork {
  public:
    struct Surroundings {
        Direction direction;
        Pool& pool;
        ResultCache* cache;  // null: every file goes to a worker
        // Most effort to spend just now; remembered results of more are taken too.
        std::uint8_t effort_max = kEffortMax;
    };
    PartWork(const Surroundings& around, Deadline deadline) : around_(around), deadline_(deadline) {}

    // In the order given; sets output and the report of each. Inputs are given up.
    void run(const std::vector<WorkItem*>& items);

  private:
    struct Waiting {
        WorkItem* item;
        Digest key;
    };

    // The item's own, with no more effort than the load allows.
    Options options_of(const WorkItem& item) const;
    std::optional<Digest> key_of(const WorkItem& item, const Options& options) const;
    Job job_of(const WorkItem& item, const Options& options) const;
    std::optional<StoredResult> remembered(const WorkItem& item, const Digest& key) const;
    bool take_from_cache(WorkItem& item, const Digest& key);
    void do_own(WorkItem& item, const std::optional<Digest>& key, std::optional<Flights::Flight> flight);
    void await_others();
    void take(WorkItem& item, const StoredResult& result) const;

    const Surroundings& around_;
    const Deadline deadline_;
    std::optional<Result<Pool::Lease>> lease_;  // asked for when first needed
    std::vector<Waiting> waiting_;              // somebody else does these
    std::map<Digest, StoredResult> done_;       // in this message
};

// The original stays.
void keep_part(PartReport& report, Outcome outcome, std::string_view reason);

}  // namespace optimilter
