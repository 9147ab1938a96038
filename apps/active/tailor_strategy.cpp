// TAILOR as a strategy: a candidate for every single example, by a bandit whose reward is how rare the labels are that an arm brings in.
#include <algorithm>

#include "apps/active/strategy.h"
#include "core/error.h"
#include "data/selection/tailor.h"

namespace gradus {
namespace {

std::vector<std::string> split_words(const std::string& text, char at) {
  std::vector<std::string> words(1);
  for (const char c : text)
    if (c == at)
      words.emplace_back();
    else
      words.back() += c;
  return words;
}

class TailorStrategy final : public QueryStrategy {
 public:
  struct Options {
    std::string arms = "confidence+badge+mlp+galaxy", value = "div", choice = "bandit";
    double gamma = 0.9;
    void visit(auto&& f) {
      f("arms", arms,
        "candidates, joined by +: random, confidence, margin, entropy, core-set, badge; mlp (most probable) "
        "and "
        "galaxy (boundary) are an arm a class");
      f("value", value, "of a label: div, the rarer among the labelled the more; pos, all the same",
        choices({"div", "pos"}));
      f("choice", choice, "of the arm: the bandit, or uniform, which it is compared with",
        choices({"bandit", "uniform"}));
      f("gamma", gamma, "what the counts keep of a round before", between(0, 1));
    }
  };

  TailorStrategy(const Options& options, std::uint64_t) : options_(options) {
    for (const std::string& word : split_words(options.arms, '+')) {
      const auto known = [&](const std::vector<std::string>& names) {
        return std::find(names.begin(), names.end(), word) != names.end();
      };
      std::vector<std::string> all = single_candidates();
      all.insert(all.end(), class_candidates().begin(), class_candidates().end());
      if (!known(all)) throw UsageError("strategy tailor: arms: " + unknown_name("candidate", word, all));
      words_.push_back({word, known(class_candidates())});
    }
  }

  std::vector<LabelQuery> choose(const PoolView& pool, int64 count, ActiveRound, const Rng& rng) override {
    const int64 classes = pool.classes();
    const std::vector<Arm> arms = arms_for(classes);
    TailorBandit bandit = restored(std::ssize(arms), classes);
    std::vector<int64> rows;
    for (const int64 label : pool.labels)
      if (label >= 0)
        for (int64 c = 0; c < classes; ++c) rows.push_back(c == label);
    const std::vector<double> value = diversity_value(rows, classes, options_.value);
    Rng own = rng;
    std::vector<CandidatePtr> candidates;
    for (const Arm& arm : arms)
      candidates.push_back(
          make_candidate(arm.candidate, pool, count, std::max<int64>(arm.class_index, 0), own));
    std::vector<char> taken = pool.labelled;
    std::vector<LabelQuery> chosen;
    while (std::ssize(chosen) < count) {
      const std::vector<double> theta = bandit.draw(own);
      const int64 a = options_.choice == "bandit" ? bandit.choose(theta, value) : own.below(bandit.arms());
      int64 item = candidates[static_cast<size_t>(a)]->next(own);
      if (item < 0) item = any_left(taken);
      taken[static_cast<size_t>(item)] = 1;
      chosen.push_back({item, arms[static_cast<size_t>(a)].name});
      const int64 label = pool.ask(item);
      for (const CandidatePtr& candidate : candidates) candidate->taken(item, label);
    }
    return chosen;
  }

  void observe(const PoolView& pool, std::span<const LabelQuery> chosen, std::span<const int64> labels,
               ActiveRound) override {
    const int64 classes = pool.classes();
    const std::vector<Arm> arms = arms_for(classes);
    TailorBandit bandit = restored(std::ssize(arms), classes);
    std::vector<int64> row(static_cast<size_t>(classes));
    for (size_t i = 0; i < chosen.size(); ++i) {
      for (int64 c = 0; c < classes; ++c) row[static_cast<size_t>(c)] = c == labels[i];
      const auto arm =
          std::find_if(arms.begin(), arms.end(), [&](const Arm& a) { return a.name == chosen[i].arm; });
      bandit.observe(arm - arms.begin(), row);
    }
    bandit.end_round();
    stats_ = bandit.stats();
  }

  nlohmann::json save_state() const override { return {{"stats", stats_}}; }
  void load_state(const nlohmann::json& state) override { state.at("stats").get_to(stats_); }

 private:
  struct Arm {
    std::string name, candidate;
    int64 class_index;
  };
  std::vector<Arm> arms_for(int64 classes) const {
    std::vector<Arm> arms;
    for (const auto& [word, by_class] : words_) {
      if (!by_class) arms.push_back({word, word, -1});
      for (int64 c = 0; by_class && c < classes; ++c) arms.push_back({fmt::format("{}{}", word, c), word, c});
    }
    return arms;
  }
  TailorBandit restored(int64 arms, int64 classes) const {
    TailorBandit bandit(arms, classes, options_.gamma, false);
    if (!stats_.empty()) bandit.set_stats(stats_);
    return bandit;
  }

  Options options_;
  std::vector<std::pair<std::string, bool>> words_;  // with an arm a class?
  std::vector<double> stats_;                        // empty: all ones
};

}  // namespace

StrategyEntry tailor_strategy() {
  return strategy_entry<TailorStrategy>(
      "tailor", "a bandit that picks a candidate for every example, by how rare the labels are that it finds",
      "Zhang, Shao, Verma, Nowak, \"Algorithm Selection for Deep Active Learning with Imbalanced Datasets\", "
      "NeurIPS 2023, arXiv 2302.07317");
}

}  // namespace gradus
