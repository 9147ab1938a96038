#include "optim/problems/equality_program.h"

#include <array>
#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

// The coordinates of a point, each (1), so that problems read as in the book.
struct Coordinates {
  const Tensor& x;
  Tensor operator()(int64 i) const { return slice(x, 0, i - 1, i); }
};

Tensor joined(std::initializer_list<Tensor> parts) {
  return concat(std::span<const Tensor>(parts.begin(), parts.size()), 0);
}

Tensor scalar_of(const Tensor& x) { return sum(x); }

Tensor point(std::initializer_list<double> values) {
  Tensor x({static_cast<int64>(values.size())});
  std::copy(values.begin(), values.end(), x.mutable_data());
  return x;
}

}  // namespace

EqualityPoint equality_point(const EqualityProgram& p, const Tensor& x) {
  const ValueAndGrad f =
      value_and_grad([&](std::span<const Tensor> xs) { return p.objective(xs[0]); }, {{x}});
  const Function c = [&](std::span<const Tensor> xs) { return p.constraint(xs[0]); };
  const Tensor constraint = p.constraint(x).detach();
  return {double(f.value.item()), f.grads[0], constraint,
          jacobian(c, {{x}}, JacobianMode::kReverse)[0].view({constraint.numel(), x.numel()})};
}

Tensor lagrangian_hessian(const EqualityProgram& p, const Tensor& x, const Tensor& lambda) {
  const Function lagrangian = [&](std::span<const Tensor> xs) {
    return p.objective(xs[0]) + sum(p.constraint(xs[0]) * lambda);
  };
  return hessian(lagrangian, {{x}}).view({x.numel(), x.numel()});
}

EqualityProgram quadratic_program(const Tensor& q_matrix, const Tensor& q, const Tensor& c_matrices,
                                  const Tensor& a, const Tensor& b) {
  const int64 d = q.numel(), m = b.numel();
  if (!(q_matrix.shape() == Shape{d, d}) || !(c_matrices.shape() == Shape{m, d, d}) ||
      !(a.shape() == Shape{m, d}))
    fail<ShapeError>("quadratic program: Q {}, q {}, C {}, A {}, b {}", q_matrix.shape().str(),
                     q.shape().str(), c_matrices.shape().str(), a.shape().str(), b.shape().str());
  EqualityProgram p;
  p.name = "quadratic";
  p.objective = [=](const Tensor& x) {
    const Tensor column = reshape(x, Shape{d, 1});
    return sum(column * matmul(q_matrix, column)) * real(0.5) + sum(q * x);
  };
  p.constraint = [=](const Tensor& x) {
    const Tensor column = reshape(x, Shape{d, 1});
    const Tensor products = reshape(matmul(c_matrices.view({m * d, d}), column), Shape{m, d});  // rows C_j x
    return sum(products * reshape(x, Shape{1, d}), {1}) * real(0.5) + reshape(matmul(a, column), Shape{m}) -
           b;
  };
  p.start = Tensor::ones({d});
  return p;
}

EqualityProgram logistic_on_sphere(const Tensor& features, const Tensor& signs, const Tensor& a,
                                   const Tensor& b) {
  if (features.rank() != 2 || signs.numel() != features.dim(0) || a.rank() != 2 ||
      a.dim(1) != features.dim(1) || b.numel() != a.dim(0))
    fail<ShapeError>("logistic on a sphere: features {}, signs {}, A {}, b {}", features.shape().str(),
                     signs.shape().str(), a.shape().str(), b.shape().str());
  const int64 d = features.dim(1);
  EqualityProgram p;
  p.name = "logistic-on-sphere";
  p.objective = [=](const Tensor& x) {
    const Tensor margins = matmul(features, reshape(x, Shape{d, 1})) * signs.view({signs.numel(), 1});
    return mean(softplus(-margins));
  };
  p.constraint = [=](const Tensor& x) {
    const Tensor linear = reshape(matmul(a, reshape(x, Shape{d, 1})), Shape{b.numel()}) - b;
    return joined({linear, reshape(sum(square(x)) - real(1), Shape{1})});
  };
  p.start = Tensor::ones({d});
  return p;
}

