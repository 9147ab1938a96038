#include "apps/papers/continual/hard-ash_cases.h"

#include <algorithm>

#include "apps/continual/sparse_perceptron.h"
#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"

namespace gradus {
namespace hard_ash_cases {

CaseFunction activation() {
  return case_function<SparseActivationOptions>(
      {"sparse-activation",
       "an activation on rows of units",
       {{"x", "B,h"}, {"grad_output", "B,h"}},
       {{"output", "B,h"}, {"grad_x", "B,h"}}},
      [](const SparseActivationOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor x = variable(in.tensor("x"));
        const Tensor y = sparse_activation(x, o);
        out.set("output", stop_gradient(y));
        out.set("grad_x", grad(sum(y * in.tensor("grad_output")), {x})[0]);
      });
}

CaseFunction standardised() {
  return case_function<NoOptions>(
      {"standardised-linear",
       "a layer whose weight rows have mean 0 and norm 1",
       {{"x", "B,in"}, {"weight", "out,in"}, {"grad_output", "B,out"}},
       {{"normalized_weight", "out,in"}, {"output", "B,out"}, {"grad_weight", "out,in"}, {"grad_x", "B,in"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const Tensor x = variable(in.tensor("x")), w = variable(in.tensor("weight"));
        const Tensor rows = standardised_rows(w), y = matmul(x, rows, false, true);
        const std::vector<Tensor> grads = grad(sum(y * in.tensor("grad_output")), {w, x});
        out.set("normalized_weight", stop_gradient(rows));
        out.set("output", stop_gradient(y));
        out.set("grad_weight", grads[0]);
        out.set("grad_x", grads[1]);
      });
}

CaseFunction update() {
  return case_function<ClippedUpdateOptions>(
      {"clipped-update",
       "steps along given gradients, each element's change clipped",
       {{"params", "P"}, {"grads", "k,P"}},
       {{"params", "k,P"}}},
      [](const ClippedUpdateOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor &start = in.tensor("params"), &grads = in.tensor("grads");
        ClippedUpdate rule(std::vector<Tensor>{start}, o);
        Tensor after(grads.shape());
        for (int64 k = 0; k < grads.dim(0); ++k) {
          rule.step(std::vector<Tensor>{grads.rows(k, k + 1).view(start.shape())});
          std::copy_n(rule.params()[0].data(), start.numel(), after.mutable_data() + k * start.numel());
        }
        out.set("params", after);
      });
}

struct Train {
  SparseActivationOptions activation;
  ClippedUpdateOptions update;
  void visit(auto&& f) {
    activation.visit(f);
    update.visit(f);
  }
};

CaseFunction train() {
  return case_function<Train>(
      {"hard-ash-train",
       "a perceptron on one batch after the other",
       {{"x", "k,B,n"},
        {"labels", "k,B", CaseType::kInt},
        {"weight1", "m,n"},
        {"weight2", "K,m"},
        {"x_test", "b,n"}},
       {{"losses", "k"},
        {"active_fraction", "k"},
        {"weight1", "m,n"},
        {"weight2", "K,m"},
        {"test_logits", "b,K"}}},
      [](const Train& o, const CaseValues& in, CaseValues& out) {
        const Tensor& x = in.tensor("x");
        SparsePerceptron net(in.tensor("weight1"), in.tensor("weight2"), o.activation, o.update);
        std::vector<double> losses, active;
        for (int64 k = 0; k < x.dim(0); ++k) {
          const SparsePerceptron::Step s = net.step({x.rows(k, k + 1).view({x.dim(1), x.dim(2)}),
                                                     in.ints("labels").rows(k, k + 1).view({x.dim(1)})});
          losses.push_back(s.loss);
          active.push_back(s.active_fraction);
        }
        out.set("losses", tensor_of(losses));
        out.set("active_fraction", tensor_of(active));
        out.set("weight1", net.weight1());
        out.set("weight2", net.weight2());
        out.set("test_logits", net.logits(in.tensor("x_test")));
      });
}

}  // namespace hard_ash_cases

std::vector<CaseFunction> hard_ash_functions() {
  using namespace hard_ash_cases;
  return {activation(), standardised(), update(), train()};
}

}  // namespace gradus
