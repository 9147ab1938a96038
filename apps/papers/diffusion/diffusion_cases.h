// The functions of `diffusion-baselines` on small numbers, and what the papers' functions share.
#pragma once

#include <vector>

#include "apps/papers/case_function.h"
#include "nn/diffusion/gaussian_oracle.h"
#include "nn/diffusion/sampling.h"

namespace gradus {

std::vector<CaseFunction> diffusion_baseline_functions();

namespace diffusion_cases {

/// The options of every function that samples from the mixture.
struct SampleCase {
  int64 num_steps = 50;
  NoiseScheduleOptions noise;
  void visit_sampling(auto&& f) {
    f("num_steps", num_steps, "levels on the way", at_least(1));
    f("schedule", noise.schedule, "noise by level", choices({"cosine-clamped", "cosine", "linear"}));
    f("num_train_steps", noise.num_train_steps, "levels of noise", at_least(1));
    f("beta_start", noise.beta_start, "linear: the first beta", decay_rate());
    f("beta_end", noise.beta_end, "linear: the last beta", decay_rate());
  }
};
/// x, labels, means, covariances, priors, then `more`.
std::vector<CaseSlot> oracle_slots(std::vector<CaseSlot> more = {});
/// DDIM (eta 0) of the mixture from x.
Sampled sample_oracle(const SampleCase& o, const CaseValues& in, Guidance& guidance,
                      const std::string& skip = "none");

/// Evaluations by sample (B).
IntTensor evaluation_counts(const Sampled& sampled);
/// One level from the scalar `name`.
NoiseLevel level_of(const CaseValues& in, const std::string& name);
/// x (T,...) at its first index.
Tensor step_of(const Tensor& x, int64 i);

}  // namespace diffusion_cases
}  // namespace gradus
