#include "nn/continual/foster_loss.h"

#include <cmath>
#include <numeric>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

void require_matrix_of(const Tensor& t, int64 rows, int64 columns, const char* what) {
  if (t.rank() != 2 || t.dim(0) != rows || t.dim(1) != columns)
    fail<ShapeError>("foster: {} of shape {}, expected ({}, {})", what, t.shape().str(), rows, columns);
}

double row_norm_sum(const Tensor& weight, int64 begin, int64 end) {
  double total = 0;
  for (int64 k = begin; k < end; ++k) {
    double square = 0;
    for (const real v : weight.rows(k, k + 1).span())
      square += static_cast<double>(v) * static_cast<double>(v);
    total += std::sqrt(square);
  }
  return total;
}

}  // namespace

Tensor class_balance_weights(const IntTensor& counts, double beta) {
  std::vector<double> w;
  for (const int64 n : counts.span()) {
    if (n < 1) fail<UsageError>("class-balance weights: a class of {} examples, at least 1 expected", n);
    w.push_back((1 - beta) / -std::expm1(static_cast<double>(n) * std::log(beta)));
  }
  const double sum = std::accumulate(w.begin(), w.end(), 0.0);
  Tensor weights({std::ssize(w)});
  for (size_t k = 0; k < w.size(); ++k)
    weights.mutable_data()[k] = static_cast<real>(w[k] * static_cast<double>(w.size()) / sum);
  return weights;
}

Tensor soft_target_loss(const Tensor& logits, const Tensor& teacher, double temperature) {
  const real t = static_cast<real>(temperature);
  return soft_cross_entropy(logits / t, softmax(stop_gradient(teacher) / t));
}

FeatureBoostingLoss boosting_loss(const Tensor& logits, const Tensor& fe_logits, const Tensor& old_logits,
                                  const IntTensor& labels, const Tensor& class_weights,
                                  const FeatureBoostingOptions& o) {
  if (logits.rank() != 2) fail<ShapeError>("foster: logits of shape {}", logits.shape().str());
  const int64 n = logits.dim(0), k = logits.dim(1);
  require_matrix_of(fe_logits, n, k, "logits of the new features");
  if (old_logits.rank() != 2 || old_logits.dim(1) > k)
    fail<ShapeError>("foster: old logits {} for logits {}", old_logits.shape().str(), logits.shape().str());
  require_matrix_of(old_logits, n, old_logits.dim(1), "old logits");
  if (class_weights.shape() != Shape{k})
    fail<ShapeError>("foster: class weights {} for {} classes", class_weights.shape().str(), k);
  FeatureBoostingLoss loss;
  loss.classify = cross_entropy(logits / class_weights, labels);
  loss.new_features = cross_entropy(fe_logits, labels);
  loss.distill = soft_target_loss(slice(logits, 1, 0, old_logits.dim(1)), old_logits, o.temperature) *
                 static_cast<real>(o.lambda_okd);
  loss.total = loss.classify + loss.new_features + loss.distill;
  return loss;
}

Tensor balanced_target(const Tensor& teacher_logits, const Tensor& class_weights, double temperature) {
  const Recording off(false);
  const Tensor s = softmax(teacher_logits / static_cast<real>(temperature)) * class_weights;
  return s / sum(s, {1}, true);
}

Tensor compression_loss(const Tensor& student_logits, const Tensor& target, double temperature) {
  return soft_cross_entropy(student_logits / static_cast<real>(temperature), target);
}

Classifier expanded_classifier(const Classifier& old, const Classifier& fresh, bool zero_cross) {
  if (old.weight.rank() != 2 || fresh.weight.rank() != 2 || old.weight.dim(0) > fresh.weight.dim(0) ||
      old.weight.dim(1) > fresh.weight.dim(1) || old.bias.shape() != Shape{old.weight.dim(0)} ||
      fresh.bias.shape() != Shape{fresh.weight.dim(0)})
    fail<ShapeError>("foster: a classifier {} with biases {} does not fit into {} with biases {}",
                     old.weight.shape().str(), old.bias.shape().str(), fresh.weight.shape().str(),
                     fresh.bias.shape().str());
  const int64 old_classes = old.weight.dim(0), classes = fresh.weight.dim(0),
              old_features = old.weight.dim(1), features = fresh.weight.dim(1);
  Classifier out{fresh.weight.clone(), fresh.bias.clone()};
  real* w = out.weight.mutable_data();
  for (int64 k = 0; k < classes; ++k)
    for (int64 i = 0; i < old_features; ++i) {
      if (k < old_classes)
        w[k * features + i] = old.weight.data()[k * old_features + i];
      else if (zero_cross)
        w[k * features + i] = 0;
    }
  for (int64 k = 0; k < old_classes; ++k) out.bias.mutable_data()[k] = old.bias.data()[k];
  return out;
}

AlignedRows aligned_rows(const Tensor& weight, int64 old_classes, double wa_value) {
  const int64 classes = weight.rank() == 2 ? weight.dim(0) : 0, fresh = classes - old_classes;
  if (old_classes < 1 || fresh < 1)
    fail<UsageError>("weight aligning: {} old classes of {}, old and new ones expected", old_classes,
                     classes);
  const double old_norm = row_norm_sum(weight, 0, old_classes) / static_cast<double>(old_classes),
               new_norm = row_norm_sum(weight, old_classes, classes) / static_cast<double>(fresh);
  if (!(new_norm > 0)) fail<NumericError>("weight aligning: the rows of all new classes are 0");
  AlignedRows out{weight.clone()};
  out.gamma =
      old_norm / new_norm * std::pow(wa_value, static_cast<double>(old_classes) / static_cast<double>(fresh));
  real* w = out.weight.mutable_data();
  for (int64 i = old_classes * weight.dim(1); i < weight.numel(); ++i)
    w[i] = static_cast<real>(static_cast<double>(w[i]) * out.gamma);
  return out;
}

}  // namespace gradus
