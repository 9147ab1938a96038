#include "apps/papers/domain/apecs_cases.h"

#include <algorithm>

#include "apps/control/shared_control.h"
#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "data/signals/unicycle.h"

namespace gradus {
namespace apecs_cases {

CaseFunction layer() {
  return case_function<NoOptions>(
      {"sll-layer",
       "a layer that moves no farther than its input, and its gradients",
       {{"x", "B,h"}, {"W", "h,k"}, {"b", "k"}, {"p", "k"}, {"grad_output", "B,h"}},
       {{"output", "B,h"}, {"grad_x", "B,h"}, {"grad_W", "h,k"}, {"grad_b", "k"}, {"grad_p", "k"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const Tensor x = variable(in.tensor("x")), W = variable(in.tensor("W")), b = variable(in.tensor("b")),
                     p = variable(in.tensor("p"));
        const Tensor y = sll_layer(x, W, b, p);
        const std::vector<Tensor> g = grad(sum(y * in.tensor("grad_output")), {x, W, b, p});
        out.set("output", y.detach());
        out.set("grad_x", g[0]);
        out.set("grad_W", g[1]);
        out.set("grad_b", g[2]);
        out.set("grad_p", g[3]);
      });
}

CaseFunction saturation() {
  return case_function<SectorOptions>({"sector-saturation",
                                       "a command kept in the sector around a person's, and its gradient",
                                       {{"y", "..."}, {"u_h", "..."}, {"grad_output", "..."}},
                                       {{"u", "..."}, {"grad_y", "..."}}},
                                      [](const SectorOptions& o, const CaseValues& in, CaseValues& out) {
                                        const Tensor y = variable(in.tensor("y"));
                                        const Tensor u = sector_saturation(y, in.tensor("u_h"), o);
                                        out.set("grad_y", grad(sum(u * in.tensor("grad_output")), {y})[0]);
                                        out.set("u", u.detach());
                                      });
}

CaseFunction worst_case() {
  return case_function<SectorBounds>(
      {"worst-case-weight",
       "worst cases of both imitations over the sector, and the weight that balances them",
       {{"u_h", "..."}, {"u_e", "..."}},
       {{"human", ""}, {"expert", ""}, {"gamma", ""}}},
      [](const SectorBounds& o, const CaseValues& in, CaseValues& out) {
        const WorstCaseWeight w = worst_case_weight(in.tensor("u_h"), in.tensor("u_e"), o);
        out.set("human", w.human);
        out.set("expert", w.expert);
        out.set("gamma", w.gamma);
      });
}

struct Train : SharedControlOptions {
  int64 steps = 5;
  void visit(auto&& f) {
    SharedControlOptions::visit(f);
    f("steps", steps, "steps on all the data", at_least(0));
  }
};

CaseFunction train() {
  const std::vector<CaseSlot> weights = {{"W", "k,h,hid"}, {"b", "k,hid"}, {"p", "k,hid"},
                                         {"Wo", "m,h"},    {"c", "m"},     {"scale_logit", ""}};
  std::vector<CaseSlot> inputs = {{"features", "B,n"}, {"u_h", "B,m"}, {"u_e", "B,m"}};
  std::vector<CaseSlot> outputs = {{"losses", "steps+1"}, {"u", "B,m"}, {"gamma", ""}};
  inputs.insert(inputs.end(), weights.begin(), weights.end());
  outputs.insert(outputs.end(), weights.begin(), weights.end());
  return case_function<Train>(
      {"apecs-train", "steps of a bounded controller between a person and an expert", inputs, outputs},
      [](const Train& o, const CaseValues& in, CaseValues& out) {
        SharedControlTraining training(in.tensor("features"), in.tensor("u_h"), in.tensor("u_e"),
                                       {in.tensor("W"), in.tensor("b"), in.tensor("p"), in.tensor("Wo"),
                                        in.tensor("c"), in.tensor("scale_logit")},
                                       o);
        std::vector<double> losses;
        for (int64 t = 0; t < o.steps; ++t) losses.push_back(training.step());
        losses.push_back(training.loss());
        const LipschitzNet net = training.net();
        out.set("losses", tensor_of(losses));
        out.set("u", training.commands(in.tensor("features"), in.tensor("u_h")));
        out.set("gamma", training.gamma());
        out.set("W", net.W);
        out.set("b", net.b);
        out.set("p", net.p);
        out.set("Wo", net.Wo);
        out.set("c", net.c);
        out.set("scale_logit", net.scale_logit);
      });
}

CaseFunction plant() {
  return case_function<UnicycleOptions>(
      {"unicycle",
       "vehicles at constant speed that turn as told, after each step",
       {{"state", "B,3"}, {"u", "T,B"}},
       {{"states", "T,B,3"}}},
      [](const UnicycleOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor& u = in.tensor("u");
        const int64 steps = u.dim(0), vehicles = u.dim(1);
        Tensor state = in.tensor("state"), states({steps, vehicles, 3});
        for (int64 t = 0; t < steps; ++t) {
          state = unicycle_step(state, u.rows(t, t + 1).view({vehicles}), o);
          std::copy_n(state.data(), state.numel(), states.mutable_data() + t * state.numel());
        }
        out.set("states", states);
      });
}

}  // namespace apecs_cases

std::vector<CaseFunction> apecs_functions() {
  using namespace apecs_cases;
  return {layer(), saturation(), worst_case(), train(), plant()};
}

}  // namespace gradus
