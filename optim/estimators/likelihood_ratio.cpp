#include "optim/estimators/likelihood_ratio.h"

#include <algorithm>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

// (K,N) as (K,N,1,...,1), to multiply something of this rank.
Tensor over_units(const Tensor& l, int rank) {
  std::vector<int64> dims{l.dim(0), l.dim(1)};
  dims.resize(static_cast<size_t>(rank), 1);
  return l.view(Shape(dims));
}

void check_copies(const Tensor& l, const Tensor& noise) {
  if (l.rank() != 2 || noise.rank() < 3 || noise.dim(0) != l.dim(0) || noise.dim(1) != l.dim(1))
    fail<ShapeError>("likelihood ratio: losses of shape {} with noise of {}, expected (K,N) and (K,N,...)",
                     l.shape().str(), noise.shape().str());
}

void check_sigma(const Tensor& sigma) {
  for (const real s : sigma.span())
    if (!(s > 0)) fail<UsageError>("likelihood ratio: sigma is {}, not > 0", s);
}

}  // namespace

Tensor effective_losses(const Tensor& losses, const Tensor& minus, const std::string& baseline) {
  if (losses.rank() != 2)
    fail<ShapeError>("likelihood ratio: losses of shape {}, expected (K,N)", losses.shape().str());
  const Recording off(false);
  if (minus.defined()) {
    if (!(minus.shape() == losses.shape()))
      fail<ShapeError>("likelihood ratio: losses of shape {} and {}", losses.shape().str(),
                       minus.shape().str());
    return (losses - minus) / real(2);
  }
  if (baseline == "none") return losses;
  const int64 copies = losses.dim(0);
  if (copies < 2) fail<UsageError>("likelihood ratio: leave-one-out needs two copies at least");
  // L_k - (S - L_k)/(K - 1) = (K*L_k - S)/(K - 1)
  return (losses * static_cast<real>(copies) - sum(losses, {0}, true)) / static_cast<real>(copies - 1);
}

Tensor likelihood_cotangent(const Tensor& l, const Tensor& noise, const Tensor& sigma) {
  check_copies(l, noise);
  check_sigma(sigma);
  const Recording off(false);
  const real count = static_cast<real>(l.numel());
  return sum(over_units(l, noise.rank()) * noise / sigma, {0}) / count;
}

LinearLikelihoodRatio linear_likelihood_ratio(const Tensor& x, const Tensor& noise, const Tensor& l,
                                              const Tensor& sigma) {
  const Tensor g = likelihood_cotangent(l, noise, sigma);  // (N,O)
  const Recording off(false);
  return {matmul(g, x, true, false), sum(g, {0}),
          mean(over_units(l, noise.rank()) * (square(noise) - real(1)) / sigma, {0, 1})};
}

ConvLikelihoodRatio conv_likelihood_ratio(const Tensor& x, const Tensor& noise, const Tensor& l, double sigma,
                                          const Shape& kernel, const ConvSpec& spec) {
  const Tensor g = likelihood_cotangent(l, noise, Tensor::scalar(static_cast<real>(sigma)));  // (N,O,H',W')
  const Recording off(false);
  return {conv2d_weight_grad(g, x, kernel, spec), sum(g, {0, 2, 3})};
}

ConvLikelihoodRatio kernel_likelihood_ratio(const Tensor& noise, const Tensor& of_bias, const Tensor& l,
                                            double sigma) {
  const Tensor scale = Tensor::scalar(static_cast<real>(sigma));
  const Recording off(false);
  return {sum(likelihood_cotangent(l, noise, scale), {0}), sum(likelihood_cotangent(l, of_bias, scale), {0})};
}

namespace {

class NoisyPasses {
 public:
  NoisyPasses(const NoisyNetwork& network, const Tensor& x, std::span<const Tensor> noise,
              const LikelihoodOptions& o)
      : network_(network), noise_(noise), o_(o), sigma_(Tensor::scalar(static_cast<real>(o.sigma))) {
    const size_t noisy = network.layers.size() - (o.exact_head ? 1 : 0);
    if (network.layers.empty() || noise.size() != noisy)
      fail<UsageError>("likelihood ratio: noise for {} layers, {} are noisy", noise.size(), noisy);
    inputs_.push_back(x);
    for (const NoisyLayer& layer : network.layers) {
      before_.push_back(layer.layer(inputs_.back()));
      inputs_.push_back(activated(layer, before_.back()));
    }
    for (size_t k = 0; k < noise.size(); ++k) {
      std::vector<int64> dims{noise[k].rank() ? noise[k].dim(0) : 0};
      dims.insert(dims.end(), before_[k].shape().begin(), before_[k].shape().end());
      if (!(noise[k].shape() == Shape(dims)) || dims[0] < 1 || dims[0] != noise[0].dim(0))
        fail<ShapeError>("likelihood ratio: noise {} has shape {}, the layer's output {}", k + 1,
                         noise[k].shape().str(), before_[k].shape().str());
    }
  }

