#include "apps/papers/plan.h"

#include <algorithm>
#include <limits>

#include "apps/cli/flags.h"
#include "apps/papers/quick.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr int64 kTuningSeeds = 1'000'000'000, kMostSeeds = 1000;
constexpr int64 kLeastSeeds = 3, kQuickSeeds = 2;

// Every combination of the values of a grid, the last dimension fastest.
std::vector<OptionList> product(const std::vector<Arm::Dimension>& grid) {
  if (grid.empty()) return {};
  std::vector<OptionList> all(1);
  for (const Arm::Dimension& dimension : grid) {
    std::vector<OptionList> longer;
    for (const OptionList& list : all)
      for (const std::string& v : dimension.values) {
        longer.push_back(list);
        longer.back().emplace_back(dimension.key, v);
      }
    all = std::move(longer);
  }
  return all;
}

const Experiment::NamedSetting& setting_of(const Experiment& experiment, const Arm& arm) {
  if (experiment.settings().empty())
    fail<UsageError>("arm {} is a training run, and the experiment has no setting", arm.name());
  if (arm.setting_name().empty()) return experiment.settings().front();
  std::vector<std::string> names;
  for (const auto& s : experiment.settings()) {
    if (s.name == arm.setting_name()) return s;
    names.push_back(s.name);
  }
  throw UsageError(fmt::format("arm {}: ", arm.name()) + unknown_name("setting", arm.setting_name(), names));
}

void check_claim(const Experiment& experiment, const Experiment::NamedClaim& named) {
  std::vector<std::string> names;
  for (const Arm& a : experiment.arms()) names.push_back(a.name());
  for (const std::string& arm : named.claim.arms)
    if (std::find(names.begin(), names.end(), arm) == names.end())
      throw UsageError(fmt::format("claim '{}': ", named.text) + unknown_name("arm", arm, names));
  if (named.claim.kind == "ratio" && !(named.claim.margin > 0))
    fail<UsageError>("claim '{}': a ratio must be positive", named.text);
}

}  // namespace

void refuse_looking(const std::string& arm, const TrainConfig& config) {
  if (config.early_stop) fail<UsageError>("arm {}: early stopping would choose by the test set", arm);
  if (parse_spec(config.schedule).name == "plateau")
    fail<UsageError>("arm {}: the plateau schedule would follow the test set", arm);
}

std::string RunSpec::label() const {
  return tuning() ? fmt::format("{}, trial {}, seed {}", arm, trial + 1, seed)
                  : fmt::format("{}, seed {}", arm, seed);
}

nlohmann::ordered_json RunSpec::identity() const {
  nlohmann::ordered_json json = {{"paper", paper}, {"arm", arm}, {"tuning", tuning()}, {"seed", seed}};
  if (quick) json["quick"] = true;
  if (function) {
    json["options"] = nlohmann::ordered_json::object();
    for (const auto& [key, value] : options) json["options"][key] = value;
  } else {
    TrainConfig of_any_place = config;
    of_any_place.data_dir.clear();
    json["config"] = config_json(of_any_place);
  }
  json["threads"] = threads;
  json["element"] = kRealName;
  json["version"] = 1;
  return json;
}

