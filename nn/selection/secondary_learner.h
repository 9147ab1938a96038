// A small network that predicts from the raw tokens how much a step on a context would help a language model.
//
// Paper: Antonello, Beckage, Turek, Huth, "Selecting Informative Contexts Improves Language Model Finetuning", ACL-IJCNLP 2021,
//        arXiv 2005.00175.
//   x = embedding[context];  y = convolution over time of width 3, zeros around;  pooled = max over time of y
//   z = (fc1 pooled)*dropout;  z = fc2 z;  q = fc3 z           linear layers with biases, nothing between them
#pragma once

#include "nn/module.h"

namespace gradus {

/// V tokens, D dimensions of an embedding, C filters, H hidden numbers.
struct SecondaryWeights {
  Tensor embedding;               ///< (V,D)
  Tensor conv_weight, conv_bias;  ///< (C,D,3), (C)
  Tensor fc1_weight, fc1_bias;    ///< (H,C), (H)
  Tensor fc2_weight, fc2_bias;    ///< (H,H), (H)
  Tensor fc3_weight, fc3_bias;    ///< (1,H), (1)
};
struct SecondaryOutput {
  Tensor convolved;  ///< (B,L,C)
  Tensor pooled;     ///< (B,C)
  Tensor q;          ///< (B)
};
/// contexts (B,L); dropout_mask (B,H): 0 or 1/(1-p), undefined in evaluation. Differentiable in the weights.
SecondaryOutput secondary_forward(const SecondaryWeights& weights, const IntTensor& contexts,
                                  const Tensor& dropout_mask = {});

struct SecondaryOptions {
  int64 dim = 128, filters = 256, hidden = 32;
  double dropout = 0.1;
};

/// Ids (B,L) -> q (B). First values as torch's layers; the embedding may be copied from a language model's.
class SecondaryLearner : public Module {
 public:
  SecondaryLearner(int64 vocabulary, const SecondaryOptions& options = {});
  Tensor forward(const Input& contexts) override { return output(contexts.ids()).q; }
  SecondaryOutput output(const IntTensor& contexts);
  std::string describe() const override { return "SecondaryLearner"; }

 private:
  SecondaryOptions o_;
  ParamSlot embedding_, conv_weight_, conv_bias_, fc1_weight_, fc1_bias_, fc2_weight_, fc2_bias_, fc3_weight_,
      fc3_bias_;
};

}  // namespace gradus
