#include "apps/papers/adapters/aft_cases.h"

#include "apps/papers/adapters/rule_case.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "nn/feature_transfer.h"

namespace gradus {
namespace {

struct DistillCase {
  std::string kind = "regression";
  void visit(auto&& f) { f("kind", kind, "what is compared", choices({"regression", "kernel"})); }
};
struct AftTrainCase {
  double prec = 10, lr = 1e-4, prior_lr = 1e-2, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  void visit(auto&& f) {
    f("prec", prec, "strength of the penalty", at_least(0));
    f("lr", lr, "step size of the network", at_least(0));
    f("prior_lr", prior_lr, "step size of the scales", at_least(0));
    f("beta1", beta1, "decay of the gradient mean", decay_rate());
    f("beta2", beta2, "decay of the mean of squares", decay_rate());
    f("eps", eps, "added to the root", at_least(0));
  }
  RuleSteps rule(std::vector<Tensor> start) const {
    const RuleCase unit{.lr = 1, .beta1 = beta1, .beta2 = beta2, .eps = eps};
    return RuleSteps(unit.spec(), start);
  }
};

CaseFunction aft_penalty_function() {
  return case_function<TransferOptions>({"aft-penalty",
                                         "how far the kernels of two networks' features lie apart",
                                         {{"features", "N,d"},
                                          {"teacher_features", "N,D"},
                                          {"scales", "...", CaseType::kReal, "(D), dense: (D,D)", true}},
                                         {{"penalty", ""},
                                          {"kernel", "N,N"},
                                          {"teacher_kernel", "N,N"},
                                          {"grad_features", "N,d"},
                                          {"grad_scales", "...", CaseType::kReal, "not of none", true}}},
                                        [](const TransferOptions& o, const CaseValues& in, CaseValues& out) {
                                          const bool scaled = o.scales != "none";
                                          std::vector<Tensor> at{in.tensor("features")};
                                          if (scaled) at.push_back(in.tensor("scales"));
                                          TransferPenalty p;
                                          const ValueAndGrad v = value_and_grad(
                                              [&](std::span<const Tensor> x) {
                                                p = transfer_penalty(x[0], in.tensor("teacher_features"),
                                                                     scaled ? x[1] : Tensor(), o);
                                                return p.penalty;
                                              },
                                              at);
                                          out.set("penalty", v.value.detach());
                                          out.set("kernel", p.kernel.detach());
                                          out.set("teacher_kernel", p.teacher_kernel.detach());
                                          out.set("grad_features", v.grads[0]);
                                          if (scaled) out.set("grad_scales", v.grads[1]);
                                        });
}

CaseFunction distillation_function() {
  return case_function<DistillCase>(
      {"feature-kd-loss",
       "a learned map of the features against the teacher's",
       {{"features", "N,d"}, {"teacher_features", "N,D"}, {"weight", "D,d"}, {"bias", "D"}},
       {{"loss", ""},
        {"grad_features", "N,d"},
        {"grad_weight", "D,d"},
        {"grad_bias", "D", CaseType::kReal, "of regression", true}}},
      [](const DistillCase& o, const CaseValues& in, CaseValues& out) {
        const std::vector<Tensor> at{in.tensor("features"), in.tensor("weight"), in.tensor("bias")};
        const ValueAndGrad v = value_and_grad(
            [&](std::span<const Tensor> x) {
              return feature_distillation(x[0], in.tensor("teacher_features"), x[1], x[2],
                                          o.kind == "kernel");
            },
            at);
        out.set("loss", v.value.detach());
        out.set("grad_features", v.grads[0]);
        out.set("grad_weight", v.grads[1]);
        if (o.kind == "regression") out.set("grad_bias", v.grads[2]);
      });
}

CaseFunction aft_train_function() {
  return case_function<AftTrainCase>(
      {"aft-train",
       "steps of a small network and of the scales",
       {{"x", "N,n"},
        {"labels", "N", CaseType::kInt},
        {"teacher_features", "N,D"},
        {"V", "d,n"},
        {"c", "d"},
        {"W", "k,d"},
        {"b", "k"},
        {"scales", "D"},
        {"batches", "S,B", CaseType::kInt}},
       {{"V", "d,n"},
        {"c", "d"},
        {"W", "k,d"},
        {"b", "k"},
        {"scales", "D"},
        {"cross_entropy", "S"},
        {"penalty", "S"}}},
      [](const AftTrainCase& o, const CaseValues& in, CaseValues& out) {
        const std::vector<std::string> names{"V", "c", "W", "b"};
        std::vector<Tensor> start;
        for (const std::string& name : names) start.push_back(in.tensor(name));
        RuleSteps network = o.rule(start), prior = o.rule({in.tensor("scales")});
        const IntTensor &batches = in.ints("batches"), &labels = in.ints("labels");
        std::vector<double> losses, penalties;
        for (int64 s = 0; s < batches.dim(0); ++s) {
          const IntTensor rows = batches.rows(s, s + 1).view({batches.dim(1)});
          const Tensor x = index_select(in.tensor("x"), 0, rows),
                       psi = index_select(in.tensor("teacher_features"), 0, rows);
          IntTensor y(rows.shape());
          for (int64 i = 0; i < rows.numel(); ++i) y.mutable_data()[i] = labels[rows[i]];
          std::vector<Tensor> at = network.values();
          at.push_back(prior.values()[0]);
          Tensor loss, penalty;
          const ValueAndGrad v = value_and_grad(
              [&](std::span<const Tensor> p) {
                const Tensor phi = tanh(linear(x, p[0], p[1]));
                loss = cross_entropy(linear(phi, p[2], p[3]), y);
                penalty = transfer_penalty(phi, psi, p[4]).penalty;
                return loss + penalty * static_cast<real>(o.prec);
              },
              at);
          losses.push_back(static_cast<double>(loss.item()));
          penalties.push_back(static_cast<double>(penalty.item()));
          network.step({v.grads[0], v.grads[1], v.grads[2], v.grads[3]}, o.lr);
          prior.step({v.grads[4]}, o.prior_lr);
        }
        for (size_t i = 0; i < names.size(); ++i) out.set(names[i], network.value(i));
        out.set("scales", prior.value(0));
        out.set("cross_entropy", tensor_of(losses));
        out.set("penalty", tensor_of(penalties));
      });
}

}  // namespace

std::vector<CaseFunction> aft_functions() {
  return {aft_penalty_function(), distillation_function(), aft_train_function()};
}

}  // namespace gradus
