#include "apps/ranking/trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/grad.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/modes.h"
#include "nn/ranking/ndcg.h"
#include "nn/ranking/ranking_losses.h"
#include "nn/registry.h"
#include "optim/registry.h"
#include "optim/schedule.h"

namespace gradus {
namespace {

// The loss of one batch of slates. Every evaluation repeats the loss's draws.
class SlateObjective final : public Objective {
 public:
  SlateObjective(Model& scorer, const Parameters& parameters, const RankingLoss& loss, SlateBatch batch,
                 const Rng& rng)
      : scorer_(scorer), parameters_(parameters), loss_(loss), batch_(std::move(batch)), rng_(rng) {}

  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return {.loss = true, .re_evaluation = true}; }
  double loss() override {
    const Recording off(false);
    return evaluate().item();
  }
  double gradient() override {
    const Tensor loss = evaluate();
    if (!std::isfinite(loss.item())) fail<NumericError>("the ranking loss is {}", loss.item());
    std::vector<Tensor> values;
    for (const auto& p : parameters_) values.push_back(p->value);
    std::vector<Tensor> grads = grad(loss, values);
    for (size_t i = 0; i < grads.size(); ++i) parameters_[i]->grad = std::move(grads[i]);
    return loss.item();
  }

 private:
  Tensor evaluate() {
    Rng rng = rng_;
    return loss_(slate_scores(scorer_, batch_), batch_.labels, rng);
  }

  Model& scorer_;
  const Parameters& parameters_;
  const RankingLoss& loss_;
  SlateBatch batch_;
  Rng rng_;
};

constexpr int64 kScoringBatch = 32;

}  // namespace

Tensor slate_scores(Model& scorer, const SlateBatch& batch) {
  const int64 b = batch.labels.dim(0), n = batch.labels.dim(1);
  return reshape(scorer(reshape(batch.items, {b * n, batch.items.dim(2)})), {b, n});
}

RankingScore score_ranker(Model& scorer, const RankSlates& slates) {
  const Recording off(false);
  const ModeScope evaluation(scorer, false);
  RankingScore total;
  for (int64 begin = 0; begin < slates.size(); begin += kScoringBatch) {
    std::vector<int64> indices(static_cast<size_t>(std::min(kScoringBatch, slates.size() - begin)));
    std::iota(indices.begin(), indices.end(), begin);
    const SlateBatch batch = slates.batch(indices);
    const Tensor scores = slate_scores(scorer, batch);
    total.ndcg5 += sum(ndcg(scores, batch.labels, 5)).item();
    total.ndcg10 += sum(ndcg(scores, batch.labels, 10)).item();
  }
  const auto count = static_cast<double>(slates.size());
  return {total.ndcg5 / count, total.ndcg10 / count};
}

RankingRun train_ranker(const RankingConfig& config, const RankSlates& train, const RankSlates& test,
                        const std::function<void(double)>& checkpoint) {
  const Rng rng(static_cast<std::uint64_t>(config.seed));
  RankingRun run;
  const DataShape items{.channels = train.features(), .height = 1, .width = 1, .targets = 1};
  run.scorer = make_model(config.model, items, rng);
  const Parameters parameters = run.scorer->parameters();
  const OptimizerPtr optimizer = make_optimizer(config.optim, parameters);
  const RankingLoss loss = make_ranking_loss(config.loss);
  const int64 batches = (train.size() + config.batch_size - 1) / config.batch_size,
              steps = batches * config.epochs;
  const auto schedule = make_schedule(config.schedule, {std::max<int64>(steps, 1), batches});

  for (int64 epoch = 0; epoch < config.epochs; ++epoch) {
    const std::vector<int64> order =
        rng.fork("shuffle").fork(static_cast<std::uint64_t>(epoch)).permutation(train.size());
    double total = 0;
    for (int64 batch = 0; batch < batches; ++batch) {
      const int64 step = epoch * batches + batch;
      if (checkpoint) checkpoint(static_cast<double>(step) / static_cast<double>(steps));
      const std::span<const int64> rest =
          std::span(order).subspan(static_cast<size_t>(batch * config.batch_size));
      const auto slates = rest.first(std::min(rest.size(), static_cast<size_t>(config.batch_size)));
      SlateObjective objective(*run.scorer, parameters, loss, train.batch(slates),
                               rng.fork("loss").fork(static_cast<std::uint64_t>(step)));
      total += optimizer->step(objective, schedule->scale(step));
    }
    run.losses.push_back(total / static_cast<double>(batches));
    run.scores.push_back(score_ranker(*run.scorer, test));
  }
  return run;
}

}  // namespace gradus
