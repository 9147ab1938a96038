// Corruptions by processing and files.
#include <array>
#include <numbers>

#include "data/corruptions/corruption.h"

namespace gradus::corruption {
namespace {

constexpr int kSide = 8;
using Block = std::array<double, kSide * kSide>;

// Annex K of ITU-T T.81: brightness and colour at quality 50.
constexpr Block kBrightness = {16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
                               14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
                               18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
                               49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};
constexpr Block kColour = {17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
                           24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
                           99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                           99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

// Rows of the orthonormal cosine transform.
const Block& cosines() {
  static const Block table = [] {
    Block t{};
    for (int k = 0; k < kSide; ++k)
      for (int n = 0; n < kSide; ++n)
        t[static_cast<size_t>(k * kSide + n)] =
            std::sqrt((k == 0 ? 1.0 : 2.0) / kSide) * std::cos(std::numbers::pi * k * (n + 0.5) / kSide);
    return t;
  }();
  return table;
}
// T b T' (forward) or T' b T.
Block transformed(const Block& b, bool forward) {
  const Block& t = cosines();
  const auto entry = [&](int i, int j) {
    return t[static_cast<size_t>(forward ? i * kSide + j : j * kSide + i)];
  };
  Block half{}, out{};
  for (int i = 0; i < kSide; ++i)
    for (int j = 0; j < kSide; ++j)
      for (int k = 0; k < kSide; ++k)
        half[static_cast<size_t>(i * kSide + j)] += entry(i, k) * b[static_cast<size_t>(k * kSide + j)];
  for (int i = 0; i < kSide; ++i)
    for (int j = 0; j < kSide; ++j)
      for (int k = 0; k < kSide; ++k)
        out[static_cast<size_t>(i * kSide + j)] += half[static_cast<size_t>(i * kSide + k)] * entry(j, k);
  return out;
}

void quantise_plane(FloatImage& image, int64 c, const Block& table, double factor) {
  for (int64 top = 0; top < image.H; top += kSide)
    for (int64 left = 0; left < image.W; left += kSide) {
      Block b{};
      for (int i = 0; i < kSide * kSide; ++i)
        b[static_cast<size_t>(i)] = 255 * image.held(c, top + i / kSide, left + i % kSide) - 128;
      b = transformed(b, true);
      for (size_t i = 0; i < b.size(); ++i) {
        const double step = std::clamp(std::floor(table[i] * factor + 0.5), 1.0, 255.0);
        b[i] = step * std::round(b[i] / step);
      }
      b = transformed(b, false);
      for (int i = 0; i < kSide * kSide; ++i)
        if (top + i / kSide < image.H && left + i % kSide < image.W)
          image.at(c, top + i / kSide, left + i % kSide) = (b[static_cast<size_t>(i)] + 128) / 255;
    }
}

// Brightness and two colours around 1/2, and back (ITU-R BT.601).
void to_luma(FloatImage& image) {
  for (size_t i = 0, n = image.v.size() / 3; i < n; ++i) {
    const double r = image.v[i], g = image.v[i + n], b = image.v[i + 2 * n];
    const double y = 0.299 * r + 0.587 * g + 0.114 * b;
    image.v[i] = y, image.v[i + n] = 0.5 + (b - y) / 1.772, image.v[i + 2 * n] = 0.5 + (r - y) / 1.402;
  }
}
void from_luma(FloatImage& image) {
  for (size_t i = 0, n = image.v.size() / 3; i < n; ++i) {
    const double y = image.v[i], b = y + 1.772 * (image.v[i + n] - 0.5),
                 r = y + 1.402 * (image.v[i + 2 * n] - 0.5);
    image.v[i] = r, image.v[i + n] = (y - 0.299 * r - 0.114 * b) / 0.587, image.v[i + 2 * n] = b;
  }
}

}  // namespace

void elastic_transform(FloatImage& image, int severity, Rng& rng) {
  // Every pixel is fetched from a place nearby; places change smoothly.
  const double reach = image.scaled(strength({0.8, 1.2, 1.7, 2.3, 3}, severity));
  FloatImage moves(2, image.H, image.W);
  moves.map([&](double) { return rng.uniform(-1, 1); });
  blur(moves, gaussian_kernel(image.scaled(2)));
  double most = 1e-12;
  for (const double v : moves.v) most = std::max(most, std::abs(v));
  const FloatImage before = image;
  for (int64 c = 0; c < image.C; ++c)
    for (int64 y = 0; y < image.H; ++y)
      for (int64 x = 0; x < image.W; ++x)
        image.at(c, y, x) = before.sample(c, static_cast<double>(y) + reach * moves.at(0, y, x) / most,
                                          static_cast<double>(x) + reach * moves.at(1, y, x) / most);
}

void pixelate(FloatImage& image, int severity, Rng&) {
  // Means of cells, shown as squares.
  const double cells = strength({24, 19, 15, 11, 8}, severity) / 32;
  const int64 rows = std::max<int64>(1, std::llround(cells * static_cast<double>(image.H))),
              columns = std::max<int64>(1, std::llround(cells * static_cast<double>(image.W)));
  FloatImage sums(image.C, rows, columns), counts(1, rows, columns);
  const auto row = [&](int64 y) { return y * rows / image.H; };
  const auto column = [&](int64 x) { return x * columns / image.W; };
  for (int64 y = 0; y < image.H; ++y)
    for (int64 x = 0; x < image.W; ++x) {
      counts.at(0, row(y), column(x)) += 1;
      for (int64 c = 0; c < image.C; ++c) sums.at(c, row(y), column(x)) += image.at(c, y, x);
    }
  for (int64 c = 0; c < image.C; ++c)
    for (int64 y = 0; y < image.H; ++y)
      for (int64 x = 0; x < image.W; ++x)
        image.at(c, y, x) = sums.at(c, row(y), column(x)) / counts.at(0, row(y), column(x));
}

void jpeg_compression(FloatImage& image, int severity, Rng&) {
  const double quality = strength({40, 25, 18, 12, 7}, severity);
  const double factor = (quality < 50 ? 5000 / quality : 200 - 2 * quality) / 100;
  const bool coloured = image.C == 3;
  if (coloured) to_luma(image);
  for (int64 c = 0; c < image.C; ++c)
    quantise_plane(image, c, coloured && c > 0 ? kColour : kBrightness, factor);
  if (coloured) from_luma(image);
}

}  // namespace gradus::corruption
