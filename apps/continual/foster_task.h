// One task of FOSTER: a second extractor boosts the frozen old one, then both are compressed into one student.
//
// Paper: Wang, Zhou, Ye, Zhan, ECCV 2022, arXiv 2204.04662; losses and heads in nn/continual/foster_loss.h.
//   boosting     trains the new extractor (a copy of the old one at first), fc on both features and fe on the new ones
//   compression  trains a student, the OLD extractor at first, on the boosted network's logits alone, without weight decay
//   lr of step s = lr/2*(1 + cos(pi*s/steps)); SGD with momentum, fresh at each of the two
#pragma once

#include <functional>
#include <vector>

#include "apps/continual/descent.h"
#include "apps/continual/features.h"
#include "apps/continual/network.h"
#include "core/options.h"
#include "nn/continual/foster_loss.h"

namespace gradus {

/// All but the lengths of the two phases.
struct FosterRule {
  FeatureBoostingOptions boosting;
  double lr = 0.1, momentum = 0.9, weight_decay = 5e-4, beta1 = 0.97, beta2 = 0.97, wa_value = 1;
  std::string oofc = "ft";
  bool teacher_align = false, student_align = false;
  void visit(auto&& f) {
    f("lr", lr, "step size at the start of a phase", positive());
    f("momentum", momentum, "of SGD", decay_rate());
    f("weight_decay", weight_decay, "of the first phase", at_least(0));
    boosting.visit(f);
    f("beta1", beta1, "of the class weights while boosting", decay_rate());
    f("beta2", beta2, "of the class weights of the compression", decay_rate());
    f("oofc", oofc, "new classes on old features: ft trained, az kept at 0", choices({"ft", "az"}));
    f("teacher_align", teacher_align, "align the rows of the boosted classifier");
    f("student_align", student_align, "align the rows of the student's");
    f("wa_value", wa_value, "factor in the alignment", positive());
  }
};
struct FosterOptions : FosterRule {
  int64 boosting_steps = 6, compression_steps = 6;
  void visit(auto&& f) {
    f("boosting_steps", boosting_steps, "steps of the first phase", at_least(0));
    f("compression_steps", compression_steps, "steps of the second", at_least(0));
    FosterRule::visit(f);
  }
};

/// First values of the heads: of both features (K,2d), of the new ones (K,d), of the student (K,d).
struct FosterHeads {
  Classifier both, fe, student;
};
struct FosterResult {
  std::vector<double> boosting_losses, compression_losses;  ///< before each step
  std::vector<Tensor> new_extractor;                        ///< of the teacher, beside the old one
  Classifier teacher_fc;
  LinearHeadNetwork student;
};

class FosterTask {
 public:
  FosterTask(FeatureMap features, const FosterOptions& options);
  /// counts (K): examples a class. `old` is not changed.
  void begin(const LinearHeadNetwork& old, const FosterHeads& heads, const IntTensor& counts);
  /// Steps 0, 1, ... of boosting, then those of the compression, each in their order. The loss before it.
  double step(const LabelledRows& batch, int64 s);
  /// Behind the last step.
  void end();
  const FosterResult& result() const { return result_; }
  const LinearHeadNetwork& old() const { return old_; }
  void state(const StateArchive& archive);

 private:
  double boost(const LabelledRows& batch, int64 s);
  void end_boosting();
  double compress(const LabelledRows& batch, int64 s);

  FeatureMap features_;
  FosterOptions o_;
  LinearHeadNetwork old_;
  Classifier student_head_;
  Tensor w1_, w2_;  // class weights of the phases
  Descent boost_, compress_;
  FosterResult result_;
};

/// The whole task; `batch(phase, step)`: what step `step` of phase 0 (boosting) or 1 (compression) sees.
FosterResult foster_task(const FeatureMap& features, const LinearHeadNetwork& old, const FosterHeads& heads,
                         const std::function<LabelledRows(int phase, int64 step)>& batch,
                         const IntTensor& counts, const FosterOptions& options);

/// Logits of the two-branch teacher.
Tensor foster_teacher_logits(const FeatureMap& features, const LinearHeadNetwork& old,
                             const FosterResult& result, const Tensor& x);

}  // namespace gradus
