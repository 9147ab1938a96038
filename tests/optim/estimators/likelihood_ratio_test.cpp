// Likelihood ratios: the card's figures and limits.
#include "optim/estimators/likelihood_ratio.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/layers/activation.h"
#include "nn/losses.h"
#include "tests/precision.h"

namespace gradus::likelihood_ratio_tests {

// One linear unit u = w*x without a bias, loss f(u).
NoisyNetwork unit(double w, Tensor (*f)(const Tensor&)) {
  NoisyNetwork net;
  net.layers.push_back({{[](std::span<const Tensor> p, const Tensor& x) { return linear(x, p[0]); },
                         {Tensor::full({1, 1}, static_cast<real>(w))}},
                        {}});
  net.losses = net.head_losses = [f](const Tensor& u) { return f(reshape(u, Shape{u.numel()})); };
  return net;
}
double gradient_of(const NoisyNetwork& net, double x, const Tensor& noise, const LikelihoodOptions& o) {
  const Tensor input = Tensor::full({noise.dim(1), 1}, static_cast<real>(x));
  return double(likelihood_gradient(net, input, std::vector{noise}, o).grads[0][0].item());
}

TEST_CASE("likelihood ratio: a square by hand, and on average the gradient of the smoothed loss") {
  const NoisyNetwork net = unit(1, square);
  const LikelihoodOptions o{.exact_head = false};
  // L+ = 6.25, L- = 2.25: (6.25 - 2.25)/2 * 0.5 * 2.
  CHECK(gradient_of(net, 2, Tensor::full({1, 1, 1}, real(0.5)), o) == doctest::Approx(2));
  Rng rng(1);
  CHECK(gradient_of(net, 2, rng.normal_tensor({1, 40000, 1}), o) == doctest::Approx(8).epsilon(0.03));
  // sigma is divided by once: with e = 1, l = 2*w*x*sigma*e, l*e/sigma*x = 2*w*x^2, whatever sigma.
  CHECK(gradient_of(net, 2, Tensor::ones({1, 1, 1}), {.sigma = 0.1, .exact_head = false}) ==
        doctest::Approx(8).epsilon(1e-4));
  // One-sided: 6.25 * 0.5 * 2.
  CHECK(gradient_of(net, 2, Tensor::full({1, 1, 1}, real(0.5)), {.antithetic = false, .exact_head = false}) ==
        doctest::Approx(6.25));
}

TEST_CASE("likelihood ratio: a step has the density's gradient; a constant none; a line its own") {
  Rng rng(2);
  const LikelihoodOptions o{.exact_head = false};
  CHECK(gradient_of(unit(0, threshold), 1, rng.normal_tensor({1, 40000, 1}), o) ==
        doctest::Approx(0.398942).epsilon(0.02));
  CHECK(gradient_of(unit(1, [](const Tensor& u) { return Tensor::ones(u.shape()); }), 1,
                    rng.normal_tensor({1, 50, 1}), o) == 0);
  // L = 3u: the pair estimates (3e)e.
  CHECK(gradient_of(unit(1, [](const Tensor& u) { return real(3) * u; }), 1,
                    Tensor::full({1, 1, 1}, real(0.5)), o) == doctest::Approx(0.75).epsilon(1e-5));
}

TEST_CASE("likelihood ratio: linear layers by hand; the derivative in sigma") {
  const Tensor x = Tensor::from({1, 2}, {2, -1}), noise = Tensor::from({1, 1, 2}, {0.5, -1}),
               sigma = Tensor::from({2}, {0.5, 2});
  const LinearLikelihoodRatio g = linear_likelihood_ratio(x, noise, Tensor::full({1, 1}, 3), sigma);
  CHECK(g.weight.values() == std::vector<real>{6, -3, -3, real(1.5)});
  CHECK(g.bias.values() == std::vector<real>{3, real(-1.5)});
  CHECK(g.sigma.values() == std::vector<real>{real(-4.5), 0});
  // L = (sigma*e)^2: d/dsigma E[L] = 2 sigma.
  Rng rng(3);
  const Tensor e = rng.normal_tensor({1, 60000, 1});
  const Tensor l = square(e * real(0.7)).view({1, 60000});
  CHECK(double(linear_likelihood_ratio(Tensor::ones({60000, 1}), e, l, Tensor::full({1}, real(0.7)))
                   .sigma.item()) == doctest::Approx(1.4).epsilon(0.05));
  CHECK_THROWS_AS(likelihood_cotangent(l, e, Tensor::zeros({1})), UsageError);
  CHECK_THROWS_AS(likelihood_cotangent(Tensor::ones({2, 3}), e, Tensor::ones({1})), ShapeError);
}

TEST_CASE("likelihood ratio: leave-one-out subtracts the other copies' mean") {
  const Tensor losses = Tensor::from({3, 2}, {1, 10, 2, 20, 6, 60});
  CHECK(effective_losses(losses, {}, "leave-one-out").values() ==
        std::vector<real>{-3, -30, real(-1.5), -15, real(4.5), 45});
  CHECK(effective_losses(losses, losses - real(2)).values() == std::vector<real>(6, 1));
  CHECK_THROWS_AS(effective_losses(Tensor::ones({1, 2}), {}, "leave-one-out"), UsageError);
  CHECK_THROWS_AS(effective_losses(losses, Tensor::ones({3, 3})), ShapeError);
}

TEST_CASE("likelihood ratio: noise in kernels is a draw a sample") {
  // K = 1, N = 2, a kernel of one number: mean of l*e/sigma.
  const ConvLikelihoodRatio g =
      kernel_likelihood_ratio(Tensor::from({1, 2, 1, 1, 1, 1}, {1, -2}), Tensor::from({1, 2, 1}, {3, 1}),
                              Tensor::from({1, 2}, {2, 4}), 0.5);
  CHECK(g.weight.values() == std::vector<real>{-6});
  CHECK(g.bias.values() == std::vector<real>{10});
  CHECK(g.weight.shape() == Shape{1, 1, 1, 1});
}

// 3-4-2, tanh.
struct SmallNet {
  NoisyNetwork net;
  Tensor x;
  IntTensor y = IntTensor::from({5}, {0, 1, 1, 0, 1});
  explicit SmallNet(const char* act = "tanh") {
    Rng rng(6);
    x = rng.normal_tensor({5, 3});
    const auto layer = [&](int64 in, int64 out) {
      return LocalLayer{[](std::span<const Tensor> p, const Tensor& h) { return linear(h, p[0], p[1]); },
                        {rng.normal_tensor({out, in}), rng.normal_tensor({out})}};
    };
    net.layers.push_back({layer(3, 4), activation(act).function});
    net.layers.push_back({layer(4, 2), {}});
    net.losses = net.head_losses = [this](const Tensor& z) { return cross_entropy(z, y, Reduction::kNone); };
  }
  std::vector<Tensor> backprop() const {
    std::vector<Tensor> params = net.layers[0].layer.params;
    params.insert(params.end(), net.layers[1].layer.params.begin(), net.layers[1].layer.params.end());
    return value_and_grad(
               [&](std::span<const Tensor> p) {
                 return cross_entropy(linear(tanh(linear(x, p[0], p[1])), p[2], p[3]), y);
               },
               params)
        .grads;
  }
};

double cosine(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return inner(a, b) / std::sqrt(inner(a, a) * inner(b, b));
}

TEST_CASE("likelihood ratio: with little noise it points where backprop does; an exact head is exact") {
  const SmallNet small;
  const std::vector<Tensor> back = small.backprop();
  Rng rng(8);
  const Tensor e1 = rng.normal_tensor({4000, 5, 4}), e2 = rng.normal_tensor({4000, 5, 2});
  for (const char* injection : {"layerwise", "all"}) {
    INFO(injection);
    const LikelihoodGradient at =
        likelihood_gradient(small.net, small.x, std::vector{e1, e2},
                            {.sigma = 0.05, .injection = injection, .exact_head = false});
    const std::vector<Tensor> found{at.grads[0][0], at.grads[0][1], at.grads[1][0], at.grads[1][1]};
    CHECK(cosine(found, back) > 0.99);
    CHECK(inner(found, back) / inner(back, back) == doctest::Approx(1).epsilon(0.1));
    CHECK(at.forwards == (std::string(injection) == "all" ? 8000 : 16000));
  }
  const LikelihoodGradient exact =
      likelihood_gradient(small.net, small.x, std::vector{e1}, {.sigma = 0.05, .antithetic = false});
  CHECK(exact.forwards == 4000);
  CHECK(cosine({exact.grads[1][0], exact.grads[1][1]}, {back[2], back[3]}) == doctest::Approx(1));
  CHECK_THROWS_AS(likelihood_gradient(small.net, small.x, std::vector{e1, e2}, {}), UsageError);
  CHECK_THROWS_AS(likelihood_gradient(small.net, small.x, std::vector{e2}, {}), ShapeError);
}

TEST_CASE("likelihood ratio: no graph but one layer's at a time, also of recorded parameters") {
  SmallNet small("relu");
  for (NoisyLayer& layer : small.net.layers)
    for (Tensor& p : layer.layer.params) p = variable(p);
  const int64 nodes = live_nodes();
  int64 most = 0;
  small.net.losses = [&](const Tensor& z) {
    most = std::max(most, live_nodes());
    return zero_one_loss(z, small.y);
  };
  Rng rng(1);
  const Tensor e = rng.normal_tensor({2, 5, 4});
  likelihood_gradient(small.net, small.x, std::vector{e}, {});
  CHECK(most == nodes);
  CHECK(live_nodes() == nodes);
}

TEST_CASE("zero-one loss: ties go to the first class; threshold: 0 is below") {
  CHECK(zero_one_loss(Tensor::from({3, 2}, {1, 1, 0, 2, 3, 2}), IntTensor::from({3}, {0, 0, 1})).values() ==
        std::vector<real>{0, 1, 1});
  CHECK(threshold(Tensor::from({3}, {-2, 0, 3})).values() == std::vector<real>{0, 0, 1});
}

}  // namespace gradus::likelihood_ratio_tests
