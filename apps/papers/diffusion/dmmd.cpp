// Deep MMD gradient flow.
// Paper: Galashov, De Bortoli, Gretton, "Deep MMD Gradient Flow without adversarial training", ICLR 2025, arXiv 2405.06780.
//   loss = -MMD^2(phi(x_0,t), phi(x_t,t)) + lambda_grad mean (|grad f_t(z)| - 1)^2 + lambda_l2 (mean |phi|^2)
//   Z <- Z - step_size grad_Z phi(Z,t).(mean phi(Z,t) - mean phi(x_0,t)), t from 0.99 to 0.1
// The claims: the flow over noise levels ends at a lower energy distance to data than flows at one fixed level do in the mean, and than a
// flow with a Gaussian kernel between points, with as many steps. Reported: against the best fixed level, and the approximate flow.
// Setting: eight Gaussians of deviation 0.08 on a circle of radius 1.5; phi a perceptron of [x, 16 features of t], 64-64 (residual)-32,
// SiLU, x_t = cos(pi t/2) x_0 + sin(pi t/2) noise; 8000 steps of Adam on 8 levels of 64 points, a running mean of the weights for the
// flows; 400 particles, 20 levels of 5 steps.
// Every arm has six trials, of its step size and, of the kernel, its bandwidth; the network is trained once a seed and shared.
// Departures: sizes; MNIST is left out.
// Tried before: 1500 steps on 4 levels, three seeds, step sizes to 0.4: some features had hardly left 0; energy distance 0.033 below the
// mean of fixed levels [0.093 below, 0.027 above] and 0.046 above the Gaussian kernel's [0.016, 0.075], not shown.
// What is wide in the present figures is one seed of five, whose step size lies next to divergence; on the other four the flow is 0.004 to
// 0.007 below fixed levels, and 0.007 to 0.019 above the kernel's, which is near the floor in the plane.
// Tried besides: digits of 14x14 on 16 principal directions, 5000 steps, twelve trials on two seeds: 0.037 below fixed levels [0.022, 0.051],
// 0.023 above the kernel's [0.015, 0.031] at bandwidths of 1 to 8, not shown.
#include "nn/diffusion/dmmd.h"

#include <cmath>
#include <numbers>

#include "apps/papers/diffusion/dmmd_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/safetensors.h"
#include "nn/diffusion/mmd.h"
#include "nn/layers/embedding.h"
#include "nn/state_dict.h"
#include "optim/registry.h"

