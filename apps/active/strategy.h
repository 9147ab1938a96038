// Which labels to ask for next: `gradus active --strategy NAME[:key=value,...]`.
//
//   random, confidence, margin, entropy   a number of each example (data/selection/candidate_order.h)
//   core-set, badge                       far from what is labelled, in features or gradients (gradient_embedding.h)
//   tailor                                a bandit that picks one of these, and others, for every single example (tailor.h)
//   learned                               one of these each round, by a policy learned on simulated problems (minimax_policy.h)
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

/// What a strategy sees of the pool: N examples, the model of the round before.
struct PoolView {
  Tensor preds;                          ///< (N,C) probabilities
  Tensor embeddings;                     ///< (N,D): what the last layer reads
  std::vector<char> labelled;            ///< (N)
  std::vector<int64> labels;             ///< (N); -1 where not labelled
  std::function<int64(int64 item)> ask;  ///< the label of an example that this call has chosen
  int64 classes() const { return preds.dim(1); }
  int64 size() const { return preds.dim(0); }
};

/// An example to be labelled, and which of the strategy's arms wanted it; "" where it has none.
struct LabelQuery {
  int64 item = 0;
  std::string arm;
};
/// How far a run is: round r = 1..rounds-1.
struct ActiveRound {
  int64 round = 1, rounds = 2;
};

class QueryStrategy {
 public:
  virtual ~QueryStrategy() = default;
  /// `count` different unlabelled examples; there are as many. The same state and rng give the same.
  virtual std::vector<LabelQuery> choose(const PoolView& pool, int64 count, ActiveRound at,
                                         const Rng& rng) = 0;
  /// The labels of what was chosen; `pool` as it was when it was.
  virtual void observe(const PoolView& pool, std::span<const LabelQuery> chosen,
                       std::span<const int64> labels, ActiveRound at) {
    static_cast<void>(pool), static_cast<void>(chosen), static_cast<void>(labels), static_cast<void>(at);
  }
  /// What it has learnt, for checkpoints.
  virtual nlohmann::json save_state() const { return nlohmann::json::object(); }
  virtual void load_state(const nlohmann::json& state) { static_cast<void>(state); }

  /// "tailor:gamma=0.9,...", all options written out.
  const std::string& spec() const { return spec_; }
  void set_spec(std::string spec) { spec_ = std::move(spec); }

 private:
  std::string spec_;
};
using StrategyPtr = std::unique_ptr<QueryStrategy>;

struct StrategyEntry {
  std::string name, summary, paper;
  std::vector<OptionInfo> options;
  std::function<StrategyPtr(const OptionList& options, std::uint64_t seed)> make;
};
/// The table.
const std::vector<StrategyEntry>& query_strategies();
/// Throws UsageError for unknown names (naming the nearest) and options. `seed`: of what it learns before the first label.
StrategyPtr make_strategy(const std::string& spec, std::uint64_t seed);
/// What that throws.
void check_strategy(const std::string& spec);

template <class S>
StrategyEntry strategy_entry(const std::string& name, std::string summary, std::string paper) {
  return {name, std::move(summary), std::move(paper), describe_options<typename S::Options>(),
          [name](const OptionList& given, std::uint64_t seed) -> StrategyPtr {
            typename S::Options options;
            set_options(options, given, "strategy " + name);
            auto made = std::make_unique<S>(options, seed);
            made->set_spec(Spec{name, "", option_list(options)}.str());
            return made;
          }};
}
StrategyEntry tailor_strategy();
StrategyEntry learned_strategy();

/// A candidate that proposes one example after another and is told of all that are taken, by whomever.
class Candidate {
 public:
  virtual ~Candidate() = default;
  /// The best example that is not taken; -1 where it has none.
  virtual int64 next(Rng& rng) = 0;
  virtual void taken(int64 item, int64 label) = 0;
};
using CandidatePtr = std::unique_ptr<Candidate>;
/// Names of those that are one arm, and of those with an arm a class (mlp, galaxy).
const std::vector<std::string>& single_candidates();
const std::vector<std::string>& class_candidates();
/// `count`: how many will be taken at most. class_index: of those with an arm a class. Throws UsageError for an unknown name.
CandidatePtr make_candidate(const std::string& name, const PoolView& pool, int64 count, int64 class_index,
                            Rng& rng);

/// Its first `count` examples, the labels of which it does not learn. Throws UsageError where the pool has fewer.
std::vector<int64> front_of(Candidate& candidate, const PoolView& pool, int64 count, Rng& rng);
/// The first example that is neither labelled nor taken: where a candidate has no proposal left. Throws as above.
int64 any_left(const std::vector<char>& taken);

}  // namespace gradus
