// Images moved by whole pixels and mirrored, in place; what augmentation and views at test time share.
#pragma once

#include <vector>

#include "core/real.h"
#include "core/shape.h"

namespace gradus {

/// Left to right.
void mirror_image(real* image, const Shape& chw);
/// Pixel (y, x) becomes what was at (y + dy, x + dx). What lies outside is `border` (a number a channel), or where that is empty
/// the image reflected, without its border pixel twice: 2 1 | 0 1 2.
void shift_image(real* image, const Shape& chw, int64 dy, int64 dx, const std::vector<real>& border = {});

}  // namespace gradus
