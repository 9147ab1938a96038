#include "apps/papers/adapters/allora_cases.h"

#include "apps/papers/adapters/rule_case.h"
#include "autograd/ops/nn_ops.h"
#include "nn/adapters/allora.h"

namespace gradus {
namespace {

struct AlloraTrainCase : RuleCase, AlloraGradient {
  int64 steps = 6;
  void visit(auto&& f) {
    RuleCase::visit(f);
    AlloraGradient::visit(f);
    f("steps", steps, "of the rule", at_least(0));
  }
};

CaseFunction row_scale_function() {
  return case_function<AlloraScale>({"row-scale",
                                     "norms of the rows of B A, and the factors on their gradients",
                                     {{"A", "r,n"}, {"B", "m,r"}},
                                     {{"row_norms", "m"}, {"scales", "m"}}},
                                    [](const AlloraScale& o, const CaseValues& in, CaseValues& out) {
                                      const RowScale scale =
                                          allora_row_scale(in.tensor("A"), in.tensor("B"), o);
                                      out.set("row_norms", scale.row_norms);
                                      out.set("scales", scale.scales);
                                    });
}

CaseFunction allora_linear_function() {
  return case_function<AlloraGradient>(
      {"allora-linear",
       "a linear layer whose low-rank part gets scaled gradients",
       {{"x", "T,n"}, {"W0", "m,n"}, {"A", "r,n"}, {"B", "m,r"}, {"grad_y", "T,m"}},
       {{"y", "T,m"}, {"grad_x", "T,n"}, {"grad_A", "r,n"}, {"grad_B", "m,r"}}},
      [](const AlloraGradient& o, const CaseValues& in, CaseValues& out) {
        set_layer_gradients(in, out, {"x", "A", "B"}, [&](std::span<const Tensor> p) {
          return allora_linear(p[0], in.tensor("W0"), {}, p[1], p[2], o);
        });
      });
}

CaseFunction allora_train_function() {
  return case_function<AlloraTrainCase>(
      {"allora-train",
       "full-batch steps on A and B with the scaled gradients",
       {{"x", "N,n"}, {"target", "N,m"}, {"W0", "m,n"}, {"A", "r,n"}, {"B", "m,r"}},
       {{"A", "r,n"}, {"B", "m,r"}, {"losses", "steps"}}},
      [](const AlloraTrainCase& o, const CaseValues& in, CaseValues& out) {
        RuleSteps rule(o.spec(), {in.tensor("A"), in.tensor("B")});
        const Tensor losses = losses_of_steps(rule, o.steps, [&](std::span<const Tensor> p) {
          return mse_loss(allora_linear(in.tensor("x"), in.tensor("W0"), {}, p[0], p[1], o),
                          in.tensor("target"));
        });
        out.set("A", rule.value(0));
        out.set("B", rule.value(1));
        out.set("losses", losses);
      });
}

}  // namespace

std::vector<CaseFunction> allora_functions() {
  return {row_scale_function(), allora_linear_function(), allora_train_function()};
}

}  // namespace gradus
