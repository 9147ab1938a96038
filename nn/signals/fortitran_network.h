// The parameters of a channel estimator, by name, with their first values.
//
// Paper: Guler, Jafarkhani, "AdaFortiTran: An Adaptive Transformer Model for Robust OFDM Channel Estimation", IEEE ICC 2025.
// Kinds: adafortitran; fortitran, the same without the adapter; transformer, without the convolutions too; linear, `up` alone.
#pragma once

#include <array>
#include <span>

#include "autograd/parameter.h"
#include "core/rng.h"
#include "nn/signals/adafortitran.h"

namespace gradus {

struct FortitranSize : FortitranOptions {
  std::string kind = "adafortitran";
  int64 pilot_rows = 12, pilot_columns = 2, subcarriers = 120, symbols = 14;
  std::array<int64, 3> conv_channels = {8, 32, 8};
  int64 width = 128, num_layers = 6, feed_forward = 256, num_positions = 512;
  std::array<int64, 2> adapter_hidden = {7, 42};
  FortitranSize() { num_heads = 4; }
};

class FortitranNetwork {
 public:
  /// Weights uniform within 1/sqrt(inputs), positions of deviation 0.02. Throws UsageError for a kind that is none, ShapeError
  /// for patches that do not cover the grid, more patches than positions, heads that do not divide the width.
  FortitranNetwork(const FortitranSize& size, const Rng& rng);
  const Parameters& parameters() const { return parameters_; }
  const FortitranSize& size() const { return size_; }
  /// One real part: pilots (B,ps,pm), conditions (B,3) (adafortitran alone) -> (B,S,M), by values in the order of parameters().
  Tensor estimate(std::span<const Tensor> values, const Tensor& pilots, const Tensor& conditions) const;

 private:
  void add(const std::string& name, ParamKind kind, const Shape& shape, int64 inputs, const Rng& rng);

  FortitranSize size_;
  Parameters parameters_;
};

}  // namespace gradus
