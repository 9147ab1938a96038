// Encoders of spectrograms before the head of soundscape_head.h.
//
// Paper: as soundscape_head.h. An encoder: blocks of convolution 3x3, batch norm, relu, mean over 2x2; then the mean over bands.
//   joint: (mu, log_sigma) = head(encode_a(ambient), encode_m(masker), gain); no masker: features 0 at -60 dB
//   mixed: features of the mix itself take both places (cond none): an encoder pass for every pair of masker and gain
#pragma once

#include "nn/layers/conv.h"
#include "nn/layers/norm.h"
#include "nn/signals/soundscape_head.h"

namespace gradus {

struct SoundscapeNetworkOptions : SoundscapeHeadOptions {
  bool joint = true;
  std::vector<int64> channels = {16, 32, 48, 64};
  int64 gain_hidden = 32, out_hidden = 32;
};
inline constexpr double kNoMaskerGain = -60;

/// Levels in dB (B,T,F), T and F divisible by 2^blocks -> features (B,T',D).
class SoundEncoder : public Module {
 public:
  explicit SoundEncoder(const std::vector<int64>& channels);
  Tensor forward(const Input& levels) override;

 private:
  std::vector<Conv2d*> convolutions_;
  std::vector<BatchNorm2d*> norms_;
};

class SoundscapeNetwork : public Module {
 public:
  explicit SoundscapeNetwork(const SoundscapeNetworkOptions& options);
  /// Features of ambient sounds; with joint = false of mixes.
  Tensor encode(const Tensor& levels) { return ambient_(levels); }
  /// Features of maskers (joint alone).
  Tensor encode_masker(const Tensor& levels);
  /// joint: features of ambient and masker (B,T',D), gain_db (B). Else: features of the mix, the others undefined.
  SoundscapePrediction predict(const Tensor& features, const Tensor& masker = {}, const Tensor& gain_db = {});
  /// mu (B) of levels (B,T,F) as they are: of ambient sounds without a masker, of mixes.
  Tensor forward(const Input& levels) override;
  const SoundscapeNetworkOptions& options() const { return options_; }

 private:
  SoundscapeNetworkOptions options_;
  SoundEncoder& ambient_;
  SoundEncoder* masker_ = nullptr;
  ParamSlot gain_w1_, gain_b1_, gain_w2_, gain_b2_, aug_w_, aug_b_, q_w_, k_w_, v_w_, out_w1_, out_b1_,
      out_w2_, out_b2_, score_v_;
};

}  // namespace gradus
