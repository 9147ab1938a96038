// What the experiments of this family share: a federation run to its end.
#pragma once

#include "apps/federated/config.h"
#include "apps/papers/experiment.h"

namespace gradus {

struct FederatedOutcome {
  bool diverged = false;
  std::string note;
  double accuracy = 0;  ///< mean of the last ten evaluations; 0 if it diverged
  Curve test_accuracy;  ///< by round
  /// The first round whose evaluation reached this; `otherwise` if none did.
  double rounds_to(double target, double otherwise) const;
};
/// Trains; a run that diverges is an outcome. `done` of `all` such runs came before in this trial.
FederatedOutcome run_federation(const Trial& trial, const FederatedConfig& config, int64 done = 0,
                                int64 all = 1);
/// The same on data other than those that the settings name.
FederatedOutcome run_federation(const Trial& trial, const FederatedConfig& config, const Data& data,
                                int64 done, int64 all);

/// The config's images as vectors, those of client i multiplied by s_i, whose logarithm to base 10 is uniform in -0.5 .. 0.5: the
/// smoothness that clients see then spans a factor of 100. Test images stay.
Data scaled_by_client(const Trial& trial, const FederatedConfig& config);

/// A perceptron of one hidden layer of 64 on images divided among 100 clients, ten a round; smaller if the trial is quick.
FederatedConfig small_federation(const Trial& trial, const std::string& data, double alpha);

}  // namespace gradus
