// What one sample of examples does to training and test loss: the trace of the gradients' covariance, and SGD against
// gradient descent on the same sample.
//
// Paper: Roberts, "SGD Implicitly Regularizes Generalization Error", Workshop on Integration of Deep Learning Theories,
//        NeurIPS 2018, arXiv 2104.04874.
//   a pool of examples with gradients g_i and Hessians H_i at theta;  E the mean over the pool,  g = E g_i,  H = E H_i
//   trC = E||g_i||^2 - ||g||^2,   grad trC = 2 (E H_i g_i - H g),   directional = <g, grad trC>
// A sample A of N examples is drawn from the pool with replacement; the test loss is the mean over the pool.
//   gap: test loss - loss on A.  One step of gradient descent on A moves it by  lr*trC/N  in the mean, to first order.
//   k steps of SGD on the k equal parts of A end at a test loss that differs from that of k steps on all of A by
//     -(k (k - 1)/4) lr^2/N * directional  in the mean, to second order.
// The coefficients are by expansion to second order; the form for k steps goes beyond the paper. In double.
#pragma once

#include <span>
#include <vector>

#include "core/real.h"

namespace gradus {

/// Examples with a loss each, as functions of a vector theta.
class ExamplePool {
 public:
  virtual ~ExamplePool() = default;
  virtual int64 size() const = 0;
  /// Mean loss over the examples of `index` (repeats count); empty: over all.
  virtual double loss(std::span<const double> theta, std::span<const int64> index) const = 0;
  /// Its gradient.
  virtual std::vector<double> gradient(std::span<const double> theta, std::span<const int64> index) const = 0;
  /// E||g_i||^2 over all.
  virtual double mean_square_gradient(std::span<const double> theta) const = 0;
  /// grad trC where it is known exactly; by default empty.
  virtual std::vector<double> trace_gradient(std::span<const double> theta) const;
};

struct GradientMoments {
  std::vector<double> mean_gradient;
  double trace_covariance = 0;
  std::vector<double> trace_gradient;  ///< empty where the pool does not know it
  double directional = 0;  ///< without trace_gradient by central differences of trC along g, of length 1e-3
};
GradientMoments gradient_moments(const ExamplePool& pool, std::span<const double> theta);
/// lr*trC/N.
double predicted_gap(const GradientMoments& at, double lr, int64 train_size);
/// -(steps (steps - 1)/4) lr^2/N * directional.
double predicted_difference(const GradientMoments& at, double lr, int64 train_size, int64 steps);

/// SGD and gradient descent from the same point on the same sample.
struct DescentPair {
  std::vector<double> theta_sgd, theta_gd;
  double test_loss_sgd = 0, test_loss_gd = 0;  ///< mean over the pool
  double gap_sgd = 0, gap_gd = 0;              ///< test loss - loss on the sample
  double first_step_gap_change = 0;            ///< gap behind one step of gradient descent - gap at theta
  double difference() const { return test_loss_sgd - test_loss_gd; }
};
/// SGD takes the `steps` equal consecutive parts of `index` in turn. Throws UsageError where it has no such parts, and for
/// indices outside of the pool.
DescentPair descent_pair(const ExamplePool& pool, std::span<const double> theta, std::span<const int64> index,
                         double lr, int64 steps);

/// Means over all size^train_size samples, each in its order.
struct ExpectedPair {
  double difference = 0;  ///< of test losses, SGD - gradient descent
  double gap_change = 0;  ///< of the first step
};
/// Throws UsageError for more than a million samples.
ExpectedPair expected_pair(const ExamplePool& pool, std::span<const double> theta, int64 train_size,
                           double lr, int64 steps);

}  // namespace gradus
