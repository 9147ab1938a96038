#include "apps/continual/csfa_learner.h"

#include <algorithm>
#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr int64 kCompany = 59;

// W2 relu(batch norm(W1 x)), statistics of these rows.
Tensor normed_features(const Tensor& w1, const Tensor& w2, std::span<const Tensor> lambda, const Tensor& x) {
  return matmul(relu(batch_norm(matmul(x, w1, false, true), lambda[0], lambda[1], real(1e-5))), w2, false,
                true);
}

std::vector<int64> rows_with(const IntTensor& y, int64 label, int64 most) {
  std::vector<int64> rows;
  for (int64 i = 0; i < y.numel() && std::ssize(rows) < most; ++i)
    if (y[i] == label) rows.push_back(i);
  return rows;
}

std::string base_adam(const CsfaOptions& o) { return fmt::format("adam:lr={}", o.base_lr); }

}  // namespace

CsfaLearner::CsfaLearner(const Options& options, const NetworkSizes& sizes)
    : o_(options), sizes_(sizes), base_(base_adam(options), {}) {}

Tensor CsfaLearner::features(std::span<const Tensor> lambda, const Tensor& x) const {
  return normed_features(w1_, w2_, lambda, x);
}

void CsfaLearner::begin(const ContinualTask& task, int64, const Rng& rng) {
  rsgs_.reset();
  if (task.index > 0) return;
  const auto draw = [&](int64 out, int64 in, const char* name) {
    return rng.fork(name).normal_tensor({out, in}, 0,
                                        static_cast<real>(std::sqrt(2.0 / static_cast<double>(in))));
  };
  const int64 h = sizes_.hidden;
  w1_ = draw(h, sizes_.inputs, "first");
  w2_ = draw(sizes_.width, h, "second");
  lambda_ = {Tensor::ones({h}), Tensor::zeros({h})};
  prototypes_ = draw(task.classes, sizes_.width, "classifier");
  base_ = Descent(base_adam(o_), std::vector<Tensor>{w1_, w2_, lambda_[0], lambda_[1], prototypes_});
}

double CsfaLearner::step(const ContinualTask&, const LabelledRows& batch, int64) {
  if (batch.x.dim(0) < 2) return 0;  // batch norm cannot train on a single row
  const Recording on(true);
  const std::vector<Tensor> p = base_.values();
  const Tensor f = normed_features(p[0], p[1], std::span(p).subspan(2, 2), batch.x);
  const Tensor z =
      matmul(normalised_rows(f), normalised_rows(p[4]), false, true) * static_cast<real>(o_.rsgs.logit_scale);
  const Tensor loss = cross_entropy(z, batch.y);
  const double value = checked_loss(static_cast<double>(loss.item()), "csfa");
  base_.step(grad(loss, p));
  return value;
}

void CsfaLearner::end(const ContinualTask& task, const Rng&) {
  const Recording off(false);
  if (task.index > 0) {
    add_prototypes(task);
    return;
  }
  const std::vector<Tensor> p = base_.copies();
  w1_ = p[0], w2_ = p[1];
  lambda_ = {p[2], p[3]};
  const Tensor f = features(lambda_, task.rows.x);
  std::vector<Tensor> means;
  for (int64 c = 0; c < task.classes; ++c) {
    const std::vector<int64> own = rows_with(task.rows.y, c, task.rows.y.numel());
    if (own.empty()) fail<UsageError>("csfa: the first task has no example of class {}", c);
    means.push_back(mean(index_select(f, 0, IntTensor::from({std::ssize(own)}, own)), {0}, true));
  }
  prototypes_ = base_prototypes_ = normalised_rows(concat(means, 0));
  company_ = task.rows.x.rows(0, std::min(kCompany, task.rows.x.dim(0))).clone();
}

// Classes of this task that have no prototype yet.
void CsfaLearner::add_prototypes(const ContinualTask& task) {
  std::vector<Tensor> all{prototypes_};
  for (int64 c = prototypes_.dim(0); c < task.classes; ++c) {
    const std::vector<int64> rows = rows_with(task.rows.y, c, o_.shots);
    if (rows.empty()) fail<UsageError>("csfa: task {} has no example of class {}", task.index + 1, c);
    const Tensor f =
        features(lambda_, concat(std::vector<Tensor>{chosen_rows(task.rows, rows).x, company_}, 0));
    Tensor shots({1, o_.shots, f.dim(1)});
    for (int64 k = 0; k < o_.shots; ++k)
      std::copy_n(f.data() + k % std::ssize(rows) * f.dim(1), f.dim(1), shots.mutable_data() + k * f.dim(1));
    all.push_back(calibrate_prototypes(shots, base_prototypes_, o_.calibration).calibrated);
  }
  prototypes_ = concat(all, 0);
}

Tensor CsfaLearner::logits(const Tensor& x) const {
  const Recording off(false);
  return matmul(normalised_rows(features(lambda_, x)), normalised_rows(prototypes_), false, true);
}

void CsfaLearner::start_adapting() {
  rsgs_.emplace([this](std::span<const Tensor> at, const Tensor& x) { return features(at, x); }, lambda_,
                prototypes_, o_.rsgs);
}

IntTensor CsfaLearner::predict_drifting(const Tensor& x) {
  if (!o_.adapt) return ContinualLearner::predict_drifting(x);
  if (!rsgs_) start_adapting();
  const IntTensor predictions = rsgs_->adapt(x).predictions;
  lambda_ = rsgs_->lambda();
  if (o_.rsgs.refresh) prototypes_ = rsgs_->prototypes();
  return predictions;
}

void CsfaLearner::state(const StateArchive& archive) {
  base_.state(archive.below("base"));
  archive("w1", w1_);
  archive("w2", w2_);
  archive("lambda", lambda_);
  archive("prototypes", prototypes_);
  archive("base_prototypes", base_prototypes_);
  archive("company", company_);
  bool adapting = rsgs_.has_value();
  archive("adapting", adapting);
  if (archive.loads()) {
    rsgs_.reset();
    if (adapting) start_adapting();
  }
  if (adapting) rsgs_->state(archive.below("rsgs"));
}

std::vector<std::pair<std::string, Tensor>> CsfaLearner::weights() const {
  return {{"fc1.weight", w1_},
          {"norm.weight", lambda_.at(0)},
          {"norm.bias", lambda_.at(1)},
          {"fc2.weight", w2_},
          {"prototypes", prototypes_}};
}

}  // namespace gradus
