#include "data/selection/sample_selector.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "data/selection/adaptive_threshold.h"

namespace gradus {
namespace {

constexpr double kNoThreshold = std::numeric_limits<double>::infinity();

Selected all_of(const LossBatch& batch) { return {std::vector<char>(batch.losses.size(), 1), kNoThreshold}; }

// So many of n, at least one.
int64 share_of(double keep, size_t n) {
  return std::max<int64>(1, static_cast<int64>(std::floor(keep * static_cast<double>(n) + 0.5)));
}

class AdaptiveKSelector final : public SampleSelector {
 public:
  struct Options {
    AdaptiveThresholdOptions moments;
    int64 warmup = 2;
    std::string threshold = "ratio";
    void visit(auto&& f) {
      f("warmup", warmup, "first epochs, in which all are kept and nothing is remembered", at_least(0));
      moments.visit(f);
      f("threshold", threshold,
        "ratio: m/(sqrt(v) + eps), the paper's; ema: the running mean of the batches' losses itself",
        choices({"ratio", "ema"}));
    }
  };
  explicit AdaptiveKSelector(const Options& o) : options_(o), threshold_(o.moments) {}

  Selected select(const LossBatch& batch) override {
    if (batch.epoch < options_.warmup) return all_of(batch);
    double mean = 0;
    for (const double l : batch.losses) mean += l / static_cast<double>(batch.losses.size());
    const double ratio = threshold_.next(mean), at = options_.threshold == "ema" ? threshold_.ema() : ratio;
    return {losses_within(batch.losses, at), at};
  }
  SelectorState save_state() const override {
    return {{{"m", threshold_.m()},
             {"v", threshold_.v()},
             {"batches", static_cast<double>(threshold_.batches())}},
            {}};
  }
  void load_state(const SelectorState& s) override {
    const auto number = [&](const char* name) { return s.scalars.contains(name) ? s.scalars.at(name) : 0; };
    threshold_.set(number("m"), number("v"), static_cast<int64>(number("batches")));
  }

 private:
  Options options_;
  AdaptiveThreshold threshold_;
};

// MKL.
class SmallLossSelector final : public SampleSelector {
 public:
  struct Options {
    double keep = 0.6;
    int64 warmup = 0;
    void visit(auto&& f) {
      f("keep", keep, "share of each batch that is kept", Limits{.low = 0, .high = 1, .low_open = true});
      f("warmup", warmup, "first epochs, in which all are kept", at_least(0));
    }
  };
  explicit SmallLossSelector(const Options& o) : options_(o) {}
  Selected select(const LossBatch& batch) override {
    if (batch.epoch < options_.warmup) return all_of(batch);
    Selected s{smallest_losses(batch.losses, share_of(options_.keep, batch.losses.size())), -kNoThreshold};
    for (size_t i = 0; i < s.keep.size(); ++i)
      if (s.keep[i]) s.threshold = std::max(s.threshold, batch.losses[i]);
    return s;
  }

 private:
  Options options_;
};

// Iterative trimmed losses, with the losses as the epoch before met them in place of a pass of its own.
class TrimmedLossSelector final : public SampleSelector {
 public:
  struct Options {
    double keep = 0.6;
    int64 warmup = 1;
    void visit(auto&& f) {
      f("keep", keep, "share of the training set that is kept",
        Limits{.low = 0, .high = 1, .low_open = true});
      f("warmup", warmup, "first epochs, in which all are kept; the first one always is one", at_least(1));
    }
  };
  explicit TrimmedLossSelector(const Options& o) : options_(o) {}

