// How undecided a prediction is: what adaptation without labels makes small.
//
// Paper: Wang, Shelhamer, Olshausen, Darrell, "Dynamic Scale Inference by Entropy Minimization", 2019, arXiv 1908.03182.
//   p = softmax(z);  H_i = - sum_c p_c log p_c;  dH_i/dz_c = -p_c (log p_c + H_i)
//   H = mean of H_i over the pixels with max_c p_c < confidence_threshold (all of them where it is 1)
#pragma once

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

struct EntropyOptions {
  double confidence_threshold = 1;
  void visit(auto&& f) {
    f("confidence_threshold", confidence_threshold, "pixels at least as sure as this do not count; 1: all do",
      between(0, 1));
  }
};

/// H_i of logits (P,C): (P), finite for one-hot predictions too. Throws ShapeError.
Tensor pixel_entropy(const Tensor& logits);
/// H; 0 with gradient 0 where no pixel counts.
Tensor prediction_entropy(const Tensor& logits, const EntropyOptions& options = {});

}  // namespace gradus
