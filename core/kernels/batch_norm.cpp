#include "core/kernels/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "core/error.h"
#include "core/kernels/lanes.h"
#include "core/threads.h"

namespace gradus::kernels {
namespace {

struct Channels {
  int64 n, c, inner;  // images, channels, elements of one channel of one image (a plane)
  int64 count() const { return n * inner; }
  int64 image() const { return c * inner; }
  int64 grain() const { return kParallelGrain / std::max<int64>(1, 4 * image()); }  // in images
};

Channels channels_of(const char* op, const Tensor& x, std::initializer_list<const Tensor*> parameters) {
  if (x.rank() < 2) fail<ShapeError>("{}: x {} has no channels on axis 1", op, x.shape().str());
  for (const Tensor* p : parameters)
    if (p->defined() && !(p->shape() == Shape{x.dim(1)}))
      fail<ShapeError>("{}: parameter {} for x {}", op, p->shape().str(), x.shape().str());
  Channels s{x.dim(0), x.dim(1), 1};
  for (int axis = 2; axis < x.rank(); ++axis) s.inner *= x.dim(axis);
  return s;
}

// What follows the norm in the same pass: nothing, relu, or relu of the sum with a shortcut.
enum class Then { kNothing, kRelu, kAddRelu };

// body(std::integral_constant<Then, ...>), for loops without a branch.
template <class Body>
void with(bool relu, bool shortcut, const Body& body) {
  if (shortcut)
    body(std::integral_constant<Then, Then::kAddRelu>{});
  else if (relu)
    body(std::integral_constant<Then, Then::kRelu>{});
  else
    body(std::integral_constant<Then, Then::kNothing>{});
}

// body(image, channel, where its plane begins) for all planes. Threads divide the images, as the convolutions before and
// behind do, so that each finds its own in its cache; backwards over the images after a pass forwards, the last of
// them still being there.
template <class Body>
void for_planes(const Channels& s, bool backwards, const Body& body) {
  parallel_for(s.n, s.grain(), [&](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) {
      const int64 image = backwards ? begin + end - 1 - i : i;
      for (int64 c = 0; c < s.c; ++c) body(image, c, image * s.image() + c * s.inner);
    }
  });
}

// Two numbers of each plane, (image, channel).
struct PlaneNumbers {
  explicit PlaneNumbers(const Channels& s)
      : memory({2, s.n, s.c}), a(memory.mutable_data()), b(a + s.n * s.c) {}
  Tensor memory;
  real *a, *b;
};

// body(c, a, b) for each channel, its numbers of image i at a[i * s.c] and b[i * s.c].
template <class Body>
void for_channels(const Channels& s, const PlaneNumbers& numbers, const Body& body) {
  parallel_for(s.c, kParallelGrain / std::max<int64>(1, 4 * s.n), [&](int64 begin, int64 end) {
    for (int64 c = begin; c < end; ++c) body(c, numbers.a + c, numbers.b + c);
  });
}

constexpr int64 kBlock =
    16 * kLanes;  // elements of a plane that are summed in `real`, before their sum goes to double

// Mean and summed squared deviation of one plane. Rounding of `mean` leaves sum(x - mean) unequal to 0; the two stay a
// consistent pair all the same.
inline void moments(const real* x, int64 inner, real& mean, real& square) {
  double sum = 0, deviation = 0;
  for (int64 begin = 0; begin < inner; begin += kBlock) {
    const int64 end = std::min(inner, begin + kBlock);
    real part = 0;
#pragma omp simd reduction(+ : part)
    for (int64 i = begin; i < end; ++i) part += x[i];
    sum += double(part);
  }
  const real m = static_cast<real>(sum) / static_cast<real>(inner);
  for (int64 begin = 0; begin < inner; begin += kBlock) {
    const int64 end = std::min(inner, begin + kBlock);
    real part = 0;
#pragma omp simd reduction(+ : part)
    for (int64 i = begin; i < end; ++i) part += (x[i] - m) * (x[i] - m);
    deviation += double(part);
  }
  mean = m;
  square = static_cast<real>(deviation);
}

// Mean and summed squared deviation of each channel.
struct Moments {
  explicit Moments(int64 channels) : values(static_cast<size_t>(2 * channels + 1)), c(channels) {}
  double& mean(int64 channel) { return values[static_cast<size_t>(channel)]; }
  double& square(int64 channel) { return values[static_cast<size_t>(c + channel)]; }

