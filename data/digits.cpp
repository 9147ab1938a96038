#include "data/digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "core/byte_source.h"
#include "core/rng.h"
#include "core/threads.h"
#include "data/digit_glyphs.h"

namespace gradus {
namespace {

// Lengths are integers in 1/256 of a pixel, ratios integers in 1/256.
constexpr int kOne = 256;
constexpr int kSide = static_cast<int>(kDigitSide);

struct Point {
  int x, y;
};

// Uniform integer in low..high from one draw; 16 bits of it are far finer than any range here.
int uniform(Rng& rng, int low, int high) {
  return low + static_cast<int>((static_cast<std::int64_t>(rng.bits32() >> 16) * (high - low + 1)) >> 16);
}
// Triangular on -reach..reach: near zero more often than far away.
int wobble(Rng& rng, int reach) {
  const std::uint32_t bits = rng.bits32();
  const auto part = [reach](std::uint32_t half) {
    return static_cast<int>(static_cast<std::int64_t>(half) * reach >> 16);
  };
  return part(bits >> 16) - part(bits & 0xffff);
}

int divide(std::int64_t a, std::int64_t b) {  // rounds to nearest, b > 0
  return static_cast<int>((a >= 0 ? a + b / 2 : a - b / 2) / b);
}

// Catmull-Rom spline through b and c with neighbours a and d, at the fraction k / n.
int spline(int a, int b, int c, int d, std::int64_t k, std::int64_t n) {
  const std::int64_t sum = 2 * b * n * n * n + (c - a) * k * n * n +
                           (2 * std::int64_t{a} - 5 * std::int64_t{b} + 4 * std::int64_t{c} - d) * k * k * n +
                           (3 * (std::int64_t{b} - c) + d - a) * k * k * k;
  return divide(sum, 2 * n * n * n);
}

// A smooth random field of displacements: random vectors on a coarse grid of nodes, interpolated.
class ElasticField {
 public:
  ElasticField(Rng& rng, int reach) {
    for (Point& p : node_) p = {wobble(rng, reach), wobble(rng, reach)};
  }
  Point at(Point p) const {
    constexpr int kCell = kSide * kOne / (kNodes - 1);
    const int x = std::clamp(p.x, 0, kSide * kOne - 1), y = std::clamp(p.y, 0, kSide * kOne - 1);
    const int i = x / kCell, j = y / kCell, fx = ease(x % kCell * kOne / kCell),
              fy = ease(y % kCell * kOne / kCell);
    const Point &a = node(i, j), &b = node(i + 1, j), &c = node(i, j + 1), &d = node(i + 1, j + 1);
    const auto mix = [&](int pa, int pb, int pc, int pd) {
      const int top = pa * (kOne - fx) + pb * fx, bottom = pc * (kOne - fx) + pd * fx;
      return divide(std::int64_t{top} * (kOne - fy) + std::int64_t{bottom} * fy, kOne * kOne);
    };
    return {mix(a.x, b.x, c.x, d.x), mix(a.y, b.y, c.y, d.y)};
  }

 private:
  static constexpr int kNodes = 5;
  static int ease(int f) { return f * f * (3 * kOne - 2 * f) / (kOne * kOne); }  // 3 f^2 - 2 f^3
  const Point& node(int i, int j) const {
    return node_[static_cast<std::size_t>(std::min(j, kNodes - 1) * kNodes + std::min(i, kNodes - 1))];
  }
  std::array<Point, kNodes * kNodes> node_;
};

// The hand: where a point of the glyph grid comes to lie on the paper.
class Hand {
 public:
  explicit Hand(Rng& rng)
      : width_(uniform(rng, 28, 50)),
        height_(uniform(rng, 40, 55)),
        slant_(wobble(rng, 90) + 40),
        turn_(wobble(rng, 56)),
        shift_{wobble(rng, 5 * kOne / 2), wobble(rng, 5 * kOne / 2)},
        field_(rng, 2 * kOne) {}

