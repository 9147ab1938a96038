// Steering vectors from texts: what `gradus steer` computes (nn/steering/steering.h says how).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/steering/probe_training.h"
#include "apps/steering/steering_file.h"
#include "data/dataset.h"
#include "nn/model.h"

namespace gradus {

/// The modules that a layer's name means: glob patterns, the ends of paths, numbers of blocks, joined by '+'; "*" and "" are the
/// blocks themselves. Throws UsageError for one that names none, listing the blocks.
std::vector<std::string> steered_modules(Model& model, const std::string& layers);

/// Hidden states of texts in these modules, (N,L,d): of each text's last token or, with `mean`, the mean over its tokens. A text that
/// is longer than the model's context loses its beginning. `each` is told how many are done; it may throw. Throws UsageError where a
/// module's output is no row of numbers a token, or widths differ.
Tensor text_activations(TokenModel& model, const std::vector<std::string>& modules,
                        const std::vector<std::vector<int64>>& texts, bool mean,
                        const std::function<void(int64 done)>& each = {});

struct SteeringSearchOptions : ProbeTrainingOptions {
  int64 clusters = 1;
};
struct FoundSteering {
  std::vector<SteeredModule> modules;
  std::vector<int64> members;  ///< texts of each cluster
  std::vector<double>
      probe_accuracies;  ///< of each module on the texts it was trained on; empty for one vector
};
/// Activations (N,L,d) in the target concept and as the model is by itself; row i of both is of one prompt. One vector: the difference
/// of means, for which the numbers of texts may differ. Throws UsageError where several are asked of texts that are no pairs or too few.
FoundSteering search_steering(const std::vector<std::string>& modules, const Tensor& target,
                              const Tensor& standard, const SteeringSearchOptions& options, Rng rng);

}  // namespace gradus
