// Coordinate network on Fourier features that come one after the other, and only where the field does not fit yet.
//
// Paper: Hertz, Perel, Giryes, Sorkine-Hornung, Cohen-Or, "SAPE: Spatially-Adaptive Progressive Encoding for Neural Optimization",
//        NeurIPS 2021, arXiv 2104.09125.
//   y = mlp(e(x)*m(x)),  e of nn/fields/fourier_features.h, m of nn/fields/sape_mask.h
// Departures: the coordinates of a batch are recorded, not of all samples; where they lie beyond [-1,1], m is that of the border.
#pragma once

#include "nn/fields/loss_watcher.h"
#include "nn/fields/sape_mask.h"
#include "nn/layers/container.h"
#include "nn/layers/linear.h"
#include "nn/model.h"

namespace gradus {

/// x (N, one to three coordinates) -> (N, targets).
class Sape : public ImageModel, public LossWatcher {
 public:
  static constexpr Task kTask = Task::kRegression;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 hidden = 64, layers = 2, frequencies = 64, res = 16, iterations = 2000;
    double sigma = 10, epsilon = 1e-3;
    std::string channels = "sape";
    void visit(auto&& f) {
      f("hidden", hidden, "units of each hidden layer", at_least(1));
      f("layers", layers, "hidden layers", at_least(1));
      f("frequencies", frequencies, "of the encoding: a sine and a cosine each", at_least(1));
      f("sigma", sigma, "deviation of the frequencies, in periods over half a side", positive());
      f("channels", channels, "of the encoding: by the mask, all from the start, the coordinates alone",
        choices({"sape", "all", "identity"}));
      f("res", res, "cells of the mask along an axis", between(3, 1000));
      f("epsilon", epsilon, "a cell whose loss is not above this gets no more channels", at_least(0));
      f("iterations", iterations, "steps that the mask's course is made for: all channels after half of them",
        at_least(1));
    }
  };
  /// Throws UsageError for more than three inputs.
  Sape(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  void watch(std::span<const Tensor> targets) override;
  std::string describe() const override { return "Sape"; }

 private:
  // The mask's state lies in buffers, so that it is saved and put back with the weights.
  SapeMask mask() const;
  void keep(const SapeMask& mask);

  Options options_;
  int64 dim_, columns_;
  ParamSlot frequencies_;
  ModuleList<Linear>& net_;
  Linear& head_;
  Tensor &mask_, &log_, &count_, &in_progress_, &course_;  // course: cur, next, iteration
  struct Seen {
    GridCorners corners;
    Tensor output;
  };
  std::vector<Seen> seen_;  // of the training passes since watch()
};

}  // namespace gradus
