// The orientation that cameras write beside an image: which way up the sensor was.
#pragma once

#include <cstdint>
#include <span>

#include "core/image.h"

namespace gradus {

/// Tag 0x0112 of the EXIF data of a JPEG (segment APP1) or PNG (chunk eXIf), 1 to 8; 1, upright, where there is
/// none or it is damaged (the image itself can be read all the same). Format: CIPA DC-008 (Exif 2.32), TIFF 6.0.
int exif_orientation(std::span<const std::uint8_t> file);

/// The image upright. orientation: 1 as it is, 2 mirrored, 3 turned by 180 degrees, 4 upside down and mirrored, 5
/// transposed, 6 to be turned clockwise, 7 transposed along the other diagonal, 8 to be turned counter-clockwise.
Image upright(Image image, int orientation);

}  // namespace gradus
