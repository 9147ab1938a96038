// Whitening by gains alone: the weights of a layer of interneurons are fixed, only how strongly each feeds back adapts.
//
// Paper: Duong, Lipshutz, Heeger, Chklovskii, Simoncelli, "Adaptive Whitening in Neural Populations with Gain-Modulating
//        Interneurons", ICML 2023, arXiv 2301.11955.
//   M = (alpha*I + W diag(g) W')^-1,  y = M x
//   online:  g <- g + lr*(mean over the batch of (W'y)^2 - 1);  offline: g <- g + lr*(diag(W' M C M' W) - 1);  clamp: g >= 0
//   g_opt = ((W'W) element-wise squared)^-1 diag(W' (C^(1/2) - I) W)
// The step is gradient ascent on min over y of E[||x - y||^2 + sum_i g_i((w_i'y)^2 - 1)].
#pragma once

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct LeakOptions {
  double alpha = 1;
  bool clamp = false;
  void visit(auto&& f) {
    f("alpha", alpha, "leak of the primary neurons", positive());
    f("clamp", clamp, "gains are not negative: what is contracted already stays so");
  }
};
struct GainWhiteningOptions : LeakOptions {
  double lr = 5e-3;
  void visit(auto&& f) {
    f("lr", lr, "step size of the gains", at_least(0));
    LeakOptions::visit(f);
  }
};

/// M (N,N) of W (N,K), g (K). Throws ShapeError, NumericError where the matrix is singular.
Tensor whitening_map(const Tensor& W, const Tensor& g, double alpha);

/// How far Cyy = M C M' is from the identity.
struct WhiteningError {
  double fro = 0;       ///< ||Cyy - I||_F^2/N^2
  double largest = 0;   ///< largest eigenvalue - 1 ("operator")
  double worst = 0;     ///< largest |lambda_i - 1|, contracted directions too
  double spectral = 0;  ///< mean of (lambda_i - 1)^2; with clamp of max(lambda_i - 1, 0)^2
};
WhiteningError whitening_error(const Tensor& W, const Tensor& g, const Tensor& covariance,
                               const LeakOptions& options = {});

/// One batch x (N,B), columns are samples: moves g and returns Y (N,B), from the gains before.
Tensor gain_step_online(const Tensor& W, Tensor& g, const Tensor& x, const GainWhiteningOptions& options);
/// One step on the covariance (N,N).
void gain_step_offline(const Tensor& W, Tensor& g, const Tensor& covariance,
                       const GainWhiteningOptions& options);
/// g_opt (K), exact where W has N(N+1)/2 columns. Throws NumericError where the squared Gram matrix is singular.
Tensor optimal_gains(const Tensor& W, const Tensor& covariance);

/// The three directions of the plane 120 degrees apart: (2,3).
Tensor mercedes_frame();
/// All pixels of a height x width image and all pairs of near ones: columns e_p, then (e_p + e_q)/sqrt 2 for p < q with row
/// distance < window_height and column distance < window_width. (height*width, K).
Tensor local_frame(int64 height, int64 width, int64 window_height, int64 window_width);

}  // namespace gradus