std::vector<EqualityProgram> hock_schittkowski() {
  const double root2 = std::sqrt(2.0);
  std::vector<EqualityProgram> all;
  all.push_back({"hs6", [](const Tensor& p) { return scalar_of(square(real(1) - Coordinates{p}(1))); },
                 [](const Tensor& p) {
                   const Coordinates x{p};
                   return (x(2) - square(x(1))) * real(10);
                 },
                 point({-1.2, 1}), point({1, 1})});
  all.push_back({"hs7",
                 [](const Tensor& p) {
                   const Coordinates x{p};
                   return scalar_of(log1p(square(x(1))) - x(2));
                 },
                 [](const Tensor& p) {
                   const Coordinates x{p};
                   return square(square(x(1)) + real(1)) + square(x(2)) - real(4);
                 },
                 point({2, 2}), point({0, std::sqrt(3.0)})});
  all.push_back({"hs28",
                 [](const Tensor& p) {
                   const Coordinates x{p};
                   return scalar_of(square(x(1) + x(2)) + square(x(2) + x(3)));
                 },
                 [](const Tensor& p) {
                   const Coordinates x{p};
                   return x(1) + x(2) * real(2) + x(3) * real(3) - real(1);
                 },
                 point({-4, 1, 1}), point({0.5, -0.5, 0.5})});
  all.push_back(
      {"hs39", [](const Tensor& p) { return scalar_of(-Coordinates{p}(1)); },
       [](const Tensor& p) {
         const Coordinates x{p};
         return joined({x(2) - x(1) * square(x(1)) - square(x(3)), square(x(1)) - x(2) - square(x(4))});
       },
       point({2, 2, 2, 2}), point({1, 1, 0, 0})});
  all.push_back(
      {"hs40",
       [](const Tensor& p) {
         const Coordinates x{p};
         return scalar_of(-(x(1) * x(2) * x(3) * x(4)));
       },
       [](const Tensor& p) {
         const Coordinates x{p};
         return joined(
             {x(1) * square(x(1)) + square(x(2)) - real(1), square(x(1)) * x(4) - x(3), square(x(4)) - x(2)});
       },
       point({0.8, 0.8, 0.8, 0.8}),
       point({std::pow(2.0, -1.0 / 3), 1 / root2, std::pow(2.0, -11.0 / 12), std::pow(2.0, -0.25)})});
  all.push_back({"hs42",
                 [](const Tensor& p) {
                   return scalar_of(square(p - Tensor::from({4}, {1, 2, 3, 4})));
                 },
                 [](const Tensor& p) {
                   const Coordinates x{p};
                   return joined({x(1) - real(2), square(x(3)) + square(x(4)) - real(2)});
                 },
                 point({1, 1, 1, 1}), point({2, 2, 0.6 * root2, 0.8 * root2})});
  all.push_back(
      {"hs48",
       [](const Tensor& p) {
         const Coordinates x{p};
         return scalar_of(square(x(1) - real(1)) + square(x(2) - x(3)) + square(x(4) - x(5)));
       },
       [](const Tensor& p) {
         const Coordinates x{p};
         return joined({reshape(sum(p) - real(5), Shape{1}), x(3) - (x(4) + x(5)) * real(2) + real(3)});
       },
       point({3, 5, -3, 2, -2}), point({1, 1, 1, 1, 1})});
  all.push_back(
      {"hs51",
       [](const Tensor& p) {
         const Coordinates x{p};
         return scalar_of(square(x(1) - x(2)) + square(x(2) + x(3) - real(2)) + square(x(4) - real(1)) +
                          square(x(5) - real(1)));
       },
       [](const Tensor& p) {
         const Coordinates x{p};
         return joined({x(1) + x(2) * real(3) - real(4), x(3) + x(4) - x(5) * real(2), x(2) - x(5)});
       },
       point({2.5, 0.5, 2, -1, 0.5}), point({1, 1, 1, 1, 1})});
  return all;
}

}  // namespace gradus
