// A pool of examples with a linear model u = x'theta each, of squared or logistic loss, with exact moments of its gradients.
//   squared   l = (u - y)^2/2
//   logistic  l = log(1 + exp(-y u)),  y = -1 or +1
//   g_i = l'(u_i) x_i,  H_i = l''(u_i) x_i x_i',  so  H_i g_i = l'' l' ||x_i||^2 x_i
#pragma once

#include "optim/methods/gradient_moments.h"

namespace gradus {

class LinearPool final : public ExamplePool {
 public:
  enum class Loss { kSquared, kLogistic };
  /// x (M,d) row-major, y (M). Throws ShapeError where x is no multiple of y, UsageError for an empty pool.
  LinearPool(std::vector<double> x, std::vector<double> y, Loss loss);

  int64 size() const override { return static_cast<int64>(y_.size()); }
  double loss(std::span<const double> theta, std::span<const int64> index) const override;
  std::vector<double> gradient(std::span<const double> theta, std::span<const int64> index) const override;
  double mean_square_gradient(std::span<const double> theta) const override;
  std::vector<double> trace_gradient(std::span<const double> theta) const override;

 private:
  struct Example {
    std::span<const double> x;
    double loss, slope, curvature;  // l, l', l'' at u
  };
  Example at(std::span<const double> theta, size_t i) const;
  /// use(example, share) for every example of `index`, or all; the shares add up to 1.
  template <class Use>
  void each(std::span<const double> theta, std::span<const int64> index, const Use& use) const;

  std::vector<double> x_, y_;
  Loss loss_;
};

}  // namespace gradus
