// SPDX-License-Identifier: Apache-2.0
//
// One owner per type of the C libraries we decode with, for use as a local: freed on every way out. No
// knowledge of formats. Not thread safe, as the libraries are not.
#pragma once

#include <vips/vips.h>

#include <memory>

namespace optimilter {

struct VipsImageUnref {
    void operator()(VipsImage* image) const { g_object_unref(image); }
};
using VipsImageHandle = std::unique_ptr<VipsImage, VipsImageUnref>;

// Memory that GLib or libvips allocated.
struct GlibFree {
    void operator()(void* memory) const { g_free(memory); }
};
using VipsMemory = std::unique_ptr<void, GlibFree>;

}  // namespace optimilter
