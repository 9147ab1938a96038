// Active learning: strategies on small pools, the loop, resume, the command and what it refuses.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/active/active_run.h"
#include "apps/active/minimax_policy.h"
#include "autograd/ops/elementwise.h"
#include "core/error.h"
#include "core/image.h"
#include "core/safetensors.h"
#include "tests/apps/in_process.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::active_tests {

ActiveConfig small_active(const std::string& strategy) {
  ActiveConfig c;
  c.data = "digits:train=80,test=40";
  c.model = "mlp:hidden=8,dropout=0.1";
  c.strategy = strategy;
  c.budget = 26;
  c.rounds = 4;
  c.batch_size = 8;
  c.epochs = 2;
  c.least_steps = 5;
  c.seed = 2;
  return c;
}

// A pool of items on a line; two classes.
PoolView line_pool(const std::vector<double>& p, const std::vector<int64>& labelled) {
  const auto n = std::ssize(p);
  PoolView pool{Tensor({n, 2}), Tensor({n, 1}), std::vector<char>(p.size(), 0),
                std::vector<int64>(p.size(), -1), [](int64 item) { return item % 2; }};
  for (int64 i = 0; i < n; ++i) {
    pool.preds.mutable_data()[2 * i] = static_cast<real>(1 - p[static_cast<size_t>(i)]);
    pool.preds.mutable_data()[2 * i + 1] = static_cast<real>(p[static_cast<size_t>(i)]);
    pool.embeddings.mutable_data()[i] = static_cast<real>(i);
  }
  for (const int64 i : labelled)
    pool.labelled[static_cast<size_t>(i)] = 1, pool.labels[static_cast<size_t>(i)] = i % 2;
  return pool;
}

std::vector<int64> items_of(const std::vector<LabelQuery>& chosen) {
  std::vector<int64> items;
  for (const LabelQuery& q : chosen) items.push_back(q.item);
  return items;
}

std::vector<int64> chosen_by(const std::string& strategy, const PoolView& pool, int64 count) {
  return items_of(make_strategy(strategy, 1)->choose(pool, count, {1, 5}, Rng(7)));
}

TEST_CASE("active: keys choose the least sure, core-set the farthest") {
  const PoolView pool = line_pool({0.5, 0.9, 0.45, 0.99, 0.1, 0.8}, {0});
  for (const char* strategy : {"margin", "confidence", "entropy"})
    CHECK(chosen_by(strategy, pool, 3) == std::vector<int64>{2, 5, 1});
  CHECK(chosen_by("core-set", pool, 2) ==
        std::vector<int64>{5, 2});  // farthest from 0, then from 0 and 5: 2 and 3, the first
}

TEST_CASE("active: every strategy gives so many different unlabelled examples, the same ones again") {
  const PoolView pool = line_pool({0.5, 0.9, 0.45, 0.99, 0.1, 0.8, 0.3, 0.7}, {0, 3});
  for (const StrategyEntry& entry : query_strategies()) {
    const std::string spec =
        entry.name == "learned" ? "learned:iterations=2,classes=1,instances=2" : entry.name;
    INFO(spec);
    const std::vector<int64> items = chosen_by(spec, pool, 6);
    CHECK(std::set<int64>(items.begin(), items.end()) == std::set<int64>{1, 2, 4, 5, 6, 7});
    CHECK(items == chosen_by(spec, pool, 6));
    CHECK_THROWS_AS(chosen_by(spec, pool, 7), UsageError);
  }
}

TEST_CASE("active: tailor of one arm is that candidate") {
  const PoolView pool = line_pool({0.5, 0.9, 0.45, 0.99, 0.1, 0.8, 0.3, 0.7}, {0, 3});
  CHECK(chosen_by("tailor:arms=margin", pool, 5) == chosen_by("margin", pool, 5));
  CHECK(chosen_by("tailor:arms=core-set", pool, 5) == chosen_by("core-set", pool, 5));
  CHECK_THROWS_WITH_AS(make_strategy("tailor:arms=badge+margins", 1), doctest::Contains("margin"),
                       UsageError);
}

