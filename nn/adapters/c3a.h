// C3A: the update of a weight is block-circulant, so that few numbers make a matrix of full rank.
//
// Paper: Chen, Cheng, Liu, Gao, Tsung, Li, Li, "Parameter-Efficient Fine-Tuning via Circular Convolution", ACL 2025,
//        arXiv 2407.19342.
//   kernel w (m,n,b), a weight of m*b outputs and n*b inputs:  C[p*b + t, q*b + j] = w[p,q,(j - t) mod b]
//   y = x (W0 + C/(n*b))' + bias;  1/(n*b), the number of inputs, belongs to the method
//   block by block y_p += 1/(n*b) * IFFT( sum_q conj(FFT(w_pq)) .* FFT(x_q) ): a circular correlation
// Gradients are those of these formulas; the released code sends down an input gradient that is none for b > 2.
#pragma once

#include "core/options.h"
#include "nn/layers/layer_adapter.h"

namespace gradus {

/// C (m*b, n*b) of a kernel (m,n,b). Throws ShapeError for another rank.
Tensor block_circulant(const Tensor& kernel);
/// x C' without C, by Fourier transforms: x (..., n*b) -> (..., m*b). Throws ShapeError.
Tensor block_correlation(const Tensor& x, const Tensor& kernel);
/// W0 + C/(n*b). Throws ShapeError where the kernel does not fit the weight.
Tensor c3a_weight(const Tensor& W0, const Tensor& kernel);

struct C3aOptions {
  int64 block = 0;
  std::string init = "xavier_uniform", route = "auto";
  void visit(auto&& f) {
    f("block", block, "numbers a block; divides inputs and outputs; 0: the greatest that does", at_least(0));
    f("init", init, "first values of the kernel",
      choices({"xavier_uniform", "zeros", "gaussian", "kaiming_uniform"}));
    f("route", route, "direct: C is made; fft; auto: fft for blocks above 64",
      choices({"auto", "direct", "fft"}));
  }
};

/// Parameter c3a_kernel (m,n,b).
class C3aAdapter : public LinearAdapter {
 public:
  /// Throws UsageError where the block does not divide both sizes.
  C3aAdapter(int64 in, int64 out, const C3aOptions& options);
  Tensor output(const Tensor& x, const Tensor& weight, const Tensor& bias) override;
  Tensor merged_weight(const Tensor& weight) override;
  std::string describe() const override;

  ParamSlot kernel;

 private:
  bool fft_;
};

}  // namespace gradus
