#include "apps/papers/layerwise/batch-lr-rmt_cases.h"

#include <cmath>

#include "autograd/functional/flat.h"
#include "core/linalg.h"
#include "optim/methods/batch_lr.h"
#include "optim/methods/spectral_step.h"
#include "optim/registry.h"

namespace gradus {
namespace {

struct EdgesCase {
  double top = 1, bottom = -1, variance = 1;
  int64 parameters = 1, samples = 1000;
  void visit(auto&& f) {
    f("top", top, "largest eigenvalue of the Hessian of all examples");
    f("bottom", bottom, "smallest one");
    f("variance", variance, "of an element of one example's Hessian", at_least(0));
    f("parameters", parameters, "how many", at_least(1));
    f("samples", samples, "examples in all", at_least(1));
  }
};
struct SpikesCase {
  int64 parameters = 1, samples = 1000, batch_size = 1;
  void visit(auto&& f) {
    f("parameters", parameters, "how many", at_least(1));
    f("samples", samples, "examples in all", at_least(1));
    f("batch_size", batch_size, "examples a batch", at_least(1));
  }
};
struct SamplesCase {
  int64 samples = 1000;
  void visit(auto&& f) { f("samples", samples, "examples in all", at_least(1)); }
};
struct QuadratureCase {
  int64 steps = 10;
  void visit(auto&& f) { f("steps", steps, "of Lanczos", at_least(1)); }
};
struct HeavyBallCase : SpectralStepOptions {
  int64 lanczos_steps = 20, steps = 10;
  void visit(auto&& f) {
    SpectralStepOptions::visit(f);
    f("lanczos_steps", lanczos_steps, "of Lanczos", at_least(1));
    f("steps", steps, "of the heavy ball", at_least(0));
  }
};

Tensor column_of(const std::vector<double>& values) {
  Tensor t({static_cast<int64>(values.size())});
  std::copy(values.begin(), values.end(), t.mutable_data());
  return t;
}

LanczosQuadrature quadrature_of(const Tensor& a, const Tensor& start, int64 steps) {
  const int64 n = a.dim(0);
  const LinearOperator product = [&](std::span<const Tensor> v) {
    return std::vector<Tensor>{linalg::matmul(a, v[0].view({n, 1})).view({n})};
  };
  return lanczos_quadrature(product, {{start}}, static_cast<int>(steps), std::sqrt(inner({&a, 1}, {&a, 1})));
}

CaseFunction edges_function() {
  return case_function<EdgesCase>(
      {"batch-hessian-edges",
       "the extreme eigenvalues of a batch's Hessian and 2/top, for every batch size",
       {{"batch_size", "n", CaseType::kInt}},
       {{"top", "n"}, {"bottom", "n"}, {"max_lr", "n"}}},
      [](const EdgesCase& o, const CaseValues& in, CaseValues& out) {
        std::vector<double> top, bottom, max_lr;
        for (const int64 size : in.ints("batch_size").span()) {
          const double b = corrected_batch_size(size, o.samples);
          const HessianEdges e = batch_hessian_edges(
              o.top, o.bottom, std::sqrt(static_cast<double>(o.parameters) * o.variance / b));
          top.push_back(e.top), bottom.push_back(e.bottom), max_lr.push_back(e.max_lr);
        }
        out.set("top", column_of(top));
        out.set("bottom", column_of(bottom));
        out.set("max_lr", column_of(max_lr));
      });
}

CaseFunction spikes_function() {
  return case_function<SpikesCase>({"multiplicative-spikes",
                                    "eigenvalues of a batch's Gauss-Newton matrix",
                                    {{"eigenvalues", "n", CaseType::kReal, "of the population"}},
                                    {{"batch_eigenvalues", "n"}}},
                                   [](const SpikesCase& o, const CaseValues& in, CaseValues& out) {
                                     const double q = static_cast<double>(o.parameters) /
                                                      corrected_batch_size(o.batch_size, o.samples);
                                     std::vector<double> values;
                                     for (const real l : in.tensor("eigenvalues").span())
                                       values.push_back(multiplicative_spike(static_cast<double>(l), q));
                                     out.set("batch_eigenvalues", column_of(values));
                                   });
}

CaseFunction batch_lr_function() {
  return case_function<BatchLrOptions>(
      {"batch-lr",
       "step size at every batch size, and by how much the damping lr/B changes",
       {{"batch_size", "n", CaseType::kInt}},
       {{"lr", "n"}, {"damping_ratio", "n"}}},
      [](const BatchLrOptions& o, const CaseValues& in, CaseValues& out) {
        std::vector<double> lrs, ratios;
        for (const int64 size : in.ints("batch_size").span()) {
          if (size < 1) fail<DataError>("inputs.batch_size: {} is no size", size);
          const double b = static_cast<double>(size);
          lrs.push_back(lr_of_batch_size(o, b));
          ratios.push_back(lrs.back() / o.lr / (b / static_cast<double>(o.base_batch_size)));
        }
        out.set("lr", column_of(lrs));
        out.set("damping_ratio", column_of(ratios));
      });
}

CaseFunction fit_edge_function() {
  return case_function<SamplesCase>(
      {"fit-edge",
       "the top eigenvalue of all examples and the noise, from those of batches",
       {{"batch_size", "n", CaseType::kInt}, {"top", "n"}},
       {{"top_full", ""}, {"noise", ""}, {"fitted", "n"}, {"relative_error", ""}}},
      [](const SamplesCase& o, const CaseValues& in, CaseValues& out) {
        std::vector<double> b;
        for (const int64 size : in.ints("batch_size").span())
          b.push_back(corrected_batch_size(size, o.samples));
        const Tensor& top = in.tensor("top");
        const EdgeFit fit = fit_edge(b, std::vector<double>(top.span().begin(), top.span().end()));
        out.set("top_full", fit.top_full);
        out.set("noise", fit.noise);
        out.set("fitted", column_of(fit.fitted));
        out.set("relative_error", fit.relative_error);
      });
}

CaseFunction quadrature_function() {
  return case_function<QuadratureCase>(
      {"lanczos-quadrature",
       "the tridiagonal matrix of Lanczos steps, its eigenvalues and their weights",
       {{"A", "n,n", CaseType::kReal, "symmetric"}, {"start", "n"}},
       {{"alpha", "k"}, {"beta", "k-1"}, {"nodes", "k"}, {"weights", "k"}}},
      [](const QuadratureCase& o, const CaseValues& in, CaseValues& out) {
        const LanczosQuadrature q = quadrature_of(in.tensor("A"), in.tensor("start"), o.steps);
        out.set("alpha", column_of(q.alpha));
        out.set("beta", column_of(q.beta));
        out.set("nodes", column_of(q.nodes));
        out.set("weights", column_of(q.weights));
      });
}

CaseFunction heavy_ball_function() {
  return case_function<HeavyBallCase>(
      {"spectral-heavy-ball",
       "step size and momentum from Ritz values, then steps on w'Aw/2 - c'w with the loss before each and at "
       "the end",
       {{"A", "n,n", CaseType::kReal, "symmetric"}, {"c", "n"}, {"start", "n"}, {"w", "n"}},
       {{"ritz_values", "k"},
        {"top", ""},
        {"bottom", ""},
        {"lr", ""},
        {"momentum", ""},
        {"w", "n"},
        {"losses", "steps+1"}}},
      [](const HeavyBallCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor &a = in.tensor("A"), &c = in.tensor("c");
        const int64 n = a.dim(0);
        const LanczosQuadrature q = quadrature_of(a, in.tensor("start"), o.lanczos_steps);
        const SpectralStep step = spectral_step(q.nodes, o);
        const Parameters w = {make_parameter("w", ParamKind::kWeight, in.tensor("w").clone())};
        const auto optimizer =
            make_optimizer(fmt::format("sgd:lr={},momentum={}", step.lr, step.momentum), w);
        std::vector<double> losses;
        for (int64 t = 0;; ++t) {
          const Tensor& at = w[0]->value;
          Tensor g = linalg::matmul(a, at.detach().view({n, 1})).view({n});
          losses.push_back(inner({&at, 1}, {&g, 1}) / 2 - inner({&c, 1}, {&at, 1}));
          if (t == o.steps) break;
          for (int64 i = 0; i < n; ++i) g.mutable_data()[i] -= c.data()[i];
          w[0]->grad = g;
          optimizer->step();
        }
        out.set("ritz_values", column_of(q.nodes));
        out.set("top", step.top);
        out.set("bottom", step.bottom);
        out.set("lr", step.lr);
        out.set("momentum", step.momentum);
        out.set("w", w[0]->value.clone());
        out.set("losses", column_of(losses));
      });
}

}  // namespace

std::vector<CaseFunction> batch_lr_rmt_functions() {
  return {edges_function(),    spikes_function(),     batch_lr_function(),
          fit_edge_function(), quadrature_function(), heavy_ball_function()};
}

}  // namespace gradus
