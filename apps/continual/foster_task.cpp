#include "apps/continual/foster_task.h"

#include <algorithm>

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

std::string foster_sgd(const FosterOptions& o) {
  return fmt::format("sgd:lr={},momentum={}", o.lr, o.momentum);
}

std::string boosting_sgd(const FosterOptions& o) {
  return fmt::format("{},weight_decay={}", foster_sgd(o), o.weight_decay);
}

}  // namespace

FosterTask::FosterTask(FeatureMap features, const FosterOptions& options)
    : features_(std::move(features)),
      o_(options),
      boost_(boosting_sgd(options), {}),
      compress_(foster_sgd(options), {}) {}

void FosterTask::begin(const LinearHeadNetwork& old, const FosterHeads& heads, const IntTensor& counts) {
  old_ = old;
  student_head_ = heads.student;
  result_ = {};
  const Classifier both = expanded_classifier(old.fc, heads.both, o_.oofc == "az");
  w1_ = class_balance_weights(counts, o_.beta1);
  w2_ = class_balance_weights(counts, o_.beta2);
  std::vector<Tensor> start = old.extractor;
  start.insert(start.end(), {both.weight, both.bias, heads.fe.weight, heads.fe.bias});
  boost_ = Descent(boosting_sgd(o_), start);
  if (o_.boosting_steps == 0) end_boosting();
}

double FosterTask::boost(const LabelledRows& b, int64 s) {
  const size_t parts = old_.extractor.size();
  const std::vector<Tensor> p = boost_.values();
  const Tensor phi_old = frozen_features(features_, old_.extractor, b.x),
               phi_new = features_(std::span(p).first(parts), b.x);
  const FeatureBoostingLoss loss =
      boosting_loss(linear(both_features(phi_old, phi_new), p[parts], p[parts + 1]),
                    linear(phi_new, p[parts + 2], p[parts + 3]),
                    linear(phi_old, old_.fc.weight, old_.fc.bias), b.y, w1_, o_.boosting);
  const double value = static_cast<double>(loss.total.item());
  std::vector<Tensor> grads = grad(loss.total, p);
  if (o_.oofc == "az") {
    Tensor g = grads[parts].clone();  // (K,2d): new classes keep away from old features
    for (int64 k = old_.fc.weight.dim(0); k < g.dim(0); ++k)
      std::fill_n(g.mutable_data() + k * g.dim(1), old_.fc.weight.dim(1), real(0));
    grads[parts] = g;
  }
  boost_.step(grads, half_cosine(s, o_.boosting_steps));
  return value;
}

void FosterTask::end_boosting() {
  const auto parts = std::ssize(old_.extractor);
  const std::vector<Tensor> boosted = boost_.copies();
  result_.new_extractor.assign(boosted.begin(), boosted.begin() + parts);
  result_.teacher_fc = {boosted[static_cast<size_t>(parts)], boosted[static_cast<size_t>(parts) + 1]};
  if (o_.teacher_align) align(result_.teacher_fc, old_.fc.weight.dim(0), o_.wa_value);
  const Classifier fc = expanded_classifier(old_.fc, student_head_, false);
  compress_ = Descent(foster_sgd(o_), LinearHeadNetwork{old_.extractor, fc}.all());
}

double FosterTask::compress(const LabelledRows& b, int64 s) {
  const std::vector<Tensor> p = compress_.values();
  const size_t parts = p.size() - 2;
  const Tensor target =
      balanced_target(foster_teacher_logits(features_, old_, result_, b.x), w2_, o_.boosting.temperature);
  const Tensor loss =
      compression_loss(linear(features_(std::span(p).first(parts), b.x), p[parts], p[parts + 1]), target,
                       o_.boosting.temperature);
  const double value = static_cast<double>(loss.item());
  compress_.step(grad(loss, p), half_cosine(s, o_.compression_steps));
  return value;
}

double FosterTask::step(const LabelledRows& batch, int64 s) {
  const Recording on(true);
  if (s < o_.boosting_steps) {
    result_.boosting_losses.push_back(boost(batch, s));
    if (s + 1 == o_.boosting_steps) end_boosting();
    return result_.boosting_losses.back();
  }
  result_.compression_losses.push_back(compress(batch, s - o_.boosting_steps));
  return result_.compression_losses.back();
}

void FosterTask::end() {
  result_.student = LinearHeadNetwork::of(compress_.copies());
  if (o_.student_align) align(result_.student.fc, old_.fc.weight.dim(0), o_.wa_value);
}

void FosterTask::state(const StateArchive& archive) {
  archive_network(archive.below("old"), old_);
  archive("student_weight", student_head_.weight);
  archive("student_bias", student_head_.bias);
  archive("w1", w1_);
  archive("w2", w2_);
  boost_.state(archive.below("boost"));
  compress_.state(archive.below("compress"));
  archive("new_extractor", result_.new_extractor);
  archive("teacher_weight", result_.teacher_fc.weight);
  archive("teacher_bias", result_.teacher_fc.bias);
  archive_network(archive.below("student"), result_.student);
}

FosterResult foster_task(const FeatureMap& features, const LinearHeadNetwork& old, const FosterHeads& heads,
                         const std::function<LabelledRows(int phase, int64 step)>& batch,
                         const IntTensor& counts, const FosterOptions& o) {
  FosterTask task(features, o);
  task.begin(old, heads, counts);
  for (int64 s = 0; s < o.boosting_steps + o.compression_steps; ++s)
    task.step(s < o.boosting_steps ? batch(0, s) : batch(1, s - o.boosting_steps), s);
  task.end();
  return task.result();
}

Tensor foster_teacher_logits(const FeatureMap& features, const LinearHeadNetwork& old,
                             const FosterResult& result, const Tensor& x) {
  const Recording off(false);
  return linear(both_features(features(old.extractor, x), features(result.new_extractor, x)),
                result.teacher_fc.weight, result.teacher_fc.bias);
}

}  // namespace gradus