Plan::Plan(std::string paper, const Experiment& experiment, const PlanOptions& options)
    : paper_(std::move(paper)), experiment_(experiment), options_(options) {
  const int64 count = options.seeds.value_or(options.quick ? kQuickSeeds : experiment.seed_count());
  const int64 tuning = options.quick ? 1 : experiment.tuning_seed_count();
  if (count < (options.quick ? kQuickSeeds : kLeastSeeds))
    fail<UsageError>("{} seeds are too few for a verdict: {} or more are needed", count,
                     options.quick ? kQuickSeeds : kLeastSeeds);
  if (count > kMostSeeds || tuning > kMostSeeds || tuning < 1)
    fail<UsageError>("1 to {} seeds, not {} and {} for tuning", kMostSeeds, count, tuning);
  if (options.first_seed < 0 || options.first_seed > std::numeric_limits<int64>::max() - count)
    fail<UsageError>("first seed {}: no seeds from there on", options.first_seed);
  for (int64 k = 0; k < count; ++k) seeds_.push_back(options.first_seed + k);
  // Far above the seeds people take, and elsewhere for those who take these.
  const bool taken = seeds_.back() >= kTuningSeeds && seeds_.front() < kTuningSeeds + tuning;
  for (int64 k = 0; k < tuning; ++k) tuning_seeds_.push_back(kTuningSeeds * (taken ? 2 : 1) + k);

  for (const Arm& arm : experiment.arms()) {
    PlannedArm planned{&arm, "", {}, arm.options(), product(arm.grid())};
    if (!planned.is_function()) {
      const Experiment::NamedSetting& setting = setting_of(experiment, arm);
      planned.setting = setting.name;
      planned.config = setting.config;
      assign(planned.config, arm.changes());
      planned.config.data_dir = options.data_dir;
      planned.config.threads = options.threads;
      planned.config.tensorboard = false;  // runs leave an outcome and nothing else
      planned.config.save.clear();
      check(planned.config);
      refuse_looking(arm.name(), planned.config);
    }
    arms_.push_back(std::move(planned));
  }
  check_fairness();
  for (size_t i = 0; i < arms_.size(); ++i)
    for (size_t t = 0; t < arms_[i].trials.size(); ++t) tuning_run(i, t, 0);  // throws for unknown keys
  if (options.quick)
    for (PlannedArm& arm : arms_) arm.trials.resize(std::min<size_t>(arm.trials.size(), 1));
}

void Plan::check_fairness() const {
  if (arms_.empty()) fail<UsageError>("the experiment has no arm");
  const PlannedArm* tuned = nullptr;
  for (const PlannedArm& arm : arms_) {
    if (arm.trials.empty()) continue;
    if (!arm.arm->why_untuned().empty())
      fail<UsageError>("arm {} is said to have nothing to tune, and is tuned", arm.arm->name());
    if (tuned && tuned->trials.size() != arm.trials.size())
      fail<UsageError>("the comparison is not fair: arm {} has {} trials, arm {} has {}", tuned->arm->name(),
                       tuned->trials.size(), arm.arm->name(), arm.trials.size());
    tuned = &arm;
  }
  for (const PlannedArm& arm : arms_) {
    if (!tuned || !arm.trials.empty()) continue;
    if (!arm.is_function())
      fail<UsageError>("the comparison is not fair: arm {} has {} trials, arm {} none", tuned->arm->name(),
                       tuned->trials.size(), arm.arm->name());
    if (arm.arm->why_untuned().empty())
      fail<UsageError>(
          "arm {} is not tuned beside arm {}, which is; a function that has nothing to tune says so: "
          "untuned(\"why\")",
          arm.arm->name(), tuned->arm->name());
  }
  bool central = false;
  for (const auto& named : experiment_.claims()) {
    check_claim(experiment_, named);
    central |= named.claim.central;
  }
  if (!central) fail<UsageError>("an experiment needs a central claim");
}

int64 Plan::run_count() const {
  size_t count = 0;
  for (const PlannedArm& arm : arms_) count += arm.trials.size() * tuning_seeds_.size() + seeds_.size();
  return static_cast<int64>(count);
}

RunSpec Plan::run(size_t index, const OptionList& tuned, int64 seed) const {
  const PlannedArm& arm = arms_[index];
  RunSpec spec{.paper = paper_,
               .arm = arm.arm->name(),
               .seed = seed,
               .quick = options_.quick,
               .function = arm.is_function(),
               .config = arm.config,
               .options = arm.options,
               .threads = options_.threads};
  if (spec.function) {
    for (const auto& [key, value] : tuned) {
      const auto same = [&k = key](const auto& o) { return o.first == k; };
      std::erase_if(spec.options, same);
      spec.options.emplace_back(key, value);
    }
    return spec;
  }
  for (const auto& [key, value] : tuned) set_tuned(spec.config, key, value);
  spec.config.seed = seed;
  if (options_.quick) spec.config = quick_config(spec.config, experiment_.quick_changes(), options_.folder);
  return spec;
}

RunSpec Plan::tuning_run(size_t arm, size_t trial, int64 seed) const {
  RunSpec spec = run(arm, arms_[arm].trials[trial], seed);
  spec.trial = static_cast<int64>(trial);
  // What counts is the score at the end.
  spec.config.eval_every = std::numeric_limits<int64>::max();
  return spec;
}

RunSpec Plan::final_run(size_t arm, const OptionList& chosen, int64 seed) const {
  return run(arm, chosen, seed);
}

}  // namespace gradus
