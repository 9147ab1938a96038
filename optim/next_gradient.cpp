#include "optim/next_gradient.h"

#include "optim/extrapolate.h"
#include "optim/ring.h"
#include "optim/sums.h"

namespace gradus {
namespace {

// U'U under the numbers of the differences: difference n, from gradient n-1 to gradient n, is at n mod r.
class StoredProducts {
 public:
  StoredProducts(State& s, int64 r) : s_(s), r_(r) {}
  double& operator()(int64 a, int64 b) {
    a %= r_, b %= r_;
    return s_.scalar(fmt::format("gram.{}.{}", std::min(a, b), std::max(a, b)));
  }

 private:
  State& s_;
  int64 r_;
};

// <newest difference, difference i> for the `count` newest, in one reading of memory: chunk by chunk.
std::vector<double> products(Ring& ring, int64 count) {
  std::vector<const real*> x;
  for (int64 i = 0; i <= count; ++i) x.push_back(ring.newest(i).data());
  const int64 n = ring.newest(0).numel(), chunks = (n + detail::kSumChunk - 1) / detail::kSumChunk;
  std::vector<double> parts(static_cast<size_t>(chunks * count)), sums(static_cast<size_t>(count));
  for_each_row(chunks, detail::kSumChunk * count, [&](int64 chunk) {
    const int64 at = chunk * detail::kSumChunk, size = std::min(detail::kSumChunk, n - at);
    for (size_t i = 0; i < sums.size(); ++i)
      parts[static_cast<size_t>(chunk * count) + i] = elements_with_sums<1>(
          size, [](real a, real b, real c, real d, double& term) { term = double(a - b) * double(c - d); },
          x[0] + at, x[1] + at, x[i] + at, x[i + 1] + at)[0];
  });
  for (size_t i = 0; i < parts.size(); ++i) sums[i % sums.size()] += parts[i];
  return sums;
}

}  // namespace

void extrapolate_gradient(State& s, int64 r, double reg, bool relative, const Tensor& g, Tensor& guess) {
  Ring ring(s, r + 1);
  ring.push(g);
  StoredProducts gram(s, r);
  const int64 last = ring.pushed() - 1;  // the number of the newest gradient, and of the difference it ends
  const std::vector<double> row = last > 0 ? products(ring, std::min(last, r)) : std::vector<double>();
  for (size_t i = 0; i < row.size(); ++i) gram(last, last - static_cast<int64>(i)) = row[i];
  if (!ring.full()) return;

  std::vector<double> matrix;
  double trace = 0;
  for (int64 i = last - r + 1; i <= last; ++i) {
    for (int64 j = last - r + 1; j <= last; ++j) matrix.push_back(gram(i, j));
    trace += gram(i, i);
  }
  const std::vector<double> c = extrapolation_weights(matrix, relative ? reg * trace : reg);
  std::vector<const real*> x;
  for (int64 i = 0; i < r; ++i) x.push_back(ring[i + 1].data());
  real* to = guess.mutable_data();
  const int64 n = guess.numel(), chunks = (n + detail::kSumChunk - 1) / detail::kSumChunk;
  for_each_row(chunks, detail::kSumChunk * r, [&](int64 chunk) {
    const int64 at = chunk * detail::kSumChunk, size = std::min(detail::kSumChunk, n - at);
    std::fill_n(to + at, size, real(0));
    for (size_t i = 0; i < x.size(); ++i)
      elements(
          size, [weight = real(c[i])](real& sum, real y) { sum += weight * y; }, to + at, x[i] + at);
  });
}

}  // namespace gradus
