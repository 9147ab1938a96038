// The projection of AdamP and SGDP, which keeps scale-invariant weights from growing.
// Paper: Heo, Chun, Oh, Han, Yun, Kim, Uh, Ha, "AdamP: Slowing Down the Slowdown for Momentum Optimizers on
//        Scale-invariant Weights", ICLR 2021, arXiv 2006.08217, equations (8) to (12).
#pragma once

#include "optim/rule.h"

namespace gradus {

struct Projection {
  double delta = 0.1, wd_ratio = 0.1;
  void visit(auto&& f) {
    f("delta", delta, "a tensor counts as scale-invariant if cosines stay below delta/sqrt(row length)",
      at_least(0));
    f("wd_ratio", wd_ratio, "factor on the decay of scale-invariant tensors", at_least(0));
  }

  /// For tensors of rank >= 2, rows r = output channels, else the whole tensor as one row: if
  /// |cos(g_r, w_r)| < delta/sqrt(row length) in all rows, d_r <- d_r - n_r <n_r, d_r> with n_r = w_r/(||w_r|| + eps).
  /// Returns the factor on the weight decay: wd_ratio where it has projected, else 1.
  double apply(const Param& p, Tensor& d, double eps) const;
};

}  // namespace gradus
