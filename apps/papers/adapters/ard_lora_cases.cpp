#include "apps/papers/adapters/ard_lora_cases.h"

#include "apps/papers/adapters/rule_case.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "nn/adapters/ard_lora.h"

namespace gradus {
namespace {

struct ArdTrainCase : RuleCase, AlphaOptions {
  double lora_alpha = 4;
  int64 meta_every = 5, steps = 20, freeze_steps = 4;
  void visit(auto&& f) {
    RuleCase::visit(f);
    AlphaOptions::visit(f);
    f("lora_alpha", lora_alpha, "the product is scaled by lora_alpha/r0", positive());
    f("meta_every", meta_every, "steps from one step on alpha to the next", at_least(1));
    f("steps", steps, "of the rule", at_least(0));
    f("freeze_steps", freeze_steps, "at the end, with hard ranks", at_least(0));
  }
};

CaseFunction rank_gate_function() {
  return case_function<RankGateOptions>({"rank-gate",
                                         "gates of the components, their slopes, and the rounded rank",
                                         {{"alpha", "..."}},
                                         {{"gate", "...,r_max"},
                                          {"gate_slope", "...,r_max"},
                                          {"hard_rank", "...", CaseType::kInt},
                                          {"hard_gate", "...,r_max"}}},
                                        [](const RankGateOptions& o, const CaseValues& in, CaseValues& out) {
                                          const RankGate g = rank_gate(in.tensor("alpha"), o);
                                          out.set("gate", g.gate);
                                          out.set("gate_slope", g.gate_slope);
                                          out.set("hard_rank", g.hard_rank);
                                          out.set("hard_gate", g.hard_gate);
                                        });
}

CaseFunction gated_function() {
  return case_function<GatedOptions>(
      {"gated-lora-linear",
       "what the heads add, and its gradients (rows: p = n, q = d, y (T,H*d); columns: p = d, q = m, x "
       "(T,H*d))",
       {{"x", "T,u"}, {"A", "H,r_max,p"}, {"B", "H,q,r_max"}, {"alpha", "H"}, {"grad_y", "T,v"}},
       {{"y", "T,v"},
        {"grad_x", "T,u"},
        {"grad_A", "H,r_max,p"},
        {"grad_B", "H,q,r_max"},
        {"grad_alpha", "H"}}},
      [](const GatedOptions& o, const CaseValues& in, CaseValues& out) {
        set_layer_gradients(in, out, {"x", "A", "B", "alpha"},
                            [&](std::span<const Tensor> p) { return gated_lora(p[0], p[1], p[2], p[3], o); });
      });
}

CaseFunction alpha_update_function() {
  return case_function<AlphaOptions>(
      {"alpha-meta-update",
       "steps on alpha with gradients of the task that are given",
       {{"alpha", "L,H"}, {"alpha_prev", "L,H"}, {"task_grads", "K,L,H"}},
       {{"alpha", "L,H"}, {"alpha_prev", "L,H"}, {"penalties", "K"}, {"hard_rank", "L,H", CaseType::kInt}}},
      [](const AlphaOptions& o, const CaseValues& in, CaseValues& out) {
        const Shape shape = in.tensor("alpha").shape();
        std::vector<double> alpha = doubles_of(in.tensor("alpha")),
                            before = doubles_of(in.tensor("alpha_prev")), penalties;
        const Tensor& grads = in.tensor("task_grads");
        for (int64 k = 0; k < grads.dim(0); ++k)
          penalties.push_back(update_alpha(alpha, before, doubles_of(row_of(grads, k)), shape[0], o));
        const Tensor now = tensor_of(alpha, shape);
        out.set("alpha", now);
        out.set("alpha_prev", tensor_of(before, shape));
        out.set("penalties", tensor_of(penalties));
        out.set("hard_rank", rank_gate(now, o).hard_rank);
      });
}

CaseFunction ard_train_function() {
  return case_function<ArdTrainCase>(
      {"ard-lora-train",
       "steps on A and B, with steps on alpha by a held-out batch between them",
       {{"x", "N,n"},
        {"target", "N,H*d"},
        {"x_meta", "M,n"},
        {"target_meta", "M,H*d"},
        {"W0", "H*d,n"},
        {"A", "H,r_max,n"},
        {"B", "H,d,r_max"}},
       {{"A", "H,r_max,n"},
        {"B", "H,d,r_max"},
        {"alpha", "H"},
        {"hard_rank", "H", CaseType::kInt},
        {"losses", "steps"},
        {"meta_losses", "K"}}},
      [](const ArdTrainCase& o, const CaseValues& in, CaseValues& out) {
        GatedOptions gated;
        gated.r0 = o.r0, gated.r_max = o.r_max, gated.lora_alpha = o.lora_alpha;
        const int64 H = in.tensor("A").dim(0);
        std::vector<double> alpha(static_cast<size_t>(H), 1.0), before = alpha, losses, meta_losses;
        RuleSteps rule(o.spec(), {in.tensor("A"), in.tensor("B")});
        const auto loss = [&](const char* x, const char* target, const Tensor& A, const Tensor& B,
                              const Tensor& a) {
          return mse_loss(linear(in.tensor(x), in.tensor("W0")) + gated_lora(in.tensor(x), A, B, a, gated),
                          in.tensor(target));
        };
        for (int64 t = 1; t <= o.steps; ++t) {
          const bool live = t <= o.steps - o.freeze_steps;
          gated.gate_mode = live ? "soft" : "hard";
          const Tensor constant = tensor_of(alpha, {H});
          losses.push_back(rule.step(
              [&](std::span<const Tensor> p) { return loss("x", "target", p[0], p[1], constant); }));
          if (!live || t % o.meta_every) continue;
          const std::vector<Tensor> at{constant};
          const ValueAndGrad meta = value_and_grad(
              [&](std::span<const Tensor> a) {
                return loss("x_meta", "target_meta", rule.values()[0].detach(), rule.values()[1].detach(),
                            a[0]);
              },
              at);
          const double penalty = update_alpha(alpha, before, doubles_of(meta.grads[0]), 1, o);
          meta_losses.push_back(static_cast<double>(meta.value.item()) + penalty);
        }
        const Tensor now = tensor_of(alpha, {H});
        out.set("A", rule.value(0));
        out.set("B", rule.value(1));
        out.set("alpha", now);
        out.set("hard_rank", rank_gate(now, o).hard_rank);
        out.set("losses", tensor_of(losses));
        out.set("meta_losses", tensor_of(meta_losses));
      });
}

}  // namespace

std::vector<CaseFunction> ard_lora_functions() {
  return {rank_gate_function(), gated_function(), alpha_update_function(), ard_train_function()};
}

}  // namespace gradus
