// From the figures of arms to verdicts: a one-sided t-test at 5 % over the seeds, paired where two arms are compared,
// against the claim's margin or bound.
//   shown         the one-sided 95 % bound of the mean lies beyond the margin
//   not shown     the one-sided 95 % bound of the other side lies short of it: the margin is excluded
//   within noise  neither: more seeds would tell
// Where all seeds give the same figure there is no noise, and the figure decides; on the margin itself a claim holds, but
// for "better", which needs a difference.
//
// A diverged run counts as a bad score, never as none: 0 for a metric of which more is better (twice the worst where that is
// negative), twice the worst finite value of any arm for one of which less is better, beyond the bound if there is one. A claim for an arm
// of which every run diverged is not shown.
#pragma once

#include "apps/papers/experiment.h"

namespace gradus {

/// Throws UsageError for an arm that is not there, a metric that a run does not report, fewer than two seeds.
ClaimRecord judge(const std::string& text, const Claim& claim, const std::vector<ArmRecord>& arms);

/// The weakest of the central claims: not shown before within noise before shown. Throws UsageError without one.
Verdict paper_verdict(const std::vector<ClaimRecord>& claims);

}  // namespace gradus
