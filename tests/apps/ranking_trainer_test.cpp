// The loop of rankers: what it learns, that it repeats exactly, when it stops.
#include <doctest/doctest.h>

#include <stdexcept>

#include "apps/ranking/trainer.h"
#include "core/error.h"
#include "data/registry.h"
#include "nn/ranking/ndcg.h"

namespace gradus::ranking_trainer_tests {

RankSlates digit_slates(int64 slates, bool test = false) {
  const Data data = open_data("digits:train=200,test=60");
  return {test ? data.test : data.train, {.slates = slates, .items = 8, .seed = 5}};
}

RankingConfig short_config() {
  return {.model = "mlp:hidden=16", .optim = "adam:lr=3e-3", .epochs = 2, .batch_size = 5, .seed = 4};
}

TEST_CASE("ranking trainer: the same seed gives the same figures, another one others") {
  const RankSlates train = digit_slates(12), test = digit_slates(7, true);
  RankingConfig config = short_config();
  config.loss = "neuralndcg:stochastic=true,samples=2";
  const RankingRun a = train_ranker(config, train, test), b = train_ranker(config, train, test);
  REQUIRE(a.losses.size() == 2);
  CHECK(a.losses == b.losses);
  CHECK(a.scores.back().ndcg5 == b.scores.back().ndcg5);
  config.seed = 6;
  CHECK(train_ranker(config, train, test).losses != a.losses);
}

TEST_CASE("ranking trainer: the first loss is that of the first weights on all slates of the epoch") {
  // A step size of 0 leaves the weights as they are; then the epoch's mean is the loss of the whole, slate by slate.
  const RankSlates train = digit_slates(6), test = digit_slates(3, true);
  RankingConfig config = short_config();
  config.optim = "sgd:lr=1e-30", config.batch_size = 1, config.loss = "mse";
  const RankingRun run = train_ranker(config, train, test);
  const std::vector<int64> all = {0, 1, 2, 3, 4, 5};
  const SlateBatch batch = train.batch(all);
  const Tensor scores = slate_scores(*run.scorer, batch);
  double total = 0;
  for (int64 i = 0; i < scores.numel(); ++i) {
    const double error = scores.data()[i] - static_cast<double>(batch.labels[i]);
    total += error * error / static_cast<double>(scores.numel());
  }
  CHECK(run.losses[0] == doctest::Approx(total).epsilon(1e-5));
  CHECK(run.losses[1] == doctest::Approx(total).epsilon(1e-5));
  const std::vector<int64> three = {0, 1, 2};
  const SlateBatch seen = test.batch(three);
  const Tensor values = ndcg(slate_scores(*run.scorer, seen), seen.labels, 5);
  double mean = 0;
  for (const real v : values.values()) mean += v / 3.0;
  CHECK(run.scores[1].ndcg5 == doctest::Approx(mean).epsilon(1e-6));
}

TEST_CASE("ranking trainer: every loss learns to rank the digits it has seen") {
  const RankSlates train = digit_slates(20);
  RankingConfig config = short_config();
  config.epochs = 60;
  for (const char* loss : {"neuralndcg", "approxndcg", "listnet", "lambdarank", "mse"}) {
    config.loss = loss;
    const RankingRun run = train_ranker(config, train, train);
    INFO(loss << " " << run.scores.front().ndcg5 << " -> " << run.scores.back().ndcg5);
    CHECK(run.scores.back().ndcg5 > 0.9);
  }
}

TEST_CASE("ranking trainer: the checkpoint sees the share done and may end the run; bad words are named") {
  const RankSlates train = digit_slates(12), test = digit_slates(3, true);
  std::vector<double> shares;
  train_ranker(short_config(), train, test, [&](double share) { shares.push_back(share); });
  CHECK(shares.size() == 6);  // 2 epochs of 5 + 5 + 2 slates
  CHECK(shares.front() == 0);
  CHECK(shares.back() == doctest::Approx(5.0 / 6));
  CHECK_THROWS_AS(train_ranker(short_config(), train, test, [](double) { throw std::runtime_error("stop"); }),
                  std::runtime_error);
  RankingConfig config = short_config();
  config.loss = "neural";
  CHECK_THROWS_AS(train_ranker(config, train, test), UsageError);
  config = short_config();
  config.optim = "sgd:lr=1e30", config.loss = "mse";
  CHECK_THROWS_AS(train_ranker(config, train, test), NumericError);
}

}  // namespace gradus::ranking_trainer_tests
