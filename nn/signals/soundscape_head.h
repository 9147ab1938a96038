// A masker and its gain laid over a soundscape in feature space, and how pleasant the mix will be called.
//
// Paper: Watcharasupat, Ooi, Lam, Wong, Ong, Gan, "Autonomous In-Situ Soundscape Augmentation via Joint Selection of Masker and
//        Gain", IEEE Signal Processing Letters 29, 2022, doi 10.1109/LSP.2022.3194419.
//   gam = gain_db/20;  film: [alpha, beta] = relu(gam gain_w1' + gain_b1) gain_w2' + gain_b2, Fm' = alpha*Fm + beta
//   concat: Fm' = Fm and gam is a last column of aug's input;  none: Fm' = Fm
//   Z = relu([Fs ; Fm'] aug_w' + aug_b);  q = Fs q_w', k = Z k_w', v = Z v_w'
//   o = softmax(scores) v, mean over the query's times;  relu(o out_w1' + out_b1) out_w2' + out_b2 -> (mu, log_sigma)
// Scores: dot q.k/sqrt D; multihead the same in slices; additive sum(score_v*tanh(q_i + k_j)). Form and sizes of the block are our
// reconstruction.
#pragma once

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

struct SoundscapeHeadOptions {
  std::string cond = "film", attention = "dot";
  int64 num_heads = 1;
  void visit(auto&& f) {
    f("cond", cond, "how the gain enters", choices({"film", "concat", "none"}));
    f("attention", attention, "how soundscape and mix are compared",
      choices({"dot", "additive", "multihead"}));
    f("num_heads", num_heads, "slices of multihead", at_least(1));
  }
};
struct SoundscapeHead {
  Tensor gain_w1, gain_b1, gain_w2, gain_b2;  ///< (E,1), (E), (2D,E), (2D)
  Tensor aug_w, aug_b;                        ///< (D,2D), concat (D,2D+1); (D)
  Tensor q_w, k_w, v_w;                       ///< (D,D)
  Tensor out_w1, out_b1, out_w2, out_b2;      ///< (H,D), (H), (2,H), (2)
  Tensor score_v;                             ///< (D), for additive
};
struct SoundscapePrediction {
  Tensor augmented;      ///< Z (B,T,D)
  Tensor mu, log_sigma;  ///< (B), log_sigma unclamped
};
/// features_soundscape, features_masker (B,T,D), gain_db (B). Throws ShapeError, UsageError for heads that do not divide D.
SoundscapePrediction soundscape_prediction(const SoundscapeHead& head, const Tensor& features_soundscape,
                                           const Tensor& features_masker, const Tensor& gain_db,
                                           const SoundscapeHeadOptions& options = {});

}  // namespace gradus
