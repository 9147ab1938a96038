// An experiment as a paper's file writes it: settings, arms, what is tuned, claims. It reads like a plan; the harness
// (harness.h) runs it and makes the comparison fair: equal numbers of trials an arm, tuning on a validation split cut from
// the training data by seeds that the final runs do not use, the test set seen once an arm and seed by the settings chosen,
// the same seeds for all arms.
//
//   void adabelief(Experiment& e) {
//     e.setting({.data = "cifar10:limit=10000", .model = "resnet8", .epochs = 10, .batch_size = 128});
//     e.arm("adabelief").optim("adabelief:eps=1e-8,weight_decay=5e-4").tune("lr", {3e-4, 1e-3, 3e-3});
//     e.arm("adam").optim("adam:weight_decay=5e-4").tune("lr", {3e-4, 1e-3, 3e-3});
//     e.claim("higher test accuracy than Adam", better("adabelief", "adam", "test_accuracy"));
//   }
#pragma once

#include <deque>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/papers/record.h"
#include "apps/train/config.h"
#include "data/dataset.h"

namespace gradus {

class Trainer;

/// Thrown out of a run that should stop (Ctrl-C); the run is lost, all finished ones are kept.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

/// What a run of an arm that is a function is given, and all it may know.
class Trial {
 public:
  virtual ~Trial() = default;
  int64 seed = 0;
  bool tuning = false;  ///< scores on data that are no test data
  bool quick = false;   ///< a smoke run: a few steps
  OptionList options;   ///< the arm's fixed options with the tuned ones
  /// Shared by all runs of the experiment, which may run side by side: see base().
  std::string folder;
  /// Throw UsageError for an option the arm does not have, or that is no number.
  double number(const std::string& key) const;
  int64 integer(const std::string& key) const;
  const std::string& word(const std::string& key) const;
  /// Opens a data set. While tuning its test part is a validation split cut from the training part, and the test part is
  /// not there.
  virtual Data data(const std::string& spec) const = 0;
  /// The path of a file that several runs start from (a pretrained network): `make` writes it where the first of them
  /// asks; the others, also in other processes, wait for it. `name` says all that decides its contents.
  std::string base(const std::string& name, const std::function<void(const std::string& path)>& make) const;
  /// A training run as training arms have, with this trial's seed, threads and data (`config` need not name them): what it
  /// leaves; of one that diverged no metrics. A seed k > 0 of `config` stands for another one of this trial's own, where the
  /// spread over seeds is the question. With log_grad_norms the curves grad_norm_l1 and grad_norm_l2 have a point a step.
  /// `inspect` sees the trained state and may add to the outcome. The curve train_loss has a point an evaluation; or, with
  /// `loss_every`, one every so many steps, their mean loss, and nothing need be evaluated for it.
  using Inspect = std::function<void(Trainer&, Outcome&)>;
  virtual Outcome train(TrainConfig config, const Inspect& inspect = nullptr, int64 loss_every = 0) const = 0;
  /// To be asked between steps: throws Interrupted when the run should stop.
  virtual void checkpoint(double share_done) const = 0;
};
/// Runs once: metrics and curves of this seed and these options.
using RunFunction = std::function<Outcome(const Trial&)>;

class Arm {
 public:
  /// A dimension of the grid that is searched.
  struct Dimension {
    std::string key;
    std::vector<std::string> values;
  };

  explicit Arm(std::string name) : name_(std::move(name)) {}
  /// A training run, by flags of `gradus train` (keys as in TrainConfig).
  Arm& optim(const std::string& spec) { return set("optim", spec); }
  Arm& set(const std::string& key, const std::string& value);
  /// Which named setting it starts from; the first one if not said.
  Arm& setting(const std::string& name);
  /// A function instead of a training run; options are what Trial::options holds, in order.
  Arm& run(RunFunction function, OptionList options = {});
  /// One more dimension of the grid. `key`: an option of the (outermost) optimizer that knows it ("lr", or "optim.lr" where
  /// a key of TrainConfig has the same name); a key of TrainConfig; or, for functions, an option. Several calls make the
  /// product.
  Arm& tune(const std::string& key, const std::vector<double>& values);
  Arm& tune(const std::string& key, const std::vector<std::string>& values);
  /// A function that has nothing to tune, beside arms that are tuned; `why` is recorded and shown.
  Arm& untuned(const std::string& why);