namespace gradus::paper_entries {
namespace dmmd_experiment {

constexpr int64 kTimeFeatures = 16;
constexpr double kTimeScale = 10;
const char* const kNames[] = {"w1", "b1", "w2", "b2", "w3", "b3"};

Tensor eight_gaussians(int64 n, Rng& rng) {
  Tensor x = rng.normal_tensor({n, 2}, 0, real(0.08));
  for (int64 i = 0; i < n; ++i) {
    const double angle = std::numbers::pi / 4 * static_cast<double>(rng.below(8));
    x.mutable_data()[2 * i] += static_cast<real>(1.5 * std::cos(angle));
    x.mutable_data()[2 * i + 1] += static_cast<real>(1.5 * std::sin(angle));
  }
  return x;
}

Tensor noised(const Tensor& x0, double t, Rng& rng) {
  const auto a = static_cast<real>(std::cos(std::numbers::pi * t / 2)),
             s = static_cast<real>(std::sin(std::numbers::pi * t / 2));
  return x0 * a + rng.normal_tensor(x0.shape()) * s;
}

LevelFeatures network(const std::vector<Tensor>& w) {
  return [w](const Tensor& x, double t) {
    const Tensor time =
        sinusoidal_features(Tensor::full({x.dim(0)}, static_cast<real>(t)), kTimeFeatures, kTimeScale);
    const std::vector<Tensor> parts = {x, time};
    const Tensor h = silu(linear(concat(parts, 1), w[0], w[1]));
    return linear(h + silu(linear(h, w[2], w[3])), w[4], w[5]);
  };
}

Parameters first_weights(Rng rng) {
  const auto layer = [&](const char* name, int64 out, int64 in, double gain) {
    return make_parameter(
        name, ParamKind::kWeight,
        rng.normal_tensor({out, in}, 0, static_cast<real>(gain / std::sqrt(static_cast<double>(in)))));
  };
  const auto bias = [](const char* name, int64 out) {
    return make_parameter(name, ParamKind::kBias, Tensor::zeros({out}));
  };
  return {layer(kNames[0], 64, 2 + kTimeFeatures, 1),
          bias(kNames[1], 64),
          layer(kNames[2], 64, 64, 1),
          bias(kNames[3], 64),
          layer(kNames[4], 32, 64, 2),
          bias(kNames[5], 32)};
}

void train_features(const Trial& trial, const std::string& path) {
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("features");
  const Parameters w = first_weights(rng.fork("init"));
  const OptimizerPtr adam = make_optimizer("ema(adam:lr=1e-3,beta1=0,beta2=0.9):decay=0.999", w);
  std::vector<Tensor> values;
  for (const ParameterPtr& p : w) values.push_back(p->value);
  const LevelFeatures phi = network(values);
  const int64 steps = trial.quick ? 3 : 8000, levels = trial.quick ? 1 : 8, points = 64;
  for (int64 step = 0; step < steps; ++step) {
    Tensor x0({levels, points, 2}), x_t({levels, points, 2});
    std::vector<double> t;
    for (int64 l = 0; l < levels; ++l) {
      t.push_back(rng.uniform(0.1, 1));
      const Tensor clean = eight_gaussians(points, rng),
                   noisy = noised(eight_gaussians(points, rng), t.back(), rng);
      std::copy_n(clean.data(), 2 * points, x0.mutable_data() + 2 * points * l);
      std::copy_n(noisy.data(), 2 * points, x_t.mutable_data() + 2 * points * l);
    }
    const Tensor loss = dmmd_loss(phi, x0, x_t, rng.uniform_tensor({levels, points}), t).loss;
    const std::vector<Tensor> g = grad(loss, values, {.allow_unused = true});
    for (size_t i = 0; i < g.size(); ++i)
      w[i]->grad = g[i].defined() ? g[i] : Tensor::zeros(values[i].shape());
    adam->step(1 - static_cast<double>(step) / static_cast<double>(steps));
    trial.checkpoint(static_cast<double>(step) / static_cast<double>(steps));
  }
  adam->use_evaluation_weights(true);
  StateDict state;
  for (const ParameterPtr& p : w) state.emplace_back(p->name, p->value.detach());
  write_safetensors(path, {state, {}, {}});
}

LevelFeatures trained_features(const Trial& trial) {
  const std::string name =
      fmt::format("features{}-{}.safetensors", trial.tuning ? "-tuning" : "", trial.seed);
  const std::string path = trial.base(name, [&](const std::string& to) { train_features(trial, to); });
  const StateDict state = read_safetensors(path).tensors;
  std::vector<Tensor> w;
  for (const char* wanted : kNames)
    for (const auto& [key, value] : state)
      if (key == wanted) w.push_back(value);
  return network(w);
}

// Points that descend the witness of a Gaussian kernel between points themselves.
Tensor kernel_flow(Tensor z, const Tensor& x0, double bandwidth, double step_size, int64 steps) {
  for (int64 i = 0; i < steps; ++i) {
    const Tensor at = variable(z.detach());
    // MMD^2 has the witness's gradient twice, over the number of particles.
    const Tensor g =
        grad(mmd_squared(at, x0, {.kernel = "rbf", .estimator = "biased", .bandwidth = bandwidth}), {at})[0];
    const Recording off(false);
    z = (z - g * static_cast<real>(step_size * static_cast<double>(z.dim(0)) / 2)).detach();
  }
  return z;
}

Outcome flow(const Trial& trial) {
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork(trial.tuning ? "tuning flow" : "flow");
  const int64 particles = trial.quick ? 30 : 400;
  const Tensor x0 = eight_gaussians(particles, rng), held = eight_gaussians(particles, rng),
               again = eight_gaussians(particles, rng), start = rng.normal_tensor({particles, 2});
  const std::string kind = trial.word("flow");
  DmmdFlowOptions o;
  o.step_size = trial.number("step_size");
  if (trial.quick) o.num_levels = 2, o.steps_per_level = 1;
  const int64 steps = (o.num_levels + 1) * o.steps_per_level;
  Outcome outcome;
  outcome.metrics = {{"start_distance", energy_distance(start, held)},
                     {"floor_distance", energy_distance(again, held)}};
  const auto distance = [&](const Tensor& z) { return energy_distance(z, held); };
  if (kind == "kernel") {
    outcome.metrics["energy_distance"] =
        distance(kernel_flow(start, x0, trial.number("bandwidth"), 10 * o.step_size, steps));
    return outcome;
  }
  const LevelFeatures phi = trained_features(trial);
  if (kind == "fixed") {
    double mean = 0, best = std::numeric_limits<double>::infinity();
    const std::vector<double> levels = {0.1, 0.3, 0.6, 0.9};
    for (const double t : levels) {
      o.t_min = o.t_max = t;
      const double d = distance(dmmd_flow(phi, start, x0, o).particles);
      outcome.metrics[fmt::format("level_{}_distance", t)] = d;
      mean += d / static_cast<double>(levels.size());
      best = std::min(best, d);
    }
    outcome.metrics["energy_distance"] = mean;
    outcome.metrics["best_level_distance"] = best;
    return outcome;
  }
  o.mode = kind;
  const auto at_level = [&](int64 k) {
    Rng fresh = rng.fork(static_cast<std::uint64_t>(k));
    return noised(x0, o.level(k), fresh);
  };
  const double d = distance(dmmd_flow(phi, start, x0, o, at_level).particles);
  outcome.metrics["energy_distance"] = d;
  outcome.metrics["best_level_distance"] = d;
  return outcome;
}

void plan(Experiment& e) {
  e.tune_for("energy_distance");
  e.seeds(5);
  for (const char* kind : {"exact", "fixed", "approximate"})
    e.arm(kind).run(flow, {{"flow", kind}}).tune("step_size", {0.03, 0.06, 0.1, 0.2, 0.4, 0.8});
  e.arm("kernel")
      .run(flow, {{"flow", "kernel"}})
      .tune("step_size", {0.03, 0.1})
      .tune("bandwidth", {0.15, 0.3, 0.8});
  e.claim("closer to data than fixed levels in the mean", better("exact", "fixed", "energy_distance"));
  e.claim("closer to data than a fixed Gaussian kernel", better("exact", "kernel", "energy_distance"));
  e.claim("closer than the best fixed level",
          better("exact", "fixed", "best_level_distance").reported_only());
  e.claim("interacting particles end closer than independent ones",
          better("exact", "approximate", "energy_distance").reported_only());
}

}  // namespace dmmd_experiment

Paper dmmd() {
  return {
      .slug = "dmmd",
      .family = "diffusion",
      .title = "Deep MMD Gradient Flow without adversarial training",
      .authors = "Galashov, De Bortoli, Gretton",
      .venue = "ICLR",
      .year = 2025,
      .arxiv = "2405.06780",
      .idea =
          "Features by noise level are trained to tell data from noised data by their MMD; particles descend "
          "its "
          "witness from much noise to little. "
          "Claimed: samples without a generator and without adversarial training.",
      .equations =
          "f_t(z) = phi(z,t).(mean phi(x_t,t) - mean phi(x_0,t))\n"
          "loss = -MMD^2 + lambda_grad*mean (|grad f_t(z)| - 1)^2 + lambda_l2*(mean |phi(x_0,t)|^2 + mean "
          "|phi(x_t,t)|^2)\n"
          "Z <- Z - step_size*grad_Z phi(Z,t).(mean phi(Z,t) - mean phi(x_0,t))",
      .files = {"nn/diffusion/dmmd.cpp", "nn/diffusion/mmd.cpp"},
      .use = "dmmd_loss and dmmd_flow of nn/diffusion/dmmd.h",
      .functions = dmmd_functions(),
      .experiment = dmmd_experiment::plan,
      .minutes = 4};
}

}  // namespace gradus::paper_entries
