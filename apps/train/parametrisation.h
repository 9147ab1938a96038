// --param: how the layers of a network stand on the weights that are trained.
//
//   standard                    layers compute with their weights
//   mup:base=128                first values, multipliers, step sizes and decay follow the width (nn/mup.h,
//                               optim/methods/width_scaling.h)
//   conditioned:mode=row        layers compute with conditioned weights (nn/weight_conditioning.h)
// Files of weights hold what the network computes with, so that they can be used without naming any of this; checkpoints hold what
// is trained.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/train/scaled_groups.h"
#include "core/options.h"
#include "nn/model.h"

namespace gradus {

struct ParametrisationEntry {
  std::string name, summary;
  std::vector<OptionInfo> options;
};
const std::vector<ParametrisationEntry>& parametrisations();
/// Throws UsageError for unknown names (with the nearest), options and values.
void check_parametrisation(const std::string& spec);

/// A model's parametrisation.
struct Parametrisation {
  /// On its parameters' options; empty: none.
  OptionFactors factors;
  /// Whether steps have to be of a size of their own, as Adam's, for the factors to hold.
  bool for_adam = false;
  /// Whether the weights before the first step must be those that were drawn (nothing loaded over them).
  bool wants_drawn_weights = false;
  /// What a user should know.
  std::vector<std::string> notes;
  /// The opposite of effective_state_dict: the trained weights behind given ones, in place.
  std::function<void(Model&)> unfold = [](Model&) {};
};
/// Applies `spec` to a model whose first values are drawn. Throws UsageError for models it does not fit.
Parametrisation parametrise(const std::string& spec, Model& model);

/// Throws UsageError, opened by --param, if a step of this optimizer grows with the gradient (as SGD's).
void check_steps_of_own_size(const std::string& optim);

}  // namespace gradus
