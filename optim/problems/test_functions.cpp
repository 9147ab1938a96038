#include "optim/problems/test_functions.h"

#include <numbers>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

struct Point {
  Tensor x, y;
  Point(const Tensor& w, const char* name) {
    if (!(w.shape() == Shape{2})) fail<ShapeError>("{}: a point of shape {}, not (2)", name, w.shape().str());
    x = reshape(slice(w, 0, 0, 1), Shape{});
    y = reshape(slice(w, 0, 1, 2), Shape{});
  }
};

}  // namespace

Tensor beale(const Tensor& w) {
  const Point p(w, "beale");
  Tensor sum, power = p.y;
  for (const double c : {1.5, 2.25, 2.625}) {
    const Tensor term = square(p.x * power - p.x + static_cast<real>(c));
    sum = sum.defined() ? sum + term : term;
    power = power * p.y;
  }
  return sum;
}

Tensor rosenbrock(const Tensor& w) {
  const Point p(w, "rosenbrock");
  return square(p.x - real(1)) + real(100) * square(p.y - square(p.x));
}

Tensor rastrigin(const Tensor& w) {
  const Point p(w, "rastrigin");
  const auto term = [](const Tensor& v) {
    return square(v) - real(10) * cos(v * static_cast<real>(2 * std::numbers::pi));
  };
  return term(p.x) + term(p.y) + real(20);
}

Tensor saddle(const Tensor& w) {
  const Point p(w, "saddle");
  const Tensor y2 = square(p.y);
  return square(p.x) - y2 + square(y2) * real(0.25);
}

Tensor ravine(const Tensor& w) {
  const Point p(w, "ravine");
  return (square(p.x) + real(100) * square(p.y)) * real(0.5);
}

}  // namespace gradus
