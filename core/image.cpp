#include "core/image.h"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/exif.h"
#include "core/jpeg_check.h"

#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_NO_FAILURE_STRINGS
#define STBI_MAX_DIMENSIONS 32768
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace gradus {
namespace {

constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 30;
constexpr std::string_view kPngSignature("\x89PNG\r\n\x1a\n", 8);

std::uint32_t big_endian(const std::uint8_t* b) {
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

// Walks the chunks of a PNG: every length inside the file, every checksum right, IEND at the end. The decoder
// itself would let much of that pass.
void check_png(std::span<const std::uint8_t> bytes, const std::string& name) {
  std::size_t at = kPngSignature.size();
  for (bool first = true;; first = false) {
    if (bytes.size() - at < 12)
      fail<DataError>("{}: at offset {}: expected a PNG chunk, but the file ends (truncated)", name, at);
    const std::uint32_t length = big_endian(&bytes[at]);
    if (length > bytes.size() - at - 12)
      fail<DataError>("{}: at offset {}: expected a PNG chunk of {} bytes, but {} are left (truncated)", name,
                      at, length, bytes.size() - at - 12);
    const std::string_view type(reinterpret_cast<const char*>(&bytes[at + 4]), 4);
    if (first && (type != "IHDR" || length != 13))
      fail<DataError>("{}: at offset {}: expected the PNG chunk IHDR", name, at);
    const auto crc = static_cast<std::uint32_t>(crc32(crc32(0, nullptr, 0), &bytes[at + 4], length + 4));
    if (crc != big_endian(&bytes[at + 8 + length]))
      fail<DataError>("{}: at offset {}: expected the checksum of a PNG chunk, found another", name,
                      at + 8 + length);
    at += 12 + length;
    if (type == "IEND") return;
  }
}

// How many pixels a file of this size can describe at most: deflate packs 1032 : 1 and a PNG pixel has at
// least one bit; a JPEG block of 64 pixels has at least one bit.
std::uint64_t most_pixels(std::size_t bytes, bool png) {
  return bytes * (png ? std::uint64_t{1032 * 8} : std::uint64_t{64 * 8}) + 4096;
}

// One axis of the resampling: for each output position the first input it draws on and the weights.
struct Taps {
  std::vector<int64> first;
  std::vector<std::vector<float>> weights;
};

Taps triangle_taps(int64 in, int64 out) {
  Taps taps;
  const double scale = static_cast<double>(in) / static_cast<double>(out), reach = std::max(1.0, scale);
  for (int64 o = 0; o < out; ++o) {
    const double centre = (static_cast<double>(o) + 0.5) * scale;
    const auto low = std::max<int64>(0, static_cast<int64>(centre - reach + 0.5));
    const auto high = std::min<int64>(in, static_cast<int64>(centre + reach + 0.5));
    std::vector<float> w;
    float sum = 0;
    for (int64 i = low; i < high; ++i) {
      w.push_back(
          static_cast<float>(std::max(0.0, 1 - std::fabs((static_cast<double>(i) + 0.5 - centre) / reach))));
      sum += w.back();
    }
    for (float& v : w) v /= sum;
    taps.first.push_back(low);
    taps.weights.push_back(std::move(w));
  }
  return taps;
}

std::uint8_t to_byte(float v) { return static_cast<std::uint8_t>(std::clamp(v + 0.5f, 0.0f, 255.0f)); }

}  // namespace

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name, int channels) {
  const bool png = bytes.size() >= kPngSignature.size() &&
                   std::memcmp(bytes.data(), kPngSignature.data(), kPngSignature.size()) == 0;
  const bool jpeg = bytes.size() >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
  if (!png && !jpeg) fail<DataError>("{}: at offset 0: expected a PNG or JPEG signature", name);
  if (png) check_png(bytes, name);
  if (jpeg) check_jpeg(bytes, name);
  const char* format = png ? "PNG" : "JPEG";
  int width = 0, height = 0, found = 0;
  const int size = static_cast<int>(bytes.size());
  if (!stbi_info_from_memory(bytes.data(), size, &width, &height, &found) || width < 1 || height < 1)
    fail<DataError>("{}: expected a {} header that can be read", name, format);
  if (static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height) > most_pixels(bytes.size(), png))
    fail<DataError>("{}: the {} header announces {}x{} pixels, more than {} bytes can hold", name, format,
                    width, height, bytes.size());
  stbi_uc* raw = stbi_load_from_memory(bytes.data(), size, &width, &height, &found, 0);
  if (!raw) fail<DataError>("{}: damaged {} data", name, format);
  // Only now is known what a pixel has: a transparent colour of a PNG (tRNS) adds a channel that the header has not.
  const bool alpha = found == 2 || found == 4;
  const int step = found, planes = alpha ? found - 1 : found;
  Image image{planes, height, width, {}};
  const std::size_t plane = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  image.pixels.resize(static_cast<std::size_t>(planes) * plane);
  for (std::size_t i = 0; i < plane; ++i)
    for (int c = 0; c < planes; ++c) {
      const stbi_uc* p = raw + i * static_cast<std::size_t>(step);
      const int a = alpha ? p[planes] : 255, v = (p[c] * a + 255 * (255 - a) + 127) / 255;
      image.pixels[static_cast<std::size_t>(c) * plane + i] = static_cast<std::uint8_t>(v);
    }
  stbi_image_free(raw);
  image = upright(std::move(image), exif_orientation(bytes));
  return channels ? to_channels(image, channels) : image;
}

