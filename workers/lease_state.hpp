// SPDX-License-Identifier: Apache-2.0
//
// What a lease holds: a place at work, and the worker that fills it at present. Shared with nobody.
#pragma once

#include <memory>

#include "workers/crew.hpp"
#include "workers/pool.hpp"

namespace optimilter {

struct Pool::Lease::State {
    std::shared_ptr<Crew> crew;  // outlives the pool while a lease is out
    Stopwatch held;              // since the place was taken
    WorkerPtr worker;            // empty after one ended and before the next job asks for another
};

}  // namespace optimilter