  Point place(int gx, int gy) const {  // gx, gy: grid units times 16
    const int u = (gx - 800) * width_ / 16, v = (gy - 800) * height_ / 16;
    const int s = u - divide(std::int64_t{v} * slant_, kOne);
    // A turn by the angle whose half has the tangent t / 256: exact without sine and cosine.
    const int t = turn_ / 2;
    const std::int64_t c = kOne * kOne - t * t, d = 2 * t * kOne, n = kOne * kOne + t * t;
    Point p{kSide * kOne / 2 + divide(c * s - d * v, n) + shift_.x,
            kSide * kOne / 2 + divide(d * s + c * v, n) + shift_.y};
    const Point bend = field_.at(p);
    return {p.x + bend.x, p.y + bend.y};
  }

 private:
  int width_, height_;  // 1/256 pixel per grid unit
  int slant_, turn_;
  Point shift_;
  ElasticField field_;
};

// Draws the line from a to b with a round pen of the given radius; the darker value wins. Ink falls from full
// to none between radius - kEdge / 2 and radius + kEdge / 2, linearly in the squared distance, so no root is
// needed. In 1/64 of a pixel everything fits 32 bits, and the loop along a row vectorises.
void draw_line(Point from, Point to, int radius, std::uint8_t* out) {
  constexpr int kUnit = 64, kEdge = 40, kShift = 10, kInverse = 1 << 18;
  const auto fine = [](int v) { return v * kUnit / kOne; };
  const Point a{fine(from.x), fine(from.y)}, b{fine(to.x), fine(to.y)};
  const int outer = fine(radius) + kEdge / 2, inner = std::max(outer - kEdge, 0);
  const int outer2 = outer * outer, slope = (255 << kShift) / (outer2 - inner * inner);
  const auto pixel = [](int v) { return std::clamp(v / kUnit, 0, kSide - 1); };
  const int x0 = pixel(std::min(a.x, b.x) - outer), x1 = pixel(std::max(a.x, b.x) + outer);
  const int y0 = pixel(std::min(a.y, b.y) - outer), y1 = pixel(std::max(a.y, b.y) + outer);
  const int dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  // The root of an integer this small is exact enough in double to round down rightly on every machine.
  const int inverse = kInverse / std::max(1, static_cast<int>(std::sqrt(static_cast<double>(length2))));
  for (int y = y0; y <= y1; ++y) {
    const int py = y * kUnit + kUnit / 2 - a.y;
    std::uint8_t* row = out + y * kSide;
    for (int x = x0; x <= x1; ++x) {
      const int px = x * kUnit + kUnit / 2 - a.x, along = px * dx + py * dy;
      const int across = std::abs(px * dy - py * dx) * inverse / kInverse;
      const int to_a = px * px + py * py, to_b = (px - dx) * (px - dx) + (py - dy) * (py - dy);
      const int distance2 = along <= 0 ? to_a : along >= length2 ? to_b : across * across;
      const int ink = (outer2 - distance2) * slope >> kShift;
      row[x] = static_cast<std::uint8_t>(std::max<int>(row[x], std::clamp(ink, 0, 255)));
    }
  }
}

void draw_stroke(GlyphStroke stroke, const Hand& hand, int radius, Rng& rng, std::uint8_t* out) {
  constexpr int kJitter = 6 * 16, kMost = 16;
  std::array<Point, kMost> p;
  const int n = static_cast<int>(stroke.size());
  for (int i = 0; i < n; ++i)
    p[static_cast<std::size_t>(i)] = {stroke[static_cast<std::size_t>(i)].x * 16 + wobble(rng, kJitter),
                                      stroke[static_cast<std::size_t>(i)].y * 16 + wobble(rng, kJitter)};
  const int lift = wobble(rng, radius / 3);  // pressure: more at one end than at the other
  Point from = hand.place(p[0].x, p[0].y);
  for (int i = 0; i + 1 < n; ++i) {
    const auto at = [&](int k) { return p[static_cast<std::size_t>(k)]; };
    const auto corner = [&](int k) {
      return k <= 0 || k >= n - 1 || stroke[static_cast<std::size_t>(k)].corner;
    };
    const Point b = at(i), c = at(i + 1), a = corner(i) ? b : at(i - 1), d = corner(i + 1) ? c : at(i + 2);
    constexpr int kPiece = 12 * 16;  // straight pieces of about this many grid units
    const int steps = 1 + (std::abs(c.x - b.x) + std::abs(c.y - b.y)) / kPiece;
    for (int k = 1; k <= steps; ++k) {
      const Point to = hand.place(spline(a.x, b.x, c.x, d.x, k, steps), spline(a.y, b.y, c.y, d.y, k, steps));

      draw_line(from, to, radius + lift * (2 * i - n) / n, out);
      from = to;
    }
  }
}

// Grain of paper and ink: each pixel loses or gains a little; a Philox block has the bits for sixteen of
// them.
void add_grain(Rng& rng, int ink, int paper_grain, int ink_grain, std::uint8_t* out) {
  const std::array<std::uint32_t, 2> key{rng.bits32(), rng.bits32()};
  for (int i = 0; i < kSide * kSide; i += 16) {
    const auto bits = philox({static_cast<std::uint32_t>(i), 0, 0, 0}, key);
    for (int k = 0; k < 16; ++k) {
      const int noise = static_cast<int>(bits[static_cast<std::size_t>(k / 4)] >> k % 4 * 8 & 0xff),
                v = out[i + k];
      const int value =
          v * (ink - noise * ink_grain / 255) / 255 + noise * paper_grain * (255 - v) / (255 * 255);
      out[i + k] = static_cast<std::uint8_t>(std::clamp(value, 0, 255));
    }
  }
}

class DigitSet : public Dataset {
 public:
  DigitSet(DatasetInfo info, int64 seed, int64 split, int64 size)
      : Dataset(std::move(info)), seed_(seed), split_(split), size_(size) {}

