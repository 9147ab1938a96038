// A primitive of one's own: forward kernel, vjp and jvp side by side. Both rules are written with differentiable operations, so that
// derivatives of every order follow.
#include <cmath>
#include <cstdio>

#include "autograd/grad.h"
#include "autograd/grad_check.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/primitive.h"

using namespace gradus;

// Elastic rows: y_i = x_i * exp(-||x||^2 / 2) for the whole vector x. With e = exp(-||x||^2 / 2):
//   dy = e dx - e <x, dx> x,     which is symmetric, so that vjp and jvp are the same map.
static Tensor elastic_map(const Tensor& x, const Tensor& t) {
  const Tensor e = exp(sum(square(x)) * real(-0.5));
  return e * (t - sum(x * t) * x);
}

static const Primitive kElastic{
    .name = "elastic",
    .forward =
        [](const Ctx& c) {
          double squares = 0;
          for (const real v : c[0].span()) squares += static_cast<double>(v) * static_cast<double>(v);
          Tensor y = c[0].clone();
          for (int64 i = 0; i < y.numel(); ++i)
            y.mutable_data()[i] *= static_cast<real>(std::exp(-squares / 2));
          return y;
        },
    .vjp = [](const Ctx& c, const Tensor& g) { return Grads{elastic_map(c[0], g)}; },
    .jvp = [](const Ctx& c, int, const Tensor& t) { return elastic_map(c[0], t); }};

static Tensor elastic(const Tensor& x) { return apply(kElastic, {x}); }

int main() {
  const ParameterPtr p =
      make_parameter("x", ParamKind::kWeight, Tensor::from({3}, {real(0.3), real(-0.2), real(0.5)}));
  const Tensor weights = Tensor::from({3}, {1, 2, -1});
  const auto f = [&] { return sum(elastic(p->value) * weights); };
  const GradCheck check = grad_check(f, {p});
  std::printf("first derivative: relative error %.1e\n", check.worst());

  // The second derivative along v, twice backwards, against a difference of gradients.
  const Tensor v = Tensor::from({3}, {1, real(0.5), -2});
  const Tensor g = grad(f(), {p->value}, {.create_graph = true})[0];
  const Tensor hv = grad(sum(g * v), {p->value})[0];
  const auto gradient_at = [&](real h) {
    const Tensor x = variable(p->value.detach() + v * h);
    return grad(sum(elastic(x) * weights), {x})[0];
  };
  const Tensor difference = (gradient_at(real(1e-2)) - gradient_at(real(-1e-2))) / real(2e-2);
  double worst = 0;
  for (int64 i = 0; i < 3; ++i)
    worst = std::fmax(worst, std::abs(static_cast<double>(hv.data()[i] - difference.data()[i])));
  std::printf("second derivative: %s, by differences %s\n", hv.str().c_str(), difference.str().c_str());
  return check.worst() < 0.02 && worst < 0.01 ? 0 : 1;
}
