// The coordinate check of muP: how far the outputs of a network's layers move in its first steps, by width.
//
// Yang et al., "Tensor Programs V", 2022, arXiv 2203.03466, appendix D.1. With muP the root mean square of what every layer moves by in
// a few steps tends to a constant as the network gets wider (exponent 0 of the width); in the standard parametrisation it grows, so
// that the step size must shrink.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/train/config.h"

namespace gradus {

struct MupCheck {
  struct Layer {
    std::string name;
    std::vector<double> moved;  ///< rms of the change of its outputs, one a width
    double exponent = 0;        ///< least-squares slope of log moved over log width; NaN where nothing moved
  };
  std::vector<int64> widths;
  std::vector<Layer> layers;
  /// The exponent farthest from 0.
  double worst() const;
};
/// Trains `config`'s model at each width for `steps` steps on the run's batches and compares the outputs of all layers with weights
/// on one batch before and after. config.param as in training; `steps` of the config are not looked at. `watch` is asked before each
/// width with its number. Throws as Trainer, and NumericError where an output is not finite.
MupCheck check_mup(TrainConfig config, const std::vector<int64>& widths, int64 steps,
                   const std::function<void(size_t)>& watch = nullptr);

}  // namespace gradus
