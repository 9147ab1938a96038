#include "apps/papers/adapters/c3a_cases.h"

#include "apps/papers/adapters/rule_case.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "nn/adapters/c3a.h"

namespace gradus {
namespace {

struct C3aTrainCase : RuleCase {
  C3aTrainCase() { lr = 0.3; }
  int64 steps = 6;
  void visit(auto&& f) {
    RuleCase::visit(f);
    f("steps", steps, "of the rule", at_least(0));
  }
};

CaseFunction c3a_merge_function() {
  return case_function<NoOptions>({"c3a-merge",
                                   "the block-circulant matrix of a kernel, and the weight with it",
                                   {{"W0", "m*b,n*b"}, {"kernel", "m,n,b"}},
                                   {{"circulant", "m*b,n*b"}, {"W", "m*b,n*b"}}},
                                  [](const NoOptions&, const CaseValues& in, CaseValues& out) {
                                    out.set("circulant", block_circulant(in.tensor("kernel")));
                                    out.set("W", c3a_weight(in.tensor("W0"), in.tensor("kernel")));
                                  });
}

CaseFunction c3a_linear_function() {
  return case_function<NoOptions>(
      {"c3a-linear",
       "a linear layer with a block-circulant matrix beside it, and its gradients",
       {{"x", "T,n*b"}, {"W0", "m*b,n*b"}, {"kernel", "m,n,b"}, {"grad_y", "T,m*b"}},
       {{"y", "T,m*b"}, {"grad_x", "T,n*b"}, {"grad_kernel", "m,n,b"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        set_layer_gradients(in, out, {"x", "kernel"}, [&](std::span<const Tensor> p) {
          return linear(p[0], c3a_weight(in.tensor("W0"), p[1]));
        });
      });
}

CaseFunction c3a_train_function() {
  return case_function<C3aTrainCase>(
      {"c3a-train",
       "full-batch steps on the kernel",
       {{"x", "N,n*b"}, {"target", "N,m*b"}, {"W0", "m*b,n*b"}, {"kernel", "m,n,b"}},
       {{"kernel", "m,n,b"}, {"losses", "steps"}}},
      [](const C3aTrainCase& o, const CaseValues& in, CaseValues& out) {
        RuleSteps rule(o.spec(), {in.tensor("kernel")});
        const Tensor losses = losses_of_steps(rule, o.steps, [&](std::span<const Tensor> p) {
          return mse_loss(linear(in.tensor("x"), c3a_weight(in.tensor("W0"), p[0])), in.tensor("target"));
        });
        out.set("kernel", rule.value(0));
        out.set("losses", losses);
      });
}

}  // namespace

std::vector<CaseFunction> c3a_functions() {
  return {c3a_merge_function(), c3a_linear_function(), c3a_train_function()};
}

}  // namespace gradus
