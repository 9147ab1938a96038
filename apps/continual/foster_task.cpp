#include "apps/continual/foster_task.h"

#include "apps/continual/descent.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"

namespace gradus {
namespace {

Tensor both_features(const Tensor& old, const Tensor& fresh) {
  return concat(std::vector<Tensor>{old, fresh}, 1);
}

Tensor frozen_features(const FeatureMap& features, std::span<const Tensor> params, const Tensor& x) {
  const Recording off(false);
  return features(params, x);
}

void align(Classifier& fc, int64 old_classes, double wa_value) {
  fc.weight = aligned_rows(fc.weight, old_classes, wa_value).weight;
}

}  // namespace

FosterResult foster_task(const FeatureMap& features, const LinearHeadNetwork& old, const FosterHeads& heads,
                         const std::function<LabelledRows(int phase, int64 step)>& batch,
                         const IntTensor& counts, const FosterOptions& o) {
  const Recording on(true);
  FosterResult result;
  const size_t parts = old.extractor.size();
  const int64 old_classes = old.fc.weight.dim(0);
  const bool az = o.oofc == "az";
  const Classifier both = expanded_classifier(old.fc, heads.both, az);
  const Tensor w1 = class_balance_weights(counts, o.beta1), w2 = class_balance_weights(counts, o.beta2);

  std::vector<Tensor> start = old.extractor;
  start.insert(start.end(), {both.weight, both.bias, heads.fe.weight, heads.fe.bias});
  const std::string sgd = fmt::format("sgd:lr={},momentum={}", o.lr, o.momentum);
  Descent boost(fmt::format("{},weight_decay={}", sgd, o.weight_decay), start);
  for (int64 s = 0; s < o.boosting_steps; ++s) {
    const LabelledRows b = batch(0, s);
    const std::vector<Tensor> p = boost.values();
    const Tensor phi_old = frozen_features(features, old.extractor, b.x),
                 phi_new = features(std::span(p).first(parts), b.x);
    const BoostingLoss loss = boosting_loss(linear(both_features(phi_old, phi_new), p[parts], p[parts + 1]),
                                            linear(phi_new, p[parts + 2], p[parts + 3]),
                                            linear(phi_old, old.fc.weight, old.fc.bias), b.y, w1, o.boosting);
    result.boosting_losses.push_back(static_cast<double>(loss.total.item()));
    std::vector<Tensor> grads = grad(loss.total, p);
    if (az) {
      Tensor g = grads[parts].clone();  // (K,2d): new classes keep away from old features
      for (int64 k = old_classes; k < g.dim(0); ++k)
        std::fill_n(g.mutable_data() + k * g.dim(1), old.fc.weight.dim(1), real(0));
      grads[parts] = g;
    }
    boost.step(grads, half_cosine(s, o.boosting_steps));
  }
  const std::vector<Tensor> boosted = boost.copies();
  result.new_extractor.assign(boosted.begin(), boosted.begin() + static_cast<int64>(parts));
  result.teacher_fc = {boosted[parts], boosted[parts + 1]};
  if (o.teacher_align) align(result.teacher_fc, old_classes, o.wa_value);

  const Classifier fc = expanded_classifier(old.fc, heads.student, false);
  start = old.extractor;
  start.insert(start.end(), {fc.weight, fc.bias});
  Descent compress(sgd, start);
  for (int64 s = 0; s < o.compression_steps; ++s) {
    const LabelledRows b = batch(1, s);
    const std::vector<Tensor> p = compress.values();
    const Tensor target =
        balanced_target(foster_teacher_logits(features, old, result, b.x), w2, o.boosting.temperature);
    const Tensor loss =
        compression_loss(linear(features(std::span(p).first(parts), b.x), p[parts], p[parts + 1]), target,
                         o.boosting.temperature);
    result.compression_losses.push_back(static_cast<double>(loss.item()));
    compress.step(grad(loss, p), half_cosine(s, o.compression_steps));
  }
  const std::vector<Tensor> student = compress.copies();
  result.student.extractor.assign(student.begin(), student.begin() + static_cast<int64>(parts));
  result.student.fc = {student[parts], student[parts + 1]};
  if (o.student_align) align(result.student.fc, old_classes, o.wa_value);
  return result;
}

Tensor foster_teacher_logits(const FeatureMap& features, const LinearHeadNetwork& old,
                             const FosterResult& result, const Tensor& x) {
  const Recording off(false);
  return linear(both_features(features(old.extractor, x), features(result.new_extractor, x)),
                result.teacher_fc.weight, result.teacher_fc.bias);
}

}  // namespace gradus
