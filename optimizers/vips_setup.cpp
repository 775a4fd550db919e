// SPDX-License-Identifier: Apache-2.0
#include "optimizers/vips_setup.hpp"

#include <vips/vips.h>
// vips.h leaves this one out.
#include <vips/vector.h>

#include <cstdlib>

namespace optimilter {

namespace {

// What libvips has to say reaches us as an error of the call; its warnings would only fill the journal.
void be_quiet(const gchar*, GLogLevelFlags, const gchar*, gpointer) {}

}  // namespace

void initialize_vips() {
    g_log_set_default_handler(be_quiet, nullptr);
    // libvips looks for loadable modules (poppler, openslide, ImageMagick, ...) below VIPSHOME. We use none
    // of them, and what is not loaded cannot be attacked.
    ::setenv("VIPSHOME", "/nonexistent", 1);
    // Orc would write executable memory, which the worker's sandbox forbids, and try files for it first.
    ::setenv("ORC_CODE", "backup", 1);
    if (VIPS_INIT("optimilter-worker") != 0) std::abort();
    vips_vector_set_enabled(FALSE);
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_block_untrusted_set(TRUE);
}

}  // namespace optimilter
