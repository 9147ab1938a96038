#include "apps/active/strategy.h"

#include "core/error.h"

namespace gradus {
namespace {

// One candidate from front to back.
class CandidateStrategy final : public QueryStrategy {
 public:
  explicit CandidateStrategy(std::string name) : name_(std::move(name)) {}
  std::vector<LabelQuery> choose(const PoolView& pool, int64 count, ActiveRound, const Rng& rng) override {
    Rng own = rng;
    const CandidatePtr candidate = make_candidate(name_, pool, count, 0, own);
    std::vector<LabelQuery> chosen;
    for (const int64 item : front_of(*candidate, pool, count, own)) chosen.push_back({item, ""});
    return chosen;
  }

 private:
  std::string name_;
};

StrategyEntry candidate_entry(const std::string& name, std::string summary, std::string paper) {
  return {name,
          std::move(summary),
          std::move(paper),
          {},
          [name](const OptionList& given, std::uint64_t) -> StrategyPtr {
            if (!given.empty())
              fail<UsageError>("strategy {}: '{}': it has no options", name, given[0].first);
            auto made = std::make_unique<CandidateStrategy>(name);
            made->set_spec(name);
            return made;
          }};
}

}  // namespace

const std::vector<StrategyEntry>& query_strategies() {
  static const std::vector<StrategyEntry> table = {
      candidate_entry("random", "any, each with the same probability", ""),
      candidate_entry("confidence", "the least probable of the most probable classes",
                      "Lewis, Gale, \"A Sequential Algorithm for Training Text Classifiers\", SIGIR 1994"),
      candidate_entry(
          "margin", "the smallest lead of the most probable class over the second",
          "Scheffer, Decomain, Wrobel, \"Active Hidden Markov Models for Information Extraction\", "
          "IDA 2001"),
      candidate_entry("entropy", "the largest entropy of the classes' probabilities",
                      "Settles, \"Active Learning Literature Survey\", 2009, section 3.1"),
      candidate_entry("core-set", "the farthest, in features, from all that is labelled or chosen",
                      "Sener, Savarese, \"Active Learning for Convolutional Neural Networks: A Core-Set "
                      "Approach\", ICLR 2018, arXiv 1708.00489; its greedy form"),
      candidate_entry(
          "badge", "k-means++ over gradients of the last layer",
          "Ash, Zhang, Krishnamurthy, Langford, Agarwal, \"Deep Batch Active Learning by Diverse, "
          "Uncertain Gradient Lower Bounds\", ICLR 2020, arXiv 1906.03671"),
      tailor_strategy(),
      learned_strategy(),
  };
  return table;
}

StrategyPtr make_strategy(const std::string& text, std::uint64_t seed) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("strategy {}: takes nothing in parentheses", spec.name);
  std::vector<std::string> names;
  for (const StrategyEntry& entry : query_strategies()) {
    if (entry.name == spec.name) return entry.make(spec.options, seed);
    names.push_back(entry.name);
  }
  throw UsageError(unknown_name("strategy", spec.name, names));
}

void check_strategy(const std::string& spec) { make_strategy(spec, 0); }

}  // namespace gradus