  const std::string& name() const { return name_; }
  const std::string& setting_name() const { return setting_; }
  const OptionList& changes() const { return set_; }
  const RunFunction& function() const { return function_; }
  const OptionList& options() const { return options_; }
  const std::vector<Dimension>& grid() const { return grid_; }
  const std::string& why_untuned() const { return untuned_; }

 private:
  std::string name_, setting_, untuned_;
  OptionList set_, options_;
  RunFunction function_;
  std::vector<Dimension> grid_;
};

/// A claim over metrics of arms; see the functions below.
struct Claim {
  std::string kind, metric;
  std::vector<std::string> arms;
  double margin = 0;
  bool lower_is_better = false, central = true;
  Claim& reported_only();  ///< figures and verdict are shown, the paper's verdict does not hang on it
};
/// a's metric exceeds b's by more than the margin. Whether more is better follows from the metric's name (…loss, …error,
/// …steps, …rounds, …seconds: less is better) unless said.
Claim better(const std::string& a, const std::string& b, const std::string& metric, double margin = 0);
/// a's metric falls behind b's by less than the margin.
Claim not_worse(const std::string& a, const std::string& b, const std::string& metric, double margin);
/// The two differ by less than the margin (two one-sided tests at 5 %).
Claim equal(const std::string& a, const std::string& b, const std::string& metric, double margin);
/// Mean of a's metric is below, above the bound.
Claim at_most(const std::string& a, const std::string& metric, double bound);
Claim at_least(const std::string& a, const std::string& metric, double bound);
/// a's metric is at most `ratio` times b's (paired logarithms; where a value is not positive, a - ratio*b <= 0).
Claim ratio_at_most(const std::string& a, const std::string& b, const std::string& metric, double ratio);
/// The exponent of a's curve, that is the least-squares slope of log y over log x, is at most this (-0.5: falls like
/// 1/sqrt(x) or faster).
Claim rate_at_most(const std::string& a, const std::string& curve, double exponent);

class Experiment {
 public:
  struct NamedSetting {
    std::string name;
    TrainConfig config;
  };
  struct NamedClaim {
    std::string text;
    Claim claim;
  };

  /// What every arm starts from. Arms say what differs.
  void setting(const TrainConfig& config) { setting("", config); }
  /// Throws UsageError for a name given twice.
  void setting(const std::string& name, const TrainConfig& config);
  /// A new arm. Throws UsageError for a name given twice.
  Arm& arm(const std::string& name);
  void claim(const std::string& text, const Claim& claim);
  /// What trials are compared by: "test_accuracy" (largest) or "test_loss" (least), of the validation split; by default the
  /// score of the task.
  void tune_for(const std::string& metric);
  /// Seeds of the final runs unless the command says otherwise (3), and of each tuning trial (1).
  void seeds(int64 count, int64 tuning = 1);
  /// What --quick changes in every training run beside its few steps: smaller data, model.
  void quick(OptionList changes);

  const std::deque<NamedSetting>& settings() const { return settings_; }
  const std::deque<Arm>& arms() const { return arms_; }
  const std::vector<NamedClaim>& claims() const { return claims_; }
  const std::string& tuned_for() const { return tune_for_; }
  int64 seed_count() const { return seeds_; }
  int64 tuning_seed_count() const { return tuning_seeds_; }
  const OptionList& quick_changes() const { return quick_; }

 private:
  std::deque<NamedSetting> settings_;
  std::deque<Arm> arms_;
  std::vector<NamedClaim> claims_;
  std::string tune_for_;
  int64 seeds_ = 3, tuning_seeds_ = 1;
  OptionList quick_;
};

/// Whether less of a metric is better, by the last word of its name.
bool less_is_better(const std::string& metric);

}  // namespace gradus
