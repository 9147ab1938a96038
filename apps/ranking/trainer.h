// Learning to rank: a network scores each item of a slate by itself, a ranking loss compares the scores with the grades.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/options.h"
#include "data/rank_slates.h"
#include "nn/model.h"

namespace gradus {

struct RankingConfig {
  std::string loss = "neuralndcg", model = "mlp:hidden=128-64", optim = "adam", schedule = "wsd";
  int64 epochs = 5, batch_size = 32, seed = 0;

  void visit(auto&& f) {
    f("loss", loss, "ranking loss, NAME[:key=value,...]");
    f("model", model, "scorer, NAME[:key=value,...]; see 'model list'");
    f("optim", optim, "optimizer, NAME[:key=value,...]; see 'optim list'");
    f("schedule", schedule, "factor on the step size, NAME[:key=value,...]; see 'optim schedules'");
    f("epochs", epochs, "passes over the slates", at_least(0));
    f("batch_size", batch_size, "slates a batch", at_least(1));
    f("seed", seed, "of initial weights, order and the loss's draws", at_least(0));
  }
};

/// Means over slates.
struct RankingScore {
  double ndcg5 = 0, ndcg10 = 0;
};

struct RankingRun {
  std::unique_ptr<Model> scorer;
  std::vector<double> losses;        ///< mean of each epoch's batches
  std::vector<RankingScore> scores;  ///< of the test slates after each epoch
};

/// Scores (B,n) of a batch of slates.
Tensor slate_scores(Model& scorer, const SlateBatch& batch);
RankingScore score_ranker(Model& scorer, const RankSlates& slates);

/// Trains and measures. `checkpoint` is called before every step with the share of steps done; what it throws ends the run.
/// Throws UsageError for specs that name nothing, NumericError if a loss is not finite.
RankingRun train_ranker(const RankingConfig& config, const RankSlates& train, const RankSlates& test,
                        const std::function<void(double)>& checkpoint = nullptr);

}  // namespace gradus
