#include "apps/train/evaluation_weights.h"

#include <algorithm>

#include "apps/train/task.h"
#include "data/loader.h"
#include "nn/layers/norm.h"
#include "nn/modes.h"

namespace gradus {
namespace {

constexpr int64 kEstimationBatch = 256, kEstimationBatches = 40;

std::vector<std::uint32_t> versions(const Parameters& parameters) {
  std::vector<std::uint32_t> all;
  for (const auto& p : parameters) all.push_back(p->value.storage()->version());
  return all;
}

std::vector<Tensor> running_statistics(Model& model) {
  std::vector<Tensor> all;
  model.visit([&](Module& m, const std::string&) {
    if (auto* norm = dynamic_cast<BatchNorm2d*>(&m))
      all.insert(all.end(), {norm->running_mean.detach(), norm->running_var.detach()});
  });
  return all;
}

// Whether it came to its end.
bool estimate(Model& model, const DatasetPtr& train, const std::function<bool()>& stop) {
  // The order is one for all estimations, and mixes classes, which files often hold one after the other.
  Loader loader(
      train, {.batch_size = std::min(kEstimationBatch, train->size()), .shuffle = true, .drop_last = true});
  EstimationScope scope(model);
  const Recording off(false);
  for (int64 i = 0; i < std::min(kEstimationBatches, loader.batches_per_epoch()); ++i) {
    if (stop && stop()) return false;
    Batch batch;
    loader.next(batch);
    scope.next();
    model(input_of(batch));
  }
  return true;
}

}  // namespace

EvaluationWeights::EvaluationWeights(Optimizer& optimizer, Model& model, const DatasetPtr& train,
                                     const Options& options)
    : EvaluationWeights(optimizer) {  // (from here on, the destructor runs whatever is thrown)
  const std::vector<std::uint32_t> before = versions(optimizer.parameters());
  if (options.finish && optimizer.pending()) {
    unfinished_.emplace(Snapshot(optimizer.parameters()), optimizer.save_state());
    optimizer.finish(*options.finish);
  }
  if (options.means) {
    means_ = true;
    optimizer.use_evaluation_weights(true);
  }
  if (!optimizer.leaves_path() && versions(optimizer.parameters()) == before) return;
  for (const Tensor& t : running_statistics(model)) statistics_.emplace_back(t, t.clone());
  if (!statistics_.empty()) complete_ = estimate(model, train, options.stop);
}

EvaluationWeights::~EvaluationWeights() {
  for (auto& [place, kept] : statistics_) place.copy_from(kept);
  if (means_) optimizer_.use_evaluation_weights(false);
  if (!unfinished_) return;
  unfinished_->first.restore();
  optimizer_.load_state(unfinished_->second);
  for (const auto& p : optimizer_.parameters()) p->grad = Tensor();
}

}  // namespace gradus