  Selected select(const LossBatch& batch) override {
    if (!losses_.defined()) {
      losses_ = Tensor::full({batch.examples}, std::numeric_limits<real>::infinity());
      kept_ = Tensor::ones({batch.examples});
    }
    if (losses_.numel() != batch.examples)
      fail<DataError>("selector trimmed-loss: it knows the losses of {} examples, there are {}",
                      losses_.numel(), batch.examples);
    if (batch.epoch >= options_.warmup && batch.epoch != epoch_) trim();
    epoch_ = batch.epoch;
    Selected s{std::vector<char>(batch.losses.size(), 1),
               batch.epoch < options_.warmup ? kNoThreshold : threshold_};
    for (size_t i = 0; i < s.keep.size(); ++i) {
      const int64 n = batch.index[i];
      if (n < 0 || n >= batch.examples)
        fail<UsageError>("selector trimmed-loss: example {} is none of {}", n, batch.examples);
      s.keep[i] = kept_.data()[n] > 0;
      losses_.mutable_data()[n] = static_cast<real>(batch.losses[i]);
    }
    return s;
  }
  SelectorState save_state() const override {
    SelectorState s{{{"epoch", static_cast<double>(epoch_)}, {"threshold", threshold_}}, {}};
    if (losses_.defined()) s.tensors = {{"losses", losses_.clone()}, {"kept", kept_.clone()}};
    return s;
  }
  void load_state(const SelectorState& s) override {
    const auto tensor = [&](const char* name) {
      return s.tensors.contains(name) ? s.tensors.at(name).clone() : Tensor();
    };
    losses_ = tensor("losses"), kept_ = tensor("kept");
    epoch_ = s.scalars.contains("epoch") ? static_cast<int64>(s.scalars.at("epoch")) : -1;
    threshold_ = s.scalars.contains("threshold") ? s.scalars.at("threshold") : kNoThreshold;
  }

 private:
  void trim() {
    const std::vector<double> losses(losses_.span().begin(), losses_.span().end());
    const std::vector<char> keep = smallest_losses(losses, share_of(options_.keep, losses.size()));
    threshold_ = -kNoThreshold;
    for (size_t i = 0; i < keep.size(); ++i) {
      kept_.mutable_data()[i] = keep[i];
      if (keep[i]) threshold_ = std::max(threshold_, losses[i]);
    }
  }
  Options options_;
  Tensor losses_, kept_;  // (examples): the last loss of each; 1 where it is trained on this epoch
  int64 epoch_ = -1;
  double threshold_ = kNoThreshold;
};

template <class S>
SelectorEntry entry(const std::string& name, std::string summary, std::string paper, std::string equations) {
  return {name,
          std::move(summary),
          std::move(paper),
          std::move(equations),
          describe_options<typename S::Options>(),
          [name](const OptionList& given) -> SelectorPtr {
            typename S::Options options;
            set_options(options, given, "selector " + name);
            auto made = std::make_unique<S>(options);
            made->set_spec(Spec{name, "", option_list(options)}.str());
            return made;
          }};
}

}  // namespace

int64 Selected::count() const { return std::count(keep.begin(), keep.end(), char{1}); }

const std::vector<SelectorEntry>& sample_selectors() {
  static const std::vector<SelectorEntry> table = {
      {"all",
       "every example of every batch",
       "",
       "keep all",
       {},
       [](const OptionList& given) -> SelectorPtr {
         if (!given.empty()) fail<UsageError>("selector all: '{}': it has no options", given[0].first);
         return nullptr;
       }},
      entry<AdaptiveKSelector>(
          "adaptive-k",
          "losses up to a threshold that follows the batches' mean loss; asks for no noise ratio",
          "Dedeoglu, Kesgin, Amasyali, \"A Robust Optimization Method for Label Noisy Datasets Based on "
          "Adaptive Threshold: Adaptive-k\", Frontiers of Computer Science 2024, arXiv 2203.14165",
          "L = mean of the batch's losses\nm = beta1*m + (1-beta1)*L,  v = beta2*v + (1-beta2)*L^2\n"
          "threshold = m/(sqrt(v) + eps),  keep l <= threshold"),
      entry<SmallLossSelector>("small-loss", "the share of each batch whose losses are smallest",
                               "Shah, Wu, Sanghavi, \"Choosing the Sample with Lowest Loss makes SGD "
                               "Robust\", AISTATS 2020, arXiv "
                               "2001.03316",
                               "keep the round(keep*B) smallest losses of the batch"),
      entry<TrimmedLossSelector>(
          "trimmed-loss", "the share of the whole set whose losses were smallest in the epoch before",
          "Shen, Sanghavi, \"Learning with Bad Training Data via Iterative Trimmed Loss Minimization\", ICML "
          "2019, arXiv 1810.11874; with the losses as the epoch before met them",
          "at the start of an epoch: keep the round(keep*N) examples with the smallest last losses"),
  };
  return table;
}

SelectorPtr make_selector(const std::string& text) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("selector {}: takes nothing in parentheses", spec.name);
  std::vector<std::string> names;
  for (const SelectorEntry& e : sample_selectors()) {
    if (e.name == spec.name) return e.make(spec.options);
    names.push_back(e.name);
  }
  throw UsageError(unknown_name("selector", spec.name, names));
}

}  // namespace gradus