  int64 size() const override { return size_; }
  int64 label(int64 i) const override { return i % 10; }
  void read_pixels(int64 i, std::uint8_t* out) const override {
    std::call_once(drawn_, [&] { draw_all(); });
    std::memcpy(out, pixels_.data() + i * kDigitSide * kDigitSide, kDigitSide * kDigitSide);
  }

 private:
  void draw_all() const {
    pixels_ = ByteBuffer(static_cast<std::size_t>(size_ * kDigitSide * kDigitSide));
    std::uint8_t* out = pixels_.data();
    parallel_for(size_, 64, [&](int64 begin, int64 end) {
      for (int64 i = begin; i < end; ++i) draw_digit(seed_, split_, i, out + i * kDigitSide * kDigitSide);
    });
  }

  int64 seed_, split_, size_;
  mutable std::once_flag drawn_;
  mutable ByteBuffer pixels_;
};

}  // namespace

void draw_digit(int64 seed, int64 split, int64 index, std::uint8_t* out) {
  Rng rng = Rng(static_cast<std::uint64_t>(seed))
                .fork("digits")
                .fork(static_cast<std::uint64_t>(split))
                .fork(static_cast<std::uint64_t>(index));
  std::memset(out, 0, kDigitSide * kDigitSide);
  const std::span<const Glyph> ways = glyphs_of(static_cast<int>(index % 10));
  const Glyph glyph = ways[static_cast<std::size_t>(uniform(rng, 0, static_cast<int>(ways.size()) - 1))];
  const Hand hand(rng);
  const int radius = uniform(rng, 150, 400) * uniform(rng, 170, 256) / 256;
  for (const GlyphStroke stroke : glyph) draw_stroke(stroke, hand, radius, rng, out);
  add_grain(rng, uniform(rng, 200, 255), std::max(0, wobble(rng, 60)), uniform(rng, 0, 60), out);
}

Data open_digits(const DigitsOptions& options) {
  DatasetInfo info;
  info.name = "digits";
  info.example = {1, kDigitSide, kDigitSide};
  info.classes = 10;
  for (int i = 0; i < 10; ++i) info.class_names.push_back(std::to_string(i));
  info.mean = {0.1019};
  info.std = {0.2351};
  return {std::make_shared<DigitSet>(info, options.seed, 0, options.train),
          std::make_shared<DigitSet>(info, options.seed, 1, options.test)};
}

}  // namespace gradus
