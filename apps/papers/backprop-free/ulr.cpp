// Unified likelihood ratio.
// Paper: Jiang, Zhang, Xu, Yu, Peng, "One Forward is Enough for Neural Network Training via Likelihood Ratio Method", ICLR 2024,
//        arXiv 2305.08960.
//   u = phi(x; theta) + sigma*e,  l = (L(+e) - L(-e))/2,  dtheta = mean of J_theta(phi)' (l*e/sigma)
// The claims at our scale: a perceptron 784-50-10 trained so comes within two points of backpropagation on clean images and is above
// it under FGSM attacks; with threshold units, and by the 0-1 loss, it trains where backpropagation has no gradient; of equally many
// forward passes, antithetic pairs and one layer at a time come closer to the gradient than one-sided noise.
// Departures: 50,000 images, 5 epochs; ten pairs a sample and layer; the head's gradient is exact but under the 0-1 loss; quasi-random
// noise is a Latin hypercube (ten Halton coordinates do not reach a layer of 50 units), its part is reported.
// Tried before: 10,000 images, 6 epochs: 1.9 points below backpropagation [1.2, 2.7], under FGSM 1.8 below [-0.4, 4.1], threshold units 87.5 %
// [87.3, 87.7], the 0-1 loss 62 % [50, 73], not shown.
// Left out: perturbing all weights with as many passes, which takes six times as long (76 % at lr = 0.1 in a trial).
#include <cmath>

#include "apps/papers/backprop-free/image_task.h"
#include "apps/papers/backprop-free/ulr_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "autograd/functional/flat.h"
#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/quasi_random.h"
#include "nn/dense_network.h"
#include "nn/losses.h"
#include "optim/elements.h"
#include "optim/estimators/likelihood_ratio.h"

namespace gradus::paper_entries {
namespace {

constexpr int64 kHidden = 50;
constexpr int64 kPairs = 10;

struct NoisyPerceptron {
  std::vector<Tensor> params;  // W1, b1, W2, b2
  Activation act;

