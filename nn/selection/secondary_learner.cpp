#include "nn/selection/secondary_learner.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"

namespace gradus {

SecondaryOutput secondary_forward(const SecondaryWeights& w, const IntTensor& contexts,
                                  const Tensor& dropout_mask) {
  if (contexts.rank() != 2 || contexts.dim(1) < 1)
    fail<ShapeError>("secondary learner: contexts {}: needs (B,L)", contexts.shape().str());
  const int64 length = contexts.dim(1), filters = w.conv_weight.dim(0), dim = w.conv_weight.dim(1);
  if (w.conv_weight.rank() != 3 || w.conv_weight.dim(2) != 3 || w.embedding.dim(1) != dim)
    fail<ShapeError>("secondary learner: kernel {} for an embedding {}: needs (C,D,3)",
                     w.conv_weight.shape().str(), w.embedding.shape().str());
  const Tensor x = pad(embedding(w.embedding, contexts), {0, 1, 0}, {0, 1, 0});  // (B,L+2,D)
  SecondaryOutput out;
  for (int64 j = 0; j < 3; ++j) {
    const Tensor tap = reshape(slice(w.conv_weight, 2, j, j + 1), {filters, dim});
    const Tensor part = linear(slice(x, 1, j, j + length), tap, j == 0 ? w.conv_bias : Tensor());
    out.convolved = j == 0 ? part : out.convolved + part;
  }
  out.pooled = max(out.convolved, {1});
  Tensor z = linear(out.pooled, w.fc1_weight, w.fc1_bias);
  if (dropout_mask) z = z * dropout_mask;
  z = linear(linear(z, w.fc2_weight, w.fc2_bias), w.fc3_weight, w.fc3_bias);  // (B,1)
  out.q = reshape(z, {contexts.dim(0)});
  return out;
}

SecondaryLearner::SecondaryLearner(int64 vocabulary, const SecondaryOptions& o) : o_(o) {
  const auto matrix = [&](const char* name, int64 out, int64 in) {
    return parameter(name, ParamKind::kWeight, {out, in}, init::torch_weight());
  };
  const auto vector = [&](const char* name, int64 size, int64 fan_in) {
    return parameter(name, ParamKind::kBias, {size}, init::torch_bias(fan_in));
  };
  embedding_ = parameter("embedding", ParamKind::kEmbedding, {vocabulary, o.dim}, init::normal(1));
  conv_weight_ = parameter("conv_weight", ParamKind::kWeight, {o.filters, o.dim, 3}, init::torch_weight());
  conv_bias_ = vector("conv_bias", o.filters, 3 * o.dim);
  fc1_weight_ = matrix("fc1_weight", o.hidden, o.filters);
  fc1_bias_ = vector("fc1_bias", o.hidden, o.filters);
  fc2_weight_ = matrix("fc2_weight", o.hidden, o.hidden);
  fc2_bias_ = vector("fc2_bias", o.hidden, o.hidden);
  fc3_weight_ = matrix("fc3_weight", 1, o.hidden);
  fc3_bias_ = vector("fc3_bias", 1, o.hidden);
}

SecondaryOutput SecondaryLearner::output(const IntTensor& contexts) {
  Tensor mask;
  if (training() && o_.dropout > 0)
    mask = run().rng.bernoulli_tensor({contexts.dim(0), o_.hidden}, 1 - o_.dropout) /
           static_cast<real>(1 - o_.dropout);
  return secondary_forward({embedding_, conv_weight_, conv_bias_, fc1_weight_, fc1_bias_, fc2_weight_,
                            fc2_bias_, fc3_weight_, fc3_bias_},
                           contexts, mask);
}

}  // namespace gradus
