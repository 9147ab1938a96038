// One direction out of the gradients of several losses, where their sum would let one loss win against another.
//
// Papers: ConFIG, M-ConFIG: Liu, Chu, Thuerey, "ConFIG: Towards Conflict-free Training of Physics Informed Neural
//         Networks", ICLR 2025, arXiv 2408.11104 (details as tum-pbs/ConFIG); PCGrad: Yu et al., "Gradient Surgery for
//         Multi-Task Learning", NeurIPS 2020, arXiv 2001.06782; IMTL-G: Liu et al., "Towards Impartial Multi-task
//         Learning", ICLR 2021.
//
//   u_i = g_i/||g_i|| (0 for g_i = 0), all parameters one vector
//   config:   d = U^+ (1, ..., 1), U the rows u_i;  dhat = d/||d||;  g = sum_i <g_i, dhat> * dhat
//             two losses: dhat along the sum of the unit parts of each gradient orthogonal to the other
//             length: |g| = sum_i l*<u_i, dhat> with l the min, mean or harmonic mean, max of ||g_i||, for projection
//   pcgrad:   p_i = g_i;  for j != i in order: p_i -= min(0, <p_i, g_j>)/||g_j||^2 * g_j;   sum of the p_i
//   imtl-g:   the combination of the g_i (coefficients of sum 1) with equal <g, u_i>
//   m-config: see MomentumConfig
//
//   std::vector<Tensor> g = {flatten_all(grads of loss 1), flatten_all(grads of loss 2)};
//   const Tensor step = config_direction(g);                     // hand it to any rule as the gradient
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"
#include "optim/state.h"

namespace gradus {

struct ConfigOptions {
  std::string length = "projection";
  void visit(auto&& f) {
    f("length", length, "what the length of the direction follows: the gradients' projections, or their",
      choices({"projection", "min", "max", "mean", "harmonic"}));
  }
};

/// The direction with the same positive cosine to all of `gradients` (each (p)). One gradient: itself. Parallel
/// gradients: their sum; two that are opposite, or of which one is zero: zeros. Collinear gradients among three and more
/// are served by the pseudo-inverse (singular values below 1e-6 of the largest count as zero).
/// Throws ShapeError for gradients of different sizes, UsageError for none, NumericError where one is not finite.
Tensor config_direction(std::span<const Tensor> gradients, const ConfigOptions& options = {});
/// Each gradient with its parts against the others taken out, summed up. Throws as config_direction.
Tensor pcgrad_direction(std::span<const Tensor> gradients);
/// The combination of the gradients that goes equally far along all of them. Throws as config_direction.
Tensor imtlg_direction(std::span<const Tensor> gradients);

struct MomentumConfigOptions {
  int64 num_losses = 2;
  double beta1 = 0.9, beta2 = 0.999;
  void visit(auto&& f) {
    f("num_losses", num_losses, "losses that take turns", at_least(1));
    f("beta1", beta1, "decay of each gradient's mean", decay_rate());
    f("beta2", beta2, "decay of the second moment of the pseudo-gradient", decay_rate());
  }
};

/// M-ConFIG: one loss is differentiated a step, the others are remembered by their momenta. What combine() gives is the
/// gradient of plain SGD (it is already divided by a second moment: no Adam on top).
///   t_j += 1;  m_j = beta1*m_j + (1-beta1)*g;       zeros until every loss has been seen;  then t += 1 and
///   G = config(m_i/(1-beta1^t_i));   f' = G*(1-beta1^t);  pg = (f' - beta1*f)/(1-beta1);  f = f'
///   s = beta2*s + (1-beta2)*pg^2;    result G/(sqrt(s/(1-beta2^t)) + 1e-8)
class MomentumConfig {
 public:
  explicit MomentumConfig(const MomentumConfigOptions& options = {}) : options_(options) {}
  /// The step for the gradient (p) of loss `index` (0 <= index < num_losses, else UsageError). Throws as
  /// config_direction; nothing has changed then.
  Tensor combine(int64 index, const Tensor& gradient);
  /// Everything needed to continue bit for bit.
  SavedState save_state() const;
  void load_state(const SavedState& saved);

 private:
  MomentumConfigOptions options_;
  State state_;
};

}  // namespace gradus
