#include "core/exif.h"

#include <cstring>
#include <string_view>

namespace gradus {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr int kUpright = 1;

std::string_view text_at(Bytes bytes, std::size_t at, std::size_t n) {
  if (at > bytes.size() || n > bytes.size() - at) return {};
  return {reinterpret_cast<const char*>(bytes.data()) + at, n};
}

// An unsigned integer of `n` bytes; 0 beyond the end.
std::uint32_t integer(Bytes bytes, std::size_t at, std::size_t n, bool big_endian) {
  if (at > bytes.size() || n > bytes.size() - at) return 0;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < n; ++i) value = value << 8 | bytes[at + (big_endian ? i : n - 1 - i)];
  return value;
}

// From a TIFF header and its first directory.
int orientation_of_tiff(Bytes tiff) {
  const std::string_view order = text_at(tiff, 0, 2);
  if (order != "II" && order != "MM") return kUpright;
  const bool big = order == "MM";
  constexpr std::uint32_t kTiff = 42, kOrientation = 0x0112, kShort = 3;
  constexpr std::size_t kEntry = 12;
  if (integer(tiff, 2, 2, big) != kTiff) return kUpright;
  const std::size_t directory = integer(tiff, 4, 4, big), count = integer(tiff, directory, 2, big);
  for (std::size_t i = 0; i < count && directory + 2 + (i + 1) * kEntry <= tiff.size(); ++i) {
    const std::size_t entry = directory + 2 + i * kEntry;
    if (integer(tiff, entry, 2, big) != kOrientation) continue;
    const std::uint32_t value =
        integer(tiff, entry + 8, integer(tiff, entry + 2, 2, big) == kShort ? 2 : 4, big);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : kUpright;
  }
  return kUpright;
}

int orientation_of_jpeg(Bytes file) {
  constexpr std::uint8_t kApp1 = 0xe1, kScan = 0xda;
  for (std::size_t at = 2; at + 4 <= file.size() && file[at] == 0xff;) {
    const std::uint8_t marker = file[at + 1];
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    if (marker == kScan) break;
    const std::size_t length = integer(file, at + 2, 2, true);
    if (length < 2 || length > file.size() - at - 2) break;
    const std::string_view exif("Exif\0\0", 6);
    if (marker == kApp1 && length >= 2 + exif.size() && text_at(file, at + 4, exif.size()) == exif)
      return orientation_of_tiff(file.subspan(at + 4 + exif.size(), length - 2 - exif.size()));
    at += 2 + length;
  }
  return kUpright;
}

int orientation_of_png(Bytes file) {
  for (std::size_t at = 8; at + 12 <= file.size();) {
    const std::size_t length = integer(file, at, 4, true);
    if (length > file.size() - at - 12) break;
    if (text_at(file, at + 4, 4) == "eXIf") return orientation_of_tiff(file.subspan(at + 8, length));
    at += 12 + length;
  }
  return kUpright;
}

}  // namespace

int exif_orientation(Bytes file) {
  return text_at(file, 0, 2) == "\xff\xd8" ? orientation_of_jpeg(file) : orientation_of_png(file);
}

Image upright(Image image, int orientation) {
  if (orientation <= kUpright || orientation > 8) return image;
  const bool transposed = orientation >= 5;
  // Which end of the stored rows and columns the picture begins at.
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const int64 h = image.height, w = image.width;
  Image out{image.channels, transposed ? w : h, transposed ? h : w, {}};
  out.pixels.reserve(image.pixels.size());
  for (int64 c = 0; c < image.channels; ++c)
    for (int64 y = 0; y < out.height; ++y)
      for (int64 x = 0; x < out.width; ++x) {
        const int64 row = transposed ? x : y, column = transposed ? y : x;
        const int64 from_y = from_bottom ? h - 1 - row : row, from_x = from_right ? w - 1 - column : column;
        out.pixels.push_back(image.pixels[static_cast<std::size_t>((c * h + from_y) * w + from_x)]);
      }
  return out;
}

}  // namespace gradus
