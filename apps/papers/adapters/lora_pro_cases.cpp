#include "apps/papers/adapters/lora_pro_cases.h"

#include <cmath>

#include "apps/papers/adapters/rule_case.h"
#include "nn/adapters/lora.h"
#include "optim/methods/lora_pro.h"

namespace gradus {
namespace {

struct PairScaling {
  double alpha = 16;
  bool use_rslora = false;
  void visit(auto&& f) {
    f("alpha", alpha, "the product is scaled by alpha/rank");
    f("use_rslora", use_rslora, "by alpha/sqrt(rank) instead");
  }
  double s(const CaseValues& in) const { return lora_scaling(alpha, in.tensor("A").dim(0), use_rslora); }
};
struct AdjustCase : PairScaling {
  double delta = 1e-8;
  bool with_x = true;
  void visit(auto&& f) {
    PairScaling::visit(f);
    f("delta", delta, "added to the diagonals that are inverted", at_least(0));
    f("with_x", with_x, "with the term that brings them nearest to LoRA's");
  }
};
struct ProTrainCase : PairScaling, LoraProOptions {
  void visit(auto&& f) {
    PairScaling::visit(f);
    LoraProOptions::visit(f);
  }
};

PairGradient pair_gradient(const CaseValues& in) { return {in.tensor("grad_A"), in.tensor("grad_B")}; }

std::vector<CaseSlot> pair_slots(bool full) {
  std::vector<CaseSlot> slots{{"A", "r,n"}, {"B", "m,r"}, {"grad_A", "r,n"}, {"grad_B", "m,r"}};
  if (full) slots.push_back({"full_grad", "m,n"});
  return slots;
}

CaseFunction equivalent_gradient_function() {
  return case_function<PairScaling>(
      {"equivalent-gradient",
       "how the product moves with these gradients, and how far that is from the full one",
       pair_slots(true),
       {{"equivalent_grad", "m,n"}, {"residual", ""}, {"cosine", ""}}},
      [](const PairScaling& o, const CaseValues& in, CaseValues& out) {
        const Tensor e = equivalent_gradient(in.tensor("A"), in.tensor("B"), pair_gradient(in), o.s(in));
        const Tensor& g = in.tensor("full_grad");
        double far = 0, ee = 0, gg = 0, eg = 0;
        for (int64 i = 0; i < e.numel(); ++i) {
          const double x = static_cast<double>(e.data()[i]), y = static_cast<double>(g.data()[i]);
          far += (x - y) * (x - y), ee += x * x, gg += y * y, eg += x * y;
        }
        out.set("equivalent_grad", e);
        out.set("residual", std::sqrt(far));
        out.set("cosine", ee > 0 && gg > 0 ? eg / std::sqrt(ee * gg) : 0.0);
      });
}

CaseFunction adjust_function() {
  return case_function<AdjustCase>({"adjust-gradients",
                                    "the gradients whose product moves nearest to the full gradient",
                                    pair_slots(false),
                                    {{"adjusted_A", "r,n"}, {"adjusted_B", "m,r"}}},
                                   [](const AdjustCase& o, const CaseValues& in, CaseValues& out) {
                                     const PairGradient g =
                                         adjust_pair(in.tensor("A"), in.tensor("B"), pair_gradient(in),
                                                     o.s(in), o.delta, o.with_x);
                                     out.set("adjusted_A", g.A);
                                     out.set("adjusted_B", g.B);
                                   });
}

CaseFunction pro_train_function() {
  return case_function<ProTrainCase>({"lora-pro-train",
                                      "steps of a pair on full gradients that are given",
                                      {{"A", "r,n"}, {"B", "m,r"}, {"full_grads", "T,m,n"}, {"lr", "T"}},
                                      {{"A", "r,n"},
                                       {"B", "m,r"},
                                       {"first_moment", "m,n", CaseType::kReal, "of adamw", true},
                                       {"second_moment", "m,n", CaseType::kReal, "of adamw", true}}},
                                     [](const ProTrainCase& o, const CaseValues& in, CaseValues& out) {
                                       const double s = o.s(in);
                                       Tensor A = in.tensor("A").clone(), B = in.tensor("B").clone();
                                       LoraProPair pair(A, B, s, o);
                                       const Tensor &grads = in.tensor("full_grads"), &lr = in.tensor("lr");
                                       for (int64 t = 0; t < lr.numel(); ++t)
                                         pair.step(pair_of_full_gradient(A, B, row_of(grads, t), s),
                                                   static_cast<double>(lr.data()[t]));
                                       out.set("A", A);
                                       out.set("B", B);
                                       if (o.optimizer != "adamw" || !pair.first_moment().defined()) return;
                                       out.set("first_moment", pair.first_moment());
                                       out.set("second_moment", pair.second_moment());
                                     });
}

}  // namespace

std::vector<CaseFunction> lora_pro_functions() {
  return {equivalent_gradient_function(), adjust_function(), pro_train_function()};
}

}  // namespace gradus
