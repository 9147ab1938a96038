#include "apps/papers/harness.h"

#include <algorithm>
#include <deque>

#include "apps/papers/tuning.h"
#include "apps/papers/verdict.h"
#include "apps/train/run_summary.h"
#include "core/error.h"

namespace gradus {
namespace {

// A run to do and where its outcome goes.
struct Job {
  RunSpec run;
  size_t arm, place;
};

// What is known of an arm so far.
struct ArmState {
  std::vector<std::optional<Outcome>> tried, final;  // by trial and tuning seed; by seed
  TuningResult tuning;
  bool chosen = false;
};

class ExperimentRun {
 public:
  ExperimentRun(const Plan& plan, const Store& store, Crew& crew, PaperProgress& progress)
      : plan_(plan), store_(store), crew_(crew), progress_(progress), arms_(plan.arms().size()) {}

  Record run(const std::function<bool()>& stop) {
    progress_.begin(plan_.run_count(), crew_.slots());
    for (size_t i = 0; i < arms_.size(); ++i) begin_arm(i);
    if (done_)
      progress_.message(
          fmt::format("{}: {} of {} runs are finished already", plan_.paper(), done_, plan_.run_count()));
    while (!waiting_.empty() || !running_.empty()) {
      if (stop()) throw Interrupted();
      while (!waiting_.empty() && static_cast<int>(running_.size()) < crew_.slots()) {
        const Job job = waiting_.front();
        waiting_.pop_front();
        running_.push_back(job);
        crew_.start(job.run, job.arm, arms_[job.arm].tuning.chosen);
      }
      const std::vector<RunSpec> finished = crew_.wait([&](const std::vector<double>& shares) {
        std::vector<std::string> labels;
        for (const Job& job : running_) labels.push_back(job.run.label());
        progress_.running(labels, shares);
        return stop();
      });
      for (const RunSpec& run : finished) finish(run);
    }
    return record();
  }

 private:
  void begin_arm(size_t i) {
    const PlannedArm& arm = plan_.arms()[i];
    arms_[i].final.resize(plan_.seeds().size());
    arms_[i].tried.resize(arm.trials.size() * plan_.tuning_seeds().size());
    for (size_t t = 0; t < arm.trials.size(); ++t)
      for (size_t k = 0; k < plan_.tuning_seeds().size(); ++k)
        add({plan_.tuning_run(i, t, plan_.tuning_seeds()[k]), i, t * plan_.tuning_seeds().size() + k});
    choose_if_tried(i);
  }

  std::vector<std::optional<Outcome>>& places(const Job& job) {
    return job.run.tuning() ? arms_[job.arm].tried : arms_[job.arm].final;
  }

  void add(Job job) {
    if (std::optional<Outcome> stored = store_.load(job.run)) {
      ++done_;
      progress_.finished(stored->seconds);
      places(job)[job.place] = std::move(stored);
    } else {
      waiting_.push_back(std::move(job));
    }
  }

  // The final runs of an arm follow its last trial.
  void choose_if_tried(size_t i) {
    ArmState& state = arms_[i];
    const auto tried = [](const auto& o) { return o.has_value(); };
    if (state.chosen || !std::all_of(state.tried.begin(), state.tried.end(), tried)) return;
    state.chosen = true;
    std::vector<Outcome> outcomes;
    for (const auto& o : state.tried) outcomes.push_back(*o);
    if (!outcomes.empty())
      state.tuning =
          choose(*plan_.arms()[i].arm, plan_.arms()[i].trials, outcomes, plan_.experiment().tuned_for());
    for (size_t k = 0; k < plan_.seeds().size(); ++k)
      add({plan_.final_run(i, state.tuning.chosen, plan_.seeds()[k]), i, k});
  }

  void finish(const RunSpec& run) {
    const auto found = std::find_if(running_.begin(), running_.end(), [&](const Job& job) {
      return job.run.arm == run.arm && job.run.trial == run.trial && job.run.seed == run.seed;
    });
    const Job job = *found;
    running_.erase(found);
    // As it was stored, so that a resumed experiment sees the same.
    std::optional<Outcome> outcome = store_.load(run);
    if (!outcome) fail<DataError>("{}: not there, although the run is finished", store_.path_of(run));
    progress_.finished(outcome->seconds);
    if (outcome->diverged) progress_.message(fmt::format("{}: diverged: {}", run.label(), outcome->note));
    places(job)[job.place] = std::move(outcome);
    choose_if_tried(job.arm);
  }

  Record record() const {
    Record record;
    record.slug = plan_.paper();
    record.seeds = plan_.seeds();
    record.quick = plan_.options().quick;
    double seconds = 0;
    for (size_t i = 0; i < arms_.size(); ++i) {
      record.arms.push_back(arm_record(i));
      for (const auto* list : {&arms_[i].tried, &arms_[i].final})
        for (const auto& outcome : *list) seconds += outcome->seconds;
    }
    record.minutes = seconds / 60 / crew_.slots();
    for (const auto& named : plan_.experiment().claims())
      record.claims.push_back(judge(named.text, named.claim, record.arms));
    record.verdict = paper_verdict(record.claims);
    return record;
  }

  ArmRecord arm_record(size_t i) const {
    const PlannedArm& arm = plan_.arms()[i];
    const TuningResult& tuning = arms_[i].tuning;
    ArmRecord record{.name = arm.arm->name(), .setting = arm.setting};
    const RunSpec run = plan_.final_run(i, tuning.chosen, plan_.seeds()[0]);
    record.config = config_of(run);
    if (!run.function) {
      TrainConfig of_any_seed = run.config;
      of_any_seed.seed = TrainConfig{}.seed;
      of_any_seed.data_dir.clear();
      record.command = train_line(of_any_seed);
    }
    record.untuned = arm.arm->why_untuned();
    record.tuned_for = tuning.trials.empty() ? "" : tuning.metric;
    record.trials = tuning.trials;
    for (const auto& [key, value] : tuning.chosen) record.chosen[key] = value;
    record.warnings = tuning.warnings;
    record.seeds = plan_.seeds();
    for (const auto& outcome : arms_[i].final) record.outcomes.push_back(*outcome);
    return record;
  }

  const Plan& plan_;
  const Store& store_;
  Crew& crew_;
  PaperProgress& progress_;
  std::vector<ArmState> arms_;
  std::deque<Job> waiting_;
  std::vector<Job> running_;
  int64 done_ = 0;  // before this command
};

}  // namespace

Record run_experiment(const Plan& plan, const Store& store, Crew& crew, PaperProgress& progress,
                      const std::function<bool()>& stop) {
  return ExperimentRun(plan, store, crew, progress).run(stop);
}

}  // namespace gradus
