// Images of 8 bits: reading PNG and JPEG, writing PNG, resizing, grey and colour.
#pragma once

#include <string>
#include <vector>

#include "core/byte_source.h"
#include "core/real.h"

namespace gradus {

/// Pixels plane by plane (C,H,W), as networks take them.
struct Image {
  int64 channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;
};

/// Reads a PNG or JPEG as `channels` planes: 1 grey, 3 colour, 0 as the file has it (transparency is laid
/// over white), the right way up (core/exif.h). Throws DataError naming the file and what was expected: neither of both formats, damaged,
/// truncated, or more pixels announced than the file could hold.
Image read_image(const std::string& path, int channels = 0);
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name, int channels = 0);

/// Whether a file's name ends as those of PNG and JPEG do, in any case.
bool is_image_name(const std::string& path);
/// The bytes of a PNG. Throws DataError, opened by `name`, for what is no image.
std::string encode_png(const Image& image, const std::string& name);
/// Throws DataError.
void write_png(const std::string& path, const Image& image);

/// Another size by a triangle filter as wide as the scale asks for: bilinear when enlarging, averaging when
/// shrinking, so that thin lines do not vanish.
Image resize(const Image& image, int64 height, int64 width);
/// 1 or 3 channels; grey is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
Image to_channels(const Image& image, int64 channels);

}  // namespace gradus
