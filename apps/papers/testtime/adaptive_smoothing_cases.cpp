#include "apps/papers/testtime/adaptive_smoothing_cases.h"

#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "nn/testtime/film.h"
#include "nn/testtime/mixed_classifier.h"
#include "nn/testtime/pgd.h"

namespace gradus {
namespace adaptive_smoothing_cases {

CaseFunction mixed() {
  return case_function<MixOptions>(
      {"mixed-classifier",
       "logits of the mixture, their mean cross-entropy, its gradients",
       {{"logits_std", "B,C"}, {"logits_rob", "B,C"}, {"alpha", "B"}, {"labels", "B", CaseType::kInt}},
       {{"logits", "B,C"},
        {"loss", ""},
        {"grad_logits_std", "B,C"},
        {"grad_logits_rob", "B,C"},
        {"grad_alpha", "B"}}},
      [](const MixOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor g = variable(in.tensor("logits_std")), h = variable(in.tensor("logits_rob")),
                     alpha = variable(in.tensor("alpha"));
        const Tensor f = mixed_logits(g, h, alpha, o);
        const Tensor loss = cross_entropy(f, in.ints("labels"));
        const std::vector<Tensor> grads = grad(loss, {g, h, alpha});
        out.set("logits", f.detach());
        out.set("loss", loss.detach());
        out.set("grad_logits_std", grads[0]);
        out.set("grad_logits_rob", grads[1]);
        out.set("grad_alpha", grads[2]);
      });
}

struct WeightCase : MixingWeightOptions {
  bool training = true;
  void visit(auto&& f) {
    f("training", training, "clamp, batch statistics; else running statistics and the range of alpha");
    MixingWeightOptions::visit(f);
  }
};

CaseFunction weight() {
  return case_function<WeightCase>(
      {"mixing-weight",
       "scores of a batch to weights, running statistics, gradient of the scores",
       {{"score", "B"}, {"running_mean", ""}, {"running_var", ""}, {"grad_alpha", "B"}},
       {{"gamma", "B"}, {"alpha", "B"}, {"running_mean", ""}, {"running_var", ""}, {"grad_score", "B"}}},
      [](const WeightCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor score = variable(in.tensor("score"));
        RunningScore running{in.scalar("running_mean"), in.scalar("running_var")};
        const MixingWeight w = mixing_weight(score, running, o.training, o);
        out.set("grad_score", grad(sum(w.alpha * in.tensor("grad_alpha")), {score})[0]);
        out.set("gamma", w.gamma.detach());
        out.set("alpha", w.alpha.detach());
        out.set("running_mean", running.mean);
        out.set("running_var", running.var);
      });
}

CaseFunction loss() {
  return case_function<CompositeLossOptions>(
      {"composite-loss",
       "what the mixing network is trained on, and its gradients",
       {{"logits", "B,C"},
        {"labels", "B", CaseType::kInt},
        {"gamma", "B"},
        {"attacked", "B", CaseType::kInt, "1: an attacked image"},
        {"weight", "B"}},
       {{"loss", ""}, {"grad_logits", "B,C"}, {"grad_gamma", "B"}}},
      [](const CompositeLossOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor logits = variable(in.tensor("logits")), gamma = variable(in.tensor("gamma"));
        const Tensor value = composite_loss(logits, in.ints("labels"), gamma,
                                            mask_values(in.ints("attacked")), in.tensor("weight"), o);
        const std::vector<Tensor> g = grad(value, {logits, gamma}, {.allow_unused = true});
        out.set("loss", value.detach());
        out.set("grad_logits", g[0].defined() ? g[0] : Tensor::zeros(logits.shape()));
        out.set("grad_gamma", g[1].defined() ? g[1] : Tensor::zeros(gamma.shape()));
      });
}

struct AttackCase : PgdOptions {
  double detector_weight = 0;
  void visit(auto&& f) {
    PgdOptions::visit(f);
    f("detector_weight", detector_weight, "share of the loss that pushes alpha the wrong way", between(0, 1));
  }
};

CaseFunction attack() {
  return case_function<AttackCase>(
      {"pgd-attack",
       "an attack on the mixture of two linear classifiers, through its weight too",
       {{"x", "B,d"},
        {"labels", "B", CaseType::kInt},
        {"start", "B,d", CaseType::kReal, "in [-1,1]"},
        {"std_weight", "C,d"},
        {"std_bias", "C"},
        {"rob_weight", "C,d"},
        {"rob_bias", "C"},
        {"mix_weight", "d"},
        {"mix_bias", ""}},
       {{"x_adv", "B,d"}, {"losses", "steps"}, {"logits", "B,C"}}},
      [](const AttackCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& mix = in.tensor("mix_weight");
        const auto gamma_of = [&](const Tensor& x) {
          return reshape(matmul(x, mix.view({mix.dim(0), 1})), {x.dim(0)}) +
                 static_cast<real>(in.scalar("mix_bias"));
        };
        const auto logits_of = [&](const Tensor& x, const Tensor& gamma) {
          return mixed_logits(linear(x, in.tensor("std_weight"), in.tensor("std_bias")),
                              linear(x, in.tensor("rob_weight"), in.tensor("rob_bias")), sigmoid(gamma));
        };
        const Attacked after = pgd_attack(
            [&](const Tensor& x) {
              const Tensor gamma = gamma_of(x);
              return attack_loss(logits_of(x, gamma), in.ints("labels"), gamma, o.detector_weight);
            },
            in.tensor("x"), in.tensor("start"), o);
        out.set("x_adv", after.x);
        out.set("losses", tensor_of(after.losses));
        out.set("logits", logits_of(after.x, gamma_of(after.x)));
      });
}

CaseFunction margin() {
  return case_function<NoOptions>(
      {"certified-margin",
       "margin of the robust probabilities, what the mixture needs, and whether it has it",
       {{"prob_rob", "B,C"}, {"labels", "B", CaseType::kInt}, {"alpha", "B"}},
       {{"margin", "B"}, {"required", "B"}, {"certified", "B", CaseType::kInt}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const CertifiedMargin m =
            certified_margin(in.tensor("prob_rob"), in.ints("labels"), in.tensor("alpha"));
        out.set("margin", m.margin);
        out.set("required", m.required);
        out.set("certified", m.certified);
      });
}

}  // namespace adaptive_smoothing_cases

std::vector<CaseFunction> adaptive_smoothing_functions() {
  using namespace adaptive_smoothing_cases;
  return {mixed(), weight(), loss(), attack(), margin()};
}

}  // namespace gradus