Image read_image(const std::string& path, int channels) {
  return decode_image(open_file(path)->read_all(kMaxFile).span(), path, channels);
}

bool is_image_name(const std::string& path) {
  std::string end = std::filesystem::path(path).extension().string();
  for (char& c : end) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

std::string encode_png(const Image& image, const std::string& name) {
  const auto c = static_cast<std::size_t>(image.channels),
             plane = static_cast<std::size_t>(image.height * image.width);
  std::vector<std::uint8_t> interleaved(c * plane);
  for (std::size_t i = 0; i < plane; ++i)
    for (std::size_t k = 0; k < c; ++k) interleaved[i * c + k] = image.pixels[k * plane + i];
  std::string bytes;
  const auto append = [](void* out, void* data, int n) {
    static_cast<std::string*>(out)->append(static_cast<char*>(data), static_cast<std::size_t>(n));
  };
  if (!stbi_write_png_to_func(append, &bytes, static_cast<int>(image.width), static_cast<int>(image.height),
                              static_cast<int>(c), interleaved.data(),
                              static_cast<int>(image.width) * static_cast<int>(c)))
    fail<DataError>("{}: cannot encode a PNG of {}x{} with {} channels", name, image.width, image.height,
                    image.channels);
  return bytes;
}

void write_png(const std::string& path, const Image& image) { write_file(path, encode_png(image, path)); }

Image resize(const Image& image, int64 height, int64 width) {
  if (height < 1 || width < 1)
    fail<UsageError>("resize: needs at least one pixel each way, not {}x{}", height, width);
  if (height == image.height && width == image.width) return image;
  const Taps across = triangle_taps(image.width, width), down = triangle_taps(image.height, height);
  Image out{image.channels, height, width,
            std::vector<std::uint8_t>(static_cast<std::size_t>(image.channels * height * width))};
  std::vector<float> rows(static_cast<std::size_t>(image.height * width));  // squeezed across, not yet down
  for (int64 c = 0; c < image.channels; ++c) {
    const std::uint8_t* in = image.pixels.data() + c * image.height * image.width;
    for (int64 y = 0; y < image.height; ++y)
      for (int64 x = 0; x < width; ++x) {
        const auto& w = across.weights[static_cast<std::size_t>(x)];
        const std::uint8_t* p = in + y * image.width + across.first[static_cast<std::size_t>(x)];
        float sum = 0;
        for (std::size_t k = 0; k < w.size(); ++k) sum += w[k] * p[k];
        rows[static_cast<std::size_t>(y * width + x)] = sum;
      }
    std::uint8_t* to = out.pixels.data() + c * height * width;
    for (int64 y = 0; y < height; ++y) {
      const auto& w = down.weights[static_cast<std::size_t>(y)];
      for (int64 x = 0; x < width; ++x) {
        float sum = 0;
        for (std::size_t k = 0; k < w.size(); ++k)
          sum += w[k] * rows[static_cast<std::size_t>(
                            (down.first[static_cast<std::size_t>(y)] + static_cast<int64>(k)) * width + x)];
        to[y * width + x] = to_byte(sum);
      }
    }
  }
  return out;
}

Image to_channels(const Image& image, int64 channels) {
  if (image.channels == channels) return image;
  if (!((image.channels == 1 && channels == 3) || (image.channels == 3 && channels == 1)))
    fail<UsageError>("images have 1 or 3 channels: cannot turn {} into {}", image.channels, channels);
  const auto plane = static_cast<std::size_t>(image.height * image.width);
  Image out{channels, image.height, image.width,
            std::vector<std::uint8_t>(static_cast<std::size_t>(channels) * plane)};
  for (std::size_t i = 0; i < plane; ++i) {
    if (channels == 1) {
      out.pixels[i] = static_cast<std::uint8_t>(
          (299 * image.pixels[i] + 587 * image.pixels[plane + i] + 114 * image.pixels[2 * plane + i] + 500) /
          1000);
    } else {
      for (std::size_t c = 0; c < 3; ++c) out.pixels[c * plane + i] = image.pixels[i];
    }
  }
  return out;
}

}  // namespace gradus
