#include "apps/federated/model_problem.h"

#include <optional>

#include "apps/train/objective.h"
#include "data/loader.h"
#include "data/views.h"

namespace gradus {
namespace {

class ModelBatches final : public LocalBatches {
 public:
  ModelBatches(Model& model, const Parameters& parameters, const DatasetPtr& data,
               const LocalOptions& options, const Rng& rng)
      : model_(model),
        parameters_(parameters),
        loader_(data, {.batch_size = options.batch_size,
                       .shuffle = true,
                       .seed = Rng(rng).fork("batches").bits64(),
                       .prefetch = 0,
                       .augment = options.augment}),
        epochs_(options.epochs),
        label_smoothing_(options.label_smoothing) {
    model_.run().rng = rng.fork("dropout");
  }

  Objective* next() override {
    if (objective_) score_ += objective_->score();
    objective_.reset();
    Batch batch;
    do {
      epoch_ = loader_.position().epoch;
      if (epoch_ >= epochs_) return nullptr;
    } while (!loader_.next(batch));
    std::vector<Batch> batches;
    batches.push_back(std::move(batch));
    objective_.emplace(model_, parameters_, std::move(batches),
                       LossOptions{.classes = {.label_smoothing = label_smoothing_}});
    return &*objective_;
  }
  int64 epoch() const override { return epoch_; }
  int64 steps() const override { return epochs_ * loader_.batches_per_epoch(); }
  Score score() const override { return score_; }

 private:
  Model& model_;
  const Parameters& parameters_;
  Loader loader_;
  int64 epochs_, epoch_ = 0;
  double label_smoothing_;
  std::optional<ModelObjective> objective_;
  Score score_;
};

}  // namespace

ModelProblem::ModelProblem(Model& model, const DatasetPtr& train, const Partition& partition,
                           const LocalOptions& options, const Rng& rng)
    : model_(model), parameters_(model.parameters()), options_(options), rng_(rng) {
  const Loader refuses(train, {.batch_size = options.batch_size, .prefetch = 0, .augment = options.augment});
  for (const auto& part : partition) data_.push_back(part.empty() ? nullptr : subset(train, part));
}

std::vector<Tensor> ModelProblem::buffers() {
  std::vector<Tensor> all;
  model_.visit([&](Module& m, const std::string&) {
    for (const Module::NamedBuffer& b : m.buffers()) all.push_back(b.value.detach());
  });
  return all;
}

int64 ModelProblem::examples(int64 client) const {
  const DatasetPtr& data = data_[static_cast<size_t>(client)];
  return data ? data->size() : 0;
}

std::unique_ptr<LocalBatches> ModelProblem::batches(int64 round, int64 client) {
  const Rng rng =
      rng_.fork("local").fork(static_cast<std::uint64_t>(round)).fork(static_cast<std::uint64_t>(client));
  return std::make_unique<ModelBatches>(model_, parameters_, data_[static_cast<size_t>(client)], options_,
                                        rng);
}

}  // namespace gradus
