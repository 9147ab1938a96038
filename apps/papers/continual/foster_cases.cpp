#include "apps/papers/continual/foster_cases.h"

#include "apps/continual/foster_task.h"
#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "core/error.h"
#include "nn/continual/foster_loss.h"

namespace gradus {
namespace foster_cases {

struct Beta {
  double beta = 0.97;
  void visit(auto&& f) {
    f("beta", beta, "an example counts this much less than the one before it", decay_rate());
  }
};

CaseFunction balance() {
  return case_function<Beta>({"class-balance-weights",
                              "weights of classes by their effective numbers of examples, K in sum",
                              {{"counts", "K", CaseType::kInt}},
                              {{"weights", "K"}}},
                             [](const Beta& o, const CaseValues& in, CaseValues& out) {
                               out.set("weights", class_balance_weights(in.ints("counts"), o.beta));
                             });
}

CaseFunction boosting() {
  return case_function<FeatureBoostingOptions>(
      {"boosting-loss",
       "cross-entropy of the balanced logits and of the new features' own, and distillation of the old "
       "network",
       {{"logits", "N,K"},
        {"fe_logits", "N,K"},
        {"old_logits", "N,K0"},
        {"labels", "N", CaseType::kInt},
        {"class_weights", "K"}},
       {{"loss", ""},
        {"loss_clf", ""},
        {"loss_fe", ""},
        {"loss_kd", ""},
        {"grad_logits", "N,K"},
        {"grad_fe_logits", "N,K"}}},
      [](const FeatureBoostingOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor z = variable(in.tensor("logits")), e = variable(in.tensor("fe_logits"));
        const FeatureBoostingLoss loss =
            boosting_loss(z, e, in.tensor("old_logits"), in.ints("labels"), in.tensor("class_weights"), o);
        const std::vector<Tensor> grads = grad(loss.total, {z, e});
        out.set("loss", stop_gradient(loss.total));
        out.set("loss_clf", stop_gradient(loss.classify));
        out.set("loss_fe", stop_gradient(loss.new_features));
        out.set("loss_kd", stop_gradient(loss.distill));
        out.set("grad_logits", grads[0]);
        out.set("grad_fe_logits", grads[1]);
      });
}

struct Temperature {
  double temperature = 2;
  void visit(auto&& f) { f("temperature", temperature, "logits are divided by it", positive()); }
};

CaseFunction compression() {
  return case_function<Temperature>(
      {"compression-loss",
       "the teacher's probabilities, weighted by class, as target of a student",
       {{"student_logits", "N,K"}, {"teacher_logits", "N,K"}, {"class_weights", "K"}},
       {{"target", "N,K"}, {"loss", ""}, {"grad_student_logits", "N,K"}}},
      [](const Temperature& o, const CaseValues& in, CaseValues& out) {
        const Tensor student = variable(in.tensor("student_logits"));
        const Tensor target =
            balanced_target(in.tensor("teacher_logits"), in.tensor("class_weights"), o.temperature);
        const Tensor loss = compression_loss(student, target, o.temperature);
        out.set("target", target);
        out.set("loss", stop_gradient(loss));
        out.set("grad_student_logits", grad(loss, {student})[0]);
      });
}

struct Expansion {
  std::string oofc = "ft";
  void visit(auto&& f) {
    f("oofc", oofc, "new classes on old features: ft as drawn, az zeros", choices({"ft", "az"}));
  }
};

CaseFunction expansion() {
  return case_function<Expansion>(
      {"expand-classifier",
       "a classifier grown by classes and features, the old block kept",
       {{"fc_weight", "K0,D"}, {"fc_bias", "K0"}, {"new_weight", "K,D+d"}, {"new_bias", "K"}},
       {{"weight", "K,D+d"}, {"bias", "K"}}},
      [](const Expansion& o, const CaseValues& in, CaseValues& out) {
        const Classifier grown =
            expanded_classifier({in.tensor("fc_weight"), in.tensor("fc_bias")},
                                {in.tensor("new_weight"), in.tensor("new_bias")}, o.oofc == "az");
        out.set("weight", grown.weight);
        out.set("bias", grown.bias);
      });
}

struct Alignment {
  int64 old_classes = 2;
  double wa_value = 1;
  void visit(auto&& f) {
    f("old_classes", old_classes, "rows that stay", at_least(1));
    f("wa_value", wa_value, "to the power old/new classes", positive());
  }
};

CaseFunction alignment() {
  return case_function<Alignment>({"weight-align",
                                   "rows of new classes scaled to the mean norm of the old ones",
                                   {{"weight", "K,D"}},
                                   {{"weight", "K,D"}, {"gamma", ""}}},
                                  [](const Alignment& o, const CaseValues& in, CaseValues& out) {
                                    const AlignedRows aligned =
                                        aligned_rows(in.tensor("weight"), o.old_classes, o.wa_value);
                                    out.set("weight", aligned.weight);
                                    out.set("gamma", aligned.gamma);
                                  });
}

CaseFunction train() {
  return case_function<FosterOptions>(
      {"foster-train",
       "one task on a full batch with features tanh(x A'): boosting, then compression",
       {{"x", "N,n"},
        {"labels", "N", CaseType::kInt},
        {"extractor", "d,n"},
        {"fc_weight", "K0,d"},
        {"fc_bias", "K0"},
        {"new_weight", "K,2*d"},
        {"new_bias", "K"},
        {"fe_weight", "K,d"},
        {"fe_bias", "K"},
        {"student_weight", "K,d"},
        {"student_bias", "K"},
        {"counts", "K", CaseType::kInt}},
       {{"boosting_losses", "boosting_steps"},
        {"compression_losses", "compression_steps"},
        {"teacher_extractor", "d,n"},
        {"teacher_weight", "K,2*d"},
        {"teacher_bias", "K"},
        {"student_extractor", "d,n"},
        {"student_weight", "K,d"},
        {"student_bias", "K"}}},
      [](const FosterOptions& o, const CaseValues& in, CaseValues& out) {
        const auto head = [&](const std::string& name) {
          return Classifier{in.tensor(name + "_weight"), in.tensor(name + "_bias")};
        };
        const LabelledRows all{in.tensor("x"), in.ints("labels")};
        const FosterResult r = foster_task(
            [](std::span<const Tensor> p, const Tensor& x) { return tanh(matmul(x, p[0], false, true)); },
            {{in.tensor("extractor")}, head("fc")}, {head("new"), head("fe"), head("student")},
            [&](int, int64) { return all; }, in.ints("counts"), o);
        out.set("boosting_losses", tensor_of(r.boosting_losses));
        out.set("compression_losses", tensor_of(r.compression_losses));
        out.set("teacher_extractor", r.new_extractor[0]);
        out.set("teacher_weight", r.teacher_fc.weight);
        out.set("teacher_bias", r.teacher_fc.bias);
        out.set("student_extractor", r.student.extractor[0]);
        out.set("student_weight", r.student.fc.weight);
        out.set("student_bias", r.student.fc.bias);
      });
}

}  // namespace foster_cases

std::vector<CaseFunction> foster_functions() {
  using namespace foster_cases;
  return {balance(), boosting(), compression(), expansion(), alignment(), train()};
}

}  // namespace gradus
