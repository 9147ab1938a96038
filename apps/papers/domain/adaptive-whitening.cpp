// Adaptive whitening by gains.
// Paper: Duong, Lipshutz, Heeger, Chklovskii, Simoncelli, "Adaptive Whitening in Neural Populations with Gain-Modulating
//        Interneurons", ICML 2023, arXiv 2301.11955.
//   M = (alpha*I + W diag(g) W')^-1;  g <- g + lr*(diag(W' M C M' W) - 1)
// The claims: with N(N+1)/2 fixed directions the gains alone whiten (no eigenvalue of the output's covariance differs from 1 by 0.1), with N
// they do not; after each switch of the input's covariance they whiten again; online, on input of eigenvalues 6 and 1e-3, gains kept
// from becoming negative hold the output's variance below 2.5, free ones let it rise above 100.
// Departures: covariances of the plane with log-eigenvalues of deviation 1; random frames count by their median of nine a seed;
// contexts switch between two covariances of six dimensions whose eigenvectors the frame holds.
#include <algorithm>
#include <cmath>

#include "apps/papers/domain/adaptive_whitening_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "core/linalg.h"
#include "core/rng.h"
#include "optim/methods/gain_whitening.h"

namespace gradus::paper_entries {
namespace {

// A random orthonormal basis, in columns.
Tensor random_basis(int64 n, Rng& rng) { return linalg::qr(rng.normal_tensor({n, n})).q; }

Tensor covariance_of(const Tensor& basis, const std::vector<double>& eigenvalues) {
  Tensor scaled = basis.clone();
  for (int64 i = 0; i < scaled.numel(); ++i)
    scaled.mutable_data()[i] *= static_cast<real>(eigenvalues[static_cast<size_t>(i % basis.dim(1))]);
  return linalg::matmul(scaled, basis, false, true);
}

std::vector<double> random_eigenvalues(int64 n, double deviation, Rng& rng) {
  std::vector<double> values;
  for (int64 i = 0; i < n; ++i) values.push_back(std::exp(deviation * rng.normal()));
  return values;
}

// Unit columns: the given ones first, then random ones, K in all.
Tensor frame_with(const std::vector<Tensor>& bases, int64 n, int64 K, Rng& rng) {
  Tensor W({n, K});
  for (int64 k = 0; k < K; ++k) {
    const size_t basis = static_cast<size_t>(k / n);
    double length = 0;
    for (int64 i = 0; i < n; ++i) {
      const double v =
          basis < bases.size() ? static_cast<double>(bases[basis].data()[i * n + k % n]) : rng.normal();
      W.mutable_data()[i * K + k] = static_cast<real>(v);
      length += v * v;
    }
    for (int64 i = 0; i < n; ++i) W.mutable_data()[i * K + k] /= static_cast<real>(std::sqrt(length));
  }
  return W;
}

// The largest |lambda - 1| after `steps` offline steps from g.
double offline_error(const Tensor& W, Tensor& g, const Tensor& covariance, double lr, int64 steps) {
  GainWhiteningOptions o;
  o.lr = lr;
  for (int64 t = 0; t < steps; ++t) gain_step_offline(W, g, covariance, o);
  return whitening_error(W, g, covariance).worst;
}

Outcome whiten_plane(const Trial& trial) {
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("plane");
  const Tensor basis = random_basis(2, rng);
  const Tensor covariance = covariance_of(basis, random_eigenvalues(2, 1, rng));
  const std::string& name = trial.word("frame");
  std::vector<double> errors;
  for (int64 i = 0; i < (name == "random" ? 9 : 1); ++i) {
    const Tensor W = name == "mercedes"   ? mercedes_frame()
                     : name == "identity" ? linalg::identity(2)
                     : name == "spectral" ? frame_with({basis}, 2, 3, rng)
                                          : frame_with({}, 2, 3, rng);
    Tensor g = Tensor::zeros({W.dim(1)});
    errors.push_back(offline_error(W, g, covariance, 1e-2, trial.quick ? 300 : 4000));
    trial.checkpoint(0.1 * static_cast<double>(i));
  }
  Outcome outcome;
  outcome.metrics["whitening_error"] = linalg::median(errors);
  return outcome;
}

Outcome switch_contexts(const Trial& trial) {
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("contexts");
  const int64 n = 6, K = n * (n + 1) / 2;
  const std::vector<Tensor> bases = {random_basis(n, rng), random_basis(n, rng)};
  const Tensor covariances[] = {covariance_of(bases[0], random_eigenvalues(n, 0.5, rng)),
                                covariance_of(bases[1], random_eigenvalues(n, 0.5, rng))};
  const Tensor W = frame_with(trial.word("frame") == "random" ? std::vector<Tensor>{} : bases, n, K, rng);
  Tensor g = Tensor::zeros({K});
  Outcome outcome;
  double worst = 0;
  for (int64 c = 0; c < (trial.quick ? 2 : 4); ++c) {
    worst = std::max(worst, offline_error(W, g, covariances[c % 2], 1e-2, trial.quick ? 100 : 4000));
    trial.checkpoint(0.25 * static_cast<double>(c + 1));
  }
  outcome.metrics["worst_context_error"] = worst;
  return outcome;
}

// Online, one sample a batch: the largest eigenvalue of the output's covariance from step 500 on.
Outcome ill_conditioned(const Trial& trial) {
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("online");
  const Tensor basis = random_basis(2, rng), W = mercedes_frame();
  const std::vector<double> eigenvalues = {6, 1e-3};
  const Tensor covariance = covariance_of(basis, eigenvalues);
  GainWhiteningOptions o;
  o.lr = 2e-2;
  o.clamp = trial.word("clamp") == "true";
  Tensor g = Tensor::zeros({3});
  double most = 0;
  constexpr double kBeyond = 1e6;
  const int64 steps = trial.quick ? 700 : 4000;
  for (int64 t = 0; t < steps && most < kBeyond; ++t) {
    Tensor z({2, 1});
    for (int64 i = 0; i < 2; ++i)
      z.mutable_data()[i] = static_cast<real>(std::sqrt(eigenvalues[static_cast<size_t>(i)]) * rng.normal());
    gain_step_online(W, g, linalg::matmul(basis, z), o);
    bool sane = true;
    for (const real v : g.span()) sane = sane && std::abs(static_cast<double>(v)) < 200;
    if (!sane)
      most = kBeyond;  // the reference stops here too
    else if (t >= 500)
      most = std::max(most, whitening_error(W, g, covariance).largest + 1);
  }
  Outcome outcome;
  outcome.metrics["largest_variance"] = std::min(most, kBeyond);
  outcome.metrics["log_largest_variance"] = std::log10(std::min(most, kBeyond));
  return outcome;
}

void adaptive_whitening_experiment(Experiment& e) {
  e.seeds(10);
  for (const char* frame : {"mercedes", "spectral", "random", "identity"})
    e.arm(frame).run(whiten_plane, {{"frame", frame}});
  e.arm("contexts").run(switch_contexts, {{"frame", "spectral"}});
  e.arm("contexts-random").run(switch_contexts, {{"frame", "random"}});
  e.arm("clamped").run(ill_conditioned, {{"clamp", "true"}});
  e.arm("free").run(ill_conditioned, {{"clamp", "false"}});
  for (const char* frame : {"mercedes", "spectral", "random"})
    e.claim(std::string("three directions whiten the plane: ") + frame,
            at_most(frame, "whitening_error", 0.1));
  e.claim("two do not", at_least("identity", "whitening_error", 0.1));
  e.claim("every context is whitened again", at_most("contexts", "worst_context_error", 0.1));
  e.claim("and by a random frame", at_most("contexts-random", "worst_context_error", 0.1).reported_only());
  e.claim("clamped gains stay calm online", at_most("clamped", "largest_variance", 2.5));
  e.claim("free ones pass a variance of 100", at_least("free", "log_largest_variance", 2));
}

}  // namespace

Paper adaptive_whitening() {
  return {.slug = "adaptive-whitening",
          .family = "domain",
          .title = "Adaptive Whitening in Neural Populations with Gain-Modulating Interneurons",
          .authors = "Duong, Lipshutz, Heeger, et al.",
          .venue = "ICML",
          .year = 2023,
          .arxiv = "2301.11955",
          .idea =
              "Synapses stay fixed; each interneuron scales its feedback until the output's variance along "
              "its own "
              "direction is 1. "
              "Claimed: with N(N+1)/2 directions that whitens, and gains alone follow a changing input.",
          .equations =
              "M = (alpha*I + W diag(g) W')^-1,  y = M x\n"
              "g <- g + lr*(mean (W'y)^2 - 1)\n"
              "g_opt = ((W'W) squared element-wise)^-1 diag(W'(C^(1/2) - I)W)",
          .files = {"optim/methods/gain_whitening.cpp"},
          .use = "gain_step_online, gain_step_offline of optim/methods/gain_whitening.h",
          .functions = adaptive_whitening_functions(),
          .experiment = adaptive_whitening_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
