// The edge of stability of SAM.
// Paper: Agarwala, Dauphin, "SAM operates far from home: eigenvalue regularization as a dynamical phenomenon", ICML 2023,
//        arXiv 2302.08692.
//   theta <- theta - lr*grad L(theta + rho*grad L(theta))
//   edge(lr, rho) = (sqrt(1 + 8*rho/lr) - 1)/(2*rho),  2/lr at rho = 0;   ratio = lr*lam*(1 + rho*lam)/2 is 1 there
// The claim: gradient descent with SAM's step holds the largest eigenvalue lam of the Hessian at the edge, which falls as rho
// grows, all along its way.
//   network 49-32-32-10 of tanh, on 200 images of MNIST (means over 4x4 pixels, standardised), half the squared error summed
//   over one-hot outputs; all images at once, 6,000 steps; lam at theta by 20 power iterations every 100 steps, from the
//   eigenvector before; what counts is the mean over the last third
// Tried before: 100 images and 2,400 steps with lr 0.05 too, where the curvature had not come up to the edge (a ratio of 0.62 to
// 0.77 at rho = 0; with lr 0.1 it was 1.00 to 1.01); 200 images and 4,000 steps, where one of three seeds was still below at lr
// 0.07 and rho = 0 (0.90), and all else within 1.1 %. With 6,000 steps that seed of plain gradient descent still is (0.88), so that
// the whole is within noise by the claim about rho = 0 alone.
// Three seeds: without SAM the eigenvalue lies 4.4 % off the edge [-7.4, 16].
// Departures: smaller images and network than the paper's; mini-batches and a convolutional network are left out.
#include <cmath>

#include "apps/papers/curvature/sam_eos_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/landscape.h"
#include "autograd/functional/flat.h"
#include "autograd/functional/power_iteration.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "core/rng.h"
#include "core/statistics.h"
#include "data/pooled_images.h"
#include "optim/methods/sam_edge.h"

