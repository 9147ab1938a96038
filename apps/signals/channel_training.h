// Training a network to tell a radio channel's grid from its pilots.
//
// Paper: Guler, Jafarkhani, "AdaFortiTran: An Adaptive Transformer Model for Robust OFDM Channel Estimation", IEEE ICC 2025.
//   loss: mean of squares over real and imaginary parts, which pass the same network; Adam, the step size falls to 0 by a cosine
// Departures: a cosine in place of a factor 0.995 an epoch, no early stopping, no dropout.
#pragma once

#include <functional>

#include "data/signals/channel_estimators.h"
#include "nn/signals/fortitran_network.h"

namespace gradus {

struct ChannelTrainingOptions {
  double lr = 1e-3;
  int64 batch_size = 32, epochs = 6;
  void visit(auto&& f) {
    f("lr", lr, "step size of Adam at the start", positive());
    f("batch_size", batch_size, "frames of a step", at_least(1));
    f("epochs", epochs, "passes over the frames", at_least(0));
  }
};
/// Trains in place; `after_step` hears the share done and the loss. Frames in an order drawn from rng; a last partial batch is left
/// out. Throws UsageError for fewer frames than a batch, NumericError for a loss that is not finite.
void train_channel_network(FortitranNetwork& network, const OfdmFrames& frames,
                           const ChannelTrainingOptions& options, const Rng& rng,
                           const std::function<void(double done, double loss)>& after_step);

ChannelEstimate network_estimate(const FortitranNetwork& network, const OfdmFrames& frames);

}  // namespace gradus
