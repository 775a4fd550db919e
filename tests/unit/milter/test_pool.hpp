// SPDX-License-Identifier: Apache-2.0
//
// Real workers for the tests of a program: one pool, started and stopped by its group.
#pragma once

#include <memory>

#include "check.hpp"
#include "milter/pool_settings.hpp"
#include "policy/settings.hpp"
#include "workers/pool.hpp"

namespace optimilter {

inline Counters counters_;
inline std::unique_ptr<Pool> pool_;

inline Settings test_settings(ProfileName profile = ProfileName::kLossless) {
    Settings settings;
    settings.profile = profile;
    // Sanitized builds are slow; the deadline has tests of its own.
    settings.deadline = 60000;
    settings.worker_program = OPTIMILTER_TEST_BINARY_DIR "/workers/optimilter-worker";
    return settings;
}

inline int start_pool(void**) {
    const auto pool_settings = pool_settings_of(test_settings());
    if (!pool_settings) return -1;
    auto pool = Pool::start(*pool_settings, counters_);
    if (!pool) {
        print_error("%s\n", pool.error().text.c_str());
        return -1;
    }
    pool_ = std::move(*pool);
    return 0;
}

inline int stop_pool(void**) {
    pool_.reset();
    return 0;
}

}  // namespace optimilter