namespace gradus::paper_entries {
namespace {

// Half the squared error against one-hot labels, mean over images; parameters W1, b1, W2, b2, ... of layers of tanh.
Function half_squared_error(const PooledImages& images, int64 classes) {
  const int64 n = images.labels.numel();
  Tensor targets = Tensor::zeros({n, classes});
  for (int64 i = 0; i < n; ++i) targets.mutable_data()[i * classes + images.labels[i]] = 1;
  return [x = images.x, targets, n](std::span<const Tensor> p) {
    Tensor h = linear(x, p[0], p[1]);
    for (size_t i = 2; i < p.size(); i += 2) h = linear(tanh(h), p[i], p[i + 1]);
    return sum(square(h - targets)) * static_cast<real>(0.5 / static_cast<double>(n));
  };
}

// Uniform within 1/sqrt(fan-in), as the layers of nn start.
Tensors uniform_layers(const std::vector<int64>& sizes, Rng& rng) {
  Tensors p;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    const real bound = static_cast<real>(1 / std::sqrt(static_cast<double>(sizes[i])));
    p.push_back(rng.uniform_tensor({sizes[i + 1], sizes[i]}, -bound, bound));
    p.push_back(rng.uniform_tensor({sizes[i + 1]}, -bound, bound));
  }
  return p;
}

double length_of(std::span<const double> v) {
  double square = 0;
  for (const double x : v) square += x * x;
  return std::sqrt(square);
}

Outcome sam_at_the_edge(const Trial& trial) {
  const int64 count = trial.quick ? 8 : 200, steps = trial.quick ? 4 : 6000, every = trial.quick ? 4 : 100;
  const bool normalized = trial.word("normalized") == "true";
  const double rho = trial.number("rho");
  const Data data = trial.data("mnist");
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("sam");
  std::vector<int64> chosen = rng.fork("images").permutation(data.train->size());
  chosen.resize(static_cast<size_t>(std::min(count, data.train->size())));
  const PooledImages images = pooled_images(*data.train, chosen, 4);
  const Tensors start = uniform_layers({images.x.dim(1), 32, 32, 10}, rng);
  const Function loss = half_squared_error(images, 10);
  const Landscape f = landscape_of(loss, start);
  Outcome outcome;
  double worst = 0;
  for (const double lr : {0.1, 0.07}) {
    Walk walk(fmt::format("sam(sgd:lr={}):rho={},normalized={}", lr, rho, normalized),
              doubles_of(flatten_all(start)));
    Curve& curve = outcome.curves[fmt::format("eigenvalue_lr{}", lr)];
    curve.x_label = "step";
    Tensors direction;
    Rng draw = rng.fork("direction");
    for (const Tensor& p : start) direction.push_back(draw.normal_tensor(p.shape()));
    std::vector<double> eigenvalues, ratios;
    for (int64 t = 0; t <= steps; ++t) {
      if (t % every == 0) {
        trial.checkpoint(static_cast<double>(t) / static_cast<double>(2 * steps) + (lr < 0.1 ? 0.5 : 0));
        const std::vector<double> at = walk.point();
        const Tensors w = unflatten(tensor_of(at), start);
        const LinearOperator hessian = [&](std::span<const Tensor> v) { return hvp(loss, w, v).products; };
        const PowerIteration top = power_iteration(hessian, direction, trial.quick ? 2 : 20);
        direction = top.vector;
        curve.x.push_back(static_cast<double>(t)), curve.y.push_back(top.eigenvalue);
        if (t >= 2 * steps / 3) {
          std::vector<double> gradient(at.size());
          if (normalized) f.value(at, gradient);
          eigenvalues.push_back(top.eigenvalue);
          ratios.push_back(normalized
                               ? sam_edge_ratio(lr, rho / (length_of(gradient) + 1e-12), top.eigenvalue)
                               : top.eigenvalue / sam_edge(lr, rho));
        }
      }
      outcome.metrics[fmt::format("loss_lr{}", lr)] = walk.step(f);
    }
    outcome.metrics[fmt::format("eigenvalue_lr{}", lr)] = mean_of(eigenvalues);
    outcome.metrics[fmt::format("edge_ratio_lr{}", lr)] = mean_of(ratios);
    worst = std::max(worst, std::abs(mean_of(ratios) - 1));
  }
  outcome.metrics["edge_error"] = worst;
  return outcome;
}

void sam_eos_experiment(Experiment& e) {
  e.seeds(8);
  const std::vector<const char*> radii = {"0", "0.01", "0.02", "0.05", "0.1"};
  const auto name = [](const char* rho) { return fmt::format("rho {}", rho); };
  for (const char* rho : radii)
    e.arm(name(rho)).run(sam_at_the_edge, {{"rho", rho}, {"normalized", "false"}});
  e.arm("normalized").run(sam_at_the_edge, {{"rho", "0.01"}, {"normalized", "true"}});
  for (const char* rho : radii)
    e.claim(fmt::format("{}: the largest eigenvalue within 6 % of the edge, for both step sizes", name(rho)),
            at_most(name(rho), "edge_error", 0.06));
  for (size_t i = 0; i + 1 < radii.size(); ++i)
    for (const char* lr : {"0.1", "0.07"})
      e.claim(fmt::format("lr {}: lower at {} than at {}", lr, name(radii[i + 1]), name(radii[i])),
              ratio_at_most(name(radii[i + 1]), name(radii[i]), fmt::format("eigenvalue_lr{}", lr), 1));
  e.claim("normalized, with rho/||g|| for rho: the ratio within 6 % of 1",
          at_most("normalized", "edge_error", 0.06).reported_only());
}

}  // namespace

Paper sam_eos() {
  return {
      .slug = "sam-eos",
      .family = "curvature",
      .title = "SAM operates far from home: eigenvalue regularization as a dynamical phenomenon",
      .authors = "Agarwala, Dauphin",
      .venue = "ICML",
      .year = 2023,
      .arxiv = "2302.08692",
      .idea =
          "Gradient descent holds the largest eigenvalue of the Hessian at 2/lr. Claimed: SAM holds it at a "
          "lower level, "
          "which follows from lr and rho alone, all along its way and not only near minima.",
      .equations =
          "theta <- theta - lr*grad L(theta + rho*grad L(theta))\n"
          "edge(lr, rho) = (sqrt(1 + 8*rho/lr) - 1)/(2*rho)\n"
          "ratio(lam) = lr*lam*(1 + rho*lam)/2",
      .files = {"optim/methods/sam_edge.cpp", "optim/wrappers/sam.cpp",
                "optim/problems/quadratic_regression.cpp", "autograd/functional/power_iteration.cpp"},
      .use = "gradus train --optim 'sam(sgd:lr=0.1):rho=0.05,normalized=false'; gradus landscape RUN",
      .functions = sam_eos_functions(),
      .experiment = sam_eos_experiment,
      .minutes = 2};
}

}  // namespace gradus::paper_entries