  NoisyPerceptron(int64 features, int64 classes, const Activation& activation, Rng rng) : act(activation) {
    const auto weight = [&](int64 out, int64 in) {
      return rng.normal_tensor({out, in}, 0, static_cast<real>(1 / std::sqrt(static_cast<double>(in))));
    };
    params = {weight(kHidden, features), Tensor::zeros({kHidden}), weight(classes, kHidden),
              Tensor::zeros({classes})};
  }
  Tensor logits(const Tensor& images) const { return dense_network(params, act, flatten(images, 1)); }
  NoisyNetwork network(const IntTensor& y, bool zero_one) const {
    const auto affine = [](std::span<const Tensor> p, const Tensor& x) { return linear(x, p[0], p[1]); };
    NoisyNetwork net;
    net.layers.push_back({{affine, {params[0], params[1]}}, act.function});
    net.layers.push_back({{affine, {params[2], params[3]}}, {}});
    net.head_losses = [y](const Tensor& z) { return cross_entropy(z, y, Reduction::kNone); };
    net.losses = net.head_losses;
    if (zero_one) net.losses = [y](const Tensor& z) { return zero_one_loss(z, y); };
    return net;
  }
};

// (K, N, units) of standard normals, in Latin hypercubes over the copies where asked for.
Tensor layer_noise(int64 copies, int64 samples, int64 units, bool hypercube, Rng rng) {
  if (!hypercube) return rng.normal_tensor({copies, samples, units});
  return normal_of_uniform(latin_hypercube(copies, samples * units, rng)).view({copies, samples, units});
}

std::vector<Tensor> backprop_gradient(const NoisyPerceptron& net, const Tensor& x, const IntTensor& y,
                                      const Tensor& noise) {
  return value_and_grad(
             [&](std::span<const Tensor> p) {
               Tensor u = linear(x, p[0], p[1]);
               if (noise.defined()) u = u + noise;
               return cross_entropy(linear(net.act.function(u), p[2], p[3]), y);
             },
             net.params)
      .grads;
}

std::vector<Tensor> flat_gradient(const LikelihoodGradient& at) {
  std::vector<Tensor> all;
  for (const std::vector<Tensor>& layer : at.grads) all.insert(all.end(), layer.begin(), layer.end());
  return all;
}

double pair_cosine(std::span<const Tensor> a, std::span<const Tensor> b) {
  return inner(a, b) / std::sqrt(inner(a, a) * inner(b, b));
}

// Cosine with backpropagation's gradient, first layer only, of estimates of 64 passes a sample.
void note_cosines(const NoisyPerceptron& net, const Tensor& x, const IntTensor& y, const Rng& rng,
                  Outcome& outcome) {
  const std::vector<Tensor> back = backprop_gradient(net, x, y, {});
  const NoisyNetwork network = net.network(y, false);
  const auto cosine = [&](const char* name, int64 copies, bool hypercube, LikelihoodOptions o) {
    double sum = 0;
    constexpr int kRepeats = 5;
    o.sigma = 0.3;
    for (int r = 0; r < kRepeats; ++r) {
      std::vector<Tensor> noise{
          layer_noise(copies, x.dim(0), kHidden, hypercube, rng.fork(static_cast<std::uint64_t>(r)))};
      const LikelihoodGradient at = likelihood_gradient(network, x, noise, o);
      sum += pair_cosine(at.grads[0], std::span(back).first(2)) / kRepeats;
    }
    outcome.metrics[std::string("cosine_") + name] = sum;
  };
  cosine("paired", 32, false, {});
  cosine("hypercube", 32, true, {});
  cosine("one_sided", 64, false, {.antithetic = false});
  cosine("baseline", 64, false, {.baseline = "leave-one-out", .antithetic = false});
}

Outcome train_noisy(const Trial& trial) {
  Outcome outcome;
  const std::string method = trial.word("method");
  const bool step_units = method == "ulr-threshold", zero_one = method == "ulr-zero-one";
  const Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("ulr");
  const ImageTask task(trial, "mnist", 50000, 128, 5000);
  const Activation act =
      step_units ? Activation{"threshold", "1 if x > 0 else 0", threshold} : activation("sigmoid");
  NoisyPerceptron net(task.features(), task.classes(), act, rng.fork("start"));
  const real lr = static_cast<real>(trial.number("lr"));
  LikelihoodOptions options;
  options.exact_head = !zero_one;
  const int64 steps = 5 * task.steps_per_epoch();
  const bool whole = run_steps(trial, steps, outcome, [&](int64 t) {
    const Batch batch = task.batch(t);
    const Tensor x = rows_of_images(batch.x);
    Rng own = rng.fork("noise").fork(static_cast<std::uint64_t>(t));
    std::vector<Tensor> grads;
    if (method == "backprop") {
      grads = backprop_gradient(net, x, batch.y, {});
    } else if (method == "noisy-backprop") {
      grads = backprop_gradient(net, x, batch.y, own.normal_tensor({x.dim(0), kHidden}));
    } else {
      std::vector<Tensor> noise{layer_noise(kPairs, x.dim(0), kHidden, false, own.fork("hidden"))};
      if (zero_one) noise.push_back(layer_noise(kPairs, x.dim(0), task.classes(), false, own.fork("logits")));
      grads = flat_gradient(likelihood_gradient(net.network(batch.y, zero_one), x, noise, options));
    }
    for (size_t i = 0; i < grads.size(); ++i)
      for_each_element(net.params[i], std::as_const(grads[i]),
                       [lr](real& w, real g) { w -= lr * (g + real(1e-4) * w); });
    for (const real w : net.params[1].span())
      if (!std::isfinite(w)) fail<NumericError>("a bias is {}", w);
  });
  if (!whole) return outcome;
  outcome.metrics["test_accuracy"] = task.test_accuracy([&](const Tensor& x) { return net.logits(x); });
  if (trial.tuning) return outcome;
  if (!step_units) {
    // FGSM: every pixel by eps in the direction of the sign of the loss's derivative. Pixels are standardised, so that eps = 0.1
    // of the range is 0.1/0.3081 here.
    const std::vector<Tensor> images{task.test().x};
    const Tensor slope =
        value_and_grad(
            [&](std::span<const Tensor> x) { return cross_entropy(net.logits(x[0]), task.test().y); }, images)
            .grads[0];
    const Recording off(false);
    const Tensor attacked = images[0] + sign(slope) * static_cast<real>(0.1 / 0.3081);
    outcome.metrics["fgsm_accuracy"] =
        1 - static_cast<double>(mean(zero_one_loss(net.logits(attacked), task.test().y)).item());
  }
  Rng corruption = rng.fork("corruption");
  const Tensor noisy = task.test().x + corruption.normal_tensor(task.test().x.shape(), 0, 1);
  outcome.metrics["noisy_accuracy"] =
      1 - static_cast<double>(mean(zero_one_loss(net.logits(noisy), task.test().y)).item());
  if (method == "ulr") {
    const Batch batch = task.batch(0);
    note_cosines(net, rows_of_images(batch.x), batch.y, rng.fork("cosines"), outcome);
    outcome.metrics["cosine_gain"] = outcome.metrics["cosine_paired"] - outcome.metrics["cosine_one_sided"];
    outcome.metrics["hypercube_gain"] =
        outcome.metrics["cosine_hypercube"] - outcome.metrics["cosine_paired"];
  }
  return outcome;
}

void ulr_experiment(Experiment& e) {
  for (const char* name : {"ulr", "backprop", "noisy-backprop", "ulr-threshold"})
    e.arm(name).run(train_noisy, {{"method", name}}).tune("lr", {0.1, 0.5, 2});
  e.arm("ulr-zero-one").run(train_noisy, {{"method", "ulr-zero-one"}}).tune("lr", {0.5, 2, 8});
  e.tune_for("test_accuracy");
  e.claim("within two points of backpropagation on clean images",
          not_worse("ulr", "backprop", "test_accuracy", 0.02));
  e.claim("above backpropagation under FGSM", better("ulr", "backprop", "fgsm_accuracy"));
  e.claim("threshold units train to 90 %", at_least("ulr-threshold", "test_accuracy", 0.9));
  e.claim("the 0-1 loss trains to 75 %", at_least("ulr-zero-one", "test_accuracy", 0.75));
  e.claim("pairs are closer to the gradient than one-sided noise of as many passes",
          at_least("ulr", "cosine_gain", 0));
  e.claim("a Latin hypercube of them is closer still", at_least("ulr", "hypercube_gain", 0).reported_only());
  e.claim("above backpropagation with the same noise under FGSM",
          better("ulr", "noisy-backprop", "fgsm_accuracy").reported_only());
}

}  // namespace

Paper ulr() {
  return {.slug = "ulr",
          .family = "backprop-free",
          .title = "One Forward is Enough for Neural Network Training via Likelihood Ratio Method",
          .authors = "Jiang, Zhang, Xu, et al.",
          .venue = "ICLR",
          .year = 2024,
          .arxiv = "2305.08960",
          .idea =
              "Noise in front of every activation makes the gradient of the expected loss an average of loss "
              "times score: no chain rule, no "
              "derivative of activation or loss, all layers in parallel. Claimed: on a par with "
              "backpropagation, and more robust.",
          .equations =
              "u = phi(x; theta) + sigma*e,  l = (L(+e) - L(-e))/2\n"
              "dtheta = mean of J_theta(phi)' (l*e/sigma)",
          .files = {"optim/estimators/likelihood_ratio.cpp", "core/quasi_random.cpp"},
          .use = "gradus train --gradient likelihood-ratio",
          .functions = ulr_functions(),
          .experiment = ulr_experiment,
          .minutes = 4};
}

}  // namespace gradus::paper_entries
