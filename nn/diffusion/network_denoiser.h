// A trained network as samplers see it, and what it is trained on.
#pragma once

#include "autograd/graph.h"
#include "nn/diffusion/denoiser.h"
#include "nn/diffusion/prediction.h"
#include "nn/model.h"

namespace gradus {

/// The time a model is told for level t of T: t/T.
Tensor level_times(std::span<const int64> t, int64 num_train_steps);

/// Rows go through in evaluation mode, at most `batch` at a time. `extra` (B,C',H,W), if given, stands behind the channels of every
/// x (a condition image); rows of x are then those of `extra` in order.
class NetworkDenoiser : public Denoiser {
 public:
  NetworkDenoiser(Model& model, DenoiserOutput prediction, int64 num_train_steps, Tensor extra = {},
                  int64 batch = 128)
      : model_(model),
        prediction_(prediction),
        num_train_steps_(num_train_steps),
        extra_(std::move(extra)),
        batch_(batch) {}
  Tensor denoise(const Tensor& x, const NoiseLevel& level, const IntTensor& classes) override;

 private:
  Model& model_;
  DenoiserOutput prediction_;
  int64 num_train_steps_;
  Tensor extra_;
  int64 batch_;
};

}  // namespace gradus
