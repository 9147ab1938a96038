// Runs the trials of a sweep: one after the other in this process, or several at once in processes of their own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/sweep/plan.h"

namespace gradus {

/// A folder with sweep.json (the plan) and a run directory for each trial and seed, trial-1-s0, ...; what has been done is told by
/// these alone.
struct SweepFolder {
  std::string path;
  std::string file(const std::string& name) const { return path + "/" + name; }
  std::string run(size_t trial, int64 seed_number) const;
};

/// What came of a trial so far.
struct SweepResult {
  size_t trial = 0;
  std::vector<double> scores;  ///< of the seeds that have one, of the best weights
  double mean = 0, deviation = 0;
  double steps = 0, seconds = 0;
  std::string state;  ///< "finished", "rung 2 of 3", "not run", "failed: ..."
  bool finished = false;
};

struct SweepOptions {
  int jobs = 1;
  /// Seconds after which nothing more is trained; what runs is saved.
  std::optional<double> budget;
  std::function<bool()> stop = nullptr;                   ///< asked between steps
  std::function<void(const std::string&)> say = nullptr;  ///< a line for the user
  std::function<void(int64 done, int64 all)> progress = nullptr;
};

/// Trains what is left to train. False if it was stopped or the budget is spent; everything is saved then, and another call goes on.
/// A trial that fails (diverges, makes no sense on these data) is noted and the others go on.
/// Successive halving (Jamieson, Talwalkar, AISTATS 2016, arXiv 1502.07943, figure 3), with plan.halving = e >= 2: all trials train
/// for a part of the length, the best 1/e of them by the mean score of their seeds go on to e times that, until the few last ones
/// have all of it. Departure: a run that goes on resumes its checkpoint, whose schedule has ended with the shorter length.
bool run_sweep(const SweepFolder& folder, const SweepPlan& plan, const SweepOptions& options);

/// Parts of the length by rung: {1/9, 1/3, 1} for 9 to 26 trials and e = 3.
std::vector<std::pair<int64, int64>> rungs_of(const SweepPlan& plan);
/// All trials with what they have come to, the best first: those with more of the length before those with less.
std::vector<SweepResult> sweep_results(const SweepFolder& folder, const SweepPlan& plan);
/// Whether more is better, by the metric of the trials' settings. Found from their runs; true where there is none yet.
bool larger_is_better(const SweepFolder& folder, const SweepPlan& plan, std::string& metric);

}  // namespace gradus