TEST_CASE("active: tailor remembers which arm brought in which label") {
  const PoolView pool = line_pool({0.5, 0.9, 0.45, 0.99, 0.1, 0.8, 0.3, 0.7}, {0, 3});
  const StrategyPtr tailor = make_strategy("tailor:arms=mlp+random,gamma=0.5", 1);
  const std::vector<LabelQuery> chosen{{1, "mlp1"}, {2, "random"}};
  tailor->observe(pool, chosen, std::vector<int64>{1, 0}, {1, 5});
  // Arms mlp0, mlp1, random over two classes: positives, then negatives.
  CHECK(tailor->save_state()["stats"].get<std::vector<double>>() ==
        std::vector<double>{0.5, 0.5, 0.5, 1.5, 1.5, 0.5, 0.5, 0.5, 1.5, 0.5, 0.5, 1.5});
}

// Files of a finished run without what the clock decides.
std::string finished(const TempDir& dir, const std::string& name) {
  const TensorFile file = read_safetensors(dir / (name + "/checkpoint.safetensors"));
  auto meta = nlohmann::json::parse(file.metadata.at("gradus_checkpoint"));
  for (auto& row : meta["state"]["rows"]) row.erase("seconds");
  return meta.dump() + dir.read(name + "/model.safetensors") + dir.read(name + "/labelled.csv") +
         dir.read(name + "/curve.svg");
}

TEST_CASE("active: rounds add up to the budget, and a run that was cut goes on bit for bit") {
  const TempDir dir;
  for (const char* strategy : {"badge", "tailor", "learned:iterations=2,classes=1,instances=2"}) {
    const ActiveConfig config = small_active(strategy);
    const std::string name = parse_spec(strategy).name;
    const auto start = [&](const std::string& folder) {
      return RunDirectory::create(dir / folder, "", "active", config_json(config), active_csv_header());
    };
    ActiveRun whole(config);
    CHECK(whole.train(start(name + "-whole"), true, [] { return false; }));
    std::vector<int64> labels;
    for (const ActiveRow& row : whole.rows()) labels.push_back(row.labels);
    CHECK(labels == std::vector<int64>{7, 14, 20, 26});
    std::set<int64> different;
    for (const LabelledExample& e : whole.labelled()) {
      different.insert(e.index);
      CHECK(e.label == whole.pool().label(e.index));
    }
    CHECK(different.size() == 26);
    const RunDirectory cut = start(name + "-cut");
    for (int left : {3, 9, 16}) {
      ActiveRun stage(config);
      CHECK_FALSE(stage.train(cut, true, [&] { return left-- <= 0; }));
    }
    ActiveRun last(config);
    CHECK(last.train(cut, true, [] { return false; }));
    CHECK(finished(dir, name + "-whole") == finished(dir, name + "-cut"));
    // 4 rows of at most 7 images of 28x28, twice their size.
    const Image sheet = read_image(dir / (name + "-cut/chosen.png"));
    CHECK(sheet.width == 4 + 7 * 60);
    CHECK(sheet.height == 4 + 4 * 60);
  }
}

TEST_CASE("active: the penultimate features are what the last layer reads") {
  ActiveRun run(small_active("random"));
  CHECK(run.advance());
  const DatasetPtr pool = std::shared_ptr<const Dataset>(std::shared_ptr<void>(), &run.pool());
  const auto outputs = pool_outputs(run.model(), pool);
  REQUIRE(outputs);
  CHECK(outputs->preds.shape() == Shape{80, 10});
  CHECK(outputs->embeddings.shape() == Shape{80, 8});
  for (const real h : outputs->embeddings.span()) CHECK(h >= 0);  // behind the ReLU
}

TEST_CASE("active: the command, its result and what it refuses") {
  const TempDir dir;
  const auto result =
      nlohmann::json::parse(run({"active", "--data", "digits:train=60,test=20", "--model", "mlp:hidden=6",
                                 "--strategy", "tailor", "--budget", "12", "--rounds", "3", "--epochs", "1",
                                 "--least-steps", "2", "--quiet", "--json", "--out", dir / "run"})
                                .text);
  CHECK(result["curve"].size() == 3);
  CHECK(result["curve"][2]["labels"] == 12);
  int64 arms = 0;
  for (const auto& [name, count] : result["labels_by_arm"].items()) arms += count.get<int64>();
  CHECK(arms == 8);  // of the rounds that are not drawn at random
  CHECK(dir.read("run/metrics.csv").starts_with("round,labels,"));
  const std::vector<std::string> line{"active", "--data", "digits:train=60,test=20", "--quiet"};
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(has(complaint(line, {"--strategy", "margins"}), "did you mean 'margin'"));
  CHECK(has(complaint(line, {"--strategy", "tailor:gama=1"}), "gamma"));
  CHECK(has(complaint(line, {"--budget", "61"}), "60"));
  CHECK(has(complaint(line, {"--budget", "5", "--rounds", "6"}), "--rounds"));
  CHECK(has(complaint(line, {"--budget", "5", "--initial", "6"}), "--initial"));
  CHECK(has(complaint(line, {"--model", "autoencoder", "--budget", "10"}), "classifiers"));
  CHECK(has(complaint(line, {"--resume", dir / "run", "--strategy", "random"}), "cannot be changed"));
  CHECK(has(run({"data", "strategies", "tailor"}).text, "gamma"));
}

