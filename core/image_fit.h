// Bringing images of other sizes and aspects to the size that a network takes.
#pragma once

#include <string>

#include "core/image.h"
#include "core/options.h"

namespace gradus {

/// Words for it: "stretch" (the aspect is lost), "crop" (the shorter side fits, what is beyond in the middle of the longer one is cut
/// off), "pad" (the longer side fits, black beside it).
Limits image_fits();
/// The image at this size. Throws UsageError for a word that is none of image_fits().
Image fit_image(const Image& image, int64 height, int64 width, const std::string& fit);

}  // namespace gradus