  LikelihoodGradient run() {
    LikelihoodGradient out;
    out.grads.resize(network_.layers.size());
    out.loss = static_cast<double>(mean(network_.head_losses(inputs_.back())).item());
    if (o_.injection == "all")
      all_at_once(out);
    else
      for (size_t k = 0; k < noise_.size(); ++k) layer_alone(k, out);
    if (o_.exact_head) exact_head(out);
    return out;
  }

 private:
  static Tensor activated(const NoisyLayer& layer, const Tensor& u) {
    return layer.activation ? layer.activation(u) : u;
  }
  int64 copies() const { return noise_.empty() ? 0 : noise_[0].dim(0); }
  // sigma*e of one copy, with a sign.
  Tensor disturbance(size_t k, int64 copy, double sign) const {
    return noise_[k].rows(copy, copy + 1).view(before_[k].shape()) * static_cast<real>(sign * o_.sigma);
  }
  // Losses (1,N) behind layer k, whose output in front of the activation is u.
  Tensor losses_behind(size_t k, const Tensor& u) const {
    Tensor h = activated(network_.layers[k], u);
    for (size_t j = k + 1; j < network_.layers.size(); ++j)
      h = activated(network_.layers[j], network_.layers[j].layer(h));
    return row(network_.losses(h));
  }
  static Tensor row(const Tensor& losses) { return losses.view({1, losses.numel()}); }

  void layer_alone(size_t k, LikelihoodGradient& out) const {
    std::vector<Tensor> plus, minus;
    for (int64 c = 0; c < copies(); ++c) {
      plus.push_back(losses_behind(k, before_[k] + disturbance(k, c, 1)));
      if (o_.antithetic) minus.push_back(losses_behind(k, before_[k] + disturbance(k, c, -1)));
    }
    out.forwards += static_cast<int64>(plus.size() + minus.size());
    const Tensor l = effective_losses(concat(plus, 0), o_.antithetic ? concat(minus, 0) : Tensor(),
                                      o_.antithetic ? "none" : o_.baseline);
    out.grads[k] = network_.layers[k].layer.pull_back(inputs_[k], likelihood_cotangent(l, noise_[k], sigma_));
  }

  void all_at_once(LikelihoodGradient& out) const {
    for (int64 c = 0; c < copies(); ++c)
      for (const double sign : {1.0, -1.0}) {
        std::vector<Tensor> inputs{inputs_[0]};
        for (size_t k = 0; k < network_.layers.size(); ++k) {
          Tensor u = network_.layers[k].layer(inputs.back());
          if (k < noise_.size()) u = u + disturbance(k, c, sign);
          inputs.push_back(activated(network_.layers[k], u));
        }
        ++out.forwards;
        // Half of sign*L: the pair is one estimate.
        const Tensor l =
            row(network_.losses(inputs.back())) * static_cast<real>(sign / 2 / static_cast<double>(copies()));
        for (size_t k = 0; k < noise_.size(); ++k)
          add(out.grads[k],
              network_.layers[k].layer.pull_back(
                  inputs[k], likelihood_cotangent(l, std::as_const(noise_[k]).rows(c, c + 1), sigma_)));
      }
  }
  static void add(std::vector<Tensor>& sums, const std::vector<Tensor>& more) {
    if (sums.empty()) {
      sums = more;
      return;
    }
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = sums[i] + more[i];
  }

  void exact_head(LikelihoodGradient& out) const {
    const LocalLayer& head = network_.layers.back().layer;
    const Tensor x = stop_gradient(inputs_[network_.layers.size() - 1]);
    out.grads.back() =
        value_and_grad(
            [&](std::span<const Tensor> p) {
              return mean(network_.head_losses(activated(network_.layers.back(), head.function(p, x))));
            },
            head.params, {.allow_unused = true})
            .grads;
  }

  const NoisyNetwork& network_;
  std::span<const Tensor> noise_;
  const LikelihoodOptions& o_;
  Tensor sigma_;
  std::vector<Tensor> inputs_, before_;  // of the pass without noise: of each layer, before each activation
};

}  // namespace

LikelihoodGradient likelihood_gradient(const NoisyNetwork& network, const Tensor& x,
                                       std::span<const Tensor> noise, const LikelihoodOptions& options) {
  const Recording off(false);
  return NoisyPasses(network, x, noise, options).run();
}

}  // namespace gradus
