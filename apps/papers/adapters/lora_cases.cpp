#include "apps/papers/adapters/lora_cases.h"

#include "apps/papers/adapters/rule_case.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "nn/adapters/lora.h"

namespace gradus {
namespace {

struct ScalingCase {
  double alpha = 16;
  bool use_rslora = false;
  void visit(auto&& f) {
    f("alpha", alpha, "the product is scaled by alpha/rank");
    f("use_rslora", use_rslora, "by alpha/sqrt(rank) instead");
  }
  double s(const CaseValues& in) const { return lora_scaling(alpha, in.tensor("A").dim(0), use_rslora); }
};

struct DoraCase : ScalingCase {
  bool detach_norm = true;
  void visit(auto&& f) {
    ScalingCase::visit(f);
    f("detach_norm", detach_norm, "row norms are constants of the gradient");
  }
};

struct LoraTrainCase : RuleCase, ScalingCase {
  int64 steps = 5;
  void visit(auto&& f) {
    RuleCase::visit(f);
    ScalingCase::visit(f);
    f("steps", steps, "of the rule", at_least(0));
  }
};

std::vector<CaseSlot> layer_slots(bool magnitude) {
  std::vector<CaseSlot> slots{{"x", "T,n"}, {"W0", "m,n"}, {"bias", "m"}, {"A", "r,n"}, {"B", "m,r"}};
  if (magnitude) slots.push_back({"magnitude", "m"});
  slots.push_back({"grad_y", "T,m"});
  return slots;
}

CaseFunction lora_linear_function() {
  return case_function<ScalingCase>(
      {"lora-linear",
       "a linear layer with a product of two thin matrices beside it, and its gradients",
       layer_slots(false),
       {{"y", "T,m"}, {"grad_x", "T,n"}, {"grad_A", "r,n"}, {"grad_B", "m,r"}}},
      [](const ScalingCase& o, const CaseValues& in, CaseValues& out) {
        set_layer_gradients(in, out, {"x", "A", "B"}, [&](std::span<const Tensor> p) {
          return lora_linear(p[0], in.tensor("W0"), in.tensor("bias"), p[1], p[2], o.s(in));
        });
      });
}

CaseFunction lora_merge_function() {
  return case_function<ScalingCase>(
      {"lora-merge", "W0 + s B A", {{"W0", "m,n"}, {"A", "r,n"}, {"B", "m,r"}}, {{"W", "m,n"}}},
      [](const ScalingCase& o, const CaseValues& in, CaseValues& out) {
        out.set("W", lora_weight(in.tensor("W0"), in.tensor("A"), in.tensor("B"), o.s(in)));
      });
}

CaseFunction dora_linear_function() {
  return case_function<DoraCase>(
      {"dora-linear",
       "the same with each row's length apart",
       layer_slots(true),
       {{"y", "T,m"}, {"grad_x", "T,n"}, {"grad_A", "r,n"}, {"grad_B", "m,r"}, {"grad_magnitude", "m"}}},
      [](const DoraCase& o, const CaseValues& in, CaseValues& out) {
        set_layer_gradients(in, out, {"x", "A", "B", "magnitude"}, [&](std::span<const Tensor> p) {
          return linear(p[0], dora_weight(in.tensor("W0"), p[1], p[2], p[3], o.s(in), o.detach_norm),
                        in.tensor("bias"));
        });
      });
}

CaseFunction lora_train_function() {
  return case_function<LoraTrainCase>(
      {"lora-train",
       "full-batch steps on A and B",
       {{"x", "N,n"}, {"target", "N,m"}, {"W0", "m,n"}, {"A", "r,n"}, {"B", "m,r"}},
       {{"A", "r,n"}, {"B", "m,r"}, {"losses", "steps"}}},
      [](const LoraTrainCase& o, const CaseValues& in, CaseValues& out) {
        RuleSteps rule(o.spec(), {in.tensor("A"), in.tensor("B")});
        const Tensor losses = losses_of_steps(rule, o.steps, [&](std::span<const Tensor> p) {
          return mse_loss(lora_linear(in.tensor("x"), in.tensor("W0"), {}, p[0], p[1], o.s(in)),
                          in.tensor("target"));
        });
        out.set("A", rule.value(0));
        out.set("B", rule.value(1));
        out.set("losses", losses);
      });
}

}  // namespace

std::vector<CaseFunction> lora_functions() {
  return {lora_linear_function(), lora_merge_function(), dora_linear_function(), lora_train_function()};
}

}  // namespace gradus
