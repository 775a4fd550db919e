// SPDX-License-Identifier: Apache-2.0
//
// Scaling of PNG pictures that a document shows smaller than they are: with loss, so for lossy profiles only.
// Not thread safe (see picture_resize.hpp).
#pragma once

#include "optimizers/optimize.hpp"
#include "optimizers/picture_resize.hpp"
#include "optimizers/png_chunks.hpp"

namespace optimilter {

// The size a result shall have, told from the chunks alone; the file's own where it must stay.
PictureSize png_target_size(const PngFile& file, const Context& context);

// An RGB or RGBA picture of that size, 8 bits a sample. kDeadline, kLimit.
Result<PngPicture> scale_png_picture(const PngPicture& picture, PictureSize to, Deadline deadline);

}  // namespace optimilter
