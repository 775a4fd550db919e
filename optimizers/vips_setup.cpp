// SPDX-License-Identifier: Apache-2.0
#include "optimizers/vips_setup.hpp"

#include <vips/vips.h>

#include <cstdlib>

namespace optimilter {

void initialize_vips() {
    if (VIPS_INIT("optimilter-worker") != 0) std::abort();
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_block_untrusted_set(TRUE);
}

}  // namespace optimilter
