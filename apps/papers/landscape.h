// Functions of a vector and optimizers that walk on them: for experiments about rates, invariances and paths.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "autograd/functional/functional.h"
#include "core/shape.h"
#include "optim/optimizer.h"

namespace gradus {

struct Landscape {
  /// The value at w; its gradient into `gradient`, which has w's size.
  std::function<double(std::span<const double> w, std::span<double> gradient)> value;
  /// H v into `product`; for methods that ask for it.
  std::function<void(std::span<const double> w, std::span<const double> v, std::span<double> product)>
      hessian_times = nullptr;
};

/// The elements in double, and back; a vector unless the shape is said. Throws ShapeError for another number of values.
std::vector<double> doubles_of(const Tensor& t);
Tensor tensor_of(std::span<const double> values);
Tensor tensor_of(std::span<const double> values, const Shape& shape);

/// A differentiable function of several tensors as one of all their elements in order, with its Hessian. `like`: their shapes.
Landscape landscape_of(const Function& f, std::vector<Tensor> like);
/// 1/2 * sum_i c_i w_i^2, with its Hessian.
Landscape quadratic(std::vector<double> curvatures);
/// From `low` to `high`, both included, ratios all the same. count >= 2.
std::vector<double> log_spaced(double low, double high, int64 count);

/// An optimizer on one tensor. The walk is in `real`; functions are evaluated in double.
class Walk {
 public:
  /// `shape`: of the tensor, for rules that go by rows; else a vector. Throws as make_optimizer, ShapeError for a start of
  /// another size than the shape's.
  Walk(const std::string& optim, std::span<const double> start, const Shape& shape = {});
  /// One step on f, which may be another function each time (noise, one example). Returns f at the point before it. Throws
  /// NumericError where the gradient is not finite, UsageError if the optimizer asks for what f does not have.
  double step(const Landscape& f, double lr_scale = 1);
  std::vector<double> point() const;
  /// Puts the point elsewhere (a projection); what the optimizer remembers stays.
  void place(std::span<const double> w);
  const Optimizer& optimizer() const { return *optimizer_; }

 private:
  Parameters parameters_;
  OptimizerPtr optimizer_;
};

}  // namespace gradus
