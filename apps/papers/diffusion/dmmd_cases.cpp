#include "apps/papers/diffusion/dmmd_cases.h"

#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "nn/diffusion/dmmd.h"
#include "nn/diffusion/mmd.h"

namespace gradus {
namespace dmmd_cases {

CaseFunction mmd() {
  return case_function<MmdOptions>({"mmd-squared",
                                    "maximum mean discrepancy of two sets of features, and its gradients",
                                    {{"features_x", "n,F"}, {"features_y", "m,F"}},
                                    {{"mmd2", ""}, {"grad_features_x", "n,F"}, {"grad_features_y", "m,F"}}},
                                   [](const MmdOptions& o, const CaseValues& in, CaseValues& out) {
                                     const Tensor x = variable(in.tensor("features_x")),
                                                  y = variable(in.tensor("features_y"));
                                     const Tensor value = mmd_squared(x, y, o);
                                     const std::vector<Tensor> g = grad(value, {x, y});
                                     out.set("mmd2", value.detach());
                                     out.set("grad_features_x", g[0]);
                                     out.set("grad_features_y", g[1]);
                                   });
}

// phi(x,t) = W2 silu(W1 [x ; t] + b1) + b2.
LevelFeatures perceptron(const std::vector<Tensor>& w) {
  return [w](const Tensor& x, double t) {
    const std::vector<Tensor> parts = {x, Tensor::full({x.dim(0), 1}, static_cast<real>(t))};
    return linear(silu(linear(concat(parts, 1), w[0], w[1])), w[2], w[3]);
  };
}
std::vector<CaseSlot> with_network(std::vector<CaseSlot> more) {
  std::vector<CaseSlot> slots = {{"w1", "H,d+1"}, {"b1", "H"}, {"w2", "F,H"}, {"b2", "F"}};
  slots.insert(slots.end(), more.begin(), more.end());
  return slots;
}

CaseFunction loss() {
  return case_function<DmmdLossOptions>(
      {"dmmd-loss",
       "loss of a perceptron that tells data from noised data, and its gradients",
       with_network({{"x0", "L,B,d"}, {"x_t", "L,B,d"}, {"u", "L,B"}, {"t", "L"}}),
       {{"loss", ""},
        {"mmd2", "L"},
        {"gradient_penalty", "L"},
        {"l2_penalty", "L"},
        {"grad_w1", "H,d+1"},
        {"grad_b1", "H"},
        {"grad_w2", "F,H"},
        {"grad_b2", "F"}}},
      [](const DmmdLossOptions& o, const CaseValues& in, CaseValues& out) {
        const std::vector<std::string> names = {"w1", "b1", "w2", "b2"};
        std::vector<Tensor> w;
        for (const std::string& name : names) w.push_back(variable(in.tensor(name)));
        const DmmdLoss value = dmmd_loss(perceptron(w), in.tensor("x0"), in.tensor("x_t"), in.tensor("u"),
                                         doubles_of(in.tensor("t")), o);
        const std::vector<Tensor> g = grad(value.loss, w, {.allow_unused = true});
        out.set("loss", value.loss.detach());
        out.set("mmd2", tensor_of(value.mmd2));
        out.set("gradient_penalty", tensor_of(value.gradient_penalty));
        out.set("l2_penalty", tensor_of(value.l2_penalty));
        for (size_t i = 0; i < w.size(); ++i)
          out.set("grad_" + names[i], g[i].defined() ? g[i] : Tensor::zeros(w[i].shape()));
      });
}

CaseFunction flow() {
  return case_function<DmmdFlowOptions>(
      {"dmmd-sample",
       "particles that descend the witness of a perceptron, level by level",
       with_network(
           {{"particles", "P,d"},
            {"x0", "n,d"},
            {"x_noised", "num_levels+1,m,d", CaseType::kReal, "mode approximate: data at each level", true}}),
       {{"particles", "P,d"}, {"level_means", "num_levels+1,d"}}},
      [](const DmmdFlowOptions& o, const CaseValues& in, CaseValues& out) {
        const std::vector<Tensor> w = {in.tensor("w1"), in.tensor("b1"), in.tensor("w2"), in.tensor("b2")};
        std::function<Tensor(int64)> noised;
        if (in.has("x_noised"))
          noised = [&](int64 k) {
            const Tensor& all = in.tensor("x_noised");
            return all.rows(k, k + 1).view({all.dim(1), all.dim(2)});
          };
        const DmmdFlow after = dmmd_flow(perceptron(w), in.tensor("particles"), in.tensor("x0"), o, noised);
        out.set("particles", after.particles);
        out.set("level_means", after.level_means);
      });
}

CaseFunction energy() {
  return case_function<NoOptions>(
      {"energy-distance", "of two sets of points", {{"x", "n,d"}, {"y", "m,d"}}, {{"distance", ""}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        out.set("distance", energy_distance(in.tensor("x"), in.tensor("y")));
      });
}

}  // namespace dmmd_cases

std::vector<CaseFunction> dmmd_functions() {
  using namespace dmmd_cases;
  return {mmd(), loss(), flow(), energy()};
}

}  // namespace gradus
