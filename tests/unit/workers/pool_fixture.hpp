// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the pool share: a pool of stand-in workers (hostile_worker.cpp) and jobs whose first line
// tells the stand-in what to do. Single-threaded but for the pool inside.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "check.hpp"
#include "workers/pool.hpp"

namespace optimilter {

inline const Options kOptions;

inline std::string hostile_program() {
    return OPTIMILTER_HOSTILE_WORKER;
}

inline PoolSettings settings_for(std::string program) {
    PoolSettings settings;
    settings.worker_program = std::move(program);
    return settings;
}

struct Fixture {
    Counters counters;
    std::unique_ptr<Pool> pool;

    explicit Fixture(PoolSettings settings = settings_for(hostile_program())) {
        auto started = Pool::start(settings, counters);
        if (!started) throw check::Failure("start: " + started.error().text);
        pool = std::move(*started);
    }
};

struct Input {
    Memfd file;
    Job job;

    // The first line tells the stand-in what to do; number makes the digest differ.
    Input(std::string_view what, Deadline deadline, int number = 0, std::size_t size = 4096)
        : file(std::move(*Memfd::create("input"))) {
        std::string text = std::string(what) + "\n" + std::to_string(number) + "\n";
        text.resize(size, 'x');
        CHECK(file.append(as_bytes(text)).has_value());
        job.input = &file;
        job.digest = sha256(as_bytes(text));
        job.options = &kOptions;
        job.deadline = deadline;
    }
};

inline JobResult run_one(Pool& pool, std::string_view what, Deadline deadline = Deadline::in_ms(20'000)) {
    auto lease = pool.lease(deadline);
    if (!lease) throw check::Failure("lease: " + lease.error().text);
    const Input input(what, deadline);
    return lease->run(input.job);
}

}  // namespace optimilter
