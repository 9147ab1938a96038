// A federation over a model and a data set: the clients' examples in batches, shuffled and augmented by keys.
#pragma once

#include "apps/federated/problem.h"
#include "core/rng.h"
#include "data/augment.h"
#include "data/clients/partition.h"
#include "data/dataset.h"
#include "nn/model.h"

namespace gradus {

struct LocalOptions {
  int64 epochs = 1, batch_size = 20;
  double label_smoothing = 0;
  Augmentation augment{};
};

/// Order, augmentation and dropout of a client's batches are keyed (seed, purpose, round, client).
class ModelProblem final : public FederatedProblem {
 public:
  /// `model` is the worker and must outlive this. Throws UsageError where a client's data cannot be augmented.
  ModelProblem(Model& model, const DatasetPtr& train, const Partition& partition, const LocalOptions& options,
               const Rng& rng);

  const Parameters& parameters() const override { return parameters_; }
  std::vector<Tensor> buffers() override;
  int64 clients() const override { return static_cast<int64>(data_.size()); }
  int64 examples(int64 client) const override;
  std::unique_ptr<LocalBatches> batches(int64 round, int64 client) override;

 private:
  Model& model_;
  Parameters parameters_;
  std::vector<DatasetPtr> data_;  // of each client; null: none
  LocalOptions options_;
  Rng rng_;
};

}  // namespace gradus
