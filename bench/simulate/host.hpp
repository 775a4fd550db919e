// SPDX-License-Identifier: Apache-2.0
//
// One host of the model: an MTA with a limit of sessions, the guard and engine between, workers behind, as a
// discrete-event simulation around the controller and the yield table that the engine itself runs. What is
// modelled and what is not: doc/load.md. Deterministic for a seed. Not thread safe; each host is its own.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/simulate/arrivals.hpp"
#include "bench/simulate/histogram.hpp"
#include "bench/simulate/mail_trace.hpp"
#include "policy/load_controller.hpp"

namespace optimilter::sim {

struct Plan {
    Settings settings;  // also window, effort and load_control
    Shape shape = Shape::kSteady;
    double rate = 10;  // messages a second for one host, at the top of the shape
    int seconds = 1800;
    int cores = 2;
    int workers = 2;
    int sessions = 100;         // the MTA's process limit
    double mta_cpu_ms = 4.5;    // of a message, whatever the filter does
    double deliver_rate = 500;  // messages a second that leave the MTA's queue
    std::uint64_t seed = 1;
};

// What one second was like; of several hosts together after add().
struct Second {
    double pressure = 0;
    std::uint8_t level = 0;
    LoadSignal signal = LoadSignal::kNone;
    LoadLimits limits;
    std::uint64_t arrived = 0, accepted = 0, refused = 0;  // messages
    std::uint64_t worked = 0, missed = 0;                  // worked on, of these at their deadline
    std::uint64_t sessions = 0, clients_waiting = 0;       // at its end
    std::uint64_t waiting = 0;                             // for a worker, at its end
    double queue = 0;                                      // messages in the MTA's queue
    double cpu_ms = 0;                                     // of the workers
    double saved_bytes = 0;
    double busy = 0;   // 0..1
    Histogram delays;  // ms that the filter added to the end of a message

    void add(const Second& other);
};

// Runs a host and returns its seconds; mails are drawn from the trace by chance.
std::vector<Second> run_host(const Plan& plan, const std::vector<Mail>& trace);

}  // namespace optimilter::sim
