#include "optim/bilevel/metagradient.h"

#include <cmath>

#include "autograd/functional/diff_optim.h"
#include "autograd/functional/flat.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "core/error.h"

namespace gradus {
namespace {

Tensor number(double x) { return Tensor::scalar(static_cast<real>(x)); }

size_t slots_of(const DifferentiableRule& rule) {
  if (rule.optimizer == "sgd") return 1;
  if (rule.optimizer == "adam") return 2;
  fail<UsageError>("metagradient: unknown optimizer '{}'; sgd, adam", rule.optimizer);
}

void append(Tensors& to, const Tensors& from) { to.insert(to.end(), from.begin(), from.end()); }

void add_to(Tensor& sum, const Tensor& part) {
  if (!part.defined()) return;
  sum = sum.defined() ? sum + part : part;
}

}  // namespace

Tensors DifferentiableRule::start(std::span<const Tensor> params) const {
  Tensors state(params.begin(), params.end());
  for (size_t slot = 0; slot < slots_of(*this); ++slot)
    for (const Tensor& p : params) state.push_back(Tensor::zeros(p.shape()));
  return state;
}

Tensors DifferentiableRule::step(std::span<const Tensor> state, std::span<const Tensor> grads,
                                 const Tensor& lr, int64 t) const {
  const size_t n = grads.size();
  if (state.size() != n * (1 + slots_of(*this)))
    fail<ShapeError>("metagradient: a state of {} tensors for {} gradients of {}", state.size(), n,
                     optimizer);
  const std::span<const Tensor> params = state.first(n);
  const auto slot = [&](size_t i) {
    const auto part = state.subspan(n * i, n);
    return Tensors(part.begin(), part.end());
  };
  Tensors g(grads.begin(), grads.end());
  if (weight_decay != 0)
    for (size_t i = 0; i < n; ++i) g[i] = g[i] + params[i] * static_cast<real>(weight_decay);
  if (optimizer == "sgd") {
    MomentumState buffers{slot(1)};
    Tensors next = momentum_step(params, g, buffers, lr, number(momentum));
    append(next, buffers.velocity);
    return next;
  }
  AdamState moments{slot(1), slot(2), t};
  Tensors next =
      adam_step(params, g, moments, {lr, number(beta1), number(beta2), number(eps), number(eps_root)});
  append(next, moments.m);
  append(next, moments.v);
  return next;
}

MetaTraining meta_training(const DifferentiableRule& rule, size_t params, StepLoss loss, StepSize lr,
                           std::function<Tensor(std::span<const Tensor> params)> target, int64 steps) {
  return {[=](std::span<const Tensor> state, std::span<const Tensor> z, int64 t) {
            const bool recorded = recording();
            const Tensors grads =
                value_and_grad([&](std::span<const Tensor> w) { return loss(w, z, t); }, state.first(params),
                               {.create_graph = recorded, .allow_unused = true})
                    .grads;
            return rule.step(state, grads, lr(z, t), t);
          },
          [=](std::span<const Tensor> end) { return target(end.first(params)); }, steps};
}

Metagradient metagradient(const MetaTraining& training, std::span<const Tensor> start,
                          std::span<const Tensor> z, int64 branching) {
  Metagradient out;
  out.grads.resize(z.size());
  Tensors cotangent;  // A_{t+1}
  const auto detached = [](std::span<const Tensor> xs) {
    Tensors plain;
    for (const Tensor& x : xs) plain.push_back(stop_gradient(x));
    return plain;
  };
  const Tensors settings = detached(z);
  const ReplayRun run{.advance =
                          [&](const ReplayState& s, int64 t) {
                            const Recording off(false);
                            return detached(training.step(s, settings, t));
                          },
                      .at_end =
                          [&](const ReplayState& end) {
                            const ValueAndGrad at =
                                value_and_grad(training.target, end, {.allow_unused = true});
                            out.target = static_cast<double>(at.value.item());
                            out.end = end;
                            cotangent = at.grads;
                          },
                      .backward =
                          [&](const ReplayState& s, int64 t) {
                            const Recording on(true);
                            Tensors leaves;
                            for (const Tensor& x : s) leaves.push_back(variable(x));
                            for (const Tensor& x : settings) leaves.push_back(variable(x));
                            const std::span<const Tensor> at = std::span(leaves);
                            const Tensors next = training.step(at.first(s.size()), at.subspan(s.size()), t);
                            Tensors ys, gs;
                            for (size_t i = 0; i < next.size(); ++i) {
                              if (!requires_grad(next[i])) continue;
                              ys.push_back(next[i]);
                              gs.push_back(cotangent[i]);
                            }
                            Tensors grads(leaves.size());
                            if (!ys.empty()) grads = grad(ys, leaves, gs, {.allow_unused = true});
                            const Recording off(false);
                            for (size_t i = 0; i < s.size(); ++i)
                              cotangent[i] = grads[i].defined() ? grads[i] : Tensor::zeros(s[i].shape());
                            for (size_t i = 0; i < settings.size(); ++i)
                              add_to(out.grads[i], grads[s.size() + i]);
                          }};
  out.cost = replay(training.steps, branching, detached(start), run);
  for (size_t i = 0; i < z.size(); ++i)
    if (!out.grads[i].defined()) out.grads[i] = Tensor::zeros(z[i].shape());
  out.start_grads = cotangent;
  if (!std::isfinite(inner(out.grads, out.grads)))
    fail<NumericError>("metagradient: not finite after {} steps; the training diverges", training.steps);
  return out;
}

}  // namespace gradus