TEST_CASE("minimax policy: softmax ascent of weights sums to zero and does not move equal losses") {
  const Adversary adversary({0.1, -0.4, 1.2}, {1, 2, 3}, {});
  const std::vector<double> zeros(3, 0), losses{0.2, 0.9, 0.4}, equal(3, 0.7);
  double sum = 0;
  for (const double g : adversary.weight_gradient(losses, zeros)) sum += g;
  CHECK(std::abs(sum) < 1e-12);
  for (const double g : adversary.weight_gradient(equal, zeros)) CHECK(std::abs(g) < 1e-12);
  CHECK(adversary.weight_gradient(losses, losses) == adversary.weight_gradient(zeros, zeros));
}

TEST_CASE("minimax policy: an instance beyond its class is put back onto the border") {
  Adversary adversary({0, 0}, {1, 0, 0, 4}, {});
  const auto complexity = [](size_t, std::span<const double> t) { return 4 / (t[0] * t[0] + t[1] * t[1]); };
  adversary.enforce(complexity, std::vector<double>{1, 1});
  CHECK(adversary.thetas()[0] == doctest::Approx(2));
  CHECK(adversary.thetas()[3] == 4);
  const ExplorationGame game = ExplorationGame::best_arm(4, 6);
  CHECK(random_instance(game, 8, Rng(3)) == random_instance(game, 8, Rng(3)));
}

TEST_CASE("minimax policy: an offset of a class does not change the policy's gradient") {
  const ExplorationGame game = ExplorationGame::best_arm(3, 4);
  const PolicyWeights w = weights_of(exploration_policy(game, 5, Rng(1)));
  Rng rng(2);
  const Tensor thetas = rng.normal_tensor({6, 3});
  const Rollouts played = play(game, w, thetas, rng.uniform_tensor({6, 4}), rng.normal_tensor({6, 4}));
  const PolicyGradient plain = policy_gradient(game, w, played, std::vector<double>{0, 0}),
                       offset = policy_gradient(game, w, played, std::vector<double>{0.3, 0.3});
  CHECK(offset.objective == doctest::Approx(plain.objective - 0.3).epsilon(1e-5));
  for (size_t i = 0; i < w.size(); ++i)
    for (int64 j = 0; j < w[i].numel(); ++j)
      CHECK(std::abs(double(plain.grads[i].data()[j]) - double(offset.grads[i].data()[j])) <
            (kDouble ? 1e-12 : 1e-5));
}

TEST_CASE("minimax policy: training brings the loss on its class below that of uniform pulls") {
  ExplorationGame game = ExplorationGame::best_arm(3, 6);
  const Parameters policy = exploration_policy(game, 16, Rng(1));
  const DifficultyClass one{4, 0};
  const MinimaxOptions o{
      .instances = 6, .drawn = 8, .rollouts = 8, .iterations = 150, .hidden = 16, .policy_lr = 1e-2};
  std::vector<std::vector<double>> thetas;
  for (std::uint64_t i = 0; i < 8; ++i) thetas.push_back(random_instance(game, 4, Rng(9).fork(i)));
  const auto mean = [&](const Parameters* p) {
    double sum = 0;
    for (const double l : mean_losses(game, p, thetas, 100, Rng(5))) sum += l / 8;
    return sum;
  };
  const double before = mean(&policy);
  solve_minimax(game, policy, {&one, 1}, o, Rng(4));
  CHECK(mean(&policy) < before - 0.05);
  CHECK(mean(nullptr) < 0.6);
}

}  // namespace gradus::active_tests