  // Those of the whole batch in place of this rank's part, of `count` elements. Returns the number of all. (Chan, Golub,
  // LeVeque, "Updating formulae", 1979: squares about their own means, and those of the means.)
  int64 merge(Communicator& ranks, int64 count) {
    values.back() = static_cast<double>(count);
    const size_t one = values.size();
    std::vector<double> all(one * static_cast<size_t>(ranks.size()));
    ranks.all_gather(std::span<const double>(values), std::span(all),
                     std::vector<size_t>(static_cast<size_t>(ranks.size()), one));
    double n = 0;
    for (size_t r = 0; r < all.size(); r += one) n += all[r + one - 1];
    for (int64 channel = 0; channel < c; ++channel) {
      const auto at = static_cast<size_t>(channel), square_at = static_cast<size_t>(c + channel);
      double sum = 0, square = 0;
      for (size_t r = 0; r < all.size(); r += one) sum += all[r + one - 1] * all[r + at];
      const double m = n > 0 ? sum / n : 0;
      for (size_t r = 0; r < all.size(); r += one)
        square += all[r + square_at] + all[r + one - 1] * (all[r + at] - m) * (all[r + at] - m);
      values[at] = m, values[square_at] = square;
    }
    return static_cast<int64>(n);
  }

  std::vector<double> values;
  int64 c;
};

// Sums of all ranks in place of this one's, the same bits on each.
void sum_over(Communicator& ranks, std::vector<double>& sums) {
  std::vector<double> all(sums.size() * static_cast<size_t>(ranks.size()));
  ranks.all_gather(std::span<const double>(sums), std::span(all),
                   std::vector<size_t>(static_cast<size_t>(ranks.size()), sums.size()));
  for (size_t i = 0; i < sums.size(); ++i) {
    sums[i] = 0;
    for (size_t at = i; at < all.size(); at += sums.size()) sums[i] += all[at];
  }
}

// y = relu(x * gain + offset + z), without z or relu if so.
template <Then kThen>
inline void affine_plane(const real* x, const real* z, real* y, int64 inner, real gain, real offset) {
  for (int64 i = 0; i < inner; ++i) {
    real v = x[i] * gain + offset;
    if constexpr (kThen == Then::kAddRelu) v += z[i];
    y[i] = kThen != Then::kNothing && v <= 0 ? real{0} : v;
  }
}

// g where relu of what affine_plane computed passes it on; NaN passes.
inline real passed(real g, real y) { return y <= 0 ? real{0} : g; }

void check_shortcut(const Tensor& x, const Tensor& shortcut, bool relu) {
  if (shortcut && (!relu || !(shortcut.shape() == x.shape())))
    fail<ShapeError>("batch_norm: shortcut {} for x {}{}", shortcut.shape().str(), x.shape().str(),
                     relu ? "" : " without relu");
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps, bool relu,
                  BatchStats& stats, const Tensor& shortcut) {
  const Channels s = channels_of("batch_norm", x, {&weight, &bias});
  check_shortcut(x, shortcut, relu);
  Tensor y(x.shape());
  stats = {Tensor({s.c}), Tensor({s.c}), Tensor({s.c}), stats.ranks, s.count()};
  const real *px = x.data(), *w = weight ? weight.data() : nullptr, *b = bias ? bias.data() : nullptr;
  const real* pz = shortcut ? shortcut.data() : nullptr;
  real *py = y.mutable_data(), *mean = stats.mean.mutable_data(), *var = stats.var.mutable_data();
  real* rstd = stats.rstd.mutable_data();
  const PlaneNumbers plane(s);
  Moments whole(s.c);
  for_planes(s, false, [&](int64 image, int64 c, int64 at) {
    moments(px + at, s.inner, plane.a[image * s.c + c], plane.b[image * s.c + c]);
  });
  for_channels(s, plane, [&](int64 c, const real* means, const real* squares) {
    // Planes are of one size, so the mean is that of their means; their squares are about their own means.
    double sum = 0, square = 0;
    for (int64 i = 0; i < s.n; ++i) sum += double(means[i * s.c]);
    const double m = s.count() ? sum / static_cast<double>(s.n) : 0;
    for (int64 i = 0; i < s.n; ++i) {
      const double delta = double(means[i * s.c]) - m;
      square += double(squares[i * s.c]) + static_cast<double>(s.inner) * delta * delta;
    }
    whole.mean(c) = m, whole.square(c) = square;
  });
  if (stats.ranks) stats.count = whole.merge(*stats.ranks, s.count());
  for (int64 c = 0; c < s.c; ++c) {
    const double v = stats.count ? whole.square(c) / static_cast<double>(stats.count) : 0;
    mean[c] = static_cast<real>(whole.mean(c));
    var[c] = static_cast<real>(v);
    rstd[c] = static_cast<real>(1 / std::sqrt(v + double(eps)));
  }
  with(relu, shortcut.defined(), [&](auto then) {
    for_planes(s, true, [&](int64, int64 c, int64 at) {
      const real gain = (w ? w[c] : 1) * rstd[c], offset = (b ? b[c] : 0) - mean[c] * gain;
      affine_plane<then()>(px + at, pz ? pz + at : nullptr, py + at, s.inner, gain, offset);
    });
  });
  return y;
}

NormGrads batch_norm_grad(const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor& bias,
                          const BatchStats& stats, bool relu, const Tensor& shortcut) {
  const Channels s = channels_of("batch_norm_grad", x, {&weight, &bias, &stats.mean, &stats.rstd});
  if (!(g.shape() == x.shape()))
    fail<ShapeError>("batch_norm_grad: gradient {} for x {}", g.shape().str(), x.shape().str());
  check_shortcut(x, shortcut, relu);
  NormGrads out{Tensor(x.shape()), Tensor({s.c}), Tensor({s.c}), shortcut ? Tensor(x.shape()) : Tensor()};
  const real *pg = g.data(), *px = x.data(), *pz = shortcut ? shortcut.data() : nullptr;
  const real *w = weight ? weight.data() : nullptr, *b = bias ? bias.data() : nullptr;
  const real *mean = stats.mean.data(), *rstd = stats.rstd.data();
  real *dx = out.dx.mutable_data(), *dw = out.dw.mutable_data(), *db = out.db.mutable_data();
  real* ds = shortcut ? out.ds.mutable_data() : nullptr;
  // dx = gain * (g - shift - (x - mean) * slope), shift = sum(g)/count, slope = sum(g (x - mean)) rstd^2 / count
  Tensor terms({2, s.c});
  real *shift = terms.mutable_data(), *slope = shift + s.c;
  const PlaneNumbers plane(s);
  std::vector<double> sums(static_cast<size_t>(2 * s.c));  // of g, then of g (x - mean)
  with(relu, shortcut.defined(), [&](auto then) {
    constexpr Then kThen = then();
    for_planes(s, false, [&](int64 image, int64 c, int64 at) {
      const real m = mean[c], gain = (w ? w[c] : 1) * rstd[c], offset = (b ? b[c] : 0) - m * gain;
      const real *gi = pg + at, *xi = px + at, *zi = pz ? pz + at : nullptr;
      real* di = ds ? ds + at : nullptr;
      double all_g = 0, all_gx = 0;
      for (int64 begin = 0; begin < s.inner; begin += kBlock) {
        real sum_g = 0, sum_gx = 0;
        const int64 end = std::min(s.inner, begin + kBlock);
#pragma omp simd reduction(+ : sum_g, sum_gx)
        for (int64 i = begin; i < end; ++i) {
          real v = gi[i];
          if constexpr (kThen == Then::kRelu) v = passed(v, xi[i] * gain + offset);
          if constexpr (kThen == Then::kAddRelu) di[i] = v = passed(v, xi[i] * gain + offset + zi[i]);
          sum_g += v;
          sum_gx += v * (xi[i] - m);
        }
        all_g += double(sum_g);
        all_gx += double(sum_gx);
      }
      plane.a[image * s.c + c] = static_cast<real>(all_g);
      plane.b[image * s.c + c] = static_cast<real>(all_gx);
    });
    for_channels(s, plane, [&](int64 c, const real* sums_g, const real* sums_gx) {
      double sum_g = 0, sum_gx = 0;
      for (int64 i = 0; i < s.n; ++i) {
        sum_g += double(sums_g[i * s.c]);
        sum_gx += double(sums_gx[i * s.c]);
      }
      db[c] = static_cast<real>(sum_g);
      dw[c] = static_cast<real>(sum_gx * double(rstd[c]));
      sums[static_cast<size_t>(c)] = sum_g, sums[static_cast<size_t>(s.c + c)] = sum_gx;
    });
    if (stats.ranks) sum_over(*stats.ranks, sums);
    const double count = static_cast<double>(std::max<int64>(1, stats.count));
    for (int64 c = 0; c < s.c; ++c) {
      const double r = double(rstd[c]);
      shift[c] = static_cast<real>(sums[static_cast<size_t>(c)] / count);
      slope[c] = static_cast<real>(sums[static_cast<size_t>(s.c + c)] * r * r / count);
    }
    for_planes(s, true, [&](int64, int64 c, int64 at) {
      const real m = mean[c], gain = (w ? w[c] : 1) * rstd[c], offset = (b ? b[c] : 0) - m * gain;
      const real *gi = (kThen == Then::kAddRelu ? ds : pg) + at, *xi = px + at;
      const real less = shift[c], per = slope[c];
      real* to = dx + at;
      for (int64 i = 0; i < s.inner; ++i) {
        const real v = kThen == Then::kRelu ? passed(gi[i], xi[i] * gain + offset) : gi[i];
        to[i] = gain * (v - less - (xi[i] - m) * per);
      }
    });
  });
  return out;
}

Tensor channel_affine(const Tensor& x, const Tensor& gain, const Tensor& offset, bool relu) {
  const Channels s = channels_of("channel_affine", x, {&gain, &offset});
  Tensor y(x.shape());
  const real *px = x.data(), *a = gain.data(), *b = offset.data();
  real* py = y.mutable_data();
  with(relu, false, [&](auto then) {
    for_planes(s, false, [&](int64, int64 c, int64 at) {
      affine_plane<then()>(px + at, nullptr, py + at, s.inner, a[c], b[c]);
    });
  });
  return y;
}

}  // namespace gradus::kernels
