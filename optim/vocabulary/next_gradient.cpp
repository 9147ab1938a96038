#include "optim/vocabulary/next_gradient.h"

#include "optim/vocabulary/extrapolate.h"

namespace gradus {

// U'U under the numbers of the differences: difference n, from gradient n-1 to gradient n, is at n mod r.
double& NextGradient::gram(int64 a, int64 b) {
  a %= r_, b %= r_;
  return s_.scalar(fmt::format("gram.{}.{}", std::min(a, b), std::max(a, b)));
}

void NextGradient::take(const Tensor& g, const Beside& beside) {
  const real* from = g.data();
  real* to = ring_.open().mutable_data();
  const int64 last = ring_.pushed() - 1;  // the number of the newest gradient, and of the difference it ends
  const int64 count = std::min(last, r_);
  std::vector<const real*> x;  // the newest first
  for (int64 i = 0; i <= count; ++i) x.push_back(ring_.newest(i).data());
  const auto products = sum_parts(g.numel(), static_cast<size_t>(count), [&](Part part, double* sum) {
    beside(part);
    elements(
        part, [](real& a, real b) { a = b; }, to, from);
    for (size_t i = 0; i + 1 < x.size(); ++i)  // <newest difference, difference last-i>
      sum[i] = sum_of(
          part, [](real a, real b, real c, real d) { return double(a - b) * double(c - d); }, x[0], x[1],
          x[i], x[i + 1]);
  });
  for (size_t i = 0; i < products.size(); ++i) gram(last, last - static_cast<int64>(i)) = products[i];
}

// c.
std::vector<double> NextGradient::weights() {
  std::vector<double> matrix;
  double trace = 0;
  const int64 end = ring_.pushed();
  for (int64 i = end - r_; i < end; ++i) {
    for (int64 j = end - r_; j < end; ++j) matrix.push_back(gram(i, j));
    trace += gram(i, i);
  }
  return extrapolation_weights(matrix, relative_ ? reg_ * trace : reg_);
}

void NextGradient::guess(Tensor& to, const Beside& beside) {
  if (!ring_.full()) return for_each_part(to.numel(), beside);
  const std::vector<double> c = weights();
  std::vector<const real*> x;
  for (int64 i = 1; i <= r_; ++i) x.push_back(ring_[i].data());
  real* sum = to.mutable_data();
  for_each_part(to.numel(), [&](Part part) {
    for (size_t i = 0; i < x.size(); ++i)
      elements(
          part, [first = i == 0, weight = real(c[i])](real& s, real y) { s = (first ? 0 : s) + weight * y; },
          sum, x[i]);
    beside(part);
  });
}

}  // namespace gradus
