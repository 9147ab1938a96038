// A policy that learned, on simulated problems of every difficulty, to find the best of a few arms by few noisy pulls: here the arms are
// candidates, a round is a pull, and the answer is how many of the round's labels the model had not predicted, against the mean of all
// rounds in units of its own spread.
//
// Paper: Zhang, Jain, Jamieson, "Learning to Actively Learn: A Robust Approach", 2020, arXiv 2010.15382 (minimax_policy.h). Its use on pools
// of examples is ours: the paper's policy chooses among few measurements.
#include <algorithm>
#include <cmath>
#include <optional>

#include "apps/active/minimax_policy.h"
#include "apps/active/strategy.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "data/selection/gradient_embedding.h"

namespace gradus {
namespace {

const std::vector<std::string>& learned_arms() {
  static const std::vector<std::string> names = {"random", "margin", "entropy", "core-set", "badge"};
  return names;
}

class LearnedStrategy final : public QueryStrategy {
 public:
  struct Options {
    int64 iterations = 100, classes = 2, instances = 8;
    double radius = 4;
    void visit(auto&& f) {
      f("iterations", iterations, "of each stage of its training", at_least(1));
      f("classes", classes, "of difficulty, each twice the one before", at_least(1));
      f("instances", instances, "problems of each class", at_least(1));
      f("radius", radius, "complexity of the easiest class", positive());
    }
  };
  LearnedStrategy(const Options& options, std::uint64_t seed) : options_(options), seed_(seed) {}

  std::vector<LabelQuery> choose(const PoolView& pool, int64 count, ActiveRound at, const Rng& rng) override {
    const size_t arm = next_arm(at, rng.fork("arm"));
    Rng own = rng.fork("items");
    const CandidatePtr candidate = make_candidate(learned_arms()[arm], pool, count + 1, 0, own);
    std::vector<LabelQuery> chosen;
    for (const int64 item : front_of(*candidate, pool, count, own))
      chosen.push_back({item, learned_arms()[arm]});
    return chosen;
  }

  void observe(const PoolView& pool, std::span<const LabelQuery> chosen, std::span<const int64> labels,
               ActiveRound) override {
    double wrong = 0;
    for (size_t i = 0; i < chosen.size(); ++i) {
      const real* p = pool.preds.data() + chosen[i].item * pool.classes();
      wrong += std::max_element(p, p + pool.classes()) - p != labels[i];
    }
    const auto& arms = learned_arms();
    pulled_.push_back(std::find(arms.begin(), arms.end(), chosen[0].arm) - arms.begin());
    shares_.push_back(wrong / static_cast<double>(chosen.size()));
    sizes_.push_back(static_cast<double>(chosen.size()));
  }

  nlohmann::json save_state() const override {
    return {{"pulled", pulled_}, {"shares", shares_}, {"sizes", sizes_}};
  }
  void load_state(const nlohmann::json& state) override {
    state.at("pulled").get_to(pulled_);
    state.at("shares").get_to(shares_);
    state.at("sizes").get_to(sizes_);
  }

 private:
  // The policy's draw, given what the rounds so far have answered.
  size_t next_arm(ActiveRound at, Rng rng) {
    const auto n = learned_arms().size();
    const int64 horizon = std::max<int64>(at.rounds - 1, 1);
    if (!policy_) {
      const ExplorationGame game = ExplorationGame::best_arm(static_cast<int64>(n), horizon);
      std::vector<double> radii;
      for (int64 k = 0; k < options_.classes; ++k)
        radii.push_back(options_.radius * std::pow(2.0, static_cast<double>(k)));
      MinimaxOptions o{.instances = options_.instances,
                       .drawn = 8,
                       .rollouts = 8,
                       .iterations = options_.iterations,
                       .hidden = 32};
      o.adversary.weight_lr = 3e-2, o.adversary.theta_lr = 1e-3;
      policy_ = learn_to_explore(game, radii, o, 16, Rng(seed_).fork("learned")).robust;
    }
    double mean = 0;
    for (const double s : shares_) mean += s / static_cast<double>(shares_.size());
    std::vector<double> pulls(n, 0), sums(n, 0);
    for (size_t r = 0; r < shares_.size(); ++r) {
      const double spread = std::sqrt(std::max(mean * (1 - mean), 0.01) / sizes_[r]);
      pulls[static_cast<size_t>(pulled_[r])] += 1;
      sums[static_cast<size_t>(pulled_[r])] += (shares_[r] - mean) / spread;
    }
    Tensor features({1, static_cast<int64>(3 * n + 1)});
    write_features(pulls, sums, std::ssize(shares_), horizon, features.mutable_data());
    const Recording off(false);
    const Tensor pi = softmax(action_logits(weights_of(*policy_), features));
    const std::vector<double> p(pi.span().begin(), pi.span().end());
    return static_cast<size_t>(drawn_index(p, rng.uniform()));
  }

  Options options_;
  std::uint64_t seed_;
  std::optional<Parameters> policy_;  // learned when it is first asked
  std::vector<int64> pulled_;         // arm of each round
  std::vector<double> shares_, sizes_;
};

}  // namespace

StrategyEntry learned_strategy() {
  return strategy_entry<LearnedStrategy>(
      "learned",
      "one of random, margin, entropy, core-set and badge each round, by a policy learned on simulated "
      "bandits",
      "Zhang, Jain, Jamieson, \"Learning to Actively Learn: A Robust Approach\", 2020, arXiv 2010.15382");
}

}  // namespace gradus
